"""The tree of parts; the storms are items 27 to 32 of what servers must survive."""

from __future__ import annotations

import mmap
from collections.abc import Callable

import pytest

from gatepost.mime import scan as scan_module
from gatepost.mime.headers import header_end
from gatepost.mime.scan import DEPTH, DESCRIBED, PARTS, count_lines, scan
from gatepost.mime.structure import Part


def tree(data: bytes) -> Part:
    return scan(data, header_end(data)).body


def lines(*parts: bytes) -> bytes:
    return b"".join(part + b"\r\n" for part in parts)


def shape(part: Part) -> object:
    kind = f"{part.type.decode()}/{part.subtype.decode()}"
    return (kind, [shape(child) for child in part.parts]) if part.parts else kind


def body(data: bytes, part: Part) -> bytes:
    return data[part.body : part.end]


MIXED = lines(
    b"Content-Type: multipart/mixed; boundary=b",
    b"",
    b"preamble",
    b"--b",
    b"",
    b"one",
    b"--b",
    b"Content-Type: text/html; charset=utf-8",
    b"Content-Transfer-Encoding: BASE64",
    b"Content-ID: <id@x>",
    b"Content-Description: d",
    b"Content-MD5: m",
    b"Content-Disposition: Attachment; filename=f",
    b"Content-Language: de",
    b"Content-Location: l",
    b"",
    b"two",
    b"",
    b"--b--",
    b"epilogue",
)


def test_a_multipart() -> None:
    part = tree(MIXED)
    assert shape(part) == ("multipart/mixed", ["text/plain", "text/html"])
    assert (part.header, part.end) == (0, len(MIXED))
    first, second = part.parts
    assert body(MIXED, first) == b"one"
    assert MIXED[first.header : first.body] == b"\r\n"
    assert body(MIXED, second) == b"two\r\n"
    assert second.lines == 1
    assert (second.encoding, second.id, second.description, second.md5) == (b"base64", b"<id@x>", b"d", b"m")
    assert (second.disposition, second.disposition_params) == (b"attachment", ((b"filename", b"f"),))
    assert (second.language, second.location, second.params) == (b"de", b"l", ((b"charset", b"utf-8"),))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "text/plain"),
        (b"no header at all", "text/plain"),
        (b"\r\nbody", "text/plain"),
        (b"Content-Type: nonsense\r\n\r\nx", "text/plain"),
        (b"Content-Type: image/png; name=x\r\n\r\nx", "image/png"),
        (lines(b"Content-Type: multipart/mixed", b"", b"--", b"", b"x", b"--"), "multipart/mixed"),
        (lines(b'Content-Type: multipart/mixed; boundary=""', b"", b"--", b"", b"--"), "multipart/mixed"),
        (lines(b'Content-Type: multipart/mixed; boundary="  "', b"", b"--", b"", b"--"), "multipart/mixed"),
        (lines(b"Content-Type: multipart/mixed; boundary=" + b"b" * 201, b"", b"--" + b"b" * 201), "multipart/mixed"),
        (lines(b"Content-Type: multipart/mixed; boundary=b", b"", b"never there"), "multipart/mixed"),
        (lines(b"Content-Type: multipart/mixed; boundary=b", b"", b"--b"), ("multipart/mixed", ["text/plain"])),
        (
            lines(b"Content-Type: multipart/mixed; boundary=b", b"", b"--b", b"--b--"),
            ("multipart/mixed", ["text/plain"]),
        ),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b", ("multipart/mixed", ["text/plain"])),
        (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b--", "multipart/mixed"),
        (
            lines(b"Content-Type: multipart/mixed; boundary=b", b"", b"--b \t", b"", b"--b-- "),
            ("multipart/mixed", ["text/plain"]),
        ),
        (
            lines(b"Content-Type: multipart/mixed; boundary=b", b"", b"--b" + b"x" * 500, b"--b"),
            ("multipart/mixed", ["text/plain"]),
        ),
        (
            lines(b"Content-Type: multipart/digest; boundary=b", b"", b"--b", b"", b"Subject: x", b"", b"y"),
            ("multipart/digest", [("message/rfc822", ["text/plain"])]),
        ),
    ],
)
def test_shapes(data: bytes, expected: object) -> None:
    assert shape(tree(data)) == expected


