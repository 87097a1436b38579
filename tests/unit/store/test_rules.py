from __future__ import annotations

import pytest

from gatepost.errors import InvalidValueError
from gatepost.model import CHUNK, CredentialKind, derived_uidl, make_id
from gatepost.store import rules
from gatepost.store.commands import CreateDomain, StageChunk, TouchCredentials


def test_inbox_is_one_name_in_any_case():
    assert rules.mailbox_name("inBox") == "INBOX"
    assert rules.mailbox_name("Inbox/x") == "Inbox/x"


@pytest.mark.parametrize("name", ["", "/", "/a", "a/"])
def test_names_that_are_none(name):
    with pytest.raises(InvalidValueError):
        rules.mailbox_name(name)


def test_the_domain_follows_the_last_at():
    assert rules.domain_of('"a@b"@c.org') == "c.org"
    assert rules.domain_of("@c.org") == "c.org"
    assert rules.login_domain("a@c.org") == "c.org"


@pytest.mark.parametrize("address", ["a", "a@", ""])
def test_what_is_no_address(address):
    with pytest.raises(InvalidValueError):
        rules.domain_of(address)


def test_nobody_is_a_catch_all():
    with pytest.raises(InvalidValueError):
        rules.login_domain("@c.org")


def test_kinds_of_credentials():
    assert rules.credential_kind("app") is CredentialKind.APP
    with pytest.raises(InvalidValueError):
        rules.credential_kind("x")


def test_parts_of_bodies_have_limits():
    rules.check_chunk(StageChunk(1, 0, b"x" * CHUNK))
    for bad in (StageChunk(1, 0, b"x" * (CHUNK + 1)), StageChunk(1, -1, b""), StageChunk(1, rules.MOST_CHUNKS, b"")):
        with pytest.raises(InvalidValueError):
            rules.check_chunk(bad)


def test_usable_uidls():
    assert rules.usable_uidl("!~" * 35)
    for bad in ("", "x" * 71, "a b", "a\x7f", "é"):
        assert not rules.usable_uidl(bad)


def test_the_uid_behind_a_derived_uidl():
    assert rules.derived_uid(derived_uidl(9, 70), 9) == 70
    assert rules.derived_uid(derived_uidl(8, 70), 9) == 0
    assert rules.derived_uid("0000000900000046x", 9) == 0
    assert rules.derived_uid("000000090000004G", 9) == 0


def test_uidvalidity_rises_even_when_the_clock_does_not():
    assert rules.next_uidvalidity(100, 5) == 100
    assert rules.next_uidvalidity(3, 5) == 6


def test_thread_keys_are_few_distinct_and_own_first():
    keys = rules.thread_keys("<a>", ["<c>", "<b>", "<a>", ""])
    assert keys == [*rules.thread_keys("<a>", []), *rules.thread_keys("<b>", []), *rules.thread_keys("<c>", [])]
    assert all(0 <= key < 1 << 63 for key in keys)
    assert len(rules.thread_keys("", [str(n) for n in range(1000)])) == rules.MOST_REFERENCES


def test_what_moves_the_generation():
    assert rules.moves_generation(CreateDomain("x"))
    assert not rules.moves_generation(TouchCredentials(()))


def test_ids_rise_whatever_the_clock_does():
    now = [1_700_000_000.0]
    ids = rules.Ids(lambda: now[0], lambda bits: (1 << bits) - 1)
    first = ids.make()
    assert first == make_id(1_700_000_000_000, (1 << 22) - 1)
    now[0] -= 100
    assert ids.make() == first + 1
    now[0] += 1000
    assert ids.make() > first + 1
    assert rules.Ids(lambda: 0, lambda _: 0, last=1 << 62).make() == (1 << 62) + 1
