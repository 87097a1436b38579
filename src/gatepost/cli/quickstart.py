"""`gatepost quickstart`: from nothing to mail in a mail program, in one command.

Makes what is missing (data directory, domain, user, welcome messages; certificates come with the start) and keeps
what is there, then serves until Ctrl-C. Once every port accepts, it prints what to type into a mail program.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer
from msgspec import Struct
from msgspec.structs import replace

from gatepost import __version__
from gatepost.cli import output
from gatepost.cli.environment import Environment
from gatepost.cli.welcome import welcome_messages
from gatepost.config.document import sample
from gatepost.config.listeners import live, may_bind_low_ports
from gatepost.config.load import load
from gatepost.config.settings import ServiceSettings, Settings
from gatepost.delivery.ingest import prepare
from gatepost.errors import CertificateError, PortInUseError
from gatepost.identity import admin
from gatepost.identity.passwords import argon2_fits
from gatepost.model import INBOX, Account, CredentialKind
from gatepost.net.listener import bind
from gatepost.net.places import (
    SERVICE_FILES,
    bindable,
    forget_first_login,
    keep_first_login,
    read_first_login,
    tls_files,
)
from gatepost.net.privileges import can_use, choose_identity, hand_over
from gatepost.net.status import read_status
from gatepost.ports import Listener, TlsMode
from gatepost.store.api import Store
from gatepost.store.commands import Deliver, Target

DOMAIN: Final = "example.test"
"""Reserved (RFC 6761 §6.2): it cannot collide with anybody's real mail."""
SHARED_PLACE: Final = Path("/var/lib/gatepost")
"""For data, where the service user cannot reach the current directory."""


def quickstart(
    context: typer.Context,
    domain: Annotated[str, typer.Option(metavar="DOMAIN", help="Domain of the first user's address.")] = "",
    user: Annotated[str, typer.Option(metavar="NAME", help="Name of the first user.")] = "alice",
) -> None:
    """Set up everything that is missing, serve, and print what to type into a mail program. Ctrl-C ends it."""
    environment: Environment = context.obj
    settings, config_file = _place(environment)
    directory = Path(settings.server.data)
    if running := read_status(directory):
        output.fail(
            f"the server is running already (process {running.pid}) with the data in {directory}",
            f"`{_program()} status` shows more; stop it with Ctrl-C in its terminal, or: kill {running.pid}",
        )
    adjust = _free_ports(settings)
    settings = adjust(settings)
    door = _door(settings)
    address = f"{user}@{domain or settings.server.default_domain or DOMAIN}"
    first = environment.run(_prepare(environment, settings, door, address))
    code = environment.engine.serve(
        settings, config_file, adjust=adjust, on_ready=partial(_explain, settings, door, first)
    )
    output.say("Stopped. The data stays; the same command starts again.")
    raise typer.Exit(code)


# -- Where and by which door --------------------------------------------------------------------------------


def _place(environment: Environment) -> tuple[Settings, Path | None]:
    """The data directory, made if need be. As root it must be one that the service user can reach."""
    settings = environment.settings
    directory = Path(settings.server.data)
    if _make(directory, settings):
        return settings, environment.config_file
    if os.geteuid() != 0:
        output.fail(f"you may not use {directory}", "Start as its owner, or go to a directory of your own.")
    if environment.config_file or not _make(SHARED_PLACE, settings):
        output.fail(
            f"the user that serves cannot use {directory}",
            f"A folder above it is closed to other users. Set `server.data` to another place, e.g. {SHARED_PLACE}.",
        )
    file = Path("gatepost.toml").absolute()
    with suppress(FileExistsError), file.open("x", encoding="utf-8") as made:
        made.write(sample({"server.data": str(SHARED_PLACE)}))
    output.note(
        f"Data goes to {SHARED_PLACE}: Gatepost does not serve as root, and other users cannot reach {directory}. "
        f"{file} says so for all commands.\n"
    )
    return load(file), file


def _make(directory: Path, settings: Settings) -> bool:
    """Whether the directory is there and usable by whoever will serve."""
    fresh = not directory.exists()
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        output.fail(f"cannot make {directory}: {error.strerror}", "Go to a directory you may write in.")
    identity = choose_identity(settings.server.user, directory)
    if identity is not None:
        hand_over(identity, directory, SERVICE_FILES)
    usable = can_use(identity, directory)
    if fresh and not usable:
        directory.rmdir()
    return usable


