import json
import tomllib

import pytest
from typer.testing import CliRunner

from gatepost.cli.main import build
from gatepost.net.authority import ensure


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
        assert run("config", "check").stdout.splitlines()[0] == "gatepost.toml: all right."

    def test_no_file(self, run, tmp_path, monkeypatch):
        monkeypatch.setattr("gatepost.config.load.PLACES", (tmp_path / "none",))
        assert run("config", "check").stdout.splitlines()[0] == "No file, so the defaults: all right."

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
        assert "\n0 errors, 1 warning.\n" in result.stdout

    @pytest.mark.parametrize(("privileged", "number"), [(True, 995), (False, 10995)])
    def test_the_numbers_that_will_be_bound(self, run, tmp_path, monkeypatch, privileged, number):
        monkeypatch.setattr("gatepost.cli.config.may_bind_low_ports", lambda: privileged)
        monkeypatch.setattr("gatepost.cli.config.bindable", lambda rows: rows)
        text = '[service.pop3s]\naddresses = ["127.0.0.1"]\nlisten = ["127.0.0.1:1995"]\n'
        (tmp_path / "gatepost.toml").write_text(text)
        said = run("config", "check").stdout
        assert f"Started by this user it listens: pop3s on 127.0.0.1:{number}, pop3s on 127.0.0.1:1995.\n" in said
        assert ("(with it: 995, 1995)" in said) is not privileged

    def test_certificates_are_read_as_the_server_reads_them(self, run, tmp_path):
        """One whose key is another's, and an authority that is none: files that exist and that `serve` refuses."""
        one, other = (ensure(tmp_path / name, ["localhost"]) for name in ("one", "other"))
        (tmp_path / "text.pem").write_text("nothing")
        (tmp_path / "gatepost.toml").write_text(
            f'[[tls.certificate]]\nfile = "{one.certificate}"\nkey = "{one.key}"\n'
            f'[[tls.certificate]]\nfile = "{one.certificate}"\nkey = "{other.key}"\n'
            '[[tls.certificate]]\nfile = "absent.pem"\n[service.pop3s]\nclient_ca = "text.pem"\n'
        )
        result = run("config", "check", "--json")
        assert result.exit_code == 1
        found = [(each["line"], each["problem"]) for each in json.loads(result.stdout)]
        assert found[0] == (5, f"{other.key} is not the key of the certificate in {one.certificate}")
        assert found[1][0] == 8
        assert "there is no file" in found[1][1]
        assert found[2][0] == 10
        assert "holds no certificate authorities" in found[2][1]
        assert len(found) == 3

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
