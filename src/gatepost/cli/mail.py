"""`gatepost mail`: bring mail in, take it out, look at it, get back what was deleted."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer
from msgspec import Struct

from gatepost.archive import formats
from gatepost.archive.formats import Format
from gatepost.archive.item import Bad
from gatepost.cli import output
from gatepost.cli.deliver import deliver
from gatepost.cli.environment import Environment
from gatepost.delivery.exporter import Exported, export, listed, octets
from gatepost.delivery.importer import Importer, Report, every
from gatepost.errors import NoSuchMailboxError, NoSuchMessageError
from gatepost.identity.admin import find_account
from gatepost.mime.addresses import Address
from gatepost.mime.structure import Parsed, leaves, unpack
from gatepost.mime.words import decode, decode_words
from gatepost.model import INBOX, TRASH, Account, Flag, Mailbox, Message
from gatepost.store.api import Store
from gatepost.store.commands import RestoreMessage
from gatepost.text import cut, printable

T = TypeVar("T")

app = typer.Typer(no_args_is_help=True, help="Import, export, deliver, read and restore mail.")

Who = Annotated[str, typer.Argument(metavar="ADDRESS", help="The account, e.g. alice@example.com.")]
Folder = Annotated[str, typer.Option("--folder", metavar="NAME", help="The mailbox.")]


LAST_UID: Final = 0xFFFFFFFF
"""RFC 9051 §2.3.1.1."""
LAST_ID: Final = 0x7FFFFFFFFFFFFFFF


class Source(StrEnum):
    """What can be read, and finding it out."""

    AUTO = "auto"
    MAILDIR = "maildir"
    MBOX = "mbox"
    EML = "eml"


class Line(Struct, frozen=True):
    """A message in a list."""

    uid: int
    received: str
    size: int
    flags: list[str]
    sender: str
    subject: str
    uidl: str | None
    email_id: int


def _with_account(context: typer.Context, work: Callable[[Store, Account], Awaitable[T]], address: str) -> T:
    """Runs `work` on the account of that name. Raises what `find_account` raises."""
    environment: Environment = context.obj

    async def on_store() -> T:
        async with environment.engine.store(environment.settings) as store:
            return await work(store, await find_account(store, environment.settings, address))

    return environment.run(on_store())


async def _mailbox(store: Store, account: Account, name: str) -> Mailbox:
    """Raises NoSuchMailboxError, which says what there is."""
    try:
        return await store.mailbox(account.account_id, name)
    except NoSuchMailboxError as error:
        names = ", ".join(printable(box.name) for box in await store.mailboxes(account.account_id))
        raise NoSuchMailboxError(f"{error}\n{account.login} has: {names}") from error


# -- In and out ---------------------------------------------------------------------------------------------

_EACH: Final = 1000
"""Messages between two lines of progress where nobody watches."""


def _watched() -> bool:
    return sys.stderr.isatty()


@contextmanager
def _counting(label: str) -> Iterator[output.Progress]:
    """A bar while people watch, else a line every thousand messages; a total of 0 is not known."""
    if _watched():
        with output.progress(label) as report:
            yield report
        return

    def lines(done: int, _total: int) -> None:
        if done and done % _EACH == 0:
            output.note(f"{label}: {done} messages")

    yield lines


@contextmanager
def _files(path: Path) -> Iterator[None]:
    """Explains what the system does not let us do with the user's files."""
    try:
        yield
    except OSError as error:
        # A name without a folder is that of a step on the way: the path as the user wrote it says more.
        name = error.filename if Path(error.filename or "").is_absolute() else path
        output.fail(f"{printable(str(name))}: {error.strerror or error}", "Check the path and its permissions.")


