"""Looks at a Gatepost host: small questions, all at once, each able to fail without hiding the others."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from msgspec import structs

from gatepost import __version__
from gatepost.config.findings import Finding as ConfigFinding
from gatepost.config.load import examine
from gatepost.config.settings import Settings
from gatepost.doctor.facts import Reach
from gatepost.doctor.look.dial import dial
from gatepost.doctor.own.facts import Firewall, Host, Outward
from gatepost.doctor.own.gather import doors, files, firewall, machine, published
from gatepost.doctor.own.gather.published import Asks, Discover
from gatepost.doctor.own.gather.system import System, user_name
from gatepost.net.places import data_directory, hostnames
from gatepost.net.portholder import port_holders
from gatepost.net.status import Status, read_status
from gatepost.ports import BY_NAME
from gatepost.store.api import Health

Inspect = Callable[[Sequence[int]], Awaitable[Health]]
"""`Engine.inspect` for our settings: how the store is, and the logins of some accounts."""

HERE: Final = System()
SMTP: Final = BY_NAME["smtp"]
OUTWARD_SECONDS: Final = 5.0
"""A network that lets port 25 through answers in a fraction of one."""


async def gather(
    settings: Settings,
    config_file: Path | None,
    *,
    inspect: Inspect | None,
    resolver: Asks | None,
    discover: Discover | None = None,
    outward: tuple[str, int] | None = None,
    system: System = HERE,
) -> Host:
    """Everything about this host. Without a `resolver` no name is looked up, without `outward` nobody is called."""
    now = system.now()
    status, data = await asyncio.gather(
        asyncio.to_thread(_status, data_directory(settings)), asyncio.to_thread(files.data, settings)
    )
    hostname = (settings.server.hostname or socket.gethostname()).lower()
    host = Host(
        now=now,
        version=__version__,
        config_file=str(config_file or ""),
        settings=settings,
        configuration=await asyncio.to_thread(_configuration, config_file, data.readable),
        hostname=hostname,
        outgoing=hostnames(settings)[-1],
        user=user_name(system.euid()),
        root=system.euid() == 0,
        data=data,
        status=status,
        listeners=doors.configured(settings, status, system),
        files=await asyncio.to_thread(doors.certificate_files, settings, now),
    )
    for part in await asyncio.gather(_doors(host, system), _machine(host, system), _store(host, inspect)):
        host = structs.replace(host, **part)
    for part in await asyncio.gather(_names(host, resolver, discover, system), _outward(resolver, outward)):
        host = structs.replace(host, **part)
    return host


def _configuration(file: Path | None, owner: bool) -> tuple[ConfigFinding, ...]:
    """What this user may not read or write says nothing about the server, unless this user could be the server."""
    try:
        return examine(file, system=owner).findings
    except OSError:  # a key in a folder that is closed to us
        return examine(file, system=False).findings


def _status(directory: Path) -> Status | None:
    try:
        return read_status(directory)
    except OSError:  # `Data.readable` tells it
        return None


async def _doors(host: Host, system: System) -> dict[str, object]:
    found, holders, knocked = await asyncio.gather(
        asyncio.gather(*(doors.door(each, system) for each in host.listeners)),
        asyncio.to_thread(port_holders, SMTP.port, system.root / "proc"),
        asyncio.gather(*(dial(each, each, SMTP.port, doors.PATIENCE) for each in doors.OWN.values())),
    )
    ours = [each.listener for each in found if each.reach is Reach.OPEN and not host.others_at(each)]
    return {
        "doors": tuple(found),
        "shown": await doors.shown(ours, host.files, host.hostname),
        "smtp_holders": tuple(holders),
        "smtp_listens": bool(holders) or any(each.reach is Reach.OPEN for each in knocked),
    }


async def _machine(host: Host, system: System) -> dict[str, object]:
    pid = host.status.pid if host.status else 0
    ports = {listener.port for listener in host.listeners}
    return {
        "disk": machine.disk(Path(host.data.path), system),
        "clock": system.clock(),
        "limits": machine.limits(pid, system),
        "supervisor_user": machine.user_of(pid, system) if pid else "",
        "unit": machine.unit(system),
        "firewall": await asyncio.to_thread(_firewall, ports, system),
    }


def _firewall(ports: set[int], system: System) -> Firewall:
    rules, drops = firewall.read_rules(system.run(firewall.COMMAND) if system.euid() == 0 else "", ports)
    banning = any((system.root / place / "fail2ban.sock").exists() for place in ("run/fail2ban", "var/run/fail2ban"))
    return Firewall(rules, drops, banning)


async def _store(host: Host, inspect: Inspect | None) -> dict[str, object]:
    limited = host.status.limited if host.status else ()
    accounts = [int(each.who) for each in limited if each.kind == "account"]
    return {"store": await inspect(accounts) if inspect and host.data.exists and host.data.readable else None}


async def _outward(resolver: Asks | None, to: tuple[str, int] | None) -> dict[str, object]:
    if to is None:
        return {}
    host, port = to
    addresses = (await resolver.ask(host, "A")).values if resolver else (host,)
    if not addresses:
        return {}
    found = await dial(host, addresses[0], port, OUTWARD_SECONDS)
    return {"outward": Outward(host, port, found.reach, found.error)}


async def _names(host: Host, resolver: Asks | None, discover: Discover | None, system: System) -> dict[str, object]:
    if resolver is None:
        return {}
    domains = host.store.domains[: published.MOST_DOMAINS] if host.store else ()
    found = await asyncio.gather(*(published.published(domain, resolver, discover) for domain in domains))
    names = await published.named([host.hostname, *published.targets(found)], resolver, system)
    return {"published": tuple(found), "names": names, "resolved": True}
