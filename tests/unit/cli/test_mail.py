import asyncio
import gzip
import json
from contextlib import asynccontextmanager, contextmanager

import pytest
from typer.testing import CliRunner

from gatepost.cli import output
from gatepost.cli.mail import _counting
from gatepost.cli.main import build
from gatepost.model import DeletePolicy
from gatepost.store.commands import CreateAccount, CreateDomain, DeleteMessages
from gatepost.store.memory import MemoryStore

MESSAGE = (
    b"From: Bob <bob@example.com>\nTo: Friends: alice@example.com, x@y;\nCc: c@example.com\n"
    b"Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\nDate: today\nMessage-ID: <m@x>\n\nHello Alice\n"
)


class Engine:
    def __init__(self):
        self.memory = MemoryStore()
        self.ready = False

    @asynccontextmanager
    async def store(self, _settings):
        if not self.ready:
            self.ready = True
            await self.memory.execute(CreateDomain("example.com"))
            await self.memory.execute(CreateAccount("alice@example.com", b""))
        yield self.memory


class Run:
    def __init__(self, engine):
        self.engine = engine

    def __call__(self, *arguments, code=0, data=None):
        result = CliRunner().invoke(build(self.engine), ["mail", *map(str, arguments)], input=data)
        assert result.exit_code == code, result.output
        return result

    def json(self, *arguments, **more):
        return json.loads(self(*arguments, "--json", **more).stdout)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gatepost.config.load.PLACES", (tmp_path / "none",))
    return Run(Engine())


@pytest.fixture
def box(tmp_path):
    (tmp_path / "in" / "cur").mkdir(parents=True)
    for number in range(3):
        (tmp_path / "in" / "cur" / f"{number}.m:2,S").write_bytes(MESSAGE + b"%d\n" % number)
    return tmp_path / "in"


def test_import_list_show_export(run, box, tmp_path):
    assert run("import", "alice", box).stdout.startswith("Imported 3 messages")
    assert "3 were here already" in run("import", "alice@example.com", box).stdout
    assert run.json("import", "alice", box, "--again", "--folder", "Old")["imported"] == 3
    lines = run.json("list", "alice", "--folder", "INBOX")
    assert [(one["uid"], one["sender"], one["subject"], one["flags"]) for one in lines] == [
        (uid, "Bob", "Grüße", ["seen"]) for uid in (1, 2, 3)
    ]
    shown = run("list", "alice", "--folder", "INBOX", "--last", 1)
    assert "Grüße" in shown.stdout
    assert "newest 1 of 3" in shown.stderr
    assert "newest" not in run("list", "alice", "--folder", "INBOX", "--last", 0).stderr
    assert run("export", "alice", tmp_path / "out").stdout.startswith("Exported 6 messages")
    files = sorted((tmp_path / "out" / "cur").iterdir())
    assert [file.read_bytes() for file in files] == [MESSAGE + b"%d\n" % number for number in range(3)]
    assert "choose a new directory" in run("export", "alice", tmp_path / "out", code=1).stderr


def test_without_a_folder_the_folders_are_listed_with_counts(run, box):
    run("import", "alice", box)
    run("import", "alice", box, "--again", "--folder", "Archive/2019")
    shown = run("list", "alice")
    assert [line.split() for line in shown.stdout.splitlines()] == [
        ["NAME", "MESSAGES", "UNSEEN", "OCTETS"],
        ["Archive/2019", "3", "0", str(3 * len(MESSAGE + b"0\r\n") + 3 * MESSAGE.count(b"\n"))],
        ["INBOX", "3", "0", str(3 * len(MESSAGE + b"0\r\n") + 3 * MESSAGE.count(b"\n"))],
    ]
    assert "--folder NAME" in shown.stderr
    assert [each["name"] for each in run.json("list", "alice")] == ["Archive/2019", "INBOX"]
    assert run.json("list", "alice")[0]["messages"] == 3


def test_show(run, box):
    run("import", "alice", box)
    assert run("show", "alice", 2).stdout == (
        "From:    Bob <bob@example.com>\nTo:      Friends:, alice@example.com, x@y, ;\nCc:      c@example.com\n"
        "Date:    today\nSubject: Grüße\nPart:    text/plain, 16 octets\n\nHello Alice 1\n"
    )
    assert run("show", "alice", 2, "--raw").stdout_bytes == MESSAGE + b"1\n"
    told = run.json("show", "alice", 2)
    assert told["parts"] == [{"octets": 16, "type": "text/plain"}]
    assert told["message_id"] == "<m@x>"
    assert "no message with UID 9" in run("show", "alice", 9, code=1).stderr
    assert "alice@example.com has: INBOX" in run("show", "alice", 1, "--folder", "None", code=1).stderr
    for beyond in (0, 1 << 32, 1 << 64):
        run("show", "alice", beyond, code=2)


