"""Properties of every message, well made or not."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.mime.downgrade import ascii_size, surrogate
from gatepost.mime.headers import header_end
from gatepost.mime.ingest import ingest, parse
from gatepost.mime.structure import Part, pack, unpack
from gatepost.mime.wire import ToLf, canonical, line_ends, missing_end, pieces, to_wire

FRAGMENTS = [
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b"--b",
    b"--b--",
    b"--bb",
    b"Content-Type: multipart/mixed; boundary=b\r\n",
    b"Content-Type: multipart/digest; boundary=bb\r\n",
    b"Content-Type: message/rfc822\r\n",
    b"From: ",
    b"To: a@x, b@y",
    b"Subject: =?utf-8?Q?",
    b"?=",
    b"Message-ID: <a@b>\r\n",
    b"References: <",
    b'"',
    b"(",
    b"<",
    b">",
    b":",
    b";",
    b"\\",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Disposition: attachment; filename*0=",
    "ü".encode(),
    b"\xff",
    b" ",
]
MESSAGES = st.one_of(
    st.binary(max_size=300),
    st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=5), max_size=60).map(b"".join),
)


def check(part: Part, start: int, end: int) -> None:
    assert start <= part.header <= part.body <= part.end <= end
    at = part.body
    for child in part.parts:
        check(child, at, part.end)
        at = child.end


@settings(max_examples=300)
@given(MESSAGES)
def test_any_octets_are_described_and_offsets_nest(data: bytes) -> None:
    parsed = parse(data)
    assert unpack(pack(parsed)) == parsed
    check(parsed.body, 0, len(data))
    assert parsed.body.body == header_end(data)
    assert ingest(data).structure == pack(parsed)
    assert len(parsed.preview) <= 200
    assert parsed.preview.isprintable()


@settings(max_examples=300)
@given(MESSAGES)
def test_a_surrogate_is_ascii_and_its_own_surrogate(data: bytes) -> None:
    header = data[: header_end(data)]
    result = surrogate(header)
    assert surrogate(result) == result
    assert result.isascii() or not _is_utf_8(header)
    whole = result + data[len(header) :]
    expected = 0 if result == header else len(whole) + missing_end(whole[-2:])
    assert ascii_size(header, len(data), ended=not missing_end(data[-2:])) == expected


def _is_utf_8(octets: bytes) -> bool:
    return "\ufffd" not in octets.replace("\ufffd".encode(), b"").decode("utf-8", "replace")


@given(st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n"]), max_size=30).map(b"".join), st.integers(1, 5))
def test_the_wire_form_turns_back_as_line_ends_say(data: bytes, step: int) -> None:
    wire, ends = canonical(data)
    cut = [data[at : at + step] for at in range(0, len(data), step)]
    assert b"".join(to_wire(cut)) == b"".join(to_wire(pieces(data)))
    assert line_ends(wire) == "crlf"
    if ends == "crlf":
        assert wire == data
    if ends == "lf":
        turn = ToLf()
        assert b"".join(turn.feed(wire[at : at + step]) for at in range(0, len(wire), step)) == data


TREES = st.recursive(st.just("leaf"), lambda below: st.lists(below, min_size=1, max_size=4), max_leaves=12)


def written(tree: object, level: int = 0) -> bytes:
    if tree == "leaf":
        return b"Content-Type: image/x\r\n\r\nbody --b0 --b1"
    mark = b"--b" + b"x" * level
    parts = b"".join(b"\r\n" + mark + b"\r\n" + written(child, level + 1) for child in tree)
    return b'Content-Type: multipart/mixed; boundary="' + mark[2:] + b'"\r\n\r\n' + parts + b"\r\n" + mark + b"--\r\n"


def shape(part: Part) -> object:
    return [shape(child) for child in part.parts] if part.type == b"multipart" else "leaf"


@given(TREES)
def test_a_tree_that_is_written_is_read(tree: object) -> None:
    assert shape(parse(written(tree)).body) == tree
