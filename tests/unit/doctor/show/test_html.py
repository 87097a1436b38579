from html.parser import HTMLParser

import pytest
from msgspec.structs import replace

from gatepost.doctor.model import Status
from gatepost.doctor.show.html import html
from support.doctor_reports import SCRIPT, Words, failing, healthy, hostile, mixed

REPORTS = [healthy(), failing(), mixed(), hostile()]
ALLOWED = set(
    """html head meta title style body main h1 h2 h3 section p span dl dt dd div table thead tbody tr th td h4
    code footer""".split()  # noqa: SIM905 -- a list of so many words reads worse
)
ATTRIBUTES = {"lang", "charset", "name", "content", "http-equiv", "class", "scope"}
VOID = {"meta"}


class Reader(HTMLParser):
    """Notes every element and attribute, and that they are nested rightly."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.open, self.text = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


@pytest.mark.parametrize("report", REPORTS)
def test_the_page_holds_nothing_but_what_it_should(report):
    reader = read(html(report, Words()))
    assert set(reader.tags) <= ALLOWED
    assert {name for name, _ in reader.attributes} <= {
        "lang",
        "charset",
        "name",
        "content",
        "http-equiv",
        "class",
        "scope",
        "open",
    }


@pytest.mark.parametrize("report", REPORTS)
def test_it_needs_no_other_address_and_runs_nothing(report):
    page = html(report, Words())
    assert "default-src 'none'" in page
    for word in ("url(", "@import", " src=", " href=", " onclick", "<script"):
        assert word not in page


def test_the_attacker_is_shown_not_obeyed():
    page = html(hostile(), Words())
    assert SCRIPT not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "\x1b" not in page
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in page


def test_faults_stand_first_and_are_explained_and_the_rest_is_a_line_each():
    page = html(mixed(), Words())
    assert page.index("IPv6 does not answer, IPv4 does.") < page.index("The domain publishes its servers.")
    text = "".join(read(page).text)
    assert "The name has an IPv6 address, but nothing answers there" in text
    assert "! WARN" in text
    assert "TLSv1.3" not in text, "evidence of what passed is for programs"


def test_the_verdict_stands_first():
    text = "".join(read(html(failing(), Words())).text).split("</style>")[-1]
    places = [text.index(words) for words in ("Mail check of", "so mail programs refuse", "What to type", "2 services")]
    assert places == sorted(places)
    assert "openssl s_client -connect 192.0.2.25:993" in text


def test_without_settings_there_is_no_table():
    page = html(replace(healthy(), settings=(), findings=(), language="de"), Words())
    assert "<table" not in page
    assert '<html lang="de">' in page


def test_every_status_has_its_sign_and_word():
    page = html(hostile(), Words())
    for status in Status:
        assert f'class="mark {status.value}"' in page


def test_only_the_mark_and_the_frame_of_a_fault_are_red():
    page = html(failing(), Words())
    assert "h4, .finding dl, .finding p { color: CanvasText; }" in page
    assert page.index(".finding dl") < page.index("dt { color: var(--quiet)")


def test_what_was_skipped_is_named_in_one_line() -> None:
    page = html(failing(), Words())
    assert page.count("not tested because of this: greeting, login, mailbox") == 2
    assert page.count('class="finding skip"') == 2
