from __future__ import annotations

import pytest
from msgspec.structs import replace

from gatepost.doctor.model import Status
from gatepost.doctor.own.facts import (
    Mode,
    Shown,
)
from support.host_facts import ADDRESS, DAY, HOST, NOW, POP3S, host, named, published
from support.host_findings import news, only


def test_expired() -> None:
    shown = tuple(replace(each, expires=int(NOW) - DAY) for each in host().shown)
    found = only(host(shown=shown), "O20", Status.FAIL)
    assert found.subject == "pop3s 0.0.0.0:995"
    assert "/etc/ssl/mail.pem" in found.fix


@pytest.mark.parametrize(("left", "life", "said"), [(13, 90, True), (15, 90, False), (2, 6, False), (0.5, 6, True)])
def test_soon(left: float, life: float, said: bool) -> None:
    expires = int(NOW + left * DAY)
    shown = tuple(replace(each, expires=expires) for each in host().shown)
    files = (replace(host().files[0], begins=int(expires - life * DAY), expires=expires),)
    found = news(host(shown=shown, files=files))
    assert list(found) == (["O18"] if said else [])


def test_soon_where_the_file_may_not_be_seen() -> None:
    shown = tuple(replace(each, expires=int(NOW) + 3 * DAY) for each in host().shown)
    files = (replace(host().files[0], fingerprint="", problem="no", forbidden=True, names=()),)
    found = news(host(shown=shown, files=files, user="bob"))
    assert set(found) == {"O18", "O28"}
    assert "in 3 days" in found["O18"].title


def test_expired_where_the_file_may_not_be_seen() -> None:
    shown = tuple(replace(each, expires=int(NOW) - DAY) for each in host().shown)
    files = (replace(host().files[0], fingerprint="", problem="no", forbidden=True, names=()),)
    assert set(news(host(shown=shown, files=files))) == {"O20", "O28"}


@pytest.mark.parametrize(("days", "expected"), [(20, Status.WARN), (-1, Status.FAIL)])
def test_renewed_and_not_reloaded(days: int, expected: Status) -> None:
    shown = tuple(replace(each, expires=int(NOW) + days * DAY, fingerprint="CC:DD") for each in host().shown)
    found = only(host(shown=shown), "O4", expected)
    assert found.evidence == "CC:DD"


def test_a_file_that_cannot_be_used() -> None:
    files = (replace(host().files[0], problem="There is no key file /k. Make one.", fingerprint="", names=()),)
    assert "no key file" in only(host(files=files, shown=()), "O5", Status.FAIL).cause


def test_our_own_certificate_is_made_at_the_start() -> None:
    files = (replace(host().files[0], problem="There is no file.", fingerprint="", names=(), local=True),)
    assert set(news(host(files=files, shown=(), doors=(), status=None))) == {"O2", "O27"}


def test_an_expired_file_that_is_served_is_told_once() -> None:
    shown = tuple(replace(each, expires=int(NOW) - DAY) for each in host().shown)
    files = (replace(host().files[0], problem="expired", expires=int(NOW) - DAY),)
    only(host(shown=shown, files=files), "O20", Status.FAIL)


def test_none_shown() -> None:
    shown = (
        Shown(POP3S, "", problem="the TLS handshake failed"),
        Shown(POP3S, HOST, problem="the TLS handshake failed"),
    )
    assert only(host(shown=shown), "O26", Status.FAIL).evidence == "the TLS handshake failed"


def test_the_host_name_is_missing() -> None:
    shown = tuple(replace(each, names=("other.example",)) for each in host().shown)
    found = only(host(shown=shown), "O6", Status.FAIL)
    assert HOST in found.title
    assert found.evidence == "other.example"


def test_the_host_name_is_missing_in_our_own() -> None:
    shown = tuple(replace(each, names=("localhost",)) for each in host().shown)
    found = news(host(shown=shown, files=(replace(host().files[0], local=True),)))
    assert set(found) == {"O87", "O27"}


@pytest.mark.parametrize("covered", [True, False])
def test_another_name_that_people_are_sent_to(covered: bool) -> None:
    names = (named(HOST, ADDRESS), named("pop.example.com", ADDRESS))
    files = (replace(host().files[0], names=(HOST, "*.example.com" if covered else "www.example.com")),)
    records = (published(pop3s="0 1 995 pop.example.com."),)
    found = news(host(names=names, files=files, published=records))
    assert list(found) == ([] if covered else ["O6"])


def test_without_readable_files_other_names_are_not_judged() -> None:
    names = (named(HOST, ADDRESS), named("pop.example.com", ADDRESS))
    records = (published(pop3s="0 1 995 pop.example.com."),)
    assert news(host(names=names, files=(), published=records)) == {}


@pytest.mark.parametrize(("mode", "expected"), [(0o644, Status.FAIL), (0o660, Status.WARN), (0o640, None)])
def test_keys(mode: int, expected: Status | None) -> None:
    seen = host(data=replace(host().data, secrets=(Mode("/k.pem", mode, "gatepost"),)))
    found = news(seen).get("O14")
    assert (found and found.status) == expected
    if found:
        assert found.command == "chmod 600 /k.pem"


def test_the_local_authority() -> None:
    files = (replace(host().files[0], local=True),)
    only(host(files=files), "O27", Status.INFO)
