import pytest

from gatepost.net.doors import Door, door
from gatepost.ports import TlsMode

HELLO = b"\x16\x03\x01"


@pytest.mark.parametrize(
    ("first", "mode", "expected"),
    [
        (HELLO, TlsMode.IMPLICIT, Door.TLS),
        (b"USER", TlsMode.IMPLICIT, Door.WRONG),
        (b"", TlsMode.IMPLICIT, Door.WRONG),
        (HELLO, TlsMode.STARTTLS, Door.TLS),
        (b"CAPA", TlsMode.STARTTLS, Door.PLAIN),
        (b"", TlsMode.STARTTLS, Door.PLAIN),
        (HELLO, TlsMode.OPPORTUNISTIC, Door.TLS),
        (b"EHLO", TlsMode.OPPORTUNISTIC, Door.PLAIN),
        (HELLO, TlsMode.NONE, Door.PLAIN),
    ],
)
def test_door(first: bytes, mode: TlsMode, expected: Door) -> None:
    assert door(first, mode) is expected
