"""`gatepost store`: check it, back it up while it runs, put a backup in place."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from gatepost.cli import output
from gatepost.cli.environment import Environment
from gatepost.store.api import Finding
from gatepost.store.commands import TrustClock

app = typer.Typer(no_args_is_help=True, help="Check, back up and restore the store.")


@app.command("verify")
def verify(context: typer.Context, as_json: output.AsJson = False) -> None:
    """Hash every message again, recount every counter. Exit code 1 if something is wrong. Works while serving."""
    environment: Environment = context.obj

    async def work(report: output.Progress) -> Sequence[Finding]:
        async with environment.engine.maintenance(environment.settings) as maintenance:
            return await maintenance.verify(report)

    with output.progress("Checking") as report:
        findings = environment.run(work(report))
    if as_json:
        output.json(list(findings))
    else:
        _explain(findings)
    if findings:
        raise typer.Exit(1)


def _explain(findings: Sequence[Finding]) -> None:
    for finding in findings:
        output.say(f"{finding.account} {finding.place}: {finding.problem}\n    {finding.fix}")
    output.say(f"{len(findings)} found wrong." if findings else "The store is sound.")


@app.command("backup")
def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Where the backup goes; must not exist yet.")],
    as_json: output.AsJson = False,
) -> None:
    """Write one consistent copy of accounts and mail to FILE. Works while serving."""
    environment: Environment = context.obj

    async def work(report: output.Progress) -> None:
        async with environment.engine.maintenance(environment.settings) as maintenance:
            await maintenance.backup(str(file.absolute()), report)

    with output.progress("Backing up") as report:
        environment.run(work(report))
    size = file.stat().st_size
    if as_json:
        output.json({"file": str(file), "octets": size})
    else:
        output.say(f"Wrote {file} ({size:,} octets). Keep it safe: it holds all mail and all password hashes.")


@app.command("trust-clock")
def trust_clock(context: typer.Context) -> None:
    """Say that this machine's clock is right, after `gatepost status` doubts it: mail may expire again."""
    environment: Environment = context.obj

    async def work() -> None:
        async with environment.engine.store(environment.settings) as store:
            await store.execute(TrustClock())

    environment.run(work())
    output.say(f"The clock is believed: it is {time.strftime('%Y-%m-%d %H:%M:%S %Z')}. Mail may expire again.")


@app.command("compact")
def compact(context: typer.Context, as_json: output.AsJson = False) -> None:
    """Give the room of deleted mail back to the disk. The server must be stopped.

    Needed once for a store that a release before this one made: from then on the server does it by itself, hourly.
    Needs room for a second copy while it works.
    """
    environment: Environment = context.obj
    before, after = environment.engine.compact(environment.settings)
    if as_json:
        output.json({"before": before, "after": after})
    else:
        output.say(f"The store had {before:,} octets and has {after:,} now.")


@app.command("restore")
def restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="What `gatepost store backup` wrote.")],
) -> None:
    """Put a backup in the place of an empty store. The server must be stopped."""
    environment: Environment = context.obj
    environment.engine.restore(environment.settings, file.absolute())
    output.say(f"Restored {file} to {environment.settings.server.data}. `gatepost store verify` checks it.")
