"""RESULTS.md: what was measured, on what, and whether it is what we promise."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from benchmarks.fairness import GOOD, HOSTILE, TIMES, Fairness, figures
from benchmarks.host import Peer, describe
from benchmarks.idle import Idle
from benchmarks.large import Large
from benchmarks.scale import Scale
from benchmarks.sessions import CLIENTS, Series
from benchmarks.startup import Startup
from benchmarks.workload import Workload

OURS, STORED, PEER, FLOOR = "Gatepost", "Gatepost, none kept", "Dovecot, tuned", "bare loop"
TIMES_PEER = 3.0
TIMES_FLOOR = 1.6
IDLE_KB = 40.0

HOW = """\
A session is a connection (with a full TLS 1.3 handshake, P-256, no resumption), USER, PASS, STAT, UIDL,
{messages} x RETR of {size:,} octets, QUIT. {clients} clients at once; each waits for every reply. {users} users,
each with their own mail; every server has the same mail, certificate (ECDSA P-256) and clients, and
its passwords and caches are warm. The clients share the cores with the servers, so **server CPU per
session** is what counts: user and system time of all the server's processes. Figures are medians of
{rounds} rounds of {seconds:g} s in which the servers take turns; ratios are medians of each round's ratio.
"""

SHARED = """\
`tuned` has pre-forked and reused processes, login processes in high-performance mode, an auth cache,
sdbox with CRLF, no flag updates, no statistics, and plain passwords (no hash is charged to it).
`tuned+shared` lets many sessions share a process as well (`client_limit`), which Dovecot's manual advises
against for mail processes; it is here because it is the least that Dovecot can cost. On the port
that begins without TLS, Gatepost waits a moment before it greets, in case the client speaks TLS at
once; its latency and sessions/s there show that wait, its CPU time does not.

Clients fetch the same messages again and again, so Gatepost's workers find them among the replies that
they keep for a minute (`pop3.kept_replies`), as Dovecot finds them in the page cache. `none kept` is
Gatepost without them: every RETR reads SQLite, as it does where a message is fetched once.
"""


SCALE = """\
The embedded store alone, on disk. Changes are medians, from the command to its answer after the sync.
A pause is the longest time in which a worker's event loop served nobody else.
"""


FAIRNESS = f"""\
One worker; {GOOD} good clients over TLS, each with a command every 20 ms, alone and then beside {HOSTILE} clients that
write the same commands without end and read whatever comes. How long a good client waits for its reply.
"""


@dataclass(slots=True)
class Findings:
    """Everything that a run found."""

    load: Workload
    peers: Sequence[Peer]
    rounds: int
    seconds: float
    series: list[Series] = field(default_factory=list)
    idle: list[Idle] = field(default_factory=list)
    large: list[Large] = field(default_factory=list)
    scale: list[Scale] = field(default_factory=list)
    fairness: list[Fairness] = field(default_factory=list)
    startup: list[Startup] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    """What could not be measured, and why."""

    def one(self, name: str, *, tls: bool) -> Series | None:
        """A server's series in one mode, if it took part."""
        return next((each for each in self.series if each.name == name and each.tls == tls), None)


