"""`gatepost user import`: users by the hundred from CSV. Every good line is done, every bad one is explained.

RFC 4180, with whatever spreadsheets put between values. Blanks of a password belong to it (§2.4); no other column
can begin or end with one.
"""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from msgspec import Struct

from gatepost.cli.values import parse_size
from gatepost.config.settings import Settings
from gatepost.errors import DomainError, InvalidValueError
from gatepost.identity import admin
from gatepost.identity.names import parse_alias
from gatepost.model import DeletePolicy
from gatepost.numbers import number
from gatepost.store.api import Store

COLUMNS: Final = ("login", "password", "quota", "aliases", "delete_policy", "hold_days")
"""Of the header, in any order; only `login` must be there. Aliases are separated by spaces."""

_CALLED: Final = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "`|`"}
"""What may stand between values. Spreadsheets write semicolons where a comma is the decimal point."""
_SEP: Final = "sep="
"""How a first line begins by which a file for Excel names what stands between its values."""

_HEAD: Final = 4096
"""Characters in which the header is looked for: all columns there are take a hundred."""

AT_ONCE: Final = 16
"""Lines in work at a time: enough to share commits and keep every core hashing."""


class Outcome(Struct, frozen=True):
    """What became of a line."""

    line: int
    login: str
    password: str | None = None
    """Only if it was generated."""
    error: str | None = None


class _Reader(Protocol):
    """What `csv.reader` returns."""

    line_num: int

    def __next__(self) -> list[str]: ...


class Row(Struct, frozen=True):
    """A line of the file; a bad one has an `error` instead of values."""

    line: int
    values: Mapping[str, str]
    error: str = ""


def read_rows(text: str) -> list[Row]:
    """The lines after the header. Raises InvalidValueError for a header that cannot be used."""
    delimiter = _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = _header(reader)
        if header and header[0].startswith(_SEP):
            header = _header(reader)
    except csv.Error as error:
        raise InvalidValueError(f"line {reader.line_num}: {error}") from error
    named = [column for column in header if column]
    unknown = [column for column in named if column not in COLUMNS]
    if unknown or "login" not in named or len(set(named)) != len(named):
        wrong = f"unknown column {unknown[0]!r}" if unknown else "it must name each column once, and 'login'"
        raise InvalidValueError(
            f"line {max(reader.line_num, 1)} is not a usable header: {wrong}\n"
            f"Columns there are: {', '.join(COLUMNS)}\n"
            f"Between them stands a comma, a semicolon, a tab or `|`; here we took it to be {_CALLED[delimiter]}."
        )
    return list(_rows(reader, header))


def _header(reader: _Reader) -> list[str]:
    """The names of the columns, behind empty lines; empty where a spreadsheet has a column without a name."""
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return []
        if any(cells):
            return [column.strip().lower() for column in cells]


def _delimiter(text: str) -> str:
    """What stands between the header's columns: the one that makes the most of them known, a comma if none does."""
    lines = re.split(r"[\r\n]+", text[:_HEAD].lstrip("\r\n"), maxsplit=2)
    header = lines[1] if lines[0].lower().startswith(_SEP) and len(lines) > 1 else lines[0]
    return max(_CALLED, key=lambda one: sum(cell.strip(' "').lower() in COLUMNS for cell in header.split(one)))


def _rows(reader: _Reader, header: Sequence[str]) -> Iterator[Row]:
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(line, {}, f"this is not CSV: {_why(error)}")
            continue
        if wrong := _wrong(cells, header):
            yield Row(line, {}, wrong)
        elif any(cells):
            pairs = [(column, cell) for column, cell in zip(header, cells, strict=False) if column]
            yield Row(line, {column: cell if column == "password" else cell.strip() for column, cell in pairs})


def _why(error: csv.Error) -> str:
    said = str(error)
    if said == "unexpected end of data":
        return "a quote that opens here is never closed, so nothing behind it was read"
    return said


def _wrong(cells: Sequence[str], header: Sequence[str]) -> str:
    """Why a line's values cannot be told apart for sure; empty if they can."""
    if len(cells) > len(header):
        return f"it has {len(cells)} values for {len(header)} columns; quote values that hold the separator"
    if any(cell and not column for column, cell in zip(header, cells, strict=False)):
        return "it has a value in a column without a name"
    if any(cell[:1].isspace() and cell.lstrip()[:1] == '"' for cell in cells):
        return "blanks stand before a quote: RFC 4180 takes both for the value's own, so take the blanks away"
    return ""


async def import_users(
    store: Store, settings: Settings, secret: bytes, rows: Sequence[Row], report: Callable[[int, int], None]
) -> list[Outcome]:
    """Makes an account of each row; the outcomes are in the order of the rows."""
    outcomes: list[Outcome] = []
    seen: dict[str, int] = {}
    for start in range(0, len(rows), AT_ONCE):
        work = [_one(store, settings, secret, row, seen) for row in rows[start : start + AT_ONCE]]
        outcomes += await asyncio.gather(*work)
        report(len(outcomes), len(rows))
    return outcomes


async def _one(store: Store, settings: Settings, secret: bytes, row: Row, seen: dict[str, int]) -> Outcome:
    login = row.values.get("login", "")
    try:
        if row.error:
            raise InvalidValueError(row.error)
        login = await admin.login_of(store, settings, login)
        if seen.setdefault(login, row.line) != row.line:
            raise InvalidValueError(f"{login} is on line {seen[login]} already")
        password = row.values.get("password") or None
        if password:
            admin.check_chosen(password)
        _, chosen = await admin.create_account(
            store,
            settings,
            secret,
            login,
            password,
            quota=_quota(row.values),
            delete_policy=_policy(row.values),
            hold_days=_days(row.values),
            aliases=[parse_alias(alias) for alias in row.values.get("aliases", "").split()],
        )
    except DomainError as error:
        return Outcome(row.line, login, error=str(error).replace("\n", ". "))
    return Outcome(row.line, login, None if password else chosen)


def _quota(values: Mapping[str, str]) -> int | None:
    text = values.get("quota", "")
    return parse_size(text) if text else None


def _policy(values: Mapping[str, str]) -> DeletePolicy | None:
    text = values.get("delete_policy", "").lower()
    if text not in ("", *DeletePolicy):
        raise InvalidValueError(f"{text!r} is not a delete policy: use one of {', '.join(DeletePolicy)}")
    return DeletePolicy(text) if text else None


def _days(values: Mapping[str, str]) -> int | None:
    text = values.get("hold_days", "")
    days = number(text, 36500)
    if text and not days:
        raise InvalidValueError(f"{text!r} is not a number of days: 1 to 36500")
    return days
