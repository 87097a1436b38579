"""`gatepost ports`: the live port table, every service that there is and where it listens."""

from __future__ import annotations

from collections.abc import Mapping

import typer

from gatepost.cli import output
from gatepost.cli.environment import Environment
from gatepost.config.listeners import PRIVILEGED_BELOW, is_on, live, may_bind_low_ports
from gatepost.config.settings import Settings
from gatepost.net.places import data_directory
from gatepost.net.status import read_status
from gatepost.ports import SERVICES, Listener, Service


def register(root: typer.Typer) -> None:
    """Adds the single command of this module."""
    root.command("ports")(ports)


def ports(context: typer.Context, as_json: output.AsJson = False) -> None:
    """Show every service: number, address, encryption, on or off, and who may use it."""
    environment: Environment = context.obj
    listeners = live(environment.settings, privileged=may_bind_low_ports())
    served = _served(environment.settings)
    if as_json:
        output.json([row for service in SERVICES for row in _records(service, listeners, served)])
        return
    output.table(
        ("service", "port", "address", "TLS", "state", "who may use it"),
        [row for service in SERVICES for row in _rows(service, environment.settings, listeners)],
    )
    if not all(listener.standard_port for listener in listeners):
        output.note(f"\nPorts below {PRIVILEGED_BELOW} need root or CAP_NET_BIND_SERVICE: other numbers are used here.")
    for (name, where), real in served.items():
        if real != where:
            output.note(f"\n{name} on {where} is served by the service manager's socket {real}.")


def _served(settings: Settings) -> dict[tuple[str, str], str]:
    """What the running server listens on, by service and place as configured; empty if none runs that we may ask."""
    try:
        found = read_status(data_directory(settings))
    except OSError:
        return {}
    return {(each.service, each.where): each.socket or each.where for each in found.listeners} if found else {}


def _own(service: Service, listeners: tuple[Listener, ...]) -> list[Listener | None]:
    """The service's listeners; one None when it has none."""
    return [listener for listener in listeners if listener.service is service] or [None]


def _state(service: Service, settings: Settings) -> str:
    if not is_on(service, settings):
        return "off"
    return "on" if service.ready else "not yet"


def _rows(service: Service, settings: Settings, listeners: tuple[Listener, ...]) -> list[tuple[object, ...]]:
    return [
        (
            service.name,
            listener.port if listener else service.port,
            listener.address if listener else "-",
            service.tls,
            _state(service, settings),
            service.users,
        )
        for listener in _own(service, listeners)
    ]


def _records(
    service: Service, listeners: tuple[Listener, ...], served: Mapping[tuple[str, str], str]
) -> list[dict[str, object]]:
    return [
        {
            "service": service.name,
            "port": listener.port if listener else service.port,
            "address": listener.address if listener else None,
            "tls": service.tls,
            "on": listener is not None,
            "ready": service.ready,
            "users": service.users,
            "purpose": service.purpose,
            "proxy_from": listener.proxy_from if listener else (),
            "cleartext_login_from": listener.cleartext_login_from if listener else (),
            "socket": served.get((service.name, listener.where)) if listener else None,
            "standard_port": listener.standard_port if listener else True,
        }
        for listener in _own(service, listeners)
    ]
