"""Reads SQLite's write-ahead log as SQLite does, and beyond where SQLite stops (https://www.sqlite.org/walformat.html).

SQLite takes frames for committed as far as salts and checksums hold, and passes over the rest without a word. Mostly
that is right. What stands behind the last commit of an unbroken chain may be:

- frames from before the log was begun anew: neither of their two salts is the header's;
- the rest of a transaction that was rolled back, or never finished: frames of this log, but no commit frame;
- a transaction over which the power failed: any part of it, at most one commit frame, and nobody was told that it
  happened, because each commit is synced before the next begins;
- frames that were acknowledged, behind one that was damaged. Two commit frames prove it; a single one may be the case
  before this.

Each frame's checksum goes on from that of the frame before, so a frame behind a broken one can be checked as well: from
what the broken one says, or from what it should have said. The checksum is linear, so damage within one octet can be
found, and undone: where only one change of one octet gives the sums that the frame has, and that the next one went on
from, it is the right one (chance would do so once in 10^12). Of flipped single bits that is seven in ten; for the
highest bits of a word the checksum does not say where they were.

Pure: the caller reads and writes.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final

from msgspec import Struct

HEADER: Final = 32
FRAME_HEADER: Final = 24
FORMAT: Final = 3_007_000
MAGIC: Final = {0x377F0682: "little", 0x377F0683: "big"}
"""And the order of octets in which the checksums were made."""
LARGEST_PAGE: Final = 65_536
SALTS: Final = slice(8, 16)
"""Of a frame's header."""
SUMS: Final = slice(16, 24)
_WORD: Final = 0xFFFF_FFFF

Sums = tuple[int, int]
Read = Callable[[int, int], bytes]
"""`read(octets, offset)`, as much of it as there is."""


class Log(Struct, frozen=True):
    """What a log holds."""

    page_size: int = 0
    """0: no log that SQLite would read."""
    committed: int = 0
    """Frames up to the last commit, once `mends` are written."""
    mends: tuple[tuple[int, bytes], ...] = ()
    """(offset, octets) that undo damage."""
    broken: int = 0
    """The first frame (from 1) that does not hold, if frames of this log stand there or behind; 0 if none."""
    behind: int = 0
    """Frames of this log from there on, which SQLite passes over."""
    commits: int = 0
    """Commit frames among them."""

    @property
    def lost(self) -> bool:
        """Some of what is passed over was acknowledged: there is no other way to two commits."""
        return self.commits > 1

    @property
    def doubtful(self) -> bool:
        """It may have been: or the power failed over the last transaction, of which nobody was told."""
        return self.commits == 1

    @property
    def damaged(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.mends) or self.commits > 0

    def offset(self, frame: int) -> int:
        """Where the frame (from 1) begins; of the one behind the last: where the log ends."""
        return HEADER + (frame - 1) * (FRAME_HEADER + self.page_size)


def examine(read: Read, size: int) -> Log:
    """Looks at every frame of a log of `size` octets: 0.15 ms for each."""
    if size <= HEADER:
        return Log()
    octets = read(HEADER, 0)
    header = _Header.of(octets) or _mended_header(octets, read) or _rebuilt_header(read)
    if header is None:
        return Log()
    walk = _Walk(header, octets)
    length = FRAME_HEADER + header.page_size
    for offset in range(HEADER, size - length + 1, length):
        walk.take(read(length, offset), offset, lambda after=offset + length: read(length, after))  # type: ignore[misc]
    return walk.result()


def believed(read: Read, size: int, log: Log) -> Iterator[tuple[int, bytes]]:
    """(offset, octets) that make SQLite believe the log beyond its broken frame: that is taken as it is, and the
    checksums of it and of all that goes on from it are made anew. Nothing, if the next frame does not go on from it.
    """
    header = _Header.of(read(HEADER, 0))
    length = FRAME_HEADER + log.page_size
    frames = (read(length, offset) for offset in range(log.offset(log.broken), size - length + 1, length))
    broken = next(frames)
    olds: tuple[Sums, ...]
    if header is None or broken[:4] == bytes(4) or broken[SALTS] != header.salts:
        return
    before = read(FRAME_HEADER, log.offset(log.broken - 1))[SUMS] if log.broken > 1 else read(8, HEADER - 8)
    new, offset = _checksum(header, broken, _pair(before)), log.offset(log.broken)
    olds = _pair(broken[SUMS]), new
    changes = [(offset + SUMS.start, _octets(new))]
    for frame in frames:
        if not any(_is_whole(header, frame, old) for old in olds):
            break
        offset += length
        olds, new = (_pair(frame[SUMS]),), _checksum(header, frame, new)
        changes.append((offset + SUMS.start, _octets(new)))
    if len(changes) > 1:
        yield from changes


