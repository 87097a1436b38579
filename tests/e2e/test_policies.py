"""What an administrator decides holds in every worker: delays, locks, limits, passwords, deletion, doors."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gatepost.identity import admin
from gatepost.model import Account, DeletePolicy, Deletion, Scope
from gatepost.pop3.client import Asked, Client, Greeting
from gatepost.pop3.commands import Auth
from gatepost.sasl.exchange import client as sasl_client
from gatepost.sasl.scram import SCRAM_PLUS, TLS_SERVER_END_POINT
from gatepost.store.api import Store
from gatepost.store.commands import AddAddress, Expire, UpdateAccount
from support.live import Visitor, inside, letter, make_account, person, put, visit
from support.server import PASSWORD, Server, installation

WORKERS = 3
EACH = 8
"""Connections that together reach more than one of the workers, but for a chance of one in thousands."""
CONNECTIONS, FAILURES = 12, 6
PROXY, CLEAR = "127.1.0.1", "127.1.0.2"
"""The load balancer; the client that may log in without TLS."""
LIMITS = f"""
[limits]
allow = ["127.1.1.0/24"]
connections_per_address = {CONNECTIONS}
failures_before_refusal = {FAILURES}
failure_delay = 0.001
failure_delay_most = 0.002
"""
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with installation(workers=WORKERS) as server:
        authority = make_authority(server.directory)
        server.write_config(
            LIMITS,
            pop3s=f'proxy_from = ["{PROXY}/32"]\nclient_ca = "{authority}"',
            pop3=f'cleartext_login_from = ["{CLEAR}/32"]',
        )
        server.start()
        yield server


@pytest.fixture
def login() -> str:
    """Of nobody else."""
    return f"user{next(_numbers)}@example.test"


@pytest.fixture
def source() -> str:
    """An address from which no other test comes."""
    return f"127.2.0.{next(_numbers)}"


def outcomes(server: Server, login: str, password: str, source: str) -> set[bytes]:
    """What `EACH` logins of their own connections are told."""
    told = set()
    for _ in range(EACH):
        with visit(server, source=source) as visitor:
            told.add(visitor.log_in(login, password))
            visitor.quit()
    return told


def workers_of(server: Server, visitors: list[Visitor]) -> set[str]:
    """Which workers served these connections: their ids begin alike."""
    lines = [server.log.await_line(rf"connection=([0-9a-f]+)-\S+ .*\bport={each.port}\b") for each in visitors]
    return {line[1] for line in lines}


# -- Logins -------------------------------------------------------------------------------------------------


def test_a_hard_login_delay_holds_in_every_worker(server: Server, login: str, source: str) -> None:
    person(server, login, login_delay=10_000)
    with visit(server, login, source=source) as visitor:
        visitor.quit()
    for _ in range(EACH):
        with visit(server, source=source) as visitor:
            assert re.match(rb"-ERR \[LOGIN-DELAY\] .* (10000|9\d\d\d) seconds", visitor.log_in(login))


def test_a_soft_login_delay_shows_the_maildrop_as_it_was(server: Server, login: str) -> None:
    person(server, login, [letter(1)], login_delay=10_000, soft_login_delay=True)
    with visit(server, login) as visitor:
        assert visitor.say("STAT").startswith(b"+OK 1 ")
        visitor.quit()
    inside(server, lambda store: put(store, login, letter(2)))
    for _ in range(EACH):
        with visit(server, login) as visitor:
            assert visitor.say("STAT").startswith(b"+OK 1 ")
            visitor.quit()
    inside(server, lambda store: change(store, login, login_delay=0))
    with visit(server, login) as visitor:
        assert visitor.say("STAT").startswith(b"+OK 2 ")
        visitor.quit()


async def change(store: Store, login: str, **settings: object) -> Account:
    account = await store.account_by_login(login)
    assert account
    return await store.execute(UpdateAccount(account.account_id, **settings))  # type: ignore[arg-type]


def test_one_session_at_a_time_across_workers(server: Server, login: str, source: str) -> None:
    person(server, login, [letter(1)])
    tried = []
    with visit(server, login, source=source) as holder:
        for _ in range(EACH):
            with visit(server, source=source) as other:
                assert other.log_in(login).startswith(b"-ERR [IN-USE]")
                other.quit()
                tried.append(other)
        holder.quit()
    assert len(workers_of(server, tried)) > 1
    with visit(server, login) as next_one:
        next_one.quit()


def test_folders_are_maildrops_of_their_own(server: Server, login: str) -> None:
    person(server, login, [letter(1)])
    inside(server, lambda store: put(store, login, letter(2), "Archive"))
    with visit(server, login) as inbox, visit(server, f"{login}/Archive") as archive:
        assert inbox.message(1) == letter(1)
        assert archive.message(1) == letter(2)
        archive.say("DELE 1")
        archive.quit()
        assert inbox.say("STAT").startswith(b"+OK 1 ")
        inbox.quit()


def test_a_new_password_counts_at_once_in_every_worker(server: Server, login: str) -> None:
    source = f"127.1.1.{next(_numbers)}"
    account = person(server, login)
    assert all(told.startswith(b"+OK") for told in outcomes(server, login, PASSWORD, source))
    inside(server, lambda store: admin.set_password(store, account, "a new password"))
    assert all(told.startswith(b"-ERR [AUTH]") for told in outcomes(server, login, PASSWORD, source))
    assert all(told.startswith(b"+OK") for told in outcomes(server, login, "a new password", source))


def test_a_disabled_account_is_shut_at_once_in_every_worker(server: Server, login: str) -> None:
    source = f"127.1.1.{next(_numbers)}"
    person(server, login)
    assert all(told.startswith(b"+OK") for told in outcomes(server, login, PASSWORD, source))
    inside(server, lambda store: change(store, login, enabled=False))
    closed = outcomes(server, login, PASSWORD, source)
    assert closed == outcomes(server, "stranger@example.test", PASSWORD, source), "it looks like any wrong login"
    inside(server, lambda store: change(store, login, enabled=True))
    assert all(told.startswith(b"+OK") for told in outcomes(server, login, PASSWORD, source))


def test_an_app_password_opens_what_it_is_for(server: Server, login: str, source: str) -> None:
    account = person(server, login)

    async def make(store: Store) -> tuple[str, str]:
        phone = await admin.add_app_password(store, account, "Alice's phone", frozenset({Scope.POP3}))
        sender = await admin.add_app_password(store, account, "sender", frozenset({Scope.SMTP}))
        return phone[1], sender[1]

    phone, sender = inside(server, make)
    assert all(told.startswith(b"+OK") for told in outcomes(server, login, phone, source))
    assert all(told.startswith(b"-ERR [AUTH]") for told in outcomes(server, login, sender, source))
    server.log.await_line(rf"""user={login} .*credential="Alice's phone\"""")
    server.log.await_line(rf'user={login} .*reason="?scope')


