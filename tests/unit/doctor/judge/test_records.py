from msgspec.structs import replace

from gatepost.doctor.facts import (
    Contact,
    Dial,
    Discovery,
    Ending,
    Handshake,
    Listening,
    Login,
    Lookup,
    Outcome,
    Publication,
    Reach,
    Source,
)
from gatepost.doctor.judge.records import judge, spare, unexamined
from gatepost.doctor.knowledge import load
from gatepost.doctor.model import Confidence, Status, Target
from gatepost.ports import BY_NAME

BOOK = load()
MX = Lookup("example.com", "MX", Outcome.NODATA)


def target(service="imaps", host="imap.example.com", source=Source.SRV):
    return Target(BY_NAME[service], host, BY_NAME[service].port, source)


def published(source, *targets, where="place"):
    return Publication(source, where, found=True, targets=targets)


def contact(of, reach=Reach.OPEN, login=None):
    greeting = Listening(Ending.OCTETS, b"* OK")
    dial = Dial(of.host, "192.0.2.1", of.port, reach, 0.1)
    return Contact(of, dial, handshake=Handshake(True, True), greeting=greeting, login=login)


def judged(*publications, contacts=()):
    return judge(Discovery("example.com", publications, MX, ()), tuple(contacts), BOOK)


def test_all_is_well():
    (finding,) = judged(published(Source.SRV, target()), contacts=[contact(target())])
    assert (finding.id, finding.status, finding.evidence) == ("D31", Status.PASS, "place")


def test_nothing_published_or_nothing_tried():
    assert judged(published(Source.COMMON, target()), contacts=[contact(target())]) == ()
    assert judged(published(Source.SRV, target())) == ()


def test_sources_that_agree_on_one_server():
    more = published(Source.AUTOCONFIG, target(host="spare.example.com"), target())
    assert judged(published(Source.SRV, target()), more) == ()


def test_sources_that_speak_of_different_services():
    assert judged(published(Source.SRV, target()), published(Source.AUTOCONFIG, target("pop3s"))) == ()


def test_sources_that_differ():
    other = target(host="old.example.com")
    (finding,) = judged(published(Source.SRV, target()), published(Source.AUTOCONFIG, other))
    assert (finding.id, finding.status) == ("D12", Status.WARN)
    assert finding.evidence == "SRV record: imap.example.com:993; autoconfig: old.example.com:993"
    assert "old.example.com" in finding.cause


def test_sources_that_differ_but_work():
    other = target(host="old.example.com")
    publications = (published(Source.SRV, target()), published(Source.AUTOCONFIG, other))
    (finding,) = judged(*publications, contacts=[contact(target()), contact(other)])
    assert (finding.id, finding.status) == ("D12", Status.INFO)


def test_published_but_not_working_once_for_each_place():
    publications = (published(Source.SRV, target(), where="srv"), published(Source.AUTOCONFIG, target(), where="file"))
    (finding,) = judged(*publications, contacts=[contact(target(), Reach.REFUSED)])
    assert (finding.id, finding.status, finding.confidence) == ("D29", Status.FAIL, Confidence.CERTAIN)
    assert "SRV record, autoconfig" in finding.cause
    assert finding.evidence == "srv: imap.example.com:993"


def test_a_silent_server_may_be_this_networks_matter():
    (finding,) = judged(published(Source.SRV, target()), contacts=[contact(target(), Reach.TIMED_OUT)])
    assert finding.confidence is Confidence.LIKELY


def test_one_address_that_works_is_enough():
    contacts = [contact(target(), Reach.NO_ROUTE), contact(target())]
    assert [each.id for each in judged(published(Source.SRV, target()), contacts=contacts)] == ["D31"]


def test_a_refused_password_says_nothing_of_the_record():
    contacts = [contact(target(), login=Login("PLAIN", False, b"NO [AUTHENTICATIONFAILED]"))]
    assert [each.id for each in judged(published(Source.SRV, target()), contacts=contacts)] == ["D31"]


def test_published_places_that_nobody_would_examine():
    best, other, again = target(), target(host="old.example.com"), target(host="old.example.com", source=Source.PACC)
    publications = (
        published(Source.SRV, best),
        published(Source.AUTOCONFIG, other),
        published(Source.PACC, again),
        published(Source.COMMON, target(host="guess.example.com")),
    )
    assert unexamined(Discovery("example.com", publications, MX, (best,))) == (other,)


def test_a_spare_server_makes_it_a_warning():
    spare = target(host="two.example.com")
    other = contact(spare)
    contacts = [contact(target(), Reach.REFUSED), replace(other, dial=replace(other.dial, address="192.0.2.2"))]
    (finding,) = judged(published(Source.SRV, target(), spare), contacts=contacts)
    assert (finding.id, finding.status) == ("D29", Status.WARN)


def test_what_a_limit_hides_is_no_fault_of_the_records():
    contacts = [contact(target(), Reach.TIMED_OUT), contact(target("pop3s")), contact(target("pop3s"), Reach.REFUSED)]
    assert "D29" not in {each.id for each in judged(published(Source.SRV, target()), contacts=contacts)}


def test_strange_servers_are_not_praised():
    strange = target(host="imap.evil.test")
    (finding,) = judged(published(Source.SRV, strange), contacts=[contact(strange)])
    assert (finding.id, finding.status) == ("D31", Status.INFO)


def test_what_nobody_published_has_no_spare():
    discovery = Discovery("example.com", (published(Source.SRV, target(host="a.example.com")),), MX, ())
    other = contact(target(host="a.example.com"))
    assert not spare(target(host="typed.example.com"), discovery, [other])
