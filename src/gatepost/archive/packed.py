"""Files that hold mail in a packed form, and files among the mail that hold none.

Dovecot's zlib plugin compresses messages one by one, people compress whole mailboxes: gzip, bzip2 and xz are unpacked,
zstd where the interpreter can. What is encrypted, packed in another way, or plainly something else (an archive, a core
file, the desktop's notes about a folder) is named, so that it is reported and never becomes a message.

Known by their first octets, whatever the name says. What is no format that we know counts as mail.
"""

from __future__ import annotations

import bz2
import lzma
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from gzip import GzipFile
from importlib import import_module
from io import BytesIO
from mmap import ACCESS_READ, mmap
from tempfile import TemporaryFile
from typing import IO, Final, Protocol, cast

from gatepost import bom
from gatepost.archive.tree import Steps, Tree
from gatepost.mime.wire import Octets, pieces
from gatepost.model import CHUNK

HEAD: Final = 64 * 1024
"""Octets by which a file is known, unpacked where it is compressed."""

MOST: Final = 100 * 1024 * 1024
TIMES: Final = 200
"""A file is taken for a bomb when it unpacks to more than `MOST` octets and to more than so many times its own size:
mail with attachments packs to a half, and a mailbox of nothing but log lines to a fiftieth."""

SUFFIXES: Final = (".gz", ".bz2", ".xz", ".zst")
"""What the programs that pack files add to their names."""

_FOREIGN: Final = {
    b"CRYPTED\x03\x07": "it is encrypted by Dovecot's mail_crypt plugin: let Dovecot export it (`doveadm backup`)",
    b"Dovecot-LZ4\x0d": "it is compressed with LZ4 by Dovecot: let Dovecot export it (`doveadm backup`)",
    b"\x04\x22\x4d\x18": "it is compressed with LZ4: unpack it first (`lz4 -d`)",
    b"-----BEGIN PGP MESSAGE-----": "it is encrypted with OpenPGP: decrypt it first (`gpg -d`)",
    b"-----BEGIN PKCS7-----": "it is encrypted with S/MIME: decrypt it first",
    b"-----BEGIN AGE ENCRYPTED FILE-----": "it is encrypted with age: decrypt it first",
    b"age-encryption.org/": "it is encrypted with age: decrypt it first",
    b"Salted__": "it is encrypted with OpenSSL: decrypt it first",
    b"PK\x03\x04": "it is a ZIP archive: unpack it first",
    b"PK\x05\x06": "it is a ZIP archive: unpack it first",
    b"7z\xbc\xaf\x27\x1c": "it is a 7z archive: unpack it first",
    b"Rar!\x1a\x07": "it is a RAR archive: unpack it first",
    b"\x1f\x9d": "it is compressed with `compress`: unpack it first (`uncompress`)",
    b"\x89LZO\x00": "it is compressed with LZO: unpack it first (`lzop -d`)",
    b"LZIP": "it is compressed with lzip: unpack it first (`lzip -d`)",
    b"!BDN": "it is an Outlook data file (PST): let Outlook or `readpst` export it",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "it is an Outlook .msg or a Thumbs.db, no mail file",
    b"\x7fELF": "it is a program or a core file, no mail",
    b"\x00\x00\x00\x01Bud1": "it is the Finder's .DS_Store, no mail",
    b"\x00\x05\x16\x07": "it is a Macintosh resource file, no mail",
    b"[.ShellClassInfo]": "it is Windows' desktop.ini, no mail",
    b"[Desktop Entry]": "it is a desktop entry, no mail",
    b"[Dolphin]": "it is Dolphin's .directory, no mail",
    b"SQLite format 3\x00": "it is an SQLite database, no mail",
    b"%PDF-": "it is a PDF document, no mail",
    b"\x89PNG\r\n\x1a\n": "it is a picture, no mail",
    b"GIF8": "it is a picture, no mail",
    b"\xff\xd8\xff": "it is a picture, no mail",
}
_FIELD: Final = re.compile(rb"(?:[>\r\n]*From |[!-9;-~]{1,100}[ \t]*:|\x01{4}|[\r\n])")
_BINARY: Final = 1024
_PGP_PACKETS: Final = frozenset({0x84, 0x85, 0x86, 0x8C, 0xC1, 0xC3})
"""How an encrypted OpenPGP message in binary form begins: a packet with an encrypted session key (RFC 9580 §4.2, §5.1,
§5.3). What follows tells the version: 3 to 6."""


MEMORY: Final = 256 * 1024 * 1024
"""Octets that xz may use: `xz -9` needs 65 MiB."""


class NotMailError(OSError):
    """The file is no message and no mailbox; the text says what it is."""

    @property
    def packed(self) -> bool:
        """Whether there may be mail in it."""
        return "no mail" not in str(self)


