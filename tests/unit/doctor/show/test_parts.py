import pytest
from msgspec.structs import replace

from gatepost.doctor.model import Confidence, Security, Status, Verdict, Who
from gatepost.doctor.show.parts import (
    about,
    details,
    examined,
    headline,
    next_commands,
    passed,
    setting_cells,
    setting_labels,
    skipped,
    verdict_rows,
    who,
)
from support.doctor_reports import GREETS, NOT_ASKED, SLOW_V6, Words, expired, failing, healthy, mixed, setting

BOOK = Words()


def test_the_verdict_says_what_is_known():
    assert verdict_rows(healthy().verdict, BOOK) == []
    assert [label for label, _ in verdict_rows(failing().verdict, BOOK)] == ["What to do", "Who", "Code"]
    assert verdict_rows(Verdict(failing().verdict.status, "x", who=Who.YOU), BOOK) == [("Who", "you")]


@pytest.mark.parametrize("each", Who)
def test_everybody_has_a_name(each):
    assert who(each, BOOK)


@pytest.mark.parametrize(("count", "says"), [(0, "examined in"), (1, "1 service "), (2, "2 services ")])
def test_what_was_looked_at(count, says):
    assert says in examined(replace(healthy(), services=healthy().services[:count]), BOOK)


def test_a_service_that_took_no_time_says_none():
    imaps, pop3 = mixed().services[0], mixed().services[2]
    assert headline(imaps, BOOK) == "imaps mail.example.com:993 (0.21 s)"
    assert headline(pop3, BOOK) == "pop3 mail.example.com:110"


def test_what_the_heading_says_is_not_said_again():
    fault = expired("imaps")
    assert about(fault, "imaps mail.example.com:993") == "192.0.2.25"
    assert about(fault, "") == "imaps mail.example.com:993 (192.0.2.25)"
    assert about(replace(fault, subject="x"), "x") == ""


def test_details_name_doubt_and_whose_job_it_is():
    rows = dict(details(expired("imaps"), "", BOOK))
    assert rows["Cause"].endswith("(likely)")
    assert rows["Fix"].endswith("(for the administrator of the server)")
    rows = dict(details(replace(expired("imaps"), confidence=Confidence.CERTAIN, who=Who.YOU), "", BOOK))
    assert rows["Cause"].endswith("renewed one.")
    assert rows["Fix"].endswith("mail server.")
    assert list(dict(details(GREETS, "", BOOK))) == ["About", "Seen"]
    assert list(dict(details(replace(SLOW_V6, cause="", fix=""), "", BOOK))) == ["About", "Seen"]


def test_many_checks_in_one_line():
    findings = failing().services[0].findings
    assert passed(findings, BOOK) == "1 check passed: connection"
    assert passed(healthy().findings, BOOK).startswith("2 checks passed: finding the servers,")
    assert passed([NOT_ASKED], BOOK) == ""
    (connected,) = (each for each in findings if each.status is Status.PASS)
    assert passed([replace(connected, title="Port 110 is closed, as it should be")], BOOK).endswith("as it should be")
    assert skipped(iter(findings), BOOK) == "not tested because of this: greeting, login, mailbox"
    assert skipped([NOT_ASKED], BOOK) == "not tested: login"
    assert skipped(healthy().findings, BOOK) == ""


def test_settings_in_the_words_of_mail_programs():
    assert len(setting_labels(BOOK)) == len(setting_cells(healthy().settings[0], BOOK))
    assert setting_cells(setting("pop3", 110, Security.NONE, working=False, user="", authentication=""), BOOK) == (
        "receive (POP3)",
        "mail.example.com",
        "110",
        "none",
        "-",
        "-",
        "not now",
    )
    assert setting_cells(setting("smtp", 587, Security.STARTTLS, authentication="Kerberos"), BOOK)[5] == "Kerberos"


def test_what_was_not_tried_is_neither_working_nor_broken():
    untested = replace(setting("pop3", 995, Security.TLS, working=False), tested=False)
    assert setting_cells(untested, BOOK)[6] == "not tested"


def next_lines(report, command="gatepost doctor me@example.com"):
    return [line.removeprefix(command) for _, line in next_commands(report, command, BOOK)]


def test_how_to_go_on():
    assert next_lines(healthy()) == [" --login", " --json"]
    assert next_lines(replace(healthy(), subject="mail.example.com")) == [" --user NAME", " --json"]
    assert next_lines(replace(healthy(), settings=())) == [" --json"]
    assert next_lines(failing()) == ["", " --html report.html", " --json"]
    assert next_lines(mixed()) == ["", " --html report.html", " --json"]


def test_a_working_server_that_may_be_somebody_elses_is_no_plain_yes():
    strange = replace(healthy().settings[0], foreign=True)
    assert setting_cells(strange, BOOK)[-1] == "yes, but whose? (D44)"
    assert setting_cells(replace(strange, working=False), BOOK)[-1] == "not now"
