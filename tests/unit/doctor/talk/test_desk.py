import asyncio
import io
import os
import pty
import re
import termios

import pytest

from gatepost.doctor.talk import desk as module
from gatepost.doctor.talk.desk import Pipe, Source, Terminal, desk, keys_one_by_one
from gatepost.doctor.talk.dialog import Dialog
from gatepost.doctor.talk.effects import Channel, Send, Show, Tone

DIALOG = Dialog("pop3", Channel(encrypted=True, verified=True))
DIALOG.received(b"+OK hi\r\n")


class Keys:
    """In the place of a `Source`: what comes, piece by piece."""

    def __init__(self, *pieces):
        self.pieces = [piece.encode() if isinstance(piece, str) else piece for piece in pieces]

    async def read(self):
        return self.pieces.pop(0) if self.pieces else b""


class TestSource:
    def read_all(self, descriptor):
        async def work():
            source, came = Source(descriptor), []
            while octets := await source.read():
                came.append(octets)
            return b"".join(came)

        return asyncio.run(work())

    def test_a_pipe(self):
        reading, writing = os.pipe()
        os.write(writing, b"one\ntwo\n")
        os.close(writing)
        assert self.read_all(reading) == b"one\ntwo\n"
        os.close(reading)

    def test_a_file_that_cannot_be_waited_for(self, tmp_path):
        file = tmp_path / "script"
        file.write_bytes(b"CAPA\n")
        with file.open("rb") as stream:
            assert self.read_all(stream.fileno()) == b"CAPA\n"

    def test_a_closed_one_is_at_its_end(self):
        reading, writing = os.pipe()
        os.close(reading)
        os.close(writing)
        assert self.read_all(reading) == b""

    def test_waiting_can_be_given_up_without_loss(self):
        async def work():
            reading, writing = os.pipe()
            source = Source(reading)
            waiting = asyncio.create_task(source.read())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            os.write(writing, b"late")
            came = await source.read()
            os.close(reading)
            os.close(writing)
            return came

        assert asyncio.run(work()) == b"late"

    def test_waking_twice_is_waking_once(self):
        async def work():
            waiting = asyncio.get_running_loop().create_future()
            module._wake(waiting)
            module._wake(waiting)
            return await waiting

        assert asyncio.run(work()) is None


class TestPipe:
    def make(self, *pieces):
        output, remarks = io.StringIO(), io.StringIO()
        return Pipe(Keys(*pieces), output, remarks), output, remarks

    def test_lines(self):
        pipe, _, _ = self.make("CA", "PA\r\nQU", b"IT\n\xff\n", "rest")

        async def work():
            return [await pipe.line(DIALOG) for _ in range(5)]

        assert asyncio.run(work()) == ["CAPA", "QUIT", "\udcff", "rest", None]

    def test_an_endless_line_has_an_end(self, monkeypatch):
        monkeypatch.setattr(module, "_LONGEST", 10)
        pipe, _, _ = self.make("x" * 12, "y\n")
        assert asyncio.run(pipe.line(DIALOG)) == "x" * 12

    def test_a_question_is_answered_by_the_next_line(self):
        pipe, output, remarks = self.make("secret\n")
        assert asyncio.run(pipe.ask("Password", secret=True)) == "secret"
        assert output.getvalue() + remarks.getvalue() == ""

    def test_the_servers_words_and_ours_go_apart(self):
        pipe, output, remarks = self.make()
        pipe.show(Show("+OK", Tone.SERVER, "fine"))
        pipe.sent(Send(b"QUIT\r\n", "QUIT"), typed=True)
        assert output.getvalue() == "+OK\n"
        assert remarks.getvalue() == "# +OK: fine\n> QUIT\n"


def seen(screen):
    """What stands there at the end, line by line."""
    lines = []
    for line in screen.getvalue().split("\n"):
        plain = re.sub(r"\x1b\[\d*[mC]", "", line)
        lines.append(re.split(r"\r\x1b\[K", plain)[-1].split("\r")[0])
    return lines