@app.command("import")
def import_(
    context: typer.Context,
    address: Who,
    path: Annotated[Path, typer.Argument(help="A Maildir, an mbox file or directory, or .eml files.")],
    form: Annotated[Source, typer.Option("--format", help="What is at PATH.")] = Source.AUTO,
    folder: Annotated[
        str, typer.Option("--folder", metavar="NAME", help="Mailbox for PATH's own inbox; its folders come below.")
    ] = INBOX,
    again: Annotated[bool, typer.Option("--again", help="Also import what was imported before.")] = False,
    as_json: output.AsJson = False,
) -> None:
    """Bring in mail from files, with flags, folders and unique-ids. If it is interrupted, just run it again.

    What is here already is not imported twice. A message that cannot be read is skipped and listed, and so is each
    line of an mbox that may be a separator or none; exit code 1 then.
    """
    environment: Environment = context.obj
    with _files(path):
        found = formats.detect(path) if form is Source.AUTO else Format(form.value)
        total = sum(1 for _ in every(formats.read(path, found))) if _watched() else 0

    async def work(store: Store, account: Account) -> Report:
        salt = str(time.time_ns()) if again else ""
        most = environment.settings.delivery.message_size
        importer = Importer(store, account.account_id, most=most, mailbox=folder, salt=salt)
        return await importer.run(formats.read(path, found), lambda report: progress(report.done, total))

    with _files(path), _counting("Importing") as progress:
        report = _with_account(context, work, address)
    _tell_import(report, as_json=as_json)
    if report.skipped or report.doubts:
        raise typer.Exit(1)


def _tell_import(report: Report, *, as_json: bool) -> None:
    if as_json:
        output.json(report)
        return
    here = f", {report.repeated} were here already" if report.repeated else ""
    output.say(f"Imported {_messages(report.imported)} ({report.octets:,} octets){here}.")
    _tell_each("Skipped", report.skipped)
    _tell_each("Imported, but look at them: in doubt are", report.doubts)


def _tell_each(label: str, found: Sequence[Bad]) -> None:
    if found:
        output.say(f"{label} {len(found)}:")
    for one in found:
        output.say(f"  {printable(one.key)}: {printable(one.reason)}")


def _messages(number: int) -> str:
    return f"{number:,} message{'s' * (number != 1)}"


@app.command("export")
def export_(
    context: typer.Context,
    address: Who,
    path: Annotated[Path, typer.Argument(help="Directory to write to; it is made if it is not there.")],
    form: Annotated[
        Format, typer.Option("--format", help="Maildir keeps everything; mbox and eml only messages and folders.")
    ] = Format.MAILDIR,
    as_json: output.AsJson = False,
) -> None:
    """Write all mail of an account into files, each message octet for octet as it came in."""

    async def work(store: Store, account: Account) -> Exported:
        total = sum(mailbox.messages for mailbox in await store.mailboxes(account.account_id))
        writer = formats.writer(path, form)
        return await export(store, account.account_id, writer, lambda done: progress(done.messages, total))

    with _files(path), _counting("Exporting") as progress:
        done = _with_account(context, work, address)
    if as_json:
        output.json(done)
    else:
        _explain_export(done, path)
    if done.damaged:
        raise typer.Exit(1)


def _explain_export(done: Exported, path: Path) -> None:
    output.say(f"Exported {_messages(done.messages)} ({done.octets:,} octets) to {path}.")
    for name in done.inexact:
        output.warn(f"{name} has no line end at its end; mbox added one")
    for name in done.damaged:
        output.warn(f"{name} is damaged in the store and was left out; run `gatepost store verify`")


app.command("deliver")(deliver)


# -- Looking ------------------------------------------------------------------------------------------------


@app.command("list")
def list_(
    context: typer.Context,
    address: Who,
    folder: Annotated[
        str,
        typer.Option("--folder", metavar="NAME", help="The mailbox; left out: which there are.", show_default=False),
    ] = "",
    last: Annotated[int, typer.Option("--last", min=0, help="Only the newest N; 0 lists all.")] = 50,
    as_json: output.AsJson = False,
) -> None:
    """List the mailboxes, or the messages of one (`--folder INBOX`); UID is what `show` wants."""
    if not folder:
        _folders(context, address, as_json=as_json)
        return

    async def work(store: Store, account: Account) -> tuple[list[Line], int]:
        mailbox = await _mailbox(store, account, folder)
        newest: deque[Message] = deque(maxlen=last or None)
        async for message in listed(store, mailbox):
            newest.append(message)
        return await _lines(store, account, newest), mailbox.messages

    lines, total = _with_account(context, work, address)
    if as_json:
        output.json(lines)
        return
    _table(lines)
    if total > len(lines):
        output.note(f"The newest {len(lines)} of {total}; `--last 0` lists all.")


