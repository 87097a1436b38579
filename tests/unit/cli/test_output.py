import ast
import io
import json
import re
from pathlib import Path

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


HOSTILE = "\x1b]0;x\x07\x9b31m\u202e\u2028\udc80[bold][link=http://x]:smile:"
SHOWN = "\\x1b]0;x\\x07\\x9b31m\\u202e\\u2028\\udc80[bold][link=http://x]:smile:"


@pytest.mark.parametrize("terminal", [False, True])
def test_whatever_is_printed_is_printable(monkeypatch, terminal):
    out, err = (Terminal(), Terminal()) if terminal else (io.StringIO(), io.StringIO())
    monkeypatch.setattr("sys.stdout", out)
    monkeypatch.setattr("sys.stderr", err)
    monkeypatch.setenv("COLUMNS", "200")
    output.say(f"{HOSTILE}\nmore")
    output.table((HOSTILE,), [(HOSTILE + "\n",)])
    plain = out.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "")
    assert [line.rstrip() for line in plain.split("\n")[:-1]] == [
        SHOWN,
        "more",
        SHOWN,
        SHOWN + "\\n",
    ]
    for speak in (output.note, output.warn, output.complain):
        speak(HOSTILE)
    output.complain("no", HOSTILE)
    assert err.getvalue().splitlines() == [
        SHOWN, f"warning: {SHOWN}", f"gatepost: {SHOWN}", "gatepost: no", f"  {SHOWN}",
    ]  # fmt: skip


def test_json_is_ascii(capsys):
    output.json({"a": HOSTILE})
    said = capsys.readouterr().out
    assert said.isascii()
    assert said.replace("\n", "").isprintable()
    assert json.loads(said) == {"a": HOSTILE}


def test_progress_obeys_no_markup(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with output.progress("[bold]\x07") as report:
        report(1, 2)
    assert "[bold]\\x07" in terminal.getvalue()


def test_emphasis_is_for_terminals_that_want_it(monkeypatch, capsys):
    output.say("x", strong=True)
    assert capsys.readouterr().out == "x\n"
    for wanted, shown in (("", "\x1b[1mx\x1b[0m\n"), ("1", "x\n")):
        terminal = Terminal()
        monkeypatch.setattr("sys.stdout", terminal)
        monkeypatch.setenv("NO_COLOR", wanted)
        output.say("x", strong=True)
        assert terminal.getvalue() == shown


def test_octets_are_exact_in_a_pipe_and_text_on_a_terminal(monkeypatch, capfdbinary):
    output.raw([b"a\r\n", b"\x1b\xff"])
    assert capfdbinary.readouterr().out == b"a\r\n\x1b\xff"
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    output.raw([b"a\r\n", b"\x1b\xff"])
    assert terminal.getvalue() == "a\n\\x1b\\xff\n"


def test_questions_quote_nothing_raw(monkeypatch):
    asked = []
    monkeypatch.setattr(typer, "prompt", lambda text, **_: asked.append(text) or "")
    monkeypatch.setattr(typer, "confirm", lambda text, **_: asked.append(text))
    output.ask_secret("a\x1b")
    output.confirm("b\x1b")
    assert asked == ["a\\x1b", "b\\x1b"]


def test_an_old_terminal_gets_what_it_can_show(monkeypatch):
    octets = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(octets, "latin-1", write_through=True))
    output.say("é → ✓")
    assert octets.getvalue() == b"\xe9 ? ?\n"


PRINTS = r"\b(echo|secho|typer\.prompt|typer\.confirm|Console|std(out|err)(\.buffer)?\.write\w*)$"


def printing_calls(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in {"print", "input"} or re.search(
                PRINTS,
                called,
            ):
                yield called


def test_commands_print_by_this_module_only():
    """A call that somebody forgets cannot leak what strangers wrote; `doctor.show` cleans its pages by itself."""
    places = {
        (file.name, called)
        for file in Path(output.__file__).parent.rglob("*.py")
        if file.name != "output.py"
        for called in printing_calls(ast.parse(file.read_text()))
    }
    assert places == {("examination.py", "sys.stdout.write")}
