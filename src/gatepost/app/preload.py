"""Loads before the fork whatever any process of the server may need: afterwards files may be out of its reach.

Children have another user, and less to read than root. What Python would load at first use, they could not: a text
codec that a mail names, a module that a library puts off.
"""

from __future__ import annotations

import encodings
import gc
import importlib
import pkgutil
from contextlib import suppress
from types import ModuleType
from typing import Final

from gatepost.store.sqlite.migrate import steps

ROOMS: Final = ("app", "config", "identity", "mime", "net", "pop3", "sasl", "store", "store.sqlite")
MORE: Final = ("stringprep", "traceback", "unicodedata")
"""What is known to be loaded late by somebody."""


def preload() -> None:
    """Imports all of it, and keeps the collector from touching (and so copying) what is shared. Some 0.2 s."""
    for room in ROOMS:
        _import_all(importlib.import_module(f"gatepost.{room}"))
    _import_all(encodings)
    for name in MORE:
        importlib.import_module(name)
    steps()
    gc.collect()
    gc.freeze()


def _import_all(package: ModuleType) -> None:
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        with suppress(ImportError):  # codecs of another system
            importlib.import_module(module.name)