def _folders(context: typer.Context, address: str, *, as_json: bool) -> None:
    boxes = _with_account(context, lambda store, account: store.mailboxes(account.account_id), address)
    columns = ("name", "messages", "unseen", "octets")
    if as_json:
        output.json([{column: getattr(box, column) for column in columns} for box in boxes])
        return
    output.table(
        [column.upper() for column in columns], [[getattr(box, column) for column in columns] for box in boxes]
    )
    output.note("`--folder NAME` lists the messages of one.")


async def _lines(store: Store, account: Account, messages: Sequence[Message] | deque[Message]) -> list[Line]:
    lines = []
    for message in messages:
        parsed = unpack((await store.email(account.account_id, message.email_id)).structure)
        lines.append(
            Line(
                uid=message.uid,
                received=_when(message.received),
                size=message.size,
                flags=[*_flag_names(message.flags), *message.keywords],
                sender=", ".join(_person(one) for one in parsed.envelope.from_[:3]),
                subject=decode_words(parsed.envelope.subject),
                uidl=message.uidl,
                email_id=message.email_id,
            )
        )
    return lines


def _table(lines: Sequence[Line]) -> None:
    columns = ("UID", "RECEIVED", "SIZE", "FLAGS", "FROM", "SUBJECT")
    rows = ((m.uid, m.received, m.size, " ".join(m.flags), cut(m.sender, 40), cut(m.subject, 80)) for m in lines)
    output.table(columns, rows)


def _flag_names(flags: int) -> list[str]:
    return [(flag.name or "").lower() for flag in Flag if flag & flags]


def _when(at: int) -> str:
    """In local time; a date that no calendar has (imported mail brings its own) as seconds since 1970."""
    try:
        return datetime.fromtimestamp(at).astimezone().isoformat(sep=" ", timespec="minutes")
    except (ValueError, OverflowError, OSError):
        return f"{at} s"


def _person(one: Address) -> str:
    spec = (one.mailbox or b"") + (b"@" + one.host if one.host else b"")
    return decode_words(one.name or spec)


@app.command("show")
def show(
    context: typer.Context,
    address: Who,
    uid: Annotated[int, typer.Argument(min=1, max=LAST_UID, help="The message's UID, from `gatepost mail list`.")],
    folder: Folder = INBOX,
    raw: Annotated[
        bool, typer.Option("--raw", help="Its octets, as they came in (a terminal shows them escaped).")
    ] = False,
    as_json: output.AsJson = False,
) -> None:
    """Show a message: who, what, its parts and its first words; or its octets."""

    async def work(store: Store, account: Account) -> Parsed | None:
        mailbox = await _mailbox(store, account, folder)
        page = await store.messages(account.account_id, mailbox.mailbox_id, after_uid=uid - 1, limit=1)
        if not page or page[0].uid != uid:
            raise NoSuchMessageError(f"{folder} has no message with UID {uid}\n`gatepost mail list` shows the UIDs.")
        if raw:
            output.raw([chunk async for chunk in octets(store, account.account_id, page[0])])
            return None
        return unpack((await store.email(account.account_id, page[0].email_id)).structure)

    parsed = _with_account(context, work, address)
    if parsed is not None:
        _show(parsed, as_json=as_json)


_LONGEST_TYPE: Final = 80
"""Characters of a media type: the registered ones are shorter (RFC 6838 §4.2 allows 127 for each half)."""


