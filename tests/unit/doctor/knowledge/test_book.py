import pytest

from gatepost.doctor.knowledge import Book, Provider, ProviderSetting, Row, load
from gatepost.doctor.knowledge.speaker import Speaker
from gatepost.doctor.model import Confidence, Stage, Status, Who
from gatepost.errors import MisuseError

ROW = Row(
    id="T1",
    stage=Stage.REACH,
    title="{host} refuses",
    cause="Because of {text}",
    fix="Open port {port}",
    who=Who.NETWORK,
    confidence=Confidence.POSSIBLE,
    reference="RFC 1",
    command="nc {host} {port}",
    patterns=("refused",),
)
PROVIDERS = (
    Provider(
        "One", (ProviderSetting("imaps", "imap.one.example", 993),), domains=("one.example",), mx=("mx.one.example",)
    ),
    Provider("Two", (), domains=("two.example",), mx=("one.example",)),
)
BOOK = Book("en", {"T1": ROW}, {"default.host": "the server", "x.y": "Hello {name}"}, lambda: PROVIDERS)


class TestFinding:
    def test_the_row_speaks(self):
        found = BOOK.finding("T1", host="mx.example", port="25", text="words", subject="s\x07", evidence="e\n")
        assert (found.id, found.stage, found.status) == ("T1", Stage.REACH, Status.FAIL)
        assert (found.title, found.cause, found.fix) == ("mx.example refuses", "Because of words", "Open port 25")
        assert (found.who, found.confidence) == (Who.NETWORK, Confidence.POSSIBLE)
        assert (found.subject, found.evidence) == ("s\\x07", "e\\n")
        assert (found.reference, found.command) == ("RFC 1", "nc mx.example 25")

    def test_what_is_given_goes_first(self):
        found = BOOK.finding(
            "T1",
            stage=Stage.HOST,
            status=Status.WARN,
            who=Who.YOU,
            confidence=Confidence.CERTAIN,
            command="true",
        )
        assert (found.stage, found.status) == (Stage.HOST, Status.WARN)
        assert (found.who, found.confidence, found.command) == (Who.YOU, Confidence.CERTAIN, "true")
        assert found.title == "The server refuses"

    def test_an_unknown_row_is_our_mistake(self):
        with pytest.raises(MisuseError, match="T9"):
            BOOK.finding("T9")


def test_rows_and_phrases_are_found():
    assert BOOK.rows() == (ROW,)
    assert BOOK.row("T1") is ROW
    assert BOOK.providers() == PROVIDERS
    assert BOOK.phrase("x.y", name="you") == "Hello you"
    assert BOOK.match("Refused")[0].id == "T1"
    with pytest.raises(MisuseError, match=r"x\.z"):
        BOOK.phrase("x.z")


@pytest.mark.parametrize(
    ("domain", "mx", "name"),
    [
        ("one.example", (), "One"),
        ("ONE.example.", (), "One"),
        ("two.example", ("mx.one.example",), "Two"),
        ("own.example", ("a.mx.one.example.",), "One"),
        ("own.example", ("MX.one.example",), "One"),
        ("own.example", ("other.example", "b.one.example"), "Two"),
        ("own.example", ("notone.example",), None),
        ("own.example", (), None),
    ],
)
def test_providers_are_found_by_domain_or_mail_exchanger(domain, mx, name):
    found = BOOK.provider_of(domain, mx)
    assert (found.name if found else None) == name


def test_a_provider_knows_its_settings():
    assert PROVIDERS[0].setting("imaps").host == "imap.one.example"
    assert PROVIDERS[0].setting("pop3s") is None


@pytest.mark.parametrize(
    ("address", "mx", "name"),
    [
        ("gmail.com", "", "Gmail"),
        ("own.example", "aspmx.l.google.com.", "Gmail"),
        ("hotmail.com", "", "Microsoft"),
        ("own.example", "own-example.mail.protection.outlook.com", "Microsoft"),
        ("aol.com", "", "AOL"),
        ("own.example", "mx-aol.mail.gm0.yahoodns.net", "AOL"),
        ("own.example", "mta5.am0.yahoodns.net", "Yahoo"),
        ("own.example", "mxbiz1.qq.com", "Tencent Exmail"),
        ("qq.com", "mx3.qq.com", "QQ"),
        ("own.example", "mx.zoho.eu", "Zoho (Europe)"),
        ("own.example", "in1-smtp.messagingengine.com", "Fastmail"),
        ("own.example", "mail.protonmail.ch", "Proton"),
        ("web.de", "", "WEB.DE"),
    ],
)
def test_big_providers_are_known(address, mx, name):
    assert load().provider_of(address, (mx,) if mx else ()).name == name


def test_a_text_is_explained_with_its_own_rows_and_speakers():
    speakers = (Speaker(name="fetchmail", signs=("fetchmail",)),)
    book = Book(
        "en", {"A1": Row(id="A1", stage="login", title="No", patterns=("no luck",))}, {}, lambda: (), lambda: speakers
    )
    told = book.explain("fetchmail: no luck")
    assert [each.id for each in told.matches] == ["A1"]
    assert told.heard.speaker == "fetchmail"
