"""The command's options: what becomes of them, what is refused, and with which exit code."""

import io
import os
import sys

import pytest
import typer
from typer.testing import CliRunner

from gatepost.cli import doctor, examination
from gatepost.cli.main import build
from gatepost.errors import InvalidValueError

SECRET = "hunter2-XYZZY"


class NoEngine:
    """Foreign servers are examined without it."""


@pytest.fixture
def orders(monkeypatch):
    """What the options became, instead of an examination."""
    seen = []
    monkeypatch.setattr(examination, "run", lambda order: seen.append(order) or 0)
    return seen


@pytest.fixture
def terminal(monkeypatch):
    """Somebody types the password."""
    asked = []
    monkeypatch.setattr(doctor.typer, "prompt", lambda text, **options: asked.append((text, options)) or SECRET)
    monkeypatch.setattr(doctor, "_is_terminal", lambda: True)
    return asked


def run(*arguments, **more):
    return CliRunner().invoke(build(NoEngine()), ["doctor", *arguments], **more)


def question(orders, *arguments):
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return orders[-1].question


def test_no_password_is_asked_for_unless_a_login_is_wanted(orders, terminal):
    for arguments in (["me@example.com"], ["mail.example.com:995"], ["imaps://me@mail.example.com"]):
        assert question(orders, *arguments).secret is None
    assert terminal == []


@pytest.mark.parametrize(
    ("arguments", "whose"),
    [
        (["me@example.com", "--login"], "me@example.com"),
        (["mail.example.com", "--user", "jane"], "jane"),
        (["me@example.com", "--user", "jane"], "jane"),
        (["imaps://jane@mail.example.com", "--login"], "jane"),
    ],
)
def test_a_login_asks_for_the_password_hidden_and_on_standard_error(orders, terminal, arguments, whose):
    assert question(orders, *arguments).secret.reveal() == SECRET
    assert terminal == [(f"Password of {whose}", {"hide_input": True, "confirmation_prompt": False, "err": True})]


@pytest.mark.parametrize(
    ("arguments", "subject", "user"),
    [
        (["-me@example.com"], "-me@example.com", ""),
        (["-me@example.com", "-4", "--user", "-x@y"], "-me@example.com", "-x@y"),
        (["--user=-x@y", "--", "-me@example.com"], "-me@example.com", "-x@y"),
        (["--timeout", "3", "--verify@example.com"], "--verify@example.com", ""),
    ],
)
def test_an_address_that_begins_with_a_dash_is_no_option(orders, monkeypatch, arguments, subject, user):
    monkeypatch.setenv("MAIL_PASSWORD", SECRET)
    asked = question(orders, "--password-env", "MAIL_PASSWORD", *arguments)
    assert (asked.subject, asked.user) == (subject, user)


def test_the_password_from_a_variable(orders, monkeypatch):
    monkeypatch.setenv("MAIL_PASSWORD", SECRET)
    assert question(orders, "me@example.com", "--password-env", "MAIL_PASSWORD").secret.reveal() == SECRET


@pytest.mark.parametrize(
    ("octets", "password"),
    [
        (SECRET.encode() + b"\n", SECRET),
        (SECRET.encode() + b"\r\nmore\n", SECRET),
        (SECRET.encode(), SECRET),
        ("pässwörd ✓\n".encode(), "pässwörd ✓"),
    ],
)
def test_the_password_from_a_descriptor(orders, octets, password):
    reading, writing = os.pipe()
    os.write(writing, octets)
    os.close(writing)
    found = question(orders, "me@example.com", "--password-fd", str(reading))
    os.close(reading)
    assert found.secret.reveal() == password


def refused(*arguments):
    result = run(*arguments)
    assert result.exit_code == doctor.NOT_TESTED, result.output
    assert result.stdout == ""
    return result.stderr


@pytest.mark.parametrize("octets", [b"", b"\n", b"\xff\n"])
def test_a_descriptor_that_holds_no_password(orders, octets):
    reading, writing = os.pipe()
    os.write(writing, octets)
    os.close(writing)
    assert f"file descriptor {reading} holds" in refused("me@example.com", "--password-fd", str(reading))
    os.close(reading)
    assert "Bad file descriptor" in refused("me@example.com", "--password-fd", str(reading))


