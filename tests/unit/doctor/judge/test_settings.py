import pytest

from gatepost.doctor.facts import (
    Capabilities,
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
    Upgrade,
)
from gatepost.doctor.judge.settings import settings, worked
from gatepost.doctor.knowledge import load
from gatepost.doctor.model import Question, Security, Target
from gatepost.ports import BY_NAME

BOOK = load()
GREETINGS = {"pop3": b"+OK hello\r\n", "imap": b"* OK hello\r\n", "smtp": b"220 hello\r\n"}
GOOD = Handshake(True, True)


def target(service, host="mail.example.com", source=Source.SRV, **more):
    return Target(BY_NAME[service], host, BY_NAME[service].port, source, **more)


def contact(of, *, reach=Reach.OPEN, handshake=GOOD, greeting=None, ending=Ending.OCTETS, login=None, inside=()):
    heard = Listening(ending, GREETINGS[of.service.protocol] if greeting is None else greeting)
    implicit = of.service.tls.value == "implicit"
    return Contact(
        of,
        Dial(of.host, "192.0.2.1", of.port, reach, 0.1),
        handshake=handshake if implicit else None,
        upgrade=None if implicit else Upgrade(True, agreed=True, handshake=handshake),
        greeting=heard,
        login=login,
        inside_tls=Capabilities(bool(inside), tuple(inside)),
    )


def chosen(*contacts, targets=None, subject="me@example.com", user=""):
    known = tuple(each.target for each in contacts) if targets is None else targets
    discovery = Discovery("example.com", (), Lookup("example.com", "MX", Outcome.NODATA), known)
    return settings(Question(subject, user=user), discovery, contacts, BOOK)


def test_one_for_each_protocol_in_order():
    found = chosen(*(contact(target(name)) for name in ("submissions", "pop3s", "imaps", "submission", "imap")))
    assert [(each.protocol, each.port, each.security) for each in found] == [
        ("imap", 993, Security.TLS),
        ("pop3", 995, Security.TLS),
        ("smtp", 465, Security.TLS),
    ]
    assert all(each.working for each in found)
    assert {each.source for each in found} == {"SRV record"}


def test_what_works_goes_before_what_is_better():
    (found,) = chosen(contact(target("submissions"), reach=Reach.TIMED_OUT), contact(target("submission")))
    assert (found.port, found.security, found.working) == (587, Security.STARTTLS, True)


def test_nothing_works():
    (found,) = chosen(contact(target("imap"), reach=Reach.REFUSED), contact(target("imaps"), reach=Reach.REFUSED))
    assert (found.port, found.working) == (993, False)


def test_a_guess_with_nobody_there_is_none():
    guess = target("imaps", source=Source.COMMON)
    assert chosen(contact(guess, reach=Reach.REFUSED)) == ()
    assert chosen(targets=(guess,)) == ()
    assert [each.working for each in chosen(contact(guess))] == [True]
    assert [each.working for each in chosen(contact(guess, handshake=Handshake(False, False)))] == [False]


def test_a_typed_server():
    typed = target("pop3s", source="typed")
    (found,) = chosen(contact(typed), targets=(), subject="mail.example.com", user="me")
    assert (found.source, found.username) == ("typed", "me")


@pytest.mark.parametrize(
    ("username", "subject", "user", "expected"),
    [
        ("uid7", "me@example.com", "", "uid7"),
        ("", "me@example.com", "", "me@example.com"),
        ("%EMAILADDRESS%", "me@example.com", "", "me@example.com"),
        ("uid7", "me@example.com", "other", "other"),
        ("%EMAILADDRESS%", "mail.example.com", "", ""),
    ],
)
def test_user_names(username, subject, user, expected):
    (found,) = chosen(targets=(target("imaps", username=username),), subject=subject, user=user)
    assert found.username == expected


@pytest.mark.parametrize(
    ("published", "expected"),
    [
        ("password-cleartext", "normal password"),
        ("OAuth2", "OAuth2"),
        ("password-encrypted", "encrypted password"),
        ("app password", "app password"),
        ("", "normal password"),
    ],
)
def test_authentication_in_the_words_of_mail_programs(published, expected):
    (found,) = chosen(targets=(target("imaps", authentication=published),))
    assert found.authentication == expected


