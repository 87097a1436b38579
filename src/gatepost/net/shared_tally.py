"""`Tally` for all workers together, in shared memory: see `gatepost.net.tally` for what each method promises.

Failed logins are counted for the address, for its IPv6 /48, for the login, and for the pair of login and address. The
pair knows which wrong secrets it has seen, so a phone with an old password counts once; and it knows when this login
last succeeded from this address: while that was of late, only the pair's own failures hold it up, so nobody can lock
somebody else out. Counts live for `failure_memory` seconds from the first failure of a series.

All times are `time.monotonic()`, which on one host is the same for every process: nobody is locked out, or forgiven,
because the wall clock was set.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from typing import Final

from gatepost.config.settings import Limits
from gatepost.net.addresses import REMEMBERED, Networks, counted_as, network_of
from gatepost.net.shared_table import (
    ALIKE,
    BUSY,
    COUNT,
    EXTRA,
    GOOD,
    KEPT,
    KIND,
    MARKS,
    MARKS_KEPT,
    SINCE,
    Record,
    SharedTable,
)
from gatepost.net.tally import Limited

_ADDRESS: Final = b"a"
_ACCOUNT: Final = b"u"
_LOGIN: Final = b"l"
_PAIR: Final = b"p"
_SITE: Final = b"s"
_KINDS: Final = {1: "address", 2: "login", 3: "account", 4: "site"}
_LABEL_AT: Final = {1: MARKS, 2: GOOD, 3: MARKS, 4: MARKS}
"""An account needs the words before for its last login, an address for the last success there."""
_PREFIX: Final = {1: 64, 4: 48}
"""Of an IPv6 address, by kind."""

KNOWN: Final = 30 * 86_400.0
"""Seconds for which a login is known where it succeeded: longer than a holiday, shorter than a lease of an address."""
NOTED: Final = 3600.0
"""Seconds after which a success is noted for the address too: not at each login, which would cost a lock more."""
AS_ONE: Final = 4
"""Wrong secrets that cannot be compared (SCRAM) count as one for all but their pair. One device with an old password
makes 20 attempts before its pair is refused, so it counts five of the 20 that refuse an address to strangers."""
SITE_TIMES: Final = 5
"""A /48 is refused after so many times the failures of one address: most are one owner's, some hold many customers."""

_ALLOWED: Final = 0
"""In place of a key: an address that is never counted."""
_MOST_DOUBLINGS: Final = 30
"""Keeps the power of two a small number; every configured delay is reached before."""


