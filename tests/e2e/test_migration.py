"""Moves that nobody notices: from Dovecot, from a backup, to a new certificate."""

from __future__ import annotations

import os
import poplib
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from gatepost.net import authority
from support.live import Visitor, inside, letter, person, put, visit
from support.server import LOGIN, PASSWORD, PATIENCE, Lines, Server, free_port, installation

UIDVALIDITY = 0x5F3A9C10
VMAIL = 26214
"""Number of the owner of Dovecot's mail; it needs no name, and Dovecot refuses root."""
DOVECOT = """
base_dir = {place}/run
state_dir = {place}/state
log_path = /dev/stderr
protocols = pop3
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
mail_location = maildir:{place}/Maildir
first_valid_uid = {owner}
passdb {{
  driver = static
  args = nopassword=y
}}
userdb {{
  driver = static
  args = uid={owner} gid={owner} home={place}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {port}
  }}
  inet_listener pop3s {{
    port = 0
  }}
}}
"""


@pytest.fixture
def server() -> Iterator[Server]:
    with installation() as server:
        server.start()
        yield server


def everything(server: Server, login: str) -> dict[str, bytes]:
    """UIDL -> message."""
    with visit(server, login) as visitor:
        found = {uidl: visitor.message(number) for number, uidl in enumerate(visitor.uidls(), 1)}
        assert visitor.quit().startswith(b"+OK")
    return found


def make_maildir(root: Path) -> dict[str, bytes]:
    """As Dovecot leaves it, with `pop3_uidl_format = %08Xu%08Xv` (its default); what its POP3 server showed."""
    shown = {}
    for folder in (root, root / ".Archive"):
        for name in ("cur", "new", "tmp"):
            (folder / name).mkdir(parents=True)
    lines = [f"3 V{UIDVALIDITY} N9 Gdeadbeef"]
    for uid in (2, 3, 5, 8):
        name = f"16000000{uid:02}.M1P{uid}.host,S={len(letter(uid))}"
        flags = "S" if uid < 5 else ""
        (root / "cur" / f"{name}:2,{flags}").write_bytes(letter(uid))
        own = "PimportedFromElsewhere " if uid == 5 else ""
        lines.append(f"{uid} {own}:{name}")
        shown["importedFromElsewhere" if own else f"{uid:08x}{UIDVALIDITY:08x}"] = letter(uid)
    (root / "dovecot-uidlist").write_text("\n".join([*lines, ""]))
    (root / ".Archive" / "cur" / "1500000000.M1P1.host:2,S").write_bytes(letter(99))
    return shown


def test_clients_of_dovecot_see_the_same_messages(server: Server) -> None:
    shown = make_maildir(server.directory / "Maildir")
    person(server, LOGIN)
    told = server.gatepost("mail", "import", LOGIN, str(server.directory / "Maildir"))
    assert "Imported 5 messages" in told
    assert everything(server, LOGIN) == shown
    assert list(everything(server, LOGIN)) == list(shown), "in the old order"
    assert list(everything(server, f"{LOGIN}/Archive").values()) == [letter(99)]
    again = server.gatepost("mail", "import", LOGIN, str(server.directory / "Maildir"))
    assert "Imported 0 messages" in again
    inside(server, lambda store: put(store, LOGIN, letter(100)))
    assert list(everything(server, LOGIN).values()) == [*shown.values(), letter(100)]


@contextmanager
def dovecot(place: Path) -> Iterator[int]:
    """A private instance that serves `place`/Maildir to everybody; its port."""
    port = free_port()
    (place / "dovecot.conf").write_text(DOVECOT.format(place=place, owner=VMAIL, port=port))
    process = subprocess.Popen(["dovecot", "-F", "-c", str(place / "dovecot.conf")], stderr=subprocess.PIPE, text=True)
    log = Lines()
    reader = log.read_from(process.stderr, lambda: None)
    try:
        log.await_line("starting up")
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE)
        reader.join(PATIENCE)


