"""The driver, for real on loopback: doors, STARTTLS, time, back-pressure, goodbye."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from math import ceil
from types import SimpleNamespace
from typing import Any

import pytest

from gatepost.config.settings import Limits
from gatepost.errors import MisuseError
from gatepost.net.api import Insider, Peer
from gatepost.net.doors import ACCESS_DENIED, DECODE_ERROR, NO_APPLICATION_PROTOCOL, Words
from gatepost.net.entrance import Entrance
from gatepost.net.hub import BURST_SECONDS, COURTESY
from gatepost.net.loop import run as run_loop
from gatepost.net.proxy import SIGNATURE
from gatepost.net.timing import Timing
from gatepost.net.turns import BURST, SLICE
from gatepost.ports import BY_NAME, Listener
from support.echo import (
    WORDS,
    Client,
    Clock,
    EchoMachine,
    EchoSession,
    OpenTally,
    Server,
    client_context,
    serving,
    until,
)


def run(work: Awaitable[None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(15):
            await work

    run_loop(bounded())


class TestImplicitTls:
    def test_a_whole_session_and_its_record(self) -> None:
        async def work() -> None:
            async with serving() as server:
                client = await Client.tls(server.port)
                assert await client.line() == b"+OK hello TLSv1.3\r\n"
                assert await client.ask(b"ECHO one") == b"+OK one\r\n"
                client.send(b"ECHO two\r\nECHO three\r\n")
                assert (await client.line(), await client.line()) == (b"+OK two\r\n", b"+OK three\r\n")
                server.clock.value += 3
                assert await client.ask(b"QUIT") == b"+OK bye\r\n"
                assert await client.rest() == b""
                await client.close()
                record = await server.record()
                await server.nobody()
            port = record.pop("port")
            assert isinstance(port, int)
            assert list(record) == [
                "connection", "service", "address", "tls", "cipher", "resumed", "seconds", "commands", "outcome",
                "reason",
            ]  # fmt: skip
            assert record["service"] == "pop3s"
            assert record["address"] == "127.0.0.1"
            assert record["tls"] == "TLSv1.3"
            assert record["seconds"] == 3.0
            assert record["commands"] == 4
            assert record["outcome"] == "done"
            assert server.by_service == ["+pop3s", "-pop3s"]
            assert server.tally.open == []

        run(work())

    def test_tls_1_2_and_a_command_in_many_records(self) -> None:
        async def work() -> None:
            async with serving() as server:
                client = await Client.tls(server.port, client_context(maximum_version=ssl.TLSVersion.TLSv1_2))
                assert await client.line() == b"+OK hello TLSv1.2\r\n"
                for octet in b"ECHO a\r\n":
                    client.send(bytes((octet,)))
                assert await client.line() == b"+OK a\r\n"
                await client.close()
                assert (await server.record())["outcome"] == "closed by client"

        run(work())

    @pytest.mark.parametrize("service", ["pop3s", "lmtp"])
    def test_large_answers_and_large_questions(self, service: str) -> None:
        async def work() -> None:
            async with serving(service) as server:
                client = await (Client.tls if service == "pop3s" else Client.plain)(server.port)
                await client.line()
                client.send(b"BIG 1000000\r\n")
                assert len(await client.reader.readexactly(1_000_002)) == 1_000_002
                payload = b"ECHO " + b"y" * 60_000 + b"\r\n"
                client.send(payload)
                assert await client.line() == b"+OK " + payload[5:]
                await client.close()

        run(work())

    @pytest.mark.parametrize("said", [b"USER alice\r\n", b"GET / HTTP/1.0\r\n\r\n", b"\x80"])
    def test_plaintext_at_the_tls_door_is_told_so(self, said: bytes) -> None:
        async def work() -> None:
            async with serving() as server:
                client = await Client.plain(server.port)
                client.send(said)
                assert await client.rest() == b"-ERR port pop3s speaks TLS from the first byte\r\n"
                await client.close()
                record = await server.record()
                assert record["outcome"] == "wrong door"
                assert "spoke first" in str(record["reason"])
                await server.nobody()

        run(work())

    def test_silence_at_the_tls_door_is_told_so(self) -> None:
        async def work() -> None:
            async with serving() as server:
                client = await Client.plain(server.port)
                await until(lambda: bool(len(server.hub)))
                await turns()
                server.advance(4.9)
                assert not server.records
                server.advance(0.2)
                assert await client.rest() == b"-ERR port pop3s speaks TLS from the first byte\r\n"
                assert "waited for a greeting" in str((await server.record())["reason"])
                await client.close()
                await server.nobody()

        run(work())

    def test_the_client_goes_before_it_has_said_anything(self) -> None:
        async def work() -> None:
            async with serving() as server:
                client = await Client.plain(server.port)
                await client.close()
                assert (await server.record())["outcome"] == "closed by client"
                await server.nobody()

        run(work())

    @pytest.mark.parametrize(
        ("sent", "answer"),
        [(b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", DECODE_ERROR), (b"\x16\x03\x01\x00\x01\x01GET /", DECODE_ERROR)],
    )
    def test_something_like_tls(self, sent: bytes, answer: bytes) -> None:
        async def work() -> None:
            async with serving() as server:
                client = await Client.plain(server.port)
                client.send(sent)
                assert await client.rest() == answer
                await client.close()
                assert (await server.record())["outcome"] == "no TLS"

        run(work())

    def test_a_client_that_does_not_trust_us_is_named(self) -> None:
        async def work() -> None:
            async with serving() as server:
                with pytest.raises(ssl.SSLCertVerificationError):
                    await asyncio.to_thread(untrusting, server.port)
                record = await server.record()
                assert record["outcome"] == "no TLS"
                assert "the client does not trust our certificate" in str(record["reason"])
                with pytest.raises(ssl.SSLCertVerificationError):  # this one goes without a word
                    await Client.tls(server.port, ssl.create_default_context())
                record = await server.record(2)
                assert record["outcome"] == "no TLS"
                assert "broke the TLS handshake off" in str(record["reason"])

        run(work())

    def test_a_client_from_another_age_is_named(self) -> None:
        async def work() -> None:
            async with serving() as server:
                old = client_context(maximum_version=ssl.TLSVersion.TLSv1_2)
                old.set_ciphers("AES128-SHA256:@SECLEVEL=0")
                with pytest.raises(ssl.SSLError):
                    await Client.tls(server.port, old)
                assert "too old" in str((await server.record())["reason"])

        run(work())

    def test_cross_protocol_clients_are_turned_away(self) -> None:
        async def work() -> None:
            async with serving() as server:
                browser = client_context()
                browser.set_alpn_protocols(["h2", "http/1.1"])
                with pytest.raises(ssl.SSLError, match="no application protocol"):
                    await Client.tls(server.port, browser)
                assert (await server.record())["outcome"] == "wrong door"
                assert NO_APPLICATION_PROTOCOL[-1] == 120
                mail = client_context()
                mail.set_alpn_protocols(["imap", "pop3"])
                client = await Client.tls(server.port, mail)
                assert await client.line() == b"+OK hello TLSv1.3\r\n"
                await client.close()

        run(work())

    def test_a_protocol_without_alpn_names_takes_everybody(self) -> None:
        async def work() -> None:
            async with serving(words=Words(WORDS.refusal, WORDS.wrong_door)) as server:
                context = client_context()
                context.set_alpn_protocols(["h2"])
                client = await Client.tls(server.port, context)
                assert (await client.line()).startswith(b"+OK")
                await client.close()

        run(work())

    def test_handshake_slowloris(self) -> None:
        async def work() -> None:
            async with serving(timing=Timing(handshake=30)) as server:
                client = await Client.plain(server.port)
                for octet in b"\x16\x03\x01\x02\x00\x01":
                    client.send(bytes((octet,)))
                    await turns()
                    server.advance(4)
                server.advance(10)
                assert await client.rest() == b""
                assert (await server.record())["outcome"] == "timeout"
                await client.close()

        run(work())

    def test_garbage_after_the_handshake(self) -> None:
        async def work() -> None:
            async with serving() as server:
                client = await Client.tls(server.port)
                await client.line()
                raw = client.writer.get_extra_info("socket")
                duplicate = socket.socket(fileno=os.dup(raw.fileno()))
                duplicate.send(b"\x17\x03\x03\x00\x20" + b"z" * 32)
                record = await server.record()
                assert record["outcome"] == "connection lost"
                assert "BAD_RECORD" in str(record["reason"]) or "DECRYPTION_FAILED" in str(record["reason"])
                duplicate.close()
                await client.close()

        run(work())


class Busy(EchoSession):
    """WORK ms: works so long, at once. LONG n: works for n slices, each of them flushed."""

    clock: Clock

    def advance(self) -> Coroutine[Any, Any, None] | None:
        machine = self.machine
        while machine.lines and machine.reads:
            word, _, rest = machine.lines[0].partition(b" ")
            if word == b"LONG":
                machine.lines.pop(0)
                return self.long(int(rest))
            if word == b"WORK":
                machine.lines.pop(0)
                self.clock.value += int(rest) / 1000
                machine.out += b"+OK worked\r\n"
            else:
                return super().advance()
        return None

    async def long(self, slices: int) -> None:
        assert self.flow is not None
        for _ in range(slices):
            self.clock.value += 2 * SLICE
            assert self.flow.spent
            await self.flow.flush()
        self.machine.out += b"+OK long\r\n"


@contextlib.asynccontextmanager
async def counting(service: str = "lmtp") -> AsyncIterator[tuple[Server, list[bool]]]:
    """A server of `Busy` sessions, and the turns that were queued."""
    async with serving(service, open_session=Busy) as server:
        Busy.clock = server.clock
        queued: list[bool] = []
        queue = server.hub.turns.queue

        class Counted:
            def queue(self, call: Callable[[], None], *, wakes: bool = False) -> None:
                queued.append(wakes)
                queue(call, wakes=wakes)

            def heavy(self, call: Callable[[], None]) -> None:
                call()

        server.hub.turns = Counted()  # type: ignore[assignment]
        yield server, queued


class TestPace:
    LIMITS = Limits(handshakes_per_address=1, handshakes_per_network=2, allow=())

    def test_who_comes_too_often_waits_and_is_served(self) -> None:
        async def work() -> None:
            async with serving(limits=self.LIMITS) as server:
                waits: list[float] = []
                loop = asyncio.get_running_loop()

                class Patient:
                    def __getattr__(self, name: str) -> object:
                        return getattr(loop, name)

                    def call_later(self, seconds: float, call: Callable[..., None], *arguments: object) -> object:
                        waits.append(seconds)
                        return loop.call_soon(call, *arguments)

                server.hub.loop = Patient()  # type: ignore[assignment]
                for _ in range(BURST_SECONDS + 3):
                    client = await Client.tls(server.port)
                    assert await client.line() == b"+OK hello TLSv1.3\r\n"
                    await client.close()
                assert waits == [1.0, 2.0, 3.0]
                (notice,) = server.notices
                assert notice.startswith("127.0.0.1 begins TLS more than 1 times a second: its connections wait")
                assert "`handshakes_per_address`" in notice

        run(work())

    def test_a_network_waits_together(self) -> None:
        async def work() -> None:
            async with serving(limits=self.LIMITS, proxy_from=("127.0.0.0/8",)) as server:
                waits = [server.hub._wait(f"192.0.2.{number}") for number in range(BURST_SECONDS * 2 + 2)]
                assert waits[: BURST_SECONDS * 2] == [0.0] * BURST_SECONDS * 2
                assert waits[BURST_SECONDS * 2 :] == [0.5, 1.0]
                (notice,) = server.notices
                assert notice.startswith("the network of 192.0.2.20 begins TLS more than 2 times a second")

        run(work())

    def test_who_is_allowed_never_waits(self) -> None:
        async def work() -> None:
            limits = Limits(handshakes_per_address=1, handshakes_per_network=1)
            async with serving(limits=limits) as server:
                for _ in range(BURST_SECONDS + 3):
                    client = await Client.tls(server.port)
                    await client.line()
                    await client.close()
                assert not server.notices

        run(work())

    def test_who_goes_while_it_waits_costs_no_handshake(self) -> None:
        async def work() -> None:
            async with serving(limits=self.LIMITS) as server:
                kept: list[Callable[[], None]] = []
                server.hub.pace = lambda guest: kept.append(guest.shake_hands)  # type: ignore[method-assign]
                client = await Client.plain(server.port)
                client.send(b"\x16\x03\x01\x02\x00")
                await until(lambda: bool(kept))
                client.send(b"\x01")
                await turns()
                await client.close()
                assert (await server.record())["outcome"] == "closed by client"
                kept[0]()
                await server.nobody()
                client = await Client.plain(server.port)
                client.send(b"\x16\x03\x01\x02\x00")
                await until(lambda: len(kept) == 2)
                server.advance(31)
                assert (await server.record(2))["outcome"] == "timeout"
                await client.close()

        run(work())


class TestTurns:
    @pytest.mark.parametrize("service", ["lmtp", "pop3s"])
    def test_who_had_more_than_its_share_waits_for_its_turn(self, service: str) -> None:
        async def work() -> None:
            async with counting(service) as (server, queued):
                connect = Client.tls if service == "pop3s" else Client.plain
                greedy, modest = await connect(server.port), await connect(server.port)
                await greedy.line()
                await modest.line()
                assert await greedy.ask(b"WORK 50") == b"+OK worked\r\n"
                assert queued == []
                for _ in range(3):
                    assert await greedy.ask(b"ECHO a") == b"+OK a\r\n"
                    assert await greedy.ask(b"HI") == b"+OK hi\r\n"
                assert queued == [False] * 6
                assert await modest.ask(b"HI") == b"+OK hi\r\n"
                assert queued == [False] * 6, "who asks for little is answered at once"
                server.clock.value += 3
                assert await greedy.ask(b"HI") == b"+OK hi\r\n"
                assert queued == [False] * 6, "it has a share again"
                await greedy.close()
                await modest.close()
                await server.nobody()

        run(work())

    def test_a_command_that_works_long_does_so_in_turns(self) -> None:
        async def work() -> None:
            async with counting() as (server, queued):
                client = await Client.plain(server.port)
                await client.line()
                assert await client.ask(b"LONG 30") == b"+OK long\r\n"
                assert queued == [True] * 30
                await client.close()

        run(work())

    def test_what_it_sent_ahead_waits_for_a_turn_of_its_own(self) -> None:
        async def work() -> None:
            async with counting() as (server, queued):
                client = await Client.plain(server.port)
                await client.line()
                slices = ceil(BURST / SLICE)  # more than its share: each takes two
                client.send(b"LONG %d\r\nECHO a\r\n" % slices)
                session = await server.session()
                await until(lambda: session.machine.lines == [b"ECHO a"])
                client.send(b"ECHO b\r\n")
                assert [await client.line() for _ in range(3)] == [b"+OK long\r\n", b"+OK a\r\n", b"+OK b\r\n"]
                assert queued[:slices] == [True] * slices
                assert len(queued) > slices
                await client.close()

        run(work())

    def test_what_came_last_is_answered_before_the_end(self) -> None:
        async def work() -> None:
            async with counting() as (server, queued):
                client = await Client.plain(server.port)
                await client.line()
                await client.ask(b"WORK 50")
                client.send(b"ECHO a\r\nQUIT\r\nECHO b\r\n")
                client.writer.write_eof()
                assert await client.rest() == b"+OK a\r\n+OK bye\r\n"
                assert queued
                await client.close()
                assert (await server.record())["outcome"] == "done"
                await server.nobody()

        run(work())

    def test_who_is_gone_before_its_turn_ends_all_the_same(self) -> None:
        async def work() -> None:
            async with counting() as (server, queued):
                client = await Client.plain(server.port)
                await client.line()
                await client.ask(b"WORK 50")
                (connection,) = server.hub._live
                kept: list[Callable[[], None]] = []
                server.hub.turns.queue = lambda call, **_: kept.append(call)  # type: ignore[method-assign]
                client.send(b"ECHO a\r\n")
                await until(lambda: bool(kept))
                connection.abort()
                assert (await server.record())["outcome"] == "connection lost"
                await server.nobody()
                for call in kept:
                    call()
                assert not queued
                await client.close()

        run(work())

    def test_shutdown_does_not_wait_for_a_turn(self) -> None:
        async def work() -> None:
            async with counting() as (server, _):
                client = await Client.plain(server.port)
                await client.line()
                await client.ask(b"WORK 50")
                server.hub.turns.queue = lambda call, **_: None  # type: ignore[method-assign]
                client.send(b"LONG 1\r\n")
                await turns()
                await server.hub.drain(0)
                assert await client.rest() == b"-ERR shutting down\r\n"
                await client.close()

        run(work())


class TestStartTls:
    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_upgrade(self, version: ssl.TLSVersion) -> None:
        async def work() -> None:
            async with serving("pop3") as server:
                client = await Client.plain(server.port)
                assert await client.line() == b"+OK hello clear\r\n"
                assert await client.ask(b"STLS") == b"+OK begin\r\n"
                await client.writer.start_tls(client_context(maximum_version=version), server_hostname="localhost")
                assert await client.ask(b"ECHO safe") == b"+OK safe\r\n"
                assert (await server.session()).flow.tls is not None  # type: ignore[union-attr]
                await client.ask(b"QUIT")
                await client.close()
                assert (await server.record())["tls"] == version.name.replace("_", ".")

        run(work())

    def test_a_secure_client_simply_gets_tls(self) -> None:
        async def work() -> None:
            async with serving("pop3", timing=Timing(greeting_delay=5)) as server:
                client = await Client.tls(server.port)
                assert await client.line() == b"+OK hello TLSv1.3\r\n"
                await client.close()

        run(work())

    def test_an_early_talker_is_answered(self) -> None:
        async def work() -> None:
            async with serving("pop3", timing=Timing(greeting_delay=5)) as server:
                client = await Client.plain(server.port)
                client.send(b"ECHO early\r\n")
                assert await client.line() == b"+OK hello clear\r\n"
                assert await client.line() == b"+OK early\r\n"
                await client.close()

        run(work())

    def test_injection_in_the_same_segment(self) -> None:
        """Checklist 1: what stands behind STLS in the clear never runs."""

        async def work() -> None:
            async with serving("pop3") as server:
                client = await Client.plain(server.port)
                await client.line()
                client.send(b"STLS\r\nECHO injected\r\n")
                assert await client.line() == b"+OK begin\r\n"
                await client.writer.start_tls(client_context(), server_hostname="localhost")
                assert await client.ask(b"ECHO mine") == b"+OK mine\r\n"
                assert (await server.session()).got == [b"STLS", b"ECHO"]
                await client.close()

        run(work())

    def test_injection_while_the_session_thinks(self) -> None:
        async def work() -> None:
            async with serving("pop3") as server:
                client = await Client.plain(server.port)
                await client.line()
                session = await server.session()
                client.send(b"WAIT\r\nSTLS\r\n")
                await session.waiting.wait()
                client.send(b"ECHO injected\r\n")
                await turns()
                session.gate.set()
                assert await client.line() == b"+OK waited\r\n"
                assert await client.line() == b"+OK begin\r\n"
                await client.writer.start_tls(client_context(), server_hostname="localhost")
                assert await client.ask(b"ECHO mine") == b"+OK mine\r\n"
                assert session.got == [b"WAIT", b"STLS", b"ECHO"]
                await client.close()

        run(work())

    def test_injection_in_a_later_segment(self) -> None:
        """Checklist 2: after the reply only a ClientHello is understood."""

        async def work() -> None:
            async with serving("pop3") as server:
                client = await Client.plain(server.port)
                await client.line()
                await client.ask(b"STLS")
                client.send(b"ECHO injected\r\n")
                assert await client.rest() == DECODE_ERROR
                assert (await server.record())["outcome"] == "no TLS"
                assert (await server.session()).got == [b"STLS"]
                await client.close()

        run(work())

    def test_a_session_cannot_ask_twice(self) -> None:
        async def work() -> None:
            errors: list[dict[str, object]] = []
            asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
            async with serving() as server:
                client = await Client.tls(server.port)
                await client.line()
                client.send(b"STLS\r\n")
                assert (await server.record())["outcome"] == "internal error"
                await client.close()
            assert isinstance(errors[0]["exception"], MisuseError)

        run(work())

    def test_an_entrance_without_certificates_is_a_bug(self) -> None:
        with pytest.raises(MisuseError):
            Entrance(Listener(BY_NAME["pop3"], "::1", 0), WORDS, EchoSession)


class TestTime:
    def test_idle_sessions_end_with_a_word(self) -> None:
        async def work() -> None:
            async with serving() as server:
                client = await Client.tls(server.port)
                await client.line()
                await server.session()
                server.advance(600)
                assert await client.ask(b"ECHO here") == b"+OK here\r\n"
                server.advance(300)
                server.advance(299)
                assert await client.ask(b"ECHO still") == b"+OK still\r\n"
                server.advance(602)
                assert await client.rest() == b"-ERR too slow\r\n"
                assert (await server.record())["outcome"] == "timeout"
                await client.close()

        run(work())

    def test_one_octet_now_and_then_buys_no_time(self) -> None:
        async def work() -> None:
            async with serving() as server:
                client = await Client.tls(server.port)
                await client.line()
                session = await server.session()
                session.idle = 60
                for count in range(1, 13):
                    client.send(b"a")
                    await until(lambda expected=count: len(session.machine.buffer) == expected)
                    await turns()
                    server.advance(5)
                assert not server.records
                server.advance(2)
                assert await client.rest() == b"-ERR too slow\r\n"
                await client.close()

        run(work())

    def test_a_limit_that_shrinks_with_time_is_asked_once(self) -> None:
        """A session may say what is left until a fixed moment; looking often must not make it run out twice as fast."""

        async def work() -> None:
            async with serving() as server:

                class Login(EchoSession):
                    @property
                    def idle_seconds(self) -> float:
                        return 1060.0 - server.clock.value

                client = await Client.tls(server.port)
                await client.line()
                (await server.session()).__class__ = Login
                for _ in range(50):
                    server.advance(1)
                    await turns(2)
                assert await client.ask(b"ECHO alive") == b"+OK alive\r\n"
                for _ in range(15):
                    server.advance(1)
                assert await client.rest() == b"-ERR too slow\r\n"
                await client.close()

        run(work())

    def test_a_session_at_work_is_left_in_peace(self) -> None:
        async def work() -> None:
            async with serving() as server:
                client = await Client.tls(server.port)
                await client.line()
                session = await server.session()
                client.send(b"WAIT\r\n")
                await session.waiting.wait()
                server.advance(10_000)
                session.gate.set()
                assert await client.line() == b"+OK waited\r\n"
                await client.close()

        run(work())


class TestOutput:
    @pytest.mark.parametrize("service", ["pop3s", "lmtp"])
    def test_a_client_that_does_not_read_stops_us_and_is_dropped(self, service: str) -> None:
        async def work() -> None:
            async with serving(service) as server:
                client = await (Client.tls if service == "pop3s" else Client.plain)(server.port)
                await client.line()
                session = await server.session()
                client.writer.transport.pause_reading()  # type: ignore[attr-defined]
                client.send(b"BIG 100000000\r\n")
                await until(lambda: not (session.machine.out or session.got != [b"BIG"]))
                await turns(200)
                connection = next(iter(server.hub._live))
                assert connection._choked
                assert 0 < connection._wire.unsent < 1_000_000
                for _ in range(19):
                    server.advance(30)
                await turns()
                assert not server.records, "its system answers, so it has the ten minutes of RFC 1939"
                server.advance(40)
                assert (await server.record())["outcome"] == "client does not read"
                await client.close()
                await server.nobody()

        run(work())

    def test_a_client_that_pauses_within_a_message_goes_on_where_it_was(self) -> None:
        async def work() -> None:
            async with serving() as server:
                client = await Client.tls(server.port)
                await client.line()
                client.writer.transport.pause_reading()  # type: ignore[attr-defined]
                client.send(b"BIG 8000000\r\n")
                connection = next(iter(server.hub._live))
                await until(lambda: bool(connection._choked))
                for _ in range(70):
                    server.advance(1)
                client.writer.transport.resume_reading()  # type: ignore[attr-defined]
                assert len(await client.reader.readexactly(8_000_002)) == 8_000_002
                assert await client.ask(b"ECHO fine") == b"+OK fine\r\n"
                await client.close()

        run(work())

    def test_one_whose_system_answers_no_more_is_given_up(self) -> None:
        async def work() -> None:
            async with serving("lmtp") as server:
                client = await Client.plain(server.port)
                await client.line()
                client.writer.transport.pause_reading()  # type: ignore[attr-defined]
                client.send(b"BIG 8000000\r\n")
                connection = next(iter(server.hub._live))
                await until(lambda: bool(connection._choked))
                connection._pulse = SimpleNamespace(lost=lambda descriptor, said, now: descriptor >= 0)  # type: ignore[assignment]
                server.advance(1)
                record = await server.record()
                assert (record["outcome"], record["reason"]) == (
                    "connection lost",
                    "connection lost: the client's system answers no more (timed out)",
                )
                await client.close()
                await server.nobody()

        run(work())

    def test_before_it_has_a_session_s_time_it_has_that_of_its_login(self) -> None:
        async def work() -> None:
            async with serving("lmtp") as server:
                client = await Client.plain(server.port)
                await client.line()
                (await server.session()).idle = 60
                client.writer.transport.pause_reading()  # type: ignore[attr-defined]
                client.send(b"BIG 100000000\r\n")
                connection = next(iter(server.hub._live))
                await until(lambda: bool(connection._choked))
                server.advance(50)
                assert not server.records
                server.advance(20)
                assert (await server.record())["outcome"] == "client does not read"
                await client.close()

        run(work())

    def test_a_slow_reader_is_served(self) -> None:
        async def work() -> None:
            async with serving("lmtp") as server:
                client = await Client.plain(server.port)
                await client.line()
                client.send(b"BIG 8000000\r\n")
                left = 8_000_002
                while left:
                    left -= len(await client.reader.readexactly(min(left, 50_000)))
                    server.advance(5)
                assert await client.ask(b"ECHO fine") == b"+OK fine\r\n"
                await client.close()

        run(work())

    def test_commands_are_not_read_while_answers_wait(self) -> None:
        """Checklist 26: a million pipelined commands and a closed window."""

        async def work() -> None:
            async with serving() as server:
                client = await Client.tls(server.port)
                await client.line()
                session = await server.session()
                client.writer.transport.pause_reading()  # type: ignore[attr-defined]
                client.send((b"ECHO " + b"m" * 1000 + b"\r\n") * 20_000)
                await turns(400)
                connection = next(iter(server.hub._live))
                assert connection._choked
                assert not connection._wire.reading
                assert connection._unread_octets < 1_000_000
                assert len(session.got) < 20_000
                client.writer.transport.resume_reading()  # type: ignore[attr-defined]
                await client.reader.readexactly(20_000 * 1006)
                await client.close()

        run(work())

    def test_half_closed_clients_get_their_answers(self) -> None:
        async def work() -> None:
            async with serving("lmtp") as server:
                client = await Client.plain(server.port)
                await client.line()
                session = await server.session()
                client.send(b"WAIT\r\nECHO last\r\n")
                client.writer.write_eof()
                await session.waiting.wait()
                await turns()
                session.gate.set()
                assert await client.rest() == b"+OK waited\r\n+OK last\r\n"
                assert session.machine.closed
                assert (await server.record())["outcome"] == "closed by client"
                await client.close()

        run(work())

    def test_reset_in_the_middle_of_an_answer(self) -> None:
        async def work() -> None:
            async with serving("lmtp") as server:
                client = await Client.plain(server.port)
                await client.line()
                await server.session()
                client.send(b"BIG 100000000\r\n")
                await client.reader.read(1000)
                client.writer.transport.abort()
                assert (await server.record())["outcome"] == "connection lost"
                await server.nobody()

        run(work())

    def test_a_bug_in_a_session_ends_that_session_only(self) -> None:
        async def work() -> None:
            errors: list[dict[str, object]] = []
            asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
            async with serving() as server:
                first, second = await Client.tls(server.port), await Client.tls(server.port)
                await first.line()
                first.send(b"BUG\r\n")
                record = await server.record()
                assert record["outcome"] == "internal error"
                assert record["reason"] == "ZeroDivisionError()"
                assert await first.rest() == b""
                await second.line()
                assert await second.ask(b"ECHO on") == b"+OK on\r\n"
                await first.close()
                await second.close()
            assert len(errors) == 1

        run(work())

    @pytest.mark.parametrize("method", ["receive_data", "data_to_send"])
    def test_a_bug_in_a_machine_leaves_no_connection_behind(self, method: str) -> None:
        """Neither one that shows before the session begins, nor one that shows when its answer is fetched."""

        class Broken(EchoMachine):
            def receive_data(self, data: bytes) -> None:
                if method == "receive_data" and b"ECHO" in data:
                    raise ZeroDivisionError
                super().receive_data(data)

            def data_to_send(self) -> bytes:
                if method == "data_to_send" and b"+OK x" in self.out:
                    raise ZeroDivisionError
                return super().data_to_send()

        class Session(EchoSession):
            def __init__(self, peer: Peer) -> None:
                super().__init__(peer)
                self.machine = Broken()

        async def work() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: None)
            async with serving(open_session=Session) as server:
                client = await Client.tls(server.port)
                await client.line()
                client.send(b"ECHO x\r\n")
                assert (await server.record())["outcome"] == "internal error"
                assert await client.rest() == b""
                await server.nobody()

        run(work())

    def test_a_bug_in_closed_is_told_and_the_record_written(self) -> None:
        class Broken(EchoSession):
            def closed(self, reason: str) -> dict[str, object]:
                raise ZeroDivisionError

        async def work() -> None:
            errors: list[dict[str, object]] = []
            asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
            async with serving(open_session=Broken) as server:
                client = await Client.tls(server.port)
                await client.line()
                await client.close()
                assert (await server.record())["outcome"] == "closed by client"
                await server.nobody()
            assert len(errors) == 1

        run(work())


class TestRareMoments:
    def test_a_socket_that_cannot_be_watched(self) -> None:
        """The system has a limit on what is watched (max_user_watches): that client is let go, and the log tells."""

        async def work() -> None:
            async with serving("lmtp") as server:

                class Full:
                    def watch(self, *_: object) -> None:
                        raise OSError(28, "No space left on device")

                    def __getattr__(self, name: str) -> object:
                        return getattr(real, name)

                real, server.hub.watch = server.hub.watch, Full()  # type: ignore[assignment]
                client = await Client.plain(server.port)
                assert await client.rest() == b""
                record = await server.record()
                assert (record["outcome"], record["reason"]) == (
                    "connection lost",
                    "[Errno 28] No space left on device",
                )
                await client.close()
                await server.nobody()

        run(work())

    def test_garbage_while_an_answer_is_on_its_way(self) -> None:
        """OpenSSL refuses to write after a fatal error: that is the peer's fault, not an internal error."""

        async def work() -> None:
            async with serving() as server:
                client = await Client.tls(server.port)
                await client.line()
                session = await server.session()
                client.send(b"WAIT\r\n")
                await session.waiting.wait()
                duplicate = socket.socket(fileno=os.dup(client.writer.get_extra_info("socket").fileno()))
                duplicate.send(b"\x17\x03\x03\x00\x20" + b"z" * 32)
                await turns(100)
                session.gate.set()
                assert (await server.record())["outcome"] == "connection lost"
                duplicate.close()
                await client.close()
                await server.nobody()

        run(work())

    def test_octets_behind_a_broken_record_are_left_to_the_peer(self) -> None:
        """The session may be long in coming to its end, and nobody reads them any more: memory must not grow."""

        async def work() -> None:
            async with serving() as server:
                client = await Client.tls(server.port)
                await client.line()
                session = await server.session()
                client.send(b"WAIT\r\n")
                await session.waiting.wait()
                connection = next(iter(server.hub._live))
                duplicate = socket.socket(fileno=os.dup(client.writer.get_extra_info("socket").fileno()))
                duplicate.send(b"\x17\x03\x03\x00\x20" + b"z" * 32)
                await until(lambda: bool(connection._deaf))
                assert not connection._wire.reading
                connection.data_received(b"z" * 1000)
                assert connection._pipe is not None
                assert connection._pipe._incoming.pending == 0
                session.gate.set()
                assert (await server.record())["outcome"] == "connection lost"
                duplicate.close()
                await client.close()
                await server.nobody()

        run(work())

    def test_the_server_ends_in_the_middle_of_a_handshake(self) -> None:
        async def work() -> None:
            async with serving() as server:
                client = await Client.plain(server.port)
                client.send(real_hello())
                while not (await client.reader.read(100)):
                    pass
                await server.hub.drain(0)
                assert (await server.record())["outcome"] == "server shutdown"
                await client.close()

        run(work())

    def test_reading_resumes_for_the_goodbye(self) -> None:
        """Whoever pipelines more than we take, and leaves, still gets the last answer."""

        async def work() -> None:
            async with serving("lmtp") as server:
                client = await Client.plain(server.port)
                await client.line()
                session = await server.session()
                client.send(b"WAIT\r\n")
                await session.waiting.wait()
                client.send(b"QUIT\r\n" + b"ECHO more\r\n" * 100_000)
                connection = next(iter(server.hub._live))
                await until(lambda: not connection._wire.reading)
                session.gate.set()
                assert await client.line() == b"+OK waited\r\n"
                await server.record()
                await client.close()
                await server.nobody()

        run(work())


