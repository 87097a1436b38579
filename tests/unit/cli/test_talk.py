"""`gatepost talk` as a process: what is typed wrong, what a pipe gets, and how it ends."""

import asyncio
import os
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from gatepost.cli import main, talk
from gatepost.doctor.talk import drive


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main.build(None), ["talk", *arguments], terminal_width=80)


@pytest.fixture
def plans(monkeypatch):
    """What would be carried out."""
    seen = []
    monkeypatch.setattr(talk, "_run", lambda plan: seen.append(plan) or 0)
    return seen


@pytest.mark.parametrize(
    ("where", "service", "host", "port"),
    [
        ("pop3s://mail.example.com", "pop3s", "mail.example.com", 995),
        ("imap://mail.example.com:1143", "imap", "mail.example.com", 1143),
        ("smtps://mail.example.com", "submissions", "mail.example.com", 465),
        ("mail.example.com:995", "pop3s", "mail.example.com", 995),
        ("[2001:db8::1]:587", "submission", "2001:db8::1", 587),
        ("imaps://[::1]:993", "imaps", "::1", 993),
    ],
)
def test_the_server(run, plans, where, service, host, port):
    assert run(where).exit_code == 0
    assert (plans[0].target.service.name, plans[0].target.host, plans[0].target.port) == (service, host, port)


def test_options(run, plans, tmp_path):
    ca = tmp_path / "ca.pem"
    ca.write_text("x")
    run("pop3://alice@h", "--no-starttls", "--insecure", "--ca", str(ca), "-4", "--timeout", "2", "--pipeline")
    plan = plans[0]
    assert (plan.starttls, plan.insecure, plan.ca_file, plan.families) == (False, True, str(ca), (4,))
    assert (plan.seconds, plan.pipeline, plan.user) == (2.0, True, "alice")
    run("pop3://alice@h", "--user", "bob", "-6")
    assert (plans[1].user, plans[1].families, plans[1].starttls) == ("bob", (6,), True)
    run("pop3://h", "-4", "-6")
    assert plans[2].families == (6, 4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["mail.example.com"], "gatepost talk pop3s://mail.example.com"),
        (["mail.example.com:8025"], "which service of mail.example.com is meant?"),
        (["me@example.com"], "gatepost doctor me@example.com"),
        (["https://example.com"], "gatepost: "),
        (["pop3s://a:hunter2@example.com"], "a password on the command line"),
        (["pop3s://example.com:0"], "there is no such port"),
        (["pop3s://localhost", "--ca", "/nowhere"], "there is no file /nowhere"),
        (["pop3s://localhost:1", "--timeout", "5"], "cannot be reached"),
        ([], "Missing argument"),
        (["pop3s://h", "--xyzzy"], "No such option"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(run, arguments, words):
    result = run(*arguments)
    assert result.exit_code == 3
    assert words in result.output
    assert "hunter2" not in result.output


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (BrokenPipeError(), 0), (None, 2), ("cancelled", 143)]
)
def test_how_it_may_end(run, monkeypatch, error, code):
    async def end(_plan, _desk):
        if error == "cancelled":
            raise asyncio.CancelledError
        if error:
            raise error
        return 2

    monkeypatch.setattr(drive, "talk", end)
    monkeypatch.setattr(talk.os, "dup2", lambda *_: None)
    assert run("pop3s://h").exit_code == code


def test_help_tells_of_own_commands_and_exit_codes(run):
    text = " ".join(run("--help").output.split())
    for word in ("/help", "/auth", "/tls", "/raw", "/quit", "Exit code: 0 fine, 2 refused or broken off, 3 not"):
        assert word in text


def test_nothing_heavy_is_imported_for_help():
    heavy = "{'ssl', 'cryptography', 'gatepost.doctor.talk.drive', 'gatepost.doctor.knowledge'}"
    script = (
        "import sys; from gatepost.cli.main import build\n"
        "try: build(None)(['talk', '--help'])\n"
        "except SystemExit: pass\n"
        f"sys.exit(' '.join({heavy} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=os.environ, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_it_is_a_command():
    assert isinstance(typer.main.get_command(main.build(None)).commands["talk"].name, str)
