"""One text, in every form in which an editor may save it."""

import codecs

import pytest

from gatepost import bom

TEXT = 'größe = "5"\r\n'
FORMS = {
    "plain": TEXT.encode(),
    "utf-8": codecs.BOM_UTF8 + TEXT.encode(),
    "utf-16-le": codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
    "utf-16-be": codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
}


@pytest.mark.parametrize("octets", FORMS.values(), ids=FORMS)
def test_every_form_is_read(octets):
    assert bom.text(octets) == TEXT
    assert bom.document(octets) == 'größe = "5"\n'
    assert bom.first_line(octets) == 'größe = "5"'
    # What `readline` gives of UTF-16 ends in the middle of a character.
    assert bom.first_line(octets[: octets.index(b"\n") + 1]) == 'größe = "5"'


def test_line_ends_of_old_macs():
    assert bom.document(b"a\rb\r") == "a\nb\n"


def test_a_mark_before_other_octets_makes_them_no_utf_16():
    with pytest.raises(UnicodeDecodeError):
        bom.text(b"\xff\xfe")
    with pytest.raises(UnicodeDecodeError):
        bom.text(b"\xff\xfeno wide text\0")
    assert "no wide text" in bom.text(b"\xff\xfeno wide text\0", "replace")


def test_files_of_octets():
    assert bom.length(FORMS["utf-8"]) == 3
    assert bom.length(b"From: a\n") == 0
    assert bom.in_utf_8(FORMS["plain"]) == FORMS["plain"]
    assert bom.in_utf_8(FORMS["utf-8"]) == FORMS["utf-8"]
    assert bom.in_utf_8(FORMS["utf-16-le"]) == FORMS["plain"]
    assert bom.in_utf_8(FORMS["utf-16-be"] + b"\0") == FORMS["plain"] + b"\xef\xbf\xbd"
