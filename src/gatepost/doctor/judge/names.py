"""What DNS's answers about a host mean.

Rows D1-D3, D7, D10, D11, D13, D20-D24, D30, D33 and D43, or D0 when all is well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from ipaddress import ip_address
from typing import Final

from msgspec import structs

from gatepost.doctor.facts import HostNames, Lookup, Outcome
from gatepost.doctor.knowledge import Book, Provider
from gatepost.doctor.model import Confidence, Finding, Status, Who
from gatepost.doctor.names.spelling import BadNameError, ascii_name

ADDRESS_KINDS: Final = frozenset({"A", "AAAA"})
SIMILAR: Final = 0.8
"""difflib's ratio from which on a name is offered as the one that was meant: `gmial.com` is 0.89 like `gmail.com`."""
DNSSEC_SIGN: Final = "DNSSEC"
"""In the error of a look-up that fails only while signatures are checked."""
BAD: Final = frozenset({Outcome.SERVFAIL, Outcome.REFUSED, Outcome.TIMED_OUT})
WORST_FIRST: Final = (
    Outcome.BAD_NAME,
    Outcome.LOOP,
    Outcome.SERVFAIL,
    Outcome.REFUSED,
    Outcome.TIMED_OUT,
    Outcome.NXDOMAIN,
    Outcome.NODATA,
)


def judge(names: HostNames, book: Book) -> tuple[Finding, ...]:
    """What is to be said about the host's name, worst first; nothing about an IP address without PTR look-ups."""
    if names.literal:
        return tuple(_pointers(names, book))
    asked = [lookup for lookup in (names.v6, names.v4) if lookup]
    answers = [lookup for lookup in asked if lookup.outcome is Outcome.ANSWER]
    if not answers:
        return tuple(_without_address(names, asked, book))
    partly = (one_failed(lookup, names.others, book) for lookup in asked if lookup.outcome in BAD)
    odd = (*partly, *_odd_addresses(names, answers, book), *_pointers(names, book))
    return (*odd, *_all_well(names, answers, book))


def _without_address(names: HostNames, asked: list[Lookup], book: Book) -> Iterator[Finding]:
    """One finding: of several outcomes the most telling."""
    worst = min(asked, key=lambda lookup: WORST_FIRST.index(lookup.outcome), default=None)
    if worst is not None:
        yield failed(worst, names.others, book)


def failed(lookup: Lookup, others: tuple[Lookup, ...], book: Book) -> Finding:
    """Why a look-up gave nothing. `others` are the same questions to other resolvers, and the host's MX."""
    host, seen = lookup.name, evidence(lookup)
    elsewhere = [each for each in others if each.kind in ADDRESS_KINDS and each.outcome is Outcome.ANSWER]
    if lookup.outcome is Outcome.BAD_NAME:
        return book.finding("D11", subject=host, evidence=lookup.error, host=host)
    if lookup.outcome is Outcome.LOOP:
        return book.finding("D7", subject=host, evidence=seen, host=host)
    if lookup.outcome in BAD:
        return one_failed(lookup, others, book, status=None)
    if elsewhere:
        proof = "; ".join((seen, *map(evidence, elsewhere)))
        return book.finding("D22", subject=host, evidence=proof, host=host, names=_values(elsewhere))
    if lookup.outcome is Outcome.NXDOMAIN:
        return denied("D1", lookup, book)
    mx = [each for each in others if each.kind == "MX" and each.outcome is Outcome.ANSWER]
    return book.finding("D3", subject=host, evidence="; ".join((seen, *map(evidence, mx))), host=host)


def suggesting(finding: Finding, name: str, book: Book) -> Finding:
    """The finding with a fix that offers the name that was perhaps meant, if there is one.

    A name that a provider really has is not misspelt: never is another one offered in its place.
    """
    meant = did_you_mean(name, book)
    if not meant:
        return finding
    return structs.replace(finding, fix=book.phrase("names.did_you_mean", other=meant, name=name), who=Who.YOU)


def denied(row: str, lookup: Lookup, book: Book) -> Finding:
    """DNS knows no such name: `row`, with a better spelling if there is one. D43 if the name is known to be there."""
    name, seen = lookup.name, evidence(lookup)
    if owner := _owner(name, book):
        return book.finding("D43", subject=name, evidence=seen, host=name, provider=owner)
    return suggesting(book.finding(row, subject=name, evidence=seen, host=name, domain=name), name, book)


def _owner(name: str, book: Book) -> str:
    """The provider that has this very name, if one is known."""
    wanted = name.rstrip(".").lower()
    has = (each.name for each in book.providers() if wanted in _names_of(each))
    return next(has, "")


def _names_of(provider: Provider) -> set[str]:
    return {*provider.domains, *(setting.host for setting in provider.settings)}


