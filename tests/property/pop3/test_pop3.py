"""What holds for every client, however odd."""

import asyncio
from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from dialogs.house import LOGIN, MAIL, PASSWORD, TLS, House
from gatepost.pop3 import commands as c
from gatepost.pop3.client import Answer, Client, End, Greeting, Part
from gatepost.pop3.framing import stuffed
from gatepost.pop3.parse import command
from gatepost.pop3.replies import RefusedError
from gatepost.sasl.exchange import client as sasl_client

LINES = [
    b"USER alice", b"USER jos\xc3\xa9", b"PASS open sesame", b"PASS x", b"AUTH PLAIN", b"AUTH LOGIN", b"AUTH", b"*",
    b"AGFsaWNlAG9wZW4gc2VzYW1l", b"AUTH PLAIN AGFsaWNlAG9wZW4gc2VzYW1l", b"YWxpY2U=", b"STAT", b"LIST", b"LIST 1",
    b"UIDL", b"UIDL 9", b"RETR 1", b"RETR 2", b"RETR 3", b"DELE 1", b"DELE 2", b"RSET", b"NOOP", b"TOP 1 1", b"TOP 3 0",
    b"CAPA", b"LANG", b"LANG de", b"LANG xx", b"UTF8", b"STLS", b"APOP a b", b"QUIT", b"", b"\xff\x00", b"x" * 300,
    b"x" * 13_000, b"AUTH PLAIN " + b"A" * 400, b"GET / HTTP/1.1", b"EHLO x", b"a LOGIN b c",
]  # fmt: skip
SCRIPT = st.lists(st.sampled_from(LINES) | st.binary(max_size=20), max_size=25).map(b"\r\n".join)
LOGGED_IN = b"USER alice\r\nPASS open sesame\r\n"


def pieces(data: bytes, sizes: Iterable[int]):
    for size in sizes:
        yield data[:size]
        data = data[size:]
    yield data


async def talk(data, service="pop3s", **peer):
    """All that the server says to these octets, given piece by piece, and the house afterwards."""
    house = House(options={"bad_commands": 8})
    session, flow = connection = await house.connect(service, **peer)
    for piece in data:
        if session.wants_tls:
            flow.tls = TLS
            session.secured()
        if piece and not session.finished:
            await house.segment(connection, piece)
    session.closed("end")
    return bytes(flow.out), house


@settings(max_examples=60)
@given(SCRIPT, st.lists(st.integers(1, 40), max_size=30), st.booleans())
def test_how_input_is_cut_changes_nothing(script, sizes, logged_in):
    data = (LOGGED_IN if logged_in else b"") + script + b"\r\n"
    assert asyncio.run(talk(pieces(data, sizes)))[0] == asyncio.run(talk([data]))[0]


SEGMENTS = st.lists(
    st.sampled_from(
        [
            b"STAT\r\n", b"LIST\r\n", b"UIDL\r\n", b"NOOP\r\n", b"RSET\r\n", b"RETR 1\r\n", b"RETR 3\r\n",
            b"RETR 4\r\n", b"DELE 1\r\n", b"DELE 2\r\n", b"RE", b"TR 2\r\n", b"\r\n", b"DELE 2", b"LANG de\r\n",
            b"TOP 1 1\r\n", b"x" * 13_000, b"QUIT\r\n",
        ]
    ),
    max_size=12,
)  # fmt: skip


@settings(max_examples=60)
@given(SEGMENTS)
def test_what_is_answered_at_once_is_answered_as_ever(segments):
    async def told(heard):
        house = House(options={"bad_commands": 8})
        session, flow = connection = await house.log_in()
        for segment in segments:
            if segment and not session.finished:
                await heard(house, connection, segment)
        return bytes(flow.out), session.closed("end")

    assert asyncio.run(told(House.segment)) == asyncio.run(told(House.say))


@settings(max_examples=60)
@given(SCRIPT, st.sampled_from([b"", LOGGED_IN, b"USER alice\r\n", b"AUTH LOGIN\r\n", b"STLS\r\n"]), st.booleans())
def test_any_input_in_any_state_is_answered_or_closes_cleanly(script, state, private):
    """Nothing but answers, nothing left locked, and nothing deleted but by QUIT."""
    said, house = asyncio.run(talk([state, script + b"\r\n"], *([] if private else ["pop3"])))
    assert said.endswith(b"\r\n")
    assert not house.locks.held
    assert house.tally.sessions == 0
    assert not house.store.executed or b"\r\nQUIT" in b"\r\n" + script.upper()


@given(st.binary(max_size=60))
def test_only_documented_exceptions_leave_the_parser(line):
    try:
        value = command(line)
    except RefusedError:
        return
    assert command(c.encode(value)[:-2]) == value


class VirtualWire:
    """Our own client and our own server, joined by nothing but octets."""

    def __init__(self, house):
        self.house = house
        self.client = Client()

    async def connect(self, service="pop3s"):
        self.connection = await self.house.connect(service)
        self.client.receive_data(bytes(self.connection[1].out))
        assert isinstance(self.client.next_event(), Greeting)

    async def exchange(self):
        """Carries octets to and fro until nobody says anything; returns the client's events."""
        events = []
        while data := self.client.data_to_send():
            self.client.receive_data(await self.house.say(self.connection, data))
            while (event := self.client.next_event()) is not None:
                events.append(event)
        return events

    async def ask(self, *commands):
        for each in commands:
            self.client.send(each)
        return await self.exchange()


BODY = st.lists(st.sampled_from([b".", b"..", b"text", b"", b"x" * 100]), max_size=8).map(
    lambda lines: b"Subject: x\r\n\r\n" + b"".join(line + b"\r\n" for line in lines)
)


@settings(max_examples=40)
@given(st.lists(BODY, max_size=5))
def test_our_client_gets_from_our_server_what_is_there(bodies):
    async def story():
        wire = VirtualWire(House(bodies))
        await wire.connect()
        numbers = range(1, len(bodies) + 1)
        events = await wire.ask(c.User(LOGIN), c.Pass(PASSWORD), *map(c.Retr, numbers), *map(c.Dele, numbers), c.Quit())
        assert all(event.status.ok for event in events if isinstance(event, Answer))
        return received(events), await wire.house.store.left()

    got, left = asyncio.run(story())
    assert got == bodies
    assert left == 0


def received(events):
    """The bodies of all RETRs, in order."""
    bodies, body = [], b""
    for event in events:
        match event:
            case Part(data):
                body += data
            case End():
                bodies.append(body)
                body = b""
    return bodies


def test_our_client_logs_in_with_sasl_after_stls():
    async def story():
        wire = VirtualWire(House())
        await wire.connect("pop3")
        (answer,) = await wire.ask(c.Stls())
        assert answer.status.ok
        wire.connection[1].tls = TLS
        wire.connection[0].secured()
        wire.client.secured()
        mechanism = sasl_client("PLAIN", LOGIN, PASSWORD, "nonce")
        (answer,) = await wire.ask(c.Auth("PLAIN", mechanism.step(None)))
        assert answer.status.ok
        events = await wire.ask(c.Uidl(), c.Retr(2))
        assert received(events)[1] == stuffed(MAIL[1]).replace(b"\r\n.", b"\r\n")

    asyncio.run(story())
