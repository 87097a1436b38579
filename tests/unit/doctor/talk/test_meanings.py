"""The tables that explain codes: found by what servers really send, and short enough to stand beside a line."""

import re

import pytest

from gatepost.doctor.talk import meanings
from gatepost.doctor.talk.explain import capability

CODES = {
    "pop3": (meanings.POP3_CODES, r"[A-Z0-9-]+(/[A-Z]+)?"),
    "imap": (meanings.IMAP_CODES, r"[A-Z-]+"),
    "smtp": (meanings.SMTP_REPLIES, r"[2-5][0-9]{2}"),
    "enhanced": (meanings.ENHANCED, r"[0-9]\.[0-9]{1,3}"),
    "classes": (meanings.CLASSES, r"[245]"),
    "mechanisms": (meanings.MECHANISMS, r"[A-Z0-9-]+"),
}


@pytest.mark.parametrize(("table", "form"), CODES.values(), ids=CODES)
def test_codes_have_the_form_in_which_they_are_looked_up(table, form):
    assert [code for code in table if not re.fullmatch(form, code)] == []


@pytest.mark.parametrize("protocol", meanings.CAPABILITIES)
def test_every_capability_is_found_however_it_is_written(protocol):
    for name, meaning in meanings.CAPABILITIES[protocol].items():
        assert capability(protocol, name.lower()) == meaning, name


@pytest.mark.parametrize("table", [*(table for table, _ in CODES.values()), *meanings.CAPABILITIES.values()])
def test_meanings_are_a_few_words_beside_a_line(table):
    for code, meaning in table.items():
        assert 0 < len(meaning) <= 80, code
        assert meaning.isprintable(), code
        assert not meaning.endswith("."), code


def test_every_protocol_has_capabilities():
    assert set(meanings.CAPABILITIES) == {"pop3", "imap", "smtp"}
