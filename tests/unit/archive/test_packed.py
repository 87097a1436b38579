from __future__ import annotations

import bz2
import gzip
import lzma
from io import BytesIO
from types import SimpleNamespace

import pytest

from gatepost.archive import packed
from gatepost.archive.packed import NotMailError, foreign, head, message, opened
from gatepost.archive.tree import Tree
from gatepost.model import CHUNK

MAIL = b"From: a@x\nSubject: packed\n\nhello\n"
LARGE = MAIL + bytes(range(32, 127)) * (CHUNK // 40)
PACKERS = {"gzip": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


def read(tmp_path, octets: bytes, opener=opened) -> bytes:
    (tmp_path / "file").write_bytes(octets)
    with opener(Tree(tmp_path), ("file",)) as data:
        return bytes(data[:])


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
@pytest.mark.parametrize("mail", [MAIL, LARGE])
def test_what_is_compressed_is_unpacked(tmp_path, pack, mail: bytes) -> None:
    assert read(tmp_path, pack(mail)) == mail
    assert head(pack(mail)) == mail[: packed.HEAD]


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_several_streams_in_one_file(tmp_path, pack) -> None:
    assert read(tmp_path, pack(MAIL) + pack(LARGE) + b"\0" * 8) == MAIL + LARGE


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_a_damaged_file_is_told(tmp_path, pack) -> None:
    octets = pack(LARGE)
    with pytest.raises(NotMailError, match="breaks off"):
        read(tmp_path, octets[: len(octets) // 2])
    with pytest.raises(NotMailError, match="damaged"):
        read(tmp_path, octets[:20] + b"\xff" * 40 + octets[60:])


def test_mapped_files_are_unpacked(tmp_path) -> None:
    noise = b"".join(gzip.compress(str(number).encode()) for number in range(40_000))
    mail = MAIL + noise
    assert len(gzip.compress(mail)) > CHUNK
    assert read(tmp_path, gzip.compress(mail)) == mail
    assert read(tmp_path, bz2.compress(mail)) == mail


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_bombs_are_not_unpacked_to_the_end(tmp_path, monkeypatch, pack) -> None:
    monkeypatch.setattr(packed, "MOST", 2 * CHUNK)
    with pytest.raises(NotMailError, match="200 times its size"):
        read(tmp_path, pack(MAIL + b"\n" * 200 * CHUNK))


def test_xz_that_wants_all_memory_is_told(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(packed, "MEMORY", 1024)
    with pytest.raises(NotMailError, match=r"(?i)memory"):
        read(tmp_path, lzma.compress(MAIL))


def test_zstd_where_there_is_none(tmp_path, monkeypatch) -> None:
    def no_module(_: str) -> None:
        raise ImportError

    monkeypatch.setattr(packed, "import_module", no_module)
    with pytest.raises(NotMailError, match="zstd"):
        read(tmp_path, b"\x28\xb5\x2f\xfd....")


def test_zstd_where_there_is_one(tmp_path, monkeypatch) -> None:
    class Decompressor:
        """Stands for the one of Python 3.14, which has the same methods as bz2's."""

        def __init__(self) -> None:
            self.eof = self.needs_input = False
            self.unused_data = b""

        def decompress(self, data: bytes, _most: int) -> bytes:
            self.eof = True
            return BytesIO(data).read()[4:]

    monkeypatch.setattr(packed, "import_module", lambda _: SimpleNamespace(ZstdDecompressor=Decompressor))
    assert read(tmp_path, b"\x28\xb5\x2f\xfd" + MAIL) == MAIL


@pytest.mark.parametrize(
    ("octets", "what"),
    [
        (b"CRYPTED\x03\x07\x02\x00", "mail_crypt"),
        (b"Dovecot-LZ4\x0d*", "LZ4"),
        (b"-----BEGIN PGP MESSAGE-----\n\nhQ", "OpenPGP"),
        (b"\x85\x01\x0c\x03" + b"x" * 20, "OpenPGP"),
        (b"\xc1\xc0\x4c\x03" + b"x" * 20, "OpenPGP"),
        (b"\x8c\x0d\x04\x09" + b"x" * 20, "OpenPGP"),
        (b"PK\x03\x04x", "ZIP"),
        (b"\x7fELF\x02", "core file"),
        (b"\x00\x00\x00\x01Bud1", ".DS_Store"),
        (b"mail/".ljust(257, b"\0") + b"ustar\x0000", "tar"),
        (b"\x01\x02\x00\x03index", "binary data"),
    ],
)
def test_what_is_no_mail_is_named(tmp_path, octets: bytes, what: str) -> None:
    for one in (octets, gzip.compress(octets)):
        with pytest.raises(NotMailError, match=what):
            read(tmp_path, one)


def test_what_is_compressed_twice_is_told(tmp_path) -> None:
    with pytest.raises(NotMailError, match="twice"):
        read(tmp_path, gzip.compress(bz2.compress(MAIL)))


@pytest.mark.parametrize(
    "mail",
    [b"", b"x", b"no header", b"\n\nx", b"A: b\n\n\0\0", b"A" * 257 + b"ustar", b"\x85abcdef", b"BZh9 is a word\n"],
)
def test_any_other_octets_are_mail(tmp_path, mail: bytes) -> None:
    assert foreign(mail) == ""
    assert read(tmp_path, mail) == mail


def test_a_message_comes_without_its_byte_order_mark(tmp_path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbf" + MAIL, message) == MAIL
    assert read(tmp_path, MAIL.decode().encode("utf-16"), message) == MAIL
    assert read(tmp_path, gzip.compress(b"\xef\xbb\xbf" + MAIL), message) == MAIL
    assert read(tmp_path, MAIL, message) == MAIL
