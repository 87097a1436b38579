"""Where a process may write: Landlock, which Linux has since 5.13 and every process may use on itself (landlock(7)).

Reading stays as it is: what the server's user may read it needs (the library, roots, the data). What a process does not
need is writing elsewhere, making and removing files, running programs, TCP connections of its own, and signals to
others. Where the kernel has less of it, or a filter forbids it, what there is holds.

It is one wall of several: it does not see UDP, MPTCP and TCP Fast Open, a change of modes, or Unix sockets with a name.
"""

from __future__ import annotations

import ctypes
import logging
import os
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

log: Final = logging.getLogger("gatepost.net")

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""Numbers of the system calls, the same on all architectures but Alpha."""
_ASK_VERSION: Final = 1
_PATH_BENEATH: Final = 1

_EXECUTE, _WRITE_FILE = 1 << 0, 1 << 1
_REMOVING, _MAKING = 0b11 << 4, 0b111_1111 << 6
"""Of files and directories; of files of every kind."""
_REFER, _TRUNCATE = 1 << 13, 1 << 14
"""Since version 2: names in another directory; since 3."""
_NO_TCP: Final = 0b11
"""To bind and to connect; since version 4."""
_NO_SIGNALS: Final = 1 << 1
"""To processes outside; since version 6."""

WRITE: Final = _WRITE_FILE | _TRUNCATE
"""To write to a file, or to those beneath a directory, that are there."""
CHANGE: Final = WRITE | _REMOVING | _MAKING | _REFER
"""All that can be done beneath a directory, but running what is there."""


def version() -> int:
    """Of the kernel's Landlock; 0: none, or not for us."""
    if sys.platform != "linux":
        return 0
    return max(0, _call(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_ASK_VERSION)))


def restrict(allowed: Mapping[Path, int]) -> int:
    """From now on this thread, and those that it starts, may change nothing but what `allowed` says: path -> `WRITE` or
    `CHANGE`. Wants no_new_privs. Returns the version of what holds; 0: nothing does.

    Raises OSError if a path is not there.
    """
    known = version()
    attributes = ruleset(known)
    if not attributes:
        return 0
    rules = _call(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    if rules < 0:
        return 0
    try:
        for path, rights in allowed.items():
            _allow(rules, path, rights & _handled(known))
        held = _call(_RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint32(0)) == 0
    finally:
        os.close(rules)
    return known if held else 0


def tell(held: int) -> None:
    """Logs what `restrict` returned."""
    if held:
        log.info("the processes that serve may change nothing but what is theirs in the data (Landlock %d)", held)
    else:
        log.info("no Landlock in this kernel, or not for us: the processes that serve are confined by their user alone")


def _handled(known: int) -> int:
    rights = _EXECUTE | _WRITE_FILE | _REMOVING | _MAKING
    return rights | (_REFER if known >= 2 else 0) | (_TRUNCATE if known >= 3 else 0)


def ruleset(known: int) -> bytes:
    """`struct landlock_ruleset_attr`: what is forbidden where no rule allows it, as far as that version knows it."""
    if known < 1:
        return b""
    fields = [_handled(known), *([_NO_TCP] if known >= 4 else []), *([_NO_SIGNALS] if known >= 6 else [])]
    return struct.pack(f"={len(fields)}Q", *fields)


def _allow(rules: int, path: Path, rights: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", rights, descriptor)
        if _call(_ADD_RULE, ctypes.c_int(rules), ctypes.c_int(_PATH_BENEATH), rule, ctypes.c_uint32(0)) < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(path))
    finally:
        os.close(descriptor)


def _call(number: int, *arguments: object) -> int:
    """The result of a system call; -1 and `ctypes.get_errno()` if it failed."""
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    return int(library.syscall(ctypes.c_long(number), *arguments))
