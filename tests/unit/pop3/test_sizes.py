"""LIST, STAT and RETR tell the same number, to the octet, whatever a message's last line looks like (RFC 1939 §5)."""

from __future__ import annotations

import re

import pytest

from dialogs.house import LOGIN, PASSWORD, House, play
from gatepost.model import CHUNK
from gatepost.pop3.framing import Unstuffer

HEADS = {
    "plain": b"Subject: a\r\n",
    "utf-8": "Subject: Grüße\r\nTo: Bär <a@b>\r\n".encode(),
    "koi8-r": b"Subject: \xf0\xd2\xc9\r\n",
    "taken out": "ü: é\r\n".encode(),
}
ENDS = {
    "header only": b"",
    "header without end": b"X-Last: a",
    "8-bit header without end": "Subject: ü".encode(),
    "raw header without end": b"Subject: \xfc",
    "empty body": b"\r\n",
    "one line": b"\r\nend\r\n",
    "no end": b"\r\nend",
    "one octet": b"\r\nx",
    "blank lines": b"\r\nend\r\n\r\n\r\n",
    "a dot": b"\r\nend\r\n.",
    "dots": b"\r\n.\r\n..\r\n.end",
    "last chunk of one octet": b"\r\n" + b"x" * CHUNK,
    "a chunk and no end": b"\r\n" + b"y" * (CHUNK + 100),
}
MAIL = [head + end for head in HEADS.values() for end in ENDS.values()]
MAIL += [b"A: b\r\n\r\n" + b"x" * (CHUNK - 8 + more) + end for more in (-2, -1, 0, 1) for end in (b"", b"\r\n")]
MAIL += [b"", b"x", b"\r\n"]


async def ask(house: House, connection, command: str) -> tuple[bytes, bytes]:
    """The status line, and the octets behind it as a client has them in the end."""
    answer = await house.say(connection, command.encode() + b"\r\n")
    status, _, rest = answer.partition(b"\r\n")
    body, behind = Unstuffer().feed(rest) if rest else (b"", b"")
    assert behind == b""
    return status, body


@pytest.mark.parametrize("utf8", [False, True])
def test_all_commands_agree_to_the_octet(utf8: bool) -> None:
    async def story(house: House) -> None:
        connection = await house.connect()
        await house.say(connection, b"UTF8\r\n" if utf8 else b"CAPA\r\n")
        await house.say(connection, f"USER {LOGIN}\r\nPASS {PASSWORD}\r\n".encode())
        total = 0
        _, listing = await ask(house, connection, "LIST")
        sizes = [int(line.split()[1]) for line in listing.splitlines()]
        assert len(sizes) == len(MAIL)
        for number, size in enumerate(sizes, 1):
            status, body = await ask(house, connection, f"RETR {number}")
            assert len(body) == size, MAIL[number - 1][:60]
            assert int(re.findall(rb"\d+", status)[0]) == size
            assert (await ask(house, connection, f"LIST {number}"))[0] == b"+OK %d %d" % (number, size)
            assert (await ask(house, connection, f"TOP {number} 9999999"))[1] == body
            total += size
        assert (await ask(house, connection, "STAT"))[0] == b"+OK %d %d" % (len(MAIL), total)

    play(story, House(MAIL))
