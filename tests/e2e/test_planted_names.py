"""What whoever took over a process of the service user can plant in the data directory, and root's commands meet."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.server import PATIENCE, Server, installation

OWNER = 4242
KEPT = b"root:x:0:0:root:/root:/bin/bash\n"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, whose commands are concerned")


@pytest.fixture
def server() -> Iterator[Server]:
    """With a store that belongs to the service user, who has no way to where Gatepost is installed."""
    with installation() as server:
        server.write_config(server='user = ""')
        server.data.mkdir()
        os.chown(server.data, OWNER, OWNER)
        server.gatepost("domain", "add", "example.test")
        server.add_user()
        yield server


@pytest.fixture
def kept(server: Server) -> Path:
    """A file of root's; the place beside it that `absent` names stays empty."""
    file = server.directory / "roots-own"
    file.write_bytes(KEPT)
    return file


def plant(server: Server, name: str, target: Path) -> None:
    link = server.data / name
    if link.is_dir():
        shutil.rmtree(link)
    link.unlink(missing_ok=True)
    link.symlink_to(target)
    os.chown(link, OWNER, OWNER, follow_symlinks=False)


def complains(server: Server, *arguments: str) -> str:
    """What the command says, which fails."""
    done = subprocess.run(
        server.command(*arguments), input=b"Subject: x\n\nx\n", capture_output=True, check=False, timeout=PATIENCE
    )
    assert done.returncode != 0
    assert b"Traceback" not in done.stderr
    return done.stderr.decode()


COMMANDS = [
    ("domain", "list"),
    ("mail", "deliver", "alice@example.test"),
    ("user", "list"),
    ("store", "verify"),
    ("store", "backup", "/nonexistent/x"),
]


@pytest.mark.parametrize("name", ["store.lock", "generation", "store.db", "secret"])
def test_a_link_to_a_file_of_roots(server: Server, kept: Path, name: str) -> None:
    plant(server, name, kept)
    command = ("user", "add", "bob@example.test", "--generate") if name == "secret" else ("domain", "list")
    assert f"{server.data / name} is a symbolic link" in complains(server, *command)
    assert kept.read_bytes() == KEPT


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_leaves_a_file_of_roots_alone(server: Server, kept: Path, command: tuple[str, ...]) -> None:
    for name in ("store.lock", "generation", "store.db-wal", "store.db-shm", "last-backup", "server.status"):
        plant(server, name, kept)
    complains(server, *command)
    assert kept.read_bytes() == KEPT
    assert kept.stat().st_uid == 0


def test_a_link_to_where_nothing_is(server: Server) -> None:
    absent = server.directory / "made-by-root"
    plant(server, "last-backup", absent)
    assert "last-backup is a symbolic link" in complains(server, "store", "backup", str(server.directory / "copy"))
    assert not absent.exists()


def test_links_in_place_of_lock_and_socket_while_the_server_runs(server: Server, kept: Path) -> None:
    server.start()
    (server.data / "keeper.sock").unlink()
    plant(server, "store.lock", kept)
    assert "its keeper does not answer" in complains(server, "domain", "list")
    assert kept.read_bytes() == KEPT


def test_keys_go_to_no_other_directory(server: Server) -> None:
    other = server.directory / "other"
    other.mkdir()
    for name in ("ca.pem", "ca.key", "server.pem", "server.key"):
        (other / name).write_bytes(KEPT)
    plant(server, "tls", other)
    assert f"{server.data / 'tls'} is a symbolic link" in complains(server, "serve")
    assert complains(server, "quickstart")
    assert {file.read_bytes() for file in other.iterdir()} == {KEPT}


def test_keys_go_to_no_directory_of_the_owner(server: Server) -> None:
    (server.data / "tls").mkdir()
    os.chown(server.data / "tls", OWNER, OWNER)
    assert f"is a directory of user number {OWNER}" in complains(server, "serve")
    assert list((server.data / "tls").iterdir()) == []


@pytest.mark.parametrize("name", ["secret", "store.lock", "generation", "store.clock", "server.status"])
def test_a_pipe_holds_nobody_up(server: Server, name: str) -> None:
    (server.data / name).unlink(missing_ok=True)
    os.mkfifo(server.data / name)
    os.chown(server.data / name, OWNER, OWNER)
    command = ("serve",) if name in ("secret", "server.status") else ("domain", "list")
    assert f"{server.data / name} is not a regular file" in complains(server, *command)


