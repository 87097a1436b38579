"""Everything a POP3 session needs, in memory: for dialogs, unit tests and properties.

The account is alice@example.com with the password `open sesame`; its mail is `MAIL` unless told otherwise.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field

from msgspec import structs

from gatepost.config.settings import Pop3
from gatepost.errors import PeerError
from gatepost.identity.api import Challenge, Login, LoginFailedError
from gatepost.mime.downgrade import ascii_size
from gatepost.mime.wire import missing_end
from gatepost.model import CHUNK, INBOX, Account
from gatepost.net.api import Peer, TlsInfo
from gatepost.pop3.grammar import header_end
from gatepost.pop3.services import Pop3Services
from gatepost.pop3.session import Pop3Session
from gatepost.ports import BY_NAME
from gatepost.store.commands import (
    CreateAccount,
    CreateDomain,
    DeleteMessages,
    Deliver,
    Inline,
    NewEmail,
    StageChunk,
    Staged,
    Target,
    UpdateAccount,
)
from gatepost.store.memory import MemoryStore

PASSWORD = "open sesame"
LOGIN = "alice@example.com"

PLAIN = b"From: bob@example.com\r\nSubject: one\r\n\r\nHello Alice,\r\nhere is the first.\r\n"
DOTS = b"Subject: dots\r\n\r\n.\r\n..two\r\nlast.\r\n.end"
EIGHT_BIT = "From: Bob <bob@example.com>\r\nSubject: Grüße\r\n\r\nSchöne Grüße\r\n".encode()
MAIL = (PLAIN, DOTS, EIGHT_BIT)

TLS = TlsInfo(
    "TLSv1.3", "TLS_AES_128_GCM_SHA256", "mail.example.com", resumed=False, server_end_point=b"", exporter=b""
)


class HouseStore:
    """The memory store, with Alice in it, and with faults: `failures` are raised by the next calls of `execute`,
    `chunk_failures` by `chunk`, for a message (counted from 1) and the chunk's number.
    """

    def __init__(self, clock):
        self._store = MemoryStore(clock)
        self.account = Account(0, "")
        self.executed: list[DeleteMessages] = []
        self.failures: list[Exception] = []
        self.chunk_failures: dict[tuple[int, int], Exception] = {}
        self._blobs: list[int] = []

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def furnish(self, settings, mail):
        await self._store.execute(CreateDomain("example.com"))
        self.account = await self._store.execute(CreateAccount(LOGIN, b"salt"))
        await self.update(**settings)
        for body in mail:
            await self.deliver(body)
        await self.deliver(PLAIN, "Archive")

    async def update(self, **settings):
        self.account = await self._store.execute(UpdateAccount(self.account.account_id, **settings))

    async def deliver(self, body, mailbox=INBOX):
        account_id = self.account.account_id
        end = header_end(body)
        header = body[:end] if end >= 0 else body
        email = NewEmail(
            await self._put(body),
            int(1e9),
            len(header),
            b"",
            ascii_size=ascii_size(header, len(body), ended=not missing_end(body[-2:])),
            missing_end=missing_end(body[-2:]),
        )
        (place,) = await self._store.execute(Deliver(email, (Target(account_id, mailbox),)))
        self._blobs.append((await self._store.email(account_id, place.email_id)).blob_id)

    async def _put(self, body):
        if len(body) <= CHUNK:
            return Inline(body)
        for number, start in enumerate(range(0, len(body), CHUNK)):
            await self._store.execute(StageChunk(len(body), number, body[start : start + CHUNK]))
        return Staged(len(body), hashlib.sha256(body).digest(), len(body))

    async def left(self):
        """How many messages INBOX has now."""
        return len((await self._store.maildrop(self.account.account_id, INBOX)).uids)

    def at_hand(self, blob_id):
        return None if (self._blobs.index(blob_id) + 1, 0) in self.chunk_failures else self._store.at_hand(blob_id)

    async def chunk(self, blob_id, number):
        if failure := self.chunk_failures.get((self._blobs.index(blob_id) + 1, number)):
            raise failure
        return await self._store.chunk(blob_id, number)

    async def execute(self, command):
        self.executed.append(command)
        if self.failures:
            raise self.failures.pop(0)
        return await self._store.execute(command)


@dataclass
class StubDialog:
    """PLAIN, or LOGIN in two steps."""

    authenticator: StubAuthenticator
    mechanism: str
    peer: Peer
    said: list[bytes] = field(default_factory=list)

    name = "somebody"

    def give_up(self):
        self.authenticator.house.given_up.append(self.mechanism)

    async def respond(self, data):
        if data is None:
            return Challenge(b"" if self.mechanism == "PLAIN" else b"User Name")
        self.said.append(data)
        if self.mechanism == "LOGIN" and len(self.said) < 2:
            return Challenge(b"Password")
        parts = self.said if self.mechanism == "LOGIN" else data.split(b"\0")[1:]
        if len(parts) != 2:
            raise PeerError("the message is not of the form that PLAIN asks for")
        name, password = (part.decode("utf-8", "replace") for part in parts)
        return await self.authenticator.password(name, password, self.peer, None, self.mechanism)


@dataclass
class StubAuthenticator:
    """Knows Alice; failures of others are noted in the tally, as the real one does."""

    house: House
    remembers: bool = True
    """Whether `known` lets her in, so that nobody has to wait."""

    def mechanisms(self, tls):
        return ("PLAIN", "LOGIN")

    def _right(self, login, password):
        return login in (LOGIN, "alice", "jürgen@example.com") and password == PASSWORD

    def known(self, name, password, peer, scope, mechanism):
        login, _, folder = name.partition("/")
        if self.house.login_failure or not self.remembers or not self._right(login, password):
            return None
        return Login(self.house.store.account, 9, "Alice's phone", mechanism, folder)

    async def password(self, name, password, peer, scope, mechanism):
        house = self.house
        if house.login_failure:
            raise house.login_failure
        login, _, folder = name.partition("/")
        if not self._right(login, password):
            digest = hashlib.sha256(password.encode()).digest()
            house.tally.failure(peer.address, login, digest, house.now)
            reason = "wrong password" if login == LOGIN else "unknown user"
            raise LoginFailedError("name or password is wrong", reason, login)
        account = await house.store.account_by_login(LOGIN)
        return Login(account, 9, "Alice's phone", mechanism, folder)

    def start(self, mechanism, peer, tls, scope):
        return StubDialog(self, mechanism, peer)


@dataclass
class StubTally:
    sessions: int = 0
    most: int = 20
    seen: tuple[float, int] = (0.0, 0)
    failed: set[bytes] = field(default_factory=set)
    most_failures: int = 20

    def enter(self, account_id):
        if self.sessions >= self.most:
            return False
        self.sessions += 1
        return True

    def leave(self, account_id):
        self.sessions -= 1

    def refusal(self, address, now, login=""):
        return 60.0 if len(self.failed) >= self.most_failures else 0.0

    def known(self, address, login, now):
        return False

    def delay(self, address, login, now):
        return 0.0

    def success(self, address, login, now):
        self.failed.clear()

    def failure(self, address, login, secret_digest, now):
        self.failed.add(secret_digest)

    def last_login(self, account_id):
        return self.seen

    def note_login(self, account_id, now, uidnext):
        self.seen = (now, uidnext)


@dataclass
class StubLocks:
    held: set[int] = field(default_factory=set)

    def acquire(self, mailbox_id):
        if mailbox_id in self.held:
            return False
        self.held.add(mailbox_id)
        return True

    def release(self, mailbox_id):
        self.held.discard(mailbox_id)


async def handled(session):
    """Lets the session answer what its machine has received, as the driver does."""
    if (work := session.advance()) is not None:
        await work


async def segment(session, flow, data):
    """Lets the session answer these octets as they come, as the driver does when there is nothing else to be done."""
    answer = session.answer(data)
    if answer is None:
        await handled(session)
        flow.collect()
    flow.out += answer or b""


class StubFlow:
    """Takes the machine's output as the driver would; `flushed` counts the writes."""

    def __init__(self, tls=TLS):
        self.tls = tls
        self.session = None
        self.out = bytearray()
        self.flushed = []
        self.gone = False
        self.patience = None
        self.asked = 0

    @property
    def spent(self):
        """Whether the session has asked `patience` times since it was last flushed; None: as often as it likes."""
        self.asked += 1
        return self.patience is not None and self.asked >= self.patience

    def collect(self):
        data = self.session.machine.data_to_send()
        self.out += data
        return data

    async def flush(self):
        if self.gone:
            raise ConnectionResetError("gone")
        self.asked = 0
        self.flushed.append(len(self.collect()))


