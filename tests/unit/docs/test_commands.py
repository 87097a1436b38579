"""Every `gatepost …` line in the documentation exists, with the options it shows."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from gatepost.cli.main import build
from gatepost.doctor.knowledge import load

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("[A-QS-Z]*.md")), *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)

SAFE = re.compile(r"gatepost (?:(?:--help|--version|ports|ports --json|config check|init\b.*|[a-z ]+ --help))$")
"""Commands that need no server and no store: these run."""


def commands(text):
    """Lines after a prompt in console blocks, with continued lines joined."""
    for block in BLOCK.findall(text):
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            if found := re.match(r"[$#] (.*)", line):
                yield found[1]


def gatepost_arguments(command):
    """The arguments of each `gatepost` in a command line with pipes, `sudo` and comments."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars="|<>&;")
    lexer.whitespace_split = True
    words = list(lexer)
    for place, word in enumerate(words):
        if Path(word).name == "gatepost" and (place == 0 or words[place - 1] in ("sudo", "|", "&&", ";", "exec")):
            rest = words[place + 1 :]
            end = next((n for n, each in enumerate(rest) if set(each) <= set("|<>&;")), len(rest))
            yield rest[:end]


ALL = [
    pytest.param(command, arguments, id=f"{page.name}: {command}")
    for page in PAGES
    for command in commands(page.read_text("utf-8"))
    for arguments in gatepost_arguments(command)
] + [
    pytest.param(command, arguments, id=f"row {row.id}: {command}")
    for row in load().rows()
    for command in [re.sub(r"\{\w+\}", "x", row.command)]
    for arguments in gatepost_arguments(command)
]


def check(arguments):
    """Parses the arguments down to the command that would run; raises what a user would see."""
    command = typer.main.get_command(build(None))
    context = command.make_context("gatepost", list(arguments), resilient_parsing=False)
    while rest := [*context._protected_args, *context.args]:
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)
        if not hasattr(command, "resolve_command"):
            break
    return command.name


@pytest.mark.parametrize(("command", "arguments"), ALL)
def test_a_command_in_the_documentation_parses(command, arguments):
    assert command
    try:
        check(arguments)
    except typer.Exit:
        assert {"--version", "--help"} & set(arguments)


@pytest.mark.parametrize(
    "command", sorted({item.values[0] for item in ALL if SAFE.match(item.values[0])}) or ["gatepost --version"]
)
def test_a_safe_command_in_the_documentation_runs(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEPOST_CONFIG", raising=False)
    result = CliRunner().invoke(build(None), shlex.split(command)[1:])
    assert result.exit_code == 0, result.output


TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_in_the_documentation_exists(page):
    for command in commands(page.read_text("utf-8")):
        if found := re.match(r"make ([a-z]+)", command):
            assert found[1] in TARGETS


class TestTheHarness:
    def test_it_finds_commands(self):
        text = "x\n```console\n$ gatepost ports \\\n  --json\noutput\n# gatepost init\n```\n```\n$ no\n```\n"
        assert list(commands(text)) == ["gatepost ports --json", "gatepost init"]

    @pytest.mark.parametrize(
        ("command", "arguments"),
        [
            ("sudo gatepost user add 'Alice B' | tee x", [["user", "add", "Alice B"]]),
            ("gatepost mail deliver a@b < message.eml", [["mail", "deliver", "a@b"]]),
            ("curl x | .venv/bin/gatepost ports && gatepost init", [["ports"], ["init"]]),
            ("ls gatepost", []),
        ],
    )
    def test_it_finds_arguments(self, command, arguments):
        assert list(gatepost_arguments(command)) == arguments

    @pytest.mark.parametrize("arguments", [["prots"], ["ports", "--jsn"], ["config", "chek"], ["ports", "extra"]])
    def test_it_refuses_what_does_not_exist(self, arguments):
        with pytest.raises(Exception, match=r"[Nn]o such|[Uu]nexpected|unexpected extra"):
            check(arguments)

    def test_it_takes_what_exists(self):
        assert check(["--config", "x", "config", "check", "--json", "file"]) == "check"