class TestTerminal:
    def make(self, *keys):
        screen = io.StringIO()
        return Terminal(Keys(*keys), screen, colour=False, width=lambda: 60), screen

    def test_a_line_stays_on_the_screen_without_its_secret(self):
        terminal, screen = self.make("PASS hun", "ter2\r")
        assert asyncio.run(terminal.line(DIALOG)) == "PASS hunter2"
        assert seen(screen) == ["pop3> PASS [secret]", ""]
        assert "PASS ***" in screen.getvalue()
        assert "hun" not in screen.getvalue()

    def test_secrets_are_not_in_the_history(self):
        terminal, _ = self.make("CAPA\rPASS hunter2\r\x1b[A\r")

        async def work():
            return [await terminal.line(DIALOG) for _ in range(3)]

        assert asyncio.run(work()) == ["CAPA", "PASS hunter2", "CAPA"]

    @pytest.mark.parametrize("keys", ["\x04", ""])
    def test_the_end(self, keys):
        terminal, _ = self.make(keys)
        assert asyncio.run(terminal.line(DIALOG)) is None

    def test_a_question(self):
        terminal, screen = self.make("se", "cret\r", "alice\t\r")

        async def work():
            return await terminal.ask("Password", secret=True), await terminal.ask("User name", secret=False)

        assert asyncio.run(work()) == ("secret", "alice")
        assert "secret" not in screen.getvalue().replace("[secret]", "")
        assert seen(screen) == ["Password: [secret]", "User name: alice", ""]

    @pytest.mark.parametrize(
        ("keys", "line", "listed"),
        [
            ("CA\t\r", "CAPA ", False),
            ("US\t\t\r", "USER ", True),
            ("A\t\r", "A", True),
            ("/\t\r", "/", True),
            ("/h\t\r", "/help ", False),
            ("ZZ\t\r", "ZZ", False),
        ],
    )
    def test_tab(self, keys, line, listed):
        terminal, screen = self.make(keys)
        assert asyncio.run(terminal.line(DIALOG)) == line
        assert any(shown.startswith("  ") for shown in seen(screen)) is listed

    def test_tab_goes_as_far_as_all_agree(self):
        imap = Dialog("imap", Channel(encrypted=True))
        imap.received(b"* PREAUTH hi\r\n")
        imap.typed("x SELECT y")
        imap.received(b"x OK\r\n")
        terminal, screen = self.make("ui\tFE\t1\r")
        assert asyncio.run(terminal.line(imap)) == "UID FETCH 1"
        assert seen(screen) == ["imap> UID FETCH 1", ""]

    def test_a_hint_where_nothing_completes(self):
        terminal, screen = self.make("CAPA \t\r")
        asyncio.run(terminal.line(DIALOG))
        assert "    CAPA: list what the server can do" in seen(screen)

    def test_the_servers_words_come_above_what_is_being_typed(self):
        terminal, screen = self.make()

        async def work():
            reading, writing = os.pipe()
            terminal._source = Source(reading)
            line = asyncio.create_task(terminal.line(DIALOG))
            os.write(writing, b"CA")
            while "CA" not in screen.getvalue():  # noqa: ASYNC110 -- the screen has no event
                await asyncio.sleep(0)
            terminal.show(Show("* 5 EXISTS", Tone.SERVER))
            os.write(writing, b"PA\r")
            typed = await line
            os.close(reading)
            os.close(writing)
            return typed

        assert asyncio.run(work()) == "CAPA"
        assert seen(screen) == ["* 5 EXISTS", "pop3> CAPA", ""]

    def test_a_line_that_nobody_waits_for_any_more_leaves_no_prompt(self):
        terminal, screen = self.make()

        async def work():
            reading, writing = os.pipe()
            terminal._source = Source(reading)
            line = asyncio.create_task(terminal.line(DIALOG))
            await asyncio.sleep(0)
            line.cancel()
            await asyncio.gather(line, return_exceptions=True)
            os.close(reading)
            os.close(writing)

        asyncio.run(work())
        assert "pop3> " in screen.getvalue()
        assert seen(screen) == [""]

    def test_what_we_send_ourselves_is_told(self):
        terminal, screen = self.make()
        terminal.sent(Send(b"STLS\r\n", "STLS"), typed=False)
        terminal.sent(Send(b"QUIT\r\n", "QUIT"), typed=True)
        assert seen(screen) == ["    > STLS", ""]


class TestDesk:
    def test_keys_one_by_one_and_back(self):
        ours, theirs = pty.openpty()
        before = termios.tcgetattr(theirs)
        with keys_one_by_one(theirs):
            during = termios.tcgetattr(theirs)
            assert not during[3] & (termios.ECHO | termios.ICANON)
            assert during[3] & termios.ISIG, "Ctrl-C stays a signal"
        assert termios.tcgetattr(theirs) == before
        os.close(ours)
        os.close(theirs)

    def test_a_pipe_where_there_is_no_terminal(self, monkeypatch):
        monkeypatch.setattr("sys.stdin", io.StringIO())
        with desk() as found:
            assert not found.interactive

    @pytest.mark.parametrize(("kind", "interactive"), [("xterm", True), ("dumb", False)])
    def test_a_terminal(self, monkeypatch, kind, interactive):
        ours, theirs = pty.openpty()
        with os.fdopen(theirs, "r+b", buffering=0) as raw, io.TextIOWrapper(raw) as stream:
            monkeypatch.setattr("sys.stdin", stream)
            monkeypatch.setattr("sys.stdout", stream)
            monkeypatch.setenv("TERM", kind)
            with desk() as found:
                assert found.interactive is interactive
                if interactive:
                    assert found._width() > 0
            monkeypatch.undo()
        os.close(ours)


def test_what_words_share():
    assert module._shared(["SUBSCRIBE", "SUB"]) == "SUB"
    assert module._shared(["A", "B"]) == ""
    assert module._shared([]) == ""
