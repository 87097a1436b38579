import pytest

from gatepost.doctor.facts import Capabilities
from gatepost.doctor.talk import guide
from gatepost.doctor.talk.lexicon import State


def place(protocol="pop3", state=State.AUTHORIZATION, *items, **more):
    return guide.Place(protocol, state, Capabilities(bool(items), tuple(items)), **more)


IMAP = place("imap", State.SELECTED)


def found(where, line):
    completion = guide.complete(where, line)
    return completion.start, [choice.word for choice in completion.choices]


class TestComplete:
    @pytest.mark.parametrize(
        ("where", "line", "expected"),
        [
            (place(), "pa", (0, ["PASS"])),
            (place(), "  QU", (2, ["QUIT"])),
            (place(), "RE", (0, [])),
            (place(state=State.TRANSACTION), "R", (0, ["RETR", "RSET"])),
            (IMAP, "FE", (0, ["FETCH"])),
            (IMAP, "uid s", (0, ["UID SEARCH", "UID STORE"])),
            (IMAP, "x1 SEL", (3, ["SELECT"])),
            (IMAP, "x1  uid m", (4, ["UID MOVE"])),
            (IMAP, "x1 ", (0, [])),
            (IMAP, "x1 zz", (0, [])),
            (place("pop3", State.AUTHORIZATION, "AUTH=PLAIN", "AUTH=LOGIN"), "AUTH pl", (5, ["PLAIN"])),
            (place("imap", State.NOT_AUTHENTICATED, "AUTH=PLAIN"), "x AUTHENTICATE ", (15, ["PLAIN"])),
            (place("pop3", State.AUTHORIZATION, "AUTH=PLAIN"), "/auth alice p", (12, ["PLAIN"])),
            (place(), "/", (0, ["/help", "/auth", "/tls", "/raw", "/quit"])),
            (place(), " /he", (1, ["/help"])),
            (place(), "/help re", (6, ["RETR"])),
            (IMAP, "/help uid f", (6, ["UID FETCH"])),
            (place(), "/tls x", (6, [])),
            (place(), "/nothing x", (10, [])),
        ],
    )
    def test_choices(self, where, line, expected):
        assert found(where, line) == expected

    def test_all_that_is_legal_on_an_empty_line(self):
        assert "STAT" not in found(place(), "")[1]
        assert "STAT" in found(place(state=State.TRANSACTION), "")[1]

    def test_what_the_server_lacks_is_left_out(self):
        where = place("pop3", State.AUTHORIZATION, "USER", "UIDL")
        assert {"STLS", "AUTH", "LANG"} & set(found(where, "")[1]) == set()
        assert "STLS" in found(place("pop3", State.AUTHORIZATION, "STLS"), "")[1]
        assert "SORT" in found(place("imap", State.SELECTED, "SORT=DISPLAY"), "")[1]

    def test_tls_does_not_begin_twice(self):
        assert "STLS" not in found(place(encrypted=True), "")[1]

    @pytest.mark.parametrize(
        ("line", "hint"),
        [
            ("RETR ", "RETR message: show a message, e.g. RETR 1"),
            ("CAPA x", "CAPA: list what the server can do"),
            ("XYZZY ", ""),
            ("/raw ", "/raw text: send the text as it is: no tag, no questions"),
            ("/xyzzy ", ""),
        ],
    )
    def test_hints_where_nothing_completes(self, line, hint):
        assert guide.complete(place(), line).hint == hint

    def test_choices_say_what_they_do(self):
        assert guide.complete(place(), "QUI").choices[0].help == "end; deletes what DELE has marked"


class TestHelp:
    def test_the_overview_says_what_is_legal_and_what_is_not(self):
        text = "\n".join(guide.overview(place()))
        assert "  PASS password " in text
        assert "Not now, or not offered: STAT, " in text
        assert "/auth [name [mechanism]]" in text
        assert max(map(len, text.splitlines())) < 130

    @pytest.mark.parametrize("state", [State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED])
    def test_tables_fit_a_terminal(self, state):
        lines = [line for line in guide.overview(place("imap", state)) if line.startswith("  ")]
        assert max(map(len, lines)) < 80

    def test_all_legal_leaves_nothing_out(self):
        everything = place("smtp", State.RECIPIENTS)
        assert any(line.startswith("Not now") for line in guide.overview(everything))

    @pytest.mark.parametrize(
        ("words", "line"),
        [
            ("top", "TOP message lines: show a message's header and first lines."),
            ("stls", "Not every server has it (STLS); see what this one offers."),
            ("/tls", "/tls : the encryption and certificate of this connection."),
            ("raw", "/raw text: send the text as it is: no tag, no questions."),
            ("xyzzy", "POP3 has no such command that we know of. See /help."),
        ],
    )
    def test_about_a_command(self, words, line):
        assert line in list(guide.about(place(), words))

    def test_about_what_the_server_lacks(self):
        lines = list(guide.about(place("pop3", State.AUTHORIZATION, "USER"), "STLS"))
        assert "Not every server has it (STLS); this one does not offer it now." in lines

    def test_an_example(self):
        assert "Example: RETR 1" in list(guide.about(place(), "retr"))
        assert "It is legal before the login or logged in." in list(guide.about(place(), "capa"))
