"""`gatepost talk`: a dialog with any mail server, like telnet or `openssl s_client`, that knows the protocol."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperCommand
from typer.exceptions import TyperException

from gatepost.cli import output
from gatepost.errors import GatepostError, InvalidValueError

if TYPE_CHECKING:
    from gatepost.doctor.model import Target
    from gatepost.doctor.talk.drive import Plan

NOT_REACHED: Final = 3
INTERRUPTED: Final = 130
"""128 + SIGINT, as shells have it."""
TERMINATED: Final = 143
"""128 + SIGTERM."""

_EPILOG: Final = (
    "At the prompt, Tab completes. Lines that begin with / are for gatepost talk: /help, /auth (log in, password "
    "unseen), /tls (certificate), /raw TEXT (send as it is), /quit. Everything else goes to the server. "
    "Exit code: 0 fine, 2 refused or broken off, 3 not reached."
)


def register(root: typer.Typer) -> None:
    """Adds the single command of this module."""
    root.command("talk", cls=_Command, epilog=_EPILOG)(talk)


class _Command(TyperCommand):
    """Wrong options mean that nobody was reached: 2 says that the server refused."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except TyperException as error:
            error.exit_code = NOT_REACHED
            raise


def talk(
    where: Annotated[
        str,
        typer.Argument(
            metavar="SERVER",
            show_default=False,
            help="A URL like pop3s://mail.example.com or imap://host:1143, or host:port with a mail port.",
        ),
    ],
    user: Annotated[str, typer.Option(metavar="NAME", help="Who /auth logs in.")] = "",
    starttls: Annotated[
        bool, typer.Option("--starttls/--no-starttls", help="Begin TLS by itself on pop3, imap, smtp and submission.")
    ] = True,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Send passwords without encryption, or to an unverified server, too.")
    ] = False,
    ca: Annotated[str, typer.Option(metavar="FILE", help="Trust the authorities in this file as well (PEM).")] = "",
    v4: Annotated[bool, typer.Option("-4", "--ipv4", help="Only IPv4.")] = False,
    v6: Annotated[bool, typer.Option("-6", "--ipv6", help="Only IPv6.")] = False,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, max=3600, help="For each answer.")] = 30.0,
    pipeline: Annotated[
        bool, typer.Option("--pipeline", help="In a pipe: send lines without waiting for each reply.")
    ] = False,
) -> None:
    """Talk with any mail server: commands complete with Tab, replies are explained, secrets stay hidden."""
    try:
        from gatepost.doctor.talk.drive import Plan  # noqa: PLC0415 -- `--help` needs none of it

        target, named = _target(where)
        if ca and not Path(ca).is_file():
            raise InvalidValueError(f"there is no file {ca}\nGive --ca a file with certificates in PEM.")
        plan = Plan(
            target,
            families=(6, 4) if v4 == v6 else (4,) if v4 else (6,),
            ca_file=ca,
            seconds=timeout,
            starttls=starttls,
            insecure=insecure,
            pipeline=pipeline,
            user=user or named,
        )
        code = _run(plan)
    except GatepostError as error:
        problem, _, fix = str(error).partition("\n")
        output.note(f"gatepost: {problem}" + "".join(f"\n  {line}" for line in fix.splitlines()))
        raise typer.Exit(NOT_REACHED) from error
    except KeyboardInterrupt as error:
        raise typer.Exit(INTERRUPTED) from error
    raise typer.Exit(code)


def _run(plan: Plan) -> int:
    import asyncio  # noqa: PLC0415

    from gatepost.doctor.talk.desk import desk  # noqa: PLC0415
    from gatepost.doctor.talk.drive import talk  # noqa: PLC0415

    try:
        with desk() as seat:
            return asyncio.run(talk(plan, seat))
    except asyncio.CancelledError:
        return TERMINATED
    except BrokenPipeError:
        # Whoever read our output (`| head`) has seen enough; the interpreter must not complain at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0


def _target(where: str) -> tuple[Target, str]:
    """The server, and the user if the URL names one. Raises InvalidValueError."""
    from gatepost.doctor.model import Target  # noqa: PLC0415
    from gatepost.doctor.subject import EXAMINED, parse_subject, service_named  # noqa: PLC0415

    subject = parse_subject(where)
    if subject.is_address:
        raise InvalidValueError(
            "a mail address is no server\n"
            f"To find its servers: gatepost doctor {subject.subject}\n"
            "To talk with one: gatepost talk imaps://mail.example.com"
        )
    if subject.service:
        service = service_named(subject.service)
    else:
        known = {each.port: each for each in EXAMINED}
        if subject.port not in known:
            raise InvalidValueError(
                f"which service of {subject.subject} is meant?\n"
                f"Write it before the name: gatepost talk pop3s://{subject.subject}\n"
                f"There are {', '.join(each.name for each in EXAMINED)}."
            )
        service = known[subject.port]
    return Target(service, subject.subject, subject.port or service.port), subject.user
