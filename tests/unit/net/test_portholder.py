from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from gatepost.net.portholder import Holder, port_holders


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_ourselves() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        (holder,) = port_holders(held.getsockname()[1])
    assert holder.pid == os.getpid()
    assert "python" in holder.command or "pytest" in holder.command
    assert str(Holder(7, "dovecot")) == "process 7 (dovecot)"


HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
LINE = "   0: 00000000:03E3 00000000:0000 {} 00000000:00000000 00:00000000 00000000     0        0 {} 1 0\n"


def make(proc: Path, state: str = "0A") -> Path:
    (proc / "net").mkdir()
    (proc / "net" / "tcp").write_text(HEAD + LINE.format(state, 4242))
    for pid in ("12", "13", "self"):
        (proc / pid / "fd").mkdir(parents=True)
        (proc / pid / "comm").write_text("dovecot\n")
    (proc / "12" / "fd" / "3").symlink_to("socket:[4242]")
    (proc / "12" / "fd" / "4").write_text("not a link")
    (proc / "13" / "fd" / "3").symlink_to("socket:[1]")
    (proc / "14").mkdir()
    return proc


def test_a_made_up_system(tmp_path: Path) -> None:
    proc = make(tmp_path)
    (proc / "12" / "cmdline").write_bytes(b"dovecot\0-F\x1b\0")
    assert port_holders(995, proc) == [Holder(12, r"dovecot -F\x1b")]
    assert port_holders(996, proc) == []
    (proc / "12" / "cmdline").write_bytes(b"")
    assert port_holders(995, proc) == [Holder(12, "dovecot")]
    (proc / "12" / "cmdline").write_bytes(b"x" * 200)
    assert len(port_holders(995, proc)[0].command) == 80
    (proc / "12" / "cmdline").unlink()
    assert port_holders(995, proc) == [Holder(12, "unknown")]


def test_connections_do_not_hold_a_port(tmp_path: Path) -> None:
    assert port_holders(995, make(tmp_path, state="01")) == []


def test_no_proc(tmp_path: Path) -> None:
    assert port_holders(995, tmp_path / "none") == []