def _show(parsed: Parsed, *, as_json: bool) -> None:
    envelope = parsed.envelope
    people = {"From": envelope.from_, "To": envelope.to, "Cc": envelope.cc}
    head = {name: ", ".join(map(_full, found)) for name, found in people.items() if found}
    head |= {"Date": decode_words(envelope.date), "Subject": decode_words(envelope.subject)}
    parts = [
        {"type": f"{decode(part.type, '')}/{decode(part.subtype, '')}", "octets": part.size}
        for part in leaves(parsed.body)
    ]
    if as_json:
        output.json({"header": head, "parts": parts, "preview": parsed.preview, "message_id": parsed.message_id})
        return
    for name, value in head.items():
        output.say(f"{name + ':':9}{printable(value)}".rstrip())
    for part in parts:
        output.say(f"Part:    {printable(str(part['type']), _LONGEST_TYPE)}, {part['octets']} octets")
    output.say(f"\n{parsed.preview}")


def _full(one: Address) -> str:
    if one.host is None:
        return f"{decode_words(one.mailbox)}:" if one.mailbox is not None else ";"
    spec = decode_words((one.mailbox or b"") + b"@" + one.host)
    return f"{decode_words(one.name)} <{spec}>" if one.name else spec


# -- Deleted mail -------------------------------------------------------------------------------------------


class Lost(Struct, frozen=True):
    """A message that can be restored."""

    id: int
    where: str
    deleted: str
    until: str
    size: int
    preview: str


@app.command("restore")
def restore(
    context: typer.Context,
    address: Who,
    email_id: Annotated[
        int | None, typer.Option("--id", metavar="ID", min=1, max=LAST_ID, help="Restore this one.", show_default=False)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Restore all that can be.")] = False,
    as_json: output.AsJson = False,
) -> None:
    """List deleted messages that can be brought back, or bring them back with their unique-ids.

    Messages on hold return to the mailbox that they came from, those in Trash to INBOX.
    """

    async def work(store: Store, account: Account) -> list[Lost]:
        lost = [] if email_id is not None else await _lost(store, account)
        chosen = [email_id] if email_id is not None else [one.id for one in lost] if everything else []
        for one in dict.fromkeys(chosen):
            await store.execute(RestoreMessage(account.account_id, one))
            restored.append(one)
        return lost

    restored: list[int] = []
    lost = _with_account(context, work, address)
    if as_json:
        output.json({"restored": restored} if email_id is not None or everything else lost)
    elif email_id is not None or everything:
        output.say(f"Restored {_messages(len(restored))}.")
    elif not lost:
        output.note("There is nothing to restore: no message is on hold or in Trash.")
    else:
        rows = ((one.id, one.where, one.deleted, one.until, one.size, cut(one.preview, 60)) for one in lost)
        output.table(("ID", "FROM", "DELETED", "UNTIL", "SIZE", "BEGINS"), rows)


async def _lost(store: Store, account: Account) -> list[Lost]:
    held = [
        Lost(one.email_id, f"{one.mailbox} (held)", _when(one.deleted), _when(one.until), one.size, one.preview)
        for one in await store.held(account.account_id)
    ]
    trash = [box for box in await store.mailboxes(account.account_id) if box.name == TRASH]
    for mailbox in trash:
        async for message in listed(store, mailbox):
            email = await store.email(account.account_id, message.email_id)
            preview = unpack(email.structure).preview
            held.append(Lost(message.email_id, TRASH, "", "", message.size, preview))
    return held


@app.command("journal")
def journal(
    context: typer.Context,
    address: Who,
    last: Annotated[int, typer.Option("--last", min=1, help="Only the newest N.")] = 100,
    as_json: output.AsJson = False,
) -> None:
    """Who deleted what: time, mailbox, unique-id, which credential, and from which IP address."""
    lines = _with_account(context, lambda store, account: store.deletions(account.account_id, limit=last), address)
    if as_json:
        output.json(list(lines))
        return
    if not lines:
        output.note("Nothing was deleted yet.")
        return
    rows = (
        (_when(one.at), one.action, one.mailbox, one.uid, one.uidl, one.credential or "(server)", one.address or "-")
        for one in lines
    )
    output.table(("WHEN", "ACTION", "MAILBOX", "UID", "UIDL", "CREDENTIAL", "ADDRESS"), rows)
