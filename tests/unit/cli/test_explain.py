"""`gatepost explain`, from the command line down to the data files."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from gatepost.cli import explain as module
from gatepost.cli.main import build


@pytest.fixture(autouse=True)
def _plain_house(monkeypatch, tmp_path):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG", "XDG_CONFIG_HOME", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def run(*arguments, input=None):  # noqa: A002
    return CliRunner().invoke(build(None), ["explain", *arguments], input=input)


class TestAnAnswer:
    def test_it_says_what_why_what_to_do_and_who(self):
        result = run("535-5.7.8 Username and Password not accepted")
        assert result.exit_code == 0
        lines = result.output.splitlines()
        assert lines[0] == "Gmail does not accept user name and password."
        assert lines[2].startswith("Code ")
        assert "P5. " in lines[2]
        for label in ("Why ", "What to do ", "Whose job   you", "Proof ", "It may also be:", "  A1  "):
            assert any(line.startswith(label) for line in lines), label

    @pytest.mark.parametrize("text", ["Connection refused", "0x800CCC0D", "invalid_grant", "Relay access denied"])
    def test_it_fits_80_columns_and_is_plain(self, text):
        lines = run(text).output.splitlines()
        by_hand = lines.index("By hand:") if "By hand:" in lines else -2
        assert all(len(line) <= 80 for place, line in enumerate(lines) if place != by_hand + 1)
        assert "\x1b" not in "".join(lines)

    @pytest.mark.parametrize(
        ("text", "command"),
        [
            ("Connection refused", "gatepost doctor HOST:PORT"),
            ("Name or service not known", "gatepost doctor YOUR-ADDRESS"),
            ("NO [AUTHENTICATIONFAILED] no", "gatepost doctor YOUR-ADDRESS --login"),
            ("Address already in use", "gatepost doctor"),
        ],
    )
    def test_it_names_the_command_that_proves_it(self, text, command):
        assert f"Proof       {command}" in run(text).output.splitlines()

    def test_it_is_as_sure_as_the_signs_are(self):
        assert "T1. That is what it means." in run("ECONNREFUSED").output
        expired = run("certificate verify failed: certificate has expired").output
        assert "C1. That is very likely what it means." in expired
        assert "C30" in expired
        assert "T1. That is one possible meaning." in run("The connection to the server has failed.").output
        assert (
            "P5. That is very likely what it means."
            in run("NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)").output
        )
        assert "H1. That is one possible meaning." in run("localhost: connection refused").output

    def test_it_says_who_speaks(self):
        assert "Said by     fetchmail" in run("fetchmail: connection refused").output
        log = run("dovecot: imap-login: SSL_accept() failed: wrong version number").output
        assert "Said by     Dovecot, in a server's own log." in log
        assert "Whose job   whoever uses the mail program" in log
        assert log.startswith("This port of the server speaks TLS from the first octet.")
        assert "Said by" not in run("connection refused").output

    def test_a_password_in_the_message_is_not_repeated(self):
        for option in ((), ("--json",)):
            assert "hunter2" not in run("535 5.7.8 authentication failed for anna:hunter2", *option).output


class TestUnknown:
    def test_it_says_so_and_what_to_do(self):
        result = run("The cat sleeps on the sofa.")
        assert result.exit_code == 3
        assert result.output.startswith("This message is not known here.\n")
        assert "gatepost doctor YOUR-ADDRESS" in result.output

    def test_json(self):
        result = run("The cat sleeps on the sofa.", "--json")
        assert result.exit_code == 3
        nothing = {"speaker": "", "protocol": "", "provider": ""}
        assert json.loads(result.output) == {"schema": 1, "language": "en", "known": False, "matches": [], **nothing}

    def test_it_says_what_it_understood(self):
        assert "Understood so far: Dovecot, IMAP, login." in run("dovecot: imap-login: the cat sleeps").output


class TestInput:
    @pytest.mark.parametrize("arguments", [(), ("-",)])
    def test_standard_input_is_read(self, arguments):
        assert run(*arguments, input="Connection refused\n").output.startswith("The server refuses connections")

    def test_the_end_of_a_long_input_is_read(self):
        text = "line of a log\n" * 100_000 + "Connection refused\n"
        assert run(input=text).output.startswith("The server refuses connections")

    @pytest.mark.parametrize(
        "arguments",
        [("-ERR [AUTH] no",), ("--", "-ERR [AUTH] no"), ("-ERR", "[AUTH]", "no"), ("-ERR [AUTH] no", "--lang", "en")],
    )
    def test_text_may_begin_with_a_dash(self, arguments):
        assert "A1." in run(*arguments).output

    def test_an_option_that_is_misspelt_is_no_text(self):
        result = run("Connection refused", "--jsno")
        assert result.exit_code == 1
        assert "there is no option --jsno" in result.output
        assert "Did you mean --json?" in result.output

    def test_octets_that_are_no_text_do_no_harm(self):
        assert run(input=b"\xff\xfe connection refused \x00").exit_code == 0

    def test_nothing_is_refused(self):
        result = run(input=" \n")
        assert result.exit_code == 1
        assert "there is no message to explain" in result.output

    def test_it_does_not_wait_for_a_terminal(self, monkeypatch):
        monkeypatch.setattr(module.sys, "stdin", type("Terminal", (), {"isatty": lambda _: True})())
        with pytest.raises(module.typer.Exit):
            module._message("-")

    def test_a_wrong_configuration_does_not_matter(self, tmp_path):
        (tmp_path / "gatepost.toml").write_text("nonsense")
        assert run("Connection refused").exit_code == 0


class TestOptions:
    def test_json(self):
        answer = json.loads(run("Connection refused", "--json").output)
        assert answer["schema"] == 1
        assert answer["known"] is True
        best = answer["matches"][0]
        assert best["id"] == "T1"
        assert best["who"] == "administrator"
        assert best["confidence"] == "certain"
        assert set(best) == {
            *("id", "title", "cause", "fix", "who", "confidence", "reference", "command", "doctor", "score", "matched")
        }

    @pytest.mark.parametrize("options", [("--lang", "de"), ()])
    def test_the_language_is_chosen(self, options, monkeypatch):
        monkeypatch.setenv("LANG", "de_DE.UTF-8")
        assert "Was tun" in run("Connection refused", *options).output

    def test_an_unknown_language_is_refused(self):
        result = run("x", "--lang", "tlh")
        assert result.exit_code == 1
        assert "there is no language 'tlh'" in result.output
        assert "en, de, fr, es" in result.output

    def test_own_rows_are_read(self, tmp_path):
        rule = '[MY1]\nstage = "login"\ntitle = "Closed"\ncause = "Night."\nfix = "Wait."\npatterns = ["it sleeps"]\n'
        (tmp_path / "own.toml").write_text(rule)
        assert run("it sleeps").exit_code == 3
        assert run("it sleeps", "--rules", "own.toml").output.startswith("Closed.\n")
        folder = tmp_path / ".config" / "gatepost" / "rules"
        folder.mkdir(parents=True)
        (folder / "own.toml").write_text(rule)
        assert run("it sleeps").output.startswith("Closed.\n")

    def test_mistakes_in_own_rows_are_told(self, tmp_path):
        (tmp_path / "own.toml").write_text("[MY1]\n")
        result = run("x", "--rules", "own.toml")
        assert result.exit_code == 1
        assert "own.toml: row MY1, key title: is missing" in result.output


def test_nothing_heavy_is_imported():
    code = (
        "import sys; import gatepost.cli.explain as e;"
        "assert e.load().match('Connection refused');"
        "print(*set(sys.modules) & {'ssl', 'asyncio', 'rich', 'dns', 'cryptography', 'apsw', 'uvloop'})"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
