"""The supervisor with real forks. The crew's own news (`tick`, log lines) move each test on; nothing sleeps."""

from __future__ import annotations

import os
import signal
import socket
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from gatepost.errors import ConfigError
from gatepost.net import supervisor as module
from gatepost.net.child import DRAIN, RETIRE, Channel, Job
from gatepost.net.supervisor import Process, StartError, Supervisor

Step = tuple[Callable[["Stage"], bool], Callable[["Stage"], object]]


class TooLongError(BaseException):
    """No Exception: the supervisor outlives those of its crew."""


@pytest.fixture(autouse=True)
def _in_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def too_long(*_: object) -> None:
        raise TooLongError("the supervisor did not get there in time")

    monkeypatch.setattr(module, "TICK", 0.01)
    old = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, old)


@dataclass
class Workers:
    workers: Sequence[Job]
    drain_seconds: float = 5.0
    room: int = 10
    abandoned: bool = False

    def abandon(self) -> None:
        self.abandoned = True


@dataclass
class Stage:
    """A crew that plays a script: each step waits for a condition, then acts."""

    generations: list[Workers | Exception]
    steps: list[Step]
    keeper_job: Job | None = None
    log: list[str] = field(default_factory=list)
    news: list[str] = field(default_factory=list)
    processes: dict[str, Process] = field(default_factory=dict)
    state: str = ""
    certificate_changed: bool = False
    used: list[Workers] = field(default_factory=list)

    def keeper(self) -> Job | None:
        return self.keeper_job

    def load(self) -> Workers:
        self.certificate_changed = False
        generation = self.generations.pop(0)
        if isinstance(generation, Exception):
            raise generation
        self.used.append(generation)
        return generation

    def changed(self) -> bool:
        return self.certificate_changed

    def after_fork(self) -> None:
        signal.alarm(0)

    def tick(self, processes: Sequence[Process], state: str) -> None:
        self.processes = {process.name: process for process in processes}
        self.state = state
        while self.steps and self.steps[0][0](self):
            self.steps.pop(0)[1](self)

    def ready(self, *, again: bool) -> None:
        self.news.append("ready again" if again else "ready")

    def reloading(self) -> None:
        self.news.append("reloading")

    def stopping(self) -> None:
        self.news.append("stopping")

    def run(self) -> int:
        code = Supervisor(self, self.log.append).run()
        assert self.steps == []
        return code