def test_skipped_messages_are_listed_and_told_by_the_exit_code(run, box):
    (box / "cur" / "8.link").symlink_to("/etc/passwd")
    (box / "cur" / "9.empty\x1b[31m").write_bytes(b"")
    result = run("import", "alice", box, "--format", "maildir", code=1)
    assert "Skipped 2:\n  cur/8.link: it is not a regular file" in result.stdout
    assert "\x1b" not in result.stdout
    assert "the message is empty" in result.stdout
    told = run.json("import", "alice", box, code=1)
    assert told["skipped"][0]["key"] == "cur/8.link"


def test_paths_that_do_not_work(run, tmp_path):
    (tmp_path / "nothing").mkdir()
    assert "--format" in run("import", "alice", tmp_path / "nothing", code=1).stderr
    (tmp_path / "file").write_bytes(b"x")
    assert f"{tmp_path}/none: No such file" in run("import", "alice", tmp_path / "none", code=1).stderr
    result = run("import", "alice", tmp_path / "file", "--format", "maildir", code=1)
    assert "Not a directory" in result.stderr
    assert "permissions" in result.stderr


def test_export_as_mbox_tells_what_it_added(run, tmp_path):
    run("deliver", "alice@example.com", data=b"Subject: x\n\nno end")
    assert "INBOX/1 has no line end" in run("export", "alice", tmp_path / "out", "--format", "mbox").stderr
    assert run.json("export", "alice", tmp_path / "again", "--format", "eml")["messages"] == 1


@pytest.mark.parametrize(("name", "text"), [("bob", "no user bob@"), ("a@example.com", "no user a@"), ("a b", "a b@")])
def test_an_account_that_is_not_there(run, name, text):
    assert text in run("list", name, code=1).stderr


def delete(run, uid, policy):
    async def work():
        store = run.engine.memory
        account = await store.account_by_login("alice@example.com")
        inbox = await store.mailbox(account.account_id, "INBOX")
        command = DeleteMessages(
            account.account_id, inbox.mailbox_id, (uid,), policy, 2**31, "Alice's phone", "192.0.2.1"
        )
        await store.execute(command)

    asyncio.run(work())


def test_restore_and_journal(run, box):
    run("import", "alice", box)
    assert "nothing to restore" in run("restore", "alice").stderr
    assert "Nothing was deleted" in run("journal", "alice").stderr
    delete(run, 1, DeletePolicy.HOLD)
    delete(run, 2, DeletePolicy.TRASH)
    assert run.json("list", "alice", "--folder", "INBOX")[0]["uid"] == 3
    lost = run.json("restore", "alice")
    assert [one["where"] for one in lost] == ["INBOX (held)", "Trash"]
    assert "Hello Alice 0" in run("restore", "alice").stdout
    assert run("restore", "alice", "--id", lost[0]["id"]).stdout == "Restored 1 message.\n"
    assert run.json("restore", "alice", "--all") == {"restored": [lost[1]["id"]]}
    assert run("restore", "alice", "--all").stdout == "Restored 0 messages.\n"
    assert len(run.json("list", "alice", "--folder", "INBOX")) == 3
    assert run("restore", "alice", "--id", 1, code=1).stderr
    assert "Alice's phone" in run("journal", "alice").stdout
    assert [one["action"] for one in run.json("journal", "alice", "--last", 1)] == ["trash"]


def test_progress_is_a_line_for_every_thousand_where_nobody_watches(capsys):
    with _counting("Importing") as report:
        for done in range(2001):
            report(done, 0)
    assert capsys.readouterr().err == "Importing: 1000 messages\nImporting: 2000 messages\n"


def test_people_see_a_bar(run, box, monkeypatch):
    totals = []

    @contextmanager
    def bar(label):
        yield lambda done, total: totals.append((done, total))

    monkeypatch.setattr(output, "progress", bar)
    monkeypatch.setattr("gatepost.cli.mail._watched", lambda: True)
    run("import", "alice", box)
    assert totals[-1] == (3, 3)


def test_a_doubt_is_told_by_its_line_and_by_the_exit_code(run, tmp_path):
    (tmp_path / "box").write_bytes(
        b"From a@x Wed Dec  6 09:14:04 2023\nSubject: a\n\ntext\nFrom b@x Wed Dec  6 09:14:04 2023\nmore text\n"
    )
    result = run("import", "alice", tmp_path / "box", code=1)
    assert "Imported 1 message" in result.stdout
    assert "in doubt are 1:\n  box, line 5: it looks like a separator" in result.stdout
    assert run.json("import", "alice", tmp_path / "box", code=1)["doubts"][0]["key"] == "box, line 5"


def test_what_is_compressed_is_found_out_and_other_files_are_named(run, tmp_path):
    (tmp_path / "one").write_bytes(gzip.compress(b"Subject: a\n\ntext\n"))
    assert "Imported 1 message" in run("import", "alice", tmp_path / "one").stdout
    (tmp_path / "two").write_bytes(b"PK\3\4......")
    assert (
        "two is no mail: it is a ZIP archive: unpack it first"
        in run("import", "alice", tmp_path / "two", code=1).stderr
    )
