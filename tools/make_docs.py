"""Makes the pages that say what the code says: the configuration, the port table, the RFCs, causes of mail trouble.

In a page that is otherwise written by hand, the made part stands between `<!-- made: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from gatepost.config.document import reference, sample, services
from gatepost.doctor.knowledge import load
from gatepost.doctor.knowledge.page import page, row_keys
from gatepost.doctor.show.compare import Comparison
from gatepost.doctor.show.json import Document, schema

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"

RFC_HEAD = """\
# RFCs

*Made from [rfc.toml](rfc.toml) by `make docs`: change it there.*

What each standard asks for, how much of it Gatepost does, and where to look. *Complete* means every part that a server
of this release can meet; *partial* and *none* say what is missing and why.

| RFC | title | status | remark | code and tests |
|---|---|---|---|---|
"""


def main() -> None:
    """Writes every page that changed."""
    for path, text in pages().items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            print(f"made {path.relative_to(ROOT)}")


def pages() -> dict[Path, str]:
    """All pages as they should be."""
    ports, rules = DOCS / "ports.md", DOCS / "doctor-rules.md"
    return {
        DOCS / "gatepost.toml": sample(),
        DOCS / "configuration.md": reference(),
        DOCS / "rfcs.md": RFC_HEAD + "".join(rfc_row(rfc) for rfc in rfcs()),
        DOCS / "mail-does-not-work.md": page(load()),
        rules: with_made_part(rules.read_text("utf-8"), "keys", row_keys()),
        DOCS / "doctor.schema.json": doctor_schema(),
        ports: with_made_part(ports.read_text("utf-8"), "services", services()),
    }


def doctor_schema() -> str:
    """JSON Schema of everything that `gatepost doctor --json` prints."""
    return json.dumps(schema(Document, Comparison), indent=2) + "\n"


def rfcs() -> list[dict[str, Any]]:
    """The entries of rfc.toml by number."""
    entries: list[dict[str, Any]] = tomllib.loads((DOCS / "rfc.toml").read_text("utf-8"))["rfc"]
    return sorted(entries, key=lambda entry: int(entry["number"]))


def rfc_row(rfc: dict[str, Any]) -> str:
    """One line of the table."""
    number = rfc["number"]
    link = f"[{number}](https://www.rfc-editor.org/rfc/rfc{number})"
    places = ", ".join(f"[{Path(place).name}](../{place})" for place in rfc.get("where", []))
    return f"| {link} | {rfc['title']} | {rfc['status']} | {rfc.get('remark', '')} | {places} |\n"


def with_made_part(page: str, name: str, part: str) -> str:
    """The page with the part between its marks replaced."""
    begin, end = f"<!-- made: {name} -->\n", "<!-- end -->"
    return re.sub(re.escape(begin) + ".*?" + re.escape(end), lambda _: f"{begin}\n{part}\n{end}", page, flags=re.DOTALL)


if __name__ == "__main__":
    main()
