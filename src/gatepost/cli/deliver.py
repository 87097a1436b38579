"""`gatepost mail deliver`: how a mail server hands over, in the words that mail servers understand.

Exit codes are those of <sysexits.h>, and each line about a recipient begins with an enhanced status code (RFC 3463),
which Postfix puts into its log and into the notice to the sender.

What lies with the message or the recipient stays as it is: the mail server gives the message back. All else (the store
is busy or full, a setting or an option is wrong, an error of ours) somebody mends, and until then the message waits in
the mail server's queue: nobody's mail comes back because the administrator mistyped a word.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated, BinaryIO, Final

import typer
from msgspec import Struct

from gatepost.cli import output
from gatepost.cli.environment import Environment
from gatepost.cli.sysexits import LATER
from gatepost.config.settings import Delivery
from gatepost.delivery.ingest import EmptyMessageError, MessageTooLargeError
from gatepost.delivery.local import Outcome
from gatepost.delivery.local import deliver as deliver_to
from gatepost.delivery.once import Once, for_this_call, once_for
from gatepost.delivery.routing import Router
from gatepost.errors import (
    DomainError,
    InvalidValueError,
    NoSuchAccountError,
    NoSuchAddressError,
    NoSuchDomainError,
    OverQuotaError,
    StoreFullError,
    StoreUnavailableError,
)
from gatepost.model import INBOX
from gatepost.store.rules import mailbox_name

_STREAM_OCTETS: Final = 1 << 20


class Told(Struct, frozen=True):
    """What `--json` prints for each address, or for each account that the address reaches."""

    address: str
    account_id: int = 0
    mailbox_id: int = 0
    uid: int = 0
    email_id: int = 0
    repeated: bool = False
    status: str = ""
    """RFC 3463; empty where all went well."""
    error: str = ""


def deliver(
    context: typer.Context,
    addresses: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ADDRESS...",
            help="Who gets it: addresses or aliases; none: the one in RECIPIENT, where mail servers put it.",
            show_default=False,
        ),
    ] = None,
    folder: Annotated[str, typer.Option("--folder", metavar="NAME", help="The mailbox.")] = INBOX,
    sender: Annotated[
        str | None,
        typer.Option(
            "--sender",
            "-f",
            metavar="ADDRESS",
            help="The envelope's sender (empty for a bounce): noted in a Return-Path line at the top.",
            show_default=False,
        ),
    ] = None,
    once: Annotated[
        str,
        typer.Option(
            "--once", metavar="KEY", help="Who had a delivery with this key gets no second one.", show_default=False
        ),
    ] = "",
    repeat: Annotated[bool, typer.Option("--again", help="Deliver also what was delivered just before.")] = False,
    as_json: output.AsJson = False,
) -> None:
    """Deliver the message on standard input. It is on disk when this ends with exit code 0.

    Nothing is added to it but what --sender asks for; an mbox separator (`From …`) in its first line is taken away.

    Without --once a key is made of the message: what a mail server's queue hands over again (for a week), or a script
    within a quarter of an hour, comes once.

    Exit codes are those of sysexits.h. 75: try again later. 65: not this message. 67: nobody has this address.
    69: no room, if `delivery.over_quota` says so. Of several recipients each gets it who can; the code is the worst.
    """
    environment: Environment = context.obj
    settings = environment.settings.delivery
    recipients = addresses or _recipient()
    try:
        message = _message(settings.message_size, sender)
        key = _key(message, _folder(folder), once, again=repeat)
        outcomes = environment.run(_deliver(environment, recipients, message, folder or INBOX, key))
    except DomainError as error:
        outcomes = tuple(Outcome(address, error=error) for address in recipients)
    failures = _failures(outcomes, settings)
    with suppress(OSError):  # what became of the message does not change when nobody can be told
        if as_json:
            output.json(_told(outcomes, settings))
        _report(outcomes, failures, quiet=as_json)
    if failures:
        raise typer.Exit(failures[0].code)


def _recipient() -> list[str]:
    """Set by Exim (which lets no address into a command line), Postfix's local(8) and qmail."""
    address = os.environ.get("RECIPIENT", "")
    if not address:
        raise typer.BadParameter("name at least one, or set RECIPIENT", param_hint="ADDRESS")
    return [address]