class House:
    """A world of one account, with a clock that stands still unless it is moved."""

    def __init__(self, mail=MAIL, *, account=None, options=None, trace=None):
        self.now = 1_800_000_000.0
        self.pauses = []
        self.traced = []
        self.login_failure = None
        self.given_up = []
        self.store = HouseStore(lambda: self.now)
        self._plan = (account or {}, mail)
        self.tally = StubTally()
        self.locks = StubLocks()
        self.services = Pop3Services(
            store=self.store,
            authenticator=StubAuthenticator(self),
            tally=self.tally,
            locks=self.locks,
            options=Pop3(**(options or {})),
            clock=lambda: self.now,
            pause=self.pause,
            trace=(lambda _peer, login, line: self.traced.append((login, line))) if trace else None,
        )

    async def pause(self, seconds):
        self.pauses.append(seconds)
        self.now += seconds

    def peer(self, service="pop3s", **changes):
        row = BY_NAME[service]
        return structs.replace(Peer("192.0.2.7", 50000, row.name, row.tls, "c0ffee"), **changes)

    async def open(self):
        """Puts Alice and her mail into the store; once."""
        plan, self._plan = self._plan, None
        if plan:
            await self.store.furnish(*plan)

    async def connect(self, service="pop3s", **changes):
        """An open session, greeted, with its flow."""
        await self.open()
        session = self.services.session(self.peer(service, **changes))
        assert isinstance(session, Pop3Session)
        flow = StubFlow(TLS if service == "pop3s" else None)
        flow.session = session
        session.opened(flow)
        flow.collect()
        return session, flow

    async def say(self, connection, data):
        """Sends octets; returns what the server says."""
        session, flow = connection
        before = len(flow.out)
        session.machine.receive_data(data)
        await handled(session)
        flow.collect()
        return bytes(flow.out[before:])

    async def segment(self, connection, data):
        """The same for octets that arrive together, while there is nothing else to be done: as the driver does."""
        session, flow = connection
        before = len(flow.out)
        await segment(session, flow, data)
        return bytes(flow.out[before:])

    async def log_in(self, **kwargs):
        connection = await self.connect(**kwargs)
        answer = await self.say(connection, f"USER {LOGIN}\r\nPASS {PASSWORD}\r\n".encode())
        assert answer.count(b"+OK") == 2, answer
        return connection


def play(story, house=None):
    """Runs `story(house)`; returns the house, to see what became of it."""
    house = house or House()
    asyncio.run(story(house))
    return house
