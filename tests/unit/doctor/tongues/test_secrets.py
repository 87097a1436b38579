"""No form of a password gets through."""

from __future__ import annotations

import base64
import html
import json
import time
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.doctor.tongues.secrets import Redactor

SECRET = 'Zq7"x\\wörd~Y'
SPACED = 'Ärger & <Mühe> "O\'Ö" ÉÈ'


def test_without_a_password_everything_passes() -> None:
    assert Redactor().clean(b"anything") == b"anything"


@pytest.mark.parametrize(
    "form",
    [
        SECRET.encode(),
        SECRET.encode("latin-1"),
        SECRET.upper().encode(),
        SECRET.replace("\\", "\\\\").replace('"', '\\"').encode(),
        quote(SECRET, safe="").encode(),
        SECRET.encode().hex().encode(),
        base64.b64encode(SECRET.encode()),
        base64.b64encode(b"\0alice@example.com\0" + SECRET.encode()),
        base64.b64encode(b"admin\0alice\0" + SECRET.encode()),
        base64.b64encode(b"x" + SECRET.encode() + b"and more"),
    ],
)
def test_known_forms_are_taken_out(form: bytes) -> None:
    cleaned = Redactor(SECRET).clean(b"-ERR you said " + form + b", no\r\n")
    assert b"[secret]" in cleaned
    assert cleaned.startswith(b"-ERR you said ")
    for whole in (SECRET.encode(), base64.b64encode(SECRET.encode())):
        assert whole[:8] not in cleaned


@pytest.mark.parametrize(
    "form",
    [
        html.escape(SPACED).encode(),
        html.escape(SPACED, quote=False).encode(),
        json.dumps(SPACED)[1:-1].encode(),
        json.dumps(SPACED)[1:-1].upper().encode(),
        json.dumps(SPACED, ensure_ascii=False)[1:-1].encode(),
        quote_plus(SPACED).encode(),
        SPACED.encode("utf-16-le"),
        SPACED.encode("utf-16-be"),
        SPACED.lower().encode(),
        SPACED[::-1].encode(),
    ],
)
def test_what_programs_make_of_words_is_taken_out(form: bytes) -> None:
    assert Redactor(SPACED).clean(b"-ERR <" + form + b"> no\r\n") == b"-ERR <[secret]> no\r\n"
    assert Redactor(SPACED).clean(b"-ERR <" + form[:-2]) == b"-ERR <[secret]"


def test_a_long_password_and_many_words_take_little_time() -> None:
    redactor = Redactor("ab" * 2000)
    began = time.process_time()
    for _ in range(10):
        redactor.clean(b"ab" * 1999 + b"c" * 65_536 + b"ab" * 1999)
    assert time.process_time() - began < 1.0


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=8, max_size=30),
    st.binary(max_size=9),
    st.binary(max_size=9),
)
def test_no_base64_of_anything_around_it_gives_it_away(password: str, before: bytes, after: bytes) -> None:
    secret = password.encode()
    cleaned = Redactor(password).clean(base64.b64encode(before + secret + after))
    pieces = cleaned.split(b"[secret]")
    assert len(pieces) == 2
    # What is left in one piece beside the mask decodes to nothing that holds the secret.
    assert all(len(piece) <= len(base64.b64encode(before + after)) + 4 for piece in pieces)


def test_a_form_that_the_end_cuts_off_goes_too() -> None:
    redactor = Redactor("correct horse battery")
    assert redactor.clean(b"-ERR correct horse bat") == b"-ERR [secret]"
    assert redactor.clean(b"-ERR corr") == b"-ERR [secret]"
    assert redactor.clean(b"-ERR cor") == b"-ERR cor"


def test_a_password_that_no_encoding_takes_is_no_error() -> None:
    assert Redactor("ключ\udcff").clean("ключ".encode()) == b"[secret]"
    assert Redactor("x").clean(b"axe") == b"a[secret]e"


def test_a_redactor_shows_nothing() -> None:
    assert SECRET not in repr(Redactor(SECRET))
