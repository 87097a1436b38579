import json as standard

import pytest
from msgspec.structs import replace

from gatepost.doctor.model import Status
from gatepost.doctor.show.compare import Changes, changes, compare, comparison, watch_lines
from gatepost.doctor.show.json import encoded
from gatepost.doctor.show.sheet import Look
from gatepost.text import columns
from support.doctor_reports import SLOW_V6, Words, all_well, failing, healthy, hostile, mixed

OTHER = replace(healthy(), subject="mail2.example.com", services=(all_well("imaps", "mail2.example.com", 0.4),))

GOLDEN = """\
mail.example.com compared with mail2.example.com

✗ FAIL  mail.example.com: The certificate of mail.example.com expired 3 days
        ago, so mail programs refuse to connect.
✓ ok    mail2.example.com: Everything works, as far as it could be tested
        without a password.

2 checks end differently:

  imaps [C1]
    mail.example.com   FAIL  The certificate expired 3 days ago.
    mail2.example.com  nothing of this kind
  pop3s [C1]
    mail.example.com   FAIL  The certificate expired 3 days ago.
    mail2.example.com  nothing of this kind

How long each service took

         mail.example.com  mail2.example.com
  imaps  0.31 s            0.40 s
  pop3s  0.31 s            not examined
"""


def test_two_servers_at_eighty_columns():
    assert compare(failing(), OTHER, Words(), Look()) == GOLDEN


def test_two_servers_that_do_the_same():
    report = replace(healthy(), services=())
    text = compare(report, replace(report, subject="b"), Words(), Look())
    assert text.endswith("Every check ends the same on both servers.\n")


def test_two_ports_of_one_server_have_names_of_their_own():
    text = compare(healthy(), healthy(), Words(), Look(), ("a:993", "a:995"))
    assert text.startswith("a:993 compared with a:995\n\n✓ ok    a:993: Everything")


@pytest.mark.parametrize("width", [30, 40, 80])
@pytest.mark.parametrize("pair", [(failing(), OTHER), (hostile(), mixed())], ids=["faults", "hostile"])
def test_nothing_is_wider_than_the_terminal(width, pair):
    left, right = (replace(each, subject=each.subject[:12]) for each in pair)
    for line in compare(left, right, Words(), Look(width=width)).splitlines():
        assert columns(line) <= width


def test_one_check_differs_in_general():
    text = compare(mixed(), replace(mixed(), findings=()), Words(), Look())
    assert "1 check ends differently:\n\n  In general [D5]\n" in text


def test_of_one_check_the_worst_counts_wherever_it_stands():
    warned = replace(SLOW_V6, status=Status.PASS)
    for findings in ((warned, SLOW_V6), (SLOW_V6, warned)):
        found = comparison(replace(healthy(), findings=findings), replace(healthy(), findings=(warned,)))
        assert [each.id for each in found.differences] == ["D5"]
        assert found.differences[0].left.status is Status.WARN


def test_remarks_and_skips_are_no_differences():
    found = comparison(healthy(), replace(healthy(), services=(), findings=()))
    assert found.differences == ()
    assert [(each.service, each.right) for each in found.speeds] == [("imaps", None), ("submissions", None)]


def test_for_programs():
    found = standard.loads(encoded(comparison(failing(), OTHER)))
    assert found["kind"] == "comparison"
    assert found["left"]["exit_code"] == 2
    assert found["differences"][0]["right"] is None


def test_what_changed_between_two_examinations():
    assert changes(failing(), failing()) == Changes((), ())
    assert not changes(healthy(), healthy())
    came = changes(healthy(), failing())
    assert came
    assert [each.id for each in came.new] == ["C1", "C1"]
    assert came.gone == ()
    assert changes(failing(), healthy()).gone == came.new


def test_watching():
    same = watch_lines(Changes((), ()), healthy(), "04:05:06", Words(), Look())
    assert same == "✓ ok    04:05:06  0.42 s  nothing changed\n"
    worse = watch_lines(changes(healthy(), mixed()), mixed(), "04:06:06", Words(), Look())
    assert worse.startswith(
        "! WARN  04:06:06  6.2 s  changed:\n    ! WARN  IPv6 does not answer, IPv4 does. [D5]\n        About  mail."
    )
    better = watch_lines(changes(mixed(), healthy()), healthy(), "04:07:06", Words(), Look())
    assert better == (
        "✓ ok    04:07:06  0.42 s  changed:\n"
        "    ✓ ok    gone: IPv6 does not answer, IPv4 does. [D5] mail.example.com\n"
        "            (2001:db8::25)\n"
    )
