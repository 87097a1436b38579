"""POP3 with the real authenticator: each mechanism opens the maildrop, and each refusal sounds the same."""

import asyncio

import pytest
from msgspec import structs

from dialogs.house import LOGIN, PASSWORD, TLS, House
from gatepost.config.settings import Settings
from gatepost.identity import admin
from gatepost.identity.authenticator import StoreAuthenticator
from gatepost.identity.hasher import Hasher
from gatepost.pop3 import commands as c
from gatepost.pop3.client import Answer, Asked, Client, Greeting
from gatepost.pop3.services import Pop3Services
from gatepost.sasl.exchange import client as sasl_client

SECRET = b"s" * 32


@pytest.fixture
def hasher():
    made = Hasher(1)
    yield made
    made.close()


async def real_house(hasher):
    """A house whose door is guarded by the real authenticator."""
    house = House(())
    await house.open()
    settings = Settings()
    await admin.create_account(house.store, settings, SECRET, "bob@example.com", PASSWORD)
    account, _ = await admin.create_account(house.store, settings, SECRET, "carol@example.com", PASSWORD)
    await house.store.execute(admin.UpdateAccount(account.account_id, enabled=False))
    known = {name: getattr(house.services, name) for name in ("store", "locks", "options", "clock", "pause")}
    authenticator = StoreAuthenticator(house.store, house.tally, settings, SECRET, hasher, lambda: house.now)
    house.services = Pop3Services(**known, authenticator=authenticator, tally=house.tally)
    return house


async def connect(house, tls=TLS):
    _, flow = connection = await house.connect()
    flow.tls = tls
    client = Client()
    client.receive_data(bytes(flow.out))
    assert isinstance(client.next_event(), Greeting)
    return client, connection


async def step(house, client, connection):
    client.receive_data(await house.say(connection, client.data_to_send()))
    return client.next_event()


BOUND = structs.replace(TLS, server_end_point=b"e" * 32)


@pytest.mark.parametrize("initial", [True, False], ids=["initial response", "without"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"])
def test_each_mechanism_opens_the_maildrop(hasher, mechanism, initial):
    async def story():
        house = await real_house(hasher)
        plus = mechanism.endswith("-PLUS")
        client, connection = await connect(house, BOUND if plus else TLS)
        binding = ("tls-server-end-point", BOUND.server_end_point) if plus else None
        sasl = sasl_client(mechanism, "bob@example.com", PASSWORD, "nonce", binding)
        client.send(c.Auth(mechanism, sasl.step(None) if initial else None))
        event = await step(house, client, connection)
        while isinstance(event, Asked):
            client.respond(sasl.step(event.data))
            event = await step(house, client, connection)
        assert event.status.ok
        assert sasl.complete
        fields = connection[0].closed("x")
        assert (fields["user"], fields["mechanism"]) == ("bob@example.com", mechanism)

    asyncio.run(story())


def test_all_refusals_sound_the_same(hasher):
    async def story():
        house = await real_house(hasher)
        said = set()
        for name, password in [
            ("nobody@example.com", PASSWORD), ("bob@example.com", "wrong"), ("carol@example.com", PASSWORD),
            ("nobody@elsewhere.example", PASSWORD), (LOGIN, PASSWORD),
        ]:  # fmt: skip
            client, connection = await connect(house)
            client.send(c.User(name))
            client.send(c.Pass(password))
            assert isinstance(await step(house, client, connection), Answer)
            said.add(client.next_event().status)
            connection[0].closed("x")
        (status,) = said
        assert (status.ok, status.code) == (False, "AUTH")

    asyncio.run(story())


def test_a_wrong_channel_binding_leaves_user_and_reason_in_the_log(hasher):
    async def story():
        house = await real_house(hasher)
        client, connection = await connect(house, BOUND)
        binding = ("tls-server-end-point", b"of somebody in between")
        exchange = sasl_client("SCRAM-SHA-256-PLUS", "bob", PASSWORD, "abc", binding)
        client.send(c.Auth("SCRAM-SHA-256-PLUS", exchange.step(None)))
        challenge = await step(house, client, connection)
        client.send(c.Response(exchange.step(challenge.data)))
        assert not (await step(house, client, connection)).status.ok
        fields = connection[0].closed("x")
        assert (fields["user"], fields["mechanism"]) == ("bob@example.com", "SCRAM-SHA-256-PLUS")
        assert "somebody may be in between" in fields["reason"]
        assert len(house.tally.failed) == 1

    asyncio.run(story())


def test_a_certificate_that_opens_no_account_is_told_so_and_nothing_of_passwords(hasher):
    async def story():
        house = await real_house(hasher)
        said = set()
        for identity in ("carol@example.com", "nobody@example.com"):
            client, connection = await connect(house, structs.replace(TLS, client_identity=identity))
            client.send(c.Auth("EXTERNAL", b""))
            said.add((await step(house, client, connection)).status)
        (status,) = said
        assert (status.ok, status.code) == (False, "AUTH")
        assert status.text.startswith("your certificate opens no account here")

    asyncio.run(story())
