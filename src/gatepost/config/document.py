"""The reference page and the sample file, made from `settings` so that they cannot be wrong."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Final

from msgspec import NODEFAULT, Struct, structs
from msgspec import inspect as types

from gatepost.config import kinds
from gatepost.config.settings import Settings
from gatepost.ports import SERVICES, Service, TlsMode

TLS_WORDS: Final = {
    TlsMode.IMPLICIT: "from the first byte",
    TlsMode.STARTTLS: "STARTTLS, required before login",
    TlsMode.OPPORTUNISTIC: "STARTTLS offered, no login",
    TlsMode.NONE: "none",
}

_WIDTH: Final = 100

_HEAD: Final = """\
# Gatepost's configuration. An empty file is right and safe: every line that is commented out shows
# the default. After a change: `gatepost config check`, then reload the server (SIGHUP). Relative
# paths count from this file's folder.
"""

_TABLE: Final = "| setting | value | default | meaning |\n|---|---|---|---|\n"

_PAGE: Final = """\
# Configuration

*Made from the definitions in `gatepost.config.settings` by `make docs`: change it there.*

Gatepost reads the first of: the file given with `--config`, the one that `$GATEPOST_CONFIG` names,
`gatepost.toml` in the current directory, `/etc/gatepost/gatepost.toml`. With none of them, and with an empty
one, the defaults are in force. [gatepost.toml](gatepost.toml) is a sample with every setting; `gatepost init`
writes it for you, and `gatepost config check` says everything that is wrong with a file, by line, with the fix.
Relative paths count from the file's folder.
"""


def sample(given: Mapping[str, object] | None = None) -> str:
    """A commented file in TOML; `given` are values in force, by dotted name, e.g. `server.data`."""
    given = given or {}
    parts = [_HEAD]
    for path, cls, repeated in sections():
        if repeated:
            parts.append(_comment(_doc(cls)) + "\n".join(f"# {line}" for line in _example(path, cls)) + "\n")
            continue
        lines = [_comment(_doc(cls)) + f"[{path}]\n"]
        for field in _leaves(cls):
            value = given.get(f"{path}.{field.name}", field.default)
            mark = "" if f"{path}.{field.name}" in given else "# "
            lines.append(_comment(kinds.description(field.type)) + f"{mark}{field.name} = {kinds.quote(value)}\n")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def reference() -> str:
    """The reference page in Markdown."""
    parts = [_PAGE]
    for path, cls, _ in sections():
        title = f"[[{path}]]" if path == "tls.certificate" else f"[{path}]"
        rows = "".join(_row(field) for field in _leaves(cls))
        parts.append(f"## `{title}`\n\n{_doc(cls)}\n\n{_TABLE}{rows}")
    return "\n".join(parts)


def services() -> str:
    """The port table in Markdown."""
    rows = [
        f"| {each.name} | {each.port} | {TLS_WORDS[each.tls]} | {'on' if each.on else 'off'} "
        f"| {each.purpose} | {each.users} | {'yes' if each.ready else 'later'} |\n"
        for each in SERVICES
    ]
    head = (
        "| service | port | TLS | default | for | who may use it | in this release |\n|---|---|---|---|---|---|---|\n"
    )
    return head + "".join(rows)


def sections() -> Iterator[tuple[str, type[Struct], bool]]:
    """Every section: its dotted name, what defines it, and whether it may be written several times."""
    for field in structs.fields(Settings):
        match kinds.of(field.type):
            case types.StructType(cls=cls):
                yield field.name, cls, False
                yield from _nested(field.name, cls)
            case types.DictType(value_type=types.StructType(cls=cls)):
                yield f"{field.name}.NAME", cls, True


def _nested(path: str, cls: type[Struct]) -> Iterator[tuple[str, type[Struct], bool]]:
    for field in structs.fields(cls):
        match kinds.of(field.type):
            case types.VarTupleType(item_type=types.StructType(cls=inner)):
                yield f"{path}.{field.name}", inner, True


def _leaves(cls: type[Struct]) -> list[structs.FieldInfo]:
    return [field for field in structs.fields(cls) if kinds.describe(field.type) != "tables"]


def _example(path: str, cls: type[Struct]) -> Iterator[str]:
    """A section that may be repeated, once, with the values it would have."""
    service: Service | None = SERVICES[0] if path.endswith(".NAME") else None
    yield f"[{path.replace('NAME', service.name)}]" if service else f"[[{path}]]"
    for field in _leaves(cls):
        for line in wrap(kinds.description(field.type), _WIDTH - 4):
            yield f"# {line}"
        value = field.default
        if value is None and service:
            value = getattr(service, field.name)
        yield f"{field.name} = {kinds.quote('server.pem' if value is NODEFAULT else value)}"


def _row(field: structs.FieldInfo) -> str:
    default = field.default
    shown = "required" if default is NODEFAULT else "port table" if default is None else f"`{kinds.quote(default)}`"
    return f"| `{field.name}` | {kinds.describe(field.type)} | {shown} | {kinds.description(field.type)} |\n"


def _doc(cls: type[Struct]) -> str:
    return inspect.getdoc(cls) or ""


def _comment(text: str) -> str:
    return "".join(f"# {line}\n" for line in wrap(text, _WIDTH - 2))