class TestGoodbye:
    def test_whoever_does_not_close_is_cut_off(self) -> None:
        async def work() -> None:
            async with serving("lmtp") as server:
                client = await Client.plain(server.port)
                await client.line()
                server.advance(602)
                assert await client.rest() == b"-ERR too slow\r\n"
                await server.record()
                await turns()
                client.send(b"NOISE that nobody reads\r\n")
                assert len(server.hub) == 1
                server.advance(1)
                assert len(server.hub) == 1
                server.advance(2.5)
                await server.nobody()
                await client.close()

        run(work())

    def test_who_was_answered_to_the_end_is_not_waited_for(self) -> None:
        async def work() -> None:
            async with serving("lmtp") as server:
                client = await Client.plain(server.port)
                await client.line()
                client.send(b"QUIT\r\n")
                assert await client.rest() == b"+OK bye\r\n"
                await server.nobody()
                await client.close()

        run(work())

    def test_draining_says_goodbye_between_commands_and_waits_for_the_others(self) -> None:
        async def work() -> None:
            async with serving() as server:
                idle, busy = await Client.tls(server.port), await Client.tls(server.port)
                await idle.line()
                await busy.line()
                session = await server.session(2)
                busy.send(b"WAIT\r\n")
                await session.waiting.wait()
                draining = asyncio.ensure_future(server.hub.drain(30))
                assert await idle.rest() == b"-ERR shutting down\r\n"
                await idle.close()
                session.gate.set()
                assert await busy.rest() == b"+OK waited\r\n-ERR shutting down\r\n"
                await busy.close()
                await draining
                assert [record["outcome"] for record in server.records] == ["server shutdown"] * 2

        run(work())

    def test_draining_ends_at_last(self) -> None:
        async def work() -> None:
            async with serving() as server:
                client = await Client.tls(server.port)
                await client.line()
                session = await server.session()
                client.send(b"WAIT\r\n")
                await session.waiting.wait()
                await server.hub.drain(0)
                assert session.ending.is_set()
                assert len(server.hub) == 0
                assert (await server.record())["outcome"] == "server shutdown"
                await client.close()

        run(work())


