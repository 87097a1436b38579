"""From a TOML document to `Settings`: unknown names, wrong types, missing values, all of them at once.

A value that is wrong is reported and its default taken instead, so that the checks of meaning can go on.
"""

from __future__ import annotations

from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from msgspec import inspect, structs

from gatepost.config import kinds
from gatepost.config.findings import Finding, Severity
from gatepost.config.locate import Path as Key
from gatepost.config.locate import line_of
from gatepost.config.settings import Settings
from gatepost.ports import BY_NAME

S = TypeVar("S", bound=msgspec.Struct)

_WRONG: Final = object()
"""Instead of a value that was reported."""


class Findings:
    """Collects what is wrong in one file, and knows the lines."""

    def __init__(self, file: Path | None, lines: dict[Key, int]) -> None:
        self.file = file
        self.lines = lines
        self.all: list[Finding] = []

    def error(self, key: Key, problem: str, fix: str) -> None:
        """Notes what stops the server; `key` is the way to the value."""
        self._add(Severity.ERROR, key, problem, fix)

    def warning(self, key: Key, problem: str, fix: str) -> None:
        """Notes what is allowed, but should be known."""
        self._add(Severity.WARNING, key, problem, fix)

    def _add(self, severity: Severity, key: Key, problem: str, fix: str) -> None:
        self.all.append(Finding(self.file, line_of(key, self.lines), severity, problem, fix))


def settings_from(document: dict[str, Any], findings: Findings) -> Settings:
    """The settings of a document; what is wrong with its form goes into `findings`."""
    found = _struct(Settings, document, (), findings)
    return found if isinstance(found, Settings) else Settings()


def dotted(key: Key) -> str:
    """A key as people write it: `tls.certificate.file`."""
    return ".".join(part for part in key if isinstance(part, str))


def _value(annotation: Any, value: object, key: Key, findings: Findings) -> Any:
    match kinds.of(annotation):
        case inspect.StructType(cls=cls):
            return _struct(cls, value, key, findings)
        case inspect.DictType(value_type=inspect.StructType(cls=cls)):
            return _services(cls, value, key, findings)
        case inspect.VarTupleType(item_type=inspect.StructType(cls=cls)):
            return _tables(cls, value, key, findings)
        case _:
            return _leaf(annotation, value, key, findings)


def _leaf(annotation: Any, value: object, key: Key, findings: Findings) -> Any:
    try:
        result = msgspec.convert(value, annotation)
    except msgspec.ValidationError:
        result = _WRONG
    if result is _WRONG or (isinstance(result, float) and not isfinite(result)):
        fix = f"Allowed: {kinds.describe(annotation)}. {kinds.description(annotation)}".rstrip()
        findings.error(key, f"`{dotted(key)}` cannot be {kinds.quote(value)}", fix)
        return _WRONG
    return result


def _struct(cls: type[S], value: object, key: Key, findings: Findings) -> Any:
    if not isinstance(value, dict):
        findings.error(key, f"`{dotted(key)}` is a section", f"Write `[{dotted(key)}]` and its settings below.")
        return _WRONG
    fields = {field.name: field for field in structs.fields(cls)}
    for name in (name for name in value if name not in fields):
        findings.error((*key, name), f"unknown setting `{dotted((*key, name))}`", _near(name, list(fields), key))
    missing = [name for name, field in fields.items() if field.required and name not in value]
    for name in missing:
        findings.error(key, f"`{dotted(key)}` needs `{name}`", f"Add a line `{name} = …`.")
    found = {
        name: _value(field.type, value[name], (*key, name), findings) for name, field in fields.items() if name in value
    }
    right = {name: item for name, item in found.items() if item is not _WRONG}
    # Required settings are paths: an empty one is looked at no further, and its neighbours still are.
    return cls(**{name: "" for name, field in fields.items() if field.required} | right)


def _services(cls: type[S], value: object, key: Key, findings: Findings) -> Any:
    if not isinstance(value, dict):
        findings.error(key, f"`{dotted(key)}` is a section", f"Write `[{dotted(key)}.pop3s]` and its settings below.")
        return _WRONG
    for name in (name for name in value if name not in BY_NAME):
        findings.error((*key, name), f"unknown service `{name}`", _near(name, list(BY_NAME), key))
    found = {name: _struct(cls, value[name], (*key, name), findings) for name in BY_NAME if name in value}
    return {name: item for name, item in found.items() if item is not _WRONG}


def _tables(cls: type[S], value: object, key: Key, findings: Findings) -> Any:
    if not isinstance(value, list):
        findings.error(key, f"`{dotted(key)}` can be given several times", f"Write it as `[[{dotted(key)}]]`.")
        return _WRONG
    found = [_struct(cls, item, (*key, number), findings) for number, item in enumerate(value)]
    return _WRONG if _WRONG in found else tuple(found)


def _near(name: str, known: list[str], key: Key) -> str:
    """What was probably meant: a like name here, a like name elsewhere, or all names there are."""
    if near := get_close_matches(name, known, 1):
        return f"Did you mean `{near[0]}`?"
    for section in structs.fields(Settings):
        inner = kinds.of(section.type)
        names = inner.cls.__struct_fields__ if isinstance(inner, inspect.StructType) else ()
        if near := get_close_matches(name, names, 1):
            return f"Did you mean `{near[0]}` in the section `[{section.name}]`?"
    place = f"in `[{dotted(key)}]`" if key else "at the top"
    return f"Known {place}: {', '.join(known)}."
