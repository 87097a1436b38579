"""Reads the data files, and people's own rows beside them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec

from gatepost import bom
from gatepost.doctor.knowledge.book import Book
from gatepost.doctor.knowledge.check import Mistake, checked_row
from gatepost.doctor.knowledge.concepts import Concepts
from gatepost.doctor.knowledge.row import KnowledgeError, Provider, Row
from gatepost.doctor.knowledge.speaker import Speaker

HERE: Final = Path(__file__).parent
LANGUAGES: Final = ("en", "de", "fr", "es")

_TRANSLATED: Final = ("title", "cause", "fix")

Rows = dict[str, dict[str, Any]]
"""Rows as a file has them: id, then key and value."""


@cache
def load(language: str = "en", extra: tuple[Path, ...] = ()) -> Book:
    """The book in one of `LANGUAGES` (any other: English; what is not translated is English too).

    `extra` are files of people's own rows, or folders of them; a row with a known id replaces the keys that it gives.
    Raises KnowledgeError, which lists every mistake in them.
    """
    shown = language if language in LANGUAGES else "en"
    texts = {} if shown == "en" else _document(HERE / "texts" / f"{shown}.toml")
    rows = _with_own(_rows(), _translations(texts), extra, _phrases())
    return Book(shown, rows, {**_phrases(), **flat(texts.get("phrases", {}))}, _providers, _speakers, _concepts)


def language_of(environ: Mapping[str, str]) -> str:
    """The language that the environment asks for, if it is one of `LANGUAGES`; else English."""
    wanted = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    language = re.split(r"[_.@-]", wanted)[0].lower()
    return language if language in LANGUAGES else "en"


def own_rules(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The folder of this person's own rows (`$XDG_CONFIG_HOME/gatepost/rules`), if there is one."""
    base = environ.get("XDG_CONFIG_HOME") or str(Path(environ.get("HOME", "/")) / ".config")
    folder = Path(base) / "gatepost" / "rules"
    return (folder,) if folder.is_dir() else ()


def flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """`{"who": {"you": "you"}}` as `{"who.you": "you"}`."""
    found: dict[str, str] = {}
    for key, value in table.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": str(value)}
    return found


@cache
def _rows() -> Rows:
    """The rows that come with Gatepost."""
    rows: Rows = {}
    for file in sorted((HERE / "rows").glob("*.toml")):
        document = _document(file)
        if twice := rows.keys() & document.keys():
            raise KnowledgeError(f"{file}: row {min(twice)} is in another file too\nGive it another id.")
        rows |= document
    return rows


@cache
def _phrases() -> dict[str, str]:
    found: dict[str, str] = {}
    for file in sorted((HERE / "phrases").glob("*.toml")):
        found |= flat(_document(file))
    return found


@cache
def _providers() -> tuple[Provider, ...]:
    document = _document(HERE / "providers.toml")
    return tuple(msgspec.convert(list(document.values()), list[Provider], strict=False))


@cache
def _speakers() -> tuple[Speaker, ...]:
    document = _document(HERE / "speakers.toml")
    return tuple(msgspec.convert(list(document.values()), list[Speaker], strict=False))


@cache
def _concepts() -> Concepts:
    return msgspec.convert(_document(HERE / "concepts.toml"), Concepts, strict=False)


def _translations(texts: Mapping[str, Any]) -> Rows:
    return {id_: {key: row[key] for key in _TRANSLATED if key in row} for id_, row in texts.get("rows", {}).items()}


def _with_own(
    built_in: Rows, translations: Rows, extra: tuple[Path, ...], phrases: Mapping[str, str]
) -> dict[str, Row]:
    """All rows; people's own words go before translations. Raises KnowledgeError."""
    raw = {id_: {**row, **translations.get(id_, {})} for id_, row in built_in.items()}
    mistakes: list[Mistake] = []
    rows = {id_: msgspec.convert({**row, "id": id_}, Row) for id_, row in raw.items()}
    for file in _files(extra, mistakes):
        for id_, own in _own_document(file, mistakes).items():
            row, wrong = checked_row(str(file), id_, own, raw.get(id_, {}), phrases)
            mistakes += wrong
            if row:
                rows[id_] = row
                raw[id_] = {**raw.get(id_, {}), **own}
    if mistakes:
        raise KnowledgeError("There are mistakes in the rows:\n" + "\n".join(map(str, mistakes)))
    return rows


def _files(extra: tuple[Path, ...], mistakes: list[Mistake]) -> Iterator[Path]:
    for path in extra:
        if path.is_dir():
            yield from sorted(path.glob("*.toml"))
        elif path.is_file():
            yield path
        else:
            mistakes.append(Mistake(str(path), problem="there is no such file or folder", fix="Check the path."))


def _own_document(file: Path, mistakes: list[Mistake]) -> dict[str, Any]:
    """The file's tables; a file that cannot be read is a mistake of its own."""
    try:
        return _document(file)
    except OSError as error:
        mistakes.append(Mistake(str(file), problem=f"cannot be read: {error.strerror}", fix="Check its permissions."))
    except UnicodeDecodeError:
        mistakes.append(Mistake(str(file), problem="is not UTF-8", fix="Save it as UTF-8."))
    except tomllib.TOMLDecodeError as error:
        mistakes.append(Mistake(str(file), problem=f"is not TOML: {error}", fix="Texts stand in quotation marks."))
    return {}


def _document(file: Path) -> dict[str, Any]:
    return tomllib.loads(bom.document(file.read_bytes()))
