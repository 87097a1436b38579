"""Rows that people wrote: what is right, and how each mistake is told."""

import pytest

from gatepost.doctor.knowledge.check import Mistake, checked_row
from gatepost.doctor.model import Stage, Status, Who

PHRASES = {"default.host": "the server", "default.user": "you", "verdict.fine": "All is well."}
ROW = {"stage": "login", "title": "The intranet is closed", "cause": "It is night at {host}.", "fix": "Wait."}


def checked(own, id="MY1", base=None):  # noqa: A002 -- the id of a row is called so everywhere
    return checked_row("own.toml", id, own, base or {}, PHRASES)


def mistakes(own, id="MY1", base=None):  # noqa: A002
    row, wrong = checked(own, id, base)
    assert row is None
    return [str(mistake) for mistake in wrong]


def about(key):
    return f"own.toml: row MY1, key {key}: "


def test_a_row_becomes_values():
    row, wrong = checked({**ROW, "status": "warn", "who": "you", "codes": ["535"], "seen": "2026-11"})
    assert wrong == []
    assert (row.id, row.stage, row.status, row.who) == ("MY1", Stage.LOGIN, Status.WARN, Who.YOU)
    assert (row.codes, row.cause) == (("535",), "It is night at {host}.")


def test_a_known_row_needs_only_what_changes():
    row, _ = checked({"fix": "Call 4711."}, base={**ROW, "command": "nc {host} {port}"})
    assert (row.fix, row.title, row.command) == ("Call 4711.", "The intranet is closed", "nc {host} {port}")


def test_a_mistake_says_where_it_is():
    assert (
        str(Mistake("a.toml", "A1", "fix", "is missing", "Add it.")) == "a.toml: row A1, key fix: is missing. Add it."
    )
    assert str(Mistake("a.toml", problem="is empty", fix="Fill it.")) == "a.toml: is empty. Fill it."


def test_a_row_is_a_table():
    expected = "own.toml: row x: is not a table. Begin each row with its id in brackets: [MY1], not x = …."
    assert mistakes(1, "x") == [expected]


@pytest.mark.parametrize("id", ["my1", "MY", "1", "MY12345", "M Y1", "MY1\n"])
def test_an_id_has_letters_and_a_number(id):  # noqa: A002
    assert "the id is not capital letters and a number. Call it something like [MY1]." in mistakes(ROW, id)[0]


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("titel", "T", "there is no such key. Did you mean title?"),
        ("zzzzz", 1, "there is no such key. Keys: stage, title, cause, fix, status, who,"),
        ("title", 5, '5 does not fit. Write a text in quotation marks: "…".'),
        ("who", "boss", "'boss' does not fit. One of: you, administrator, provider, network, nobody."),
        ("patterns", "p", '\'p\' does not fit. Write a list of texts: ["…", "…"].'),
        ("codes", [535], '[535] does not fit. Write a list of texts: ["…", "…"].'),
    ],
)
def test_keys_and_kinds(key, value, said):
    (told,) = mistakes({**ROW, key: value})
    assert told.startswith(about(key) + said)


@pytest.mark.parametrize(
    ("key", "fix"), [("title", 'Add title = "…".'), ("stage", "One of: address, "), ("fix", 'Add fix = "…".')]
)
def test_what_is_missing(key, fix):
    (told,) = mistakes({name: value for name, value in ROW.items() if name != key})
    assert told.startswith(f"{about(key)}is missing. {fix}")


def test_an_empty_text_is_missing():
    assert mistakes({**ROW, "cause": ""}) == [f'{about("cause")}is missing. Add cause = "…".']


@pytest.mark.parametrize("key", ["title", "cause", "fix"])
def test_placeholders_of_texts(key):
    assert mistakes({**ROW, key: "At {hots}"}) == [
        f"{about(key)}nobody fills the placeholder {{hots}}. There are: host, user."
    ]


def test_placeholders_of_a_command():
    (told,) = mistakes({**ROW, "command": "ping {day} {host}"})
    assert told.startswith(f"{about('command')}nobody fills the placeholder {{day}}. There are: address, domain, file,")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("seen", "May", "'May' is not a month. Write year and month: \"2026-11\"."),
        ("seen", "2026-13", "'2026-13' is not a month."),
        ("patterns", ["abc"], "'abc' is in too many texts. Write at least 4 letters."),
        ("says", ["..."], "'...' is in too many texts."),
        ("also", ["no"], "'no' is in too many texts."),
        ("codes", ["12"], "'12' is no response code. Write [AUTH], 535 5.7.8,"),
        ("beside", ["x"], "'x' is no response code."),
        ("protocols", ["imap", "http"], "there is no protocol 'http'. There are: pop3, imap, smtp."),
    ],
)
def test_signs_that_could_never_be_met_or_everywhere(key, value, said):
    (told,) = mistakes({**ROW, key: value})
    assert told.startswith(about(key) + said)


def test_signs_that_are_good():
    signs = {"patterns": ["relay denied"], "says": ["Server %S is gone"], "also": ["gone away"]}
    row, wrong = checked({**ROW, **signs, "codes": ["[auth]"], "beside": ["535 5.7.8"], "protocols": ["smtp"]})
    assert wrong == []
    assert row.says == ("Server %S is gone",)


def test_all_mistakes_are_told_at_once():
    assert len(mistakes({"titel": "T", "who": "boss"})) == 6