def one_failed(lookup: Lookup, others: tuple[Lookup, ...], book: Book, status: Status | None = Status.WARN) -> Finding:
    """No answer for this family; a warning only while the other family answers. Whose fault is it?"""
    same = [each for each in others if each.kind == lookup.kind]
    knows = [each for each in others if each.kind in ADDRESS_KINDS and each.outcome is Outcome.ANSWER]
    elsewhere = [each for each in same if each.outcome in {Outcome.ANSWER, Outcome.NODATA}] or knows
    if DNSSEC_SIGN in lookup.error:
        return book.finding("D20", subject=lookup.name, evidence=evidence(lookup), status=status, host=lookup.name)
    if elsewhere:
        proof = "; ".join(map(evidence, (lookup, *elsewhere)))
        return book.finding(
            "D21", subject=lookup.name, evidence=proof, status=status, host=lookup.name, names=_values(elsewhere)
        )
    who = Who.ADMINISTRATOR if same and lookup.outcome is Outcome.SERVFAIL else None
    proof = "; ".join(map(evidence, (lookup, *same)))
    return book.finding("D2", subject=lookup.name, evidence=proof, status=status, who=who, host=lookup.name)


def _odd_addresses(names: HostNames, answers: list[Lookup], book: Book) -> Iterator[Finding]:
    """Addresses that no mail server on the Internet can have."""
    for lookup in answers:
        if lookup.resolver.startswith("/"):
            yield book.finding(
                "D23", subject=names.host, evidence=evidence(lookup), host=names.host, file=lookup.resolver,
                names=_values([lookup]),
            )  # fmt: skip
            continue
        found = [ip_address(value) for value in lookup.values]
        if any(address.is_unspecified for address in found):
            yield _about(lookup, names, "D10", book)
        elif any(not address.is_global for address in found):
            yield _about(lookup, names, _inside(lookup, names), book)


def _inside(lookup: Lookup, names: HostNames) -> str:
    """The row for private addresses: do others say something else, the same, or nothing?"""
    said = [each for each in names.others if each.kind == lookup.kind and each.outcome is Outcome.ANSWER]
    if any(set(each.values) == set(lookup.values) for each in said):
        return "D10"  # the whole world is told an address that only works inside
    return "D33" if said else "D30"


def _about(lookup: Lookup, names: HostNames, row: str, book: Book) -> Finding:
    same = (each for each in names.others if each.kind == lookup.kind)
    proof, values = "; ".join(map(evidence, (lookup, *same))), _values([lookup])
    return book.finding(row, subject=names.host, evidence=proof, host=names.host, address=values, names=values)


def _pointers(names: HostNames, book: Book) -> Iterator[Finding]:
    """PTR: what other mail servers look at before they take mail from here."""
    wanted = ascii_form(names.host)
    for lookup in names.others:
        if lookup.kind != "PTR" or lookup.outcome in BAD:
            continue
        known = [value.rstrip(".").lower() for value in lookup.values]
        if not known:
            yield book.finding(
                "D13", subject=lookup.name, evidence=evidence(lookup), host=names.host, address=lookup.name
            )
        elif wanted not in known and not names.literal:
            yield book.finding(
                "D13", subject=lookup.name, evidence=evidence(lookup), status=Status.INFO,
                confidence=Confidence.POSSIBLE, host=names.host, address=lookup.name,
            )  # fmt: skip


def _all_well(names: HostNames, answers: list[Lookup], book: Book) -> Iterator[Finding]:
    if not names.host.isascii():
        yield book.finding("D24", subject=names.host, host=names.host, other=ascii_form(names.host))
    proof = "; ".join(map(evidence, answers))
    yield book.finding("D0", subject=names.host, evidence=proof, host=names.host, names=_values(answers))


def did_you_mean(name: str, book: Book) -> str:
    """A well-known name that is very like this one; empty if there is none."""
    wanted = name.rstrip(".").lower()
    here = [each for each in book.providers() if _is_of(wanted, each)]
    known = set().union(*map(_names_of, here or book.providers()))
    return "" if wanted in known else next(iter(get_close_matches(wanted, sorted(known), 1, SIMILAR)), "")


def _is_of(name: str, provider: Provider) -> bool:
    """Whether the name is below one of the provider's domains: then no competitor's name was meant."""
    return any(f".{name}".endswith(f".{domain}") for domain in provider.domains)


def evidence(lookup: Lookup) -> str:
    """`AAAA mail.example.com: servfail (system)`, as a technician would put it."""
    way = [f"CNAME {alias}" for alias in lookup.aliases]
    said = " ".join((*way, *(lookup.values or (lookup.outcome.value,))))
    error = f": {lookup.error}" if lookup.error else ""
    by = f" ({lookup.resolver})" if lookup.resolver else ""
    authentic = " DNSSEC" if lookup.dnssec else ""
    return f"{lookup.kind} {lookup.name}: {said}{error}{by}{authentic}"


def _values(lookups: Iterable[Lookup]) -> str:
    return ", ".join(dict.fromkeys(value for lookup in lookups for value in lookup.values))


def ascii_form(name: str) -> str:
    """As DNS knows the name; what cannot be a name stays as it is."""
    try:
        return ascii_name(name)
    except BadNameError:
        return name
