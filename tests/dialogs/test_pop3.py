"""Every script in tests/dialogs/pop3, against a session in memory, with input cut in different ways."""

import asyncio
from pathlib import Path

import pytest

from dialogs.house import handled
from dialogs.runner import MemoryWire, MismatchError, SocketWire, matches, read, run

SCRIPTS = sorted((Path(__file__).parent / "pop3").glob("*.dialog"))


async def play(script, chunk, *, remembers=True):
    house = script.world.house()
    house.services.authenticator.remembers = remembers

    async def connect(service):
        return MemoryWire(*await house.connect(service, **script.world.peer), chunk)

    def wait(seconds):
        house.now += seconds

    await run(script, connect, wait)
    return house


@pytest.mark.parametrize(
    ("chunk", "remembers"),
    [(1, True), (3, True), (65536, True), (65536, False)],
    ids=["each octet", "three octets", "whole segments", "logins that wait"],
)
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_dialog(path, chunk, remembers):
    house = asyncio.run(play(read(path), chunk, remembers=remembers))
    assert not house.locks.held
    assert house.tally.sessions == 0


def test_a_wrong_answer_is_noticed(tmp_path):
    script = tmp_path / "wrong.dialog"
    script.write_text("S: +OK *\nC: QUIT\nS: -ERR *\n")
    with pytest.raises(MismatchError, match=r"wrong.dialog line 3: expected b'-ERR \*', got b'\+OK goodbye'"):
        asyncio.run(play(read(script), 100))


def test_a_missing_answer_is_noticed(tmp_path):
    script = tmp_path / "wrong.dialog"
    script.write_text("S: +OK *\nC: QUIT\nS: +OK *\nS: ...\nS: +OK never\n")
    with pytest.raises(MismatchError, match="closed before"):
        asyncio.run(play(read(script), 100))


@pytest.mark.parametrize(
    ("pattern", "line", "expected"),
    [
        (b"+OK *", b"+OK x", True), (b"+OK *", b"+OK ", True), (b"+OK", b"+OK x", False), (b"*", b"", True),
        (b"a*b*c", b"axxbyyc", True), (b"a*b*c", b"axxc", False), (b"a*c", b"b", False), (b"ab*ba", b"aba", False),
    ],
)  # fmt: skip
def test_wildcards(pattern, line, expected):
    assert matches(pattern, line) is expected


def test_a_script_runs_over_a_socket(tmp_path):
    """The wire for live servers, against a server that plays one session over loopback."""
    script = tmp_path / "live.dialog"
    script.write_text(
        "@service pop3\n@peer cleartext_login=yes\nS: +OK *\nC: CAPA\nS: ...\nS: .\nC: QUIT\nS: +OK *\nCLOSED\n"
    )
    asyncio.run(over_loopback(read(script)))


async def over_loopback(script):
    house = script.world.house()

    async def serve(reader, writer):
        session, flow = await house.connect("pop3", **script.world.peer)
        writer.write(bytes(flow.out))
        while not session.finished and (data := await reader.read(1000)):
            session.machine.receive_data(data)
            await handled(session)
            writer.write(flow.collect())
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]

        async def connect(service):
            return await SocketWire.connect("127.0.0.1", port, None, tls=False)

        await run(script, connect, lambda _: None)
