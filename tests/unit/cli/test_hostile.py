"""Whatever strangers wrote into the store, the archive or the configuration: no command hands it to the terminal."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec import json
from typer.testing import CliRunner

from gatepost.cli import server
from gatepost.cli.main import build
from gatepost.delivery.ingest import prepare
from gatepost.model import CredentialKind, DeletePolicy, Scope, Verifier
from gatepost.net.status import CertificateStatus, ListenerStatus, ProcessStatus, Status
from gatepost.net.tally import Limited
from gatepost.store.api import Finding
from gatepost.store.commands import (
    AddAddress,
    CreateAccount,
    CreateDomain,
    DeleteMessages,
    Deliver,
    SetCredential,
    Target,
)
from gatepost.store.memory import MemoryStore

HOSTILE = (
    "\x1b]0;owned\x07\x9b31m\x85\x7f\u202eab\u200b\u2028\nforged line\r[bold][link=http://x]y[/link]" + "\u0301" * 99
)
MAIL = (
    b"From: \x1b[31mBob\x9b <b\x1b@x>\nTo: \x07a@\xc2\x9bx\nCc: \xe2\x80\xaec@x\n"
    b"Subject: \x1b]0;s\x07 \xc2\x9b =?utf-8?Q?=1B[31m?=\nDate: \x1b[2J\nMessage-ID: <\x1b@x>\n"
    b"Content-Type: x-\x1bc\x07/\xc2\x9b31m-\xe2\x80\xae\n\n\x1b[2Jhello \xc2\x9b\n"
)


async def _filled() -> MemoryStore:
    store = MemoryStore()
    await store.execute(CreateDomain("example.com"))
    await store.execute(CreateDomain(HOSTILE))
    for login in ("alice@example.com", f"x@{HOSTILE}"):
        account = (await store.execute(CreateAccount(login, b""))).account_id
        await store.execute(AddAddress(f"{HOSTILE}@example.com", account))
        verifier = Verifier("", b"", b"")
        await store.execute(SetCredential(account, HOSTILE, CredentialKind.APP, frozenset(Scope), verifier))
        email = await prepare(store, MAIL, received=1, most=10_000)
        for box in ("INBOX", "Trash", "Box"):
            await store.execute(Deliver(email, (Target(account, box, keywords=(HOSTILE,), uidl=HOSTILE),)))
        for box in await store.mailboxes(account):
            if box.name == "Box":
                await store.execute(
                    DeleteMessages(account, box.mailbox_id, (1,), DeletePolicy.HOLD, 1 << 40, HOSTILE, HOSTILE)
                )
    return store


class Engine:
    """A store full of hostile strings."""

    def __init__(self) -> None:
        self.memory = asyncio.run(_filled())

    @asynccontextmanager
    async def store(self, _settings):
        yield self.memory

    @asynccontextmanager
    async def maintenance(self, _settings):
        yield self

    def secret(self, _settings):
        return b"x" * 32

    async def verify(self, _report):
        return [Finding(HOSTILE, HOSTILE, HOSTILE, HOSTILE)]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gatepost.config.load.PLACES", (tmp_path / "none",))
    engine = Engine()

    def run(*arguments, data=None):
        typed = ["alice@example.com" if each == "alice" else each for each in arguments]
        result = CliRunner().invoke(build(engine), typed, input=data)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


def _clean(text: str) -> bool:
    lines = text.split("\n")
    return all(line.isprintable() for line in lines) and "\u0301" * 9 not in text


@pytest.mark.parametrize("as_json", [(), ("--json",)])
@pytest.mark.parametrize(
    "arguments",
    [
        "domain list",
        "user list",
        "user show alice",
        "alias list",
        "password list alice",
        "mail list alice --folder INBOX",
        "mail list alice",
        "mail show alice 1",
        "mail restore alice",
        "mail journal alice",
        "mail export alice out",
        "store verify",
    ],
)
def test_what_is_stored(run, arguments, as_json) -> None:
    result = run(*arguments.split(), *as_json)
    assert result.exit_code == (1 if "verify" in arguments else 0), result.output
    assert _clean(result.stdout)
    assert _clean(result.stderr)
    assert result.stdout
    if not as_json and "verify" not in arguments:
        assert not any(line.startswith("forged") for line in result.output.splitlines())
    if as_json:
        assert result.stdout.isascii()
        json.decode(result.stdout)


@pytest.mark.parametrize(
    "arguments",
    [
        ("user", "add", HOSTILE, "--generate"),
        ("user", "show", HOSTILE),
        ("user", "set", "alice", "--quota", HOSTILE),
        ("user", HOSTILE),
        (HOSTILE,),
        (f"--{HOSTILE}",),
        ("mail", "show", "alice", HOSTILE),
        ("mail", "list", "alice", "--folder", HOSTILE),
        ("mail", "import", "alice", HOSTILE),
        ("mail", "import", "alice", "--format", HOSTILE, "."),
        ("mail", "deliver", HOSTILE),
        ("mail", "deliver", "alice@example.com", "--folder", HOSTILE),
        ("password", "app", "add", "alice", HOSTILE),
        ("password", "remove", "alice", HOSTILE),
        ("alias", "add", HOSTILE, "alice"),
        ("domain", "add", HOSTILE),
        ("init", "--domain", HOSTILE),
        ("config", "check", HOSTILE),
        ("--config", HOSTILE, "user", "list"),
        ("doctor", HOSTILE),
        ("doctor", "me@example.com", "--service", HOSTILE),
        ("doctor", "me@example.com", "--lang", HOSTILE),
        ("doctor", "me@example.com", "--ca", HOSTILE),
        ("doctor", "me@example.com", "--rules", HOSTILE),
        ("talk", HOSTILE),
        ("talk", "imaps://x", "--ca", HOSTILE),
        ("explain", "--lang", HOSTILE, "x"),
        ("explain", f"zzz {HOSTILE}"),
    ],
)
def test_what_is_typed_or_pasted(run, arguments) -> None:
    result = run(*(each.replace("\0", "") for each in arguments), data=MAIL)
    assert _clean(result.output)
    assert not any(line.startswith("forged") for line in result.output.splitlines())


def test_file_names_and_keywords_of_archives(run, tmp_path: Path) -> None:
    name = "\x1b]0;x\x07\x9b\u202e\nforged line".encode() + b"\xff"
    box = tmp_path / "in"
    for folder in (b"", b".Sub\x1b[31m\xe2\x80\xae\xff"):
        place = Path(str(box)) / folder.decode(errors="surrogateescape")
        (place / "cur").mkdir(parents=True)
        with (place / "cur" / (name + b":2,S").decode(errors="surrogateescape")).open("wb") as file:
            file.write(MAIL)
        (place / "cur" / (name + b"2").decode(errors="surrogateescape")).touch()
    (tmp_path / "m.mbox").write_bytes(b"From a Thu Jan  1 00:00:00 1970\nX-Keywords: \x1b]0;k\x07 \xc2\x9b31m\n" + MAIL)
    for arguments in (("in",), ("in", "--json"), ("m.mbox",), (name.decode(errors="surrogateescape"),)):
        result = run("mail", "import", "alice", *arguments)
        assert _clean(result.output)
        assert not any(line.startswith("forged") for line in result.output.splitlines())
    assert "Imported" in run("mail", "import", "alice", "in", "--again").stdout
    for box_ in ("INBOX", "Sub"):
        assert _clean(run("mail", "list", "alice", "--folder", box_).output)


def test_the_status_of_a_server(run, monkeypatch) -> None:
    status = Status(
        version=HOSTILE,
        state=HOSTILE,
        pid=1,
        started=time.time(),
        processes=(ProcessStatus(HOSTILE, 2, 0, HOSTILE),),
        listeners=(ListenerStatus(HOSTILE, HOSTILE, HOSTILE),),
        certificates=(CertificateStatus((HOSTILE,), 5, HOSTILE),),
        connections={HOSTILE: 1},
        accepted=1,
        user=HOSTILE,
        limited=(Limited("user", HOSTILE, 20, 0, True, time.time() + 60, 0, False),),
        limited_in_all=1,
    )
    monkeypatch.setattr(server, "read_status", lambda _: status)
    for arguments in (("status",), ("status", "--json")):
        assert _clean(run(*arguments).output)
