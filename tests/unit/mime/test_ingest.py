from __future__ import annotations

import pytest

from gatepost.mime import downgrade
from gatepost.mime.downgrade import surrogate
from gatepost.mime.headers import header_end
from gatepost.mime.ingest import REFERENCES, ingest, parse, undescribed
from gatepost.mime.structure import unpack

PLAIN = b"From: a@x\r\nMessage-ID: junk <m@x> more\r\nReferences: <a@x> <b@x> <a@x>\r\n\r\nHello there\r\n"


def test_ingest_tells_what_the_store_keeps() -> None:
    known = ingest(PLAIN)
    assert known.header_octets == header_end(PLAIN)
    assert (known.message_id, known.references) == ("<m@x>", ("<a@x>", "<b@x>"))
    assert (known.preview, known.ascii_size) == ("Hello there", 0)
    assert unpack(known.structure) == parse(PLAIN)


def test_a_header_with_eight_bit_has_a_surrogate_size() -> None:
    data = "Subject: Grüße\r\n\r\nbody".encode()
    head = data[: header_end(data)]
    assert ingest(data).ascii_size == len(data) - len(head) + len(surrogate(head)) + len("\r\n")
    assert ingest(data + b"\r\n").ascii_size == ingest(data).ascii_size
    assert ingest("Subject: Grüße".encode()).ascii_size == len(b"Subject: =?utf-8?B?R3LDvMOfZQ==?=\r\n")
    assert ingest(b"Subject: a\r\n" + "ü".encode() * 3).ascii_size == len(b"Subject: a\r\n")


def test_an_enormous_header_has_no_surrogate(monkeypatch) -> None:
    monkeypatch.setattr(downgrade, "HEADER_OCTETS", 10)
    assert ingest("Subject: Grüße\r\n\r\nbody".encode()).ascii_size == 0


@pytest.mark.parametrize(
    ("fields", "references"),
    [
        (b"In-Reply-To: <p@x>\r\n", ("<p@x>",)),
        (b"In-Reply-To: your message of Monday\r\n", ()),
        (b"References: <a b@x> <\xfc@x> <>\r\n", ()),
        (b"References: <" + b"x" * 600 + b">\r\n", ()),
        (b"", ()),
    ],
)
def test_references(fields: bytes, references: tuple[str, ...]) -> None:
    assert parse(fields + b"\r\n").references == references


def test_only_the_last_references_are_kept() -> None:
    value = b" ".join(b"<%d@x>" % n for n in range(1000))
    references = parse(b"References: " + value + b"\r\n\r\n").references
    assert len(references) == REFERENCES
    assert references[-1] == "<999@x>"


def alternative(*parts: bytes) -> bytes:
    return b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"".join(
        b"--b\r\n" + part + b"\r\n" for part in parts
    )


HTML = b"Content-Type: text/html\r\n\r\n<p>html"
TEXT = b"Content-Type: text/plain\r\n\r\ntext"
FILE = b"Content-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\nfile"
EMPTY = b"Content-Type: text/plain\r\n\r\n"
IMAGE = b"Content-Type: image/png\r\n\r\nxx"
CALENDAR = b"Content-Type: text/calendar\r\n\r\nxx"


@pytest.mark.parametrize(
    ("data", "preview"),
    [
        (alternative(HTML, TEXT), "text"),
        (alternative(HTML, HTML.replace(b"html", b"no")), "html"),
        (alternative(FILE, EMPTY, CALENDAR, HTML), "html"),
        (alternative(IMAGE), ""),
        (b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\ninner", ""),
    ],
)
def test_the_preview_is_of_the_first_readable_part(data: bytes, preview: str) -> None:
    assert parse(data).preview == preview


def test_any_octets_can_be_kept_without_a_description() -> None:
    kept = undescribed(b"Subject: a\r\n\r\nbody")
    part = unpack(kept.structure).body
    assert (kept.header_octets, part.header, part.body, part.end) == (14, 0, 14, 18)
    assert (part.type, part.subtype, part.lines) == (b"application", b"octet-stream", 0)
