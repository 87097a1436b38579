from __future__ import annotations

from pathlib import Path

import pytest

from gatepost.config.findings import Finding as ConfigFinding
from gatepost.config.findings import Severity
from gatepost.doctor.facts import Reach
from gatepost.doctor.model import Status
from gatepost.doctor.own.facts import (
    Data,
    Door,
)
from gatepost.net.portholder import Holder
from gatepost.net.status import ListenerStatus
from gatepost.ports import BY_NAME, Listener
from support.host_facts import ADDRESS, HOST, POP3S, US, host, named, published, status
from support.host_findings import findings, news, only


class TestConfiguration:
    def test_errors_and_warnings(self) -> None:
        file = Path("/etc/gatepost/gatepost.toml")
        notes = (
            ConfigFinding(file, 3, Severity.ERROR, "unknown setting `prot`", "Did you mean `port`?"),
            ConfigFinding(file, 9, Severity.WARNING, "no service is on", "Set `on = true`."),
        )
        found = news(host(configuration=notes))
        assert set(found) == {"O1", "O19"}
        assert found["O1"].status is Status.FAIL
        assert found["O1"].subject == f"{file}:3"
        assert "unknown setting `prot`" in found["O1"].title
        assert found["O1"].fix == "Did you mean `port`?"
        assert found["O19"].status is Status.WARN
        assert "O90" not in findings(host(configuration=notes))

    def test_without_a_file_the_defaults_are_in_force(self) -> None:
        only(host(config_file=""), "O29", Status.INFO)

    def test_no_data_directory(self) -> None:
        seen = host(data=Data("/x", exists=False), status=None, store=None, doors=(), shown=(), files=())
        assert only(seen, "O49", Status.FAIL).subject == "/x"

    def test_a_closed_data_directory(self) -> None:
        seen = host(data=Data("/x", exists=True, readable=False), user="bob", status=None, store=None)
        assert "bob" in only(seen, "O54", Status.SKIP).cause
        assert not {"O91", "O96"} & findings(seen).keys()


class TestServer:
    def test_not_running(self) -> None:
        down = Door(POP3S, Reach.REFUSED, "refused")
        only(host(status=None, doors=(down,), shown=()), "O2", Status.FAIL)

    def test_starting(self) -> None:
        assert "starting" in only(host(status=status(state="starting")), "O57", Status.INFO).title

    def test_another_release(self) -> None:
        assert "0.0.9" in only(host(status=status(version="0.0.9")), "O63", Status.WARN).title

    def test_another_configuration(self) -> None:
        running = status(listeners=(ListenerStatus("pop3s", "0.0.0.0:9950", "implicit"),))
        assert "0.0.0.0:9950" in only(host(status=running), "O64", Status.WARN).cause

    @pytest.mark.parametrize("user", ["", "root"])
    def test_root(self, user: str) -> None:
        only(host(status=status(user=user), supervisor_user="root"), "O69", Status.WARN)

    def test_a_supervisor_may_be_root(self) -> None:
        assert news(host(supervisor_user="root")) == {}

    def test_nobody_listens(self) -> None:
        closed = Door(POP3S, Reach.REFUSED, "refused")
        found = only(host(doors=(closed,), shown=()), "O3", Status.FAIL)
        assert (found.subject, found.evidence) == ("pop3s 0.0.0.0:995", "refused")

    @pytest.mark.parametrize("running", [True, False])
    def test_another_program_has_the_port(self, running: bool) -> None:
        taken = Door(POP3S, Reach.OPEN, holders=(Holder(7, "dovecot"),))
        found = news(host(doors=(taken,), status=status() if running else None))
        assert found["O73"].evidence == "process 7 (dovecot)"
        assert ("O2" in found) is not running

    def test_systemd_may_hold_it_for_us(self) -> None:
        assert news(host(doors=(Door(POP3S, Reach.OPEN, holders=(Holder(1, "systemd"),)),))) == {}

    def test_who_holds_it_may_be_hidden(self) -> None:
        assert news(host(doors=(Door(POP3S, Reach.OPEN),))) == {}

    def test_a_port_that_moved(self) -> None:
        moved = Listener(BY_NAME["pop3s"], "0.0.0.0", 10_995, standard_port=False)
        running = status(listeners=(ListenerStatus("pop3s", "0.0.0.0:10995", "implicit"),))
        records = (published(pop3s=f"0 1 10995 {HOST}."),)
        seen = host(
            listeners=(moved,), doors=(Door(moved, Reach.OPEN, holders=(US,)),), status=running, published=records
        )
        assert "10995 instead of 995" in only(seen, "O82", Status.INFO).title

    @pytest.mark.parametrize(
        ("name", "expected"),
        [(HOST, Status.WARN), ("localhost", Status.INFO), ("::1", Status.INFO), (ADDRESS, Status.WARN)],
    )
    def test_only_this_machine_is_served(self, name: str, expected: Status) -> None:
        local = Listener(BY_NAME["pop3s"], "127.0.0.1", 995)
        running = status(listeners=(ListenerStatus("pop3s", "127.0.0.1:995", "implicit"),))
        seen = host(
            hostname=name, listeners=(local,), doors=(Door(local, Reach.OPEN, holders=(US,)),), status=running,
            names=(named(name, ADDRESS),), published=(), shown=(),
        )  # fmt: skip
        found = news(seen)
        assert found["O80"].status is expected
        assert set(found) == {"O80"} | ({"O30"} if expected is Status.INFO else set())

    def test_local_services_are_local(self) -> None:
        lmtp = Listener(BY_NAME["lmtp"], "127.0.0.1", 24)
        running = status(listeners=(*status().listeners, ListenerStatus("lmtp", "127.0.0.1:24", "none")))
        doors = (*host().doors, Door(lmtp, Reach.OPEN, holders=(US,)))
        assert news(host(listeners=(POP3S, lmtp), doors=doors, status=running)) == {}

    def test_a_family_that_is_not_served(self) -> None:
        seen = host(names=(named(HOST, ADDRESS, "2001:db8::25"),))
        assert "2001:db8::25" in only(seen, "O86", Status.WARN).title