INSIDER = Insider(1, "alice@example.com", 10, "main", "USER")


class TestExpelled:
    def test_between_commands_with_a_word(self) -> None:
        async def work() -> None:
            async with serving() as server:
                client, stranger = await Client.tls(server.port), await Client.tls(server.port)
                await client.line()
                await stranger.line()
                assert server.hub.insiders() == []
                (await server.session(2)).insider = INSIDER
                ((connection, insider),) = server.hub.insiders()
                assert insider == INSIDER
                assert connection.since == (1000.0, 1000.0)
                connection.expel("the account was removed")
                here = client.writer.get_extra_info("sockname")[1]
                expelled, stays = (client, stranger) if connection.peer.port == here else (stranger, client)
                assert await expelled.rest() == b"-ERR ended\r\n"
                await expelled.close()
                record = await server.record()
                assert (record["outcome"], record["reason"]) == ("ended", "the account was removed")
                assert await stays.ask(b"ECHO here") == b"+OK here\r\n"
                await stays.close()

        run(work())

    def test_a_short_command_comes_to_its_end_and_what_was_sent_ahead_is_not_looked_at(self) -> None:
        async def work() -> None:
            async with serving() as server:
                client = await Client.tls(server.port)
                await client.line()
                session = await server.session()
                session.insider = INSIDER
                client.send(b"WAIT\r\n")
                await session.waiting.wait()
                ((connection, _),) = server.hub.insiders()
                connection._unread.append(b"ECHO more\r\n")
                connection.expel("its password was changed")
                session.gate.set()
                assert await client.rest() == b"+OK waited\r\n-ERR ended\r\n"
                await client.close()
                assert server.hub.insiders() == []

        run(work())

    def test_a_long_command_is_cut_off_without_a_word(self) -> None:
        async def work() -> None:
            async with serving() as server:
                client = await Client.tls(server.port)
                await client.line()
                session = await server.session()
                session.insider = INSIDER
                client.send(b"WAIT\r\n")
                await session.waiting.wait()
                ((connection, _),) = server.hub.insiders()
                connection.expel("its password was changed")
                server.hub.tick(server.clock.value + server.hub.timing.parting / 2)
                assert not session.ending.is_set()
                server.hub.tick(server.clock.value + server.hub.timing.parting)
                await session.ending.wait()
                record = await server.record()
                assert (record["outcome"], record["reason"]) == ("ended", "its password was changed")
                with contextlib.suppress(OSError):
                    assert await client.rest() == b""
                await client.close()

        run(work())

    def test_a_client_that_does_not_read_is_cut_off_too(self) -> None:
        async def work() -> None:
            async with serving() as server:
                client = await Client.tls(server.port)
                await client.line()
                session = await server.session()
                session.insider = INSIDER
                client.send(b"BIG 50000000\r\n")
                await client.reader.readexactly(100_000)
                ((connection, _),) = server.hub.insiders()
                connection.expel("its password was changed")
                server.hub.tick(server.clock.value + server.hub.timing.parting)
                await session.ending.wait()
                assert (await server.record())["outcome"] == "ended"
                await client.close()

        run(work())


