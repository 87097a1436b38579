"""The wall clock may be set, forwards and back, at any time: it is read only where a time of day is meant."""

import re
from pathlib import Path

import gatepost

ROOT = Path(gatepost.__file__).parent

TIMES_OF_DAY = {
    "app/crew.py": "when the server started, and until when somebody is refused, for people to read",
    "cli/cert.py": "certificates have dates",
    "cli/deliver.py": "when a message was received",
    "cli/mail.py": "when a message was received; a number that was not used before",
    "cli/quickstart.py": "when a message was received",
    "cli/sessions.py": "since when a session is there, for people to read",
    "cli/server.py": "how long ago something was, for people to read",
    "delivery/ingest.py": "ids begin with a time",
    "doctor/examine/examination.py": "certificates have dates",
    "doctor/own/gather/system.py": "certificates have dates, and how long ago a backup was made",
    "doctor/talk/stream.py": "dates in a transcript",
    "identity/authenticator.py": "when a credential was last used",
    "net/log.py": "each line has its time",
    "net/status.py": "when the server started, for people to read",
    "net/supervisor.py": "when a process started, for people to read",
    "net/tls.py": "certificates have dates",
    "store/clock.py": "judges it",
    "store/keeper.py": "when messages came; the store judges this clock before it deletes by it",
    "store/memory/store.py": "when messages came",
    "store/sqlite/local.py": "when messages came",
}


WALL_CLOCK = re.compile(r"\btime\.time(_ns)?\b(?!`)|^from time import .*\btime(_ns)?\b", re.MULTILINE)
"""Not where documentation names it."""


def test_durations_are_never_measured_with_the_wall_clock() -> None:
    found = {file.relative_to(ROOT).as_posix() for file in ROOT.rglob("*.py") if WALL_CLOCK.search(file.read_text())}
    assert found == set(TIMES_OF_DAY)
