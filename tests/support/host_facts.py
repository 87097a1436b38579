"""A Gatepost host that is well, as facts; tests break one thing at a time."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from gatepost.config.settings import Server, Settings
from gatepost.doctor.facts import Lookup, Outcome, Reach
from gatepost.doctor.own.facts import (
    CertificateFile,
    Clock,
    Data,
    Disk,
    Door,
    Host,
    Limits,
    Mode,
    Name,
    Outward,
    Published,
    Service,
    Shown,
    Unit,
)
from gatepost.doctor.own.gather.published import FOR_PEOPLE
from gatepost.net.portholder import Holder
from gatepost.net.status import ListenerStatus, ProcessStatus, Status
from gatepost.ports import BY_NAME, Listener
from gatepost.store.api import Health

NOW = 1_800_000_000.0
DAY = 86_400
HOST = "mail.example.com"
DOMAIN = "example.com"
ADDRESS = "192.0.2.25"
POP3S = Listener(BY_NAME["pop3s"], "0.0.0.0", 995)
US = Holder(100, "gatepost serve")


def lookup(name: str, kind: str, *values: str, outcome: Outcome | None = None, error: str = "") -> Lookup:
    return Lookup(name, kind, outcome or (Outcome.ANSWER if values else Outcome.NODATA), values, error=error)


def named(host: str, *addresses: str, ours: tuple[str, ...] | None = None) -> Name:
    v4 = [each for each in addresses if ":" not in each]
    v6 = [each for each in addresses if ":" in each]
    return Name(host, (lookup(host, "A", *v4), lookup(host, "AAAA", *v6)), addresses if ours is None else ours)


def published(domain: str = DOMAIN, mx: tuple[str, ...] = (f"10 {HOST}.",), **services: str) -> Published:
    """`services`: the value of an SRV record by service; `.` for the others."""
    rows = []
    for each in FOR_PEOPLE:
        record = services.get(each.name, "0 0 0 .")
        rows.append(Service(each.name, lookup(f"_{each.name}._tcp.{domain}", "SRV", *filter(None, [record]))))
    return Published(domain, lookup(domain, "MX", *mx), tuple(rows))


def status(**changes: Any) -> Status:
    well = Status(
        version="0.1.0",
        state="running",
        pid=100,
        started=NOW - DAY,
        processes=(ProcessStatus("keeper", 101, NOW, "running"), ProcessStatus("worker 1", 102, NOW, "running")),
        listeners=(ListenerStatus("pop3s", "0.0.0.0:995", "implicit"),),
        certificates=(),
        connections={},
        accepted=0,
        user="gatepost",
    )
    return replace(well, **changes)


def host(**changes: Any) -> Host:
    well = Host(
        now=NOW,
        version="0.1.0",
        config_file="/etc/gatepost/gatepost.toml",
        settings=Settings(server=Server(hostname=HOST, data="/var/lib/gatepost")),
        configuration=(),
        hostname=HOST,
        outgoing=ADDRESS,
        user="root",
        root=True,
        data=Data(
            "/var/lib/gatepost",
            exists=True,
            octets=10**9,
            began=NOW - 100 * DAY,
            newest=NOW - 5,
            last_backup=NOW - DAY,
            owner="gatepost",
            secrets=(Mode("/etc/ssl/mail.key", 0o640, "root"),),
        ),
        status=status(),
        supervisor_user="gatepost",
        listeners=(POP3S,),
        doors=(Door(POP3S, Reach.OPEN, holders=(US,)),),
        shown=tuple(Shown(POP3S, name, (HOST,), int(NOW) + 60 * DAY, "AA:BB") for name in ("", HOST)),
        files=(
            CertificateFile(
                "/etc/ssl/mail.pem",
                "/etc/ssl/mail.key",
                (HOST,),
                int(NOW) - 30 * DAY,
                int(NOW) + 60 * DAY,
                "AA:BB",
            ),
        ),
        disk=Disk(10**12, 5 * 10**11, 10**6, 9 * 10**5),
        clock=Clock(synchronised=True, error_seconds=0.01),
        limits=Limits(524_288, 8 * 10**9),
        unit=Unit(systemd=True, file="/etc/systemd/system/gatepost.service", enabled=True),
        names=(named(HOST, ADDRESS),),
        published=(published(pop3s=f"0 1 995 {HOST}."),),
        resolved=True,
        store=Health(present=True, schema=1, newest=1, writer=True, domains=(DOMAIN,)),
        smtp_holders=(Holder(55, "postfix"),),
        smtp_listens=True,
        outward=Outward("mx.example.net", 25, Reach.OPEN),
    )
    return replace(well, **changes)