class TestProxy:
    HEADER = b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 995\r\n"

    def test_the_real_client_counts(self) -> None:
        async def work() -> None:
            async with serving(proxy_from=("127.0.0.0/8",)) as server:
                raw = await asyncio.get_running_loop().run_in_executor(None, proxied_tls, server.port, self.HEADER)
                assert raw == b"+OK hello TLSv1.3\r\n"
                peer = (await server.session()).peer
                assert (peer.address, peer.port) == ("203.0.113.9", 4711)
                assert (await server.record())["proxy"] == "127.0.0.1"
            assert server.tally.open == []

        run(work())

    def test_header_and_command_in_one_segment(self) -> None:
        async def work() -> None:
            async with serving("pop3", proxy_from=("127.0.0.1/32",)) as server:
                client = await Client.plain(server.port)
                client.send(self.HEADER + b"ECHO x\r\n")
                assert await client.line() == b"+OK hello clear\r\n"
                assert await client.line() == b"+OK x\r\n"
                assert server.tally.open == ["203.0.113.9"]
                await client.close()

        run(work())

    def test_a_balancer_must_send_it(self) -> None:
        async def work() -> None:
            async with serving(proxy_from=("127.0.0.0/8",)) as server:
                client = await Client.plain(server.port)
                client.send(b"\x16\x03\x01\x00\x05hello")
                assert await client.rest() == b""
                assert (await server.record())["outcome"] == "bad PROXY header"
                await client.close()

        run(work())

    def test_and_in_time(self) -> None:
        async def work() -> None:
            async with serving(proxy_from=("127.0.0.0/8",)) as server:
                client = await Client.plain(server.port)
                client.send(b"PROXY ")
                await until(lambda: bool(len(server.hub)))
                await turns()
                server.advance(6)
                assert await client.rest() == b""
                assert (await server.record())["outcome"] == "timeout"
                await client.close()

        run(work())

    def test_from_others_it_means_nothing(self) -> None:
        """Checklist 16."""

        async def work() -> None:
            async with serving(proxy_from=("192.0.2.0/24",)) as server:
                client = await Client.plain(server.port)
                client.send(self.HEADER)
                assert await client.rest() == b"-ERR a PROXY header came from an address that may not send one\r\n"
                record = await server.record()
                assert (record["address"], record["outcome"]) == ("127.0.0.1", "bad PROXY header")
                await client.close()
            async with serving("pop3", proxy_from=("192.0.2.0/24",)) as server:
                client = await Client.plain(server.port)
                client.send(SIGNATURE + b"\x20\x00\x00\x00")
                assert (await client.rest()).startswith(b"-ERR a PROXY header")
                assert not server.sessions
                await client.close()

        run(work())

    @pytest.mark.parametrize("said", [b"CAPA\r\n", b""])
    def test_the_administrator_hears_that_the_balancer_sends_none(self, said: bytes) -> None:
        async def work() -> None:
            async with serving("pop3", proxy_from=("127.0.0.0/8",)) as server:
                for _ in range(3):
                    client = await Client.plain(server.port)
                    await until(lambda: bool(len(server.hub)))
                    client.send(said)
                    if not said:
                        await turns()
                        server.advance(6)
                    await client.rest()
                    await client.close()
                    await server.nobody()
                (notice,) = server.notices
                assert "127.0.0.1 is in `proxy_from`, so it must send a PROXY header first, but it" in notice
                assert ("said nothing" if not said else "began without one") in notice
                server.clock.value += 60
                client = await Client.plain(server.port)
                client.send(b"CAPA\r\n")
                await client.rest()
                await client.close()
                assert server.notices[1].endswith("(2 more times since this was said last)")

        run(work())

    def test_the_administrator_hears_of_one_that_nobody_expects(self) -> None:
        async def work() -> None:
            async with serving("pop3") as server:
                for _ in range(3):
                    client = await Client.plain(server.port)
                    client.send(self.HEADER)
                    await client.rest()
                    await client.close()
                (notice,) = server.notices
                assert "127.0.0.1 sends a PROXY header, but is not in `proxy_from`" in notice

        run(work())

    @pytest.mark.parametrize("service", ["pop3", "pop3s"])
    def test_a_crowd_behind_a_balancer_is_turned_away_like_any_other(self, service: str) -> None:
        async def work() -> None:
            async with serving(service, proxy_from=("127.0.0.0/8",), tally=OpenTally(1)) as server:
                clients = [await Client.plain(server.port) for _ in range(COURTESY + 9)]
                for client in clients:
                    client.send(self.HEADER + (b"\x16\x03\x01\x02" if service == "pop3s" else b""))
                await until(lambda: len(server.records) >= 8)
                assert len(server.hub) <= COURTESY + 1, "one that is served, and some to whom we are polite"
                short = b"-ERR your IP address has" if service == "pop3" else ACCESS_DENIED
                assert (await clients[-1].rest()).startswith(short)
                assert {record["outcome"] for record in server.records[:8]} == {"refused"}
                assert server.records[0]["address"] == "203.0.113.9"
                for client in clients:
                    await client.close()

        run(work())

    def test_the_header_gives_no_more_time(self) -> None:
        async def work() -> None:
            async with serving(proxy_from=("127.0.0.0/8",)) as server:
                client = await Client.plain(server.port)
                await until(lambda: bool(len(server.hub)))
                server.advance(4)
                client.send(self.HEADER)
                (connection,) = server.hub._live
                await until(lambda: connection.peer.address != "127.0.0.1")
                server.advance(2)
                assert (await client.rest()).startswith(b"-ERR port")
                await client.close()

        run(work())

    def test_a_refused_client_behind_a_balancer(self) -> None:
        async def work() -> None:
            async with serving("pop3", proxy_from=("127.0.0.0/8",)) as server:
                server.tally.refused_for = 90
                client = await Client.plain(server.port)
                client.send(self.HEADER)
                assert b"try again in 90 seconds" in await client.rest()
                await client.close()
                assert (await server.record())["outcome"] == "refused"
            assert server.tally.open == []

        run(work())


