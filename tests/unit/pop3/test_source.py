import pytest

from dialogs.house import House, play
from gatepost.mime import downgrade
from gatepost.model import CHUNK
from gatepost.pop3 import texts
from gatepost.pop3.replies import RefusedError
from gatepost.pop3.source import Source

LARGE = b"Subject: \xc3\xbc\r\nX: " + b"a" * 70_000 + b"\r\n\r\n"


def read(body, *, surrogate, times=1, patience=None):
    """What comes of each of `times` readings, in pieces; and how often others had their turn, numbers of the chunks."""
    found, numbers = [], []

    async def story(house):
        session, flow = await house.log_in()
        flow.patience = patience
        blob_id = session._stage._drop.blobs[0]
        chunk = house.store.chunk

        async def counted(blob_id, number):
            numbers.append(number)
            return await chunk(blob_id, number)

        house.store.chunk = counted
        del flow.flushed[:]
        for _ in range(times):
            source = Source(session._talk, blob_id, surrogate=surrogate)
            pieces = []
            while piece := await source.read():
                pieces.append(piece)
            found.append(pieces)
        return len(flow.flushed)

    flushed = []

    async def kept(house):
        flushed.append(await story(house))

    play(kept, House([body]))
    return found, flushed[0], numbers


def test_pieces_come_as_they_are():
    body = b"Subject: x\r\n\r\n" + b"y" * CHUNK
    (pieces,), flushed, numbers = read(body, surrogate=False)
    assert b"".join(pieces) == body
    assert (len(pieces), flushed, numbers) == (2, 0, [0, 1])


def test_the_header_is_converted_and_the_body_is_not():
    body = LARGE + b"\xc3\xbc" * CHUNK
    (first, second), _, _ = read(body, surrogate=True, times=2)
    assert b"".join(first) == b"".join(second) == downgrade.surrogate(LARGE) + b"\xc3\xbc" * CHUNK


def test_the_second_time_reading_begins_where_the_header_ends():
    padding = b"X: " + b"a" * 60_000 + b"\r\n"
    header = b"Subject: \xc3\xbc\r\n" + padding * (CHUNK // len(padding) + 1) + b"\r\n"
    (first, second), _, numbers = read(header + b"end\r\n", surrogate=True, times=2)
    assert b"".join(first) == b"".join(second)
    assert numbers == [0, 1, 1]


def test_a_header_without_an_end_is_all_header():
    body = b"Subject: \xc3\xbc\r\n"
    (pieces,), _, _ = read(body, surrogate=True)
    assert b"".join(pieces) == downgrade.surrogate(body)


def test_others_have_their_turn_between_fields():
    _, flushed, _ = read(b"Subject: \xc3\xbc\r\n" * 100 + b"\r\n", surrogate=True, patience=10)
    assert flushed == 10


def test_a_header_beyond_all_bounds(monkeypatch):
    monkeypatch.setattr(downgrade, "HEADER_OCTETS", CHUNK)
    with pytest.raises(RefusedError) as refused:
        read(b"Subject: \xc3\xbc\r\nX: " + b"a" * CHUNK * 3, surrogate=True)
    assert refused.value.text is texts.NEEDS_UTF8
