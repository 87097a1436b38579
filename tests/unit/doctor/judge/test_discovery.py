import pytest

from gatepost.doctor.facts import Discovery, HostNames, Lookup, Outcome, Publication, Source
from gatepost.doctor.judge.discovery import judge
from gatepost.doctor.knowledge import load
from gatepost.doctor.model import Confidence, Question, Stage, Status, Target, Who
from gatepost.ports import BY_NAME

BOOK = load()
DOMAIN = "example.com"
MX = Lookup(DOMAIN, "MX", Outcome.ANSWER, ("10 mx.example.com.",))


def mx(outcome, domain=DOMAIN, **more):
    return Lookup(domain, "MX", outcome, **more)


def target(service, host="imap.example.com", source=Source.SRV):
    return Target(BY_NAME[service], host, BY_NAME[service].port, source)


def published(source, *services, host="imap.example.com", where="x", **more):
    targets = tuple(target(name, host, source) for name in services)
    return Publication(source, where, found=True, targets=targets, **more)


def judged(*publications, subject="me@example.com", mx=MX, targets=None, domain=DOMAIN, **more):
    options = {key: more.pop(key) for key in ("service", "port") if key in more}
    every = tuple(each for publication in publications for each in publication.targets) if targets is None else targets
    return judge(Question(subject, **options), Discovery(domain, publications, mx, every, **more), BOOK)


def ids(findings):
    return [each.id for each in findings]


def test_published_settings():
    (finding,) = judged(
        published(Source.SRV, "imaps", where="_imaps._tcp"), published(Source.PACC, "imaps", where="url")
    )
    assert (finding.id, finding.status, finding.stage) == ("D26", Status.PASS, Stage.DISCOVERY)
    assert "SRV record, PACC" in finding.title
    assert finding.evidence == "_imaps._tcp; url"


def test_guesses():
    assert ids(judged(published(Source.COMMON, "imaps"))) == ["D15"]


def test_nothing_found():
    (finding,) = judged()
    assert (finding.id, finding.status) == ("D14", Status.FAIL)


def test_nothing_found_for_a_name_like_a_known_one():
    (finding,) = judged(domain="gmial.com", subject="me@gmial.com")
    assert finding.id == "D14"
    assert "gmail.com" in finding.fix


def test_a_known_provider():
    provider = next(each for each in BOOK.providers() if each.note)
    findings = judged(published(Source.PROVIDER, "imaps"), provider=provider.name)
    assert ids(findings) == ["D25"]
    assert provider.name in findings[0].title


def test_a_known_provider_without_a_note():
    silent = next((each for each in BOOK.providers() if not each.note), None)
    assert silent is None or judged(published(Source.PROVIDER, "imaps"), provider=silent.name)
    assert ids(judged(published(Source.PROVIDER, "imaps"), provider="unheard of")) == []


@pytest.mark.parametrize("subject", ["@example.com", "a b@example.com", "a\x07@example.com"])
def test_no_address(subject):
    (finding,) = judged(subject=subject)
    assert (finding.id, finding.stage) == ("D41", Stage.ADDRESS)


def test_a_bad_domain():
    (finding,) = judged(subject="me@a..b", domain="a..b", mx=mx(Outcome.BAD_NAME, error="empty label"))
    assert (finding.id, finding.stage, finding.evidence) == ("D11", Stage.ADDRESS, "empty label")


def test_a_domain_that_does_not_exist():
    (finding,) = judged(mx=mx(Outcome.NXDOMAIN))
    assert (finding.id, finding.stage) == ("D40", Stage.ADDRESS)
    (finding,) = judged(mx=mx(Outcome.NXDOMAIN, "gmial.com"), domain="gmial.com", subject="me@gmial.com")
    assert "gmail.com" in finding.fix


def test_a_providers_domain_is_not_misspelt():
    (finding,) = judged(mx=mx(Outcome.NXDOMAIN, "gmail.com"), domain="gmail.com", subject="me@gmail.com")
    assert (finding.id, finding.subject, finding.who) == ("D43", "me@gmail.com", Who.NETWORK)


