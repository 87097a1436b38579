"""Has the facts judged, and puts the findings where they belong. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Final

from gatepost import __version__
from gatepost.doctor.examine.plan import expected, further_targets, is_named, withheld
from gatepost.doctor.examine.seen import Seen
from gatepost.doctor.facts import Contact, HostNames, Outcome, Source, Surroundings
from gatepost.doctor.judge import discovery, names, records, service, together
from gatepost.doctor.judge.alike import merged
from gatepost.doctor.judge.limits import limited
from gatepost.doctor.judge.pen import session
from gatepost.doctor.judge.settings import same_place, settings
from gatepost.doctor.judge.trust import foreign_hosts
from gatepost.doctor.judge.verdict import verdict
from gatepost.doctor.knowledge import Book
from gatepost.doctor.model import Finding, Question, Report, ServiceReport, Status, Target, worst
from gatepost.doctor.names.reading import addresses
from gatepost.doctor.names.spelling import literal

UNANSWERED: Final = "D2"
"""The row for a name that nobody answers for."""
PRIVATE: Final = "D30"
"""The row for a private address that may be used: D46 says more of one that is not."""


@dataclass(frozen=True, slots=True)
class Judging:
    """The facts, and what is needed to judge them."""

    question: Question
    seen: Seen
    now: float
    """Unix seconds when it began."""
    book: Book

    def of(self, contact: Contact) -> tuple[Finding, ...]:
        """What one contact shows."""
        return service.judge(contact, _around(contact, self.seen), self._circumstances(contact), self.book)

    def report(self, seconds: float) -> Report:
        """Everything. `seconds`: how long it took."""
        contacts = tuple(self.seen.contacts)
        every = (*contacts, *self.seen.others)
        general = (*self._general(), *together.judge((*contacts, *self.seen.afterwards), self.book))
        found = tuple(records.judge(self.seen.discovery, every, self.book))
        services = tuple(self._service(target) for target in _examined(contacts))
        decided = verdict(self.question, (*general, *found), services, self.book)
        return Report(
            subject=self.question.subject,
            verdict=decided,
            findings=(*general, *found),
            services=services,
            settings=settings(self.question, self.seen.discovery, every, self.book),
            began=datetime.fromtimestamp(self.now, UTC).isoformat(timespec="seconds"),
            seconds=seconds,
            version=__version__,
            language=self.book.language,
            examined=decided.status is not Status.SKIP and not self._is_cut_off(),
        )

    def _general(self) -> Iterator[Finding]:
        cut_off = self._is_cut_off()
        if cut_off:
            yield self._cut_off()
        yield from self._same_for_all()
        found = merged(self._of_names())
        # That nobody answers for a name is the same once more.
        yield from (each for each in found if not (cut_off and each.id == UNANSWERED))

    def _same_for_all(self) -> Iterator[Finding]:
        """D47: whoever answers for names that do not exist answers for these by no knowledge either."""
        lie = self.seen.nowhere
        hosts = [name for name, host in self.seen.names.items() if lie and set(lie.values) & set(addresses(host))]
        if lie and hosts:
            proof, values = names.evidence(lie), ", ".join(lie.values)
            yield self.book.finding("D47", subject=", ".join(hosts), evidence=proof, names=values)

    def _cut_off(self) -> Finding:
        lookups = [each for host in self.seen.names.values() for each in (host.v4, host.v6) if each]
        lookups += [each for each in (self.seen.discovery.mx, self.seen.outside) if each and each.outcome in names.BAD]
        proof = "; ".join(dict.fromkeys(map(names.evidence, lookups)))
        domain = self.seen.discovery.domain
        return self.book.finding("D45", subject=self.question.subject, evidence=proof, domain=domain)

    def _of_names(self) -> Iterator[Finding]:
        yield from discovery.judge(self.question, self.seen.discovery, self.book)
        for each in self.seen.names.values():
            kept = withheld(each, self.question)
            judged = names.judge(each, self.book)
            yield from (finding for finding in judged if not (kept and finding.id == PRIVATE))
            yield from self._withheld(each.host, kept)
        yield from self._foreign()

    def _withheld(self, host: str, kept: tuple[str, ...]) -> Iterator[Finding]:
        """D46; a failure where nothing else was there to be tried. Of `0.0.0.0` alone, D10 has told."""
        if not all(ip_address(each).is_unspecified for each in kept):
            targets = (*self.seen.targets, *further_targets(self.question, self.seen.discovery))
            left_out = [f"{each.where} ({address})" for each in targets if each.host == host for address in kept]
            yield self.book.finding(
                "D46", subject=host, evidence=f"not tried: {', '.join(left_out)}", host=host, names=", ".join(kept),
                domain=self.seen.discovery.domain, status=Status.WARN if self.seen.contacts else None,
            )  # fmt: skip

    def _foreign(self) -> Iterator[Finding]:
        """D44; a warning where it kept the password from being tried at all."""
        if "@" not in self.question.subject:
            return
        kept = self.question.secret is not None and self.seen.login is None
        for host in foreign_hosts(self.seen.targets, self.seen.discovery, self.book):
            yield self.book.finding(
                "D44", subject=host, status=Status.WARN if kept else None, host=host,
                domain=self.seen.discovery.domain, address=self.question.user or self.question.subject,
            )  # fmt: skip

    def _service(self, target: Target) -> ServiceReport:
        here = [each for each in self.seen.contacts if same_place(each.target, target)]
        findings = _once(finding for contact in here for finding in self.of(contact))
        status = worst(each.status for each in findings)
        return ServiceReport(target, status, findings, max(each.seconds for each in here), expires(here))

    def _circumstances(self, contact: Contact) -> service.Circumstances:
        login = self.seen.login
        every = (*self.seen.contacts, *self.seen.others)
        return service.Circumstances(
            now=self.now,
            expected=expected(contact.target, self.question, self._beside(contact)),
            provider=self.seen.discovery.provider or self._provider(contact.target.host),
            no_login=self._no_login(contact.target),
            login_at=login.target.where if login else "",
            ascii_only=self._is_ascii(),
            authorities=self.seen.authorities,
            limited=contact.dial.address in self._limited(),
            spare=records.spare(contact.target, self.seen.discovery, every),
        )

    def _no_login(self, target: Target) -> str:
        """The row that says why no login was tried there."""
        if self.seen.login:
            return "S4"
        if self.question.secret is None:
            return "S2"
        if not is_named(target.host, self.question, self.seen.discovery, self.book):
            return "S6"
        return "S7" if self.seen.shut_out else "S3"

    def _limited(self) -> frozenset[str]:
        around = [dial for each in self.seen.around.values() for dial in (*each.other_ports, *each.other_family)]
        return limited((*self.seen.contacts, *self.seen.others, *self.seen.afterwards), around)

    def _beside(self, contact: Contact) -> Iterator[Contact]:
        return (each for each in self.seen.contacts if each.target.host == contact.target.host)

    def _provider(self, host: str) -> str:
        """Whose server it is, by its name."""
        if literal(host):
            return ""
        fits = (each for each in self.book.providers() if any(setting.host == host for setting in each.settings))
        known = next(fits, None) or self.book.provider_of(host, (host,))
        return known.name if known else ""

    def _is_ascii(self) -> bool:
        secret = self.question.secret
        return secret is None or secret.reveal().isascii()

    def _is_cut_off(self) -> bool:
        """No name was answered for, in time or at all: then nothing is known of the servers.

        A refusal is an answer of a kind, unless a name that everybody knows is refused as well.
        """
        asked = self.seen.names.values()
        outside = self.seen.outside
        silent = names.BAD if outside and outside.outcome in names.BAD else frozenset({Outcome.TIMED_OUT})
        if self.seen.contacts or not all(_is_unanswered(each, silent) for each in asked):
            return False
        return bool(asked) or self._is_domain_unanswered(silent)

    def _is_domain_unanswered(self, silent: frozenset[Outcome]) -> bool:
        """Neither for its mail servers nor for any service record there was an answer."""
        found = self.seen.discovery
        services = [each for each in found.publications if each.source is Source.SRV]
        return found.mx.outcome in silent and all(each.error for each in services)


def expires(contacts: Iterable[Contact]) -> int:
    """Unix seconds when the first of the servers' certificates ends; 0: none was seen."""
    sessions = (session(each) for each in contacts)
    return min((each.chain[0].not_after for each in sessions if each and each.chain), default=0)