def _free_ports(settings: Settings) -> Callable[[Settings], Settings]:
    """What to change in the settings so that every standard port can be bound: nothing, or other numbers."""
    privileged = may_bind_low_ports()
    try:
        for listener in bindable(live(settings, privileged=privileged)):
            for opened in bind(listener, 1):
                opened.close()
    except PortInUseError as error:
        output.note(f"{error}\nUntil then the ports are moved up by 10,000.\n")
        privileged = False
    moved = {each.service.name: each.port for each in live(settings, privileged=privileged) if not each.standard_port}

    def adjust(read: Settings) -> Settings:
        services = dict(read.service)
        for name, port in moved.items():
            old = services.get(name, ServiceSettings())
            services[name] = replace(old, port=old.port or port)
        return replace(read, service=services)

    return adjust


class Door(Struct, frozen=True):
    """What a mail program on this machine must be told."""

    host: str
    port: int
    authority: Path | None
    """What to trust first; None for a certificate of the administrator's own."""


def _door(settings: Settings) -> Door:
    listeners: list[Listener] = [
        each for each in live(settings, privileged=may_bind_low_ports()) if each.service.tls is TlsMode.IMPLICIT
    ]
    if not listeners:
        output.fail("no service with TLS from the first byte is on", "Take `on = false` out of [service.pop3s].")
    if settings.tls.certificate:
        return Door(settings.server.hostname or "localhost", listeners[0].port, None)
    return Door(settings.server.hostname or "localhost", listeners[0].port, tls_files(settings).authority)


# -- The first user -----------------------------------------------------------------------------------------


class FirstLogin(Struct, frozen=True):
    login: str
    password: str | None
    """None when the person has set another since."""


async def _prepare(environment: Environment, settings: Settings, door: Door, address: str) -> FirstLogin:
    async with environment.engine.store(settings) as store:
        accounts = await store.accounts(limit=1)
        if accounts:
            return await _known(store, settings, accounts[0])
        return await _create(store, environment, settings, door, address)


async def _known(store: Store, settings: Settings, first: Account) -> FirstLogin:
    """The login that an earlier start made, while its password is still in force."""
    try:
        login, password = read_first_login(settings).split()
    except (CertificateError, OSError, ValueError):
        return FirstLogin(first.login, None)
    account = await store.account_by_login(login)
    credentials = await store.credentials(account.account_id) if account else ()
    main = [each for each in credentials if each.kind is CredentialKind.PASSWORD]
    if main and argon2_fits(main[0].verifier.hash, password):
        return FirstLogin(login, password)
    forget_first_login(settings)
    return FirstLogin(login if account else first.login, None)


async def _create(store: Store, environment: Environment, settings: Settings, door: Door, address: str) -> FirstLogin:
    secret = environment.engine.secret(settings)
    account, password = await admin.create_account(store, settings, secret, address, create_domain=True)
    keep_first_login(settings, f"{account.login} {password}\n")
    values = {
        "login": account.login,
        "host": door.host,
        "port": str(door.port),
        "ca": str(door.authority or "(not needed: the certificate is one of a known authority)"),
        "data": settings.server.data,
        "folder": str(Path.cwd()),
        "gatepost": _program(),
        "version": __version__,
    }
    now = int(time.time())
    for number, message in enumerate(welcome_messages(values, now), 1):
        email = await prepare(store, message, received=now, most=settings.delivery.message_size)
        await store.execute(Deliver(email, (Target(account.account_id, INBOX, once=f"welcome-{number}"),)))
    return FirstLogin(account.login, password)


# -- What to type -------------------------------------------------------------------------------------------


def _explain(settings: Settings, door: Door, first: FirstLogin) -> None:
    """Printed when every port accepts."""
    password = first.password or f"(yours; a new one: {_program()} password set {first.login})"
    output.say("\nGatepost is running. Type this into a mail program on this machine:\n")
    for name, value in (
        ("Account type", "POP3"),
        ("Incoming server", door.host),
        ("Port", door.port),
        ("Encryption", "SSL/TLS"),
        ("User name", first.login),
        ("Password", password),
    ):
        output.say(f"    {name:<16} {value}")
    if door.authority:
        output.say(f"\nLet the mail program trust this authority first (import it):\n\n    {door.authority}")
    output.say(f"\nOr read the first message right here, in another terminal:\n\n    {_curl(door, first)}")
    output.say(f"\nData: {settings.server.data}   Status: {_program()} status   Stop: Ctrl-C\n")


def _program() -> str:
    """The command as it can be typed here: that of a virtual environment is seldom on the PATH."""
    called = Path(sys.argv[0])
    found = shutil.which("gatepost")
    if called.name != "gatepost" or (found and called.exists() and called.samefile(found)):
        return "gatepost"
    return shlex.quote(sys.argv[0])


def _curl(door: Door, first: FirstLogin) -> str:
    trust = f"--cacert {shlex.quote(str(door.authority))} " if door.authority else ""
    user = shlex.quote(f"{first.login}:{first.password}" if first.password else first.login)
    return f"curl {trust}--user {user} pop3s://{door.host}:{door.port}/1"