# -- Limits -------------------------------------------------------------------------------------------------


def test_an_address_has_so_many_connections_and_hears_why(server: Server, source: str) -> None:
    with ExitStack() as stack:
        visitors = [stack.enter_context(visit(server, source=source)) for _ in range(CONNECTIONS)]
        with Visitor(server.ports["pop3s"], server.context(), source=source) as one_more:
            assert re.fullmatch(rb"-ERR \[SYS/TEMP\] .* 12 connections open, .*", one_more.line())
            assert one_more.line() == b""
        with Visitor(server.ports["pop3"], source=source) as in_the_clear:
            assert in_the_clear.line().startswith(b"-ERR [SYS/TEMP] ")
            assert in_the_clear.line() == b""
        visitors[0].quit()
        await_room(server, source)
    assert len(workers_of(server, visitors)) > 1


def await_room(server: Server, source: str) -> None:
    """Tries until it is let in: the server forgets a connection some time after its client."""
    while True:
        with Visitor(server.ports["pop3s"], server.context(), source=source) as visitor:
            line = visitor.line()
            if line.startswith(b"+OK"):
                return
            assert b"connections open" in line


def test_wrong_logins_are_counted_over_all_workers_and_then_refused(server: Server, login: str, source: str) -> None:
    person(server, login)
    tried = []
    for number in range(FAILURES):
        with visit(server, source=source) as visitor:
            answer = visitor.log_in(login, f"guess {number}")
            assert answer.startswith(b"-ERR [AUTH]" if number < FAILURES - 1 else b"-ERR "), answer
            tried.append(visitor)
    assert len(workers_of(server, tried)) > 1
    for _ in range(EACH):
        with Visitor(server.ports["pop3s"], server.context(), source=source) as refused:
            assert refused.line().startswith(b"-ERR [SYS/TEMP] too many failed logins")
            assert refused.line() == b""
    with visit(server, login, source=f"127.2.1.{next(_numbers)}") as elsewhere:
        elsewhere.quit()


def test_the_same_wrong_password_counts_once(server: Server, login: str, source: str) -> None:
    """A phone with an old password locks nobody out."""
    person(server, login)
    for _ in range(3 * FAILURES):
        with visit(server, source=source) as visitor:
            assert visitor.log_in(login, "my old password").startswith(b"-ERR [AUTH]")
    with visit(server, login, source=source) as visitor:
        visitor.quit()