def ask(client: poplib.POP3) -> list[tuple[str, bytes]]:
    """UIDL and message of everything, in order."""
    client.user(LOGIN)
    client.pass_(PASSWORD)
    uidls = [line.split()[1].decode() for line in client.uidl()[1]]
    found = [(uidl, b"\r\n".join(client.retr(number)[1])) for number, uidl in enumerate(uidls, 1)]
    client.quit()
    return found


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("dovecot") is None, reason="needs root and Dovecot (package dovecot-pop3d)"
)
def test_a_real_dovecot_and_gatepost_show_the_same(server: Server) -> None:
    place = server.directory / "dovecot"
    folders = [place, place / "Maildir", *(place / "Maildir" / name for name in ("cur", "new", "tmp"))]
    for folder in folders:
        folder.mkdir()
        os.chown(folder, VMAIL, VMAIL)
    for number in (3, 1, 2):
        file = place / "Maildir" / "new" / f"16000000{number:02}.M1P1.host"
        file.write_bytes(letter(number).replace(b"\r\n", b"\n"))
        os.chown(file, VMAIL, VMAIL)
    with dovecot(place) as port:
        shown = ask(poplib.POP3("127.0.0.1", port, timeout=PATIENCE))
    assert len(shown) == 3
    person(server, LOGIN)
    assert "Imported 3 messages" in server.gatepost("mail", "import", LOGIN, str(place / "Maildir"))
    assert ask(server.pop3s()) == shown


def test_a_backup_made_while_serving_serves_the_same(server: Server) -> None:
    shown = make_maildir(server.directory / "Maildir")
    person(server, LOGIN, [letter(1)])
    server.gatepost("mail", "import", LOGIN, str(server.directory / "Maildir"))
    backup = server.directory / "copy.backup"
    with visit(server, LOGIN) as reading:
        server.gatepost("store", "backup", str(backup))
        assert reading.say("DELE 1").startswith(b"+OK")
        assert reading.quit().startswith(b"+OK")
    inside(server, lambda store: put(store, LOGIN, letter(50)))
    after_it = everything(server, LOGIN)
    server.stop()
    with installation() as second:
        second.gatepost("store", "restore", str(backup))
        assert "sound" in second.gatepost("store", "verify")
        second.start()
        restored = everything(second, LOGIN)
        assert {uidl: restored[uidl] for uidl in shown} == shown
        assert list(restored.values()) == [letter(1), *shown.values()]
        inside(second, lambda store: put(store, LOGIN, letter(51)))
        with_new = everything(second, LOGIN)
        new = set(with_new) - set(restored)
        assert [with_new[uidl] for uidl in new] == [letter(51)]
        assert not new & set(after_it), "a unique-id that was given after the backup never means another message"
        assert second.stop() == 0
        assert "sound" in second.gatepost("store", "verify")


def served_anew(server: Server) -> Visitor:
    """A visitor who trusts the second authority only. An old worker may accept until it has read the word."""
    for _ in range(1000):
        with suppress(ssl.SSLCertVerificationError):
            return Visitor(server.ports["pop3s"], trusting(server, "second"))
    raise AssertionError("the new certificate is not served")


def test_new_certificate_files_are_served_while_old_sessions_go_on(server: Server) -> None:
    person(server, LOGIN, [letter(1)])
    server.stop()
    authority.ensure(server.directory / "first", ["localhost"])
    authority.ensure(server.directory / "second", ["localhost"])
    files = [server.directory / "served.pem", server.directory / "served.key"]
    install(server.directory / "first", files)
    server.write_config(f'[[tls.certificate]]\nfile = "{files[0]}"\nkey = "{files[1]}"\n')
    server.start()
    with Visitor(server.ports["pop3s"], trusting(server, "first")) as old:
        assert old.line().startswith(b"+OK")
        assert old.log_in(LOGIN).startswith(b"+OK")
        install(server.directory / "second", files)
        server.log.await_line("reloaded")
        with served_anew(server) as new:
            assert new.line().startswith(b"+OK")
            assert new.log_in(LOGIN).startswith(b"-ERR [IN-USE]")
            assert old.message(1) == letter(1)
            assert old.say("DELE 1").startswith(b"+OK")
            assert old.quit().startswith(b"+OK")
            assert new.log_in(LOGIN).startswith(b"+OK")
            assert new.say("STAT") == b"+OK 0 0"
            assert new.quit().startswith(b"+OK")
    with pytest.raises(ssl.SSLCertVerificationError):
        Visitor(server.ports["pop3s"], trusting(server, "first"))


def install(directory: Path, files: list[Path]) -> None:
    """Puts a pair in place as renewal programs do: each file in one step."""
    pair = authority.paths(directory).pair
    for source, target in zip((pair.key, pair.file), reversed(files), strict=True):
        partial = target.with_suffix(".new")
        partial.write_bytes(Path(source).read_bytes())
        partial.replace(target)


def trusting(server: Server, name: str) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority.paths(server.directory / name).authority))