@pytest.mark.parametrize(
    ("service", "inside", "expected"),
    [
        ("submissions", ("AUTH=XOAUTH2",), "OAuth2"),
        ("submissions", ("AUTH=XOAUTH2", "AUTH=LOGIN"), "normal password"),
        ("submissions", ("SIZE 1000",), "normal password"),
        ("imaps", ("AUTH=XOAUTH2", "LOGINDISABLED"), "OAuth2"),
        ("imaps", ("AUTH=XOAUTH2",), "normal password"),
        ("pop3s", ("AUTH=OAUTHBEARER",), "OAuth2"),
        ("pop3s", ("AUTH=OAUTHBEARER", "USER"), "normal password"),
        ("pop3s", (), "normal password"),
    ],
)
def test_authentication_as_the_server_offers_it(service, inside, expected):
    (found,) = chosen(contact(target(service), inside=inside))
    assert found.authentication == expected


def test_worked():
    imaps = target("imaps")
    assert worked(contact(imaps))
    assert worked(contact(imaps, greeting=b"* PREAUTH hello"))
    assert worked(contact(target("imap")))
    assert worked(contact(imaps, login=Login("PLAIN", True, b"OK")))
    assert worked(contact(imaps, login=Login("", False, b"", error="no usable mechanism")))


@pytest.mark.parametrize(
    "wrong",
    [
        {"reach": Reach.RESET},
        {"handshake": None},
        {"handshake": Handshake(False, False)},
        {"handshake": Handshake(True, False)},
        {"greeting": b"* BYE too many"},
        {"greeting": b"+OK a POP3 server"},
        {"greeting": b"", "ending": Ending.SILENT},
        {"login": Login("PLAIN", False, b"NO")},
    ],
)
def test_did_not_work(wrong):
    assert not worked(contact(target("imaps"), **wrong))


def test_nobody_spoke():
    imaps = target("imaps")
    assert not worked(Contact(imaps, Dial("h", "192.0.2.1", 993, Reach.OPEN, 0.1), handshake=GOOD))


def test_what_was_not_tried_is_told():
    (found,) = chosen(targets=(target("imaps"),))
    assert (found.working, found.tested) == (False, False)
    (found,) = chosen(contact(target("imaps"), reach=Reach.REFUSED))
    assert (found.working, found.tested) == (False, True)


def test_what_a_typed_host_does_not_offer_is_no_setting():
    typed = [contact(target(name, source="typed"), reach=Reach.REFUSED) for name in ("imaps", "submissions")]
    found = chosen(contact(target("pop3s", source="typed")), *typed, targets=(), subject="mail.example.com")
    assert [each.protocol for each in found] == ["pop3"]
    asked = settings(Question("mail.example.com", service="imaps"), discovered(), (typed[0],), BOOK)
    assert [each.protocol for each in asked] == ["imap"]


def test_the_best_published_server_that_works():
    first, second = target("imaps", "one.example.com"), target("imaps", "two.example.com")
    found = discovered(first, second)
    (both,) = settings(Question("me@example.com"), found, (contact(first), contact(second)), BOOK)
    (spare,) = settings(Question("me@example.com"), found, (contact(first, reach=Reach.REFUSED), contact(second)), BOOK)
    assert (both.host, spare.host, spare.working) == ("one.example.com", "two.example.com", True)


def test_a_strange_host_is_marked():
    strange = target("imaps", "imap.evil.test")
    (found,) = settings(Question("me@example.com"), discovered(strange), (contact(strange),), BOOK)
    assert found.foreign
    (own,) = chosen(contact(target("imaps")))
    assert not own.foreign


def discovered(*targets):
    published = Publication(Source.SRV, "_imaps._tcp.example.com", found=True, targets=targets)
    return Discovery("example.com", (published,), Lookup("example.com", "MX", Outcome.NODATA), targets[:1])


def test_a_login_without_an_answer_did_not_work():
    assert not worked(contact(target("imaps"), login=Login("PLAIN", False, b"", error="timed out")))