DOORS = pytest.mark.parametrize("service", ["pop3s", "lmtp"], ids=["TLS", "plain"])


async def visit(server: Server, service: str) -> Client:
    """A client that has read its greeting, over TLS or in the clear."""
    client = await (Client.tls if service == "pop3s" else Client.plain)(server.port)
    assert (await client.line()).startswith(b"+OK hello")
    return client


class TestAtOnce:
    """What a session answers as soon as it comes."""

    @DOORS
    def test_among_other_commands(self, service: str) -> None:
        async def work() -> None:
            async with serving(service) as server:
                client = await visit(server, service)
                for _ in range(3):
                    assert await client.ask(b"HI") == b"+OK hi\r\n"
                    assert await client.ask(b"ECHO x") == b"+OK x\r\n"
                assert await client.ask(b"HI") == b"+OK hi\r\n"
                assert await client.ask(b"QUIT") == b"+OK bye\r\n"
                assert (await server.record())["commands"] == 4
                await client.close()
                await server.nobody()

        run(work())

    @DOORS
    def test_not_behind_a_part_of_a_line(self, service: str) -> None:
        async def work() -> None:
            async with serving(service) as server:
                client = await visit(server, service)
                session = await server.session()
                client.send(b"EC")
                await until(lambda: session.machine.buffer == b"EC")
                assert await client.ask(b"HI") == b"-ERR what\r\n"
                assert session.got == [b"ECHI"]
                assert await client.ask(b"HI") == b"+OK hi\r\n"
                await client.close()

        run(work())

    @DOORS
    def test_not_while_something_else_is_to_be_done(self, service: str) -> None:
        async def work() -> None:
            async with serving(service) as server:
                client = await visit(server, service)
                session = await server.session()
                client.send(b"WAIT\r\n")
                await session.waiting.wait()
                client.send(b"HI\r\n")
                await turns()
                session.gate.set()
                assert [await client.line(), await client.line()] == [b"+OK waited\r\n", b"-ERR what\r\n"]
                await client.close()

        run(work())

    @DOORS
    def test_idle_time_counts_from_the_answer(self, service: str) -> None:
        async def work() -> None:
            async with serving(service) as server:
                client = await visit(server, service)
                for _ in range(3):
                    server.advance(500)
                    assert await client.ask(b"HI") == b"+OK hi\r\n"
                server.advance(600)
                assert not server.records
                server.advance(2)
                assert await client.rest() == b"-ERR too slow\r\n"
                assert (await server.record())["outcome"] == "timeout"
                await client.close()

        run(work())

    @DOORS
    def test_a_client_that_does_not_read_is_not_heard(self, service: str) -> None:
        async def work() -> None:
            async with serving(service, open_session=Talkative) as server:
                client = await visit(server, service)
                client.writer.transport.pause_reading()  # type: ignore[attr-defined]
                client.send(b"HI\r\n")
                connection = next(iter(server.hub._live))
                await until(lambda: bool(connection._choked))
                assert not connection._wire.reading
                client.send(b"HI\r\n")
                await turns()
                assert server.sessions[0].asked == 1
                client.writer.transport.resume_reading()  # type: ignore[attr-defined]
                assert await client.reader.readexactly(2 * len(MUCH)) == 2 * MUCH
                assert await client.ask(b"ECHO fine") == b"+OK fine\r\n"
                await client.close()

        run(work())

    @DOORS
    def test_and_is_dropped_in_the_end(self, service: str) -> None:
        async def work() -> None:
            async with serving(service, open_session=Talkative) as server:
                client = await visit(server, service)
                client.writer.transport.pause_reading()  # type: ignore[attr-defined]
                client.send(b"HI\r\n")
                connection = next(iter(server.hub._live))
                await until(lambda: bool(connection._choked))
                server.advance(550)
                assert not server.records
                server.advance(100)
                assert (await server.record())["outcome"] == "client does not read"
                await server.nobody()
                await client.close()

        run(work())

    @DOORS
    def test_a_goodbye_waits_until_the_answer_was_read(self, service: str) -> None:
        async def work() -> None:
            async with serving(service, open_session=Talkative) as server:
                client = await visit(server, service)
                client.writer.transport.pause_reading()  # type: ignore[attr-defined]
                client.send(b"HI\r\n")
                connection = next(iter(server.hub._live))
                await until(lambda: bool(connection._choked))
                draining = asyncio.ensure_future(server.hub.drain(30))
                await turns()
                assert not server.records
                client.writer.transport.resume_reading()  # type: ignore[attr-defined]
                assert await client.rest() == MUCH + b"-ERR shutting down\r\n"
                await client.close()
                await draining
                assert (await server.record())["outcome"] == "server shutdown"

        run(work())

    @DOORS
    @pytest.mark.parametrize(
        ("error", "outcome"), [(ZeroDivisionError(), "internal error"), (ConnectionError("gone"), "connection lost")]
    )
    def test_a_session_that_fails_at_it(self, service: str, error: Exception, outcome: str) -> None:
        class Broken(EchoSession):
            def answer(self, data: bytes) -> bytes | None:
                raise error

        async def work() -> None:
            errors: list[dict[str, object]] = []
            asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
            async with serving(service, open_session=Broken) as server:
                client = await visit(server, service)
                client.send(b"HI\r\n")
                assert await client.rest() == b""
                assert (await server.record())["outcome"] == outcome
                await client.close()
                await server.nobody()
            assert [context["exception"] for context in errors] == ([error] if outcome == "internal error" else [])

        run(work())