@pytest.mark.parametrize(
    "arguments",
    [
        ["me@example.com", "--password", SECRET],
        ["me@example.com", f"--password={SECRET}"],
        ["me@example.com", "--password"],
        [f"pop3s://me:{SECRET}@mail.example.com"],
        [f"me:{SECRET}@mail.example.com"],
    ],
)
def test_a_password_on_the_command_line_is_refused_and_not_repeated(orders, arguments):
    said = refused(*arguments)
    assert "seen by everybody on this machine" in said
    assert "--password-fd" in said
    assert SECRET not in said
    assert orders == []


def test_what_stands_behind_two_dashes_is_no_option(orders):
    assert "neither" in refused("--", "--password:x:y") or "port" in refused("--", "--password:x:y")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["me@example.com", "--login"], "no terminal"),
        (["mail.example.com", "--login"], "Add --user NAME"),
        (["mail.example.com", "--password-env", "X"], "Add --user NAME"),
        (["me@example.com", "--password-env", "NOT_SET_AT_ALL"], "not set, or empty"),
        (["me@example.com", "--password-env", "HOME", "--password-fd", "0"], "do not go together"),
        (["me@example.com", "--password-fd", "-1"], "x>=0"),
        (["a b"], "Write a mail address"),
        (["mail.example.com", "--service", "gopher"], "It knows pop3s"),
        (["imaps://mail.example.com", "--service", "pop3s"], "the URL says imaps"),
        (["mail.example.com", "--ca", "/nowhere.pem"], "there is no file /nowhere.pem"),
        (["mail.example.com", "--user", "a\rb"], "CARRIAGE RETURN (U+000D)"),
        (["mail.example.com", "--user", "al\u200bice"], "ZERO WIDTH SPACE (U+200B)"),
        (["\uff41lice@example.com"], "FULLWIDTH LATIN SMALL LETTER A (U+FF41)"),
        (["imaps://al%C2%ADice@mail.example.com"], "SOFT HYPHEN (U+00AD)"),
        (["mail.exa\u200bmple.com"], "ZERO WIDTH SPACE (U+200B)"),
        (["mail.example.com", "--from", "nobody"], "no mail address"),
        (["mail.example.com", "--from", "a@b\r\nRCPT TO:<x@y>"], "CARRIAGE RETURN"),
        (["mail.example.com", "--timeout", "0"], "0.1<=x<=60"),
        (["mail.example.com", "--watch", "1"], "x>=10"),
        (["mail.example.com", "--compare", "b", "--html", "x"], "--compare and --html"),
        (["me@example.com", "--compare", "b", "--login"], "--compare and --login"),
        (["me@example.com", "--compare", "b", "--password-env", "HOME"], "--compare and --password-env"),
        (["me@example.com", "--compare", "b", "--password-fd", "0"], "--compare and --password-fd"),
        (["--login"], "without a subject"),
        (["--compare", "b"], "without a subject"),
        (["one", "two"], "unexpected extra argument"),
        (["mail.example.com", "--nonsense"], "No such option"),
    ],
)
def test_what_is_refused_means_that_nothing_was_tested(orders, arguments, says):
    said = " ".join(refused(*arguments).replace("│", " ").split())
    assert says in said
    assert orders == []


def test_monitoring_gets_its_line_even_then(orders):
    result = run("mail.example.com", "--nagios", "--user", "me")
    assert result.exit_code == doctor.NOT_TESTED
    assert result.stdout.startswith("MAIL UNKNOWN - there is no terminal to ask for the password. Give it by")
    assert "--json and --nagios both print" in run("mail.example.com", "--nagios", "--json").stdout
    result = run("mail.example.com", "--nagios", "--password", SECRET)
    assert (result.exit_code, SECRET in result.output) == (doctor.NOT_TESTED, False)
    assert result.stdout.startswith("MAIL UNKNOWN - ")


