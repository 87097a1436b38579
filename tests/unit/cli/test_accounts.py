"""`domain`, `user`, `alias` and `password` on a memory store, through the real root command."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from gatepost import bom
from gatepost.cli import accounts
from gatepost.cli.bulk import read_rows
from gatepost.cli.main import build
from gatepost.identity import passwords
from gatepost.identity.passwords import argon2_fits, find_app
from gatepost.model import Verifier
from gatepost.store.commands import TouchCredentials
from gatepost.store.memory import MemoryStore
from support.directory import SECRET

NOW = 1_800_000_000


class Engine:
    def __init__(self) -> None:
        self.memory = MemoryStore(lambda: NOW)

    @asynccontextmanager
    async def store(self, _settings: object) -> AsyncIterator[MemoryStore]:
        yield self.memory

    def secret(self, _settings: object) -> bytes:
        return SECRET


class House:
    """The command line, in a house of its own."""

    def __init__(self) -> None:
        self.engine = Engine()

    def run(self, *arguments: str, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(build(self.engine), list(arguments), input=stdin)  # type: ignore[arg-type]

    def good(self, *arguments: str, stdin: str | bytes | None = None) -> str:
        result = self.run(*arguments, stdin=stdin)
        assert result.exit_code == 0, result.output
        return result.stdout

    def bad(self, *arguments: str, stdin: str | bytes | None = None, code: int = 1) -> str:
        result = self.run(*arguments, stdin=stdin)
        assert result.exit_code == code, result.output
        assert not result.stdout
        return result.stderr

    def json(self, *arguments: str, stdin: str | bytes | None = None) -> Any:
        return json.loads(self.good(*arguments, "--json", stdin=stdin))


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gatepost.config.load.PLACES", (tmp_path / "none",))
    return House()


@pytest.fixture
def house(bare: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """With a domain, alice, and no slow hashing."""
    monkeypatch.setattr(passwords, "make_verifier", lambda text, kind, _salt: Verifier(f"{kind}:{text}", b"", b""))
    bare.good("domain", "add", "example.com")
    bare.good("user", "add", "alice", "--generate")
    return bare


# -- domain -------------------------------------------------------------------------------------------------


def test_domains_come_and_go(bare: House) -> None:
    assert bare.run("domain", "list").stderr == "There are none yet.\n"
    assert bare.json("domain", "list") == []
    assert "example.com" in bare.good("domain", "add", "Example.COM")
    assert bare.json("domain", "add", "example.org") == {"domain": "example.org"}
    assert bare.good("domain", "list").split() == ["Domain", "example.com", "example.org"]
    assert bare.json("domain", "list") == [{"domain": "example.com"}, {"domain": "example.org"}]
    assert bare.json("domain", "remove", "example.org") == {"domain": "example.org"}
    assert "not one of" in bare.good("domain", "remove", "example.com")


def test_domain_errors_are_one_line(house: House) -> None:
    for arguments in (
        ["add", "example.com"],
        ["add", "not a domain"],
        ["remove", "example.org"],
        ["remove", "example.com"],
    ):
        error = house.bad("domain", *arguments)
        assert error.startswith("gatepost: ")
        assert error.count("\n") == 1


# -- user ---------------------------------------------------------------------------------------------------


def test_a_user_can_log_in_with_the_password_that_was_printed(bare: House) -> None:
    bare.good("domain", "add", "example.com")
    output = bare.good("user", "add", "alice", "--generate")
    password = output.splitlines()[1].removeprefix("Password: ")
    account = asyncio.run(bare.engine.memory.account_by_login("alice@example.com"))
    assert account
    (main,) = asyncio.run(bare.engine.memory.credentials(account.account_id))
    assert argon2_fits(main.verifier.hash, password)
    app = bare.json("password", "app", "add", "alice", "phone", "--scope", "pop3")
    credentials = asyncio.run(bare.engine.memory.credentials(account.account_id))
    found = find_app(app["password"], credentials)
    assert found
    assert found.name == "phone"


def test_a_password_comes_from_standard_input(house: House) -> None:
    output = house.good("user", "add", "bob", "--password-stdin", "--quota", "5G", stdin="correct horse\r\nmore\n")
    assert output == "bob@example.com can log in now.\n"
    assert house.json("user", "show", "bob")["quota"] == 5 << 30
    assert verifiers(house, "bob") == {"main": "password:correct horse"}


def verifiers(house: House, name: str) -> dict[str, str]:
    account = asyncio.run(house.engine.memory.account_by_login(f"{name}@example.com"))
    assert account
    return {c.name: c.verifier.hash for c in asyncio.run(house.engine.memory.credentials(account.account_id))}


def test_a_password_is_asked_for_at_a_terminal(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        @staticmethod
        def isatty() -> bool:
            return True

    class System:
        stdin = Terminal

    monkeypatch.setattr(accounts, "sys", System)
    result = house.run("user", "add", "bob", stdin="correct horse\ncorrect horse\n")
    assert result.exit_code == 0
    assert "correct horse" not in result.output
    assert verifiers(house, "bob") == {"main": "password:correct horse"}


def test_without_a_terminal_nobody_can_be_asked(house: House) -> None:
    error = house.bad("user", "add", "bob")
    assert "--generate" in error
    assert error.count("\n") == 2


@pytest.mark.parametrize(
    ("arguments", "stdin", "text", "code"),
    [
        (["bob", "--password-stdin"], "short\n", "8 characters", 1),
        (["bob", "--password-stdin"], "", "empty", 1),
        (["bob", "--password-stdin"], b"gr\xfc\xdfe an alle\n", "not UTF-8", 1),
        (["bob", "--password-stdin", "--generate"], "", "not both", 2),
        (["bob@example.org", "--generate"], None, "gatepost domain add example.org", 1),
        (["alice", "--generate"], None, "alice@example.com", 1),
        (["bob", "--generate", "--quota", "much"], None, "is not a size", 2),
        (["bob", "--generate", "--delete-policy", "burn"], None, "purge", 2),
        (["bob", "--generate", "--hold-days", "0"], None, "hold-days", 2),
    ],
)
def test_users_that_cannot_be_made(house: House, arguments: list[str], stdin: Any, text: str, code: int) -> None:
    assert text in house.bad("user", "add", *arguments, stdin=stdin, code=code)


def test_no_command_takes_a_password_as_argument() -> None:
    for group in (accounts.user, accounts.password, accounts.app_password):
        for command in group.registered_commands:
            assert command.callback
            assert "password" not in command.callback.__annotations__


def test_users_are_listed_and_shown(house: House) -> None:
    listed = house.good("user", "list")
    assert listed.splitlines()[1].split() == ["alice@example.com", "0", "B", "no", "limit", "purge", "yes"]
    (alice,) = house.json("user", "list")
    assert alice["login"] == "alice@example.com"
    assert "scram_salt" not in alice
    shown = house.json("user", "show", "alice")
    assert shown["addresses"] == ["alice@example.com"]
    assert shown["credentials"][0]["name"] == "main"
    assert "verifier" not in str(shown)
    text = house.good("user", "show", "alice")
    assert "0 B, no limit" in text
    assert "passwords" in text


def test_a_user_is_changed(house: House) -> None:
    options = "--quota 1G --delete-policy hold --hold-days 9 --expire-days 90 --login-delay 60 --soft --disable"
    changed = house.json("user", "set", "alice", *options.split())
    expected = {
        "quota": 1 << 30, "delete_policy": "hold", "hold_days": 9, "expire_days": 90, "login_delay": 60,
        "soft_login_delay": True, "enabled": False,
    }  # fmt: skip
    assert changed == changed | expected
    text = house.good("user", "show", "alice")
    for part in ("NO", "1 GiB", "hold, kept 9 days", "after 90 days", "60 s (soft)"):
        assert part in text
    assert house.good("user", "set", "alice", "--enable", "--hard") == "alice@example.com is changed.\n"
    assert house.json("user", "show", "alice")["hold_days"] == 9
    assert "60 s\n" in house.good("user", "show", "alice")


def test_changing_nothing_is_a_mistake(house: House) -> None:
    assert "at least one option" in house.bad("user", "set", "alice", code=2)
    assert "gatepost user list" in house.bad("user", "set", "bob", "--enable")


def test_a_user_is_removed_only_on_purpose(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--yes" in house.bad("user", "remove", "alice")
    assert house.json("user", "list")

    class System:
        class stdin:  # noqa: N801 -- its name is what is imitated
            isatty = staticmethod(lambda: True)

    monkeypatch.setattr(accounts, "sys", System)
    assert house.run("user", "remove", "alice", stdin="n\n").exit_code == 1
    assert house.json("user", "list")
    assert house.run("user", "remove", "alice", stdin="y\n").exit_code == 0
    assert not house.json("user", "list")


def test_a_user_is_removed_without_asking(house: House) -> None:
    assert house.json("user", "remove", "alice", "--yes") == {"login": "alice@example.com"}
    assert "there is no user" in house.bad("user", "remove", "alice", "--yes")


# -- user import --------------------------------------------------------------------------------------------

CSV = """Login,password,quota,aliases,delete_policy,hold_days
bob,correct horse,5G,sales@example.com info@example.com,,
carol,,,,hold,7
alice,correct horse,,,,
bob,correct horse,,,,
dave,short,,,,

