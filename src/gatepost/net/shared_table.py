"""A table of counters in memory that all processes share, of fixed size: made before the fork, gone with the server.

Sixteen slots make a bucket; a key's hash chooses its bucket, and the longest idle record of a bucket gives way to
a new one; those that are worth more go last, so that a flood of strangers drives out strangers. Nobody outside knows
the hash key, so nobody can aim at a bucket. Each bucket has its own lock, a byte range of an unlinked file: one system
call to take it, one to give it back, and the kernel does so for a process that dies. Threads of one process are not
kept apart: call from one thread only.
"""

from __future__ import annotations

import fcntl
import math
import mmap
import os
import secrets
import tempfile
import weakref
from hashlib import blake2b
from typing import Final

SLOTS: Final = 65_536
"""Addresses, accounts and pairs of both that are remembered at a time: about 8 MB once all are used."""
WAYS: Final = 16
"""Slots of a bucket: one slice of memory to look through."""

TOUCHED, BUSY, SINCE, COUNT, ALIKE, KIND, KEPT, GOOD, EXTRA, MARKS = range(10)
"""Words of a record: when last used, uses in progress, start of the window, count in it, how many of these cannot be
told apart, what it is of, until when it is worth more than others, last success, one more number, and from MARKS on a
ring of `MARKS_KEPT` numbers. Times are floats, the rest unsigned integers.
A record that does without the last ones may keep a label there, which says in words whom it counts."""
MARKS_KEPT: Final = 4
_COLUMNS: Final = MARKS + MARKS_KEPT

Record = int
"""Position of a record's first word; meaningful only under its key's lock."""


class _BucketLock:
    """A class, because `contextlib` would cost more than the lock."""

    __slots__ = ("_bucket", "_file")

    def __init__(self, file: int, bucket: int) -> None:
        self._file = file
        self._bucket = bucket

    def __enter__(self) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, self._bucket)

    def __exit__(self, *_: object) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, self._bucket)


class SharedTable:
    """Records by 64-bit key. `columns` is the number of workers whose uses are kept apart."""

    __slots__ = (
        "__weakref__",
        "_file",
        "_hash_key",
        "_keys",
        "_octets",
        "_shorts",
        "_size",
        "columns",
        "floats",
        "ints",
        "news",
    )

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self._size = _COLUMNS + -(-columns // 4)
        memory = memoryview(mmap.mmap(-1, SLOTS * 8 * (1 + self._size) + 8))
        self._keys = memory[: SLOTS * 8].cast("Q")
        self.news = memory[-8:].cast("d")
        """One time for everybody; at first longer ago than anything."""
        self.news[0] = -math.inf
        records = self._octets = memory[SLOTS * 8 : -8]
        self.ints = records.cast("Q")
        self.floats = records.cast("d")
        self._shorts = records.cast("H")
        self._hash_key = secrets.token_bytes(16)
        with tempfile.TemporaryFile() as file:
            self._file = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._file)

    def key(self, kind: bytes, name: str) -> int:
        """Never 0, which marks an empty slot."""
        digest = blake2b(kind + name.encode(errors="surrogatepass"), digest_size=8, key=self._hash_key).digest()
        return int.from_bytes(digest) or 1

    def locked(self, key: int) -> _BucketLock:
        """Keeps all other processes out of the key's bucket, as a context manager."""
        return _BucketLock(self._file, key % (SLOTS // WAYS))

    def find(self, key: int) -> Record | None:
        """The key's record, if there is one."""
        first = key % (SLOTS // WAYS) * WAYS
        try:
            return (first + self._keys[first : first + WAYS].tolist().index(key)) * self._size
        except ValueError:
            return None

    def make(self, key: int, now: float) -> Record | None:
        """The key's record, made if need be; None if every record of its bucket is in use."""
        record = self.find(key)
        if record is None:
            record = self._replace(key, now)
        if record is not None:
            self.floats[record + TOUCHED] = now
        return record

    def _replace(self, key: int, now: float) -> Record | None:
        first = key % (SLOTS // WAYS) * WAYS
        idle = [slot for slot in range(first, first + WAYS) if not self.ints[slot * self._size + BUSY]]
        if not idle:
            return None
        slot = min(idle, key=lambda slot: self._worth(slot * self._size, now))
        record = slot * self._size
        for word in range(record, record + self._size):
            self.ints[word] = 0
        self._keys[slot] = key
        return record

    def _worth(self, record: Record, now: float) -> tuple[bool, float]:
        """The least of a bucket gives way: one that was never used, which has only zeros, before all others."""
        return self.floats[record + KEPT] > now, self.floats[record + TOUCHED]

    def label(self, record: Record, kind: int, text: str, first: int) -> None:
        """Says of what the record is, in the words from `first` on; what is too long is cut."""
        room = (_COLUMNS - first) * 8
        octets = text.encode(errors="replace")[:room].ljust(room, b"\0")
        self._octets[(record + first) * 8 : (record + _COLUMNS) * 8] = octets
        self.ints[record + KIND] = kind

    def labelled(self, record: Record, first: int) -> str:
        """What `label` wrote."""
        octets = bytes(self._octets[(record + first) * 8 : (record + _COLUMNS) * 8]).rstrip(b"\0")
        return octets.decode(errors="ignore")

    def every_key(self) -> list[int]:
        """Of all records that there are."""
        return [key for key in self._keys.tolist() if key]

    def use(self, record: Record, column: int) -> None:
        """One more use in progress, by worker `column`."""
        self.ints[record + BUSY] += 1
        self._shorts[(record + _COLUMNS) * 4 + column] += 1

    def release(self, record: Record, column: int) -> None:
        """One use less, if the worker had any."""
        if self._shorts[(record + _COLUMNS) * 4 + column]:
            self._shorts[(record + _COLUMNS) * 4 + column] -= 1
            self.ints[record + BUSY] -= 1

    def release_all(self, column: int) -> None:
        """Takes back every use of a worker that is no more."""
        for slot in range(SLOTS):
            if key := self._keys[slot]:
                record = slot * self._size
                with self.locked(key):
                    self.ints[record + BUSY] -= self._shorts[(record + _COLUMNS) * 4 + column]
                    self._shorts[(record + _COLUMNS) * 4 + column] = 0
