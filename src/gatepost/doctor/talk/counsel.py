"""What the book of knowledge and the judges say of a refusal or a certificate, in a sentence or two."""

from __future__ import annotations

import os
from collections.abc import Iterator

from gatepost.doctor.facts import Contact
from gatepost.doctor.model import Finding, Status
from gatepost.errors import GatepostError


class Counsel:
    """Opens the book when it is needed: most dialogs go well."""

    def __init__(self, protocol: str) -> None:
        self._protocol = protocol

    def refusal(self, words: str) -> Iterator[str]:
        """Cause and fix of a server's no; nothing if it is not known."""
        from gatepost.doctor.knowledge import language_of, load, own_rules  # noqa: PLC0415 -- see above

        try:
            book = load(language_of(os.environ), own_rules(os.environ))
        except GatepostError as error:
            yield " ".join(str(error).split())
            return
        found = book.match(words, protocol=self._protocol)
        if found:
            yield _sentence(book.finding(found[0].id))

    def certificate(self, contact: Contact, now: float) -> Iterator[str]:
        """Why a certificate was refused, and what helps. `now`: Unix seconds."""
        from gatepost.doctor.judge import certificate  # noqa: PLC0415 -- see above
        from gatepost.doctor.knowledge import language_of, load  # noqa: PLC0415

        findings = certificate.judge(contact, now, load(language_of(os.environ)))
        yield from (_sentence(each) for each in findings if each.status in (Status.FAIL, Status.WARN, Status.INFO))


def _sentence(finding: Finding) -> str:
    return f"{finding.id}: {finding.title}. {finding.fix}".rstrip()