eve@example.org,correct horse,,,,
frank,correct horse,lots,,,
grace,correct horse,,not an address,,
heidi,correct horse,,,burn,
ivan,correct horse,,,,0
judy,correct horse,,,,,surplus
,correct horse,,,,
"mal"lory,correct horse
oscar,"correct, horse battery",,,,
"""


def test_good_lines_are_done_and_bad_ones_explained(house: House) -> None:
    result = house.run("user", "import", "-", stdin=CSV)
    assert result.exit_code == 1
    made = [line.split() for line in result.stdout.splitlines()[1:]]
    assert [row[0] for row in made] == ["bob@example.com", "carol@example.com", "oscar@example.com"]
    assert made[0][1:] == ["as", "given"]
    assert verifiers(house, "carol") == {"main": f"password:{made[1][1]}"}
    assert verifiers(house, "oscar") == {"main": "password:correct, horse battery"}
    errors = result.stderr.splitlines()
    assert errors[-1] == "3 made, 11 not."
    found = {int(line.split()[1].rstrip(":")): line for line in errors[:-1]}
    expected = {
        4: "alice@example.com", 5: "on line 2 already", 6: "8 characters", 8: "gatepost domain add example.org",
        9: "is not a size", 10: "not is not a mail address", 11: "purge, trash, hold", 12: "1 to 36500",
        13: "7 values for 6 columns", 14: "not a mail address", 15: "not CSV",
    }  # fmt: skip
    assert set(found) == set(expected)
    assert all(text in found[number] for number, text in expected.items())
    shown = house.json("user", "show", "bob")
    assert (shown["quota"], len(shown["addresses"])) == (5 << 30, 3)
    assert house.json("user", "show", "carol")["hold_days"] == 7


def test_an_import_of_nothing_but_mistakes(house: House) -> None:
    error = house.bad("user", "import", "-", stdin="login\nalice\n")
    assert error.splitlines()[-1] == "0 made, 1 not."


def test_a_file_is_imported(house: House, tmp_path: Path) -> None:
    file = tmp_path / "users.csv"
    file.write_text("\ufefflogin\nbob\n", encoding="utf-8")
    result = house.run("user", "import", str(file), "--json")
    assert result.exit_code == 0
    (bob,) = json.loads(result.stdout)
    assert bob["password"]
    assert bob == {"line": 2, "login": "bob@example.com", "password": bob["password"], "error": None}


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "'login'"),
        (b"name,password\n", "unknown column 'name'"),
        (b"password\n", "'login'"),
        (b"login,login\n", "once"),
        (b'"log"in\n', "line 1"),
        (b"login\nbob\n\xff\n", "line 3"),
    ],
)
def test_files_that_cannot_be_used(house: House, data: bytes, text: str) -> None:
    assert text in house.bad("user", "import", "-", stdin=data)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("first", ["", "sep="])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_csv_of_every_spreadsheet(delimiter: str, first: str, end: str, encoding: str) -> None:
    lines = [[first + delimiter]] if first else []
    lines += [["login", "password", "quota"], ["bob", '"a""b;,|\t c"', " 1G "], ["eve", "  blank ", ""]]
    text = end.join([*(delimiter.join(cells) for cells in lines), ""])
    rows = read_rows(bom.text(text.encode(encoding)))
    assert [dict(row.values) for row in rows] == [
        {"login": "bob", "password": 'a"b;,|\t c', "quota": "1G"},
        {"login": "eve", "password": "  blank ", "quota": ""},
    ]


def test_csv_with_empty_lines_and_columns_without_a_name() -> None:
    rows = read_rows("\n\nlogin;password;;\n\nbob;correct;;\neve;correct;;x\n")
    assert [(row.line, dict(row.values), bool(row.error)) for row in rows] == [
        (5, {"login": "bob", "password": "correct"}, False),
        (6, {}, True),
    ]


def test_quotes_that_csv_would_take_for_the_password() -> None:
    rows = read_rows('login, password\nbob, "correct horse"\neve,"never closed\nmallory,correct\n')
    assert [(row.line, row.error.partition(":")[0]) for row in rows] == [
        (2, "blanks stand before a quote"),
        (3, "this is not CSV"),
    ]
    assert "never closed" in rows[1].error


def test_a_header_that_fits_nothing_names_what_may_stand_between(house: House) -> None:
    error = house.bad("user", "import", "-", stdin="login:password\n")
    assert "a comma, a semicolon, a tab or `|`; here we took it to be a comma" in error


def test_a_file_that_is_not_there(house: House) -> None:
    assert "cannot be read" in house.bad("user", "import", "missing.csv")


# -- alias --------------------------------------------------------------------------------------------------


def test_aliases_come_and_go(house: House) -> None:
    assert house.run("alias", "list").stderr == "There are none yet.\n"
    assert (
        house.good("alias", "add", "Sales@example.com", "alice")
        == "Mail for sales@example.com goes to alice@example.com.\n"
    )
    assert house.json("alias", "add", "@example.com", "alice") == {
        "address": "@example.com",
        "login": "alice@example.com",
    }
    assert [row["address"] for row in house.json("alias", "list")] == ["@example.com", "sales@example.com"]
    assert "sales@example.com  alice@example.com" in house.good("alias", "list")
    assert house.json("alias", "remove", "sales@example.com") == {"address": "sales@example.com"}
    assert "no alias" in house.bad("alias", "remove", "sales@example.com")


def test_a_shared_alias_is_removed_from_one(house: House) -> None:
    house.good("user", "add", "bob", "--generate")
    for name in ("alice", "bob"):
        house.good("alias", "add", "sales@example.com", name)
    assert "2 users share" in house.bad("alias", "remove", "sales@example.com")
    house.good("alias", "remove", "sales@example.com", "bob")
    assert [row["login"] for row in house.json("alias", "list")] == ["alice@example.com"]


def test_aliases_that_cannot_be(house: House) -> None:
    assert house.bad("alias", "add", "sales@example.org", "alice").startswith("gatepost: ")
    assert "no user" in house.bad("alias", "add", "sales@example.com", "bob")
    assert "not a mail address" in house.bad("alias", "add", "sales", "alice")
    assert house.bad("alias", "remove", "alice@example.com").startswith("gatepost: ")


# -- password -----------------------------------------------------------------------------------------------


def test_the_main_password_is_replaced(house: House) -> None:
    assert "app passwords stay" in house.good("password", "set", "alice", "--password-stdin", stdin="battery staple\n")
    assert verifiers(house, "alice") == {"main": "password:battery staple"}
    made = house.json("password", "set", "alice", "--generate")
    assert verifiers(house, "alice") == {"main": f"password:{made['password']}"}
    assert "no user" in house.bad("password", "set", "bob", "--generate")


def test_app_passwords_come_and_go(house: House) -> None:
    output = house.run("password", "app", "add", "alice", "Alice's phone", "--scope", "pop3, IMAP")
    assert "Alice's phone can log in as alice@example.com (imap, pop3)." in output.stdout
    assert "once" in output.stderr
    tablet = house.json("password", "app", "add", "alice", "tablet")
    assert tablet["scope"] == ["imap", "pop3", "smtp"]
    assert tablet["created"] == "2027-01-15T08:00:00Z"
    assert verifiers(house, "alice")["tablet"] == f"app:{tablet['password']}"
    listed = house.json("password", "list", "alice")
    assert [(row["name"], row["kind"]) for row in listed] == [
        ("Alice's phone", "app"), ("main", "password"), ("tablet", "app"),
    ]  # fmt: skip
    assert tablet["password"] not in str(listed)
    assert "another name" in house.bad("password", "app", "add", "alice", "tablet")
    assert house.json("password", "remove", "alice", "tablet") == {"login": "alice@example.com", "name": "tablet"}
    assert "gatepost password list" in house.bad("password", "remove", "alice", "tablet")


def test_last_use_is_shown(house: House) -> None:
    memory = house.engine.memory
    (account,) = asyncio.run(memory.accounts())
    (main,) = asyncio.run(memory.credentials(account.account_id))
    assert "never" in house.good("password", "list", "alice")
    asyncio.run(memory.execute(TouchCredentials(((account.account_id, main.credential_id, NOW + 86400),))))
    assert "2027-01-16 08:00 UTC" in house.good("password", "list", "alice")


def test_an_unknown_scope_is_a_mistake(house: House) -> None:
    assert "'ftp' is not a scope" in house.bad("password", "app", "add", "alice", "x", "--scope", "pop3,ftp", code=2)


def test_an_account_without_passwords_says_so(house: House) -> None:
    house.good("password", "remove", "alice", "main")
    assert "nobody can log in" in house.good("user", "show", "alice")


@pytest.mark.parametrize("odd", ["\uff41lice", "al\u200bice", "alice\xa0"])
def test_hidden_characters_in_new_names_are_named(house: House, odd: str) -> None:
    for arguments in (
        ("user", "add", f"{odd}@example.com", "--generate"),
        ("alias", "add", f"{odd}@example.com", "bob"),
    ):
        result = house.run(*arguments)
        assert result.exit_code == 1
        assert "(U+" in result.stderr
        assert "type it anew" in result.stderr
