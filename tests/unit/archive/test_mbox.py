from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.archive.item import Bad, Entry, Item, Place
from gatepost.archive.mbox import is_mbox, read
from gatepost.archive.mbox_writer import MboxWriter, quote
from gatepost.archive.tree import Tree
from gatepost.errors import AlreadyExistsError
from gatepost.model import CHUNK, Flag

FROM = b"From a@x Thu Jan  1 00:01:40 1970\n"


def messages(path: Path) -> list[bytes]:
    found = []
    for one in read(path):
        assert isinstance(one, Item)
        with one.open() as data:
            found.append(bytes(data))
    return found


def mbox(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "box"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("line", "time"),
    [
        (b"From a@x Thu Jan  1 00:01:40 1970\n", 100),
        (b"From - Thu Jan 01 00:01:40 1970\r\n", 100),
        (b"From a b@x  Thu Jan  1 00:01 1970\n", 60),
        (b"From a@x Thu Jan  1 02:01:40 1970 +0200\n", 100),
        (b"From a@x Wed Dec 31 23:01:40 -0100 1969\n", 0),
        (b"From a@x Thu Jan  1 00:01:40 GMT 1970\n", 100),
        (b"From a@x Thu Jan  1 00:01:40 1970 remote from y\n", 100),
        (b"From a@x Thu Jan  1 00:01:40 0000\n", 0),
    ],
)
def test_separators(tmp_path, line: bytes, time: int) -> None:
    assert is_mbox(line)
    (one,) = read(mbox(tmp_path, line + b"A: b\n\nx\n"))
    assert isinstance(one, Item)
    assert one.received == max(time, 0) or line.endswith(b"1969\n")


@pytest.mark.parametrize("line", [b"", b"From here on", b"Subject: x", b"from a@x Thu Jan  1 00:01:40 1970"])
def test_what_is_no_separator(line: bytes) -> None:
    assert not is_mbox(line)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (FROM + b"A: b\n\none\n\n" + FROM + b"A: c\n\ntwo\n\n", [b"A: b\n\none\n", b"A: c\n\ntwo\n"]),
        (FROM + b"A: b\n\nno blank\n\n" + FROM + b"A: c\n\nno end", [b"A: b\n\nno blank\n", b"A: c\n\nno end"]),
        (FROM + b"A: b\r\n\r\none\r\n\r\n" + FROM + b"A: c\n\n", [b"A: b\r\n\r\none\r\n", b"A: c\n"]),
        (
            FROM + b"A: b\n\nFrom here on it is text\n>From x\n>>From y\n> From\n",
            [b"A: b\n\nFrom here on it is text\nFrom x\n>From y\n> From\n"],
        ),
        (FROM + b"\n", [b"\n"]),
        (
            FROM + b"Content-Length: 42\n\n" + FROM + b"A: bcde\n\n" + FROM + b"A: c\n\n",
            [b"Content-Length: 42\n\n" + FROM + b"A: bcde\n", b"A: c\n"],
        ),
        (
            FROM + b"A: b\nContent-Length: 71\n\n" + b"\n" + FROM + b"x" * 35 + b"\n\n" + FROM + b"A: c\n\n",
            [b"A: b\nContent-Length: 71\n\n\n" + FROM + b"x" * 35 + b"\n", b"A: c\n"],
        ),
        (
            FROM + b"A: b\ncontent-length: 8\n\n>From x\n\n" + FROM + b"A: c\n",
            [b"A: b\ncontent-length: 8\n\nFrom x\n", b"A: c\n"],
        ),
        (
            FROM + b"A: b\nContent-Length: 3\n\n>From x\n\n" + FROM + b"A: c\n",
            [b"A: b\nContent-Length: 3\n\nFrom x\n", b"A: c\n"],
        ),
        (FROM + b"A: b\nContent-Length: 999\n\nx\n", [b"A: b\nContent-Length: 999\n\nx\n"]),
        (FROM + b"A: b\nContent-Length: 2\n\nx\n\n", [b"A: b\nContent-Length: 2\n\nx\n"]),
        (FROM + b"A: b\nContent-Length: 3\n\nx\n\n" + FROM + b"A: c\n", [b"A: b\nContent-Length: 3\n\nx\n", b"A: c\n"]),
        (FROM + b">From x\nA: b\n", [b"From x\nA: b\n"]),
        (FROM + b"A: b\nContent-Length: 2\nno body", [b"A: b\nContent-Length: 2\nno body"]),
    ],
)
def test_messages(tmp_path, data: bytes, expected: list[bytes]) -> None:
    assert messages(mbox(tmp_path, data)) == expected


def test_what_follows_the_end_is_left(tmp_path) -> None:
    data = FROM + b"A: b\nContent-Length: 2\n\nx\n\r\n\n"
    assert messages(mbox(tmp_path, data))[0].startswith(b"A: b\n")