def test_the_allow_list_always_wins(server: Server, login: str) -> None:
    person(server, login)
    source = f"127.1.1.{next(_numbers)}"
    with ExitStack() as stack:
        for number in range(CONNECTIONS + FAILURES):
            visitor = stack.enter_context(visit(server, source=source))
            assert visitor.log_in(login, f"guess {number}").startswith(b"-ERR [AUTH]")
        with visit(server, login, source=source) as visitor:
            visitor.quit()


# -- Deleting -----------------------------------------------------------------------------------------------


def delete(server: Server, login: str, source: str) -> tuple[bytes, str]:
    """The farewell, and the UIDL of what is gone."""
    with visit(server, login, source=source) as visitor:
        uidl = visitor.uidls()[1]
        assert visitor.say("DELE 2").startswith(b"+OK")
        return visitor.quit(), uidl


def journal(server: Server, login: str) -> Deletion:
    async def read(store: Store) -> Deletion:
        account = await store.account_by_login(login)
        assert account
        return (await store.deletions(account.account_id))[0]

    return inside(server, read)


@pytest.mark.parametrize("policy", [DeletePolicy.TRASH, DeletePolicy.HOLD])
def test_what_was_deleted_comes_back_with_its_unique_id(
    server: Server, login: str, source: str, policy: DeletePolicy
) -> None:
    person(server, login, [letter(1), letter(2), letter(3)], delete_policy=policy, hold_days=7)
    farewell, uidl = delete(server, login, source)
    assert (b"Trash" if policy is DeletePolicy.TRASH else b"7 more days") in farewell
    line = journal(server, login)
    assert (line.action, line.uidl, line.credential, line.address) == (policy.value, uidl, "main", source)
    assert "Restored 1 message" in server.gatepost("mail", "restore", login, "--all")
    with visit(server, login) as visitor:
        assert visitor.uidls()[2] == uidl
        assert visitor.message(3) == letter(2)
        visitor.quit()


def test_what_was_purged_is_gone_but_for_the_journal(server: Server, login: str, source: str) -> None:
    person(server, login, [letter(1), letter(2)])
    farewell, uidl = delete(server, login, source)
    assert farewell == b"+OK goodbye; messages deleted: 1"
    assert "Restored 0 messages" in server.gatepost("mail", "restore", login, "--all")
    told = server.gatepost("mail", "journal", login, "--json")
    assert all(f'"{word}"' in told for word in ("purge", uidl, "main", source))


def test_mail_expires(server: Server, login: str) -> None:
    """CAPA tells of it; housekeeping does it; the journal knows."""
    account = person(server, login, expire_days=14)
    now = int(time.time())

    async def work(store: Store) -> None:
        await put(store, login, letter(1))
        await put(store, login, letter(3), "Archive")
        while await store.execute(Expire(now + 15 * 86400)):
            pass
        await put(store, login, letter(2), received=now - 200 * 86400)  # its own date does not count
        while await store.execute(Expire(now + 13 * 86400)):
            pass

    inside(server, work)
    with visit(server, login) as visitor:
        assert b"EXPIRE 14" in visitor.lines("CAPA")
        assert [visitor.message(1)] == [letter(2)]
        assert visitor.say("STAT").startswith(b"+OK 1 ")
        visitor.quit()
    line = journal(server, login)
    assert (line.action, line.account_id, line.credential, line.address) == ("expire", account.account_id, "", "")
    inside(server, lambda store: change(store, login, expire_days=0))


def test_aliases_plus_addresses_and_the_catch_all(server: Server, login: str) -> None:
    async def work(store: Store) -> None:
        account = await make_account(store, login.replace("example", "catch.example"))
        domain = account.login.rpartition("@")[2]
        await store.execute(AddAddress(f"sales@{domain}", account.account_id))
        await store.execute(AddAddress(f"@{domain}", account.account_id))
        local = account.login.partition("@")[0]
        addresses = (account.login, f"sales@{domain}", f"{local}+list@{domain}", f"whoever@{domain}")
        for number, address in enumerate(addresses):
            await put(store, address, letter(number))
        await put(store, f"{local.upper()}@{domain.upper()}", letter(4))

    inside(server, work)
    with visit(server, login.replace("example", "catch.example")) as visitor:
        assert [visitor.message(number + 1) for number in range(5)] == [letter(number) for number in range(5)]
        visitor.quit()


# -- Ways in ------------------------------------------------------------------------------------------------