class _Header(Struct, frozen=True):
    octets: bytes
    order: str
    page_size: int
    salts: bytes
    sums: Sums

    @classmethod
    def of(cls, octets: bytes) -> _Header | None:
        """None if SQLite would not take it."""
        magic, version, page_size = (_big(octets[at : at + 4]) for at in (0, 4, 8))
        order = MAGIC.get(magic)
        if order is None or version != FORMAT or not 512 <= page_size <= LARGEST_PAGE or page_size & page_size - 1:
            return None
        sums = _pair(octets[24:32])
        return cls(octets, order, page_size, octets[16:24], sums) if sums == checksum(order, octets[:24]) else None


def _mended_header(octets: bytes, read: Read) -> _Header | None:
    """With one octet changed back; there are few enough to try them all, and the first frame tells the right one."""
    for at, value in ((at, value) for at in range(HEADER) for value in range(256)):
        header = _Header.of(octets[:at] + bytes((value,)) + octets[at + 1 :])
        if header and _is_whole(header, read(FRAME_HEADER + header.page_size, HEADER), header.sums):
            return header
    return None


def _rebuilt_header(read: Read) -> _Header | None:
    """One with the salts of the frames, if the second goes on from the first. The first does not go on from it."""
    for magic, page_size in ((magic, 1 << bits) for bits in range(9, 17) for magic in MAGIC):
        first, second = (read(FRAME_HEADER + page_size, HEADER + at * (FRAME_HEADER + page_size)) for at in (0, 1))
        constants = b"".join(each.to_bytes(4) for each in (magic, FORMAT, page_size, 0)) + first[SALTS]
        if len(second) == FRAME_HEADER + page_size:
            header = _Header.of(constants + _octets(checksum(MAGIC[magic], constants)))
            if header and _is_whole(header, second, _pair(first[SUMS])):
                return header
    return None


def _checksum(header: _Header, frame: bytes, seed: Sums) -> Sums:
    return checksum(header.order, frame[:8] + frame[FRAME_HEADER:], seed)


def _is_whole(header: _Header, frame: bytes, seed: Sums) -> bool:
    """It is as it was written, behind a frame (or a header) with these sums."""
    return (
        len(frame) == FRAME_HEADER + header.page_size
        and frame[SALTS] == header.salts
        and frame[:4] != bytes(4)
        and _checksum(header, frame, seed) == _pair(frame[SUMS])
    )