MUCH = b"m" * 20_000_000


class Talkative(EchoSession):
    """Answers `HI` with more than any buffer holds."""

    asked = 0

    def answer(self, data: bytes) -> bytes | None:
        if super().answer(data) is None:
            return None
        self.asked += 1
        return MUCH


async def shaken_hands(port: int) -> tuple[socket.socket, ssl.SSLObject, ssl.MemoryBIO]:
    """A client that speaks TLS by hand, greeted: it can put several things into one segment."""
    loop, incoming, outgoing = asyncio.get_running_loop(), ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    raw = socket.create_connection(("127.0.0.1", port))
    raw.setblocking(False)
    read = b""
    while b"\n" not in read:
        try:
            tls.do_handshake()
            read += tls.read(1000)
        except ssl.SSLWantReadError:
            await loop.sock_sendall(raw, outgoing.read())
            incoming.write(await loop.sock_recv(raw, 10_000))
    return raw, tls, outgoing


class TestCloseNotify:
    @pytest.mark.parametrize("said", [b"", b"HI\r\n", b"ECHO x\r\n"])
    @pytest.mark.parametrize("behind", [b"", b"\x17\x03\x03\x00\x20" + b"z" * 32, b"z" * 1000])
    def test_what_comes_before_it_is_answered_and_what_comes_behind_is_nothing(
        self, said: bytes, behind: bytes
    ) -> None:
        async def work() -> None:
            async with serving() as server:
                raw, tls, outgoing = await shaken_hands(server.port)
                if said:
                    tls.write(said)
                with pytest.raises(ssl.SSLWantReadError):
                    tls.unwrap()
                await asyncio.get_running_loop().sock_sendall(raw, outgoing.read() + behind)
                assert (await server.record())["outcome"] == "closed by client"
                assert server.sessions[0].got == ([b"ECHO"] if said.startswith(b"ECHO") else [])
                raw.close()
                await server.nobody()

        run(work())

    def test_however_much_comes_behind_it_the_connection_ends_when_the_peer_closes(self) -> None:
        async def work() -> None:
            async with serving() as server:
                raw, tls, outgoing = await shaken_hands(server.port)
                with pytest.raises(ssl.SSLWantReadError):
                    tls.unwrap()
                await asyncio.get_running_loop().sock_sendall(raw, outgoing.read() + b"z" * 100_000)
                assert (await server.record())["outcome"] == "closed by client"
                raw.close()
                await server.nobody()

        run(work())

    def test_what_comes_behind_it_while_the_session_works_does_not_gather(self) -> None:
        async def work() -> None:
            async with serving() as server:
                raw, tls, outgoing = await shaken_hands(server.port)
                tls.write(b"WAIT\r\n")
                with pytest.raises(ssl.SSLWantReadError):
                    tls.unwrap()
                await asyncio.get_running_loop().sock_sendall(raw, outgoing.read())
                session = await server.session()
                await session.waiting.wait()
                connection = next(iter(server.hub._live))
                sending = asyncio.ensure_future(asyncio.get_running_loop().sock_sendall(raw, b"z" * 10_000_000))
                await until(lambda: not connection._wire.reading)
                assert connection._pipe._incoming.pending < 200_000
                session.gate.set()
                assert (await server.record())["outcome"] == "closed by client"
                sending.cancel()
                raw.close()

        run(work())


