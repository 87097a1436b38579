"""What a mail server sees of `gatepost mail deliver`; tests/e2e/test_mail_servers.py asks real ones."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import os
from contextlib import asynccontextmanager

import pytest
from typer.testing import CliRunner

from gatepost.cli import deliver
from gatepost.cli.main import build
from gatepost.errors import DomainError, StoreFullError, StoreHeldError
from gatepost.store.commands import AddAddress, CreateAccount, CreateDomain, Deliver, UpdateAccount
from gatepost.store.memory import MemoryStore

MESSAGE = b"From: bob@example.com\nSubject: hello\n\nHello\n"
QUEUED = b"Received: from a by b with LMTP id 1; Mon, 1 Jan 2024 00:00:00 +0000\n" + MESSAGE
TO = "alice@example.com"
LATER, NOT_THIS, NOBODY, NO_ROOM = os.EX_TEMPFAIL, os.EX_DATAERR, os.EX_NOUSER, os.EX_UNAVAILABLE


class Trouble(MemoryStore):
    """Raises `error` at each delivery."""

    def __init__(self):
        super().__init__()
        self.error = None

    async def execute(self, command):
        if self.error is not None and isinstance(command, Deliver):
            raise self.error
        return await super().execute(command)


class Engine:
    def __init__(self):
        self.memory = Trouble()
        self.error = None

    @asynccontextmanager
    async def store(self, _settings):
        if self.error is not None:
            raise self.error
        yield self.memory


class Agent:
    """The command, and a look at what it did."""

    def __init__(self, engine):
        self.engine = engine

    def raw(self, *arguments, data=MESSAGE):
        return CliRunner().invoke(build(self.engine), list(map(str, arguments)), input=data)

    def __call__(self, *arguments, code=0, data=MESSAGE):
        result = self.raw("mail", "deliver", *arguments, data=data)
        assert result.exit_code == code, result.output
        return result

    def execute(self, command):
        return asyncio.run(self.engine.memory.execute(command))

    def set(self, login, **settings):
        account = asyncio.run(self.engine.memory.account_by_login(login))
        self.execute(UpdateAccount(account.account_id, **settings))

    def messages(self, login=TO, folder="INBOX"):
        """The octets of all that is in a mailbox."""

        async def work():
            store = self.engine.memory
            account = await store.account_by_login(login)
            box = await store.mailbox(account.account_id, folder)
            found = await store.messages(account.account_id, box.mailbox_id)
            return [await store.chunk(one.blob_id, 0) for one in found]

        return asyncio.run(work())


@pytest.fixture
def agent(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gatepost.config.load.PLACES", (tmp_path / "gatepost.toml",))
    agent = Agent(Engine())
    agent.execute(CreateDomain("example.com"))
    for name in ("alice", "bob"):
        account = agent.execute(CreateAccount(f"{name}@example.com", b""))
        agent.execute(AddAddress("team@example.com", account.account_id))
    return agent


def wire(message):
    return message.replace(b"\n", b"\r\n")


def test_it_delivers(agent):
    told = agent("alice+tag@example.com", data=b"From a@x Thu Jan  1 00:01:40 1970\n" + MESSAGE).stdout
    assert told == "Delivered to 1 account.\n"
    assert agent.messages() == [wire(MESSAGE)]
    assert agent("team@example.com", TO).stdout == "Delivered to 2 accounts.\n"
    (told,) = json.loads(agent(TO, "--folder", "Other", "--json").stdout)
    assert (told["address"], told["uid"], told["error"]) == (TO, 1, "")
    assert agent(TO, "--folder", "").stdout == "Delivered to 1 account.\n"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("none@example.com", "5.1.1 nobody here receives mail for none@example.com"),
        ("alice@elsewhere.example", "5.1.2 elsewhere.example is not a domain of this server"),
        ("no address", "5.1.1 no address is not a mail address"),
        ("a\x1b[31m@example.com", "5.1.1"),
    ],
)
def test_nobody_has_the_address(agent, address, said):
    result = agent("--", address, code=NOBODY)
    assert result.stderr.startswith(said)
    assert "\x1b" not in result.output
    assert result.stdout == ""


def test_a_message_that_no_attempt_will_bring_in(agent, tmp_path):
    assert agent(TO, data=b"", code=NOT_THIS).stderr == "5.6.0 the message is empty\n"
    (tmp_path / "gatepost.toml").write_text("[delivery]\nmessage_size = 50\n")
    result = agent(TO, "bob@example.com", data=b"x" * 10_000_000, code=NOT_THIS)
    assert result.stderr.startswith("5.3.4 the message has")
    assert result.stderr.count("5.3.4") == 1


def test_over_quota_is_temporary_unless_it_is_set_otherwise(agent, tmp_path):
    agent.set(TO, quota=3)
    assert agent(TO, code=LATER).stderr.startswith("4.2.2 alice@example.com has no room")
    (tmp_path / "gatepost.toml").write_text('[delivery]\nover_quota = "refuse"\n')
    assert agent(TO, code=NO_ROOM).stderr.startswith("5.2.2 alice@example.com has no room")


def test_of_several_recipients_each_gets_it_who_can(agent):
    agent.set("bob@example.com", quota=3)
    result = agent("nobody@example.com", TO, "bob@example.com", data=QUEUED, code=LATER)
    assert [line[:5] for line in result.stderr.splitlines()] == ["4.2.2", "5.1.1"]
    assert result.stdout == "Delivered to 1 account.\n"
    agent.set("bob@example.com", quota=0)
    result = agent("nobody@example.com", TO, "bob@example.com", data=QUEUED, code=NOBODY)
    assert "Delivered to 1 account; 1 had it already" in result.stdout
    assert agent.messages() == agent.messages("bob@example.com") == [wire(QUEUED)]
    told = json.loads(agent("nobody@example.com", TO, "--json", data=QUEUED, code=NOBODY).stdout)
    assert [(one["address"], one["status"], one["repeated"]) for one in told] == [
        ("nobody@example.com", "5.1.1", False),
        (TO, "", True),
    ]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (StoreHeldError("it is open in process 7\nwait"), "4.3.0 it is open in process 7\n  wait"),
        (StoreFullError("full"), "4.3.1 full"),
    ],
)
def test_what_passes_is_temporary(agent, error, said):
    agent.engine.memory.error = error
    assert agent(TO, code=LATER).stderr == f"{said}\n"
    agent.engine.memory.error, agent.engine.error = None, error
    assert agent(TO, "bob@example.com", code=LATER).stderr == f"{said}\n"


def test_whatever_its_administrator_or_author_did_wrong_is_temporary(agent, tmp_path):
    agent(TO, "--no-such-option", code=LATER)
    agent(code=LATER)
    assert "no mailbox name" in agent(TO, "--folder", "/x", code=LATER).stderr.replace("\n", " ")
    assert agent.raw("-c", tmp_path / "absent", "mail", "deliver", TO).exit_code == LATER
    agent.engine.error = ZeroDivisionError("by seven")
    result = agent(TO, code=LATER)
    assert result.stderr.startswith("4.3.0 an error of Gatepost's own, please report it: ZeroDivisionError: by seven")
    assert "Traceback" in result.stderr
    assert agent("--help").exit_code == 0
    agent.engine.error = KeyboardInterrupt()
    agent(TO, code=LATER)


def test_a_store_that_knows_nobody_refuses_nobody(agent):
    """A disk that is not mounted leaves an empty directory."""
    agent.engine.memory = MemoryStore()
    assert "no domains" in agent(TO, code=LATER).stderr


def test_what_nobody_can_be_told_changes_nothing(agent, monkeypatch):
    def full(*_words, **_more):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("typer.echo", full)
    agent(TO)
    assert agent.messages() == [MESSAGE.replace(b"\n", b"\r\n")]
    agent("nobody@example.com", code=NOBODY)
    agent.engine.error = ZeroDivisionError("by seven")
    agent(TO, code=LATER)


def test_without_standard_input_the_message_is_still_to_come(agent, monkeypatch):
    monkeypatch.setattr("gatepost.cli.deliver.sys.stdin", None, raising=False)
    with pytest.raises(DomainError, match="standard input is closed"):
        deliver._stdin()


def test_the_recipient_may_stand_in_the_environment(agent, monkeypatch):
    monkeypatch.setenv("RECIPIENT", "alice+tag@example.com")
    assert agent().stdout == "Delivered to 1 account.\n"
    agent("bob@example.com")
    assert (len(agent.messages()), len(agent.messages("bob@example.com"))) == (1, 1)


def test_other_commands_keep_their_codes(agent):
    assert agent.raw("mail", "list", "--no-such-option").exit_code == 2


def test_a_queue_that_tries_again_makes_no_second_copy(agent):
    agent(TO, data=b"From x Mon Jan  1 00:00:00 2024\n" + QUEUED)
    told = agent(TO, data=b"From x Mon Jan  1 00:05:00 2024\nDelivery-date: later\n" + QUEUED).stdout
    assert told == "Delivered to 0 accounts; 1 had it already (--again delivers it once more).\n"
    assert agent(TO, "--again", data=QUEUED).stdout == "Delivered to 1 account.\n"
    for _ in range(2):
        agent(TO)
    assert len(agent.messages()) == 4


def test_a_key_of_ones_own(agent):
    agent(TO, "--once", "report-7")
    assert "1 had it already" in agent(TO, "--once", "report-7", data=b"another\n").stdout
    agent(TO, "--once", "report-8")
    assert len(agent.messages()) == 2


@pytest.mark.parametrize(
    ("sender", "line"),
    [
        ("bob@example.com", b"<bob@example.com>"),
        ("<bob@example.com>", b"<bob@example.com>"),
        ("", b"<>"),
        ("<>", b"<>"),
    ],
)
def test_the_sender_is_noted_where_it_is_asked_for(agent, sender, line):
    agent("-f", sender, TO, data=wire(MESSAGE))
    agent("--sender", sender, TO)
    assert agent.messages() == [b"Return-Path: " + line + b"\r\n" + wire(MESSAGE)] * 2


def test_a_sender_that_the_mail_server_noted_stays(agent):
    agent("-f", "bob@example.com", TO, data=b"Return-Path: <eve@x>\n" + MESSAGE)
    assert agent.messages() == [wire(b"Return-Path: <eve@x>\n" + MESSAGE)]
    agent("-f", "bob@x\nBcc: y", TO, code=LATER)


def test_all_of_a_message_is_read_that_is_too_large(agent, tmp_path, monkeypatch):
    (tmp_path / "gatepost.toml").write_text("[delivery]\nmessage_size = 50\n")
    pipe = io.BytesIO(b"x" * 5_000_000)
    monkeypatch.setattr("gatepost.cli.deliver._stdin", lambda: pipe)
    agent(TO, code=NOT_THIS)
    assert pipe.tell() == 5_000_000
