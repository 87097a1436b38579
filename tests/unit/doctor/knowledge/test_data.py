"""The data files themselves: complete, consistent, translated, and of a form that a person would write."""

# ruff: noqa: A001, A002 -- the id of a row is called so everywhere

import re
import tomllib

import pytest

from gatepost.doctor.knowledge import LANGUAGES, KnowledgeError, load
from gatepost.doctor.knowledge.check import checked_row
from gatepost.doctor.knowledge.fill import placeholders
from gatepost.doctor.knowledge.load import HERE, flat
from gatepost.doctor.model import Confidence, Stage, Status, Who
from gatepost.ports import BY_NAME

BOOK = load()
ROWS = BOOK.rows()
FILES = sorted((HERE / "rows").glob("*.toml"))
RAW = {id: row for file in FILES for id, row in tomllib.loads(file.read_text("utf-8")).items()}
PHRASES = {
    key: text
    for file in sorted((HERE / "phrases").glob("*.toml"))
    for key, text in flat(tomllib.loads(file.read_text("utf-8"))).items()
}
TEXTS = {
    language: tomllib.loads((HERE / "texts" / f"{language}.toml").read_text("utf-8"))
    for language in LANGUAGES
    if language != "en"
}
SERIES = {"D": 13, "T": 14, "X": 16, "C": 14, "V": 7, "G": 12, "A": 21, "P": 10, "M": 10, "Y": 3, "W": 3, "R": 2}
SINGLE = ("I1", "N1", "Q1", "Z1", "K1", "H1")


def test_every_known_row_is_there():
    wanted = {f"{letter}{number}" for letter, last in SERIES.items() for number in range(1, last + 1)} | {*SINGLE}
    assert wanted <= {row.id for row in ROWS}


@pytest.mark.parametrize("id", RAW)
def test_our_own_rows_pass_the_check_for_peoples_rows(id):
    own = {"cause": "x", "fix": "x"} | RAW[id] if RAW[id].get("status") in ("pass", "skip", "info") else RAW[id]
    row, wrong = checked_row("x", id, own, {}, PHRASES)
    assert row, [str(mistake) for mistake in wrong]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
class TestARow:
    def test_the_title_is_a_short_sentence(self, row):
        assert len(row.title) <= 110
        assert not row.title.endswith(".")
        assert row.title[0].isupper() or row.title[0] == "{" or row.title.startswith(("fail2ban", "iCloud", "systemd"))

    def test_cause_and_fix_are_sentences(self, row):
        for text in filter(None, (row.cause, row.fix)):
            assert text.endswith((".", "}", "?"))
            assert text[0].isupper() or text[0] in "{/" or text.startswith(("iCloud", "inbox.lv"))
            assert text == " ".join(text.split())

    def test_a_bad_one_says_whose_job_it_is(self, row):
        if row.status in (Status.FAIL, Status.WARN):
            assert row.who is not Who.NOBODY

    def test_what_nobody_verified_is_possible_only(self, row):
        if row.source == "unverified":
            assert row.confidence is Confidence.POSSIBLE
        if row.source == "third party":
            assert row.confidence is not Confidence.CERTAIN

    def test_it_reads_well_when_nothing_is_known(self, row):
        finding = BOOK.finding(row.id)
        for text in (finding.title, finding.cause, finding.fix):
            assert "{" not in text.replace("{…}", "")
            assert not re.search(r"\b(the the|this this|an? the|port this|some some)\b", text), text
            assert "  " not in text


@pytest.mark.parametrize("row", [row for row in ROWS if row.says or row.patterns], ids=lambda row: row.id)
def test_a_row_with_messages_says_where_and_when_they_were_seen(row):
    assert row.cause
    assert row.fix
    if row.id[0] != "O":
        assert row.source
        assert row.seen


class TestTranslations:
    @pytest.mark.parametrize("language", TEXTS)
    def test_forty_findings_are_translated(self, language):
        assert len(TEXTS[language]["rows"]) >= 40

    def test_all_languages_translate_the_same(self):
        assert len({tuple(sorted(texts["rows"])) for texts in TEXTS.values()}) == 1
        assert len({tuple(sorted(flat(texts["phrases"]))) for texts in TEXTS.values()}) == 1

    @pytest.mark.parametrize(
        ("language", "id"), [(language, id) for language, texts in TEXTS.items() for id in texts["rows"]]
    )
    def test_a_translation_fits_its_row(self, language, id):
        row, translated = RAW[id], TEXTS[language]["rows"][id]
        assert set(translated) == {"title", *(key for key in ("cause", "fix") if row.get(key))}
        for key, text in translated.items():
            assert placeholders(text) == placeholders(row[key]), key
            assert text != row[key]

    @pytest.mark.parametrize("language", TEXTS)
    def test_every_phrase_is_translated_with_its_placeholders(self, language):
        translated = flat(TEXTS[language]["phrases"])
        assert set(PHRASES) - set(translated) == set()
        assert set(translated) - set(PHRASES) == set()
        for key, text in translated.items():
            assert placeholders(text) == placeholders(PHRASES[key]), key

    @pytest.mark.parametrize("language", TEXTS)
    def test_the_book_speaks_it(self, language):
        book = load(language)
        assert book.phrase("explain.fix") != BOOK.phrase("explain.fix")
        assert book.finding("T1").title != BOOK.finding("T1").title
        assert book.finding("T1", host="mx.example").title.count("mx.example") == 1
        assert book.match("Connection refused")[0].id == "T1"


class TestProviders:
    @pytest.mark.parametrize("provider", BOOK.providers(), ids=lambda provider: provider.name)
    def test_settings_are_of_the_port_table(self, provider):
        for setting in provider.settings:
            service = BY_NAME[setting.service]
            assert setting.security == ("SSL/TLS" if service.tls == "implicit" else "STARTTLS")
            assert setting.port == service.port or setting.host == "127.0.0.1"
            assert setting.username in ("%EMAILADDRESS%", "%EMAILLOCALPART%")
            assert setting.authentication in ("normal password", "app password", "OAuth2")
        assert {BY_NAME[setting.service].protocol for setting in provider.settings} >= {"imap", "smtp"}
        assert provider.source
        assert re.fullmatch(r"20\d\d-\d\d", provider.seen)
        assert provider.url.startswith("https://")

    def test_no_two_share_a_domain(self):
        domains = [domain for provider in BOOK.providers() for domain in provider.domains]
        assert len(domains) == len(set(domains))
        assert all(domain == domain.lower() for domain in domains)

    def test_rows_name_providers_that_there_are(self):
        names = {provider.name for provider in BOOK.providers()}
        named = {name.strip() for row in ROWS for name in row.provider.split(",") if name}
        assert named - names == {"inbox.lv", "mail.ee"}


def test_stages_have_rows():
    assert {row.stage for row in ROWS} == set(Stage)


def test_an_unreadable_row_of_ours_would_be_told():
    assert issubclass(KnowledgeError, Exception)
