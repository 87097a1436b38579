"""The book of knowledge: rows, words and providers in one language, ready to be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

from gatepost.doctor.knowledge.concepts import Concepts, Finder
from gatepost.doctor.knowledge.fill import VALUE_LIMIT, fill, fill_command
from gatepost.doctor.knowledge.match import Asked, Recogniser, ready
from gatepost.doctor.knowledge.row import Explanation, Match, Provider, Row
from gatepost.doctor.knowledge.speaker import Ear, Speaker
from gatepost.doctor.knowledge.verdict import Reader, explanation
from gatepost.doctor.model import Confidence, Finding, Stage, Status, Who
from gatepost.errors import MisuseError
from gatepost.text import printable


class Book:
    """Everything that is known, in one language."""

    def __init__(
        self,
        language: str,
        rows: Mapping[str, Row],
        phrases: Mapping[str, str],
        providers: Callable[[], tuple[Provider, ...]],
        speakers: Callable[[], tuple[Speaker, ...]] = tuple,
        concepts: Callable[[], Concepts] = lambda: Concepts({}, {}, {}),
    ) -> None:
        self.language = language
        self._rows = rows
        self._phrases = phrases
        self._read_providers = providers
        self._read_speakers = speakers
        self._read_concepts = concepts

    def row(self, id: str) -> Row:  # noqa: A002 -- the word for it everywhere
        """The row with this id. Raises MisuseError if there is none."""
        try:
            return self._rows[id]
        except KeyError as error:
            raise MisuseError(f"knowledge has no row {id!r}") from error

    def rows(self) -> tuple[Row, ...]:
        """Every row, in the order of the files."""
        return tuple(self._rows.values())

    def finding(
        self,
        id: str,  # noqa: A002
        *,
        subject: str = "",
        evidence: str = "",
        stage: Stage | None = None,
        status: Status | None = None,
        confidence: Confidence | None = None,
        who: Who | None = None,
        command: str = "",
        **parameters: str,
    ) -> Finding:
        """The row as a finding, with its placeholders filled from `parameters`, or else with "the server" and such.

        What is given here goes before what the row says. Raises MisuseError if there is no such row.
        """
        row = self.row(id)
        return Finding(
            id=row.id,
            stage=stage or row.stage,
            status=status or row.status,
            title=self._filled(row.title, parameters),
            cause=self._filled(row.cause, parameters),
            fix=self._filled(row.fix, parameters),
            who=who or row.who,
            confidence=confidence or row.confidence,
            evidence=printable(evidence, VALUE_LIMIT),
            subject=printable(subject, VALUE_LIMIT),
            reference=row.reference,
            command=command or fill_command(row.command, parameters),
        )

    def phrase(self, key: str, **parameters: str) -> str:
        """Words of the interface. Raises MisuseError if there is no such phrase."""
        try:
            text = self._phrases[key]
        except KeyError as error:
            raise MisuseError(f"knowledge has no phrase {key!r}") from error
        return self._filled(text, parameters)

    def match(
        self, text: str, *, protocol: str = "", codes_first: bool = True, provider: str = ""
    ) -> tuple[Match, ...]:
        """The rows that a message of a server, a mail program or Python may mean, best first; none: unknown.

        `protocol` leaves out rows of other protocols. With `codes_first` response codes count beside the words.
        `provider` is the name of the big provider whose server said it: its own rows go first, others' are left out.
        """
        asked = Asked(protocol, frozenset({provider} if provider else ()), codes_first)
        return self._recogniser.match(ready(text), asked)

    def explain(self, text: str) -> Explanation:
        """What a text means that somebody pasted: a message, a log, a trace; who speaks in it, and how sure that is."""
        return explanation(text, self._reader)

    def providers(self) -> tuple[Provider, ...]:
        """Every big provider."""
        return self._providers

    def provider_of(self, domain: str, mx_hosts: Iterable[str] = ()) -> Provider | None:
        """The provider of a domain: by the domain itself, else by the names of its mail exchangers."""
        wanted = _plain(domain)
        by_domain = next((each for each in self._providers if wanted in each.domains), None)
        if by_domain:
            return by_domain
        hosts = tuple(map(_plain, mx_hosts))
        return next((each for each in self._providers if any(_under(host, each.mx) for host in hosts)), None)

    @cached_property
    def _recogniser(self) -> Recogniser:
        return Recogniser(self._rows.values())

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self._recogniser, Ear(self._read_speakers()), Finder(self._read_concepts()), self.row)

    @cached_property
    def _providers(self) -> tuple[Provider, ...]:
        return self._read_providers()

    def _filled(self, text: str, parameters: Mapping[str, str]) -> str:
        return fill(text, parameters, lambda name: self._phrases.get(f"default.{name}", name))


def _plain(name: str) -> str:
    return name.rstrip(".").lower()


def _under(host: str, suffixes: tuple[str, ...]) -> bool:
    return any(host == suffix or host.endswith(f".{suffix}") for suffix in suffixes)
