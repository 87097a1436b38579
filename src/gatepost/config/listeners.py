"""The live port table: which services listen where, as the configuration has it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from gatepost.config.settings import ServiceSettings, Settings
from gatepost.errors import InvalidValueError
from gatepost.numbers import number
from gatepost.ports import SERVICES, UNPRIVILEGED_OFFSET, Listener, Service

PRIVILEGED_BELOW: Final = 1024
"""Ports that Unix systems keep for the administrator, unless told otherwise."""

_PORT_START: Final = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
_STATUS: Final = Path("/proc/self/status")
_CAP_NET_BIND_SERVICE: Final = 10


def live(settings: Settings, *, privileged: bool) -> tuple[Listener, ...]:
    """Listeners of every service that is on and that this release serves, in the order of the port table.

    Without `privileged`, standard numbers below 1024 move up by `UNPRIVILEGED_OFFSET`; numbers that the
    configuration names stay as they are. Raises InvalidValueError for what is no address.
    """
    return tuple(
        listener
        for service in SERVICES
        if service.ready and is_on(service, settings)
        for listener in listeners(service, settings.service.get(service.name, ServiceSettings()), privileged=privileged)
    )


def is_on(service: Service, settings: Settings) -> bool:
    """Whether the administrator wants the service: said so, or left the port table's default."""
    chosen = settings.service[service.name].on if service.name in settings.service else None
    return service.on if chosen is None else chosen


def listeners(service: Service, settings: ServiceSettings, *, privileged: bool) -> Iterator[Listener]:
    """The listeners that one service has when it is on. Raises InvalidValueError."""
    moved = settings.port is None and service.port < PRIVILEGED_BELOW and not privileged
    port = settings.port or service.port + (UNPRIVILEGED_OFFSET if moved else 0)
    try:
        places = [(str(ip_address(address)), port, not moved) for address in settings.addresses]
    except ValueError as error:
        raise InvalidValueError(str(error)) from None
    places += [(*split_place(place), True) for place in settings.listen]
    for address, port, standard in places:
        yield Listener(
            service,
            address,
            port,
            proxy_from=settings.proxy_from,
            client_ca=settings.client_ca,
            cleartext_login_from=settings.cleartext_login_from,
            standard_port=standard,
        )


def split_place(text: str) -> tuple[str, int]:
    """`192.0.2.1:995` or `[2001:db8::1]:995` as address and number. Raises InvalidValueError."""
    host, _, digits = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        address, port = ip_address(host[1:-1] if bracketed else host), number(digits, 0xFFFF)
    except ValueError:
        raise InvalidValueError(f"`{text}` is not address:port") from None
    if bracketed != (address.version == 6) or not port:
        raise InvalidValueError(f"`{text}` is not address:port")
    return str(address), port


def may_bind_low_ports() -> bool:
    """Whether this process may listen on ports below 1024: as root, by capability, or by the system's own rule."""
    if os.geteuid() == 0 or sys.platform != "linux":
        return os.geteuid() == 0
    try:
        start = int(_PORT_START.read_text("ascii"))
        effective = next(line for line in _STATUS.read_text("ascii").splitlines() if line.startswith("CapEff:"))
    except (OSError, ValueError, StopIteration):
        return False
    lowest = min(service.port for service in SERVICES)
    return start <= lowest or bool(int(effective.split()[1], 16) >> _CAP_NET_BIND_SERVICE & 1)