def test_a_part_without_an_empty_line_is_all_header() -> None:
    data = lines(b"Content-Type: multipart/mixed; boundary=b", b"", b"--b", b"Content-Type: text/html", b"--b--")
    (part,) = tree(data).parts
    assert shape(part) == "text/html"
    assert data[part.header : part.body] == b"Content-Type: text/html\r\n"
    assert part.size == 0


def test_dashes_in_a_header_are_not_a_delimiter() -> None:
    data = lines(
        b"Content-Type: multipart/mixed; boundary=b", b"", b"--b", b"X: y", b"--no", b"Content-Type: a/b", b"", b"z"
    )
    (part,) = tree(data).parts
    assert shape(part) == "a/b"
    assert body(data, part) == b"z\r\n"


def test_a_boundary_that_begins_like_another() -> None:
    data = lines(
        b"Content-Type: multipart/mixed; boundary=b", b"", b"--b",
        b"Content-Type: multipart/alternative; boundary=bb", b"", b"--bb", b"", b"x", b"--bb--",
        b"--b", b"", b"y", b"--b--",
    )  # fmt: skip
    assert shape(tree(data)) == ("multipart/mixed", [("multipart/alternative", ["text/plain"]), "text/plain"])


def test_an_inner_multipart_without_end_is_ended_by_the_outer_one() -> None:
    data = lines(
        b"Content-Type: multipart/mixed; boundary=o", b"", b"--o",
        b"Content-Type: multipart/alternative; boundary=i", b"", b"--i", b"", b"x",
        b"--o", b"", b"--i is text now", b"--o--",
    )  # fmt: skip
    part = tree(data)
    assert shape(part) == ("multipart/mixed", [("multipart/alternative", ["text/plain"]), "text/plain"])
    assert body(data, part.parts[0].parts[0]) == b"x"
    assert body(data, part.parts[1]) == b"--i is text now"


def test_a_boundary_used_twice_belongs_to_the_outer_multipart() -> None:
    data = lines(
        b"Content-Type: multipart/mixed; boundary=b", b"", b"--b",
        b"Content-Type: multipart/alternative; boundary=b", b"", b"--b", b"", b"x", b"--b--",
    )  # fmt: skip
    assert shape(tree(data)) == ("multipart/mixed", ["multipart/alternative", "text/plain"])


def test_an_embedded_message() -> None:
    data = lines(
        b"From: o@x", b"Content-Type: message/rfc822", b"",
        b"From: i@x", b"Subject: inner", b"Content-Type: text/html", b"", b"<p>", b"x",
    )  # fmt: skip
    part = tree(data)
    assert shape(part) == ("message/rfc822", ["text/html"])
    assert part.envelope is not None
    assert part.envelope.subject == b"inner"
    assert part.lines == 6
    assert body(data, part.parts[0]) == b"<p>\r\nx\r\n"
    assert part.parts[0].header == part.body


@pytest.mark.parametrize("encoding", [b"base64", b"quoted-printable"])
def test_an_encoded_embedded_message_stays_closed(encoding: bytes) -> None:
    data = lines(b"Content-Type: message/rfc822", b"Content-Transfer-Encoding: " + encoding, b"", b"RnJvbTogYQ==")
    assert shape(tree(data)) == "message/rfc822"


def test_embedded_in_a_multipart_it_ends_where_its_part_does() -> None:
    data = lines(
        b"Content-Type: multipart/mixed; boundary=b", b"", b"--b", b"Content-Type: message/global", b"",
        b"Subject: no body", b"--b", b"", b"last", b"--b--",
    )  # fmt: skip
    part = tree(data)
    assert shape(part) == ("multipart/mixed", [("message/global", ["text/plain"]), "text/plain"])
    embedded = part.parts[0]
    assert embedded.envelope is not None
    assert embedded.envelope.subject == b"no body"


def test_the_envelope() -> None:
    data = lines(b"From: a@x", b"To: b@y", b"Date: d", b"In-Reply-To: <r@x>", b"Message-ID: <m@x>", b"")
    envelope = scan(data, header_end(data)).envelope
    assert envelope.sender == envelope.reply_to == envelope.from_
    assert (envelope.date, envelope.in_reply_to, envelope.message_id) == (b"d", b"<r@x>", b"<m@x>")
    assert envelope.cc == envelope.bcc == ()


def test_a_mapped_file_gives_the_same(tmp_path) -> None:
    path = tmp_path / "m"
    path.write_bytes(MIXED)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        assert scan(data, header_end(data)).body == tree(MIXED)
        assert count_lines(data, 3, len(data)) == MIXED.count(b"\n", 3)


