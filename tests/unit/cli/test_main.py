import subprocess
import sys
import time

import pytest
import typer
from typer.testing import CliRunner

from gatepost import __version__
from gatepost.cli import main
from gatepost.cli.environment import Environment
from gatepost.errors import NoSuchAccountError


class NoEngine:
    """None of these commands may reach for it."""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEPOST_CONFIG", raising=False)
    monkeypatch.setattr("gatepost.config.load.PLACES", (tmp_path / "gatepost.toml",))
    return lambda *arguments: CliRunner().invoke(main.build(NoEngine()), arguments)


@pytest.fixture
def probe(monkeypatch):
    """A command of its own in the place of `ports`; returns what it was given."""
    seen = []

    def install(work=seen.append):
        app = typer.Typer()

        @app.callback(invoke_without_command=True)
        def command(context: typer.Context) -> None:
            work(context.obj)

        monkeypatch.setattr(main, "_command", lambda _name: typer.main.get_group(app))
        return seen

    return install


def test_version(run):
    assert run("--version").stdout == f"gatepost {__version__}\n"


def test_the_version_comes_at_once():
    script = "from gatepost.cli.main import build; build(None)(['--version'])"
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
        times.append(time.perf_counter() - begin)
    assert min(times) < 1, "importing got slow: imports of heavy modules belong into the commands"


def test_nothing_heavy_is_imported_for_the_version():
    script = (
        "import sys; from gatepost.cli.main import build\n"
        "try: build(None)(['--version'])\n"
        "except SystemExit: print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    assert not {"rich", "msgspec", "asyncio", "ssl", "apsw", "cryptography", "uvloop"} & set(loaded)


def test_help_needs_no_command(run):
    result = run()
    assert "Usage" in result.output


def test_a_wrong_command_suggests_the_near_one(run):
    result = run("prots")
    assert result.exit_code == 2
    assert "Did you mean 'ports'" in result.output


def test_commands_get_the_settings_and_the_file(run, probe, tmp_path):
    (tmp_path / "gatepost.toml").write_text("[server]\nworkers = 7\n")
    seen = probe()
    assert run("ports").exit_code == 0
    assert isinstance(seen[0], Environment)
    assert (seen[0].settings.server.workers, seen[0].config_file) == (7, tmp_path / "gatepost.toml")


@pytest.mark.parametrize("option", ["--config", "-c"])
def test_the_file_can_be_named(run, probe, tmp_path, option):
    (tmp_path / "x.toml").write_text("[server]\nworkers = 5\n")
    seen = probe()
    run(option, "x.toml", "ports")
    assert seen[0].settings.server.workers == 5


def test_a_wrong_file_stops_a_command_with_every_error_and_no_traceback(run, tmp_path):
    (tmp_path / "gatepost.toml").write_text("[server]\nworkers = 99\nlgo = 1\n")
    result = run("ports")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("gatepost: The configuration has errors:\n")
    assert "gatepost.toml:2: error:" in result.stderr
    assert "gatepost.toml:3: error:" in result.stderr


def test_a_wrong_file_does_not_keep_help_from_people(run, tmp_path):
    (tmp_path / "gatepost.toml").write_text("[")
    assert run("ports", "--help").exit_code == 0


def test_our_errors_are_one_clear_line(run, probe):
    def work(_environment):
        raise NoSuchAccountError("There is no account bob@example.com.\nSee `gatepost user list`.")

    probe(work)
    result = run("ports")
    assert result.exit_code == 1
    assert result.stderr == "gatepost: There is no account bob@example.com.\n  See `gatepost user list`.\n"


def test_bugs_are_not_hidden(run, probe):
    def work(_environment):
        raise ZeroDivisionError

    probe(work)
    assert isinstance(run("ports").exception, ZeroDivisionError)


def test_every_command_is_there(run):
    commands = main._Commands()
    assert len(commands) == len(list(commands))
    assert "ports" in commands
    assert "prots" not in commands
    for name in commands:
        assert run(name, "--help").exit_code == 0, name


def test_help_lists_every_command_in_order(run):
    output = run("--help").output
    lines = output[output.index("Commands") :].splitlines()
    assert [name for line in lines if (name := line[2:14].strip()) in main._COMMANDS] == list(main._COMMANDS)