@pytest.mark.parametrize(
    ("fields", "flags", "keywords"),
    [
        (b"Status: RO\n", Flag.SEEN, ()),
        (b"Status: O\nX-Status: AFTD\n", Flag.ANSWERED | Flag.FLAGGED | Flag.DRAFT | Flag.DELETED, ()),
        (b"X-Mozilla-Status: 000f\n", Flag.SEEN | Flag.ANSWERED | Flag.FLAGGED | Flag.DELETED, ()),
        (b"X-Mozilla-Status: zz\n", Flag(0), ()),
        (b"X-Keywords: a  b\n", Flag(0), ("a", "b")),
    ],
)
def test_flags(tmp_path, fields: bytes, flags: Flag, keywords: tuple[str, ...]) -> None:
    (one,) = read(mbox(tmp_path, FROM + fields + b"\nx\n"))
    assert isinstance(one, Item)
    assert (one.flags, one.keywords) == (flags, keywords)


def test_a_directory_of_mailboxes(tmp_path) -> None:
    (tmp_path / "Archive.sbd").mkdir()
    for name in ("Inbox", "Sent.mbox", "Archive.sbd/2019"):
        (tmp_path / name).write_bytes(FROM + b"A: b\n\nx\n")
    (tmp_path / "Inbox.msf").write_bytes(b"an index")
    (tmp_path / "empty").write_bytes(b"")
    found = [one for one in read(tmp_path) if isinstance(one, Item)]
    assert [(one.key, one.folder) for one in found] == [
        ("Inbox, message 1", ""),
        ("Sent.mbox, message 1", "Sent"),
        ("Archive.sbd/2019, message 1", "Archive/2019"),
    ]


def test_a_file_that_is_none_is_reported(tmp_path) -> None:
    (one,) = read(mbox(tmp_path, b"hello"))
    assert isinstance(one, Bad)


def test_a_file_that_cannot_be_read_is_reported(tmp_path, monkeypatch) -> None:
    path = mbox(tmp_path, FROM + b"\nx")

    def refuse(self, steps):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Tree, "open", refuse)
    assert list(read(path)) == [Bad("box", "Permission denied")]


def test_a_large_file_is_mapped(tmp_path) -> None:
    one = b"A: b\n\n" + b"line\n" * CHUNK
    assert messages(mbox(tmp_path, (FROM + one + b"\n") * 2)) == [one, one]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"From x\n",
        b"A: b\n\nFrom x\n>From y\n>>From z\nFromage\n",
        b">" * 1001 + b"From x",
        b"\n>From",
        b"a\rFrom x\n",
    ],
)
def test_quoting_over_any_slices(data: bytes) -> None:
    whole = b"".join(quote([data]))
    for cut in range(len(data) + 1):
        assert b"".join(quote([data[:cut], b"", data[cut:]])) == whole
    assert b"".join(quote(bytes((octet,)) for octet in data)) == whole
    assert b"\nFrom " not in b"\n" + whole


def entry(uid: int) -> Entry:
    return Entry(uid, 100, Flag(0), (), "u")


def test_what_is_written_is_read(tmp_path) -> None:
    originals = [b"A: b\n\nFrom x\n>From y\n" + FROM, b"A: b\r\n\r\nx\r\n", b"A: b\n\n\n\n", b"x\n"]
    writer = MboxWriter(tmp_path / "out")
    writer.begin(Place("Sub/Box", 1, 1))
    for number, data in enumerate(originals, 1):
        assert writer.add(entry(number), [data])
    writer.end()
    path = tmp_path / "out" / "Sub" / "Box.mbox"
    assert path.read_bytes().startswith(b"From MAILER-DAEMON Thu Jan  1 00:01:40 1970\n")
    assert messages(path) == originals
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_message_without_a_line_end_is_told(tmp_path) -> None:
    writer = MboxWriter(tmp_path)
    writer.begin(Place("INBOX", 1, 1))
    assert not writer.add(entry(1), [b"A: b\n\nno end"])
    assert not writer.add(entry(2), [])
    writer.end()
    assert messages(tmp_path / "INBOX.mbox")[0] == b"A: b\n\nno end\n"


def test_nothing_is_overwritten(tmp_path) -> None:
    (tmp_path / "INBOX.mbox").write_bytes(b"mine")
    with pytest.raises(AlreadyExistsError):
        MboxWriter(tmp_path).begin(Place("INBOX", 1, 1))


FRAGMENTS = [
    b"\n",
    b"\r\n",
    b"\r",
    b"From ",
    b">",
    FROM,
    b"Content-Length: 3\n",
    b"Content-Length: 4\n",
    b"A: b",
    b"\n\n",
    b"x",
]


@settings(max_examples=200)
@given(st.lists(st.lists(st.sampled_from(FRAGMENTS), max_size=9).map(lambda some: b"".join(some) + b"\n"), max_size=4))
def test_any_messages_with_a_line_end_come_back(tmp_path_factory, originals: list[bytes]) -> None:
    root = tmp_path_factory.mktemp("mbox")
    writer = MboxWriter(root)
    writer.begin(Place("INBOX", 1, 1))
    assert all(writer.add(entry(number), [data]) for number, data in enumerate(originals, 1))
    writer.end()
    assert messages(root / "INBOX.mbox") == originals