@pytest.mark.parametrize(
    ("outcome", "row"),
    [
        (Outcome.SERVFAIL, "D2"),
        (Outcome.TIMED_OUT, "D2"),
        (Outcome.LOOP, "D7"),
        (Outcome.NODATA, "D17"),
        (Outcome.NXDOMAIN, "D17"),
    ],
)
def test_no_answer_for_the_mail_servers(outcome, row):
    assert ids(judged(published(Source.SRV, "imaps"), mx=mx(outcome))) == [row, "D26"]


def test_silence_says_nothing_about_servers():
    assert ids(judged(mx=mx(Outcome.TIMED_OUT))) == ["D2"]


def test_silence_about_service_records():
    silent = Publication(Source.SRV, "_imaps._tcp.example.com", found=False, error="timed out")
    findings = judged(published(Source.AUTOCONFIG, "imaps"), silent)
    assert [(each.id, each.status) for each in findings] == [("D2", Status.WARN), ("D26", Status.PASS)]
    assert "_imaps._tcp.example.com" in findings[0].evidence
    assert ids(judged(silent, mx=mx(Outcome.TIMED_OUT))) == ["D2"]


def test_a_domain_that_takes_no_mail():
    null = mx(Outcome.ANSWER, values=("0 .",))
    (finding,) = judged(mx=null)
    assert (finding.id, finding.status) == ("D8", Status.FAIL)


def host(name, *lookups):
    return HostNames(name, *lookups)


def test_a_mail_server_that_is_an_alias():
    v4 = Lookup("mx.example.com", "A", Outcome.ANSWER, ("192.0.2.1",), aliases=("web.example.com",))
    findings = judged(published(Source.SRV, "imaps"), mx_hosts=(host("mx.example.com", v4, None),))
    assert ids(findings) == ["D7", "D26"]
    assert findings[0].status is Status.WARN
    assert "CNAME web.example.com" in findings[0].evidence


def test_a_mail_server_without_address():
    v4, v6 = (Lookup("mx.example.com", kind, Outcome.NXDOMAIN) for kind in ("A", "AAAA"))
    assert ids(judged(published(Source.SRV, "imaps"), mx_hosts=(host("mx", v4, v6),))) == ["D42", "D26"]
    (finding, _) = judged(published(Source.SRV, "imaps"), mx_hosts=(host("mx.example.com", v4, v6),))
    assert finding.title == "The MX record leads to mx.example.com, a name without any address"
    assert (finding.status, finding.subject) == (Status.WARN, "MX mx.example.com")
    good = Lookup("mx.example.com", "A", Outcome.ANSWER, ("192.0.2.1",))
    assert ids(judged(published(Source.SRV, "imaps"), mx_hosts=(host("mx", good, v6),))) == ["D26"]
    assert ids(judged(published(Source.SRV, "imaps"), mx_hosts=(host("mx", None, None),))) == ["D26"]


def denial(*services):
    return Publication(Source.SRV, "x", found=True, denied=services)


def test_a_denied_service():
    findings = judged(published(Source.SRV, "imaps"), denial("pop3s"))
    assert ids(findings) == ["D9", "D26"]
    assert findings[0].status is Status.INFO
    assert "POP3" in findings[0].title
    assert "IMAP" in findings[0].fix


@pytest.mark.parametrize(("service", "status"), [("pop3s", Status.FAIL), ("pop3", Status.FAIL), ("imaps", Status.INFO)])
def test_a_denied_service_that_was_asked_for(service, status):
    findings = judged(published(Source.SRV, "imaps"), denial("pop3"), service=service)
    assert (findings[0].id, findings[0].status) == ("D9", status)


def test_denying_only_what_begins_in_the_clear_is_good_practice():
    assert ids(judged(published(Source.SRV, "imaps"), denial("imap"))) == ["D26"]


