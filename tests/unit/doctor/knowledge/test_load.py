import sys

import pytest

from gatepost.doctor.knowledge import LANGUAGES, KnowledgeError, language_of, load, own_rules
from gatepost.doctor.knowledge.load import flat

MODULE = sys.modules["gatepost.doctor.knowledge.load"]

WHOLE = """
[MY1]
stage = "login"
title = "The intranet is closed"
cause = "It is night at {host}."
fix = "Wait until morning."
patterns = ["the intranet sleeps"]
"""


@pytest.fixture
def write(tmp_path):
    def write(text, name="own.toml"):
        (tmp_path / name).write_text(text, "utf-8")
        return tmp_path / name

    return write


def mistakes(*paths):
    with pytest.raises(KnowledgeError) as caught:
        load.__wrapped__("en", paths)  # not what an earlier test loaded
    return str(caught.value)


class TestOwnRows:
    def test_a_row_is_added(self, write):
        book = load("en", (write(WHOLE),))
        assert [each.id for each in book.match("ERR the  Intranet sleeps!")] == ["MY1"]
        assert book.finding("MY1").cause == "It is night at the server."

    def test_a_known_row_is_changed_in_the_keys_that_are_given(self, write):
        book = load("en", (write('[A1]\nfix = "Call 4711."\n'),))
        assert book.row("A1").fix == "Call 4711."
        assert book.row("A1").title == load().row("A1").title
        assert load().row("A1").fix != "Call 4711."

    def test_own_words_go_before_translations(self, write):
        book = load("de", (write('[A1]\nfix = "Call 4711."\n'),))
        assert book.row("A1").fix == "Call 4711."

    def test_all_files_of_a_folder_are_read_in_order(self, write, tmp_path):
        write(WHOLE, "a.toml")
        write('[MY1]\ntitle = "Later"\n', "b.toml")
        write("no TOML", "c.txt")
        book = load("en", (tmp_path,))
        assert book.row("MY1").title == "Later"
        assert book.row("MY1").fix == "Wait until morning."


class TestMistakes:
    def test_all_are_told_at_once(self, write, tmp_path):
        first = write('x = 1\n[MY1]\ntitel = "T"\nwho = "boss"\npatterns = "p"\n', "a.toml")
        second = write(WHOLE.replace("{host}", "{hots}"), "b.toml")
        text = mistakes(first, second, tmp_path / "none.toml")
        for part in (
            f"{first}: row x: is not a table. Begin each row with its id in brackets: [MY1], not x = ….",
            "row MY1, key titel: there is no such key. Did you mean title?",
            "key who: 'boss' does not fit. One of: you, administrator,",
            'key patterns: \'p\' does not fit. Write a list of texts: ["…", "…"].',
            'key title: is missing. Add title = "…".',
            "key stage: is missing. One of: address, discovery,",
            f"{second}: row MY1, key cause: nobody fills the placeholder {{hots}}. There are: ",
            f"{tmp_path / 'none.toml'}: there is no such file or folder. Check the path.",
        ):
            assert part in text, part

    def test_a_file_that_is_no_toml_is_told(self, write):
        assert "is not TOML" in mistakes(write("[MY1\n"))

    def test_a_file_that_is_not_utf_8_is_told(self, tmp_path):
        (tmp_path / "own.toml").write_bytes(b"\xff\xfe")
        assert "is not UTF-8" in mistakes(tmp_path)

    def test_a_file_that_cannot_be_read_is_told(self, tmp_path, monkeypatch):
        file = tmp_path / "own.toml"
        file.touch()

        def refuse(path):
            if path == file:
                raise PermissionError(13, "Permission denied")
            return {}

        load()
        monkeypatch.setattr(MODULE, "_document", refuse)
        assert "cannot be read: Permission denied" in mistakes(file)

    def test_an_id_in_two_of_our_own_files_is_told(self, tmp_path, monkeypatch):
        (tmp_path / "rows").mkdir()
        for name in "ab":
            (tmp_path / "rows" / f"{name}.toml").write_text(WHOLE)
        monkeypatch.setattr(MODULE, "HERE", tmp_path)
        monkeypatch.setattr(MODULE, "_rows", MODULE._rows.__wrapped__)
        assert "row MY1 is in another file too" in mistakes()


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "de"),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "fr_CH"}, "fr"),
        ({"LANG": "de_DE.UTF-8", "LC_MESSAGES": "es"}, "es"),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": ""}, "de"),
        ({"LANG": "C"}, "en"),
        ({"LANG": "it_IT"}, "en"),
    ],
)
def test_the_environment_chooses_the_language(environ, language):
    assert language_of(environ) == language


def test_own_rules_are_found_in_the_configuration_folder(tmp_path):
    assert own_rules({"HOME": str(tmp_path)}) == ()
    folder = tmp_path / ".config" / "gatepost" / "rules"
    folder.mkdir(parents=True)
    assert own_rules({"HOME": str(tmp_path)}) == (folder,)
    assert own_rules({"XDG_CONFIG_HOME": str(tmp_path / ".config")}) == (folder,)
    assert own_rules({"XDG_CONFIG_HOME": str(tmp_path)}) == ()


def test_an_unknown_language_is_english():
    assert load("tlh").language == "en"
    assert [load(language).language for language in LANGUAGES] == list(LANGUAGES)


def test_it_is_read_once():
    assert load("en") is load("en")


def test_the_providers_are_read_from_their_file():
    providers = MODULE._providers.__wrapped__()
    assert providers == load().providers()
    gmail = next(provider for provider in providers if "gmail.com" in provider.domains)
    assert gmail.setting("imaps").host == "imap.gmail.com"


def test_tables_become_flat():
    assert flat({"a": {"b": {"c": "x"}, "d": "y"}, "e": "z"}) == {"a.b.c": "x", "a.d": "y", "e": "z"}


def test_the_speakers_and_the_concepts_come_with_the_book():
    assert MODULE._speakers.__wrapped__()
    assert MODULE._concepts.__wrapped__().means["C14"]
    told = load().explain("fetchmail: certificate of yesterday is revoked")
    assert told.heard.speaker == "fetchmail"
    assert told.matches[0].id == "C14"


def test_they_are_read_from_their_files():
    """Past the cache: whichever test of this process comes first fills it."""
    assert MODULE._speakers.__wrapped__() == MODULE._speakers()
    assert MODULE._concepts.__wrapped__() == MODULE._concepts()