class _Decompressor(Protocol):
    """What the decompressors of bz2, lzma and zstd have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def foreign(head: bytes) -> str:
    """What a file is, if it is known to be no mail; else empty."""
    for magic, what in _FOREIGN.items():
        if head.startswith(magic):
            return what
    if head[257:262] == b"ustar" and b"\0" in head[:257]:
        return "it is a tar archive: unpack it first"
    if _is_pgp(head):
        return "it is encrypted with OpenPGP: decrypt it first (`gpg -d`)"
    if b"\0" in head[:_BINARY] and not (_FIELD.match(head, bom.length(head)) or bom.utf_16(head)):
        return "it begins with binary data and no header, so it is no mail"
    return ""


def _is_pgp(head: bytes) -> bool:
    if len(head) < 6 or head[0] not in _PGP_PACKETS:
        return False
    new = head[0] >= 0xC0
    length = 1 + (0xC0 <= head[1] < 0xE0) if new else 1 << (head[0] & 3)
    return 3 <= head[1 + length] <= 6


def head(data: Octets) -> bytes:
    """The first octets of what is in the file. Raises NotMailError."""
    begin = data[:HEAD]
    kind = _kind(begin)
    if kind:
        begin = b""
        for piece in _unpacked(kind, data):
            begin = (begin + piece)[:HEAD]
            if len(begin) == HEAD:
                break
    if what := (kind and _kind(begin) and "it is compressed twice: unpack it first") or foreign(begin):
        raise NotMailError(what)
    return begin


@contextmanager
def opened(tree: Tree, steps: Steps) -> Iterator[Octets]:
    """A file's octets, unpacked if need be. Raises NotMailError, OSError."""
    with tree.open(steps) as data:
        head(data)
        kind = _kind(data[:HEAD])
        if not kind:
            yield data
            return
        with TemporaryFile() as file:
            size = _write(file, _unpacked(kind, data), len(data))
            if size <= CHUNK:
                file.seek(0)
                yield file.read()
                return
            with mmap(file.fileno(), 0, access=ACCESS_READ) as mapped:
                yield mapped


@contextmanager
def message(tree: Tree, steps: Steps) -> Iterator[Octets]:
    """A file that holds one message: without a byte order mark, and UTF-16 as UTF-8. Raises NotMailError, OSError."""
    with opened(tree, steps) as data:
        begin = data[:HEAD]
        wide = bom.utf_16(begin) and len(data) <= MOST
        mark = bom.length(begin)
        yield bom.in_utf_8(data[:]) if wide else data[mark:] if mark else data


def _write(file: IO[bytes], unpacked: Iterator[bytes], packed: int) -> int:
    """Raises NotMailError for what grows beyond all measure."""
    size = 0
    for piece in unpacked:
        size += len(piece)
        if size > max(MOST, TIMES * packed):
            raise NotMailError(f"it unpacks to more than {TIMES} times its size: unpack it by hand if it is mail")
        file.write(piece)
    file.flush()
    return size


def _kind(begin: bytes) -> str:
    """How the file is compressed: `gzip`, `bzip2`, `xz` or `zstd`; empty if it is not."""
    if begin.startswith(b"\x1f\x8b\x08"):
        return "gzip"
    if begin.startswith(b"BZh") and begin[4:10] in {b"1AY&SY", b"\x17\x72\x45\x38\x50\x90"}:
        return "bzip2"
    return "xz" if begin.startswith(b"\xfd7zXZ\x00") else "zstd" if begin.startswith(b"\x28\xb5\x2f\xfd") else ""


def _unpacked(kind: str, data: Octets) -> Iterator[bytes]:
    """Raises NotMailError for what is damaged, or cannot be unpacked here."""
    try:
        match kind:
            case "gzip":
                yield from _gzip(data)
            case "bzip2":
                yield from _streams(bz2.BZ2Decompressor, data)
            case "xz":
                yield from _streams(lambda: lzma.LZMADecompressor(memlimit=MEMORY), data)
            case _:
                yield from _streams(_zstd(), data)
    except NotMailError:
        raise
    except Exception as error:
        # Each of these libraries, and a third-party one, has exceptions of its own.
        why = "it breaks off" if isinstance(error, EOFError) else str(error) or type(error).__name__
        raise NotMailError(f"it is compressed with {kind}, and damaged: {why}") from error


def _gzip(data: Octets) -> Iterator[bytes]:
    """Also several members in one file (RFC 1952 §2.2)."""
    if isinstance(data, mmap):
        data.seek(0)
    with GzipFile(fileobj=BytesIO(data) if isinstance(data, bytes) else data, mode="rb") as file:
        while piece := file.read(CHUNK):
            yield piece


def _streams(make: Callable[[], _Decompressor], data: Octets) -> Iterator[bytes]:
    """One stream after the other, each octet looked at once. Raises EOFError if the last one breaks off."""
    one, fresh = make(), True
    for piece in pieces(data):
        left = piece.lstrip(b"\0") if fresh else piece  # padding between streams
        while left or not (one.eof or one.needs_input):
            yield one.decompress(left, CHUNK)
            left, fresh = b"", False
            if one.eof:
                left = one.unused_data.lstrip(b"\0")
                one, fresh = make(), True
                if not left:
                    break
    if not fresh:
        raise EOFError


def _zstd() -> Callable[[], _Decompressor]:
    """Python has zstd from 3.14 on."""
    try:
        return cast("Callable[[], _Decompressor]", import_module("compression.zstd").ZstdDecompressor)
    except ImportError:
        raise NotMailError(
            "it is compressed with zstd, which this Python cannot read: unpack it first (`zstd -d`)"
        ) from None
