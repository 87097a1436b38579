from __future__ import annotations

import dataclasses

import pytest
from msgspec.structs import replace

from gatepost.doctor.facts import Reach
from gatepost.doctor.model import Status, Who
from gatepost.doctor.own.facts import (
    Firewall,
    FirewallRule,
    Outward,
)
from gatepost.net.tally import Limited
from gatepost.ports import BY_NAME
from support.host_facts import NOW, host, status
from support.host_findings import findings, news, only


def limited(kind: str, who: str, **changes: object) -> Limited:
    well = Limited(kind, who, 0, 0.0, 0.0, refused=False, connections=0, full=False)
    return replace(well, **changes)


class TestProtection:
    def test_who_is_refused_and_who_waits(self) -> None:
        now = (
            limited("address", "192.0.2.66", failures=25, delay=15.0, until=NOW + 60, refused=True),
            limited("login", "alice@example.com", failures=3, delay=4.0, until=NOW + 60),
        )
        found = news(host(status=status(limited=now)))
        assert set(found) == {"O13", "O66"}
        assert "address 192.0.2.66: 25 wrong passwords" in found["O13"].cause
        assert "login alice@example.com: 3 wrong passwords, waits 4 s, forgotten at 08:01 UTC" in found["O66"].cause
        assert found["O66"].status is Status.INFO

    def test_who_has_all_connections(self) -> None:
        now = (
            limited("account", "7", connections=20, full=True),
            limited("account", "8", connections=20, full=True),
            limited("address", "192.0.2.1", connections=50, full=True),
        )
        seen = host(status=status(limited=now), store=replace(host().store, logins=((7, "alice@example.com"),)))
        found = only(seen, "O67", Status.WARN)
        assert "account alice@example.com: 20 connections; account 8: 20 connections" in found.cause
        assert found.subject == "alice@example.com"
        assert "account 7" in only(host(status=status(limited=now), store=None), "O67", Status.WARN).cause

    def test_a_rule_that_closes_a_port(self) -> None:
        rule = FirewallRule("inet filter input", "tcp dport 995 drop", (995,))
        assert only(host(firewall=Firewall((rule,))), "O68", Status.WARN).evidence == "tcp dport 995 drop"

    @pytest.mark.parametrize("text", ["tcp dport 995 accept", "tcp dport 995 ip saddr @banned drop"])
    def test_rules_for_some(self, text: str) -> None:
        rule = FirewallRule("inet filter input", text, (995,))
        assert text in only(host(firewall=Firewall((rule,))), "O70", Status.INFO).evidence

    def test_a_chain_that_lets_nobody_in(self) -> None:
        chain = "inet filter input"
        assert "995" in only(host(firewall=Firewall((), (chain,))), "O71", Status.WARN).title
        let_in = FirewallRule(chain, "tcp dport 995 accept", (995,))
        only(host(firewall=Firewall((let_in,), (chain,))), "O70", Status.INFO)

    def test_fail2ban(self) -> None:
        only(host(firewall=Firewall(fail2ban=True)), "O72", Status.INFO)


class TestMailOut:
    def test_blocked(self) -> None:
        out = Outward("mx.example.net", 25, Reach.TIMED_OUT)
        found = only(host(outward=out), "O12", Status.INFO)
        assert (found.evidence, found.who) == ("timed out", Who.NETWORK)

    def test_not_tried(self) -> None:
        assert news(host(outward=None)) == {}

    def test_a_release_that_sends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(BY_NAME, "smtp", dataclasses.replace(BY_NAME["smtp"], ready=True))
        found = findings(host(outward=Outward("mx.example.net", 25, Reach.REFUSED, "refused")))
        assert "O60" not in found
        assert found["O12"].status is Status.WARN
