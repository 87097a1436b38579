"""What every command gets in `typer.Context.obj`: the configuration, the engine, and how to print."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import uvloop

from gatepost.config.settings import Settings
from gatepost.store.api import Health, Maintenance, Store

T = TypeVar("T")


class Engine(Protocol):
    """What `gatepost.app` gives to the command line, so that no command picks an engine."""

    def store(self, settings: Settings) -> AbstractAsyncContextManager[Store]:
        """The store: through the running server if there is one, else opened here. Raises StoreUnavailableError."""

    def maintenance(self, settings: Settings) -> AbstractAsyncContextManager[Maintenance]:
        """Checks and backups of the embedded store, with the server running or not."""

    def restore(self, settings: Settings, backup: Path) -> None:
        """Puts a backup in the place of an absent or empty store. Raises AlreadyExistsError, StoreCorruptError."""

    def compact(self, settings: Settings) -> tuple[int, int]:
        """Writes the store anew without the room of deleted mail; octets before and after. Raises StoreHeldError."""

    async def inspect(self, settings: Settings, accounts: Sequence[int] = ()) -> Health:
        """How the store is, and the logins of these accounts. Changes nothing and raises nothing; for the doctor."""

    def secret(self, settings: Settings) -> bytes:
        """The installation's 32 secret octets (made at first use, mode 0600), e.g. for SCRAM salts."""

    def serve(
        self,
        settings: Settings,
        config_file: Path | None,
        *,
        trace: str = "",
        adjust: Callable[[Settings], Settings] = lambda settings: settings,
        on_ready: Callable[[], None] = lambda: None,
    ) -> int:
        """Runs the server until it is told to stop; returns the exit code.

        `trace`: whose dialog to show. `adjust`: applied to the settings, those of each reload too.
        `on_ready`: called once when every listener accepts.
        """


@dataclass(slots=True)
class Environment:
    """One invocation of `gatepost`."""

    engine: Engine
    settings: Settings
    config_file: Path | None
    """None: no file was found, defaults are in force."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a command's async half to its end."""
        return uvloop.run(work)
