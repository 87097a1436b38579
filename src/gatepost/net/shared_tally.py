"""`Tally` for all workers together, in shared memory: see `gatepost.net.tally` for what each method promises.

Failed logins are counted in three places: for the address, for the login, and for the pair of both. The pair
knows which wrong secrets it has seen, so a phone with an old password counts once; and it knows whether this
login ever succeeded from this address, in which case failures from elsewhere do not slow it down: nobody can
lock somebody else out. Counts live for `failure_memory` seconds from the first failure of a series.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from gatepost.config.settings import Limits
from gatepost.net.addresses import REMEMBERED, Networks, counted_as
from gatepost.net.shared_table import (
    BUSY,
    COUNT,
    EXTRA,
    GOOD,
    MARKS,
    MARKS_KEPT,
    SINCE,
    Record,
    SharedTable,
)

_ADDRESS: Final = b"a"
_ACCOUNT: Final = b"u"
_LOGIN: Final = b"l"
_PAIR: Final = b"p"

_ALLOWED: Final = 0
"""In place of a key: an address that is never counted."""
_MOST_DOUBLINGS: Final = 30
"""Keeps the power of two a small number; every configured delay is reached before."""


class SharedTally:
    """Make it before the fork; every worker then says who it is with `bind_worker`."""

    __slots__ = ("_allow", "_clock", "_keys", "_limits", "_table", "_worker")

    def __init__(self, limits: Limits, workers: int, clock: Callable[[], float] = time.time) -> None:
        """`workers`: how many processes may live at a time, those that still retire included. Raises ValueError
        if `limits.allow` holds something that is no network.
        """
        self._limits = limits
        self._allow = Networks(limits.allow)
        self._table = SharedTable(workers)
        self._clock = clock
        self._worker = 0
        self._keys: dict[str, int] = {}

    def bind_worker(self, number: int) -> None:
        """This process counts as worker `number`, from 0."""
        self._worker = number

    def forget_worker(self, number: int) -> None:
        """Worker `number` has ended: its connections and sessions are gone. For the supervisor; takes some 50 ms."""
        self._table.release_all(number)

    def connect(self, address: str) -> bool:
        key = self._address(address)
        return key == _ALLOWED or self._enter(key, self._limits.connections_per_address)

    def disconnect(self, address: str) -> None:
        if key := self._address(address):
            self._leave(key)

    def enter(self, account_id: int) -> bool:
        return self._enter(self._table.key(_ACCOUNT, str(account_id)), self._limits.connections_per_account)

    def leave(self, account_id: int) -> None:
        self._leave(self._table.key(_ACCOUNT, str(account_id)))

    def _enter(self, key: int, most: int) -> bool:
        table = self._table
        with table.locked(key):
            record = table.make(key, self._clock())
            if record is None:  # sixteen others of this bucket are busy: rather serve one too many than none
                return True
            if table.ints[record + BUSY] >= most:
                return False
            table.use(record, self._worker)
            return True

    def _leave(self, key: int) -> None:
        with self._table.locked(key):
            if (record := self._table.find(key)) is not None:
                self._table.release(record, self._worker)

    def refusal(self, address: str, now: float) -> float:
        key = self._address(address)
        if key == _ALLOWED:
            return 0.0
        count, since = self._failures(key, now)
        if count < self._limits.failures_before_refusal:
            return 0.0
        return since + self._limits.failure_memory - now

    def delay(self, address: str, login: str, now: float) -> float:
        key = self._address(address)
        if key == _ALLOWED:
            return 0.0
        count = self._failures(key, now)[0]
        if not self._known(self._pair(address, login)):
            count = max(count, self._failures(self._table.key(_LOGIN, login), now)[0])
        if not count:
            return 0.0
        limits = self._limits
        return min(limits.failure_delay * 2.0 ** min(count - 1, _MOST_DOUBLINGS), limits.failure_delay_most)

    def failure(self, address: str, login: str, secret_digest: bytes, now: float) -> None:
        key = self._address(address)
        if key == _ALLOWED or not self._is_news(self._pair(address, login), secret_digest, now):
            return
        self._add_failure(key, now)
        self._add_failure(self._table.key(_LOGIN, login), now)

    def success(self, address: str, login: str, now: float) -> None:
        key = self._address(address)
        if key == _ALLOWED:
            return
        pair, table = self._pair(address, login), self._table
        with table.locked(pair):
            record = table.make(pair, now)
            if record is None:
                return
            count = table.ints[record + COUNT] if self._in_window(record, now) else 0
            self._clear(record)
            table.floats[record + GOOD] = now
        if count:
            self._take_failures(key, count)
            self._take_failures(table.key(_LOGIN, login), count)

    def last_login(self, account_id: int) -> tuple[float, int]:
        key, table = self._table.key(_ACCOUNT, str(account_id)), self._table
        with table.locked(key):
            record = table.find(key)
            return (0.0, 0) if record is None else (table.floats[record + GOOD], table.ints[record + EXTRA])

    def note_login(self, account_id: int, now: float, uidnext: int) -> None:
        key, table = self._table.key(_ACCOUNT, str(account_id)), self._table
        with table.locked(key):
            if (record := table.make(key, now)) is not None:
                table.floats[record + GOOD] = now
                table.ints[record + EXTRA] = uidnext

    def _address(self, address: str) -> int:
        key = self._keys.get(address)
        if key is None:
            if len(self._keys) >= REMEMBERED:
                self._keys.clear()
            allowed = address in self._allow
            key = self._keys[address] = _ALLOWED if allowed else self._table.key(_ADDRESS, counted_as(address))
        return key

    def _pair(self, address: str, login: str) -> int:
        return self._table.key(_PAIR, f"{counted_as(address)} {login}")

    def _in_window(self, record: Record, now: float) -> bool:
        return now - self._table.floats[record + SINCE] < self._limits.failure_memory

    def _failures(self, key: int, now: float) -> tuple[int, float]:
        """How many are remembered, and since when."""
        table = self._table
        with table.locked(key):
            record = table.find(key)
            if record is None or not self._in_window(record, now):
                return 0, 0.0
            return table.ints[record + COUNT], table.floats[record + SINCE]

    def _known(self, pair: int) -> bool:
        with self._table.locked(pair):
            record = self._table.find(pair)
            return record is not None and self._table.floats[record + GOOD] > 0

    def _is_news(self, pair: int, secret_digest: bytes, now: float) -> bool:
        """Notes the secret for the pair; False if it is one of its last few wrong ones."""
        mark = int.from_bytes(secret_digest[:8]) or 1
        table = self._table
        with table.locked(pair):
            record = table.make(pair, now)
            if record is None:
                return True
            if not self._in_window(record, now):
                self._clear(record)
                table.floats[record + SINCE] = now
            marks = range(record + MARKS, record + MARKS + MARKS_KEPT)
            if mark in {table.ints[word] for word in marks}:
                return False
            table.ints[marks[table.ints[record + COUNT] % MARKS_KEPT]] = mark
            table.ints[record + COUNT] += 1
            return True

    def _clear(self, record: Record) -> None:
        for word in (COUNT, SINCE, *range(MARKS, MARKS + MARKS_KEPT)):
            self._table.ints[record + word] = 0

    def _add_failure(self, key: int, now: float) -> None:
        table = self._table
        with table.locked(key):
            record = table.make(key, now)
            if record is None:
                return
            if not self._in_window(record, now):
                table.ints[record + COUNT] = 0
                table.floats[record + SINCE] = now
            table.ints[record + COUNT] += 1

    def _take_failures(self, key: int, count: int) -> None:
        table = self._table
        with table.locked(key):
            if (record := table.find(key)) is not None:
                table.ints[record + COUNT] -= min(count, table.ints[record + COUNT])
