"""Writes the book as a page for people: first what one sees, then what it means and what to do."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from itertools import chain
from typing import Any, Final, get_args

import msgspec

from gatepost.doctor.knowledge.book import Book
from gatepost.doctor.knowledge.row import Row
from gatepost.doctor.model import Confidence, Stage, Status

_HEAD: Final = """\
# My mail does not work

*Made from the rows of the doctor's knowledge (`src/gatepost/doctor/knowledge/rows`) by `make docs`: change it there.*

Let the program look first: it finds the cause by itself, and says whose job the fix is.

```console
$ gatepost doctor me@example.org
```

If you have an error message, it needs no network to tell what that means:

```console
$ gatepost explain "535 5.7.8 Error: authentication failed"
```

Each cause has a code, such as [A1](#a1): the doctor names it, and you can say it on the telephone. Words in capitals in
a command (HOST, PORT) stand for your own.
"""

_SYMPTOMS: Final = {
    Stage.ADDRESS: "The address is refused",
    Stage.DISCOVERY: "The mail program does not find out the settings",
    Stage.NAMES: "The server is not found",
    Stage.REACH: "The server does not answer, or the connection breaks",
    Stage.MODE: "The encryption setting (SSL/TLS, STARTTLS) does not fit",
    Stage.TLS: "There is a warning about the certificate or the encryption",
    Stage.GREETING: "The server answers, but refuses or lacks something",
    Stage.LOGIN: "The password is not accepted",
    Stage.MAILBOX: "The log-in works, but reading or sending does not",
    Stage.RECORDS: "The domain's published settings are wrong",
    Stage.HOST: "You run a Gatepost server yourself",
}
_SURE: Final = {Confidence.CERTAIN: "", Confidence.LIKELY: " (likely)", Confidence.POSSIBLE: " (possible)"}
_LONGEST_MESSAGE: Final = 100

UNSEEN: Final = {
    "T13": "Explained here, not observed: no examination can tell it from outside.",
    "T14": "Explained here, not observed: no examination can tell it from outside.",
    "C14": "Known by its message only: the doctor asks no authority whether it has withdrawn a certificate.",
    "V7": "Known by its message only: the doctor asks for no TLSA record and reads no policy.",
}
"""Rows that no examination finds, and why they stand on the page all the same."""


def page(book: Book) -> str:
    """The page in Markdown."""
    rows = [row for row in book.rows() if row.cause and row.status not in (Status.PASS, Status.SKIP)]
    parts = (_HEAD, _symptoms(book, rows), _messages(rows), *(_stage(book, rows, stage) for stage in _SYMPTOMS))
    return "\n".join(parts)


def row_keys() -> str:
    """The table of the keys of a row, made from the type itself."""
    documented = _field_texts(Row)
    lines = [
        f"| `{field.name}` | {_kind(field.type)} | {documented[field.name]} |"
        for field in msgspec.structs.fields(Row)
        if field.name != "id"
    ]
    return "\n".join(["| key | value | meaning |", "|---|---|---|", *lines, ""])


def _symptoms(book: Book, rows: list[Row]) -> str:
    lines = ["## What do you see?\n"]
    for stage, symptom in _SYMPTOMS.items():
        lines.append(f"**{symptom}**\n")
        lines += [f"- [{row.id}](#{row.id.lower()}) {_title(book, row)}" for row in rows if _place(row) is stage]
        lines.append("")
    return "\n".join(lines)


def _messages(rows: list[Row]) -> str:
    """The index of messages, in alphabetical order."""
    found = sorted(
        {(text, row.id) for row in rows for text in row.says if len(text) <= _LONGEST_MESSAGE}, key=_by_letters
    )
    lines = ["## What does the message say?\n", "| message | cause |", "|---|---|"]
    lines += [f"| {_code(text)} | [{id_}](#{id_.lower()}) |" for text, id_ in found]
    return "\n".join(lines) + "\n"


def _stage(book: Book, rows: list[Row], stage: Stage) -> str:
    blocks = chain.from_iterable(_row(book, row) for row in rows if _place(row) is stage)
    return "\n".join([f"## {_SYMPTOMS[stage]}\n", *blocks])


def _row(book: Book, row: Row) -> Iterator[str]:
    finding = book.finding(row.id)
    yield f'<a id="{row.id.lower()}"></a>\n'
    yield f"### {row.id}: {_text(finding.title)}\n"
    yield f"{_text(finding.cause)}{_SURE[row.confidence]}\n"
    if row.id in UNSEEN:
        yield f"*{UNSEEN[row.id]}*\n"
    if finding.fix:
        yield f"**What to do:** {_text(finding.fix)} *Whose job: {book.phrase(f'who.{row.who}')}.*\n"
    if row.says:
        yield "Messages:\n"
        yield from (f"- {_code(text)}" for text in row.says)
        yield ""
    if finding.command:
        yield f"By hand: {_code(finding.command)}\n"
    if row.reference:
        yield f"More: {row.reference}\n"


def _place(row: Row) -> Stage:
    """The heading for it: rows about a Gatepost host stand together, whatever stage they belong to."""
    return Stage.HOST if row.id.startswith("O") else row.stage


def _title(book: Book, row: Row) -> str:
    return _text(book.finding(row.id).title)


def _text(text: str) -> str:
    """The text with signs that Markdown would take for its own made harmless."""
    return text.replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_") if "://" not in text else text


def _code(text: str) -> str:
    """As code in a line or a table's cell; the text may hold one kind of quotation mark only."""
    safe = text.replace("|", "\\|")
    return f"`` {safe} ``" if "`" in safe else f"`{safe}`"


def _by_letters(message: tuple[str, str]) -> tuple[str, str]:
    return "".join(sign for sign in message[0].casefold() if sign.isalnum()), message[0]


def _kind(kind: Any) -> str:
    if kind is str:
        return "text"
    if get_args(kind):
        return "list of texts"
    return ", ".join(f"`{value}`" for value in kind)


def _field_texts(struct: type) -> dict[str, str]:
    """The docstrings under a struct's fields."""
    body = ast.parse(inspect.getsource(struct)).body[0]
    assert isinstance(body, ast.ClassDef)
    texts = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            assert isinstance(field.target, ast.Name)
            texts[field.target.id] = " ".join(str(text.value.value).split())
    return texts
