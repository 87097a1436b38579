"""Scores `gatepost explain` on a file of messages whose acceptable answers are known.

    tools/explain_score.py FILE.jsonl [--all]

Each line of the file is an object: `id`, `text`, and `acceptable`, the ids of the rows that may be the first answer
(an empty list, or `unknown` among them: "unknown" is right). What is counted:

- right: the first row is acceptable, or unknown was right and was said;
- usable: an acceptable row is among the further ones shown, and the first was called possible only;
- unknown: nothing was said although something is known;
- wrong: another row, called possible only;
- confidently wrong: another row, called certain or likely.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Final, NamedTuple

from gatepost.doctor.knowledge import Book, load
from gatepost.doctor.model import Confidence

OUTCOMES: Final = ("right", "usable", "unknown", "wrong", "confidently wrong")


class Case(NamedTuple):
    """A message and the rows that may be the first answer."""

    id: str
    acceptable: frozenset[str]
    text: str


class Result(NamedTuple):
    """What was answered to a case."""

    case: Case
    outcome: str
    answer: str


def cases(file: Path) -> list[Case]:
    """The cases of a file."""
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines() if line.strip()]
    return [Case(line["id"], frozenset(line["acceptable"]), line["text"]) for line in lines]


def judged(case: Case, book: Book) -> Result:
    """Asks the book as `gatepost explain` does."""
    answer = book.explain(case.text)
    shown = [match.id for match in answer.matches]
    told = f"{' '.join(shown) or 'unknown'} ({answer.confidence})"
    if not shown:
        right = not case.acceptable or "unknown" in case.acceptable
        return Result(case, "right" if right else "unknown", told)
    if shown[0] in case.acceptable:
        return Result(case, "right", told)
    if answer.confidence is not Confidence.POSSIBLE:
        return Result(case, "confidently wrong", told)
    return Result(case, "usable" if case.acceptable & set(shown) else "wrong", told)


def table(results: list[Result]) -> str:
    """The counts with their shares."""
    counted = Counter(result.outcome for result in results)
    lines = [f"{name:18} {counted[name]:4}  {counted[name] / max(1, len(results)):6.1%}" for name in OUTCOMES]
    return "\n".join([f"{'cases':18} {len(results):4}", *lines])


def main() -> None:
    """Prints the table, then every case that is not right."""
    parser = argparse.ArgumentParser(description="Scores `gatepost explain` on messages with known answers.")
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE.jsonl")
    parser.add_argument("--all", action="store_true", help="list the right ones too")
    options = parser.parse_args()
    book = load()
    results = [judged(case, book) for file in options.files for case in cases(file)]
    print(table(results))
    for result in sorted(results, key=lambda each: OUTCOMES.index(each.outcome), reverse=True):
        if options.all or result.outcome != "right":
            wanted = " ".join(sorted(result.case.acceptable)) or "unknown"
            words = " ".join(result.case.text.split())[:150]
            print(f"\n{result.outcome}: {result.case.id}: {result.answer}; acceptable: {wanted}\n    {words}")


if __name__ == "__main__":
    main()
