"""Exit codes for mail servers (<sysexits.h>): whatever goes wrong with a command that they run, they must not take it
for a refusal. Imports next to nothing: what cannot be imported is one of the things that go wrong.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

from gatepost.cli import output

T = TypeVar("T")

LATER: Final = "4.3.0"
"""RFC 3463 §3.4: other or undefined mail system status, for now."""

_ANSWERS: Final = (os.EX_OK, os.EX_DATAERR, os.EX_NOUSER, os.EX_UNAVAILABLE, os.EX_TEMPFAIL)
"""Whatever else a command ends with (1: an error, 2: a wrong option) a mail server would take for good."""


def answering(run: Callable[[], T]) -> T:
    """Runs the command, and lets it end with no other code than those of the table."""
    try:
        return run()
    except SystemExit as end:
        if (end.code or os.EX_OK) in _ANSWERS:
            raise
        raise SystemExit(os.EX_TEMPFAIL) from None
    except Exception as error:  # noqa: BLE001 -- whatever it is, the message must stay with the mail server
        with suppress(OSError):
            output.note(f"{LATER} an error of Gatepost's own, please report it: {type(error).__name__}: {error}")
            output.note(traceback.format_exc())
        raise SystemExit(os.EX_TEMPFAIL) from None
    finally:
        _drop_unheard()


def _drop_unheard() -> None:
    """What could not be written (nobody reads, the log's disk is full) would be tried again when the interpreter ends,
    and make 120 of any exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
