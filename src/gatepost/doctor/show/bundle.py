"""A report for strangers: who it is about is replaced by words in brackets, the same word for the same thing.

Kept are the names and addresses of the examined servers, without which nobody could help. On one's own Gatepost host
these are one's own, and go too.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from typing import Any, Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from gatepost.doctor.model import Report
from gatepost.doctor.show.json import json
from gatepost.doctor.show.sheet import Look, Sheet
from gatepost.doctor.show.text import text
from gatepost.doctor.show.words import Phrases

T = TypeVar("T")

_ADDRESS: Final = r"""(?P<local>[^\s<>"'`(),;:@\[\]/=|%]{1,128})@(?=[\w\[.-])"""
"""The local part of a mail address in any text."""
_V4: Final = r"\d{1,3}(?:\.\d{1,3}){3}"
_IP: Final = (
    rf"(?<![\w.:])(?P<ip>(?:[0-9A-Fa-f]{{0,4}}:){{2,7}}(?:{_V4}|[0-9A-Fa-f]{{0,4}})(?![\w:])|{_V4}(?![\w]|\.\d))"
)
"""What may be an IP address; with or without a port behind it."""
_BLOB: Final = r"(?P<blob>[A-Za-z0-9+/]{12,})={0,2}"
"""What may be base64, as SASL has it."""
_MADE_OF_IP: Final = (
    r"\d{1,3}(?:[.-]\d{1,3}){3}|(?<![0-9a-f])(?=[a-f]{0,7}\d)[0-9a-f]{8}(?![0-9a-f])|(?<!\d)\d{12}(?!\d)"
    r"|(?:[0-9a-f]{1,4}-){4,7}[0-9a-f]{1,4}|(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])"
)
"""An IP address in a name: `192-0-2-7`, in hexadecimal, with leading zeros, or of IPv6."""
_DIALLED_IN: Final = (
    rf"(?<![\w.-])(?P<name>[\w-]{{0,40}}?(?:{_MADE_OF_IP})[\w-]{{0,40}}(?:\.[\w-]{{1,63}}){{1,9}})(?![\w-])"
)
"""A name that a network gives to its customers, made of their address: `ip-192-0-2-7.example.net`."""
_GREETED: Final = (
    r"(?<![\w.-])(?P<greeted>(?P<before>(?:hello|[eh]{2}lo|host|hostname|client|from|peer|rdns)(?:[ =:]{1,3}[\[(<]?))"
    r"(?P<called>(?=[\w.]{0,60}[-.\d])[\w-]{1,63}(?:\.[\w-]{1,63}){0,9}))(?![\w:-])"
)
"""The name that a server has for whoever asks: `250 Hello janes-laptop`, `from 7.dynamic.example.net`."""
_SEPARATORS: Final = re.compile(r"[._+ -]+")
"""Between the parts of a user name."""
_CODES: Final = frozenset({"id", "because", "protocol", "source", "began", "version", "language", "reference"})
"""Fields that hold nothing of anybody."""
_PROSE: Final = frozenset({"title", "cause", "fix", "sentence"})
_ORDINARY: Final = frozenset(
    {
        "admin",
        "administrator",
        "mail",
        "name",
        "network",
        "office",
        "post",
        "postmaster",
        "provider",
        "server",
        "support",
        "user",
        "you",
        "your",
    }
)
"""In our own sentences these are words, even where somebody's user name is the same."""
_THIS_COMPUTER: Final = "[this computer]"
_SHORTEST: Final = 3
_LONG_ENOUGH: Final = 5
"""Letters of a user name from which on its parts mean it in any spelling."""


class Disguise:
    """Replaces what tells about people and their machines. It remembers what it gave to whom."""

    def __init__(self, users: Iterable[str], hosts: Iterable[str] = (), kept: Iterable[str] = ()) -> None:
        """`users`: names or mail addresses; `hosts`: names of one's own; `kept`: names and IP addresses that stay."""
        self._numbers: dict[tuple[str, str], int] = {}
        self._kept = frozenset(kept)
        names = {user.rpartition("@")[0] or user for user in users if user}
        names |= {name.partition("+")[0] for name in names} - {""}
        prose = {name for name in names if len(name) >= _SHORTEST and name.casefold() not in _ORDINARY}
        own = {host for host in hosts if host}
        self._own = frozenset(map(str.casefold, own))
        self._names = [name.casefold().encode() for name in names]
        self._evidence, self._prose = _any_of(own, names), _any_of(own, prose)

    def __call__(self, text: str, *, prose: bool = False) -> str:
        """The text without them. `prose`: it is a sentence of ours."""
        return (self._prose if prose else self._evidence).sub(self._replacement, text)

    def report(self, report: Report) -> Report:
        """The report without them."""

        def change(field: str, text: str) -> str:
            return text if field in _CODES else self(text, prose=field in _PROSE)

        return every_text(report, change)

    def _replacement(self, found: re.Match[str]) -> str:
        match found.lastgroup:
            case "local":
                return f"{self._word('user', found['local'])}@"
            case "host":
                return _THIS_COMPUTER
            case "user":
                return self._word("user", found["user"])
            case "blob":
                return self._blob(found[0])
            case "name":
                return self._host(found["name"])
            case "greeted":
                return found["before"] + self._host(found["called"])
            case _:
                return self._ip(found["ip"])

    def _host(self, name: str) -> str:
        if name.casefold() in self._own:
            return _THIS_COMPUTER
        if name.casefold() in self._kept:
            return name
        return self._ip(name) if re.fullmatch(_V4, name) else self._word("host", name)

    def _word(self, kind: str, value: str) -> str:
        taken = sum(1 for each, _ in self._numbers if each == kind)
        known = _SEPARATORS.sub("", value) if kind == "user" else value
        number = self._numbers.setdefault((kind, known.casefold()), taken + 1)
        return f"[{kind} {number}]"

    def _blob(self, text: str) -> str:
        """A server may say back what a program sent, user name and all."""
        digits = text.rstrip("=")
        inside = a2b_base64(digits[: len(digits) // 4 * 4]).lower()
        return self._word("base64", text) if any(name in inside for name in self._names) else text

    def _ip(self, text: str) -> str:
        try:
            address = ip_address(text)
        except ValueError:
            return text
        if address.is_loopback or address.is_unspecified or str(address) in self._kept:
            return text
        return self._word("address", str(address))


def _any_of(hosts: set[str], users: set[str]) -> re.Pattern[str]:
    """One pattern for all, so that nothing is replaced twice."""
    host = rf"(?<![\w.-])(?P<host>{_alternatives(hosts)})(?![\w-]|\.\w)"
    user = rf"(?<![\w@.-])(?P<user>{_alternatives(users, _spelt)})(?![\w-]|\.\w)"
    return re.compile(f"{_ADDRESS}|{host}|{user}|{_DIALLED_IN}|{_GREETED}|{_BLOB}|{_IP}", re.IGNORECASE)


def _alternatives(names: set[str], spelt: Callable[[str], str] = re.escape) -> str:
    """The longest first; what never matches if there is none."""
    return "|".join(map(spelt, sorted(names, key=lambda name: (-len(name), name)))) or "(?!)"


def _spelt(user: str) -> str:
    """The name as servers and people write it: `jane.doe` as `jane doe`, `jane_doe`, `janedoe`, and `Doe, Jane`."""
    parts = [re.escape(part) for part in _SEPARATORS.split(user) if part]
    if len(parts) < 2 or len("".join(parts)) < _LONG_ENOUGH:
        return re.escape(user)
    return "|".join((re.escape(user), "[._+ -]{0,2}".join(parts), "[,._+ -]{1,2}".join(reversed(parts))))


def every_text(value: T, change: Callable[[str, str], str], field: str = "") -> T:
    """The value with `change(field, text)` in the place of every text in it; enumerations and numbers stay."""
    changed: Any = value
    if type(value) is str:
        changed = change(field, str(value))
    elif isinstance(value, tuple):
        changed = tuple(every_text(each, change, field) for each in value)
    elif isinstance(value, Struct):
        names = value.__struct_fields__
        changed = replace(value, **{name: every_text(getattr(value, name), change, name) for name in names})
    return changed  # type: ignore[no-any-return]


def servers(report: Report) -> frozenset[str]:
    """Names and IP addresses of what was examined: what findings and services are about."""
    hosts = [*(service.target.host for service in report.services), *(setting.host for setting in report.settings)]
    subjects = [report.subject, *hosts, *(finding.subject for finding in report.all_findings())]
    return frozenset(host.casefold() for host in hosts) | {found for text in subjects for found in _addresses(text)}


def _addresses(text: str) -> list[str]:
    found = []
    for candidate in re.finditer(_IP, text):
        try:
            found.append(str(ip_address(candidate["ip"])))
        except ValueError:
            continue
    return found


def bundle(report: Report, book: Phrases, versions: Mapping[str, str]) -> str:
    """The text of the file, of a report that was disguised before."""
    look = Look(verbose=True)
    sheet = Sheet(look, book)
    sheet.paragraph(book.phrase("show.bundle.intro"))
    sheet.heading(book.phrase("show.bundle.versions"))
    width = max(map(len, versions), default=0)
    for name, version in versions.items():
        sheet.labelled(name, version, 2, width)
    rule = "-" * look.width
    data = f"{book.phrase('show.bundle.data')}\n\n{json(report)}"
    return "\n".join([sheet.text(), rule, "", text(report, book, look, command=""), rule, "", data, ""])
