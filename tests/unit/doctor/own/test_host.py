"""A whole examination of installations that do not run, without root and without a network."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from gatepost.config.settings import Settings
from gatepost.doctor.facts import Discovery, Lookup, Reach
from gatepost.doctor.knowledge import load
from gatepost.doctor.model import Progress, Report, ServiceReport, Status, Target
from gatepost.doctor.own import gather as gathering
from gatepost.doctor.own.facts import Door
from gatepost.doctor.own.gather.system import System
from gatepost.doctor.own.host import WELL_KNOWN_MX, Outside, everybody, examine_host, told_apart
from gatepost.doctor.show.words import ExitCode, exit_code
from gatepost.net.status import StatusFile
from gatepost.net.tally import Limited
from gatepost.ports import BY_NAME, SERVICES, Listener
from gatepost.store.api import Health
from support.host_facts import lookup, status

BOOK = load()
NOBODY = Outside()


@dataclass
class FakeEngine:
    accounts: list[Sequence[int]] = field(default_factory=list)

    async def inspect(self, settings: Settings, accounts: Sequence[int] = ()) -> Health:
        self.accounts.append(accounts)
        return Health(present=True, schema=1, newest=1, writer=True, domains=("example.com",))


@dataclass
class Place:
    """Stands in for the command line's environment."""

    config_file: Path | None
    engine: FakeEngine = field(default_factory=FakeEngine)


@dataclass
class Zone:
    """Every name leads to one address."""

    address: str = "127.0.0.1"

    async def ask(self, name: str, kind: str) -> Lookup:
        return lookup(name, kind, *([self.address] if kind == "A" and self.address else []))


@pytest.fixture(autouse=True)
def own_smtp_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine's real mail server."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        monkeypatch.setattr(gathering, "SMTP", replace(gathering.SMTP, port=closed.getsockname()[1]))


def installation(folder: Path, text: str = "") -> Place:
    file = folder / "gatepost.toml"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file.write_text(f'[service.pop3s]\nport = {port}\naddresses = ["127.0.0.1"]\n{text}')
    return Place(file)


def examined(place: Place, outside: Outside = NOBODY, system: System = gathering.HERE, **options: object) -> Report:
    return asyncio.run(examine_host(place, book=BOOK, outside=outside, system=system, **options))


def said(report: Report) -> dict[str, Status]:
    return {each.id: each.status for each in report.all_findings()}


def test_nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    report = examined(Place(None))
    assert list(said(report)) == ["O48"]
    assert not report.examined
    assert exit_code(report) is ExitCode.NOT_TESTED
    assert report.verdict.because == "O48"
    assert list(tmp_path.iterdir()) == []


def test_a_configuration_alone(tmp_path: Path) -> None:
    place = installation(tmp_path, '[server]\nhostname = "localhost"\n')
    report = examined(place)
    found = said(report)
    assert found["O49"] is Status.FAIL
    assert exit_code(report) is ExitCode.FAILS
    assert place.engine.accounts == []
    assert sorted(each.name for each in tmp_path.iterdir()) == ["gatepost.toml"]


def test_a_file_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    for text in ("not toml [", '[server]\nhostnam = "x"\n[service.pop3s]\naddresses = ["nowhere"]\n'):
        file = tmp_path / "gatepost.toml"
        file.write_text(text)
        assert said(examined(Place(file)))["O1"] is Status.FAIL
    assert said(examined(Place(tmp_path / "absent.toml")))["O1"] is Status.FAIL


def test_a_server_that_does_not_run(tmp_path: Path) -> None:
    place = installation(tmp_path)
    (tmp_path / "data").mkdir(mode=0o700)
    seen: list[Progress] = []
    report = examined(place, watch=seen.append)
    assert said(report)["O2"] is Status.FAIL
    assert "does not run" in report.verdict.sentence
    assert report.services == ()
    assert seen[0].text == "looking at this machine"


