from __future__ import annotations

import re
from pathlib import Path

import pytest

import gatepost
from gatepost.hostname import a_label, ascii_host, ascii_label, u_label

SPELLINGS = [
    ("straße.de", "xn--strae-oqa.de"),
    ("Bücher.example", "xn--bcher-kva.example"),
    ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
    ("_pop3s._tcp.bücher.example", "_pop3s._tcp.xn--bcher-kva.example"),
    ("Mail.Example.", "Mail.Example."),
    ("bücher.example.", "xn--bcher-kva.example."),
    ("192.0.2.1", "192.0.2.1"),
    ("2001:db8::1", "2001:db8::1"),
    ("*.bücher.example", "*.xn--bcher-kva.example"),
    ("", ""),
]


@pytest.mark.parametrize(("name", "expected"), SPELLINGS)
def test_names(name: str, expected: str) -> None:
    assert ascii_host(name) == expected


@pytest.mark.parametrize("name", ["☃.example", "-ü.example", "ü" * 60 + ".example", "\u200dü.example", "ü..example"])
def test_what_no_name_can_hold(name: str) -> None:
    with pytest.raises(UnicodeError):
        ascii_host(name)


def test_labels() -> None:
    assert ascii_label("MÜLLER") == a_label("müller") == "xn--mller-kva"
    assert a_label("abc") == ascii_label("abc") == "abc"
    assert u_label("xn--mller-kva") == "müller"
    for wrong in ("xn--a", "xn--999999999", "abc", "xn--mller-kVa"):
        with pytest.raises(UnicodeError):
            u_label(wrong)
    with pytest.raises(UnicodeError):
        a_label("Müller")


def test_nothing_else_knows_idna() -> None:
    """Neither Python's codec by name, nor the package beside this module."""
    source = Path(gatepost.__file__).parent
    knowing = re.compile(
        r"""["'](idna|punycode)["']|^\s*(import|from) (idna|encodings.idna|encodings.punycode)""", re.MULTILINE
    )
    found = {path.name for path in source.rglob("*.py") if knowing.search(path.read_text("utf-8"))}
    assert found == {"hostname.py"}
