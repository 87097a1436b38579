from __future__ import annotations

import mmap

import pytest

from gatepost.mime.wire import ToLf, canonical, line_ends, missing_end, pieces, to_wire
from gatepost.model import CHUNK


@pytest.mark.parametrize(
    ("data", "wire", "ends"),
    [
        (b"", b"", "crlf"),
        (b"no line end", b"no line end", "crlf"),
        (b"a\r\nb\r\n", b"a\r\nb\r\n", "crlf"),
        (b"a\nb\n", b"a\r\nb\r\n", "lf"),
        (b"a\nb", b"a\r\nb", "lf"),
        (b"a\r\nb\n", b"a\r\nb\r\n", "mixed"),
        (b"a\rb", b"a\r\nb", "mixed"),
        (b"a\r\r\nb", b"a\r\n\r\nb", "mixed"),
        (b"a\n\rb", b"a\r\n\r\nb", "mixed"),
        (b"a\r", b"a\r\n", "mixed"),
    ],
)
def test_canonical(data: bytes, wire: bytes, ends: str) -> None:
    assert canonical(data) == (wire, ends)


@pytest.mark.parametrize("data", [b"a\r\nb\r\n", b"\r\n\r", b"a\rb\nc\r\n\r\n", b"\n\n", b"\r\r\n\n"])
def test_slices_may_cut_anywhere(data: bytes) -> None:
    whole = canonical(data)[0]
    for cut in range(len(data) + 1):
        assert b"".join(to_wire((data[:cut], b"", data[cut:]))) == whole
    assert b"".join(to_wire(bytes((octet,)) for octet in data)) == whole


def test_lf_is_given_back_over_any_slices() -> None:
    data = b"a\n\nb\nc"
    wire, ends = canonical(data)
    assert ends == "lf"
    for cut in range(len(wire) + 1):
        turn = ToLf()
        assert turn.feed(wire[:cut]) + turn.feed(b"") + turn.feed(wire[cut:]) == data


def test_a_pair_cut_by_a_chunk_is_one_line_end() -> None:
    data = b"x" * (CHUNK - 1) + b"\r\n" + b"y"
    assert line_ends(data) == "crlf"
    assert canonical(data)[0] is data
    assert line_ends(b"x" * (CHUNK - 1) + b"\r" + b"y\n") == "mixed"
    assert [len(piece) for piece in pieces(data)] == [CHUNK, 2]


def test_a_mapped_file_is_read_as_octets_are(tmp_path) -> None:
    path = tmp_path / "m"
    path.write_bytes(b"a\nb\n")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        assert line_ends(data) == "lf"
        assert b"".join(to_wire(pieces(data))) == b"a\r\nb\r\n"


@pytest.mark.parametrize(("tail", "missing"), [(b"", 0), (b"\r\n", 0), (b"a\n", 2), (b"a\r", 2), (b"ab", 2), (b"a", 2)])
def test_what_a_last_line_lacks(tail: bytes, missing: int) -> None:
    assert missing_end(tail) == missing
