"""What somebody finds who took over a worker: an empty environment, and a keeper that does little for him."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.server import Server, installation

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what Linux tells of a peer")

TAKEN_OVER = """
import asyncio, os, sys
from gatepost.app import crew, main
from gatepost.store.commands import CreateDomain
from gatepost.store.remote import open_remote

async def ask(directory):
    store = open_remote(directory)
    try:
        await store.execute(CreateDomain("evil.example"))
        print("DONE", file=sys.stderr, flush=True)
    except Exception as error:
        print("REFUSED:", error, file=sys.stderr, flush=True)
    finally:
        await store.close()

def taken_over(channel, open_site):
    directory = open_site.func.__self__._directory
    first = os.fork()
    if not first:
        if os.fork():
            os._exit(0)  # the grandchild is an orphan now
        asyncio.run(ask(directory))
        os._exit(0)
    os.waitpid(first, 0)
    asyncio.run(ask(directory))
    return 0

if "serve" in sys.argv:
    crew.run_worker = taken_over
main()
"""


class TakenOver(Server):
    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-c", TAKEN_OVER, "--config", str(self.config_file), *arguments]


@pytest.fixture
def server() -> Iterator[TakenOver]:
    with installation(kind=TakenOver, workers=1) as server:
        server.gatepost("domain", "add", "example.test")
        yield server


def test_neither_it_nor_its_orphans_are_the_administrator(server: TakenOver) -> None:
    server.environ["DEPLOY_TOKEN"] = "hunter2"
    server.start(ready=False)
    server.log.await_line("REFUSED: this is not for workers to ask for")
    server.log.await_line("a worker asked for CreateDomain, which no session does: it was refused")
    server.wait()
    said = [line for line in server.log.lines if "REFUSED" in line or "DONE" in line]
    assert said
    assert not [line for line in said if "DONE" in line]
    assert "evil.example" not in server.gatepost("domain", "list")


def test_commands_are_the_administrators_and_children_hold_no_secrets_of_others() -> None:
    with installation(workers=1) as server:
        server.environ["DEPLOY_TOKEN"] = "hunter2"
        server.start()
        server.gatepost("domain", "add", "example.test")
        server.add_user()
        server.deliver(b"Subject: x\n\nx\n")
        for each in server.status().processes:
            assert b"hunter2" not in Path(f"/proc/{each.pid}/environ").read_bytes()
        server.session().quit()
        assert server.stop() == 0
