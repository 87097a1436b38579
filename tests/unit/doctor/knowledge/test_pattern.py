"""Patterns fit where a person would say so, and never take long."""

import pytest

from gatepost.doctor.knowledge import load
from gatepost.doctor.knowledge.pattern import GAP_LIMIT, Pattern, pattern
from gatepost.doctor.knowledge.plain import normalised


@pytest.mark.parametrize(
    ("written", "text", "fits"),
    [
        ("relay denied", "554 Relay  DENIED.", True),
        ("relay denied", "prelay denied", False),
        ("relay denied", "relay deniedly", False),
        ("relay denied", "prelay denied and relay denied", True),
        ("server %S timed out", "server mail.x timed out", True),
        ("server %1$S timed out", "server %1$S timed out", True),
        ("server ... timed out", "timed out, server", False),
        ("server … timed out", "server x timed out", True),
        ("server ... timed out", f"server {'x' * (GAP_LIMIT + 1)} timed out", False),
        ("server ... timed out", f"server {'x' * GAP_LIMIT} and server y timed out", True),
        ("it\u2019s \u201chere\u201d", "it's here", True),
        ("it's here", "It`s \u201ehere\u201c", True),
        ("a-b c", "a\u2011b c", True),
        ("220 ****", "220 *********", True),
        ("* bye", "* bye", True),
        ("could not log in", "unable to login", True),
        ("wrong password", "invalid password", True),
        ("ssl handshake failed", "TLS handshake failed", True),
    ],
)
def test_they_fit(written, text, fits):
    assert pattern(written).found_in(normalised(text)) is fits


def test_pieces_without_letters_are_left_out():
    assert pattern("... server %S.").pieces == ("server",)
    assert not Pattern(()).found_in("server")


def test_one_shows_itself_with_its_gaps():
    assert str(pattern("server %S timed out")) == "server ... timed out"
    assert pattern("server %S timed out").length == len("servertimed out")


def test_no_row_has_a_pattern_that_fits_nearly_everything():
    keys = ("patterns", "says", "also", "logged", "general")
    short = [
        (row.id, text)
        for row in load().rows()
        for key in keys
        for text in getattr(row, key)
        if pattern(text).length < 5
    ]
    assert short == [("T8", ": eof")] or short == []
