from __future__ import annotations

import os
import subprocess
import sys

import pytest

from gatepost.net import environment
from gatepost.net.environment import KEPT, empty

SCRIPT = """
import os
from gatepost.net.environment import empty
import sys, time
if os.fork() == 0:
    empty()
    assert set(os.environ) <= {"LC_CTYPE", "TZ", "PATH"}, os.environ
    assert os.environ["TZ"] == os.getenv("TZ") == "Europe/Berlin"
    shown = open("/proc/self/environ", "rb").read()
    assert b"hunter2" not in shown and b"TOKEN" not in shown, shown
    time.tzset()
    assert time.tzname[0] == "CET"
    os.execvp("sh", ["sh", "-c", "env"])
assert os.wait()[1] == 0
assert b"TOKEN=hunter2" in open("/proc/self/environ", "rb").read(), "the parent's own stays"
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc of Linux")
def test_a_forked_child_holds_none_of_it() -> None:
    environ = {
        "TOKEN": "hunter2",
        "TZ": "Europe/Berlin",
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environ, capture_output=True, text=True, check=True)
    assert "hunter2" not in done.stdout
    assert "TZ=Europe/Berlin" in done.stdout


def test_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the test's own memory is touched."""
    monkeypatch.setattr(environment, "_place", lambda: None)
    environ = {"TZ": "UTC", "HOME": "/root", "SECRET": "x", "LANG": "C"}
    empty(environ)
    assert environ == {"TZ": "UTC", "LANG": "C"}
    assert "HOME" not in KEPT


@pytest.mark.parametrize("text", [None, "", "1 (a) S 1", "1 (a) S " + "0 " * 60])
def test_a_system_that_does_not_tell(monkeypatch: pytest.MonkeyPatch, tmp_path: object, text: str | None) -> None:
    file = tmp_path / "stat"  # type: ignore[operator]
    if text is not None:
        file.write_text(text)
    monkeypatch.setattr(environment, "_STAT", file)
    assert environment._place() is None