# -- Storms -------------------------------------------------------------------------------------------------


class Counting(bytes):
    """Octets that tell how many of them were looked at."""

    looked = 0

    def find(self, sub, start=0, end=None):  # type: ignore[override]
        end = len(self) if end is None else end
        found = super().find(sub, start, end)
        self.looked += max((found if found >= 0 else end) - start, 0)
        return found

    def count(self, sub, start=0, end=None):  # type: ignore[override]
        end = len(self) if end is None else end
        self.looked += end - start
        return super().count(sub, start, end)

    def __getitem__(self, key):
        result = super().__getitem__(key)
        self.looked += len(result) if isinstance(result, bytes) else 1
        return result


def nested(n: int) -> bytes:
    return b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(n))


def embedded(n: int) -> bytes:
    return b"Content-Type: message/rfc822\r\n\r\n" * n


def flat(n: int) -> bytes:
    return b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * n


def headless(n: int) -> bytes:
    return b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n" * n


def late(n: int) -> bytes:
    """Every level's delimiter comes only after a long preamble."""
    heads = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(DEPTH))
    return heads + b"--almost\r\n" * n


def almost(n: int) -> bytes:
    return b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--bb\r\n" * n


def one_line(n: int) -> bytes:
    return b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b" + b"-" * n


def headers(n: int) -> bytes:
    return b"X: y\r\n" * n + b"\r\n"


def huge_header(n: int) -> bytes:
    return b"X: " + b"y" * (10 * n) + b"\r\n\r\n"


def folded(n: int) -> bytes:
    return b"X: y\r\n" + b" z\r\n" * n + b"\r\n"


def semicolons(n: int) -> bytes:
    return b"Content-Type: multipart/mixed" + b";" * n + b"boundary=b\r\n\r\n--b\r\n\r\nx"


STORMS = [nested, embedded, flat, headless, late, almost, one_line, headers, huge_header, folded, semicolons]


@pytest.mark.parametrize("storm", STORMS)
def test_twice_the_storm_is_at_most_twice_the_work(storm: Callable[[int], bytes]) -> None:
    work = []
    for n in (10_000, 20_000):
        data = Counting(storm(n))
        scan(data, header_end(data))
        work.append(data.looked)
    assert work[1] <= 2.2 * work[0] + 10_000
    assert work[1] <= 80 * len(storm(20_000)) + 100_000


@pytest.mark.parametrize("storm", [nested, embedded])
def test_nesting_ends_at_its_limit(storm: Callable[[int], bytes]) -> None:
    part, depth = tree(storm(10_000)), 0
    while part.parts:
        part, depth = part.parts[0], depth + 1
    assert depth == DEPTH


@pytest.mark.parametrize("storm", [flat, headless])
def test_parts_end_at_their_limit_and_the_last_keeps_the_rest(storm: Callable[[int], bytes]) -> None:
    data = storm(100_000)
    parts = tree(data).parts
    assert len(parts) == PARTS - 1
    assert parts[-1].end == len(data)


def test_many_embedded_messages_end_at_the_limit_of_parts() -> None:
    data = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    data += b"--b\r\nContent-Type: message/rfc822\r\n\r\nX: y\r\n\r\nz\r\n" * PARTS
    parts = tree(data).parts
    assert sum(1 + len(part.parts) for part in parts) <= PARTS


@pytest.mark.parametrize("kind", [b"text/plain", b"message/rfc822"])
def test_what_describes_a_message_is_bounded(kind: bytes) -> None:
    part = (
        b"--b\r\nContent-Type: "
        + kind
        + b"\r\nContent-Description: "
        + b"d" * 5000
        + b"\r\n\r\nSubject: x\r\n\r\ny\r\n"
    )
    data = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 3000
    described = tree(data)
    assert sum(len(one.description) for one in described.parts) <= DESCRIBED + 5000
    assert described.parts[-1].end == len(data)


def test_lines_that_are_nearly_delimiters_are_bounded(monkeypatch) -> None:
    head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n"
    data = head + b"--c\r\n" * 10 + b"--b\r\n\r\nx"
    assert len(tree(data).parts) == 2
    monkeypatch.setattr(scan_module, "NEAR_MISSES", 9)
    (part,) = tree(data).parts
    assert part.end == len(data)
