"""The process manager: forks the children, keeps them alive, and ends them in the right order.

Plain and synchronous: no threads (fork would lose them) and no event loop (children make their own). What the
children do, it does not know: it is given a `Crew`, which makes one job for the keeper, and for each reading of
the configuration one `Generation` of workers. Listening sockets belong to the crew, in this process, so whatever
dies or is replaced, a connection that the kernel has queued finds somebody who answers it.

Signals: SIGHUP reloads. SIGTERM and SIGINT drain, a second one ends all sessions at once.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NoReturn, Protocol, TypeVar

from gatepost.errors import GatepostError
from gatepost.net.child import DRAIN, FAILED, READY, RETIRE, Channel, Job, become_child
from gatepost.net.life import Pulse, Silence
from gatepost.net.signals import signals

T = TypeVar("T")

TICK: Final = 1.0
"""Seconds between looks at certificate files, and updates of the status."""
STEADY: Final = 1.0
"""A child that got through its start and so long at work is in no crash loop: its next restart is immediate again."""
BACKOFF_FIRST: Final = 0.25
"""Seconds before a second restart in a row; for a child that did work before it died there is never a longer one."""
BACKOFF_MOST: Final = 15.0
"""The wait doubles up to this for a child that ends before it is ready: trying faster would mend nothing."""
LOOPING: Final = 4
"""Failures in a row that are called a crash loop."""
DRAIN_GRACE: Final = 5.0
"""Seconds a worker has beyond its drain time to end by itself."""
KEEPER_GRACE: Final = 60.0
"""Seconds the keeper has for its last commit and checkpoint."""


class Generation(Protocol):
    """The workers of one reading of the configuration."""

    @property
    def workers(self) -> Sequence[Job]:
        """What to fork."""

    @property
    def drain_seconds(self) -> float:
        """How long its workers may take to end."""

    @property
    def room(self) -> int:
        """How many workers of earlier generations may go on beside it; the oldest of more are drained."""

    def abandon(self) -> None:
        """This generation is not used any more (or never was): gives back what belongs to it alone."""


class Crew(Protocol):
    """What the supervisor is given to run. Errors of `keeper` and `load` are GatepostErrors.

    Whatever else `load`, `changed` and `tick` raise once the server runs is logged: it never ends the server.
    """

    def keeper(self) -> Job | None:
        """The process that must run before all others and end after them; None if the store needs none."""

    def load(self) -> Generation:
        """Reads the configuration, binds sockets, builds TLS contexts: everything to do before the fork."""

    def changed(self) -> bool:
        """Whether there is a reason for another `load`: a watched file (certificate, key) is not what it was."""

    def after_fork(self) -> None:
        """In every child, first: close what only the supervisor may hold."""

    def tick(self, processes: Sequence[Process], state: str) -> None:
        """Called every second, and when something changed: publish the state."""

    def ready(self, *, again: bool) -> None:
        """All workers accept connections (`again`: after a reload, done or refused)."""

    def reloading(self) -> None:
        """A reload begins."""

    def stopping(self) -> None:
        """The drain begins."""


@dataclass(frozen=True, slots=True)
class Process:
    """A child, as the status shows it."""

    name: str
    pid: int
    started: float
    """`time.time()`."""
    state: str
    """`starting`, `running`, `draining`."""


@dataclass(slots=True, eq=False)
class _Slot:
    """A place that one child at a time fills."""

    job: Job
    failures: int = 0
    due: float | None = None
    """When to start it again (`time.monotonic()`); None: it runs, or is not wanted."""


@dataclass(slots=True, eq=False)
class _Child:
    slot: _Slot
    pid: int
    channel: socket.socket
    started: float
    born: float
    """The same moment, `time.monotonic()`."""
    silence: Silence
    state: str = "starting"
    message: bytearray = field(default_factory=bytearray)


class StartError(GatepostError):
    """The server did not start; the text is the first cause that a child reported."""


class Supervisor:
    """Runs a crew until it is told to stop. One instance, in the main thread of its process."""

    def __init__(self, crew: Crew, log: Callable[[str], None]) -> None:
        self._crew = crew
        self._log = log
        self._children: dict[int, _Child] = {}
        self._keeper: _Slot | None = None
        self._generation: Generation | None = None
        self._slots: list[_Slot] = []
        self._next: tuple[Generation, list[_Slot]] | None = None
        self._selector = selectors.DefaultSelector()
        self._stops = 0
        self._again = False
        self._deadline: float | None = None
        self._next_tick = 0.0
        self._error = ""
        self._complaint = ""
        self._terminal = os.isatty(2)
        self._state = "starting"

    # -- life ------------------------------------------------------------------------------------------------

    def run(self) -> int:
        """Starts everything, serves, stops everything; returns the exit code. Raises what stopped the start."""
        with signals(self._selector) as (self._wakeup, self._waker):
            try:
                self._start()
                while not self._stops:
                    self._turn()
                self._stop()
            finally:
                self._kill_all()
                self._selector.close()
        return 0

    def _start(self) -> None:
        job = self._crew.keeper()
        if job is not None:
            self._keeper = _Slot(job)
            self._spawn(self._keeper)
            self._await_start()
        if self._stops:
            return
        self._generation = self._crew.load()
        self._slots = [_Slot(job) for job in self._generation.workers]
        for slot in self._slots:
            self._spawn(slot)
        self._await_start()
        if not self._stops:
            self._announce("running")
            self._crew.ready(again=False)

    def _await_start(self) -> None:
        """Until every child is ready. Raises StartError if one ends instead."""
        while not self._stops:
            if self._error:
                raise StartError(self._error)
            if all(child.state != "starting" for child in self._children.values()):
                return
            self._turn()

    def _turn(self) -> None:
        """Waits for the next thing to happen, and handles it."""
        now = time.monotonic()
        dues = [slot.due for slot in self._wanted() if slot.due is not None]
        if self._deadline is not None:
            dues.append(self._deadline)
        wait = max(0.0, min([self._next_tick, *dues]) - now)
        for key, _ in self._selector.select(wait):
            if key.data is None:
                self._handle_signals()
            else:
                self._listen_to(key.data)
        self._reap()
        self._keep_time(time.monotonic())

    def _keep_time(self, now: float) -> None:
        for slot in self._wanted():
            if slot.due is not None and slot.due <= now:
                self._spawn(slot)
        if now >= self._next_tick:
            self._next_tick = now + TICK
            self._replace_hung(now)
            if self._state == "running" and self._next is None and (self._again or self._guarded(self._crew.changed)):
                self._reload()
            self._publish()

    def _replace_hung(self, now: float) -> None:
        """Ends children that give no sign of life; they are started again like any that ended."""
        for child in self._children.values():
            patience = child.slot.job.patience
            if patience and child.state != "starting" and child.silence.too_long(patience, now):
                name = f"{child.slot.job.name} (process {child.pid})"
                self._log(f"{name} hangs: no sign of life for {child.silence.seconds()} s; it is ended by force")
                self._kill([child])

    def _guarded(self, ask: Callable[[], T]) -> T | None:
        """What the crew answers; what it raises is logged, once as long as it stays the same."""
        try:
            return ask()
        except Exception as error:  # noqa: BLE001 -- a fault in what only looks on must not end what serves
            complaint = _explained(error)
            if complaint != self._complaint:
                self._log(f"the server goes on, in spite of an unexpected error: {complaint}")
            self._complaint = complaint
            return None

    def _wanted(self) -> list[_Slot]:
        upcoming = self._next[1] if self._next else []
        return [*([self._keeper] if self._keeper else []), *self._slots, *upcoming]

    def _announce(self, state: str) -> None:
        self._state = state
        self._publish()

    def _publish(self) -> None:
        processes = [
            Process(child.slot.job.name, child.pid, child.started, child.state) for child in self._children.values()
        ]
        self._guarded(partial(self._crew.tick, processes, self._state))

    # -- signals ---------------------------------------------------------------------------------------------

    def _handle_signals(self) -> None:
        for number in self._wakeup.recv(512):
            match number:
                case signal.SIGHUP if self._terminal and not os.isatty(2):
                    self._stops += 1  # the terminal that we were started from was closed
                case signal.SIGHUP:
                    self._again = True
                    if self._state == "running" and self._next is None:
                        self._reload()
                case signal.SIGTERM | signal.SIGINT:
                    self._stops += 1
                case _:
                    pass  # SIGCHLD: it only wakes the loop, which reaps after each turn

    # -- children --------------------------------------------------------------------------------------------

    def _spawn(self, slot: _Slot) -> None:
        slot.due = None
        ours, theirs = socket.socketpair()
        parent, pulse = os.getpid(), Pulse()
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            pid = os.fork()
        except OSError as error:  # no memory, or too many processes: perhaps for a moment only
            ours.close()
            theirs.close()
            self._mourn(slot, f"cannot start {slot.job.name}: {error.strerror}", starting=True)
            return
        if pid == 0:
            ours.close()
            self._become_child(slot.job, Channel(theirs, parent, pulse))
        theirs.close()
        ours.setblocking(False)
        now = time.monotonic()
        child = _Child(slot, pid, ours, time.time(), now, Silence(pid, pulse, now))
        self._children[pid] = child
        self._selector.register(ours, selectors.EVENT_READ, child)

    def _become_child(self, job: Job, channel: Channel) -> NoReturn:
        def forget() -> None:
            self._selector.close()
            self._wakeup.close()
            self._waker.close()
            for sibling in self._children.values():
                sibling.channel.close()
            self._crew.after_fork()

        become_child(job, channel, forget)

    def _listen_to(self, child: _Child) -> None:
        try:
            data = child.channel.recv(65536)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if not data:
            self._selector.unregister(child.channel)
        elif data.startswith(READY) and child.state == "starting":
            child.state = "running"
            child.message += data[len(READY) :]
            self._complete_reload()
        else:
            child.message += data

    def _tell(self, child: _Child, word: bytes) -> None:
        if child.state != "draining":
            child.state = "draining"
            with suppress(OSError):
                child.channel.send(word)

    def _drain(self, child: _Child) -> None:
        """Also for one that retires."""
        child.state = "running" if child.state == "draining" else child.state
        self._tell(child, DRAIN)

    def _reap(self) -> None:
        for child in list(self._children.values()):
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid:
                self._bury(child, os.waitstatus_to_exitcode(status))

    def _bury(self, child: _Child, code: int) -> None:
        with suppress(KeyError):
            self._selector.get_key(child.channel)
            self._listen_to(child)
        with suppress(KeyError):
            self._selector.unregister(child.channel)
        child.channel.close()
        del self._children[child.pid]
        expected = child.state == "draining" or (self._stops and child.slot is not self._keeper)
        if not expected:
            lived = time.monotonic() - child.born
            self._mourn(child.slot, _cause(child, code), starting=child.state == "starting", lived=lived)

    def _mourn(self, slot: _Slot, cause: str, *, starting: bool, lived: float = 0.0) -> None:
        """A child ended that nobody told to, or could not be made."""
        if self._state == "starting":
            self._error = self._error or cause
        elif self._next and slot in self._next[1] and starting:
            self._log(f"reload failed, the old configuration stays in force: {cause}")
            self._cancel_reload()
        elif slot in self._wanted():
            slot.failures = 1 if lived >= STEADY else slot.failures + 1
            most = BACKOFF_MOST if starting else BACKOFF_FIRST
            wait = 0.0 if slot.failures == 1 else min(most, BACKOFF_FIRST * 2.0 ** min(slot.failures - 2, 30))
            slot.due = time.monotonic() + wait
            loop = f"; it ended {slot.failures} times in a row" if slot.failures >= LOOPING else ""
            self._log(f"{cause}{loop}; starting it again {f'in {wait:g} s' if wait else 'now'}")
        else:
            self._log(cause)

    # -- reload ----------------------------------------------------------------------------------------------

    def _reload(self) -> None:
        """Begins a reload: the new workers start beside the old ones, which go on until the new ones accept."""
        self._again = False
        self._crew.reloading()
        try:
            generation = self._crew.load()
        except Exception as error:  # noqa: BLE001 -- whatever a new file holds, the old generation serves on
            self._log(f"reload failed, the old configuration stays in force: {_explained(error)}")
            self._crew.ready(again=True)
            return
        slots = [_Slot(job) for job in generation.workers]
        self._next = generation, slots
        for slot in slots:
            if self._next:  # a fork that failed has ended the reload
                self._spawn(slot)

    def _complete_reload(self) -> None:
        if self._next is None:
            return
        generation, slots = self._next
        if any(child.state == "starting" for child in self._of(slots)):
            return
        for child in self._of(self._slots):
            self._tell(child, RETIRE)
        old, self._generation, self._slots, self._next = self._generation, generation, slots, None
        if old is not None:
            old.abandon()
        self._make_room(generation.room)
        self._log("reloaded: new connections get the new configuration, open ones go on undisturbed")
        self._crew.ready(again=True)
        self._publish()

    def _make_room(self, room: int) -> None:
        """Of the workers that go on with the sessions of earlier generations, the oldest may be too many."""
        wanted = self._wanted()
        retiring = [child for child in self._children.values() if child.slot not in wanted]
        for child in retiring[: max(len(retiring) - room, 0)]:
            self._drain(child)

    def _cancel_reload(self) -> None:
        if self._next is None:
            return
        generation, slots = self._next
        self._next = None
        for child in self._of(slots):
            self._tell(child, RETIRE)
        generation.abandon()
        self._crew.ready(again=True)

    def _of(self, slots: list[_Slot]) -> list[_Child]:
        return [child for child in self._children.values() if child.slot in slots]

    # -- the end ---------------------------------------------------------------------------------------------

    def _stop(self) -> None:
        self._announce("stopping")
        self._crew.stopping()
        patience = (self._generation.drain_seconds if self._generation else 0.0) + DRAIN_GRACE
        self._slots, self._next = [], None  # only the keeper is wanted: until the last session has said QUIT
        for child in self._children.values():
            if child.slot is not self._keeper:
                self._drain(child)
        self._await_end(patience)
        for child in list(self._children.values()):
            self._tell(child, DRAIN)
        self._keeper = None
        self._stops = 1
        self._await_end(KEEPER_GRACE)

    def _await_end(self, patience: float) -> None:
        """Until all children but the keeper have ended; by force after `patience`, or a second signal."""
        self._deadline = time.monotonic() + patience
        signals = 1
        while awaited := [child for child in self._children.values() if child.slot is not self._keeper]:
            if self._stops > signals or time.monotonic() >= self._deadline:
                self._kill(awaited)
                signals, self._deadline = self._stops, time.monotonic() + DRAIN_GRACE
            self._turn()
        self._deadline = None

    def _kill(self, children: list[_Child]) -> None:
        for child in children:
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)

    def _kill_all(self) -> None:
        """After an error: nobody is left behind. The keeper survives being killed, by design."""
        self._kill(list(self._children.values()))
        for child in self._children.values():
            os.waitpid(child.pid, 0)
            child.channel.close()
        self._children.clear()


def _cause(child: _Child, code: int) -> str:
    """Why a child ended, in a sentence."""
    if child.message:
        return child.message.removeprefix(FAILED).decode(errors="replace")
    name = f"{child.slot.job.name} (process {child.pid})"
    if code >= 0:
        return f"{name} ended by itself with exit code {code}"
    return f"{name} was ended by {signal.Signals(-code).name}"


def _explained(error: Exception) -> str:
    """In a sentence where there is one; a bug with the way to it."""
    if isinstance(error, (GatepostError, OSError)):
        return str(error)
    return "".join(traceback.format_exception(error)).rstrip()