@dataclass(frozen=True, slots=True)
class Verdict:
    """A promise, and what was found."""

    promise: str
    found: str
    kept: bool


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown, aligned so that it reads as plain text too; all but the first column to the right."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]

    def render(line: Sequence[str]) -> str:
        cells = [
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        return f"| {' | '.join(cells)} |"

    rule = "|".join("-" * (width + 1) + (":" if at else "-") for at, width in enumerate(widths))
    return "\n".join([render(head), f"|{rule}|", *map(render, lines[1:])]) + "\n"


def mode(tls: bool) -> str:
    """POP3S or POP3."""
    return "POP3S" if tls else "POP3"


def verdicts(found: Findings) -> list[Verdict]:
    """Every promise that this run can judge."""
    judged = []
    for tls, name in ((True, OURS), (False, OURS), (True, STORED), (False, STORED)):
        ours, peer, floor = (found.one(each, tls=tls) for each in (name, PEER, FLOOR))
        what = mode(tls) if name == OURS else f"{mode(tls)}, none kept"
        if ours and peer:
            times = ours.ratio(peer)
            promise = f"{what}: >= {TIMES_PEER:g} x tuned Dovecot's sessions per server-CPU-second"
            judged.append(Verdict(promise, f"{times:.2f} x", times >= TIMES_PEER))
        if ours and floor:
            times = floor.ratio(ours)
            promise = f"{what}: <= {TIMES_FLOOR:g} x the bare loop's server CPU"
            judged.append(Verdict(promise, f"{times:.2f} x", times <= TIMES_FLOOR))
    for idle in found.idle:
        if idle.name == OURS and idle.tls:
            most = max(idle.before_login, idle.after_login)
            promise = f"POP3S: <= {IDLE_KB:g} kB for each of {idle.connections:,} idle connections"
            judged.append(Verdict(promise, f"{most:.1f} kB", most <= IDLE_KB))
    judged += [
        Verdict(
            f"{each.what}: <= {each.at_most:g} ms", f"{each.milliseconds:.2f} ms", each.milliseconds <= each.at_most
        )
        for each in found.scale
    ]
    judged += [
        Verdict(
            f"p99 of good clients beside {HOSTILE} x {each.kind}: <= {TIMES:g} x",
            f"{each.times:.2f} x",
            each.times <= TIMES,
        )
        for each in found.fairness
    ]
    judged += [
        Verdict(f"{each.what}: < {each.at_most:g} s", f"{each.seconds:.2f} s", each.seconds < each.at_most)
        for each in found.startup
    ]
    return judged


def session_table(found: Findings, *, tls: bool) -> str:
    """One row for each server."""
    ours, rows = found.one(OURS, tls=tls), []
    for each in (each for each in found.series if each.tls == tls):
        cpu = each.median("cpu_ms")
        row = [each.name, f"{cpu:.2f}", f"{1e3 / cpu:.0f}", f"{each.median('rate'):.0f}"]
        row += [f"{each.median('p50_ms'):.1f}", f"{each.median('p99_ms'):.1f}"]
        rows.append([*row, f"{ours.ratio(each):.2f}" if ours else "-"])
    head = [mode(tls), "CPU ms/session", "sessions/CPU s", "sessions/s", "p50 ms", "p99 ms", "CPU / Gatepost's"]
    return table(head, rows)


def idle_table(rows: Sequence[Idle]) -> str:
    """Kilobytes for each idle connection."""
    head = ["server", "mode", "connections", "kB each", "kB logged in", "processes", "base MB"]
    cells = (
        [
            each.name,
            mode(each.tls),
            f"{each.connections:,}",
            f"{each.before_login:.1f}",
            f"{each.after_login:.1f}",
            str(each.processes),
            f"{each.base_mb:.0f}",
        ]
        for each in rows
    )
    return table(head, cells)


def large_table(rows: Sequence[Large]) -> str:
    """Seconds on the clock / of server CPU."""
    head = ["server", "visit", "login+STAT s", "UIDL s", "RETR all s", "RETR CPU s", "ms CPU/RETR", "MB more"]
    cells = (
        [
            each.name,
            str(each.visit),
            f"{each.opened.wall:.2f}",
            f"{each.uidl.wall:.2f}",
            f"{each.retrieve.wall:.1f}",
            f"{each.retrieve.cpu:.1f}",
            f"{each.retrieve.cpu / each.messages * 1e3:.3f}",
            f"{each.grown_mb:.0f}",
        ]
        for each in rows
    )
    return table(head, cells)


def render(found: Findings) -> str:
    """The whole page."""
    load, now = found.load, dt.datetime.now(dt.UTC)
    parts = [f"# Benchmark results\n\nMeasured {now:%Y-%m-%d %H:%M} UTC by `make bench`.\n"]
    judged = verdicts(found)
    if judged:
        rows = ([each.promise, each.found, "PASS" if each.kept else "FAIL"] for each in judged)
        parts.append("## Promises\n\n" + table(["promise", "found", "verdict"], rows))
    if found.failures:
        parts.append("## Not measured\n\n" + "".join(f"- {each}\n" for each in found.failures))
    machine = [*describe().items(), *((peer.name, peer.detail) for peer in found.peers)]
    parts.append("## Machine and servers\n\n" + "".join(f"- {name}: {value}\n" for name, value in machine))
    if found.series:
        how = HOW.format(
            messages=load.messages,
            size=load.size,
            clients=CLIENTS,
            users=load.users,
            rounds=found.rounds,
            seconds=found.seconds,
        )
        worst = max(each.median("unexplained") for each in found.series)
        check = (
            f"Accounting check: of the machine's busy time, at most {worst:.0%} (median of a server's rounds) was\n"
            "neither that server nor the clients; much more than 5 % means that other jobs were running.\n"
        )
        tables = session_table(found, tls=True) + "\n" + session_table(found, tls=False)
        parts.append(f"## Sessions\n\n{how}\n{tables}\n{SHARED}\n{check}")
    if found.idle:
        text = (
            "Growth of the server's proportional set size (all processes, shared pages counted once) for each\n"
            "connection; the kernel's socket buffers are not in it. Each row has a freshly started server. Where a\n"
            "session needs a process of its own, only 1,000 were opened.\n"
        )
        parts.append(f"## Idle connections\n\n{text}\n{idle_table(found.idle)}")
    if found.large:
        text = (
            f"One client, TLS, {load.large_messages:,} messages of {load.large_size:,} octets: UIDL, then RETR of\n"
            "each, one after the other. Visit 1 is the first ever, visit 2 has warm caches. `MB more` is the\n"
            "memory that the server has gained at the end of the session.\n"
        )
        parts.append(f"## A maildrop of {load.large_messages:,} messages\n\n{text}\n{large_table(found.large)}")
    if found.scale:
        rows = ([each.what, f"{each.milliseconds:.2f}", f"{each.at_most:g}"] for each in found.scale)
        parts.append(f"## {found.scale[0].where}\n\n{SCALE}\n" + table(["what", "ms", "at most"], rows))
    if found.fairness:
        head = ["pipelines of", "p50 ms alone", "beside", "p99 ms alone", "beside", "x"]
        rows = ([each.kind, *figures(each), f"{each.times:.2f}"] for each in found.fairness)
        parts.append(f"## Hostile pipelines beside good clients\n\n{FAIRNESS}\n" + table(head, rows))
    parts.append(
        "## Again\n\n`make bench` (about fifteen minutes; as root on Debian it installs Dovecot's package, and starts\n"
        "no service). `python -m benchmarks --quick` takes a minute or two and leaves this file alone;\n"
        "`--only gatepost,floor`, `--rounds 9` and `--parts sessions` choose. `python -m benchmarks.profile`\n"
        "shows where a worker's time goes. Absolute figures move by half from hour to hour on shared\n"
        "machines; compare ratios of one run.\n"
    )
    return "\n".join(parts)