async def _deliver(
    environment: Environment, addresses: Sequence[str], message: bytes, folder: str, once: Once
) -> tuple[Outcome, ...]:
    settings = environment.settings.delivery
    async with environment.engine.store(environment.settings) as store:
        if not await store.domains():
            raise StoreUnavailableError(
                f"the store in {environment.settings.server.data} has no domains\n"
                "It is new (`gatepost domain add` makes one), or its disk is not mounted."
            )
        return await deliver_to(
            store,
            Router(store, settings),
            addresses,
            message,
            received=int(time.time()),
            most=settings.message_size,
            mailbox=folder,
            once=once,
        )


# -- The message --------------------------------------------------------------------------------------------


def _message(most: int, sender: str | None) -> bytes:
    """All of standard input is read, a message that is too large too: who writes it would take a closed pipe for a
    fault of another kind.
    """
    stream = _stdin()
    message = stream.read(most + 1)
    while stream.read(_STREAM_OCTETS):
        pass
    if message.startswith(b"From "):
        message = message.partition(b"\n")[2]
    return message if sender is None or not message else _return_path(sender, message) + message


def _stdin() -> BinaryIO:
    if sys.stdin is None:
        raise DomainError("standard input is closed, and the message should come there")
    return sys.stdin.buffer


def _return_path(sender: str, message: bytes) -> bytes:
    """RFC 5321 §4.4; nothing where the mail server has written one."""
    if message[:12].lower() == b"return-path:":
        return b""
    path = sender.removeprefix("<").removesuffix(">")
    if not path.isprintable():
        raise typer.BadParameter(f"{path!r} is no address", param_hint="--sender")
    end = b"\r\n" if message.partition(b"\n")[0].endswith(b"\r") else b"\n"
    return b"Return-Path: <" + os.fsencode(path) + b">" + end


def _folder(name: str) -> str:
    """Checked before anything else: it is the administrator's word, and a wrong one concerns no recipient."""
    try:
        return mailbox_name(name or INBOX)
    except InvalidValueError as error:
        raise typer.BadParameter(str(error), param_hint="--folder") from error


def _key(message: bytes, folder: str, once: str, *, again: bool) -> Once:
    if once:
        return Once(f"given:{once}")
    return for_this_call() if again else once_for(message, folder)


# -- The answer ---------------------------------------------------------------------------------------------


class _Failure(Struct, frozen=True):
    address: str
    code: int
    status: str
    error: DomainError


def _failures(outcomes: Sequence[Outcome], settings: Delivery) -> list[_Failure]:
    """The one that decides first: as long as there is one that passes, the mail server must try again."""
    found = [
        _Failure(one.address, *_answer(one.error, settings), one.error) for one in outcomes if one.error is not None
    ]
    return sorted(found, key=lambda failure: -failure.code)


def _answer(error: DomainError, settings: Delivery) -> tuple[int, str]:
    """Exit code (sysexits.h) and enhanced status code (RFC 3463)."""
    match error:
        case MessageTooLargeError():
            return os.EX_DATAERR, "5.3.4"
        case EmptyMessageError():
            return os.EX_DATAERR, "5.6.0"
        case OverQuotaError() if settings.over_quota == "refuse":
            return os.EX_UNAVAILABLE, "5.2.2"
        case OverQuotaError():
            return os.EX_TEMPFAIL, "4.2.2"
        case NoSuchDomainError():
            return os.EX_NOUSER, "5.1.2"
        case NoSuchAddressError() | NoSuchAccountError():
            return os.EX_NOUSER, "5.1.1"
        case StoreFullError():
            return os.EX_TEMPFAIL, "4.3.1"
        case _:
            return os.EX_TEMPFAIL, LATER


def _report(outcomes: Sequence[Outcome], failures: Sequence[_Failure], *, quiet: bool) -> None:
    """Failures first: only at the beginning of the output does Postfix look for a status code."""
    for status, text in dict.fromkeys((failure.status, str(failure.error)) for failure in failures):
        problem, _, fix = text.partition("\n")
        output.explain(f"{status} {problem}", fix)
    have = {one.account_id: one.repeated for outcome in outcomes for one in outcome.delivered}
    if quiet or (failures and not have):
        return
    repeated = sum(have.values())
    count = len(have) - repeated
    before = f"; {repeated} had it already (--again delivers it once more)" if repeated else ""
    output.say(f"Delivered to {count} account{'s' * (count != 1)}{before}.")


def _told(outcomes: Sequence[Outcome], settings: Delivery) -> list[Told]:
    told = []
    for one in outcomes:
        told += [
            Told(one.address, each.account_id, each.mailbox_id, each.uid, each.email_id, each.repeated)
            for each in one.delivered
        ]
        if one.error is not None:
            told.append(Told(one.address, status=_answer(one.error, settings)[1], error=str(one.error)))
    return told
