"""How often something may begin, for each of many clients: who comes too often waits, and nobody is refused. Pure."""

from __future__ import annotations

from typing import Final

KEYS: Final = 10_000
"""Clients that are remembered; each only until its burst has come back."""


class Pace:
    """The generic cell rate algorithm (ITU-T I.371): a bucket of `burst`, refilled `rate` times a second, for each key.

    A place in the queue is one number, whatever the length of the queue.
    """

    __slots__ = ("_ahead", "_due", "_step")

    def __init__(self, rate: float, burst: float) -> None:
        self._step = 1 / rate
        self._ahead = burst * self._step
        self._due: dict[str, float] = {}
        """When everything that has begun would be paid back."""

    def wait(self, key: str, now: float) -> float:
        """Counts one more; returns the seconds until it may begin."""
        due = self._due.get(key, now)
        if due <= now:
            due = now
            self._forget(now)
        self._due[key] = due + self._step
        return max(0.0, due + self._step - self._ahead - now)

    def _forget(self, now: float) -> None:
        """Who owes nothing is not remembered; if all owe something, rather all are forgiven than memory grows."""
        if len(self._due) >= KEYS:
            self._due = {key: due for key, due in self._due.items() if due > now}
        if len(self._due) >= KEYS:
            self._due.clear()
