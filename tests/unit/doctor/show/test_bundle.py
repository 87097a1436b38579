import json as standard
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gatepost.doctor.show.bundle import Disguise, bundle, every_text, servers
from support.doctor_reports import SLOW_V6, Words, failing, healthy, hostile, mixed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("jane.doe@example.com", "[user 1]@example.com"),
        ("user <Jane.Doe>", "user <[user 1]>"),
        ("LOGIN jane.doe failed for jd", "LOGIN [user 1] failed for [user 2]"),
        ("jane.doe+list@example.org and bob", "[user 1]@example.org and bob"),
        ("janes-laptop.lan [192.168.1.7]", "[this computer] [[address 1]]"),
        ("EHLO janes-laptop", "EHLO [this computer]"),
        ("me@janes-laptop.lan", "[user 1]@[this computer]"),
        ("blocked 198.51.100.9, 198.51.100.9:25.", "blocked [address 1], [address 1]:25."),
        ("from 2001:DB8::9 and [2001:db8:0::9]:25", "from [address 1] and [[address 1]]:25"),
        ("::ffff:198.51.100.9, 2001:db8::9.", "[address 1], [address 2]."),
        ("192.0.2.25:993 127.0.0.1 ::1 0.0.0.0", "192.0.2.25:993 127.0.0.1 ::1 0.0.0.0"),
        ("at 04:05:06, 999.1.1.1, version 3.0.13", "at 04:05:06, 999.1.1.1, version 3.0.13"),
        ("jdx, xjd, jd.example.com, a-jd, jd-a", "jdx, xjd, jd.example.com, a-jd, jd-a"),
        ("Hello ip-198-51-100-9.isp.example, mail-1-2-3-4.example.com", "Hello [host 1], mail-1-2-3-4.example.com"),
        ("9.100.51.198.in-addr.arpa", "[host 1]"),
        ("p5b2f3aab.dip0.isp.example, cable-5B2F3AAB.isp.example", "[host 1], [host 2]"),
        ("x203000113077.isp.example", "[host 1]"),
        ("2001-db8-0-0-1-2-3-4.isp.example", "[host 1]"),
        ("20010db8000000000000000000000001.v6.isp.example", "[host 1]"),
        ("deadbeef.example.com, mail01.example.com", "deadbeef.example.com, mail01.example.com"),
        ("250 Hello BOBS-LAPTOP, pleased", "250 Hello [host 1], pleased"),
        ("helo=<bobs-pc.lan> from pool7.isp.example", "helo=<[host 1]> from [host 2]"),
        ("Hello mail-1-2-3-4.example.com, from 192.0.2.25", "Hello mail-1-2-3-4.example.com, from 192.0.2.25"),
        ("from 198.51.100.9 host unknown", "from [address 1] host unknown"),
        ("Jane Doe, jane_doe, janedoe, Doe, Jane", "[user 1], [user 1], [user 1], [user 2]"),
        ("doe, jane.doe2, janedoes", "doe, jane.doe2, janedoes"),
        ("AUTH PLAIN AGphbmUuZG9lAGh1bnRlcg==, AGFuZG9lcmVfbmFtZQ==", "AUTH PLAIN [base64 1], AGFuZG9lcmVfbmFtZQ=="),
        ("AUTH PLAIN AGphbmUuZG9lAGh1b[secret]", "AUTH PLAIN [base64 1][secret]"),
    ],
)
def test_who_it_is_about_is_replaced(text, expected):
    kept = ["192.0.2.25", "mail-1-2-3-4.example.com"]
    people = Disguise(["jane.doe@example.com", "jd"], ["janes-laptop", "janes-laptop.lan"], kept)
    assert re.sub(r"\d+(?=\])", "", people(text)) == re.sub(r"\d+(?=\])", "", expected)
    assert people(text) == people(text)


def test_the_same_word_stands_for_the_same_thing():
    disguise = Disguise(["zoe@example.com"])
    first = disguise("zoe ZOE zoe@example.com bob@example.com 198.51.100.1 198.51.100.2 198.51.100.1")
    assert first == ("[user 1] [user 1] [user 1]@example.com [user 2]@example.com [address 1] [address 2] [address 1]")
    assert disguise("bob@x 198.51.100.2") == "[user 2]@x [address 2]"


def test_a_name_that_is_a_word_leaves_our_sentences_alone():
    disguise = Disguise(["mail@example.com", "me@example.com", "user"])
    assert disguise("Your mail reaches me, user.", prose=True) == "Your mail reaches me, user."
    assert "mail" not in disguise("USER mail")
    assert "[[" not in disguise("user USER user@x")


def test_a_report_in_disguise():
    evidence = "NO jane.doe@example.com may not log in from 198.51.100.7"
    report = replace(mixed(), subject="jane.doe@example.com", findings=(replace(SLOW_V6, evidence=evidence),))
    found = Disguise(["jane.doe@example.com"], kept=["2001:db8::25"]).report(report)
    assert found.subject == "[user 1]@example.com"
    assert found.findings[0].evidence == "NO [user 1]@example.com may not log in from [address 1]"
    assert found.findings[0].subject == SLOW_V6.subject
    assert found.findings[0].status is SLOW_V6.status
    assert found.services[0].target.service is report.services[0].target.service
    assert found.services[0].target.host == "mail.example.com"


def test_every_text_is_reached_and_nothing_else():
    seen = []
    assert every_text(hostile(), lambda field, text: seen.append(field) or text) == hostile()
    assert {"subject", "evidence", "sentence", "username", "host", "title"} <= set(seen)
    assert not {"status", "stage", "who", "confidence", "security"} & set(seen)


def test_the_servers_are_known_by_what_findings_are_about():
    assert servers(mixed()) == {"192.0.2.25", "2001:db8::25", "mail.example.com"}
    bare = replace(healthy(), findings=(), services=(), settings=())
    assert servers(replace(bare, subject="2001:DB8::1")) == {"2001:db8::1"}
    assert servers(replace(bare, subject="999.1.1.1")) == set()


def test_the_file():
    text = bundle(failing(), Words(), {"gatepost": "0.1.0", "python": "3.11"})
    assert text.startswith("A report of `gatepost doctor` for support.")
    assert "  gatepost  0.1.0\n  python    3.11\n" in text
    assert "✗ FAIL  The certificate of mail.example.com" in text
    assert standard.loads(text[text.index("\n{") :])["subject"] == "mail.example.com"
    assert "How to go on" not in text
    assert bundle(healthy(), Words(), {})


@given(st.text(max_size=80), st.sampled_from([True, False]))
def test_a_marked_name_never_passes(text, prose):
    disguise = Disguise(["qzxqzx@example.com"], ["hostqzq"])
    shown = disguise(f"{text} qzxqzx <qzxqzx@example.com> hostqzq {text}", prose=prose)
    assert "qzxqzx" not in shown
    assert "hostqzq" not in shown
