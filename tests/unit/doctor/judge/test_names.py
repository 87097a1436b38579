import pytest

from gatepost.doctor.facts import HostNames, Lookup, Outcome
from gatepost.doctor.judge.names import _names_of, did_you_mean, evidence, failed, judge
from gatepost.doctor.knowledge import load
from gatepost.doctor.model import Stage, Status, Who

BOOK = load()
HOST = "mail.example.com"


def lookup(kind, *values, outcome=Outcome.ANSWER, name=HOST, resolver="system", **more):
    return Lookup(
        name,
        kind,
        outcome if values or outcome is not Outcome.ANSWER else Outcome.NODATA,
        values,
        resolver=resolver,
        **more,
    )


def bad(outcome, kind="A", **more):
    return lookup(kind, outcome=outcome, **more)


def judged(v4=None, v6=None, others=(), host=HOST, literal=False):
    return judge(HostNames(host, v4, v6, tuple(others), literal), BOOK)


def ids(findings):
    return [each.id for each in findings]


GOOD4, GOOD6 = lookup("A", "93.184.216.34"), lookup("AAAA", "2606:2800:220:1::1")


def test_all_is_well():
    (finding,) = judged(GOOD4, GOOD6)
    assert (finding.id, finding.status, finding.stage, finding.subject) == ("D0", Status.PASS, Stage.NAMES, HOST)
    assert "93.184.216.34" in finding.title
    assert "2606:2800:220:1::1" in finding.title


def test_one_family_is_well_too():
    assert ids(judged(GOOD4, bad(Outcome.NODATA, "AAAA"))) == ["D0"]


def test_nothing_was_asked():
    assert judged() == ()
    assert judged(lookup("A", "192.0.2.1"), literal=True, host="192.0.2.1") == ()


@pytest.mark.parametrize(
    ("outcome", "row"),
    [
        (Outcome.NXDOMAIN, "D1"),
        (Outcome.SERVFAIL, "D2"),
        (Outcome.REFUSED, "D2"),
        (Outcome.TIMED_OUT, "D2"),
        (Outcome.NODATA, "D3"),
        (Outcome.LOOP, "D7"),
        (Outcome.BAD_NAME, "D11"),
    ],
)
def test_each_outcome_has_its_row(outcome, row):
    (finding,) = judged(bad(outcome, error="why"), bad(outcome, "AAAA", error="why"))
    assert (finding.id, finding.status) == (row, Status.FAIL)
    assert "why" in finding.evidence


def test_the_most_telling_outcome_decides():
    assert ids(judged(bad(Outcome.NODATA), bad(Outcome.SERVFAIL, "AAAA"))) == ["D2"]


def test_a_likely_name_is_offered():
    (finding,) = judged(bad(Outcome.NXDOMAIN, name="imap.gmial.com"), host="imap.gmial.com")
    assert finding.id == "D1"
    assert "imap.gmail.com" in finding.fix
    assert finding.who is Who.YOU
    assert did_you_mean("gmial.com.", BOOK) == "gmail.com"
    assert did_you_mean("gmail.com", BOOK) == ""
    assert did_you_mean("mail.completely-different.example", BOOK) == ""


@pytest.mark.parametrize("name", sorted({host for each in BOOK.providers() for host in _names_of(each)}))
def test_for_a_providers_own_name_no_other_is_offered(name):
    assert did_you_mean(name, BOOK) == ""
    (finding,) = judged(bad(Outcome.NXDOMAIN, name=name), host=name)
    assert (finding.id, finding.who) == ("D43", Who.NETWORK)
    assert "Did you mean" not in finding.fix


def test_below_a_providers_domain_only_its_own_names_are_offered():
    assert did_you_mean("imao.gmail.com", BOOK) == "imap.gmail.com"
    (provider,) = (each for each in BOOK.providers() if "yahoo.com" in each.domains)
    assert did_you_mean("imap.mali.yahoo.com", BOOK) in _names_of(provider)


def test_a_name_without_address_shows_its_mail_servers():
    (finding,) = judged(bad(Outcome.NODATA), others=[lookup("MX", "10 mx.example.com.")])
    assert finding.id == "D3"
    assert "mx.example.com" in finding.evidence


def test_others_know_what_the_own_resolver_denies():
    (finding,) = judged(bad(Outcome.NXDOMAIN), others=[lookup("A", "93.184.216.34", resolver="9.9.9.9")])
    assert (finding.id, finding.who) == ("D22", Who.NETWORK)
    assert "9.9.9.9" in finding.evidence