class _Walk:
    """Goes from frame to frame."""

    def __init__(self, header: _Header, octets: bytes) -> None:
        self._header = header
        self._mends: list[tuple[int, bytes]] = [] if header.octets == octets else [(0, header.octets)]
        self._frame = self._committed = self._broken = self._behind = self._commits = 0
        self._seeds: tuple[Sums, ...] = (header.sums,)
        """From which the next frame's checksum may go on: behind a broken frame there are two candidates."""

    def take(self, frame: bytes, offset: int, follower: Callable[[], bytes]) -> None:
        self._frame += 1
        if self._broken:
            if self._is_ours(frame):
                self._pass_over(frame)
            return
        (seed,) = self._seeds
        whole = frame if _is_whole(self._header, frame, seed) else self._mended(frame, seed, follower)
        if whole is None:
            self._broken = self._frame
            if self._is_ours(frame):
                self._count(frame)
            self._seeds = (_pair(frame[SUMS]), _checksum(self._header, frame, seed))
            return
        if whole is not frame:
            self._mends.append((offset, whole))
        self._seeds = (_pair(whole[SUMS]),)
        if _is_commit(whole):
            self._committed = self._frame

    def _pass_over(self, frame: bytes) -> None:
        if any(_is_whole(self._header, frame, seed) for seed in self._seeds):
            self._count(frame)
        self._seeds = (_pair(frame[SUMS]),)

    def _count(self, frame: bytes) -> None:
        self._behind += 1
        self._commits += _is_commit(frame)

    def result(self) -> Log:
        header = self._header
        broken = self._broken if self._behind else 0
        return Log(header.page_size, self._committed, tuple(self._mends), broken, self._behind, self._commits)

    def _is_ours(self, frame: bytes) -> bool:
        """In a frame from before the log was begun anew both salts are others."""
        salts, ours = frame[SALTS], self._header.salts
        return salts[:4] == ours[:4] or salts[4:] == ours[4:]

    def _mended(self, frame: bytes, seed: Sums, follower: Callable[[], bytes]) -> bytes | None:
        """The frame as it was, if one octet of it has changed."""
        if not self._is_ours(frame) or (self._frame == 1 and self._mends):
            return None  # from a header that was guessed nothing follows
        should, stored = _checksum(self._header, frame, seed), _pair(frame[SUMS])
        found = [*self._candidates(frame, stored, should)]
        after = follower()
        if len(after) == len(frame) and self._is_ours(after):  # it went on from the sums that the frame had
            found = [each for each in found if _is_whole(self._header, after, _pair(each[SUMS]))]
        return found[0] if len(found) == 1 and _is_whole(self._header, found[0], seed) else None

    def _candidates(self, frame: bytes, stored: Sums, should: Sums) -> Iterator[bytes]:
        sums = _octets(should)
        if should == stored:
            yield frame[:8] + self._header.salts + frame[16:]
            return
        if _one_octet(sums, frame[SUMS]):
            yield frame[:16] + sums + frame[FRAME_HEADER:]
        for octets in _undone(self._header.order, frame[:8] + frame[FRAME_HEADER:], stored, should):
            yield octets[:8] + frame[8:FRAME_HEADER] + octets[8:]


def checksum(order: str, octets: bytes, seed: Sums = (0, 0)) -> Sums:
    """SQLite's, of a whole number of 8 octets (walformat.html, "Checksum Algorithm")."""
    words = _words(order, octets)
    one, two = seed
    for even, odd in zip(words[::2], words[1::2], strict=True):
        one = (one + even + two) & _WORD
        two = (two + odd + one) & _WORD
    return one, two


def _words(order: str, octets: bytes) -> array[int]:
    words = array("I", octets)
    if order != sys.byteorder:
        words.byteswap()
    return words


@cache
def _weights(words: int) -> tuple[Sums, ...]:
    """How much each word counts in the two sums of so many."""
    found: list[Sums] = []
    even, odd = (1, 1), (0, 1)
    for _ in range(words // 2):
        found += (odd, even)
        even, odd = _later(even), _later(odd)
    return tuple(reversed(found))


def _later(weight: Sums) -> Sums:
    """After two more words."""
    one, two = weight
    return (one + two) & _WORD, (one + 2 * two) & _WORD


def _undone(order: str, octets: bytes, stored: Sums, should: Sums) -> Iterator[bytes]:
    """`octets`, with one of them changed, so that their sums are `stored` and no longer `should`: each way to do so."""
    words = _words(order, octets)
    missing = tuple((a - b) & _WORD for a, b in zip(stored, should, strict=True))
    for at, (one, two) in enumerate(_weights(len(words))):
        odd, part = (one, missing[0]) if one & 1 else (two, missing[1])  # of two neighbours in the series one is odd
        change = part * pow(odd, -1, 1 << 32) & _WORD
        if (change * one & _WORD, change * two & _WORD) != missing:
            continue
        word = (words[at] + change) & _WORD
        if _one_octet(word.to_bytes(4), words[at].to_bytes(4)):
            yield octets[: 4 * at] + word.to_bytes(4, "little" if order == "little" else "big") + octets[4 * at + 4 :]


def _one_octet(left: bytes, right: bytes) -> bool:
    return sum(a != b for a, b in zip(left, right, strict=True)) == 1


def _is_commit(frame: bytes) -> bool:
    """It ends a transaction: then the header says how large the database is."""
    return frame[4:8] != bytes(4)


def _big(octets: bytes) -> int:
    return int.from_bytes(octets)


def _pair(octets: bytes) -> Sums:
    return _big(octets[:4]), _big(octets[4:])


def _octets(sums: Sums) -> bytes:
    return b"".join(each.to_bytes(4) for each in sums)