def test_everything_else_reaches_the_question(orders, tmp_path):
    ca = tmp_path / "ca.pem"
    ca.touch()
    arguments = "[::1]:10993 --service imaps --from me@example.com --all-ports --timeout 2 --lang de"
    found = question(orders, *arguments.split(), "--ca", str(ca), "--rules", str(tmp_path), "--resolver", "192.0.2.1")
    assert (found.subject, found.port, found.service, found.sender) == ("::1", 10993, "imaps", "me@example.com")
    assert (found.all_ports, found.timeout, found.ca_file, found.families) == (True, 2.0, str(ca), (6, 4))
    order = orders[-1]
    assert (order.language, order.rules, order.resolvers) == ("de", (tmp_path,), ("192.0.2.1",))


@pytest.mark.parametrize(("options", "families"), [(["-4"], (4,)), (["-6"], (6,)), (["-4", "-6"], (6, 4))])
def test_families(orders, options, families):
    assert question(orders, "mail.example.com", *options).families == families


def test_the_ways_out(orders):
    options = "--json --html a.html --bundle b.txt --verbose --watch 60"
    run("mail.example.com", *options.split())
    assert orders[-1].output == examination.Output(json=True, html="a.html", bundle="b.txt", verbose=True, watch=60)


def test_the_other_server_is_asked_the_same(orders):
    run("mail.example.com:995", "--compare", "mail2.example.com", "-4")
    order = orders[-1]
    assert (order.other.subject, order.other.port, order.other.families) == ("mail2.example.com", 995, (4,))
    run("mail.example.com", "--compare", "imaps://mail2.example.com:10993")
    assert (orders[-1].other.port, orders[-1].other.service) == (10993, "imaps")


def test_without_a_subject_it_is_this_host(orders):
    assert run("--json").exit_code == 0
    assert orders[-1].question is None


def test_a_wrong_configuration_file_keeps_nobody_from_other_servers(orders, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gatepost.toml").write_text("[server\nnonsense")
    assert question(orders, "mail.example.com").subject == "mail.example.com"
    assert orders[-1].environment.config_file.name == "gatepost.toml"
    assert orders[-1].config == ""
    CliRunner().invoke(build(NoEngine()), ["-c", "other.toml", "doctor"])
    assert orders[-1].config == "other.toml"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--json", "--html", "-"], "--json and --html - both print"),
        (["--json", "--bundle", "-"], "--json and --bundle - both print"),
        (["--html", "-", "--bundle", "-"], "--html - and --bundle - both print"),
        (["--nagios", "--html", "-"], "--nagios and --html - both print"),
    ],
)
def test_only_one_document_is_printed(options, said):
    result = run("mail.example.com", *options)
    assert result.exit_code == doctor.NOT_TESTED
    assert said in result.output


@pytest.mark.parametrize("error", [typer.Abort, KeyboardInterrupt])
@pytest.mark.parametrize(("options", "code"), [([], doctor.INTERRUPTED), (["--nagios"], doctor.NOT_TESTED)])
def test_ctrl_c_is_no_traceback(monkeypatch, error, options, code):
    def interrupted(_order):
        raise error

    monkeypatch.setattr(examination, "run", interrupted)
    result = run("mail.example.com", *options)
    assert result.exit_code == code
    assert "Traceback" not in result.output


def test_our_errors_have_a_fix(monkeypatch):
    def wrong(_order):
        raise InvalidValueError("rule is wrong\nMend it.")

    monkeypatch.setattr(examination, "run", wrong)
    assert refused("mail.example.com") == "gatepost: rule is wrong\n  Mend it.\n"


def test_standard_input_decides_whether_anybody_can_be_asked(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert not doctor._is_terminal()


def test_the_help_says_what_leaves_this_machine():
    shown = " ".join(run("--help").output.split())
    assert "What leaves this machine" in shown
    for stranger in ("1.1.1.1", "9.9.9.9", "gmail-smtp-in.l.google.com", "Quad9"):
        assert stranger in shown


def test_second_opinions_are_an_order_of_their_own(orders):
    run("mail.example.com", "--second-opinion")
    run("mail.example.com")
    assert [each.second_opinion for each in orders] == [True, False]
    assert "--second-opinion" in examination.command_line(orders[0])
    assert "do not go together" in run("mail.example.com", "--second-opinion", "--resolver", "192.0.2.1").output
