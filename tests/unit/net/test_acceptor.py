"""Who is let in: limits, refusals, and a process that has run out of file descriptors."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import socket
from collections.abc import Awaitable

import pytest

from gatepost.config.settings import Limits
from gatepost.net.doors import ACCESS_DENIED
from gatepost.net.hub import COURTESY
from gatepost.net.loop import run as run_loop
from support.echo import Client, OpenTally, Server, client_context, serving, until


def run(work: Awaitable[None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(30):
            await work

    run_loop(bounded())


class TestRefusals:
    def test_too_many_from_one_address(self) -> None:
        async def work() -> None:
            async with serving(tally=OpenTally(most=1)) as server:
                first = await Client.tls(server.port)
                await first.line()
                second = await Client.tls(server.port)
                assert await second.rest() == (
                    b"-ERR your IP address has 50 connections open, which is the limit; close some and try again\r\n"
                )
                await second.close()
                record = await server.record()
                assert record["outcome"] == "refused"
                assert "50 connections" in str(record["reason"])
                await first.ask(b"QUIT")
                await first.close()
                await server.nobody()
                third = await Client.tls(server.port)
                assert (await third.line()).startswith(b"+OK")
                await third.close()

        run(work())

    @pytest.mark.parametrize(
        ("seconds", "text"), [(0.2, b"in 1 seconds"), (119, b"in 119 seconds"), (600, b"10 minutes")]
    )
    def test_too_many_failed_logins(self, seconds: float, text: bytes) -> None:
        async def work() -> None:
            async with serving("pop3") as server:
                server.tally.refused_for = seconds
                client = await Client.plain(server.port)
                answer = await client.rest()
                assert answer.startswith(b"-ERR too many failed logins from your IP address, try again")
                assert text in answer
                await client.close()

        run(work())

    @pytest.mark.parametrize(("service", "short"), [("pop3s", ACCESS_DENIED), ("pop3", b"-ERR too many failed logins")])
    def test_a_crowd_of_them_gets_a_short_answer(self, service: str, short: bytes) -> None:
        async def work() -> None:
            async with serving(service) as server:
                server.tally.refused_for = 60
                clients = [await Client.plain(server.port) for _ in range(COURTESY + 1)]
                assert (await clients[-1].rest()).startswith(short)
                assert len(server.by_service) == COURTESY
                server.advance(1)
                polite = await (Client.tls if service == "pop3s" else Client.plain)(server.port)
                assert (await polite.rest()).startswith(b"-ERR too many")
                for client in (*clients, polite):
                    await client.close()

        run(work())


class TestRoom:
    def test_no_more_than_the_worker_takes(self) -> None:
        async def work() -> None:
            async with serving(limits=Limits(connections=2)) as server:
                inside = [await Client.tls(server.port) for _ in range(2)]
                for client in inside:
                    await client.line()
                waiting = asyncio.ensure_future(Client.tls(server.port))
                for _ in range(50):
                    await asyncio.sleep(0)
                assert not waiting.done()
                server.advance(1)
                assert len(server.hub) == 2
                await inside[0].ask(b"QUIT")
                await inside[0].close()
                client = await waiting
                assert (await client.line()).startswith(b"+OK")
                for each in (client, inside[1]):
                    await each.close()

        run(work())

    def test_a_crowd_at_the_door(self) -> None:
        async def work() -> None:
            async with serving("lmtp") as server:
                clients = await asyncio.gather(*(Client.plain(server.port) for _ in range(100)))
                for client in clients:
                    assert (await client.line()).startswith(b"+OK")
                await asyncio.gather(*(client.close() for client in clients))

        run(work())

    def test_draining_leaves_the_socket_open_for_others(self) -> None:
        async def work() -> None:
            async with serving() as server:
                server.acceptor.drain()
                client = await Client.plain(server.port)
                await asyncio.sleep(0)
                assert len(server.hub) == 0
                server.acceptor.start()
                client.send(b"USER x\r\n")
                assert (await client.rest()).startswith(b"-ERR port")
                await client.close()
                server.acceptor.stop()
                with pytest.raises(ConnectionRefusedError):
                    await Client.plain(server.port)

        run(work())

    def test_broken_connections_are_passed_over_and_other_errors_wait(self) -> None:
        class Troubled:
            def __init__(self, real: socket.socket, *errors: int) -> None:
                self.real = real
                self.errors = list(errors)

            def _accept(self) -> tuple[int, tuple[str, int]]:
                if self.errors:
                    raise OSError(self.errors[0], os.strerror(self.errors.pop(0)))
                return self.real._accept()  # type: ignore[attr-defined, no-any-return]

            def fileno(self) -> int:
                return self.real.fileno()

            def close(self) -> None:
                self.real.close()

        async def work() -> None:
            async with serving("lmtp") as server:
                server.acceptor.drain()
                server.acceptor._listening = Troubled(  # type: ignore[assignment]
                    server.acceptor._listening, errno.ECONNABORTED, errno.EMFILE
                )
                server.acceptor.start()
                client = await Client.plain(server.port)
                await until(lambda: bool(server.notices))
                assert "cannot accept, Too many open files" in server.notices[0]
                assert server.acceptor._paused
                server.advance(1)
                assert (await client.line()).startswith(b"+OK")
                await client.close()

        run(work())

    def test_out_of_file_descriptors(self) -> None:
        """Checklist 61, in a child with few of them: those inside live, those outside wait their turn."""
        pid = os.fork()
        if not pid:
            code = 1
            try:
                run(exhaust())
                code = 0
            finally:
                os._exit(code)
        assert os.waitpid(pid, 0)[1] == 0

    def test_a_look_that_fails_hurts_one_connection_only(self) -> None:
        async def work() -> None:
            errors: list[dict[str, object]] = []
            asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
            async with serving("lmtp") as server:
                client, other = await Client.plain(server.port), await Client.plain(server.port)
                await client.line()
                await other.line()
                broken, sound = server.sessions
                broken.idle = None  # type: ignore[assignment]
                sound.idle = 10
                server.advance(5)
                assert len(errors) == 1
                assert await asyncio.gather(client.rest(), other.ask(b"ECHO x")) == [b"", b"+OK x\r\n"]
                await client.close()
                await other.close()

        run(work())


async def exhaust() -> None:
    async with serving("lmtp") as server:
        inside = await Client.plain(server.port)
        await inside.line()
        outside = [socket.socket() for _ in range(3)]
        for each in outside:
            each.setblocking(False)
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        loop = asyncio.get_running_loop()
        for each in outside:
            await loop.sock_connect(each, ("127.0.0.1", server.port))
        await until(lambda: bool(server.notices))
        assert await inside.ask(b"ECHO alive") == b"+OK alive\r\n"
        assert len(server.hub) == 1
        assert await inside.ask(b"QUIT") == b"+OK bye\r\n"
        await inside.close()
        for each in outside:
            assert (await loop.sock_recv(each, 100)).startswith(b"+OK")
            each.close()


class TestCrowds:
    def test_a_thousand_silent_connections(self) -> None:
        """Checklist 12: they cost little, and nobody who speaks notices them."""

        async def work() -> None:
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
            async with serving() as server:
                silent = []
                for _ in range(1000):
                    silent.append(socket.create_connection(("127.0.0.1", server.port)))
                    await asyncio.sleep(0)
                client = await Client.tls(server.port)
                await client.line()
                assert await client.ask(b"ECHO here") == b"+OK here\r\n"
                await until(lambda: not (len(server.hub) < 1001))
                server.advance(5.5)
                await server.record(1000)
                assert {record["outcome"] for record in server.records} == {"wrong door"}
                assert await client.ask(b"ECHO still") == b"+OK still\r\n"
                for each in silent:
                    each.close()
                await client.close()
                await server.nobody()

        run(work())

    def test_reloads_under_load_drop_nobody(self) -> None:
        """Checklist 62."""

        async def work() -> None:
            async with serving() as server:
                await asyncio.gather(*(converse(server) for _ in range(20)), reload_often(server))
                await server.record(100)
                assert {record["outcome"] for record in server.records} == {"done"}

        run(work())


async def converse(server: Server) -> None:
    context = client_context()
    for _ in range(5):
        client = await Client.tls(server.port, context)
        await client.line()
        for number in range(20):
            assert await client.ask(b"ECHO %d" % number) == b"+OK %d\r\n" % number
        assert await client.ask(b"QUIT") == b"+OK bye\r\n"
        await client.close()


async def reload_often(server: Server) -> None:
    for _ in range(100):
        server.contexts.reload()
        await asyncio.sleep(0)
