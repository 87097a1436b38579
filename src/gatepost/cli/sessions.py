"""`gatepost session`: who is logged in now, and out with them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from gatepost.cli import output
from gatepost.cli.environment import Environment
from gatepost.cli.server import span
from gatepost.cli.values import iso_time
from gatepost.identity import admin
from gatepost.net.places import as_owner_of
from gatepost.net.sessions import Question, SessionStatus, ask
from gatepost.net.status import read_status
from gatepost.text import printable

NOT_RUNNING: Final = 3
"""Exit code, as of `gatepost status`."""

app = typer.Typer(help="Sessions: who is logged in now.", no_args_is_help=True)


@app.callback()
def session() -> None:
    """See who is logged in, and end sessions."""


@app.command("list")
def session_list(
    context: typer.Context,
    login: Annotated[str, typer.Argument(help="Only this user's.", show_default=False)] = "",
    as_json: output.AsJson = False,
) -> None:
    """Show who is logged in now, in all workers. Exit code 3 if the server is not running."""
    found = _ask(context, login, "", end=False)
    if as_json:
        output.json(_json(found))
    elif found:
        _table(found)
    else:
        output.say("Nobody is logged in.")


@app.command("end")
def session_end(
    context: typer.Context,
    login: Annotated[str, typer.Argument(help="All sessions of this user.", show_default=False)] = "",
    number: Annotated[
        str, typer.Option("--id", metavar="ID", help="The session with this id (`gatepost session list`).")
    ] = "",
    as_json: output.AsJson = False,
) -> None:
    """End sessions; nothing that they marked is deleted. The user may log in again: change the password first,
    which ends the sessions that used it, or disable the account, which ends them all.
    """
    if bool(login) == bool(number):
        raise typer.BadParameter("name a user, or one session with --id")
    found = _ask(context, login, number, end=True)
    if as_json:
        output.json(_json(found))
    elif found:
        output.say("Ended: " + ", ".join(f"{each.session} ({printable(each.login)})" for each in found) + ".")
    if not found:
        output.fail("there is no such session", "See who is logged in: gatepost session list")


def _ask(context: typer.Context, login: str, number: str, *, end: bool) -> Sequence[SessionStatus]:
    environment: Environment = context.obj
    directory = Path(environment.settings.server.data)
    question = Question(_full(environment, login) if login else "", number, end)
    try:
        if read_status(directory) is None:
            output.complain("the server is not running, so nobody is logged in", "Start it: gatepost serve")
            raise typer.Exit(NOT_RUNNING)
        with as_owner_of(directory):
            return ask(directory, question)
    except PermissionError:
        output.fail(f"you may not look into {directory}", "Ask as its owner, or as root.")
    except TimeoutError:
        output.fail("a process of the server does not answer", "See how it is: gatepost status")


def _full(environment: Environment, login: str) -> str:
    """Whom a login means. Raises InvalidValueError."""

    async def work() -> str:
        async with environment.engine.store(environment.settings) as store:
            return await admin.login_of(store, environment.settings, login)

    return environment.run(work())


def _table(found: Sequence[SessionStatus]) -> None:
    output.table(
        ("session", "user", "service", "address", "since", "last activity", "worker"),
        [
            (
                each.session,
                each.login,
                each.service,
                each.address,
                f"{span(each.seconds)} ago",
                f"{span(each.idle)} ago",
                each.worker.removeprefix("worker "),
            )
            for each in found
        ],
    )


def _json(found: Sequence[SessionStatus]) -> list[dict[str, Any]]:
    now = time.time()
    return [
        {
            "session": each.session,
            "user": each.login,
            "credential": each.credential,
            "mechanism": each.mechanism,
            "service": each.service,
            "address": each.address,
            "since": iso_time(int(now - each.seconds)),
            "last_activity": iso_time(int(now - each.idle)),
            "worker": each.worker,
            "pid": each.pid,
        }
        for each in found
    ]