def _is_unanswered(host: HostNames, silent: frozenset[Outcome]) -> bool:
    """By the own name server, nor by others."""
    asked = [each for each in (host.v4, host.v6) if each]
    return all(each.outcome in silent for each in asked) and all(each.outcome in names.BAD for each in host.others)


def _examined(contacts: Iterable[Contact]) -> list[Target]:
    """Each place once, in order."""
    return list(dict.fromkeys(each.target for each in contacts))


def _once(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Two addresses of one service say mostly the same: what differs in the evidence alone is told once."""
    found: dict[tuple[str, ...], Finding] = {}
    for each in findings:
        found.setdefault((each.id, each.stage, each.status, each.title, each.cause), each)
    return tuple(found.values())


def _around(contact: Contact, seen: Seen) -> Surroundings:
    """What was looked for, and what other contacts with the same host show anyway."""
    place = (contact.target.host, contact.dial.address)
    known = seen.around.get(place, Surroundings())
    beside = [each.dial for each in seen.contacts if each.target.host == contact.target.host]
    dials = [*beside, *known.other_ports, *known.other_family]
    port, address = contact.dial.port, contact.dial.address
    return Surroundings(
        other_ports=tuple(
            {each.port: each for each in dials if each.address == address and each.port != port}.values()
        ),
        other_family=tuple(
            {each.address: each for each in dials if each.address != address and each.port == port}.values()
        ),
        elsewhere=known.elsewhere,
    )
