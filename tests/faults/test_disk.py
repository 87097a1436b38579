"""A serving server's disk fills or fails: nobody hears a false yes, reading goes on, and it mends by itself."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatepost.errors import StoreFullError
from gatepost.store.api import Store
from support.faulty_server import ORDER
from support.live import Visitor, inside, letter, person, put, visit
from support.server import Server, installation

FOREVER = 1 << 30
_names = itertools.count()


class FaultyServer(Server):
    """Its keeper's disk obeys `order`."""

    def __init__(self, directory: Path, *, config: str = "", workers: int = 2) -> None:
        super().__init__(directory, config=config, workers=workers)
        self.order_file = self.data / "order"  # the keeper takes it away when it is done, and may do so only there
        places = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        self.environ = {ORDER: str(self.order_file), "PYTHONPATH": os.pathsep.join(filter(None, places))}

    def command(self, *arguments: str) -> list[str]:
        if arguments[0] != "serve":
            return super().command(*arguments)
        return [sys.executable, "-m", "support.faulty_server", "--config", str(self.config_file), *arguments]

    def order(self, operation: str, error: str, at: int, times: int) -> None:
        partial = self.order_file.with_suffix(".new")
        partial.write_text(f"{operation} {error} {at} {times} {next(_names)}")
        partial.replace(self.order_file)


@pytest.fixture(scope="module")
def server() -> Iterator[FaultyServer]:
    with installation(kind=FaultyServer) as server:
        server.start()
        yield server


@pytest.fixture
def names() -> list[str]:
    """Logins that no other test uses."""
    number = next(_names)
    return [f"{name}{number}@example.test" for name in ("reader", "deleter")]


def large(number: int) -> bytes:
    """More than one page of the database, and unlike the others."""
    return letter(number) + b"".join(b"%d line %d\r\n" % (number, line) for line in range(1000))


def maildrop(server: Server, login: str) -> list[bytes]:
    visitor = visit(server, login)
    found = [visitor.message(number + 1) for number in range(len(visitor.uidls()))]
    assert visitor.quit().startswith(b"+OK")
    return found


async def deliver_until_refused(store: Store, login: str) -> list[bytes]:
    """What was acknowledged before the first refusal."""
    done: list[bytes] = []
    while len(done) < 100:
        try:
            await put(store, login, large(len(done)))
        except StoreFullError:
            return done
        done.append(large(len(done)))
    raise AssertionError("the disk never became full")


@pytest.mark.parametrize("at", [1, 2, 3, 5, 9, 17, 40])
def test_a_full_disk_is_told_and_reading_goes_on(server: FaultyServer, names: list[str], at: int) -> None:
    reader, deleter = names
    before = [letter(1), letter(2)]
    for login in names:
        person(server, login, before)
    log = len(server.log.lines)
    with visit(server, reader) as reading, visit(server, deleter) as deleting:
        assert deleting.say("DELE 1").startswith(b"+OK")
        server.order("write", "FullError", at, FOREVER)
        acknowledged = inside(server, lambda store: deliver_until_refused(store, reader))
        assert reading.message(2) == letter(2)
        answer = deleting.quit()
        assert answer.startswith(b"-ERR [SYS/TEMP]"), answer
        assert reading.message(1) == letter(1)
        assert reading.quit().startswith(b"+OK")
    assert maildrop(server, deleter) == before
    server.order_file.unlink()
    inside(server, lambda store: put(store, reader, letter(3)))
    assert maildrop(server, reader) == [*before, *acknowledged, letter(3)]
    with visit(server, deleter) as deleting:
        assert deleting.say("DELE 1").startswith(b"+OK")
        assert deleting.quit().startswith(b"+OK")
    assert maildrop(server, deleter) == [letter(2)]
    assert not [line for line in server.log.lines[log:] if "keeper" in line], "there is nothing to restart for"


def test_the_command_line_tells_of_a_full_disk(server: FaultyServer, names: list[str]) -> None:
    person(server, names[0])
    server.order("write", "FullError", 1, FOREVER)
    told = server.gatepost("mail", "deliver", names[0], stdin=letter(1), code=os.EX_TEMPFAIL)
    assert "disk is full" in told
    server.order_file.unlink()
    server.gatepost("mail", "deliver", names[0], stdin=letter(1))
    assert maildrop(server, names[0]) == [letter(1)]


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("operation", ["write", "sync"])
def test_a_failing_disk_costs_the_keeper_and_nothing_else(
    server: FaultyServer, names: list[str], operation: str, at: int
) -> None:
    reader, deleter = names
    for login in names:
        person(server, login, [letter(1), letter(2)])
    log = len(server.log.lines)
    with visit(server, deleter) as deleting:
        assert deleting.say("DELE 1").startswith(b"+OK")
        server.order(operation, "IOError", at, 1)
        deleting.send(b"QUIT\r\n")
        delivered = inside(server, lambda store: deliver_until_it_fired(store, server, reader))
        farewell = deleting.line()
    server.log.await_line(r"keeper \(process \d+\) ended by itself with exit code 74", log)
    assert farewell.startswith(b"+OK"), "a deletion is tried again until the keeper is back"
    assert maildrop(server, deleter) == [letter(2)]
    assert sorted(maildrop(server, reader)) == sorted([letter(1), letter(2), *delivered])


async def deliver_until_it_fired(store: Store, server: FaultyServer, login: str) -> list[bytes]:
    """Four at a time; each is acknowledged in the end, by this keeper or by the next."""
    done: list[bytes] = []
    last = False
    while not last:
        last = not server.order_file.exists()
        bodies = [large(len(done) + number) for number in range(4)]
        await asyncio.gather(*(put(store, login, body, once=str(body)[:60]) for body in bodies))
        done += bodies
        assert len(done) < 1000, "the fault never came"
    return done


def test_a_failing_disk_never_shows_half_a_deletion(server: FaultyServer, names: list[str]) -> None:
    """The connection ends without a word while the commit is in doubt: all of it happened, or nothing."""
    login = names[0]
    bodies = [large(number) for number in range(20)]
    person(server, login, bodies)
    visitor: Visitor = visit(server, login)
    for number in range(1, 16):
        assert visitor.say(f"DELE {number}").startswith(b"+OK")
    server.order("sync", "IOError", 1, 1)
    visitor.send(b"QUIT\r\n")
    visitor.close()
    server.log.await_line(rf"\bport={visitor.port}\b")
    assert maildrop(server, login) in (bodies, bodies[15:])
    server.order_file.unlink(missing_ok=True)


def test_the_store_is_sound_after_all_that(server: FaultyServer) -> None:
    assert server.stop() == 0
    assert "sound" in server.gatepost("store", "verify")
    server.start()
