"""`gatepost domain`, `user`, `alias` and `password`: who has mail here, and how they get in."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import typer
from msgspec import UNSET

from gatepost import bom
from gatepost.cli import bulk, output
from gatepost.cli.environment import Environment
from gatepost.cli.values import iso_time, parse_size, show_quota, show_size, show_time
from gatepost.errors import InvalidValueError, NoSuchAddressError, NoSuchCredentialError
from gatepost.identity import admin, passwords
from gatepost.identity.names import parse_alias, parse_domain, refuse_hidden
from gatepost.model import Account, Credential, DeletePolicy, Scope
from gatepost.store.api import Store
from gatepost.store.commands import (
    AddAddress,
    CreateDomain,
    RemoveAccount,
    RemoveAddress,
    RemoveCredential,
    RemoveDomain,
    UpdateAccount,
)
from gatepost.text import printable

T = TypeVar("T")

domain = typer.Typer(no_args_is_help=True, help="Domains whose mail this server keeps.")
user = typer.Typer(no_args_is_help=True, help="People (and roles) with mail here.")
alias = typer.Typer(no_args_is_help=True, help="Further addresses that deliver to a user.")
password = typer.Typer(no_args_is_help=True, help="Main passwords, and app passwords for single programs.")
app_password = typer.Typer(no_args_is_help=True, help="Passwords for one program or device each.")
password.add_typer(app_password, name="app")

LONGEST_LINE: Final = 4096
"""Octets read for a password from standard input."""


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except InvalidValueError as error:
        raise typer.BadParameter(str(error)) from error


def _scopes(text: str) -> frozenset[Scope]:
    names = {part.strip().lower() for part in text.split(",")}
    unknown = sorted(names - set(Scope))
    if unknown:
        raise typer.BadParameter(f"{unknown[0]!r} is not a scope: use {', '.join(Scope)}, separated by commas")
    return frozenset(Scope(name) for name in names)


Login = Annotated[str, typer.Argument(help="alice@example.com; or alice, at the default domain.")]
Address = Annotated[str, typer.Argument(help="sales@example.com; or @example.com for all else that arrives there.")]
Quota = Annotated[int | None, typer.Option(parser=_size, metavar="SIZE", help="Room for mail, like 5G; 0: no limit.")]
Policy = Annotated[DeletePolicy | None, typer.Option(help="What deleting by POP3 means.")]
HoldDays = Annotated[int | None, typer.Option(min=1, max=36500, help="Days that `hold` keeps what was deleted.")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
Generate = Annotated[bool, typer.Option("--generate", help="Make a password, and print it.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def _with_store(context: typer.Context, work: Callable[[Environment, Store], Awaitable[T]]) -> T:
    """Runs `work` on the open store."""
    environment: Environment = context.obj

    async def inside() -> T:
        async with environment.engine.store(environment.settings) as store:
            return await work(environment, store)

    return environment.run(inside())


def _done(as_json: bool, value: dict[str, Any], text: str) -> None:
    """Says what a command did."""
    if as_json:
        output.json(value)
    else:
        output.say(text)


def _listed(as_json: bool, values: Sequence[dict[str, Any]], columns: Sequence[str], rows: Sequence[Any]) -> None:
    if as_json:
        output.json(values)
    elif rows:
        output.table(columns, rows)
    else:
        output.note("There are none yet.")


# -- domain -------------------------------------------------------------------------------------------------


@domain.command("add")
def domain_add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="example.com")],
    as_json: output.AsJson = False,
) -> None:
    """Keep mail for a domain."""
    parsed = parse_domain(name)
    _with_store(context, lambda _, store: store.execute(CreateDomain(parsed)))
    _done(as_json, {"domain": parsed}, f"{parsed} is one of this server's domains now.")


@domain.command("list")
def domain_list(context: typer.Context, as_json: output.AsJson = False) -> None:
    """Show the domains."""
    domains = _with_store(context, lambda _, store: store.domains())
    _listed(as_json, [{"domain": d.name} for d in domains], ["Domain"], [[d.name] for d in domains])


@domain.command("remove")
def domain_remove(context: typer.Context, name: str, as_json: output.AsJson = False) -> None:
    """Keep no more mail for a domain; it must have no users and aliases left."""
    parsed = parse_domain(name)
    _with_store(context, lambda _, store: store.execute(RemoveDomain(parsed)))
    _done(as_json, {"domain": parsed}, f"{parsed} is not one of this server's domains any more.")


# -- user ---------------------------------------------------------------------------------------------------


@user.command("add")
def user_add(
    context: typer.Context,
    login: Login,
    password_stdin: FromStdin = False,
    generate: Generate = False,
    quota: Quota = None,
    delete_policy: Policy = None,
    hold_days: HoldDays = None,
    as_json: output.AsJson = False,
) -> None:
    """Make a user; asks for the password unless told how to get it."""
    chosen = _read_password(password_stdin, generate)

    async def work(environment: Environment, store: Store) -> tuple[Account, str]:
        settings = environment.settings
        secret = environment.engine.secret(settings)
        return await admin.create_account(
            store, settings, secret, login, chosen, quota=quota, delete_policy=delete_policy, hold_days=hold_days
        )

    account, secret_text = _with_store(context, work)
    _password_set(as_json, account.login, None if chosen else secret_text, f"{account.login} can log in now.")


def _read_password(stdin: bool, generate: bool) -> str | None:
    """The password that a person chose; None to have one made. Never an argument: `ps` shows those to everybody."""
    if generate:
        if stdin:
            raise typer.BadParameter("give --password-stdin or --generate, not both")
        return None
    if stdin:
        chosen = _line_of_stdin()
    elif sys.stdin.isatty():
        chosen = output.ask_secret("Password", twice=True)
    else:
        output.fail("there is no terminal to ask for the password", "Add --generate, or --password-stdin and send it.")
    admin.check_chosen(chosen)
    return chosen


def _line_of_stdin() -> str:
    try:
        return bom.first_line(sys.stdin.buffer.readline(LONGEST_LINE))
    except UnicodeDecodeError:
        output.fail("the password on standard input is not UTF-8", "Send it in UTF-8, or add --generate instead.")


def _password_set(as_json: bool, login: str, generated: str | None, text: str) -> None:
    if as_json:
        output.json({"login": login, "password": generated})
        return
    output.say(text)
    if generated:
        output.say(f"Password: {generated}")
        output.note("It is shown this once only; it can be replaced, not read again.")


@user.command("list")
def user_list(context: typer.Context, as_json: output.AsJson = False) -> None:
    """Show everybody."""

    async def work(_: Environment, store: Store) -> list[Account]:
        return [account async for account in admin.all_accounts(store)]

    accounts = _with_store(context, work)
    columns = ["User", "Used", "Quota", "Deleting", "Enabled"]
    rows = [
        [a.login, show_size(a.used), show_quota(a.quota), a.delete_policy.value, "yes" if a.enabled else "NO"]
        for a in accounts
    ]
    _listed(as_json, [_account_json(a) for a in accounts], columns, rows)


def _account_json(account: Account) -> dict[str, Any]:
    hidden = ("scram_salt",)
    return {name: getattr(account, name) for name in account.__struct_fields__ if name not in hidden}


@user.command("show")
def user_show(context: typer.Context, login: Login, as_json: output.AsJson = False) -> None:
    """Show all that is known of a user."""

    async def work(environment: Environment, store: Store) -> tuple[Account, Sequence[str], Sequence[Credential]]:
        account = await admin.find_account(store, environment.settings, login)
        number = account.account_id
        return account, await store.addresses(number), await store.credentials(number)

    account, addresses, credentials = _with_store(context, work)
    if as_json:
        more = {"addresses": list(addresses), "credentials": [_credential_json(c) for c in credentials]}
        output.json(_account_json(account) | more)
        return
    output.table(["", account.login], _account_rows(account, addresses, credentials))


def _account_rows(
    account: Account, addresses: Sequence[str], credentials: Sequence[Credential]
) -> list[tuple[str, str]]:
    policy = account.delete_policy.value
    held = f", kept {account.hold_days} days" if account.delete_policy is DeletePolicy.HOLD else ""
    soft = " (soft)" if account.soft_login_delay else ""
    return [
        ("enabled", "yes" if account.enabled else "NO"),
        ("addresses", ", ".join(addresses)),
        ("used", f"{show_size(account.used)}{' of' if account.quota else ','} {show_quota(account.quota)}"),
        ("deleting", policy + held),
        ("expiry", f"after {account.expire_days} days" if account.expire_days else "never"),
        ("login delay", f"{account.login_delay} s{soft}" if account.login_delay else "none"),
        ("passwords", ", ".join(c.name for c in credentials) or "none: nobody can log in"),
    ]


@user.command("set")
def user_set(
    context: typer.Context,
    login: Login,
    quota: Quota = None,
    delete_policy: Policy = None,
    hold_days: HoldDays = None,
    expire_days: Annotated[
        int | None, typer.Option(min=0, max=36500, help="Remove mail from INBOX after so many days; 0: never.")
    ] = None,
    login_delay: Annotated[
        int | None, typer.Option(min=0, max=86400, help="Seconds between POP3 logins; 0: none.")
    ] = None,
    soft: Annotated[
        bool | None, typer.Option("--soft/--hard", help="Inside the delay: show the last state, or refuse.")
    ] = None,
    enable: Annotated[bool | None, typer.Option("--enable/--disable", help="Whether the user can log in.")] = None,
    as_json: output.AsJson = False,
) -> None:
    """Change a user; what is not given stays."""
    given = {
        "quota": quota, "delete_policy": delete_policy, "hold_days": hold_days, "expire_days": expire_days,
        "login_delay": login_delay, "soft_login_delay": soft, "enabled": enable,
    }  # fmt: skip
    changes: dict[str, Any] = {name: UNSET if value is None else value for name, value in given.items()}
    if set(changes.values()) == {UNSET}:
        raise typer.BadParameter("nothing to change: give at least one option")

    async def work(environment: Environment, store: Store) -> Account:
        account = await admin.find_account(store, environment.settings, login)
        return await store.execute(UpdateAccount(account.account_id, **changes))

    account = _with_store(context, work)
    _done(as_json, _account_json(account), f"{account.login} is changed.")


@user.command("remove")
def user_remove(context: typer.Context, login: Login, yes: Yes = False, as_json: output.AsJson = False) -> None:
    """Remove a user with all addresses, passwords and MAIL."""
    account = _with_store(context, lambda env, store: admin.find_account(store, env.settings, login))
    if not yes:
        if not sys.stdin.isatty():
            output.fail(f"this removes {account.login} with all mail, and there is nobody to ask", "Add --yes.")
        output.confirm(f"Remove {account.login} with {show_size(account.used)} of mail?")
    _with_store(context, lambda _, store: store.execute(RemoveAccount(account.account_id)))
    _done(as_json, {"login": account.login}, f"{account.login} and all its mail are removed.")


@user.command("import")
def user_import(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV file with a header; - reads standard input.", allow_dash=True)],
    as_json: output.AsJson = False,
) -> None:
    """Make users from CSV: login, password (empty: made and printed), quota, aliases, delete_policy, hold_days."""
    rows = bulk.read_rows(_read_csv(file))

    async def work(environment: Environment, store: Store) -> list[bulk.Outcome]:
        secret = environment.engine.secret(environment.settings)
        with output.progress("Making users") as report:
            return await bulk.import_users(store, environment.settings, secret, rows, report)

    outcomes = _with_store(context, work)
    made = [o for o in outcomes if o.error is None]
    shown = [[o.login, o.password or "as given"] for o in made]
    if as_json:
        output.json(outcomes)
    elif made:
        output.table(["User", "Password"], shown)
    for outcome in outcomes:
        if outcome.error is not None:
            output.note(f"line {outcome.line}: {outcome.error}")
    output.note(f"{len(made)} made, {len(outcomes) - len(made)} not.")
    if len(made) < len(outcomes):
        raise typer.Exit(1)


def _read_csv(file: Path) -> str:
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return bom.text(data)
    except OSError as error:
        output.fail(f"{file} cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        output.fail(f"{file} is not UTF-8 (line {line})", "Save it as CSV in UTF-8.")


# -- alias --------------------------------------------------------------------------------------------------


@alias.command("add")
def alias_add(context: typer.Context, address: Address, login: Login, as_json: output.AsJson = False) -> None:
    """Deliver mail for ADDRESS to a user; several users may share one."""
    refuse_hidden(address)
    parsed = parse_alias(address)

    async def work(environment: Environment, store: Store) -> Account:
        account = await admin.find_account(store, environment.settings, login)
        await store.execute(AddAddress(parsed, account.account_id))
        return account

    account = _with_store(context, work)
    _done(as_json, {"address": parsed, "login": account.login}, f"Mail for {parsed} goes to {account.login}.")


@alias.command("list")
def alias_list(context: typer.Context, as_json: output.AsJson = False) -> None:
    """Show the aliases, and whom they reach."""

    async def work(_: Environment, store: Store) -> list[tuple[str, str]]:
        pairs = []
        async for account in admin.all_accounts(store):
            addresses = await store.addresses(account.account_id)
            pairs += [(address, account.login) for address in addresses if address != account.login]
        return sorted(pairs)

    pairs = _with_store(context, work)
    _listed(as_json, [{"address": a, "login": u} for a, u in pairs], ["Address", "User"], pairs)


@alias.command("remove")
def alias_remove(
    context: typer.Context,
    address: Address,
    login: Annotated[str, typer.Argument(help="Whose, if several users share the address.")] = "",
    as_json: output.AsJson = False,
) -> None:
    """Deliver mail for ADDRESS no longer."""
    parsed = parse_alias(address)

    async def work(environment: Environment, store: Store) -> None:
        reached = await store.route(parsed)
        if login:
            account = await admin.find_account(store, environment.settings, login)
            reached = [number for number in reached if number == account.account_id]
        if len(reached) > 1:
            raise InvalidValueError(f"{len(reached)} users share {parsed}\nSay whose it is to be removed from.")
        if not reached:
            raise NoSuchAddressError(f"there is no alias {parsed}\nSee what there is: gatepost alias list")
        await store.execute(RemoveAddress(parsed, reached[0]))

    _with_store(context, work)
    _done(as_json, {"address": parsed}, f"{parsed} is no alias any more.")


# -- password -----------------------------------------------------------------------------------------------


@password.command("set")
def password_set(
    context: typer.Context,
    login: Login,
    password_stdin: FromStdin = False,
    generate: Generate = False,
    as_json: output.AsJson = False,
) -> None:
    """Replace the main password; asks for it unless told how to get it."""
    chosen = _read_password(password_stdin, generate)
    fresh = chosen or passwords.generate_password()

    async def work(environment: Environment, store: Store) -> Account:
        account = await admin.find_account(store, environment.settings, login)
        await admin.set_password(store, account, fresh)
        return account

    account = _with_store(context, work)
    text = f"The main password of {account.login} is changed; app passwords stay."
    _password_set(as_json, account.login, None if chosen else fresh, text)


@app_password.command("add")
def app_add(
    context: typer.Context,
    login: Login,
    name: Annotated[str, typer.Argument(help='Whose it is, like "Alice\'s phone".')],
    scope: Annotated[
        Any, typer.Option(parser=_scopes, metavar="LIST", help="What it opens: pop3, imap, smtp; separated by commas.")
    ] = "pop3,imap,smtp",
    as_json: output.AsJson = False,
) -> None:
    """Make a password for one program or device, and print it."""

    async def work(environment: Environment, store: Store) -> tuple[Account, Credential, str]:
        account = await admin.find_account(store, environment.settings, login)
        return account, *await admin.add_app_password(store, account, name, scope)

    account, credential, text = _with_store(context, work)
    if as_json:
        output.json({"login": account.login, "password": text} | _credential_json(credential))
    else:
        opens = ", ".join(sorted(credential.scope))
        _password_set(False, account.login, text, f"{credential.name} can log in as {account.login} ({opens}).")


def _credential_json(credential: Credential) -> dict[str, Any]:
    return {
        "name": credential.name,
        "kind": credential.kind,
        "scope": sorted(credential.scope),
        "created": iso_time(credential.created),
        "last_used": iso_time(credential.last_used),
    }


@password.command("list")
def password_list(context: typer.Context, login: Login, as_json: output.AsJson = False) -> None:
    """Show a user's passwords: what they open, and when they were last used. Never the passwords themselves."""

    async def work(environment: Environment, store: Store) -> Sequence[Credential]:
        account = await admin.find_account(store, environment.settings, login)
        return await store.credentials(account.account_id)

    credentials = _with_store(context, work)
    rows = [[c.name, ", ".join(sorted(c.scope)), show_time(c.created), show_time(c.last_used)] for c in credentials]
    _listed(as_json, [_credential_json(c) for c in credentials], ["Name", "Opens", "Made", "Last used"], rows)


@password.command("remove")
def password_remove(
    context: typer.Context,
    login: Login,
    name: Annotated[str, typer.Argument(help="As `gatepost password list` shows it.")],
    as_json: output.AsJson = False,
) -> None:
    """Remove a password; sessions that logged in with it end."""

    async def work(environment: Environment, store: Store) -> Account:
        account = await admin.find_account(store, environment.settings, login)
        if all(c.name != name for c in await store.credentials(account.account_id)):
            fix = f"See what there is: gatepost password list {account.login}"
            raise NoSuchCredentialError(f"{account.login} has no password named {printable(name)}\n{fix}")
        await store.execute(RemoveCredential(account.account_id, name))
        return account

    account = _with_store(context, work)
    _done(as_json, {"login": account.login, "name": name}, f"{printable(name)} does not open {account.login} any more.")
