import pytest

from gatepost.doctor.talk import lexicon, meanings
from gatepost.doctor.talk.lexicon import State

EVERY = [(protocol, command) for protocol, commands in lexicon.COMMANDS.items() for command in commands]


@pytest.mark.parametrize(
    ("protocol", "line", "word"),
    [
        ("imap", "uid fetch 1 (FLAGS)", "UID FETCH"),
        ("imap", "FETCH 1 (FLAGS)", "FETCH"),
        ("pop3", "retr 1", "RETR"),
        ("smtp", "MAIL FROM:<a@b>", "MAIL"),
    ],
)
def test_a_command_is_found_in_a_line(protocol, line, word):
    assert lexicon.find(protocol, line).word == word


@pytest.mark.parametrize("line", ["", "  ", "XYZZY", "UID"])
def test_what_is_no_command_is_not_found(line):
    assert lexicon.find("imap", line) is None


@pytest.mark.parametrize(("protocol", "command"), EVERY, ids=lambda value: getattr(value, "word", value))
def test_each_command_is_legal_somewhere_short_and_found_by_its_own_example(protocol, command):
    assert command.states
    assert len(command.help) <= 50
    assert not command.help.endswith(".")
    assert command.word == command.word.upper()
    assert not command.word.startswith("/"), "a slash is ours"
    if command.example:
        assert lexicon.find(protocol, command.example) is command


def test_the_form_has_the_arguments():
    assert lexicon.find("pop3", "TOP").form == "TOP message lines"
    assert lexicon.find("pop3", "CAPA").form == "CAPA"


def test_legal_follows_the_state():
    before = {command.word for command in lexicon.legal("pop3", State.AUTHORIZATION)}
    after = {command.word for command in lexicon.legal("pop3", State.TRANSACTION)}
    assert "PASS" in before - after
    assert "RETR" in after - before
    assert "QUIT" in before & after


@pytest.mark.parametrize(
    ("word", "argument", "expected"),
    [
        ("CAPA", "", True), ("RETR", "1", True), ("LIST", "", True), ("LIST", "1", False), ("AUTH", "", True),
        ("AUTH", "PLAIN", False), ("STAT", "", False),
    ],
)  # fmt: skip
def test_long_replies_of_pop3(word, argument, expected):
    assert lexicon.is_long(word, argument) is expected


def test_first_words():
    assert {"UID", "LOGIN"} <= lexicon.known_words("imap")


def test_states_are_reached_by_commands_that_exist():
    for protocol, word in lexicon.AFTER:
        assert lexicon.find(protocol, word)
    for table in (lexicon.FAREWELL, lexicon.CAPABILITIES, lexicon.UPGRADE):
        assert all(lexicon.find(protocol, word) for protocol, word in table.items())


@pytest.mark.parametrize("name", [name for name in dir(meanings) if name.isupper()])
def test_meanings_are_short_and_keyed_as_they_are_looked_up(name):
    for key, text in getattr(meanings, name).items():
        if isinstance(text, str):
            assert key == key.upper()
            assert len(text) <= 70
            assert not text.endswith(".")
