"""What the supervisor runs: the keeper, and for each reading of the configuration a generation of workers.

Everything that needs root, and everything that all processes share, is made here before a fork.
"""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from gatepost import __version__
from gatepost.app.preload import preload
from gatepost.app.site import Counters, Plan, open_site
from gatepost.config.listeners import live, may_bind_low_ports
from gatepost.config.load import load as read_settings
from gatepost.config.settings import Settings
from gatepost.errors import CertificateError, ConfigError, GatepostError
from gatepost.net import landlock
from gatepost.net.adoption import report
from gatepost.net.child import Channel, Job
from gatepost.net.environment import empty as empty_environment
from gatepost.net.life import KEEPER_PATIENCE, WORKER_PATIENCE
from gatepost.net.listener import OpenListener, open_listeners, share
from gatepost.net.log import Log, LogHandler
from gatepost.net.places import (
    SERVICE_FILES,
    as_owner_of,
    bindable,
    certificate_reader,
    data_directory,
    ensure_certificate,
)
from gatepost.net.privileges import (
    Identity,
    adopt_orphans,
    become,
    can_use,
    choose_identity,
    confine,
    die_with,
    hand_over,
    keep_for_supervisor,
    room_for_connections,
)
from gatepost.net.scoreboard import Scoreboard
from gatepost.net.sessions import SessionDesk
from gatepost.net.shared_tally import SharedTally
from gatepost.net.status import MOST_LIMITED, CertificateStatus, ListenerStatus, ProcessStatus, Status, StatusFile
from gatepost.net.supervisor import Process, Supervisor
from gatepost.net.systemd import Notifier, inherited_sockets
from gatepost.net.tally import Limited
from gatepost.net.tls import TICKET_KEYS_LIVE, TlsContexts
from gatepost.net.trace import Trace
from gatepost.net.watch import Watch
from gatepost.net.worker import Site, run_worker, serve_in_batches
from gatepost.ports import Listener
from gatepost.store.keeper import run_keeper
from gatepost.store.locks import FileMaildropLocks, lock_file
from gatepost.store.remote import open_remote
from gatepost.store.sqlite.database import SHARED_MEMORY

KEEPER: Final = "keeper"
GENERATIONS: Final = 8
"""Places for workers, as a multiple of their number: sessions that outlive a reload keep theirs."""
RENEWAL_EVERY: Final = 3600.0
"""Seconds between looks whether the local authority's certificate is due for renewal."""
AGAIN_AFTER: Final = 60.0
"""Seconds until a reload is tried again for which there were no places left: draining workers give theirs back."""
LIMITED_EVERY: Final = 3.0
"""Seconds between looks at whom the limits hold up: 2 ms each while there are failed logins."""


def run(
    settings: Settings,
    config_file: Path | None,
    secret: bytes,
    *,
    trace: str,
    adjust: Callable[[Settings], Settings],
    on_ready: Callable[[], None],
) -> int:
    """Serves until told to stop; returns the exit code. Raises GatepostError when the start fails."""
    notifier = Notifier(os.environ)
    inherited = inherited_sockets(os.environ, os.getpid())
    log = Log(settings.server.log)
    LogHandler(log).install()
    confine()
    _warn(settings, log)
    directory = data_directory(settings)
    identity = _identity(settings)
    with as_owner_of(directory):
        status = StatusFile(directory)
    try:
        if not settings.tls.certificate:
            ensure_certificate(settings)
        sink = Trace(trace, log.write) if trace else None
        crew = ServerCrew(
            settings, config_file, secret, identity, log, notifier, status, inherited, sink, adjust, on_ready
        )
        crew.prepare()
        preload()
        adopt_orphans()
        if identity is not None:
            keep_for_supervisor()
        return Supervisor(crew, partial(_log_lines, log)).run()
    finally:
        status.clear()
        status.close()
        notifier.close()


def _warn(settings: Settings, log: Log) -> None:
    """Of a limit of the system that counts in place of ours."""
    most, room = settings.limits.connections, room_for_connections()
    if room < most:
        log.event(
            f"the system allows so few open files that a worker takes {room} connections at a time, in place of "
            f"`limits.connections` = {most}: allow more (LimitNOFILE= in the unit, ulimit -n), or lower the limit"
        )


def _log_lines(log: Log, text: str) -> None:
    for line in text.splitlines():
        log.event(line)


