import re

import pytest
from msgspec.structs import replace

from gatepost.doctor.show.nagios import WORDS, line, nagios
from gatepost.doctor.show.words import ExitCode
from support.doctor_reports import failing, healthy, hostile, mixed

FORM = re.compile(
    r"MAIL (?:OK|WARNING|CRITICAL|UNKNOWN) - [^|\n]+ \| (?:(?:'[^'=|]+'|[a-z_]+)=-?[0-9.]+s?(?:;;;0)?(?: |$))+"
)


def test_the_whole_line():
    assert nagios(healthy()) == (
        "MAIL OK - me@example.com: Everything works, as far as it could be tested without a password."
        " | seconds=0.420s;;;0"
        " 'imaps mail.example.com:993 seconds'=0.213s;;;0 'imaps mail.example.com:993 days_left'=41"
        " 'submissions mail.example.com:465 seconds'=0.187s;;;0 'submissions mail.example.com:465 days_left'=41"
    )


@pytest.mark.parametrize(
    ("report", "word"),
    [
        (healthy(), "OK"),
        (mixed(), "WARNING"),
        (failing(), "CRITICAL"),
        (replace(failing(), examined=False), "UNKNOWN"),
        (hostile(), "CRITICAL"),
    ],
)
def test_one_line_of_the_right_form_whatever_is_in_it(report, word):
    shown = nagios(report)
    assert shown.startswith(f"MAIL {word} - ")
    assert FORM.fullmatch(shown)
    assert shown.isprintable()


def test_an_expired_certificate_has_fewer_than_no_days():
    assert "days_left'=-3" in nagios(failing())


def test_the_cause_can_be_said_on_the_telephone():
    assert "refuse to connect. [C1] Renew the certificate" in nagios(failing())


def test_a_long_text_leaves_room_for_the_numbers():
    report = replace(healthy(), subject="x" * 5000)
    assert len(nagios(report)) < 1100
    assert nagios(report).endswith("days_left'=41")


def test_a_line_that_is_no_report():
    assert line(ExitCode.NOT_TESTED, "no | such\nfile") == "MAIL UNKNOWN - no / such file"
    assert set(WORDS) == set(ExitCode)


def test_each_number_has_a_label_of_its_own():
    report = healthy()
    twice = replace(report, services=(*report.services, *report.services))
    labels = re.findall(r"'([^']+)'=", nagios(twice))
    assert len(labels) == len(set(labels)) == 8
    assert "imaps mail.example.com:993 #2 seconds" in labels
