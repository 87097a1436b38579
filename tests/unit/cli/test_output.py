import io
import json

import pytest
import typer
from msgspec import Struct

from gatepost.cli import output


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Row(Struct):
    name: str
    size: int


def test_a_table_in_a_pipe_is_plain_and_uncut(capsys):
    output.table(("name", "note"), [("alice", "x" * 300), ("[bold]", 7)])
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["name    note", "alice   " + "x" * 300, "[bold]  7"]


def test_a_table_on_a_terminal_fits_it(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    output.table(("name", "note"), [("alice", "y" * 300)])
    lines = terminal.getvalue().splitlines()
    assert terminal.getvalue().count("y") == 300
    assert len(lines) > 3


def test_json(capsys):
    output.json([Row("alice", 3)])
    assert json.loads(capsys.readouterr().out) == [{"name": "alice", "size": 3}]


def test_warnings_do_not_mix_with_results(capsys):
    output.say("result")
    output.warn("careful")
    assert capsys.readouterr() == ("result\n", "warning: careful\n")


@pytest.mark.parametrize(("fix", "text"), [("", "gatepost: no\n"), ("do\nso", "gatepost: no\n  do\n  so\n")])
def test_failing(capsys, fix, text):
    with pytest.raises(typer.Exit) as caught:
        output.fail("no", fix)
    assert caught.value.exit_code == 1
    assert capsys.readouterr() == ("", text)


def test_progress_is_silent_in_a_pipe(capsys):
    with output.progress("Working") as report:
        report(1, 2)
    assert capsys.readouterr() == ("", "")


def test_progress_on_a_terminal_keeps_out_of_the_result(monkeypatch, capsys):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with output.progress("Working") as report:
        report(1, 2)
    assert "Working" in terminal.getvalue()
    assert capsys.readouterr().out == ""