def test_sending_is_no_way_to_fetch():
    findings = judged(published(Source.SRV, "submissions"), denial("pop3s"))
    assert "SMTP" not in findings[0].fix


def test_settings_that_cannot_be_read():
    broken = Publication(Source.AUTOCONFIG, "https://autoconfig.example.com/x", found=True, error="no XML")
    findings = judged(published(Source.SRV, "imaps"), broken)
    assert [(each.id, each.status) for each in findings] == [("D16", Status.WARN), ("D26", Status.PASS)]
    assert "https://autoconfig.example.com/x" in findings[0].title
    assert "no XML" in findings[0].cause


def test_a_web_server_for_all_names_is_only_noted():
    odd = Publication(Source.AUTOCONFIG, "https://autoconfig.example.com/x", found=False, error="certificate")
    assert judged(published(Source.SRV, "imaps"), odd)[0].status is Status.INFO
    announced = Publication(Source.PACC, "https://ua-auto-config.example.com/x", found=False, error="HTTP status 404")
    assert judged(published(Source.SRV, "imaps"), announced)[0].status is Status.WARN


def test_settings_without_encryption():
    findings = judged(published(Source.AUTOCONFIG, "imap", where="https://x", plain=("imap",)))
    assert ids(findings) == ["D18", "D26"]
    assert "imap" in findings[0].title


def test_settings_only_by_plain_http():
    plain = published(Source.AUTOCONFIG, "imaps", where="http://autoconfig.example.com/x")
    assert ids(judged(plain)) == ["D19", "D26"]
    assert ids(judged(plain, published(Source.AUTOCONFIG, "imaps", where="https://x"))) == ["D26"]


def test_outlooks_record():
    record = Publication(Source.AUTODISCOVER, "_autodiscover._tcp.example.com", found=True)
    assert ids(judged(published(Source.SRV, "imaps"), record)) == ["D26", "D27"]
    missing = Publication(Source.AUTODISCOVER, "_autodiscover._tcp.example.com", found=False, error="timed out")
    assert ids(judged(published(Source.SRV, "imaps"), missing)) == ["D26"]


def typed(subject="example.com", *publications, mx=MX, **more):
    return judged(*publications, subject=subject, mx=mx, targets=(), **more)


def test_a_typed_mail_domain():
    (finding,) = typed(
        "example.com", published(Source.SRV, "imaps"), published(Source.SRV, "pop3s", host="pop.example.com")
    )
    assert (finding.id, finding.status) == ("D4", Status.FAIL)
    assert "imap.example.com, pop.example.com" in finding.fix


def test_a_typed_mail_domain_with_a_port_or_service():
    both = (published(Source.SRV, "imaps"), published(Source.SRV, "pop3s", host="pop.example.com"))
    (by_port,) = typed("example.com", *both, port=995)
    (by_service,) = typed("example.com", *both, service="pop3s")
    assert by_port.fix == by_service.fix
    assert "pop.example.com" in by_port.fix
    assert "imap" not in by_port.fix
    (other,) = typed("example.com", *both, port=4711)
    assert "imap.example.com, pop.example.com" in other.fix


def test_guesses_are_named_only_where_nothing_is_published():
    guess = published(Source.COMMON, "pop3s", host="guess.example.com")
    (sure,) = typed("example.com", guess, published(Source.SRV, "imaps"))
    (unsure,) = typed("example.com", guess)
    assert "guess" not in sure.fix
    assert "guess.example.com" in unsure.fix
    assert (sure.confidence, unsure.confidence) == (Confidence.CERTAIN, Confidence.LIKELY)


def test_a_typed_mail_domain_that_publishes_nothing():
    (finding,) = typed()
    assert "mx.example.com" in finding.fix


def test_a_typed_host_that_is_right():
    assert typed("mx.example.com.") == ()
    assert typed("imap.example.com", published(Source.SRV, "imaps")) == ()
    assert typed(mx=mx(Outcome.NODATA)) == ()