class SharedTally:
    """Make it before the fork; every worker then says who it is with `bind_worker`."""

    __slots__ = ("_allow", "_clock", "_keys", "_limits", "_table", "_worker")

    def __init__(self, limits: Limits, workers: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`workers`: how many processes may live at a time, those that still retire included. Raises ValueError
        if `limits.allow` holds something that is no network.
        """
        self._limits = limits
        self._allow = Networks(limits.allow)
        self._table = SharedTable(workers)
        self._clock = clock
        self._worker = 0
        self._keys: dict[object, int] = {}

    def bind_worker(self, number: int) -> None:
        """This process counts as worker `number`, from 0."""
        self._worker = number

    def forget_worker(self, number: int) -> None:
        """Worker `number` has ended: its connections and sessions are gone. For the supervisor; takes some 50 ms."""
        self._table.release_all(number)

    def connect(self, address: str) -> bool:
        key = self._address(address)
        return key == _ALLOWED or self._enter(key, self._limits.connections_per_address, 1, address)

    def disconnect(self, address: str) -> None:
        if key := self._address(address):
            self._leave(key)

    def enter(self, account_id: int) -> bool:
        return self._enter(self._account(account_id), self._limits.connections_per_account, 3, str(account_id))

    def leave(self, account_id: int) -> None:
        self._leave(self._account(account_id))

    def _enter(self, key: int, most: int, kind: int, who: str) -> bool:
        table = self._table
        with table.locked(key):
            record = table.make(key, self._clock())
            if record is None:  # sixteen others of this bucket are busy: rather serve one too many than none
                return True
            if not table.ints[record + KIND]:
                self._label(record, kind, who)
            if table.ints[record + BUSY] >= most:
                table.news[0] = self._clock()
                return False
            table.use(record, self._worker)
            return True

    def _leave(self, key: int) -> None:
        with self._table.locked(key):
            if (record := self._table.find(key)) is not None:
                self._table.release(record, self._worker)

    def _quiet(self, now: float) -> bool:
        """Nobody has failed to log in for so long that all is forgotten: the usual case, and a cheap one."""
        return now - self._table.news[0] >= self._limits.failure_memory

    def refusal(self, address: str, now: float, login: str = "") -> float:
        if self._quiet(now) or (key := self._address(address)) == _ALLOWED:
            return 0.0
        pair = self._pair(address, login) if login else 0
        own = self._refused(pair, now, 1) if pair else 0.0
        if own or self._known(pair or key, now):
            return own
        site = self._site(address)
        return max(self._refused(key, now, 1), self._refused(site, now, SITE_TIMES) if site else 0.0)

    def _refused(self, key: int, now: float, times: int) -> float:
        count, since = self._failures(key, now)
        if count < self._limits.failures_before_refusal * times:
            return 0.0
        return since + self._limits.failure_memory - now

    def known(self, address: str, login: str, now: float) -> bool:
        return self._address(address) == _ALLOWED or self._known(self._pair(address, login), now)

    def delay(self, address: str, login: str, now: float) -> float:
        if self._quiet(now) or (key := self._address(address)) == _ALLOWED:
            return 0.0
        pair = self._pair(address, login)
        count = self._failures(pair, now)[0]
        if not self._known(pair, now):
            login_key = self._table.key(_LOGIN, login)
            count = max(count, self._failures(key, now)[0], self._failures(login_key, now)[0])
        return self._delay(count)

    def _delay(self, count: int) -> float:
        if not count:
            return 0.0
        limits = self._limits
        return min(limits.failure_delay * 2.0 ** min(count - 1, _MOST_DOUBLINGS), limits.failure_delay_most)

    def failure(self, address: str, login: str, secret_digest: bytes, now: float) -> None:
        key = self._address(address)
        if key == _ALLOWED or not self._is_news(self._pair(address, login), secret_digest, now):
            return
        self._add_failure(key, now, 1, address)
        self._add_failure(self._table.key(_LOGIN, login), now, 2, login)
        if site := self._site(address):
            self._add_failure(site, now, 4, address)

    def success(self, address: str, login: str, now: float) -> None:
        key = self._address(address)
        if key == _ALLOWED:
            return
        pair, table = self._pair(address, login), self._table
        with table.locked(pair):
            record = table.make(pair, now)
            if record is None:
                return
            count = self._told(record) if self._in_window(record, now) else 0
            if table.ints[record + COUNT]:
                self._clear(record)
            noted = now - table.floats[record + EXTRA] < NOTED and table.floats[record + EXTRA] > 0
            table.floats[record + GOOD] = now
            table.floats[record + KEPT] = now + KNOWN
            if not noted:
                table.floats[record + EXTRA] = now
        if not noted:
            self._note_known(key, now, address)
        if count:
            self._take_failures(key, count)
            self._take_failures(table.key(_LOGIN, login), count)
            if site := self._site(address):
                self._take_failures(site, count)

    def _note_known(self, key: int, now: float, address: str) -> None:
        table = self._table
        with table.locked(key):
            if (record := table.make(key, now)) is not None:
                self._label(record, 1, address)
                table.floats[record + GOOD] = now
                table.floats[record + KEPT] = now + KNOWN

    def last_login(self, account_id: int) -> tuple[float, int]:
        key, table = self._account(account_id), self._table
        with table.locked(key):
            record = table.find(key)
            return (0.0, 0) if record is None else (table.floats[record + GOOD], table.ints[record + EXTRA])

    def note_login(self, account_id: int, now: float, uidnext: int) -> None:
        key, table = self._account(account_id), self._table
        with table.locked(key):
            if (record := table.make(key, now)) is not None:
                table.floats[record + GOOD] = now
                table.ints[record + EXTRA] = uidnext

    def limited(self, now: float) -> list[Limited]:
        """Everybody who is held up now, the most failures first. For the supervisor; costs nothing in quiet times."""
        if self._quiet(now):
            return []
        return sorted(self._limited(now), key=lambda each: (-each.failures, -each.connections, each.who))

    def _limited(self, now: float) -> Iterator[Limited]:
        table = self._table
        for key in table.every_key():
            with table.locked(key):
                record = table.find(key)
                if record is not None and (found := self._looked_at(record, now)):
                    yield found

    def _looked_at(self, record: Record, now: float) -> Limited | None:
        table, limits = self._table, self._limits
        kind, busy = table.ints[record + KIND], table.ints[record + BUSY]
        most = {1: limits.connections_per_address, 3: limits.connections_per_account}.get(kind, busy + 1)
        count = table.ints[record + COUNT] if kind and self._in_window(record, now) else 0
        refusing = limits.failures_before_refusal * {1: 1, 4: SITE_TIMES}.get(kind, count + 1)
        if (not count or (kind == 4 and count < refusing)) and busy < most:
            return None
        return Limited(
            kind=_KINDS[kind],
            who=table.labelled(record, _LABEL_AT[kind]),
            failures=count,
            delay=0.0 if kind == 4 else self._delay(count),
            until=table.floats[record + SINCE] + limits.failure_memory if count else 0.0,
            refused=count >= refusing,
            connections=busy,
            full=busy >= most,
        )

    def _label(self, record: Record, kind: int, who: str) -> None:
        if not self._table.ints[record + KIND]:
            prefix = _PREFIX.get(kind) if ":" in who else None
            text = str(ip_network((who, prefix), strict=False)) if prefix else who
            self._table.label(record, kind, text, _LABEL_AT[kind])

    def _address(self, address: str) -> int:
        key = self._keys.get(address)
        if key is None:
            allowed = address in self._allow
            key = self._remember(address, _ALLOWED if allowed else self._table.key(_ADDRESS, counted_as(address)))
        return key

    def _site(self, address: str) -> int:
        """Of an IPv6 address; 0 for IPv4, whose neighbours are other people."""
        return self._table.key(_SITE, network_of(address)) if ":" in address else 0

    def _pair(self, address: str, login: str) -> int:
        pair = address, login
        return self._keys.get(pair) or self._remember(pair, self._table.key(_PAIR, f"{counted_as(address)} {login}"))

    def _account(self, account_id: int) -> int:
        return self._keys.get(account_id) or self._remember(account_id, self._table.key(_ACCOUNT, str(account_id)))

    def _remember(self, of: object, key: int) -> int:
        """Keys of late: to make one costs more than to count."""
        if len(self._keys) >= REMEMBERED:
            self._keys.clear()
        self._keys[of] = key
        return key

    def _in_window(self, record: Record, now: float) -> bool:
        table = self._table
        return bool(table.ints[record + COUNT]) and now - table.floats[record + SINCE] < self._limits.failure_memory

    def _failures(self, key: int, now: float) -> tuple[int, float]:
        """How many are remembered, and since when."""
        table = self._table
        with table.locked(key):
            record = table.find(key)
            if record is None or not self._in_window(record, now):
                return 0, 0.0
            return table.ints[record + COUNT], table.floats[record + SINCE]

    def _known(self, key: int, now: float) -> bool:
        """Of a pair; or of an address: whether anybody is known there."""
        with self._table.locked(key):
            record = self._table.find(key)
            return record is not None and self._table.floats[record + KEPT] > now

    def _is_news(self, pair: int, secret_digest: bytes, now: float) -> bool:
        """Notes the failure for the pair; False if it does not count elsewhere."""
        table = self._table
        table.news[0] = now
        with table.locked(pair):
            record = table.make(pair, now)
            if record is None:
                return True
            if not self._in_window(record, now):
                self._clear(record)
                table.floats[record + SINCE] = now
            if not secret_digest:
                table.ints[record + COUNT] += 1
                table.ints[record + ALIKE] += 1
                return table.ints[record + ALIKE] % AS_ONE == 1
            return self._is_new_secret(record, int.from_bytes(secret_digest[:8]) or 1)

    def _is_new_secret(self, record: Record, mark: int) -> bool:
        """False if it is one of the last few wrong ones."""
        ints = self._table.ints
        marks = range(record + MARKS, record + MARKS + MARKS_KEPT)
        if mark in {ints[word] for word in marks}:
            return False
        ints[marks[(ints[record + COUNT] - ints[record + ALIKE]) % MARKS_KEPT]] = mark
        ints[record + COUNT] += 1
        return True

    def _told(self, record: Record) -> int:
        """How many of a pair's failures counted elsewhere."""
        count, alike = self._table.ints[record + COUNT], self._table.ints[record + ALIKE]
        return count - alike + -(-alike // AS_ONE)

    def _clear(self, record: Record) -> None:
        """Of a pair: all its failures."""
        for word in (COUNT, ALIKE, SINCE, *range(MARKS, MARKS + MARKS_KEPT)):
            self._table.ints[record + word] = 0

    def _add_failure(self, key: int, now: float, kind: int, who: str) -> None:
        table = self._table
        with table.locked(key):
            record = table.make(key, now)
            if record is None:
                return
            self._label(record, kind, who)
            if not self._in_window(record, now):
                table.ints[record + COUNT] = 0
                table.floats[record + SINCE] = now
            table.ints[record + COUNT] += 1

    def _take_failures(self, key: int, count: int) -> None:
        table = self._table
        with table.locked(key):
            if (record := table.find(key)) is not None:
                table.ints[record + COUNT] -= min(count, table.ints[record + COUNT])
