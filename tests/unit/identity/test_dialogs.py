"""SASL against the directory: client and server of `gatepost.sasl`, and what only the authenticator can refuse."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from msgspec import structs

from gatepost import sasl
from gatepost.identity.api import Challenge, Login, LoginFailedError
from gatepost.identity.authenticator import WRONG
from gatepost.model import Scope
from gatepost.net.api import TlsInfo
from gatepost.sasl.scram import SCRAM_ITERATIONS
from gatepost.sasl.steps import Client, SaslError
from support.door import APP, IMAP_ONLY, PASSWORD, PEER, POP3_ONLY, TLS, Door

BINDING = ("tls-exporter", b"exported")
BOUND_BY = {"SCRAM-SHA-256-PLUS": BINDING}


async def talk(
    door: Door, mechanism: str, client: Client, *, scope: Scope = Scope.POP3, initial: bool = True, tls: TlsInfo = TLS
) -> Login:
    dialog = door.authenticator.start(mechanism, PEER, tls, scope)
    answer = await dialog.respond(client.step(None) if initial else None)
    while isinstance(answer, Challenge):
        answer = await dialog.respond(client.step(answer.data))
    assert client.complete
    return answer


def client(mechanism: str, name: str, password: str) -> Client:
    return sasl.client(mechanism, name, password, "client-nonce", BOUND_BY.get(mechanism))


def certified(identity: str) -> TlsInfo:
    return structs.replace(TLS, client_identity=identity)


PASSWORD_MECHANISMS = ["PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"]


@pytest.mark.parametrize("initial", [True, False])
@pytest.mark.parametrize("mechanism", PASSWORD_MECHANISMS)
@pytest.mark.parametrize(("name", "password"), [("alice/Sent", PASSWORD), ("alice/Sent", APP), ("bob", POP3_ONLY)])
def test_own_client_enters(door: Door, mechanism: str, name: str, password: str, initial: bool) -> None:
    login = asyncio.run(talk(door, mechanism, client(mechanism, name, password), initial=initial))
    assert (login.credential, login.mechanism) == (password, mechanism)
    assert login.folder == ("Sent" if name == "alice/Sent" else "")
    assert door.tally.successes == [("192.0.2.1", login.account.login)]


REFUSED = [
    ("alice", "wrong", "wrong password"),
    ("alice", IMAP_ONLY, "scope"),
    ("carol", PASSWORD, "disabled"),
    ("nobody", PASSWORD, "unknown user"),
    ("bob", PASSWORD, "wrong password"),
    ("no/such@name", PASSWORD, "unknown user"),
]


@pytest.mark.parametrize("mechanism", PASSWORD_MECHANISMS)
@pytest.mark.parametrize(("name", "password", "reason"), REFUSED)
def test_refusals_look_the_same(door: Door, mechanism: str, name: str, password: str, reason: str) -> None:
    with pytest.raises(LoginFailedError) as caught:
        asyncio.run(talk(door, mechanism, client(mechanism, name, password)))
    assert (str(caught.value), caught.value.reason) == (WRONG, reason)
    assert len(door.tally.failures) == 1
    assert not door.tally.successes


def server_first(door: Door, name: str) -> bytes:
    async def run() -> bytes:
        dialog = door.authenticator.start("SCRAM-SHA-256", PEER, TLS, Scope.POP3)
        answer = await dialog.respond(b"n,,n=" + name.encode() + b",r=abc")
        assert isinstance(answer, Challenge)
        return answer.data

    return asyncio.run(run())


def test_strangers_have_a_salt_that_stays_the_same() -> None:
    def salt(message: bytes) -> bytes:
        return message.split(b",")[1]

    doors = [Door(), Door()]
    for name in ("nobody", "Nobody@example.com", "alice", "no/such@name"):
        salts = {salt(server_first(door, name)) for door in doors}
        assert len(salts) == 1
    assert salt(server_first(doors[0], "nobody")) == salt(server_first(doors[1], "NOBODY@example.com"))
    assert salt(server_first(doors[0], "nobody")) != salt(server_first(doors[0], "nobody2"))
    assert len({len(server_first(doors[0], name)) for name in ("alice", "nobody")}) == 1
    for door in doors:
        door.hasher.close()


def test_an_account_that_is_made_keeps_the_salt_that_a_stranger_had(door: Door) -> None:
    before = server_first(door, "alice").split(b",")[1]
    del door.directory.by_id[1]
    assert server_first(door, "alice").split(b",")[1] == before


def test_an_account_without_a_salt_gets_the_one_of_its_name(door: Door) -> None:
    before = server_first(door, "alice").split(b",")[1]
    door.change(1, scram_salt=b"")
    assert server_first(door, "alice").split(b",")[1] == before


def test_every_exchange_has_a_nonce_of_its_own(door: Door) -> None:
    assert len({server_first(door, "alice").split(b",")[0] for _ in range(20)}) == 20
    assert server_first(door, "alice").endswith(f",i={SCRAM_ITERATIONS}".encode())


def test_a_password_changed_during_the_exchange_counts(door: Door) -> None:
    async def run() -> None:
        dialog = door.authenticator.start("SCRAM-SHA-256", PEER, TLS, Scope.POP3)
        me = client("SCRAM-SHA-256", "alice", PASSWORD)
        challenge = await dialog.respond(me.step(None))
        assert isinstance(challenge, Challenge)
        del door.directory.keys[1, PASSWORD]
        with pytest.raises(LoginFailedError):
            await dialog.respond(me.step(challenge.data))

    asyncio.run(run())


def test_scram_waits_like_a_password(door: Door) -> None:
    door.tally.delays["192.0.2.1", "alice@example.com"] = 3
    asyncio.run(talk(door, "SCRAM-SHA-256", client("SCRAM-SHA-256", "alice", PASSWORD)))
    assert door.slept == [3]
    assert not door.hashed


@pytest.mark.parametrize(
    ("authzid", "username", "good"),
    [
        ("", "alice", True),
        ("alice", "alice", True),
        ("Alice@Example.com", "alice", True),
        ("bob", "alice", False),
        ("bob@example.com", "alice@example.com", False),
        ("\u2603", "alice", False),
        ("alice", "\u2603", False),
    ],
)
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_nobody_acts_for_another(door: Door, mechanism: str, authzid: str, username: str, good: bool) -> None:
    first = (
        f"{authzid}\0{username}\0{PASSWORD}"
        if mechanism == "PLAIN"
        else (f"n,{'a=' + authzid if authzid else ''},n={username},r=abc")
    )

    async def run() -> Challenge | Login:
        return await door.authenticator.start(mechanism, PEER, TLS, Scope.POP3).respond(first.encode())

    if good:
        assert asyncio.run(run())
    else:
        with pytest.raises(LoginFailedError) as caught:
            asyncio.run(run())
        assert caught.value.reason == "authzid"
        assert not door.hashed


# -- What is offered ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tls", "names"),
    [
        (None, ("SCRAM-SHA-256", "PLAIN", "LOGIN")),
        (structs.replace(TLS, exporter=b"", server_end_point=b""), ("SCRAM-SHA-256", "PLAIN", "LOGIN")),
        (structs.replace(TLS, exporter=b""), ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN")),
        (certified("alice@example.com"), ("EXTERNAL", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN")),
    ],
)
def test_mechanisms_follow_the_connection(door: Door, tls: TlsInfo | None, names: tuple[str, ...]) -> None:
    assert door.authenticator.mechanisms(tls) == names


@pytest.mark.parametrize("mechanism", ["", "plain", "EXTERNAL", "CRAM-MD5", "APOP"])
def test_other_mechanisms_do_not_start(door: Door, mechanism: str) -> None:
    with pytest.raises(SaslError, match="not offered"):
        door.authenticator.start(mechanism, PEER, TLS, Scope.POP3)


def test_nothing_starts_in_the_clear_but_where_it_is_allowed(door: Door) -> None:
    with pytest.raises(SaslError, match="TLS"):
        door.authenticator.start("PLAIN", PEER, None, Scope.POP3)
    allowed = structs.replace(PEER, cleartext_login=True)
    assert door.authenticator.start("PLAIN", allowed, None, Scope.POP3)
    with pytest.raises(SaslError):
        door.authenticator.start("SCRAM-SHA-256-PLUS", allowed, None, Scope.POP3)


def test_a_binding_of_another_connection_is_refused(door: Door) -> None:
    with pytest.raises(SaslError, match="in between"):
        asyncio.run(
            talk(door, "SCRAM-SHA-256-PLUS", client("SCRAM-SHA-256-PLUS", "alice", PASSWORD),
                 tls=structs.replace(TLS, exporter=b"of the other side"))
        )  # fmt: skip


def test_a_hidden_plus_is_noticed(door: Door) -> None:
    deceived = sasl.client("SCRAM-SHA-256", "alice", PASSWORD, "abc", BINDING)
    with pytest.raises(SaslError, match="hid"):
        asyncio.run(talk(door, "SCRAM-SHA-256", deceived))


# -- EXTERNAL -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("authzid", "folder"), [("", ""), ("alice", ""), ("alice@example.com", ""), ("alice/Archive", "Archive")]
)
def test_a_certificate_enters(door: Door, authzid: str, folder: str) -> None:
    async def run() -> Challenge | Login:
        dialog = door.authenticator.start("EXTERNAL", PEER, certified("Alice@example.com"), Scope.POP3)
        assert await dialog.respond(None) == Challenge(b"")
        return await dialog.respond(authzid.encode())

    login = asyncio.run(run())
    assert isinstance(login, Login)
    assert (login.account.account_id, login.credential_id, login.credential) == (1, 0, "client certificate")
    assert (login.mechanism, login.folder) == ("EXTERNAL", folder)
    asyncio.run(door.authenticator.flush())


@pytest.mark.parametrize(
    ("identity", "authzid", "reason"),
    [
        ("alice@example.com", "bob", "authzid"),
        ("carol@example.com", "", "disabled"),
        ("nobody@example.com", "", "unknown user"),
        ("no address", "", "unknown user"),
    ],
)
def test_a_certificate_of_nobody_does_not_enter(door: Door, identity: str, authzid: str, reason: str) -> None:
    async def run() -> Challenge | Login:
        dialog = door.authenticator.start("EXTERNAL", PEER, certified(identity), Scope.POP3)
        return await dialog.respond(authzid.encode())

    with pytest.raises(LoginFailedError) as caught:
        asyncio.run(run())
    assert caught.value.reason == reason


# -- Aborting (checklist 43) --------------------------------------------------------------------------------


def test_abandoned_and_broken_exchanges_leave_nothing_behind(door: Door) -> None:
    async def run() -> None:
        for _ in range(50):
            dialog = door.authenticator.start("SCRAM-SHA-256", PEER, TLS, Scope.POP3)
            await dialog.respond(b"n,,n=alice,r=abc")
            dialog = door.authenticator.start("PLAIN", PEER, TLS, Scope.POP3)
            with pytest.raises(SaslError):
                await dialog.respond(b"x" * 200_000)
            with pytest.raises(SaslError):
                await dialog.respond(b"\0alice\0" + PASSWORD.encode())

    asyncio.run(run())
    throttle = door.authenticator._throttle
    assert (throttle._present, throttle._turns) == (0, {})
    assert not door.tally.failures
    assert asyncio.run(talk(door, "PLAIN", client("PLAIN", "alice", PASSWORD)))


def begin(door: Door, first: bytes = b"n,,n=alice,r=abc", mechanism: str = "SCRAM-SHA-256") -> Any:
    async def run() -> Any:
        dialog = door.authenticator.start(mechanism, PEER, TLS, Scope.POP3)
        with suppress(SaslError):
            await dialog.respond(first)
        return dialog

    return asyncio.run(run())


def test_a_challenge_that_is_never_answered_is_a_try(door: Door) -> None:
    dialog = begin(door)
    assert dialog.name == "alice@example.com"
    for _ in range(2):
        dialog.give_up()
    assert door.tally.failures == [("192.0.2.1", "alice@example.com", b"")]


def test_an_exchange_counts_once(door: Door) -> None:
    for password in (PASSWORD, "wrong"):

        async def run(password: str = password) -> None:
            dialog = door.authenticator.start("SCRAM-SHA-256", PEER, TLS, Scope.POP3)
            me = client("SCRAM-SHA-256", "alice", password)
            answer = await dialog.respond(me.step(None))
            assert isinstance(answer, Challenge)
            with suppress(LoginFailedError):
                await dialog.respond(me.step(answer.data))
            dialog.give_up()

        asyncio.run(run())
    assert door.tally.failures == [("192.0.2.1", "alice@example.com", b"")]


def test_who_is_refused_gets_no_challenge(door: Door) -> None:
    door.tally.refusals["192.0.2.1"] = 60
    with pytest.raises(LoginFailedError) as caught:
        begin(door)
    assert (caught.value.reason, caught.value.login) == ("refused", "alice@example.com")
    assert door.directory.reads == 0


@pytest.mark.parametrize(
    ("mechanism", "first", "name"),
    [
        ("SCRAM-SHA-256", b"p=tls-unique,,n=eve,r=abc", "eve"),
        ("SCRAM-SHA-256", b"nonsense", ""),
        ("PLAIN", b"\0eve\x1b\0" + b"x" * 2000, "eve\\x1b"),
        ("LOGIN", b"eve", "eve"),
        ("EXTERNAL", b"x" * 5000, ""),
    ],
)
def test_the_name_is_told_as_far_as_it_is_known(door: Door, mechanism: str, first: bytes, name: str) -> None:
    door.authenticator.mechanisms = lambda _: (mechanism,)  # type: ignore[method-assign]
    dialog = begin(door, first, mechanism)
    dialog.give_up()
    assert dialog.name == name
    assert not door.tally.failures
