"""`gatepost cert show`: which certificate each port really serves, seen from outside."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Final

import typer
from msgspec import Struct

from gatepost.cli import output
from gatepost.cli.environment import Environment
from gatepost.config.listeners import live, may_bind_low_ports
from gatepost.config.settings import Settings
from gatepost.doctor.own.upgrade import UPGRADES
from gatepost.errors import CertificateError
from gatepost.net.certificates import Loaded, load
from gatepost.net.places import tls_files
from gatepost.net.probe import ProbeError, probe
from gatepost.ports import Listener, TlsMode

DAY: Final = 86_400

app = typer.Typer(help="Certificates.", no_args_is_help=True)


@app.callback()
def cert() -> None:
    """See what mail programs are shown."""


class Row(Struct, frozen=True):
    """One listener asked for one name; the fields of the certificate are empty if `problem` is not."""

    service: str
    where: str
    asked_for: str
    """The server name that was asked for; empty: none."""
    names: tuple[str, ...] = ()
    issuer: str = ""
    days_left: int = 0
    key: str = ""
    tls: str = ""
    fingerprint: str = ""
    as_configured: bool = False
    """It is one of the certificates that the configuration names, as they are on disk now."""
    problem: str = ""


@app.command()
def show(context: typer.Context, as_json: output.AsJson = False) -> None:
    """Connect to every port and print what it serves. Exit code 1 if one serves none, or not the configured one."""
    environment: Environment = context.obj
    configured = _configured(environment.settings)
    rows = [
        _look(listener, name, configured)
        for listener in live(environment.settings, privileged=may_bind_low_ports())
        if listener.service.tls is not TlsMode.NONE
        for name in _names(configured)
    ]
    if as_json:
        output.json(rows)
    else:
        _print(rows)
    if not rows or any(row.problem or not row.as_configured for row in rows):
        raise typer.Exit(1)


def _configured(settings: Settings) -> list[Loaded]:
    """The certificates that ought to be served; a broken one is told and left out."""
    found = []
    for pair in settings.tls.certificate or (tls_files(settings).pair,):
        try:
            found.append(load(pair, time.time()))
        except CertificateError as error:
            output.warn(str(error))
    return found


def _names(configured: Sequence[Loaded]) -> list[str]:
    """What to ask for: nothing in particular, and with several certificates a name of each."""
    own = [next((name for name in each.names if not name.startswith("*")), "") for each in configured]
    return ["", *filter(None, own)] if len(configured) > 1 else [""]


def _look(listener: Listener, name: str, configured: Sequence[Loaded]) -> Row:
    service = listener.service
    try:
        served = probe(listener, name, UPGRADES.get(service.protocol))
    except ProbeError as error:
        return Row(service.name, listener.where, name, problem=str(error))
    certificate = served.certificate
    return Row(
        service.name,
        listener.where,
        name,
        names=certificate.names,
        issuer=certificate.issuer,
        days_left=int((certificate.not_after - time.time()) // DAY),
        key=certificate.key_type,
        tls=f"{served.version} {served.cipher}",
        fingerprint=certificate.fingerprint,
        as_configured=certificate.fingerprint in {each.fingerprint for each in configured},
    )


def _print(rows: Sequence[Row]) -> None:
    for row in rows:
        asked = f", asked for {row.asked_for}" if row.asked_for else ""
        output.say(f"{row.service} on {row.where}{asked}")
        for label, value in _lines(row):
            output.say(f"  {label:12} {value}")
    if not rows:
        output.note("No service with TLS is on.")


def _lines(row: Row) -> Iterator[tuple[str, str]]:
    if row.problem:
        yield "problem", row.problem
        return
    yield "names", ", ".join(row.names) or "none: no mail program accepts this certificate"
    yield "issuer", row.issuer
    yield "expires", f"in {row.days_left} days" if row.days_left >= 0 else f"EXPIRED {-row.days_left} days ago"
    yield "key", row.key
    yield "agreed", row.tls
    yield "SHA-256", row.fingerprint
    yield "configured", "yes" if row.as_configured else "NO: not what the files hold now; reload the server (SIGHUP)"
