from __future__ import annotations

import msgspec
import pytest

from gatepost.mime.addresses import Address
from gatepost.mime.structure import Envelope, Parsed, Part, leaves, pack, unpack

TEXT = Part(0, 10, 20, 1, b"text", b"plain")


def test_what_is_packed_is_unpacked() -> None:
    envelope = Envelope(b"date", from_=(Address(b"N", None, b"m", b"h"),), message_id=b"<a@b>")
    inner = Part(30, 40, 50, 2, b"text", b"html", params=((b"charset", b"utf-8"),))
    body = Part(0, 9, 60, 0, b"message", b"rfc822", envelope=envelope, parts=(inner,))
    parsed = Parsed(envelope, body, "pré", "<a@b>", ("<c@d>",))
    assert unpack(pack(parsed)) == parsed
    with pytest.raises(msgspec.DecodeError):
        unpack(b"\xc1")


def test_size_is_that_of_the_body() -> None:
    assert TEXT.size == 10


def test_leaves_come_in_order_and_leave_embedded_messages_closed() -> None:
    a, b = TEXT, Part(1, 2, 3, 0, b"text", b"html")
    embedded = Part(0, 1, 2, 0, b"message", b"rfc822", envelope=Envelope(), parts=(a,))
    inner = Part(0, 1, 2, 0, b"multipart", b"alternative", parts=(a, b))
    whole = Part(0, 1, 2, 0, b"multipart", b"mixed", parts=(inner, embedded))
    assert list(leaves(whole)) == [a, b, embedded]