def make_authority(directory: Path) -> Path:
    """An authority for client certificates; its key stays beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Clients of the tests")])
    certificate = (
        _certificate(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(directory / "clients", certificate, key)
    return directory / "clients.pem"


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )


def _write(path: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    path.with_suffix(".pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.with_suffix(".key").write_bytes(secret)


def client_certificate(directory: Path, login: str) -> tuple[Path, Path]:
    """Signed by the authority; certificate and key."""
    issuer = x509.load_pem_x509_certificate((directory / "clients.pem").read_bytes())
    signer = serialization.load_pem_private_key((directory / "clients.key").read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody")])
    names = x509.SubjectAlternativeName([x509.RFC822Name(login)])
    certificate = (
        _certificate(subject, issuer.subject, key.public_key())
        .add_extension(names, critical=False)
        .sign(signer, hashes.SHA256())
    )
    path = directory / login.partition("@")[0]
    _write(path, certificate, key)
    return path.with_suffix(".pem"), path.with_suffix(".key")


def test_a_client_certificate_opens_the_account_that_it_names(server: Server, login: str) -> None:
    person(server, login, [letter(1)])
    context = server.context()
    context.load_cert_chain(*client_certificate(server.directory, login))
    with Visitor(server.ports["pop3s"], context) as visitor:
        assert visitor.line().startswith(b"+OK")
        assert any(line.startswith(b"SASL EXTERNAL ") for line in visitor.lines("CAPA"))
        assert visitor.say("AUTH EXTERNAL =").startswith(b"+OK")
        assert visitor.message(1) == letter(1)
        visitor.quit()
    server.log.await_line(rf'\bport={visitor.port}\b.*credential="client certificate"')


def test_without_a_certificate_there_is_no_external(server: Server) -> None:
    with visit(server) as visitor:
        assert not any(b"EXTERNAL" in line for line in visitor.lines("CAPA"))
        assert visitor.say("AUTH EXTERNAL =").startswith(b"-ERR")


def test_somebody_elses_authority_opens_nothing(server: Server, login: str) -> None:
    person(server, login)
    other = server.directory / "other"
    other.mkdir(exist_ok=True)
    make_authority(other)
    context = server.context()
    context.load_cert_chain(*client_certificate(other, login))
    with suppress(ssl.SSLError), Visitor(server.ports["pop3s"], context) as visitor:  # its alert may come at once
        assert visitor.line() == b""


def test_scram_plus_binds_our_own_client_to_the_channel(server: Server, login: str) -> None:
    person(server, login, [letter(1)])
    told = []
    for binding in (b"", b"another server's certificate"):
        with Visitor(server.ports["pop3s"], server.context()) as visitor:
            assert isinstance(visitor.sock, ssl.SSLSocket)
            shown = hashlib.sha256(visitor.sock.getpeercert(binary_form=True) or b"").digest()
            told.append(scram(visitor, login, binding or shown))
    assert told == [True, False]


def scram(visitor: Visitor, login: str, binding: bytes) -> bool:
    """Whether the login succeeds, and the server proved that it knows the password."""
    protocol, exchange = Client(), sasl_client(SCRAM_PLUS, login, PASSWORD, "n" * 24, (TLS_SERVER_END_POINT, binding))
    while True:
        while (event := protocol.next_event()) is None:
            protocol.receive_data(visitor.sock.recv(1 << 16))
        match event:
            case Greeting():
                protocol.send(Auth(SCRAM_PLUS, exchange.step(None)))
            case Asked(data):
                protocol.respond(exchange.step(data))
            case _:
                assert exchange.complete or not event.status.ok  # type: ignore[union-attr]
                return bool(event.status.ok)  # type: ignore[union-attr]
        visitor.send(protocol.data_to_send())


def test_the_balancer_tells_whom_it_speaks_for(server: Server, login: str, source: str) -> None:
    person(server, login)
    context = server.context()
    header = b"PROXY TCP4 192.0.2.55 192.0.2.1 40000 995\r\n"
    with Visitor(server.ports["pop3s"], context, source=PROXY, first=header) as visitor:
        assert visitor.line().startswith(b"+OK")
        assert visitor.log_in(login).startswith(b"+OK")
        visitor.quit()
    server.log.await_line(rf"address=192\.0\.2\.55 port=40000 .*proxy={PROXY} .*user={login}")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        Visitor(server.ports["pop3s"], context, source=source, first=header)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        Visitor(server.ports["pop3s"], context, source=PROXY)


def test_clients_behind_the_balancer_are_limited_one_by_one(server: Server, login: str) -> None:
    person(server, login)
    header = b"PROXY TCP4 192.0.2.%d 192.0.2.1 40001 995\r\n"
    for number in range(FAILURES + 1):
        with Visitor(server.ports["pop3s"], server.context(), source=PROXY, first=header % 66) as visitor:
            last = visitor.line()
            if last.startswith(b"+OK"):
                visitor.log_in("stranger@example.test", f"guess {number}")
    assert last.startswith(b"-ERR [SYS/TEMP] too many failed logins")
    with Visitor(server.ports["pop3s"], server.context(), source=PROXY, first=header % 67) as other:
        assert other.line().startswith(b"+OK")


def test_a_network_may_log_in_without_encryption_if_it_is_named(server: Server, login: str, source: str) -> None:
    person(server, login)
    with Visitor(server.ports["pop3"], source=CLEAR) as trusted:
        assert trusted.line().startswith(b"+OK")
        assert trusted.log_in(login).startswith(b"+OK")
        trusted.quit()
    with Visitor(server.ports["pop3"], source=source) as stranger:
        assert stranger.line().startswith(b"+OK")
        assert b"not encrypted" in stranger.log_in(login)


# -- Doors --------------------------------------------------------------------------------------------------


def test_tls_at_once_on_the_starttls_port_is_simply_served(server: Server, login: str) -> None:
    person(server, login)
    with Visitor(server.ports["pop3"], server.context()) as visitor:
        assert visitor.line().startswith(b"+OK")
        assert visitor.log_in(login).startswith(b"+OK")
        visitor.quit()
    server.log.await_line(rf"pop3: .*\bport={visitor.port}\b.*tls=TLSv1\.3.*user={login}")


@pytest.mark.parametrize("first", [b"CAPA\r\n", b""], ids=["speaks", "waits"])
def test_the_wrong_door_is_explained(server: Server, first: bytes, source: str) -> None:
    with Visitor(server.ports["pop3s"], source=source, first=first) as visitor:
        line = visitor.line()
        assert line.startswith(b"-ERR this port speaks TLS from the first byte: choose SSL/TLS")
        assert b"port %d" % server.ports["pop3s"] in line
        assert visitor.line() == b""
    server.log.await_line(rf'\bport={visitor.port}\b.*outcome="wrong door"')


@pytest.mark.parametrize(("service", "resumes"), [("pop3", True), ("pop3s", False)])
def test_tickets_resume_in_every_worker(server: Server, source: str, service: str, *, resumes: bool) -> None:
    """But not where client certificates log in: a session would go on to vouch for one that has expired."""
    context = server.context()
    ticket: ssl.SSLSession | None = None
    resumed = []
    for _ in range(EACH):
        sock = socket.create_connection(("127.0.0.1", server.ports[service]), 60, source_address=(source, 0))
        with Visitor(0, sock=context.wrap_socket(sock, server_hostname="localhost", session=ticket)) as visitor:
            assert visitor.line().startswith(b"+OK")
            assert isinstance(visitor.sock, ssl.SSLSocket)
            assert visitor.sock.session_reused == (resumes and ticket is not None)
            ticket = ticket or visitor.sock.session
            visitor.quit()
            resumed.append(visitor)
    assert len(workers_of(server, resumed)) > 1
    server.log.await_line(rf"\bport={resumed[-1].port}\b.*resumed={'yes' if resumes else 'no'}")


def test_sessions_overlap_in_snapshot_mode(login: str) -> None:
    with installation(config='[pop3]\nmaildrop = "snapshot"\n') as server:
        server.start()
        person(server, login, [letter(1), letter(2)])
        with ExitStack() as stack:
            first, *others = [stack.enter_context(visit(server, login)) for _ in range(EACH)]
            assert first.say("DELE 1").startswith(b"+OK")
            assert first.quit() == b"+OK goodbye; messages deleted: 1"
            for other in others:
                assert other.message(1) == letter(1), "its snapshot stays readable"
                assert other.say("DELE 1").startswith(b"+OK")
                assert other.quit() == b"+OK goodbye"
        assert len(workers_of(server, [first, *others])) > 1
        with visit(server, login) as visitor:
            assert visitor.message(1) == letter(2)
            visitor.quit()


def test_plain_as_programs_send_it(server: Server, login: str) -> None:
    person(server, login)
    initial = base64.b64encode(b"\0".join((b"", login.encode(), PASSWORD.encode()))).decode()
    with visit(server) as visitor:
        assert visitor.say(f"AUTH PLAIN {initial}").startswith(b"+OK")
        visitor.quit()