def test_others_answer_where_the_own_resolver_is_silent():
    (finding,) = judged(bad(Outcome.TIMED_OUT), others=[lookup("A", "93.184.216.34", resolver="9.9.9.9")])
    assert (finding.id, finding.status) == ("D21", Status.FAIL)


def test_broken_signatures():
    sick = bad(Outcome.SERVFAIL, error="answers only with DNSSEC checks switched off: 192.0.2.1")
    assert ids(judged(sick)) == ["D20"]


def test_broken_signatures_before_all_others():
    sick = bad(Outcome.SERVFAIL, error="answers only with DNSSEC checks switched off: 192.0.2.1")
    trusting = lookup("A", "192.0.2.1", resolver="192.0.2.53")
    assert ids(judged(sick, others=[trusting])) == ["D20"]


def test_a_failure_everywhere_is_the_domains():
    (finding,) = judged(bad(Outcome.SERVFAIL), others=[bad(Outcome.SERVFAIL, resolver="9.9.9.9")])
    assert (finding.id, finding.who) == ("D2", Who.ADMINISTRATOR)
    (finding,) = judged(bad(Outcome.TIMED_OUT), others=[bad(Outcome.TIMED_OUT, resolver="9.9.9.9")])
    assert (finding.id, finding.who) == ("D2", Who.NETWORK)


@pytest.mark.parametrize(
    ("others", "row"),
    [((), "D2"), ([bad(Outcome.NODATA, "AAAA", resolver="9.9.9.9")], "D21")],
)
def test_one_family_that_fails_is_a_warning(others, row):
    findings = judged(GOOD4, bad(Outcome.SERVFAIL, "AAAA"), others)
    assert ids(findings) == [row, "D0"]
    assert findings[0].status is Status.WARN


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_a_filter_answers_with_null_addresses(address):
    assert ids(judged(lookup("A", address))) == ["D10", "D0"]


def test_private_addresses():
    inside = lookup("A", "10.0.0.1")
    assert ids(judged(inside)) == ["D30", "D0"]
    assert ids(judged(inside, others=[lookup("A", "10.0.0.1", resolver="9.9.9.9")])) == ["D10", "D0"]
    assert ids(judged(inside, others=[lookup("A", "93.184.216.34", resolver="9.9.9.9")])) == ["D33", "D0"]
    assert ids(judged(inside, others=[bad(Outcome.NXDOMAIN, resolver="9.9.9.9")])) == ["D30", "D0"]


def test_the_hosts_file():
    findings = judged(lookup("A", "10.0.0.1", resolver="/etc/hosts"))
    assert ids(findings) == ["D23", "D0"]
    assert "/etc/hosts" in findings[0].title


def pointer(*values, outcome=Outcome.ANSWER, name="93.184.216.34"):
    return lookup("PTR", *values, outcome=outcome, name=name)


def test_reverse_names():
    assert ids(judged(GOOD4, others=[pointer("Mail.Example.com.")])) == ["D0"]
    missing = judged(GOOD4, others=[pointer(outcome=Outcome.NXDOMAIN)])
    assert [(each.id, each.status) for each in missing] == [("D13", Status.WARN), ("D0", Status.PASS)]
    different = judged(GOOD4, others=[pointer("host34.isp.example.")])
    assert [(each.id, each.status) for each in different] == [("D13", Status.INFO), ("D0", Status.PASS)]
    assert ids(judged(GOOD4, others=[pointer(outcome=Outcome.TIMED_OUT)])) == ["D0"]


def test_reverse_names_of_a_typed_address():
    address = "93.184.216.34"
    assert ids(judged(GOOD4, others=[pointer(outcome=Outcome.NODATA)], host=address, literal=True)) == ["D13"]
    assert judged(GOOD4, others=[pointer("any.example.")], host=address, literal=True) == ()


def test_international_names():
    findings = judged(GOOD4, host="mail.müller.example")
    assert ids(findings) == ["D24", "D0"]
    assert "mail.xn--mller-kva.example" in findings[0].title
    assert ids(judged(GOOD4, host="mail.\u2028.example")) == ["D24", "D0"]


def test_evidence():
    assert evidence(GOOD4) == f"A {HOST}: 93.184.216.34 (system)"
    assert evidence(lookup("A", "192.0.2.1", resolver="", dnssec=True)) == f"A {HOST}: 192.0.2.1 DNSSEC"
    assert evidence(bad(Outcome.SERVFAIL, error="SERVFAIL")) == f"A {HOST}: servfail: SERVFAIL (system)"


def test_failed_tells_of_circles():
    finding = failed(bad(Outcome.LOOP, aliases=("a.example", HOST)), (), BOOK)
    assert finding.id == "D7"
    assert "a.example" in finding.evidence
