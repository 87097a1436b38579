from __future__ import annotations

import pytest
from msgspec.structs import replace

from gatepost.config.settings import Limits as LimitSettings
from gatepost.config.settings import Settings
from gatepost.doctor.model import Status
from gatepost.doctor.own.facts import (
    Clock,
    Disk,
    Limits,
    Mode,
    Unit,
)
from support.host_facts import DAY, NOW, host
from support.host_findings import news, only


class TestMachine:
    @pytest.mark.parametrize(
        ("disk", "row", "expected"),
        [
            (Disk(10**12, 10**6, 0, 0), "O9", Status.FAIL),
            (Disk(10**12, 5 * 10**9, 0, 0), "O8", Status.WARN),
            (Disk(10**12, 5 * 10**11, 10**6, 50), "O52", Status.WARN),
        ],
    )
    def test_disk(self, disk: Disk, row: str, expected: Status) -> None:
        only(host(disk=disk), row, expected)

    def test_no_room_for_a_copy(self) -> None:
        seen = host(data=replace(host().data, octets=9 * 10**11), disk=Disk(10**12, 10**11, 0, 0))
        only(seen, "O53", Status.INFO)

    def test_what_is_left_of_a_tiny_disk_is_told_in_octets(self) -> None:
        assert "999 B" in only(host(disk=Disk(10**6, 999, 0, 0)), "O9", Status.FAIL).cause

    def test_unknown_disk(self) -> None:
        assert news(host(disk=None)) == {}

    def test_open_files(self) -> None:
        assert "1024" in only(host(limits=Limits(1024, 0)), "O55", Status.WARN).title

    def test_memory(self) -> None:
        only(host(limits=Limits(0, 5 * 10**8)), "O56", Status.INFO)
        few = Settings(limits=LimitSettings(connections=100), server=host().settings.server)
        assert news(host(limits=Limits(0, 5 * 10**8), settings=few)) == {}
        assert "O56" not in news(host(limits=Limits(0, 5 * 10**8), status=None))

    def test_owners(self) -> None:
        strangers = (Mode("/var/lib/gatepost/store.db", 0o600, "root"), Mode("/var/lib/gatepost/tls", 0o700, "root"))
        data = replace(host().data, strangers=strangers)
        assert only(host(data=data), "O81", Status.WARN).evidence == "store.db (root), tls (root)"
        assert only(host(data=data, supervisor_user="root"), "O81", Status.WARN).evidence == "store.db (root)"
        assert news(host(data=replace(data, strangers=strangers[1:]), supervisor_user="root")) == {}

    def test_what_is_given_back_is_only_the_servers_own(self) -> None:
        names = ("store.db", "store.db-wal", "tls", "tls/root.key", "tls/store.db", "notes.txt", "a b")
        strangers = tuple(Mode(f"/var/lib/gatepost/{name}", 0o600, "root") for name in names)
        data = replace(host().data, strangers=strangers)
        for supervisor in ("root", "gatepost", ""):
            found = only(host(data=data, supervisor_user=supervisor), "O81", Status.WARN)
            assert found.command == "chown -h gatepost /var/lib/gatepost/store.db /var/lib/gatepost/store.db-wal"
        spaced = replace(data, path="/srv/my mail", strangers=(Mode("/srv/my mail/secret", 0o600, "bob"),))
        assert only(host(data=spaced), "O81", Status.WARN).command == "chown -h gatepost '/srv/my mail/secret'"
        other = replace(data, strangers=strangers[-1:])
        assert only(host(data=other), "O81", Status.WARN).command == ""

    def test_units(self) -> None:
        only(host(unit=Unit(systemd=True)), "O83", Status.INFO)
        found = only(host(unit=Unit(systemd=True, file="/lib/systemd/system/gatepost.service")), "O84", Status.WARN)
        assert found.command == "systemctl enable gatepost.service"
        assert news(host(unit=Unit(systemd=False))) == {}

    def test_first_login(self) -> None:
        only(host(data=replace(host().data, first_login=True)), "O85", Status.INFO)


class TestClock:
    def test_files_of_the_future(self) -> None:
        found = only(host(data=replace(host().data, newest=NOW + 4000)), "O10", Status.FAIL)
        assert "4000 seconds" in found.title
        assert found.evidence == "2027-01-15 08:00 UTC < 2027-01-15 09:06 UTC"

    def test_a_certificate_of_the_future(self) -> None:
        files = (replace(host().files[0], local=True, begins=int(NOW) + DAY),)
        assert "O10" in news(host(files=files))

    def test_nobody_keeps_it(self) -> None:
        only(host(clock=Clock(synchronised=False, error_seconds=16.0)), "O59", Status.INFO)
        assert news(host(clock=None)) == {}
