"""`gatepost serve` runs the server; `gatepost status` tells how it is."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated, Final

import typer
from msgspec import Struct

from gatepost.cli import output
from gatepost.cli.environment import Environment
from gatepost.cli.quickstart import quickstart
from gatepost.net.places import LAST_BACKUP, as_owner_of
from gatepost.net.status import Status, read_status
from gatepost.store.notices import notices

SOON_DAYS: Final = 14
"""A certificate with less left is marked in the status."""
DAY: Final = 86_400


def register(root: typer.Typer) -> None:
    """Adds the single commands of this module."""
    root.command("serve")(serve)
    root.command("status")(status)
    root.command("quickstart")(quickstart)


def serve(
    context: typer.Context,
    trace: Annotated[
        str,
        typer.Option(metavar="ADDRESS|USER", help="Show the dialog of an IP address, network or account; no secrets."),
    ] = "",
) -> None:
    """Run the server in the foreground: SIGHUP reloads, SIGTERM or Ctrl-C ends it, a second one at once."""
    environment: Environment = context.obj
    raise typer.Exit(environment.engine.serve(environment.settings, environment.config_file, trace=trace))


class StoreStatus(Struct, frozen=True):
    directory: str
    octets: int
    last_backup: int | None
    """Seconds since the epoch; None: never, as far as this directory knows."""
    notices: tuple[str, ...] = ()
    """What its administrator has to see to."""


class Report(Struct, frozen=True):
    """What `status --json` prints."""

    running: bool
    server: Status | None
    store: StoreStatus


def status(context: typer.Context, as_json: output.AsJson = False) -> None:
    """Show processes, connections, listeners, certificates and the store. Exit code 3 if the server is not running."""
    environment: Environment = context.obj
    directory = Path(environment.settings.server.data)
    try:
        found = read_status(directory)
        store = store_status(directory)
    except PermissionError:
        output.fail(f"you may not look into {directory}", "Ask as its owner, or as root.")
    if as_json:
        output.json(Report(found is not None, found, store))
    else:
        _explain(found, store)
    if found is None:
        raise typer.Exit(3)


def store_status(directory: Path) -> StoreStatus:
    """Raises PermissionError."""
    octets = 0
    last_backup = None
    told: tuple[str, ...] = ()
    if directory.exists():
        os.scandir(directory).close()
        for folder, _, names in os.walk(directory):
            octets += sum((Path(folder) / name).lstat().st_size for name in names)
        mark = directory / LAST_BACKUP
        last_backup = int(mark.stat().st_mtime) if mark.exists() else None
        with as_owner_of(directory):
            told = tuple(notices(directory))
    return StoreStatus(str(directory), octets, last_backup, told)


def _explain(found: Status | None, store: StoreStatus) -> None:
    now = time.time()
    if found is None:
        output.say(f"Gatepost is not running with the data in {store.directory}.")
        output.say("Start it with `gatepost serve`, or `systemctl start gatepost`.\n")
    else:
        _explain_server(found, now)
    backup = f"{span(now - store.last_backup)} ago" if store.last_backup else "never (`gatepost store backup FILE`)"
    output.say(f"Store: {store.directory}, {_size(store.octets)}. Last backup: {backup}.")
    for text in store.notices:
        output.say(f"\nATTENTION: {text}")


def _explain_server(found: Status, now: float) -> None:
    user = f", as user {found.user}" if found.user else ""
    output.say(f"Gatepost {found.version} is {found.state} for {span(now - found.started)}{user}.\n")
    output.table(
        ("process", "pid", "up for", "state"),
        [("supervisor", found.pid, span(now - found.started), found.state)]
        + [(each.name, each.pid, span(now - each.started), each.state) for each in found.processes],
    )
    output.say()
    output.table(
        ("service", "listens on", "TLS", "open connections of the service"),
        [
            (each.service, each.socket or each.where, each.tls, found.connections.get(each.service, 0))
            for each in found.listeners
        ],
    )
    output.say(f"\n{found.accepted} connections accepted.")
    output.say()
    output.table(
        ("certificate for", "expires", "file"),
        [(", ".join(each.names), _expiry(each.expires - now), each.file) for each in found.certificates],
    )
    _explain_limited(found, now)
    output.say()


def _explain_limited(found: Status, now: float) -> None:
    """Nothing where nobody is held up."""
    if found.limited:
        output.say()
        output.table(
            ("held up", "who", "failed logins", "next login waits", "forgotten in", "connections"),
            [
                (
                    each.kind,
                    repr(each.who)[1:-1],
                    each.failures,
                    "refused" if each.refused else f"{each.delay:g} s",
                    span(each.until - now) if each.until else "-",
                    f"{each.connections} (full)" if each.full else each.connections,
                )
                for each in found.limited
            ],
        )
        if found.limited_in_all > len(found.limited):
            output.say(f"{found.limited_in_all} in all.")


def _expiry(left: float) -> str:
    if left <= 0:
        return "EXPIRED"
    return f"in {span(left)}" + ("  RENEW NOW" if left < SOON_DAYS * DAY else "")


def span(seconds: float) -> str:
    """A duration by its largest unit, as people say it."""
    for unit, length in (("day", DAY), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length:
            return f"{int(seconds // length)} {unit}s"
    return f"{max(0, int(seconds))} s"


def _size(octets: int) -> str:
    for unit, length in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if octets >= length:
            return f"{octets / length:.1f} {unit}"
    return f"{octets} octets"