@pytest.mark.parametrize("ending", ["-wal", "-shm", "-journal"])
def test_a_pipe_beside_the_store_holds_nobody_up(server: Server, ending: str) -> None:
    planted = server.data / f"store.db{ending}"
    planted.unlink(missing_ok=True)
    os.mkfifo(planted)
    os.chown(planted, OWNER, OWNER)
    for command in COMMANDS:
        assert f"{planted} is not a regular file" in complains(server, *command)


@pytest.mark.parametrize("command", [("domain", "list"), ("serve",), ("quickstart",)])
def test_a_link_in_place_of_the_data_directory(server: Server, command: tuple[str, ...]) -> None:
    """Where the folder above is the service user's too, e.g. its home."""
    roots = server.directory / "roots"
    roots.mkdir(mode=0o755)
    server.data.rename(server.directory / "moved")
    server.data.symlink_to(roots)
    os.chown(server.data, OWNER, OWNER, follow_symlinks=False)
    assert "leads to a directory of root's by a symbolic link" in complains(server, *command)
    assert (roots.stat().st_uid, list(roots.iterdir())) == (0, [])


def test_what_a_command_makes_belongs_to_the_owner(server: Server) -> None:
    made = {file.name: file.stat().st_uid for file in server.data.iterdir()}
    assert set(made.values()) == {OWNER}
    assert {"store.db", "store.lock", "secret", "generation"} <= set(made)


def test_what_the_administrator_names_is_opened_as_root(server: Server) -> None:
    """In a folder that the owner of the data may not even enter."""
    own = server.directory / "root-only"
    own.mkdir(mode=0o700)
    (own / "one.eml").write_bytes(b"Subject: one\n\nHello\n")
    (own / "one.eml").chmod(0o600)
    (own / "people.csv").write_text("login\nbob@example.test\n")
    server.gatepost("mail", "import", "alice@example.test", str(own))
    server.gatepost("user", "import", str(own / "people.csv"))
    for form in ("maildir", "mbox", "eml"):
        server.gatepost("mail", "export", "alice@example.test", str(own / form), "--format", form)
    server.gatepost("store", "backup", str(own / "copy"))
    assert (own / "eml" / "INBOX" / "00000001.eml").read_bytes().endswith(b"Hello\n")
    for path in (own / "eml", own / "mbox", own / "maildir", own / "copy"):
        assert path.stat().st_uid == 0
    for file in server.data.glob("store.db*"):
        file.unlink()
    server.gatepost("store", "restore", str(own / "copy"))
    assert (server.data / "store.db").stat().st_uid == OWNER
    assert "one" in server.gatepost("mail", "list", "alice@example.test")
    assert "sound" in server.gatepost("store", "verify")


@pytest.mark.parametrize("form", ["maildir", "mbox", "eml"])
def test_what_the_administrator_names_in_the_data_directory_is_opened_as_the_owner(server: Server, form: str) -> None:
    """Who could lead root anywhere from there."""
    server.deliver(b"Subject: one\n\nHello\n")
    roots = server.directory / "roots"
    roots.mkdir(mode=0o755)
    plant(server, "copies", roots)
    complains(server, "mail", "export", "alice@example.test", str(server.data / "copies" / form), "--format", form)
    complains(server, "store", "backup", str(server.data / "copies" / "copy"))
    assert list(roots.iterdir()) == []
    server.gatepost("mail", "export", "alice@example.test", str(server.data / form), "--format", form)
    server.gatepost("store", "backup", str(server.data / "copy"))
    assert {path.stat().st_uid for path in (server.data / form, server.data / "copy")} == {OWNER}


def test_an_owner_without_a_way_to_the_data_is_named(server: Server) -> None:
    server.directory.chmod(0o700)
    said = complains(server, "domain", "list")
    assert f"it belongs to {OWNER}, who has no way to it" in said


def test_what_an_older_release_left_to_root_is_given_to_the_owner(server: Server) -> None:
    os.chown(server.data / "store.db", 0, 0)
    os.chown(server.data / "store.lock", 0, 0)
    assert "example.test" in server.gatepost("domain", "list")
    assert (server.data / "store.db").stat().st_uid == OWNER
