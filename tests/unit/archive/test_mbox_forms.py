"""mbox files as programs of the field write them: every message comes out whole, or a doubt is told by its line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from gatepost.archive.formats import Format, detect
from gatepost.archive.item import Bad, Doubt, Item
from gatepost.archive.mbox import read
from gatepost.model import Flag

CASES = Path(__file__).parents[3].parent / "shared" / "cases" / "mbox"

LINES = {
    "mboxo": "From a@x Wed Dec  6 23:14:04 2023",
    "thunderbird": "From - Wed Dec 06 23:14:04 2023",
    "year first": "From - Wed Dec 06 2023 23:14:04",
    "takeout": "From 1784613@xxx Wed Dec 06 23:14:04 +0000 2023",
    "eudora": "From ???@??? Wed Dec 06 23:14:04 2023",
    "mailman": "From a at x.org  Wed Dec  6 23:14:04 2023",
    "uucp": "From a!b Wed Dec  6 23:14 2023 remote from c",
    "apple": 'From "a b"@x.org Wed Dec  6 23:14:04 2023',
    "empty": "From  Wed Dec  6 23:14:04 2023",
    "no date": "From ",
    "unknown date": "From a@x Mi Dez 06 2023",
}


def message(number: int) -> str:
    return f"From: a{number}@x\nSubject: s{number}\nDate: Wed, 6 Dec 2023 23:14:04 +0000\n\nhello\n>From me\n"


def whole(tmp_path: Path, octets: bytes, name: str = "box") -> tuple[list[bytes], list[Bad]]:
    (tmp_path / name).write_bytes(octets)
    mails, bad = [], []
    for one in read(tmp_path / name):
        if isinstance(one, Item):
            with one.open() as data:
                mails.append(bytes(data))
        else:
            bad.append(one)
    return mails, bad


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("blank", ["\n", ""])
@pytest.mark.parametrize("encoding", ["ascii", "utf-8-sig", "utf-16"])
def test_every_message_comes_out(tmp_path: Path, line: str, end: str, blank: str, encoding: str) -> None:
    text = "".join(f"{line}\n{message(number)}{blank}" for number in range(4))
    mails, bad = whole(tmp_path, text.replace("\n", end).encode(encoding))
    expected = [message(number).replace(">From", "From").replace("\n", end).encode() for number in range(4)]
    if blank or "23:14" in line:
        assert (mails, bad) == (expected, [])
    else:  # three lines that no empty line and no date makes separators: told, and nothing is lost
        assert (len(mails), [type(one) for one in bad]) == (1, [Doubt] * 3)
        assert all(part[:20] in mails[0] for part in expected)


def test_files_of_several_programs_put_together(tmp_path: Path) -> None:
    parts = [(LINES[name], end) for name, end in zip(LINES, ["\n", "\r\n", "\r"] * 3, strict=False)]
    text = "".join(f"{line}\n{message(n)}\n".replace("\n", end) for n, (line, end) in enumerate(parts))
    mails, bad = whole(tmp_path, text.encode())
    assert (len(mails), bad) == (len(parts), [])
    marked = b"\xef\xbb\xbf" + f"{LINES['mboxo']}\n{message(1)}\n".encode()
    assert len(whole(tmp_path, marked * 3)[0]) == 3


def test_a_doubt_names_its_line_and_what_was_made_of_it(tmp_path: Path) -> None:
    first, dated = LINES["mboxo"], LINES["thunderbird"]
    text = f"{first}\n{message(1)}\n{dated}\nno header\n{dated}\nstill none\n\nFrom nobody\n{message(2)}"
    mails, bad = whole(tmp_path, text.encode())
    assert len(mails) == 3
    assert [one.key for one in bad] == ["box, line 9", "box, line 11", "box, line 14"]
    assert all(isinstance(one, Doubt) for one in bad)
    assert [one.reason.rpartition(": ")[2] for one in bad] == [
        "a message was begun here", "it was left in its message", "a message was begun here",
    ]  # fmt: skip


def test_sentences_are_no_doubt(tmp_path: Path) -> None:
    text = f"{LINES['mboxo']}\n{message(1)}\nFrom Monday 10:00 on\n\nFrom here: on\n\nFrom Dec 6 2023 to\nSubject: x\n"
    mails, bad = whole(tmp_path, text.encode())
    assert (len(mails), bad) == (1, [])


def test_what_comes_before_the_first_separator_is_told(tmp_path: Path) -> None:
    mails, (bad,) = whole(tmp_path, f"rubbish\n\n{LINES['mboxo']}\n{message(1)}".encode())
    assert len(mails) == 1
    assert (bad.key, "9 octets" in bad.reason, isinstance(bad, Doubt)) == ("box, line 1", True, False)


def test_mmdf(tmp_path: Path) -> None:
    mark = "\1\1\1\1\n"
    one = f"{mark}{LINES['mboxo']}\n{message(1)}{mark}{mark}{message(2)}{mark}"
    for end in ("\n", "\r\n", "\r"):
        mails, bad = whole(tmp_path, one.replace("\n", end).encode())
        assert [len(mail) for mail in mails] == [len(message(n).replace("\n", end)) for n in (1, 2)]
        assert bad == []
    assert len(whole(tmp_path, one[: -len(mark)].encode())[0]) == 2


def test_the_notes_of_pine_are_no_mail(tmp_path: Path) -> None:
    notes = "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 17 2\n\nThis text is part of ...\n"
    mails, bad = whole(tmp_path, f"{LINES['mboxo']}\n{notes}\n{LINES['mboxo']}\n{message(1)}".encode())
    assert (len(mails), bad) == (1, [])


def test_a_mailbox_that_is_compressed(tmp_path: Path) -> None:
    mails, bad = whole(tmp_path, gzip.compress(f"{LINES['mboxo']}\n{message(1)}".encode()), "a.mbox.gz")
    assert (len(mails), bad) == (1, [])
    (tmp_path / "b.mbox.gz").write_bytes(gzip.compress(f"{LINES['mboxo']}\n{message(1)}".encode()))
    assert [one.folder for one in read(tmp_path) if isinstance(one, Item)] == ["a", "b"]


def test_what_is_no_mail_in_a_directory(tmp_path: Path) -> None:
    (tmp_path / "Mail.zip").write_bytes(b"PK\3\4....")
    (tmp_path / "Sent.msf").write_bytes(b'// <!-- <mdb:mork:z v="1.4"/> -->')
    (tmp_path / "global.sqlite").write_bytes(b"SQLite format 3\0")
    (one,) = read(tmp_path)
    assert (one.key, one.reason) == ("Mail.zip", "it is a ZIP archive: unpack it first")


def test_a_mailbox_of_apple(tmp_path: Path) -> None:
    (tmp_path / "Old.mbox").mkdir()
    (tmp_path / "Old.mbox" / "mbox").write_text(f"{LINES['mboxo']}\n{message(1)}")
    assert [one.folder for one in read(tmp_path) if isinstance(one, Item)] == ["Old"]


def test_labels_of_google_are_folders_and_flags(tmp_path: Path) -> None:
    fields = "X-Gmail-Labels: =?UTF-8?Q?Posteingang,M=C3=BCnchen,?=\r\n =?UTF-8?Q?Markiert,Ungelesen?=\r\n"
    (tmp_path / "Alle.mbox").write_text(f"{LINES['takeout']}\r\n{fields}{message(1)}")
    (one,) = read(tmp_path)
    assert isinstance(one, Item)
    assert (one.folder, one.flags, one.keywords) == ("", Flag.FLAGGED, ("M&APw-nchen",))


@pytest.mark.skipif(not CASES.is_dir(), reason="the shared cases are not here")
def test_the_cases_that_failed() -> None:
    for path, count in (("mixed_year.mbox", 3), ("year_before_time.mbox", 2), ("cr_only.mbox", 2)):
        found = list(read(CASES / path))
        assert [type(one) for one in found] == [Item] * count


def doubts(tmp_path: Path, octets: bytes) -> tuple[int, list[str]]:
    """How many messages came out, and the lines in doubt."""
    mails, bad = whole(tmp_path, octets)
    assert all(isinstance(one, Doubt) for one in bad)
    return len(mails), [one.key.partition(", ")[2] for one in bad]


def test_mail_within_a_message_is_cut_and_merged_only_with_a_doubt(tmp_path: Path) -> None:
    first, inner = LINES["mboxo"], f"{LINES['eudora']}\n{message(9)}"
    for text in (f"look:\n{inner}", f"look:\n{LINES['eudora']}\nNote: mine\n", f"look:\n\n{LINES['eudora']}\n\nmine\n"):
        octets = f"{first}\n{message(1)}{text}\n{first}\n{message(2)}".encode()
        assert doubts(tmp_path, octets) == (3, [f"line {8 + text[: text.index('From')].count(chr(10))}"])
    one = f"Content-Length: {len(inner) + 2}\nFrom: a\n\n\n\n{inner}"
    assert doubts(tmp_path, f"{first}\n{one}\n{first}\n{message(2)}".encode()) == (2, ["line 7"])


def test_a_mailbox_attached_to_a_message_is_cut_with_a_doubt(tmp_path: Path) -> None:
    first = LINES["mboxo"]
    for quote, end in (('"', "\n"), ("", "\r\n")):
        head = f"Content-Type: multipart/mixed;\n boundary={quote}b1{quote}\nFrom: a\n\n--b1\n\n"
        text = f"{first}\n{head}{first}\n{message(1)}--b1--\n\n{first}\n{message(2)}"
        assert doubts(tmp_path, text.replace("\n", end).encode()) == (3, ["line 8"])
        torn = f"{first}\n{head}\n{first}\n{message(1)}\n{first}\n{head}--b1--\n"
        assert doubts(tmp_path, torn.encode()) == (3, [])


def test_a_hole_that_a_crash_left_hides_no_message(tmp_path: Path) -> None:
    one, two = (f"{LINES['mboxo']}\n{message(number)}\n".encode() for number in (1, 2))
    assert doubts(tmp_path, one + b"\0" * 512 + two) == (2, ["line 9"])


def test_a_message_before_the_first_separator_is_imported(tmp_path: Path) -> None:
    octets = f"{message(0)}\n{LINES['mboxo']}\n{message(1)}".encode()
    assert doubts(tmp_path, octets) == (2, ["line 1"])
    assert detect(tmp_path / "box") is Format.MBOX
    (tmp_path / "box").rename(tmp_path / "box.eml")
    assert detect(tmp_path / "box.eml") is Format.EML