STAGES = {
    "before the PROXY header": ("pop3s", {"proxy_from": ("127.0.0.0/8",)}, b""),
    "within the PROXY header": ("pop3s", {"proxy_from": ("127.0.0.0/8",)}, b"PROXY TC"),
    "before the ClientHello": ("pop3s", {}, b""),
    "within the ClientHello": ("pop3s", {}, b"\x16\x03\x01\x02\x00\x01"),
    "before the greeting": ("pop3", {}, b""),
    "within the ClientHello on the other door": ("pop3", {}, b"\x16\x03\x01\x02\x00\x01"),
}


@pytest.mark.parametrize("stage", STAGES)
class TestBeforeTheDialog:
    """No session has begun; only who waits for a greeting hears one, and why it is of no use."""

    def at(self, stage: str, story: Callable[[Server, Client], Awaitable[None]]) -> dict[str, object]:
        service, listener, said = STAGES[stage]
        records = []

        async def work() -> None:
            async with serving(service, timing=Timing(greeting_delay=60), **listener) as server:
                client = await Client.plain(server.port)
                client.send(said)
                await until(lambda: bool(len(server.hub)))
                await turns()
                await story(server, client)
                records.append(await server.record())
                await client.close()
                await server.nobody()
                assert server.tally.open == []
                assert len(server.records) == 1

        run(work())
        return records[0]

    def test_the_server_ends(self, stage: str) -> None:
        async def story(server: Server, client: Client) -> None:
            draining = asyncio.ensure_future(server.hub.drain(30))
            said = b"+OK hello clear\r\n-ERR shutting down\r\n" if stage == "before the greeting" else b""
            assert await client.rest() == said
            await client.close()
            await draining

        assert self.at(stage, story)["outcome"] == "server shutdown"

    def test_the_server_ends_at_once(self, stage: str) -> None:
        async def story(server: Server, client: Client) -> None:
            for connection in tuple(server.hub._live):
                connection.cut()
            with contextlib.suppress(ConnectionError):
                assert await client.rest() == b""

        assert self.at(stage, story)["outcome"] == "server shutdown"

    def test_the_client_goes(self, stage: str) -> None:
        async def story(_: Server, client: Client) -> None:
            await client.close()

        assert self.at(stage, story)["outcome"] == "closed by client"

    def test_the_client_breaks_off(self, stage: str) -> None:
        async def story(_: Server, client: Client) -> None:
            reset(client)

        record = self.at(stage, story)
        assert record["outcome"] == "connection lost"
        assert "reset" in str(record["reason"])