def test_everything_about_the_machine_is_asked(tmp_path: Path) -> None:
    place = installation(tmp_path, '[server]\nhostname = "mail.example.com"\n')
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    file = StatusFile(data)
    limited = (Limited("account", "7", 0, 0.0, 0.0, refused=False, connections=20, full=True),)
    file.update(status(pid=os.getpid(), limited=limited))
    nft = "table inet a {\nchain b {\ntype filter hook input priority 0; policy drop;\n}\n}\n"
    (tmp_path / "run/fail2ban").mkdir(parents=True)
    (tmp_path / "run/fail2ban/fail2ban.sock").touch()

    async def discover(domain: str) -> Discovery:
        return Discovery(domain, (), lookup(domain, "MX"), ())

    with socket.create_server(("127.0.0.1", 0)) as mx:
        outward = ("mx.example.net", mx.getsockname()[1])
        outside = Outside(Zone(), discover, outward)
        system = System(
            root=tmp_path,
            euid=lambda: 0,
            run=lambda _: nft,
            statvfs=lambda _: os.statvfs_result((1, 1, 10**9, 5, 5, 0, 0, 0, 0, 255)),
        )
        found = said(examined(place, outside, system))
    file.close()
    assert place.engine.accounts == [[7]]
    assert {"O9", "O72", "O71", "O67", "O97", "O3", "O64", "O80"} <= found.keys()
    assert found["O93"] is Status.PASS
    assert found["O37"] is Status.INFO


@pytest.mark.parametrize(("resolver", "row"), [(None, "O12"), (Zone(), "O12"), (Zone(""), None)])
def test_port_25_outward(tmp_path: Path, resolver: Zone | None, row: str | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    place = installation(tmp_path)
    (tmp_path / "data").mkdir(mode=0o700)
    found = said(examined(place, Outside(resolver, None, ("127.0.0.1", port))))
    assert {"O12", "O97"} & found.keys() == ({row} if row else set())


def test_a_closed_data_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = installation(tmp_path, '[server]\nhostname = "localhost"\n')
    (tmp_path / "data").mkdir(mode=0o700)

    def refuse(_: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(gathering, "read_status", refuse)
    monkeypatch.setattr("os.scandir", refuse)
    report = examined(place, system=System(euid=lambda: 12345))
    found = said(report)
    assert found["O54"] is Status.SKIP
    assert not {"O1", "O2", "O91", "O92", "O96"} & found.keys()
    assert (report.verdict.status, report.verdict.because) == (Status.SKIP, "O54")
    assert exit_code(report) is ExitCode.NOT_TESTED
    assert place.engine.accounts == []


def test_a_key_in_a_closed_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = installation(tmp_path)
    (tmp_path / "data").mkdir(mode=0o700)

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("gatepost.config.load.check_system", refuse)
    assert said(examined(place))["O2"] is Status.FAIL


def test_an_authority_that_we_may_not_see_is_not_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatepost.net.probe.PATIENCE", 0.05)
    place = installation(tmp_path)
    (tmp_path / "data").mkdir(mode=0o700)
    text = place.config_file.read_text()
    with socket.create_server(("127.0.0.1", 0)) as ours:
        place.config_file.write_text(re.sub(r"port = \d+", f"port = {ours.getsockname()[1]}", text))
        file = StatusFile(tmp_path / "data")
        file.update(status(pid=os.getpid()))
        report = examined(place, system=System(root=tmp_path))
        file.close()
    assert report.services == ()


def test_a_host_that_is_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatepost.doctor.own.host.judge", lambda *_: ())
    place = installation(tmp_path)
    (tmp_path / "data").mkdir(mode=0o700)
    report = examined(place)
    assert report.verdict.status is Status.PASS
    assert exit_code(report) is ExitCode.FINE


def test_everybody_is_asked_unless_said_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = everybody(BOOK, ("192.0.2.53",))
    assert whole.outward == WELL_KNOWN_MX
    assert WELL_KNOWN_MX[1] == next(each.port for each in SERVICES if each.name == "smtp")
    assert whole.resolver
    assert whole.discover
    monkeypatch.setattr("gatepost.doctor.own.host.everybody", lambda _: NOBODY)
    monkeypatch.chdir(tmp_path)
    assert not asyncio.run(examine_host(Place(None), book=BOOK)).examined


def test_one_service_at_two_addresses_is_told_apart() -> None:
    rows = [BY_NAME[name] for name in ("pop3s", "pop3s", "imaps")]
    doors = [
        Door(Listener(row, address, row.port), Reach.OPEN)
        for row, address in zip(rows, ("192.0.2.1", "::", "192.0.2.1"), strict=True)
    ]
    services = [ServiceReport(Target(row, "vm", row.port), Status.PASS, ()) for row in rows]
    where = [each.target.where for each in told_apart(services, doors)]
    assert where == ["pop3s vm:995 (192.0.2.1)", "pop3s vm:995 (::1)", "imaps vm:993"]
