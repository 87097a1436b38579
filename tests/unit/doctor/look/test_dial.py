"""How a connection attempt ends."""

from __future__ import annotations

import asyncio
import errno
import socket

import pytest

from gatepost.doctor.facts import Reach
from gatepost.doctor.look.dial import connect, dial, reach_of


def test_an_open_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        tried = asyncio.run(dial("mail.example.test", "127.0.0.1", server.getsockname()[1], 1.0))
    assert tried.reach is Reach.OPEN
    assert (tried.host, tried.address, tried.family, tried.error) == ("mail.example.test", "127.0.0.1", 4, "")


def test_a_closed_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    tried = asyncio.run(dial("h", "127.0.0.1", port, 1.0))
    assert tried.reach is Reach.REFUSED
    assert "refused" in tried.error


def test_nobody_answers() -> None:
    """A listener whose queue is full drops what comes, as a firewall does."""

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
            port = server.getsockname()[1]
            kept = [await connect("h", "127.0.0.1", port, 0.05) for _ in range(4)]
            assert kept[-1][0].reach is Reach.TIMED_OUT
            assert kept[-1][1] is None
            assert kept[-1][0].error == "no answer within 0.05 seconds"
            for _, connection in kept:
                if connection is not None:
                    connection.close()

    asyncio.run(main())


@pytest.mark.parametrize("address", ["no address", "1.2.3.4.5", "::zz"])
def test_what_is_no_address_fails(address: str) -> None:
    assert asyncio.run(dial("h", address, 1, 0.5)).reach is Reach.FAILED


def test_a_port_that_cannot_be_fails() -> None:
    assert asyncio.run(dial("h", "127.0.0.1", 70000, 0.5)).reach is not Reach.OPEN


@pytest.mark.parametrize(
    ("failure", "reach"),
    [
        (OSError(errno.ECONNREFUSED, ""), Reach.REFUSED),
        (OSError(errno.ETIMEDOUT, ""), Reach.TIMED_OUT),
        (OSError(errno.EHOSTUNREACH, ""), Reach.NO_ROUTE),
        (OSError(errno.ENETUNREACH, ""), Reach.NO_ROUTE),
        (OSError(errno.EADDRNOTAVAIL, ""), Reach.NO_ROUTE),
        (OSError(errno.EACCES, ""), Reach.FORBIDDEN),
        (OSError(errno.EPERM, ""), Reach.FORBIDDEN),
        (OSError(errno.ECONNRESET, ""), Reach.RESET),
        (OSError(errno.EMFILE, ""), Reach.FAILED),
        (OSError("without a number"), Reach.FAILED),
        (ValueError("x"), Reach.FAILED),
    ],
)
def test_what_the_system_says_has_a_name(failure: Exception, reach: Reach) -> None:
    assert reach_of(failure) is reach


def test_giving_up_leaves_nothing_open() -> None:
    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
            port = server.getsockname()[1]
            first = [await connect("h", "127.0.0.1", port, 0.05) for _ in range(3)]
            waiting = asyncio.create_task(connect("h", "127.0.0.1", port, 30))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            for _, connection in first:
                if connection is not None:
                    connection.close()

    asyncio.run(main())