def _identity(settings: Settings) -> Identity | None:
    """The user of the children, with the data directory given to it. Raises ConfigError."""
    directory = data_directory(settings)
    identity = choose_identity(settings.server.user, directory)
    if identity is not None:
        hand_over(identity, directory, SERVICE_FILES)
    if not can_use(identity, directory):
        name = identity.name if identity else f"number {os.geteuid()}"
        raise ConfigError(
            f"User {name} cannot use the data directory {directory}: it or a folder above is closed to that user.\n"
            "Choose another place for `server.data`, e.g. /var/lib/gatepost, or let that user pass the folders "
            "above it (chmod o+x FOLDER)"
        )
    return identity


@dataclass(frozen=True, slots=True, eq=False)
class WorkerGeneration:
    """See `gatepost.net.supervisor.Generation`."""

    plan: Plan
    workers: Sequence[Job]
    drain_seconds: float
    room: int
    places: Sequence[int]
    """Rows of the scoreboard, one for each worker."""
    rows: tuple[OpenListener, ...]
    release: Callable[[WorkerGeneration], None]

    def abandon(self) -> None:
        """See `Generation`."""
        self.release(self)


class ServerCrew:
    """See `gatepost.net.supervisor.Crew`."""

    def __init__(
        self,
        settings: Settings,
        config_file: Path | None,
        secret: bytes,
        identity: Identity | None,
        log: Log,
        notifier: Notifier,
        status: StatusFile,
        inherited: Sequence[socket.socket],
        trace: Trace | None,
        adjust: Callable[[Settings], Settings],
        on_ready: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._prepared: WorkerGeneration | None = None
        self._config_file = config_file.absolute() if config_file else None
        self._directory = data_directory(settings)
        self._secret = secret
        self._identity = identity
        self._log = log
        self._notifier = notifier
        self._status = status
        self._inherited = inherited
        self._trace = trace
        self._adjust = adjust
        self._on_ready = on_ready
        self._started = time.time()
        self._scoreboard = Scoreboard(max(32, GENERATIONS * _count(settings)))
        self._lock_file = lock_file()
        self._watch = Watch(())
        self._clock = clock
        self._renewal = clock() + RENEWAL_EVERY
        self._keys_end = self._due = 0.0
        """When the ticket keys are too old, and when a reload is due for that or another reason of our own."""
        self._generations: list[WorkerGeneration] = []
        self._published: Status | None = None
        self._limited: list[Limited] = []
        self._limited_due = 0.0

    # -- Processes ------------------------------------------------------------------------------------------

    def keeper(self) -> Job:
        """See `Crew`."""
        return Job(KEEPER, self._run_keeper, KEEPER_PATIENCE)

    def _run_keeper(self, channel: Channel) -> int:
        become(self._identity)
        die_with(channel.supervisor)
        self._close_listeners(())
        landlock.tell(landlock.restrict({self._directory: landlock.CHANGE}))
        channel.end_when_told()
        return run_keeper(self._directory, channel.ready, beat=channel.beat, family=channel.supervisor)

    def _run_worker(self, plan: Plan, rows: Sequence[OpenListener], number: int, place: int, channel: Channel) -> int:
        become(self._identity)
        die_with(channel.supervisor)
        mine = {each: row.listener for row in reversed(rows) for each in share(row.sockets, number, plan.workers)}
        sockets = [(listener, each) for each, listener in mine.items()]  # one socket may serve two rows: once accepted
        self._close_listeners(mine)
        serve_in_batches()
        desk = SessionDesk(self._directory, place, f"worker {number + 1}")
        try:
            return run_worker(channel, partial(self._open_site, plan, place, sockets, desk))
        finally:
            desk.close()

    def _close_listeners(self, but: Iterable[socket.socket]) -> None:
        """In a child: a port that nobody serves any more refuses clients only when every copy is closed."""
        listening = {each for generation in self._generations for row in generation.rows for each in row.sockets}
        for each in listening.union(self._inherited).difference(but):
            each.close()

    @asynccontextmanager
    async def _open_site(
        self, plan: Plan, place: int, sockets: Sequence[tuple[Listener, socket.socket]], desk: SessionDesk
    ) -> AsyncIterator[Site]:
        board, pid = self._scoreboard, os.getpid()
        if isinstance(plan.tally, SharedTally):
            if board.begin(place, pid):
                plan.tally.forget_worker(place)
            plan.tally.bind_worker(place)
        counters = Counters(partial(board.opened, place), partial(board.closed, place))
        store = open_remote(self._directory)
        # Readers of SQLite's log write their marks there, and nowhere else. It stays as long as one of them is open.
        landlock.restrict({self._directory / SHARED_MEMORY: landlock.WRITE})
        locks = FileMaildropLocks(self._lock_file)
        try:
            async with open_site(plan, store, locks, sockets, counters) as site:
                answering = asyncio.create_task(desk.answer(site.hub))
                try:
                    yield site
                finally:
                    answering.cancel()
        finally:
            locks.close()
            await store.close()
            board.end(place, pid)

    def after_fork(self) -> None:
        """See `Crew`."""
        empty_environment()
        self._status.close()
        self._notifier.close()

    # -- Readings of the configuration ----------------------------------------------------------------------

    def prepare(self) -> None:
        """The first reading, while there are still all powers: to name whoever holds a port takes most of them."""
        self._prepared = self._load(self._settings)

    def load(self) -> WorkerGeneration:
        """See `Crew`."""
        prepared, self._prepared = self._prepared, None
        return prepared or self._load(self._adjust(read_settings(self._config_file)))

    def _load(self, settings: Settings) -> WorkerGeneration:
        if data_directory(settings) != self._directory:
            raise ConfigError("`server.data` has changed: that needs a restart, not a reload.")
        workers = _count(settings)
        listeners = bindable(live(settings, privileged=may_bind_low_ports()))
        places = self._take_places(workers)
        rows = self._open(listeners, workers, settings.pop3.lease)
        try:
            plan = self._plan(settings, listeners, workers)
        except BaseException:
            self._close_unused(rows)
            raise
        jobs = [
            Job(f"worker {number + 1}", partial(self._run_worker, plan, rows, number, place), WORKER_PATIENCE)
            for number, place in enumerate(places)
        ]
        room = self._scoreboard.rows - 2 * workers  # there may be as many again that begin with the next reload
        generation = WorkerGeneration(plan, jobs, settings.server.drain, room, places, tuple(rows), self._release)
        self._generations.append(generation)
        self._due = self._keys_end
        gc.collect()
        gc.freeze()
        return generation

    def _take_places(self, workers: int) -> list[int]:
        """Rows of the scoreboard for new workers. Raises GatepostError where those that retire have too many still."""
        most = self._scoreboard.rows // 4
        if workers > most:
            raise ConfigError(f"`server.workers` = {workers}: more than {most} need a restart, not a reload.")
        reserved = {place for each in self._generations for place in each.places}
        places = self._scoreboard.take_rows(workers, reserved)
        if places is None:
            self._due = self._clock() + AGAIN_AFTER
            raise GatepostError(
                "too many workers of earlier reloads go on with open sessions: the oldest are being ended, "
                f"and in {AGAIN_AFTER:g} s the reload is tried again"
            )
        return places

    def _open(self, listeners: Sequence[Listener], workers: int, lease: float) -> list[OpenListener]:
        """Sockets for all rows: those that are open already, whatever generation opened them, and new ones."""
        known = {
            (row.listener.address, row.listener.port): row.sockets for each in self._generations for row in each.rows
        }
        new = [each for each in listeners if (each.address, each.port) not in known]
        for sentence in report(listeners, self._inherited):
            self._log.event(sentence)
        opened = open_listeners(new, copies=workers, lease=lease, adopted=self._inherited)
        known |= {(row.listener.address, row.listener.port): row.sockets for row in opened}
        return [OpenListener(each, known[each.address, each.port]) for each in listeners]

    def _plan(self, settings: Settings, listeners: tuple[Listener, ...], workers: int) -> Plan:
        old = self._generations[-1].plan if self._generations else None
        return Plan(
            settings=settings,
            secret=self._secret,
            contexts=self._make_contexts(settings, listeners),
            tally=old.tally
            if old and old.settings.limits == settings.limits
            else SharedTally(settings.limits, self._scoreboard.rows),
            listeners=listeners,
            report=Log(settings.server.log).connection,
            notice=self._log.event,
            trace=self._trace,
            workers=workers,
        )

    def _make_contexts(self, settings: Settings, listeners: Iterable[Listener]) -> TlsContexts:
        """Those that are there, with certificates read anew, so that tickets stay good; new ones if policy changed, or
        if the ticket keys are too old.
        """
        files = settings.tls.certificate or (ensure_certificate(settings).pair,)
        client_cas = {"", *(each.client_ca for each in listeners)}
        # From before they are read: what changes meanwhile is noticed.
        self._watch = Watch(
            path for path in (*(name for pair in files for name in (pair.file, pair.key)), *client_cas) if path
        )
        old = self._generations[-1].plan if self._generations else None
        same = old and (
            old.settings.tls.minimum,
            bool(old.settings.tls.certificate),
            {"", *(each.client_ca for each in old.listeners)},
        ) == (settings.tls.minimum, bool(settings.tls.certificate), client_cas)
        if old and same and self._clock() < self._keys_end:
            old.contexts.reload(files)
            return old.contexts
        contexts = TlsContexts(
            files, minimum=settings.tls.minimum, client_cas=client_cas, read=certificate_reader(settings)
        )
        self._keys_end = self._clock() + TICKET_KEYS_LIVE
        return contexts

    def _release(self, generation: WorkerGeneration) -> None:
        self._generations.remove(generation)
        self._close_unused(generation.rows)

    def _close_unused(self, rows: Iterable[OpenListener]) -> None:
        used = {each for generation in self._generations for row in generation.rows for each in row.sockets}
        used.update(self._inherited)  # nobody could bind those again
        for row in rows:
            for each in row.sockets:
                if each not in used:
                    each.close()

    def changed(self) -> bool:
        """See `Crew`. Once an hour also renews the local authority's certificate, if it is due."""
        now = self._clock()
        settings = self._generations[-1].plan.settings
        if now >= self._renewal and not settings.tls.certificate:
            self._renewal = now + RENEWAL_EVERY
            try:
                ensure_certificate(settings)
            except CertificateError as error:
                self._log.event(f"the local certificate was not renewed: {error}")
        due = now >= self._due
        if due:
            self._due = now + RENEWAL_EVERY  # should it fail
        return self._watch.changed() or due

    # -- News -----------------------------------------------------------------------------------------------

    def ready(self, *, again: bool) -> None:
        """See `Crew`."""
        rows = self._generations[-1].rows
        places = ", ".join(f"{row.listener.service.name} on {row.where}" for row in rows)
        self._notifier.ready(f"Serving {places}")
        if not again:
            self._log.event(f"serving {places}")
            self._on_ready()

    def reloading(self) -> None:
        """See `Crew`."""
        self._notifier.reloading()

    def stopping(self) -> None:
        """See `Crew`. From here on the ports refuse clients."""
        self._notifier.stopping("Draining")
        self._log.event("stopping: sessions get their time to finish")
        for generation in self._generations:
            for row in generation.rows:
                row.close()

    def tick(self, processes: Sequence[Process], state: str) -> None:
        """See `Crew`."""
        self._notifier.alive()
        if any(each.name == KEEPER and each.state == state == "starting" for each in processes):
            self._notifier.opening()
        live = {process.pid for process in processes}
        for place, pid in self._scoreboard.owners().items():
            if pid not in live:
                self._scoreboard.end(place, pid)
                for tally in self._tallies():
                    tally.forget_worker(place)
        self._publish(processes, state, live)

    def _tallies(self) -> set[SharedTally]:
        """More than one while a reload that changes limits goes on."""
        tallies = (generation.plan.tally for generation in self._generations)
        return {each for each in tallies if isinstance(each, SharedTally)}

    def _publish(self, processes: Sequence[Process], state: str, live: set[int]) -> None:
        rows = self._generations[-1].rows if self._generations else ()
        loaded = self._generations[-1].plan.contexts.loaded if self._generations else ()
        totals = self._scoreboard.totals(live)
        limited = self._look_at_limited()
        status = Status(
            version=__version__,
            state=state,
            pid=os.getpid(),
            started=self._started,
            processes=tuple(ProcessStatus(each.name, each.pid, each.started, each.state) for each in processes),
            listeners=tuple(
                ListenerStatus(
                    row.listener.service.name,
                    row.listener.where,
                    row.listener.service.tls,
                    row.where if row.where != row.listener.where else "",
                )
                for row in rows
            ),
            certificates=tuple(CertificateStatus(each.names, each.not_after, each.files.file) for each in loaded),
            connections=totals.connections,
            accepted=totals.accepted,
            user=self._identity.name if self._identity else "",
            limited=tuple(limited[:MOST_LIMITED]),
            limited_in_all=len(limited),
        )
        if status != self._published:
            self._status.update(status)
            self._published = status

    def _look_at_limited(self) -> list[Limited]:
        if self._clock() >= self._limited_due:
            now = time.monotonic()
            wall = time.time() - now  # people read it as a time of day
            found = [each for tally in self._tallies() for each in tally.limited(now)]
            self._limited = [replace(each, until=each.until and each.until + wall) for each in found]
            self._limited_due = self._clock() + LIMITED_EVERY
        return self._limited


def _count(settings: Settings) -> int:
    """Workers to start."""
    return settings.server.workers or len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else [0])
