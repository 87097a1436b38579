import json
import tomllib

import pytest
from typer.testing import CliRunner

from gatepost.cli.main import build


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEPOST_CONFIG", raising=False)
    return lambda *arguments: CliRunner().invoke(build(None), arguments)


class TestInit:
    def test_it_writes_a_commented_file_that_is_right(self, run, tmp_path):
        result = run("init")
        assert result.exit_code == 0
        assert result.stdout.startswith("Wrote gatepost.toml. Next:\n  1. ")
        assert tomllib.loads((tmp_path / "gatepost.toml").read_text("utf-8"))["server"] == {}
        assert run("config", "check").exit_code == 0

    def test_domain_and_data(self, run, tmp_path):
        result = run("init", "--domain", "Example.com.", "--data", "/srv/mail")
        assert "gatepost user add alice@example.com" in result.stdout
        assert tomllib.loads((tmp_path / "gatepost.toml").read_text("utf-8"))["server"] == {
            "hostname": "mail.example.com",
            "default_domain": "example.com",
            "data": "/srv/mail",
        }

    def test_it_overwrites_nothing(self, run, tmp_path):
        (tmp_path / "gatepost.toml").write_text("[server]\n")
        result = run("init")
        assert result.exit_code == 1
        assert result.stderr.startswith("gatepost: gatepost.toml exists already\n  ")
        assert (tmp_path / "gatepost.toml").read_text() == "[server]\n"

    def test_a_named_file_is_named_in_the_next_steps(self, run, tmp_path):
        assert "gatepost --config x.toml config check" in run("--config", "x.toml", "init").stdout
        assert (tmp_path / "x.toml").exists()

    def test_a_folder_that_is_not_there(self, run):
        result = run("--config", "none/x.toml", "init")
        assert result.exit_code == 1
        assert result.stderr.startswith("gatepost: cannot write none/x.toml: no such file or directory\n")

    @pytest.mark.parametrize("domain", ["a@b", "https://x", "a b", "a..b", '"'])
    def test_what_is_no_domain(self, run, tmp_path, domain):
        result = run("init", "--domain", domain)
        assert result.exit_code == 1
        assert "is not a domain" in result.stderr
        assert not (tmp_path / "gatepost.toml").exists()


class TestCheck:
    def test_all_right(self, run, tmp_path):
        (tmp_path / "gatepost.toml").touch()
        assert run("config", "check").stdout == "gatepost.toml: all right.\n"

    def test_no_file(self, run, tmp_path, monkeypatch):
        monkeypatch.setattr("gatepost.config.load.PLACES", (tmp_path / "none",))
        assert run("config", "check").stdout == "No file, so the defaults: all right.\n"

    def test_errors_and_warnings(self, run, tmp_path):
        (tmp_path / "x.toml").write_text("[server]\nworkers = 99\n[service.pop3]\non = true\n")
        result = run("config", "check", "x.toml")
        assert result.exit_code == 1
        lines = result.stdout.splitlines()
        assert lines[0] == "x.toml:2: error: `server.workers` cannot be 99"
        assert lines[2].startswith("x.toml:4: warning: pop3 ")
        assert lines[-1] == "1 error, 1 warning."

    def test_warnings_alone_are_no_failure(self, run, tmp_path):
        (tmp_path / "gatepost.toml").write_text("[service.pop3]\non = true\n")
        result = run("config", "check")
        assert result.exit_code == 0
        assert result.stdout.endswith("0 errors, 1 warning.\n")

    def test_for_programs(self, run, tmp_path):
        (tmp_path / "gatepost.toml").write_text("nope = 1\n")
        result = run("config", "check", "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout) == [
            {
                "file": "gatepost.toml",
                "line": 1,
                "severity": "error",
                "problem": "unknown setting `nope`",
                "fix": "Known at the top: server, tls, service, limits, pop3, defaults, delivery.",
            }
        ]

    def test_for_programs_without_a_file(self, run, tmp_path, monkeypatch):
        monkeypatch.setattr("gatepost.config.load.PLACES", (tmp_path / "none",))
        (tmp_path / "data").touch()
        (finding,) = json.loads(run("config", "check", "--json").stdout)
        assert (finding["file"], finding["line"]) == (None, None)
