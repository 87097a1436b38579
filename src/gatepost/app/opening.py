"""Opens the store for a command: through the running server, or alone; and waits for what passes.

A server that is starting, or whose keeper is being replaced, has a keeper within a second. Another command has the
store to itself for a moment only, unless it imports a large archive.
"""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Final

from gatepost.errors import StoreHeldError
from gatepost.net.status import read_status
from gatepost.store.remote import PATIENCE, RemoteStore, open_remote
from gatepost.store.socket_path import connected_socket
from gatepost.store.sqlite.local import LocalStore, open_local

log: Final = logging.getLogger("gatepost.store")

LOOK_AGAIN_SECONDS: Final = 0.05
SILENT_SECONDS: Final = 2.0
"""A person who waits for longer is told for whom."""


async def opened(directory: Path, patience: float = PATIENCE) -> LocalStore | RemoteStore:
    """Raises StoreHeldError when `patience` seconds did not do, StoreUnavailableError, StoreCorruptError."""
    begin, told = time.monotonic(), False
    while True:
        try:
            return _open(directory)
        except StoreHeldError as held:
            waited = time.monotonic() - begin
            if waited >= patience:
                raise
            if waited >= SILENT_SECONDS and not told:
                told = True
                log.warning("waiting: %s", str(held).partition("\n")[0])
        await asyncio.sleep(LOOK_AGAIN_SECONDS)


def _open(directory: Path) -> LocalStore | RemoteStore:
    if _keeper_answers(directory):
        return open_remote(directory)
    server = read_status(directory)
    if server is not None:
        # Were the store opened here in the moment without a keeper, the next one could not begin.
        raise StoreHeldError(
            f"the server (process {server.pid}) is {server.state}, and its keeper does not answer\n"
            "`gatepost status` shows its processes; its log says why."
        )
    return open_local(directory)


def _keeper_answers(directory: Path) -> bool:
    try:
        connected_socket(directory).close()
    except PermissionError:
        raise
    except OSError:
        return False
    return True