class Diary:
    """A pipe on which children tell what they did."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()

    def note(self, text: str) -> None:
        os.write(self.writer, text.encode() + b"\n")

    def lines(self) -> list[str]:
        os.close(self.writer)
        with os.fdopen(self.reader, encoding="utf-8") as file:
            return file.read().splitlines()


def obedient(name: str, diary: Diary | None = None) -> Job:
    def run(channel: Channel) -> int:
        channel.ready()
        word = channel.receive()
        if diary:
            diary.note(f"{name} {word.decode()}")
        return 0

    return Job(name, run)


def running(*names: str) -> Callable[[Stage], bool]:
    return lambda stage: (
        stage.state == "running"
        and all(name in stage.processes and stage.processes[name].state == "running" for name in names)
    )


def logged(text: str) -> Callable[[Stage], bool]:
    return lambda stage: any(text in line for line in stage.log)


def myself(number: int) -> Callable[[Stage], object]:
    return lambda _: os.kill(os.getpid(), number)


def both(*actions: Callable[[Stage], object]) -> Callable[[Stage], object]:
    return lambda stage: [action(stage) for action in actions]


stop = myself(signal.SIGTERM)


def test_starts_keeper_first_and_ends_it_last() -> None:
    diary = Diary()
    stage = Stage(
        [Workers([obedient("worker 1", diary), obedient("worker 2", diary)])],
        [(running("keeper", "worker 1", "worker 2"), stop)],
        obedient("keeper", diary),
    )
    assert stage.run() == 0
    assert stage.news == ["ready", "stopping"]
    lines = diary.lines()
    assert sorted(lines[:2]) == ["worker 1 D", "worker 2 D"]
    assert lines[2] == "keeper D"
    assert stage.log == []


def test_runs_without_a_keeper() -> None:
    assert Stage([Workers([obedient("worker 1")])], [(running("worker 1"), myself(signal.SIGINT))]).run() == 0


@pytest.mark.parametrize("victim", ["keeper", "worker 1"])
def test_a_killed_child_is_replaced_at_once(victim: str) -> None:
    pids: list[int] = []

    def kill(stage: Stage) -> None:
        pids.append(stage.processes[victim].pid)
        os.kill(pids[0], signal.SIGKILL)

    stage = Stage(
        [Workers([obedient("worker 1")])],
        [
            (running("keeper", "worker 1"), kill),
            (lambda stage: running(victim)(stage) and stage.processes[victim].pid != pids[0], stop),
        ],
        obedient("keeper"),
    )
    assert stage.run() == 0
    assert stage.log == [f"{victim} (process {pids[0]}) was ended by SIGKILL; starting it again now"]


def test_a_crash_loop_is_told_and_slowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACKOFF_FIRST", 0.001)
    monkeypatch.setattr(module, "STEADY", float("inf"))  # a busy machine takes its time to start a child
    starts = 0

    def flaky(channel: Channel) -> int:
        channel.ready()
        return 0 if steady(channel) else 7

    def steady(channel: Channel) -> bool:
        return bool(channel.receive()) if starts == 0 else False

    def begin_crashing(stage: Stage) -> None:
        nonlocal starts
        starts = 1
        os.kill(stage.processes["worker 1"].pid, signal.SIGKILL)

    stage = Stage(
        [Workers([Job("worker 1", flaky)])],
        [(running("worker 1"), begin_crashing), (logged("it ended 4 times in a row; starting it again in"), stop)],
    )
    assert stage.run() == 0
    assert "ended by itself with exit code 7; starting it again in 0.001 s" in stage.log[1]


def test_a_keeper_that_cannot_start_fails_the_whole_start() -> None:
    def refuse(_: Channel) -> int:
        raise ConfigError("The data directory is not there.\nMake it with `gatepost init`.")

    stage = Stage([], [], Job("keeper", refuse))
    with pytest.raises(StartError, match="not there") as caught:
        stage.run()
    assert "gatepost init" in str(caught.value)


def test_a_worker_that_cannot_start_fails_the_whole_start() -> None:
    stage = Stage([Workers([obedient("worker 1"), Job("worker 2", lambda _: 3)])], [], obedient("keeper"))
    with pytest.raises(StartError, match=r"worker 2 \(process \d+\) ended by itself with exit code 3"):
        stage.run()


def test_an_unexpected_error_in_a_child_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    def broken(_: Channel) -> int:
        raise ZeroDivisionError

    with pytest.raises(StartError, match="exit code 1"):
        Stage([Workers([Job("worker 1", broken)])], []).run()
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_bad_configuration_at_the_start_ends_the_keeper() -> None:
    diary = Diary()
    stage = Stage([ConfigError("bad file")], [], obedient("keeper", diary))
    with pytest.raises(ConfigError, match="bad file"):
        stage.run()
    assert diary.lines() == []


def test_a_stop_during_the_start_is_obeyed() -> None:
    def slow(channel: Channel) -> int:
        os.kill(channel.supervisor, signal.SIGTERM)
        channel.receive()
        return 0

    stage = Stage([], [], Job("keeper", slow))
    assert stage.run() == 0
    assert stage.news == ["stopping"]


def test_reload_replaces_the_workers_after_the_new_ones_accept() -> None:
    diary = Diary()
    old = Workers([obedient("old", diary)])
    stage = Stage(
        [old, Workers([obedient("new", diary)])],
        [
            (running("old"), myself(signal.SIGHUP)),
            (lambda stage: running("new")(stage) and "old" not in stage.processes, stop),
        ],
        obedient("keeper"),
    )
    assert stage.run() == 0
    assert stage.news == ["ready", "reloading", "ready again", "stopping"]
    assert diary.lines() == ["old R", "new D"]
    assert old.abandoned
    assert not stage.used[1].abandoned


def test_old_workers_with_open_sessions_live_on_until_the_stop() -> None:
    diary = Diary()

    def busy(channel: Channel) -> int:
        channel.ready()
        words = b""
        while DRAIN not in words:
            words += channel.receive()
        diary.note(f"old {words.decode()}")
        return 0

    stage = Stage(
        [Workers([Job("old", busy)]), Workers([obedient("new")])],
        [
            (running("old"), myself(signal.SIGHUP)),
            (lambda stage: running("new")(stage) and stage.processes["old"].state == "draining", stop),
        ],
    )
    assert stage.run() == 0
    assert diary.lines() == ["old RD"]


def test_a_changed_certificate_reloads() -> None:
    def renew(stage: Stage) -> None:
        stage.certificate_changed = True

    stage = Stage(
        [Workers([obedient("old")]), Workers([obedient("new")])], [(running("old"), renew), (running("new"), stop)]
    )
    assert stage.run() == 0


def test_bad_configuration_keeps_the_old_one_in_force() -> None:
    stage = Stage(
        [Workers([obedient("worker 1")]), ConfigError("gatepost.toml:3: no such setting")],
        [(running("worker 1"), myself(signal.SIGHUP)), (logged("gatepost.toml:3"), stop)],
    )
    assert stage.run() == 0
    assert stage.log == ["reload failed, the old configuration stays in force: gatepost.toml:3: no such setting"]
    assert stage.news == ["ready", "reloading", "ready again", "stopping"]


def test_new_workers_that_fail_keep_the_old_ones() -> None:
    diary = Diary()
    failing = Workers([obedient("good", diary), Job("bad", lambda _: 1)])
    stage = Stage(
        [Workers([obedient("old", diary)]), failing],
        [
            (running("old"), myself(signal.SIGHUP)),
            (lambda stage: logged("reload failed")(stage) and set(stage.processes) == {"old"}, stop),
        ],
    )
    assert stage.run() == 0
    assert failing.abandoned
    assert diary.lines()[-1] == "old D"


def test_a_reload_asked_for_during_a_reload_follows_it() -> None:
    def slow(channel: Channel) -> int:
        os.kill(channel.supervisor, signal.SIGHUP)
        channel.ready()
        channel.receive()
        return 0

    stage = Stage(
        [Workers([obedient("first")]), Workers([Job("second", slow)]), Workers([obedient("third")])],
        [(running("first"), myself(signal.SIGHUP)), (lambda stage: set(stage.processes) == {"third"}, stop)],
    )
    assert stage.run() == 0
    assert stage.news.count("reloading") == 2


def deaf(name: str) -> Job:
    """Never does as it is told; ends only when killed."""

    def run(channel: Channel) -> int:
        channel.ready()
        while channel.receive():
            pass
        return 0

    return Job(name, run)


def test_a_second_signal_ends_everything_at_once() -> None:
    stage = Stage(
        [Workers([deaf("worker 1")], drain_seconds=1000)],
        [(running("worker 1"), stop), (lambda stage: stage.state == "stopping", stop)],
        obedient("keeper"),
    )
    assert stage.run() == 0


def test_workers_that_do_not_end_are_killed_after_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DRAIN_GRACE", 0.05)
    stage = Stage([Workers([deaf("worker 1")], drain_seconds=0.01)], [(running("worker 1"), stop)], obedient("keeper"))
    assert stage.run() == 0


def test_signal_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)]
    Stage([Workers([obedient("worker 1")])], [(running("worker 1"), stop)]).run()
    after = [signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)]
    assert after == before


def test_a_closed_terminal_stops_instead_of_reloading(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([True, False])
    monkeypatch.setattr(module.os, "isatty", lambda _: next(answers))
    stage = Stage([Workers([obedient("worker 1")])], [(running("worker 1"), myself(signal.SIGHUP))])
    assert stage.run() == 0
    assert stage.news == ["ready", "stopping"]


def test_a_child_reads_the_end_when_its_supervisor_is_gone() -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(theirs, os.getpid())
    channel.ready()
    ours.send(RETIRE + DRAIN)
    assert ours.recv(10) == b"+"
    assert channel.receive() == b"RD"
    ours.close()
    assert channel.receive() == b""
    channel.ready()
    channel.failed("nobody listens")
    theirs.close()


def test_a_fork_that_fails_at_the_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(module.os, "fork", refuse)
    with pytest.raises(StartError, match="cannot start keeper: Resource temporarily unavailable"):
        Stage([], [], obedient("keeper")).run()


def test_a_fork_that_fails_later_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    real, refusals = os.fork, ["now"]

    def kill(stage: Stage) -> None:
        monkeypatch.setattr(module.os, "fork", refuse)
        os.kill(stage.processes["worker 1"].pid, signal.SIGKILL)

    def refuse() -> int:
        if refusals:
            raise OSError(12, f"Cannot allocate memory {refusals.pop()}")
        return real()

    stage = Stage(
        [Workers([obedient("worker 1")])],
        [(running("worker 1"), kill), (logged("Cannot allocate"), lambda _: None), (running("worker 1"), stop)],
    )
    assert stage.run() == 0
    assert "cannot start worker 1: Cannot allocate memory now; starting it again in 0.25 s" in stage.log


def test_a_fork_that_fails_in_a_reload_keeps_the_old_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise OSError(12, "Cannot allocate memory")

    def reload(_: Stage) -> None:
        monkeypatch.setattr(module.os, "fork", refuse)
        os.kill(os.getpid(), signal.SIGHUP)

    new = Workers([obedient("new 1"), obedient("new 2")])
    stage = Stage([Workers([obedient("old")]), new], [(running("old"), reload), (logged("reload failed"), stop)])
    assert stage.run() == 0
    assert new.abandoned


def test_whatever_a_reload_stumbles_over_the_server_goes_on() -> None:
    """As a certificate that no parser expected, which is read because it was written."""
    broken = ValueError("error parsing asn1 value")
    stage = Stage(
        [Workers([obedient("worker 1")]), broken],
        [(running("worker 1"), myself(signal.SIGHUP)), (logged("asn1"), stop)],
    )
    assert stage.run() == 0
    assert stage.log[0].startswith("reload failed, the old configuration stays in force: Traceback")
    assert stage.news == ["ready", "reloading", "ready again", "stopping"]


def test_a_crew_that_cannot_look_or_publish_does_not_end_the_server() -> None:
    rounds = 0

    def fail(_: Stage) -> None:
        nonlocal rounds
        rounds += 1
        stage.steps.insert(0, (running("worker 1"), fail if rounds < 5 else stop))
        raise ZeroDivisionError(f"round {min(rounds, 2)}")

    stage = Stage([Workers([obedient("worker 1")])], [(running("worker 1"), fail)])
    assert stage.run() == 0
    assert [line.splitlines()[-1] for line in stage.log] == [f"ZeroDivisionError: round {each}" for each in (1, 2)]
    assert all(line.startswith("the server goes on, in spite of") for line in stage.log)


def unix_sockets() -> set[int]:
    """Descriptors that are stream sockets of the UNIX family."""
    found = set()
    for number in range(3, 256):
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                with socket.socket(fileno=os.dup(number)) as opened:
                    if (opened.family, opened.type) == (socket.AF_UNIX, socket.SOCK_STREAM):
                        found.add(number)
    return found


def test_children_cannot_speak_as_a_signal() -> None:
    diary, before = Diary(), unix_sockets()

    def look(channel: Channel) -> int:
        diary.note(f"{len(unix_sockets() - before - {channel.fileno()})}")
        channel.ready()
        channel.receive()
        return 0

    stage = Stage([Workers([Job("1", look), Job("2", look)])], [(running("1", "2"), stop)], Job("keeper", look))
    assert stage.run() == 0
    assert diary.lines() == ["0", "0", "0"]


def test_a_keeper_that_dies_during_the_drain_is_replaced() -> None:
    """Or the sessions that are being ended could not commit what they deleted."""
    reader, writer = os.pipe()
    pids: list[int] = []

    def last_session(channel: Channel) -> int:
        channel.ready()
        channel.receive()
        os.read(reader, 1)
        return 0

    def kill(stage: Stage) -> None:
        pids.append(stage.processes["keeper"].pid)
        os.kill(pids[0], signal.SIGKILL)

    stage = Stage(
        [Workers([Job("worker 1", last_session)], drain_seconds=1000)],
        [
            (running("worker 1"), stop),
            (lambda stage: stage.state == "stopping", kill),
            (
                lambda stage: "keeper" in stage.processes and stage.processes["keeper"].pid != pids[0],
                lambda _: os.write(writer, b"x"),
            ),
        ],
        obedient("keeper"),
    )
    assert stage.run() == 0
    assert stage.log == [f"keeper (process {pids[0]}) was ended by SIGKILL; starting it again now"]
    os.close(reader)
    os.close(writer)


def test_the_oldest_of_too_many_retiring_workers_are_drained() -> None:
    diary = Diary()

    def busy(name: str) -> Job:
        def run(channel: Channel) -> int:
            channel.ready()
            words = b""
            while DRAIN not in words:
                words += channel.receive()
            diary.note(f"{name} {words.decode()}")
            return 0

        return Job(name, run)

    stage = Stage(
        [Workers([busy(name)], room=1) for name in ("first", "second", "third")],
        [
            (running("first"), myself(signal.SIGHUP)),
            (running("second"), myself(signal.SIGHUP)),
            (lambda stage: running("third")(stage) and set(stage.processes) == {"second", "third"}, stop),
        ],
    )
    assert stage.run() == 0
    assert diary.lines()[0] == "first RD"
