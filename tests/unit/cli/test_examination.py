"""What becomes of a report: every way out, exit codes, comparing, watching, breaking off, and our own mistakes."""

import asyncio
import io
import json
import os
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from gatepost.cli import examination
from gatepost.cli.main import build
from gatepost.doctor.facts import Lookup, Outcome
from gatepost.doctor.model import Finding, Progress, Question, Secret, Stage, Status
from gatepost.errors import InvalidValueError, MisuseError, StoreUnavailableError
from support.doctor_reports import Words, all_well, failing, healthy, hostile, mixed

SECRET = "hunter2-XYZZY"


class NoEngine:
    """Nothing reaches for it."""


@pytest.fixture(autouse=True)
def quiet(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("NO_COLOR", "GATEPOST_CONFIG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def found(monkeypatch):
    """Reports in the order in which they are given out; an exception is raised. Questions are noted."""
    waiting, asked = [], []

    async def answer(question, resolvers, book, watcher, **_):
        asked.append((question, resolvers, book))
        watcher(Progress(Stage.TLS, "imaps a:993", "TLSv1.3", Status.PASS))
        report = waiting.pop(0)
        if isinstance(report, BaseException):
            raise report
        return report

    monkeypatch.setattr(examination, "_foreign", answer)
    waiting.append(healthy())
    answer.waiting, answer.asked = waiting, asked
    return answer


def run(*arguments, subject="me@example.com", **more):
    return CliRunner().invoke(build(NoEngine()), ["doctor", subject, *arguments], **more)


@pytest.mark.parametrize(
    ("report", "code"),
    [(healthy(), 0), (mixed(), 1), (failing(), 2), (hostile(), 2), (replace(healthy(), examined=False), 3)],
)
@pytest.mark.parametrize("option", ["", "--json", "--nagios", "--verbose"])
def test_the_exit_code_is_the_same_for_everybody(found, report, code, option):
    found.waiting[:] = [report]
    result = run(*filter(None, [option]))
    assert result.exit_code == code
    assert result.stdout


def test_piped_text_is_plain_and_for_people(found):
    result = run()
    assert result.stdout.startswith("✓ ok    Everything works")
    assert "\x1b" not in result.stdout
    assert "$ gatepost doctor me@example.com --login" in result.stdout
    assert result.stderr == ""


def test_json_is_json(found):
    assert json.loads(run("--json").stdout)["subject"] == "me@example.com"


def test_monitoring_gets_one_line(found):
    assert run("--nagios").stdout.count("\n") == 1


def test_a_page_and_a_bundle_beside_the_text(found, tmp_path):
    result = run("--html", "a.html", "--bundle", "b.txt")
    assert result.stdout.startswith("✓ ok")
    assert result.stderr == "Wrote a.html.\nWrote b.txt.\n"
    assert (tmp_path / "a.html").read_text("utf-8").startswith("<!DOCTYPE html>")
    assert {file.stat().st_mode & 0o777 for file in tmp_path.glob("*.*t*")} == {0o600}
    bundle = (tmp_path / "b.txt").read_text("utf-8")
    assert "[user 1]@example.com" in bundle
    assert "me@example.com" not in bundle
    assert "openssl   OpenSSL" in bundle


@pytest.mark.parametrize(("option", "begins"), [("--html", "<!DOCTYPE html>"), ("--bundle", "A report of")])
def test_a_page_or_bundle_instead_of_the_text(found, option, begins):
    result = run(option, "-")
    assert result.stdout.startswith(begins)
    assert "✓ ok    Everything works" not in result.stdout[:100]


def test_a_file_that_cannot_be_written(found):
    result = run("--html", "nowhere/a.html")
    assert result.exit_code == 3
    assert "gatepost: nowhere/a.html cannot be written: No such file or directory\n" in result.stderr


def test_the_language_is_that_of_the_system_or_the_option(found, monkeypatch):
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    run()
    assert found.asked[0][0].language == "de"
    found.waiting.append(healthy())
    run("--lang", "FR")
    assert found.asked[1][0].language == "fr"
    assert "It speaks en, de, fr, es." in run("--lang", "tlh").stderr


def test_own_rules_and_their_mistakes(found, tmp_path):
    (tmp_path / "mine.toml").write_text("[X99\n")
    result = run("--rules", "mine.toml")
    assert result.exit_code == 3
    assert "mine.toml" in result.stderr


def test_two_servers(found):
    other = replace(failing(), subject="other.example.com", services=(all_well("imaps", "other.example.com"),))
    found.waiting.append(other)
    result = run("--compare", "other.example.com")
    assert result.exit_code == 2, "the worse of them decides"
    assert result.stdout.startswith("me@example.com compared with other.example.com\n")
    assert [question.subject for question, *_ in found.asked] == ["me@example.com", "other.example.com"]
    found.waiting[:] = [healthy(), other]
    assert json.loads(run("--compare", "other.example.com", "--json").stdout)["kind"] == "comparison"


class StopError(BaseException):
    """Ends the watching after the last report."""


@pytest.fixture
def rounds(monkeypatch, found):
    """Watches until there are no more reports; notes the pauses."""
    pauses = []

    async def pause(seconds):
        pauses.append(seconds)
        if not found.waiting:
            raise KeyboardInterrupt

    monkeypatch.setattr(examination, "_sleep", pause)
    return pauses


def test_watching_shows_everything_once_and_then_what_changes(found, rounds):
    found.waiting[:] = [healthy(), healthy(), mixed(), healthy()]
    result = run("--watch", "60", "--html", "a.html")
    assert result.exit_code == 130
    first, _, rest = result.stdout.partition("--json\n")
    assert first.startswith("✓ ok    Everything works")
    lines = rest.splitlines()
    assert lines[0].endswith("0.42 s  nothing changed")
    assert lines[1].startswith("! WARN  ")
    assert "    ! WARN  IPv6 does not answer, IPv4 does. [D5]" in lines
    assert any("gone: IPv6 does not answer" in line for line in lines)
    assert result.stderr.count("Wrote a.html.") == 4
    assert rounds == [60 - 0.42, 60 - 0.42, 60 - 6.2, 60 - 0.42]


@pytest.mark.parametrize(("option", "code"), [("--json", 130), ("--nagios", 3)])
def test_watching_for_programs_is_a_line_each_time(found, rounds, option, code):
    found.waiting[:] = [healthy(), failing()]
    result = run("--watch", "60", option)
    assert result.exit_code == code
    assert result.stdout.count("\n") == 2
    assert len(result.stdout.splitlines()) == 2


def test_watching_tries_a_refused_password_once(found, rounds, monkeypatch):
    monkeypatch.setenv("PW", SECRET)
    refused = Finding(id="A1", stage=Stage.LOGIN, status=Status.FAIL, title="Refused")
    found.waiting[:] = [healthy(), replace(failing(), findings=(refused,)), healthy(), healthy()]
    result = run("--watch", "60", "--password-env", "PW")
    assert [question.secret is not None for question, *_ in found.asked] == [True, True, False, False]
    assert result.stderr.count("could lock the account") == 1


def test_ctrl_c_shows_what_was_found_until_then(found):
    found.waiting[:] = [KeyboardInterrupt()]
    result = run()
    assert result.exit_code == 130
    assert result.stdout == "Interrupted. So far:\n✓ ok  imaps a:993: TLSv1.3\n"


def test_ctrl_c_before_anything_was_found(monkeypatch):
    async def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(examination, "_foreign", interrupted)
    assert run().stdout == "Interrupted before anything began.\n"
    assert run("--json").stdout == ""


def test_our_own_mistake_is_told_without_the_password(found, monkeypatch):
    monkeypatch.setenv("PW", SECRET)
    blob = "AGphbmUAaHVudGVyMi1YWVpaWQ=="  # PLAIN of jane
    found.waiting[:] = [RuntimeError(f"PASS {SECRET} / AUTH PLAIN {blob}")]
    result = run("--password-env", "PW")
    assert result.exit_code == 3
    assert "Traceback" in result.stderr
    assert "RuntimeError" in result.stderr
    assert "no fault of the server" in result.stderr
    for form in (SECRET, "aHVudGVyMi1YWVpa"):
        assert form not in result.output


def test_our_own_mistake_in_monitoring(found):
    found.waiting[:] = [MisuseError("knowledge has no row")]
    result = run("--nagios")
    assert result.exit_code == 3
    assert result.stdout.startswith("MAIL UNKNOWN - the doctor itself failed")
    assert "MisuseError" in result.stderr


def test_a_mistake_in_the_order_is_one_line(found):
    found.waiting[:] = [StoreUnavailableError("gone\nCome back.")]
    result = run()
    assert (result.exit_code, result.stderr) == (3, "gatepost: gone\n  Come back.\n")


def test_a_wrong_name_server():
    result = run("--resolver", "dns.example.com")
    assert result.exit_code == 3
    assert "Write --resolver 192.0.2.1" in result.stderr


def test_a_closed_pipe_is_left_to_the_shell(found):
    found.waiting[:] = [BrokenPipeError(32, "Broken pipe")]
    result = run()
    assert "mistake" not in result.output


def test_this_host(monkeypatch, tmp_path):
    asked = []

    async def own(environment, resolvers, book, watcher):
        asked.append((environment.config_file, resolvers))
        return replace(failing(), subject="mail.example.com")

    monkeypatch.setattr(examination, "_own", own)
    (tmp_path / "gatepost.toml").write_text("[server\n")
    result = CliRunner().invoke(build(NoEngine()), ["doctor", "--resolver", "192.0.2.1"])
    assert result.exit_code == 2
    assert asked[0][1] == ("192.0.2.1",)
    assert "$ gatepost doctor --resolver 192.0.2.1 --json" in result.stdout
    bundle = CliRunner().invoke(build(NoEngine()), ["doctor", "--bundle", "-"]).stdout
    assert "[this computer]" in bundle
    assert "mail.example.com" not in bundle
    assert "192.0.2.25" not in bundle


def test_a_host_without_gatepost_is_looked_at_for_real(monkeypatch, tmp_path):
    async def outside(*_arguments, **options):
        assert options["outside"] is not None
        return healthy()

    monkeypatch.setattr("gatepost.doctor.own.host.examine_host", outside)
    result = CliRunner().invoke(build(NoEngine()), ["doctor"])
    assert result.exit_code == 0


def order(question, config=""):
    return examination.Order(question, None, None, config, (), (), "", examination.Output())


@pytest.mark.parametrize(
    ("question", "line"),
    [
        (None, "gatepost doctor"),
        (Question("me@example.com"), "gatepost doctor me@example.com"),
        (Question("::1", 993, "imaps", families=(6,)), "gatepost doctor '[::1]:993' --service imaps -6"),
        (Question("2001:db8::1"), "gatepost doctor 2001:db8::1"),
        (Question("a b;reboot", user="x y"), "gatepost doctor 'a b;reboot' --user 'x y'"),
        (Question("me@x", secret=Secret(SECRET), all_ports=True), "gatepost doctor me@x --login --all-ports"),
        (Question("h", sender="a@b", ca_file="c.pem"), "gatepost doctor h --from a@b --ca c.pem"),
    ],
)
def test_the_line_to_ask_again_is_safe_in_a_shell(question, line):
    assert examination.command_line(order(question)) == line
    assert examination.command_line(order(question, "a b.toml")).startswith("gatepost --config 'a b.toml' doctor")


class Terminal(io.StringIO):
    """A stream that people watch."""

    encoding = "UTF-8"

    def isatty(self):
        return True

    def fileno(self):
        raise io.UnsupportedOperation


def test_on_a_terminal_there_is_colour_unless_somebody_minds(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    assert examination._look(examination.Output()).colour
    monkeypatch.setenv("NO_COLOR", "1")
    assert not examination._look(examination.Output()).colour
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not examination._look(examination.Output()).colour


def test_wide_terminals_get_lines_that_can_be_read(monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    assert examination._look(examination.Output()).width == 100


def test_the_live_display_is_on_terminals_only_and_goes_away(found, monkeypatch):
    shown = Terminal()
    monkeypatch.setattr(examination.sys, "stderr", shown)
    run_ = examination._Run(order(Question("me@example.com")), Words(), "en")
    asyncio.run(run_.examined(Question("me@example.com")))
    run_.quiet()
    text = shown.getvalue()
    assert "imaps a:993: TLSv1.3" in text
    assert text.endswith("\x1b[1F\x1b[J")


def test_the_size_of_a_real_terminal():
    ours, theirs = os.openpty()
    stream = os.fdopen(theirs, "w")
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(examination.sys, "stderr", stream)
            look, height = examination._terminal()
    finally:
        stream.close()
        os.close(ours)
    assert look.colour
    assert height >= 1


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [("utf-8", "Prüfung „ß✓"), ("latin-1", "Prüfung ?ß?"), ("ascii", "Prufung ???")],
)
def test_other_encodings_get_what_comes_nearest(monkeypatch, encoding, expected):
    octets = io.BytesIO()
    stream = io.TextIOWrapper(octets, encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    examination._write("Prüfung „ß✓")
    assert octets.getvalue().decode(encoding) == expected
    assert examination._look(examination.Output()).unicode == (encoding == "utf-8")


def test_a_full_disk_is_no_mistake_of_ours(found, monkeypatch):
    class Full(io.StringIO):
        encoding = "utf-8"

        def write(self, _text):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stdout", Full())
    with pytest.raises(InvalidValueError, match="No space left"):
        examination._write("x")


def test_a_pipe_that_was_closed(monkeypatch):
    class Closed(io.StringIO):
        def write(self, _text):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Closed())
    with pytest.raises(BrokenPipeError):
        examination._write("x")


@pytest.mark.parametrize("content", [None, "no certificate\n"])
def test_authorities_that_cannot_be_used(tmp_path, content):
    file = tmp_path / "ca.pem"
    file.write_text(content or "")
    result = run("--ca", str(file))
    assert result.exit_code == 3
    assert "cannot be used: it holds no certificates" in result.stderr


def test_authorities_that_went_away(tmp_path):
    with pytest.raises(InvalidValueError, match="No such file"):
        examination._check_authorities(str(tmp_path / "gone.pem"))


def test_a_pause_is_a_pause():
    asyncio.run(examination._sleep(0))


def test_errors_name_a_way_out(tmp_path):
    with pytest.raises(InvalidValueError, match="Give another place"):
        examination._save(str(tmp_path), "x")
    assert not list(Path(tmp_path).iterdir())


@pytest.mark.parametrize(
    ("options", "strangers", "told"),
    [
        ([], 3, False),
        (["--second-opinion"], 3, True),
        (["--resolver", "192.0.2.53"], 0, False),
    ],
)
def test_strangers_hear_of_denials_only_on_request(monkeypatch, options, strangers, told):
    seen = []

    async def examined(*_, others, **__):
        seen.extend(others)
        return healthy()

    monkeypatch.setattr("gatepost.doctor.examine.examine", examined)
    denial = Lookup("mail.example.com", "A", Outcome.NXDOMAIN)
    assert run(*options).exit_code == 0
    assert [each.is_wanted(denial) for each in seen] == [told] * strangers
