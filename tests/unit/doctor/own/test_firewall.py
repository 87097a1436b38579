from __future__ import annotations

from gatepost.doctor.own.gather.firewall import read_rules

RULES = """
table inet filter {
    set mail_ports {
        type inet_service
        flags interval
        elements = { 110, 143,
             990-999 }
    }

    set banned {
        type ipv4_addr
        elements = { 192.0.2.66, 198.51.100.7 }
    }

    chain input {
        type filter hook input priority filter; policy drop;
        ct state established,related accept
        tcp dport { 993, 995 } accept
        tcp dport @mail_ports ip saddr @banned reject
        tcp dport 100-200 counter packets 3 bytes 180 drop
        tcp dport != 995 log
        tcp dport 22 accept
    }

    chain output {
        type filter hook output priority filter; policy accept;
    }
}
table ip empty {
}
}
stray line
"""


def test_rules_that_mention_our_ports() -> None:
    rules, drops = read_rules(RULES, {995, 110})
    assert [(each.text, each.ports) for each in rules] == [
        ("tcp dport { 993, 995 } accept", (995,)),
        ("tcp dport @mail_ports ip saddr @banned reject", (110, 995)),
        ("tcp dport 100-200 counter packets 3 bytes 180 drop", (110,)),
        ("tcp dport != 995 log", (995,)),
    ]
    assert {each.chain for each in rules} == {"inet filter input"}
    assert drops == ("inet filter input",)


def test_nothing_to_read() -> None:
    assert read_rules("", {995}) == ((), ())


def test_a_set_that_is_not_there() -> None:
    assert read_rules("table ip a {\nchain b {\ntcp dport @none accept\n}\n}\n", {995}) == ((), ())