def reset(client: Client) -> None:
    """Ends the connection as a host does that has crashed."""
    raw = client.writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.writer.transport.abort()


@DOORS
class TestTheClientGoes:
    def test_between_commands(self, service: str) -> None:
        async def work() -> None:
            async with serving(service) as server:
                client = await visit(server, service)
                reset(client)
                assert (await server.record())["outcome"] == "connection lost"
                await server.nobody()

        run(work())

    @pytest.mark.parametrize("how", ["close", "reset"])
    def test_while_the_session_works(self, service: str, how: str) -> None:
        async def work() -> None:
            async with serving(service) as server:
                client = await visit(server, service)
                session = await server.session()
                connection = next(iter(server.hub._live))
                client.send(b"WAIT\r\nECHO x\r\n")
                await session.waiting.wait()
                if how == "close":
                    client.writer.close()
                else:
                    reset(client)
                await until(lambda: connection._end is not None)
                assert not server.records
                session.gate.set()
                await server.record()
                assert session.ending.is_set()
                await client.close()
                await server.nobody()

        run(work())

    def test_while_the_session_waits_for_it_to_read(self, service: str) -> None:
        async def work() -> None:
            async with serving(service) as server:
                client = await visit(server, service)
                client.writer.transport.pause_reading()  # type: ignore[attr-defined]
                client.send(b"BIG 100000000\r\n")
                connection = next(iter(server.hub._live))
                await until(lambda: connection._waiter is not None)
                reset(client)
                assert (await server.record())["outcome"] == "connection lost"
                await server.nobody()

        run(work())

    @pytest.mark.parametrize("how", ["reset", "cut"])
    def test_while_answers_wait(self, service: str, how: str) -> None:
        async def work() -> None:
            async with serving(service, open_session=Talkative) as server:
                client = await visit(server, service)
                client.writer.transport.pause_reading()  # type: ignore[attr-defined]
                client.send(b"HI\r\n")
                connection = next(iter(server.hub._live))
                await until(lambda: bool(connection._choked))
                if how == "cut":
                    await server.hub.drain(0)
                else:
                    reset(client)
                outcome = "server shutdown" if how == "cut" else "connection lost"
                assert (await server.record())["outcome"] == outcome
                await server.nobody()
                await client.close()

        run(work())


class TestTheRecord:
    def test_a_session_knows_best_how_it_ended_by_itself(self) -> None:
        class Knowing(EchoSession):
            def closed(self, reason: str) -> dict[str, object]:
                return {"outcome": "quit", "reason": ""}

        async def work() -> None:
            async with serving("lmtp", open_session=Knowing) as server:
                client = await visit(server, "lmtp")
                await client.ask(b"QUIT")
                assert (await server.record())["outcome"] == "quit"
                await client.close()
                client = await visit(server, "lmtp")
                await client.close()
                assert (await server.record(2))["outcome"] == "closed by client"

        run(work())

    def test_last_words_that_cannot_be_said_any_more(self) -> None:
        """A record that cannot be read has ended TLS for both sides."""

        async def work() -> None:
            async with serving() as server:
                client = await visit(server, "pop3s")
                session = await server.session()
                connection = next(iter(server.hub._live))
                client.send(b"WAIT\r\nQUIT\r\n")
                await session.waiting.wait()
                duplicate = socket.socket(fileno=os.dup(client.writer.get_extra_info("socket").fileno()))
                duplicate.send(b"\x17\x03\x03\x00\x20" + b"z" * 32)
                await until(lambda: bool(connection._deaf))
                session.gate.set()
                await server.record()
                duplicate.close()
                await client.close()
                await server.nobody()

        run(work())

    @DOORS
    def test_a_bug_in_the_last_words(self, service: str) -> None:
        class Mute(EchoMachine):
            def data_to_send(self) -> bytes:
                if b"bye" in self.out:
                    raise ZeroDivisionError
                return super().data_to_send()

        class Session(EchoSession):
            def __init__(self, peer: Peer) -> None:
                super().__init__(peer)
                self.machine = Mute()

        async def work() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: None)
            async with serving(service, open_session=Session) as server:
                client = await visit(server, service)
                client.send(b"QUIT\r\n")
                assert await client.rest() == b""
                assert (await server.record())["outcome"] == "internal error"
                await client.close()
                await server.nobody()

        run(work())


def test_a_balancer_that_speaks_for_itself() -> None:
    async def work() -> None:
        async with serving("lmtp", proxy_from=("127.0.0.0/8",)) as server:
            client = await Client.plain(server.port)
            client.send(b"PROXY UNKNOWN\r\nECHO x\r\n")
            assert [await client.line(), await client.line()] == [b"+OK hello clear\r\n", b"+OK x\r\n"]
            assert server.sessions[0].peer.address == "127.0.0.1"
            await client.close()
            assert "proxy" not in await server.record()

    run(work())


def test_nobody_is_greeted_twice() -> None:
    async def work() -> None:
        async with serving("pop3", timing=Timing(greeting_delay=0.001)) as server:
            client = await Client.plain(server.port)
            assert await client.line() == b"+OK hello clear\r\n"
            next(iter(server.hub._live)).greet()
            assert await client.ask(b"ECHO x") == b"+OK x\r\n"
            await client.close()

    run(work())


def test_cleartext_login_is_a_question_of_networks() -> None:
    async def work() -> None:
        for networks, allowed in ((("127.0.0.0/8",), True), (("192.0.2.0/24",), False)):
            peers: list[Peer] = []

            def remember(peer: Peer, peers: list[Peer] = peers) -> EchoSession:
                peers.append(peer)
                return EchoSession(peer)

            async with serving("pop3", cleartext_login_from=networks, open_session=remember) as server:
                client = await Client.plain(server.port)
                await client.line()
                assert peers[0].cleartext_login is allowed
                await client.close()

    run(work())


def real_hello() -> bytes:
    out = ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        client_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost").do_handshake()
    return out.read()


def proxied_tls(port: int, header: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as raw:
        raw.sendall(header)
        with client_context().wrap_socket(raw, server_hostname="localhost") as wrapped:
            return wrapped.recv(1000)


def untrusting(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as raw, contextlib.ExitStack() as stack:
        stack.enter_context(ssl.create_default_context().wrap_socket(raw, server_hostname="localhost"))


async def turns(count: int = 20) -> None:
    """Lets everything that is ready happen."""
    for _ in range(count):
        await asyncio.sleep(0)
