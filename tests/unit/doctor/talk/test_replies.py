from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost.doctor.talk import lexicon
from gatepost.doctor.talk.replies import GREETING, PIECE, Pending, Pieces, Reader
from gatepost.doctor.tongues import Answer, Ask
from gatepost.doctor.tongues.words import REPLY_LIMIT


def pending(word, argument="", tag="", **more):
    ask = Ask(f"{tag} {word}\r\n".encode(), word, tag.encode(), long=lexicon.is_long(word, argument))
    return Pending(ask, word, argument, **more)


def greeting():
    return Pending(Ask(b"", GREETING), GREETING, goes_on=True)


def hear(protocol, octets, *asked):
    """Answers as they come: (word, answer), and how many pieces were content."""
    reader, waiting, answers, content = Reader(protocol), deque(asked), [], 0
    pieces = Pieces()
    for piece in [piece for at in range(0, len(octets), 16_384) for piece in pieces.cut(octets[at : at + 16_384])]:
        heard = reader.hear(piece, waiting)
        content += heard.content
        if heard.answer:
            waiting.remove(heard.pending)
            answers.append((heard.pending.word, str(heard.answer)))
    return answers, content


class TestPieces:
    def test_lines_are_cut_at_their_ends(self):
        pieces = Pieces()
        assert list(pieces.cut(b"+OK\r\nsec")) == [b"+OK\r\n"]
        assert list(pieces.cut(b"ond\nthird")) == [b"second\n"]
        assert pieces.rest() == b"third"
        assert pieces.rest() == b""

    def test_an_overlong_line_comes_in_pieces(self):
        pieces = Pieces()
        cut = list(pieces.cut(b"x" * (2 * PIECE + 5)))
        assert [len(piece) for piece in cut] == [PIECE, PIECE]
        assert list(pieces.cut(b"\n")) == [b"xxxxx\n"]

    @settings(max_examples=30)
    @given(st.binary(max_size=100), st.integers(1, 10))
    def test_nothing_is_lost(self, octets, size):
        pieces = Pieces()
        cut = [piece for at in range(0, len(octets), size) for piece in pieces.cut(octets[at : at + size])]
        assert b"".join(cut) + pieces.rest() == octets


class TestPop3:
    def test_short_and_long_replies_in_order(self):
        octets = b"+OK hi\r\n+OK list follows\r\n1 100\r\n..\r\n.\r\n-ERR no\r\n+OK 3\r\n"
        asked = (greeting(), pending("LIST"), pending("RETR", "9"), pending("LIST", "3"))
        answers, content = hear("pop3", octets, *asked)
        assert answers == [("greeting", "yes"), ("LIST", "yes"), ("RETR", "no"), ("LIST", "yes")]
        assert content == 3

    def test_a_continuation(self):
        assert hear("pop3", b"+ \r\n", pending("AUTH", "PLAIN"))[0] == [("AUTH", "more")]

    def test_words_that_nobody_asked_for(self):
        assert hear("pop3", b"-ERR timeout\r\n") == ([], 0)


class TestSmtp:
    def test_lines_with_a_hyphen_go_on(self):
        octets = b"220-hello\r\n220 there\r\n250-one\r\n250 two\r\n354 go\r\n550 no\r\n"
        asked = (greeting(), pending("EHLO", "x"), pending("DATA"), pending("VRFY", "x"))
        assert hear("smtp", octets, *asked)[0] == [
            ("greeting", "yes"), ("EHLO", "yes"), ("DATA", "more"), ("VRFY", "no"),
        ]  # fmt: skip

    def test_words_that_nobody_asked_for(self):
        assert hear("smtp", b"421 bye\r\n") == ([], 0)


class TestImap:
    def test_a_tag_ends_a_reply_and_untagged_lines_do_not(self):
        octets = b"* OK hi\r\n* 3 EXISTS\r\na1 OK done\r\na2 NO never\r\n"
        asked = (greeting(), pending("SELECT", "x", "a1"), pending("CREATE", "x", "a2"))
        assert hear("imap", octets, *asked)[0] == [("greeting", "yes"), ("SELECT", "yes"), ("CREATE", "no")]

    def test_replies_may_come_in_another_order(self):
        octets = b"A2 OK\r\na1 BAD\r\n"
        asked = (pending("NOOP", tag="a1"), pending("NOOP", "second", "a2"))
        assert [answer for _, answer in hear("imap", octets, *asked)[0]] == ["yes", "no"]

    @pytest.mark.parametrize("literal", [b"hello", b"a1 OK no\r\n", b"x\n", b""])
    @pytest.mark.parametrize("plus", [b"", b"+"])
    def test_a_literal_hides_what_looks_like_a_reply(self, literal, plus):
        size = b"{%d%b}" % (len(literal), plus)
        octets = b"* 1 FETCH (BODY[] " + size + b"\r\n" + literal + b" FLAGS ())\r\na1 OK\r\n"
        answers, _ = hear("imap", octets, pending("FETCH", "1", "a1"))
        assert answers == [("FETCH", "yes")]

    def test_two_literals_in_one_response(self):
        octets = b'* LIST () "/" {3}\r\na\r\n {4}\r\nb\r\n*\r\na1 OK {not a literal\r\n'
        assert hear("imap", octets, pending("LIST", "x", "a1"))[0] == [("LIST", "yes")]

    def test_a_tagged_reply_with_a_literal(self):
        assert hear("imap", b"a1 NO {2}\r\nx\n\r\n", pending("NOOP", tag="a1"))[0] == [("NOOP", "no")]

    def test_a_literal_that_nobody_asked_for(self):
        assert hear("imap", b"* X {3}\r\nabc\r\n") == ([], 1)

    def test_a_continuation_belongs_to_the_command_that_waits_for_it(self):
        asked = (pending("NOOP", tag="a1"), pending("IDLE", tag="a2", goes_on=True))
        assert hear("imap", b"+ idling\r\n", *asked)[0] == [("IDLE", "more")]
        assert hear("imap", b"+ what\r\n", pending("NOOP", tag="a1"))[0] == []

    def test_bye_refuses_what_was_asked_but_not_the_farewell(self):
        assert hear("imap", b"* BYE too long\r\n", pending("NOOP", tag="a1"))[0] == [("NOOP", "no")]
        octets = b"* BYE bye\r\na1 OK done\r\n"
        assert hear("imap", octets, pending("LOGOUT", tag="a1"))[0] == [("LOGOUT", "yes")]

    @pytest.mark.parametrize("octets", [b"\r\n", b"zz OK old\r\n", b"* 1 EXISTS\r\n", b"+ x\r\n"])
    def test_words_that_nobody_asked_for(self, octets):
        assert hear("imap", octets) == ([], 0)

    @settings(max_examples=30)
    @given(st.binary(max_size=80), st.integers(1, 9))
    def test_however_it_is_cut_a_literal_is_skipped(self, literal, size):
        octets = b"* 1 FETCH (BODY[] {%d}\r\n%b)\r\na1 OK\r\n" % (len(literal), literal)
        pieces, reader, asked, answers = Pieces(), Reader("imap"), [pending("FETCH", tag="a1")], []
        for at in range(0, len(octets), size):
            answers += [reader.hear(piece, asked).answer for piece in pieces.cut(octets[at : at + size])]
        assert [answer for answer in answers if answer] == [Answer.YES]


class TestGreeting:
    @pytest.mark.parametrize(
        ("protocol", "octets", "answer"),
        [
            ("pop3", b"+OK hi\r\n", "yes"),
            ("pop3", b"-ERR no\r\n", "no"),
            ("pop3", b"* OK hi\r\n", "strange"),
            ("imap", b"* BYE full\r\n", "no"),
            ("imap", b"* PREAUTH hi\r\n", "yes"),
            ("smtp", b"554 no\r\n", "no"),
            ("smtp", b"HTTP/1.1 400 Bad\r\n", "strange"),
        ],
    )
    def test_it_is_judged(self, protocol, octets, answer):
        assert hear(protocol, octets, greeting())[0] == [("greeting", answer)]


def test_an_overlong_line_is_content_and_still_judged_by_its_ends():
    octets = b"250-" + b"x" * (2 * PIECE) + b"\r\n250 end\r\n"
    assert hear("smtp", octets, pending("EHLO", "x")) == ([("EHLO", "yes")], 1)


def test_of_a_reply_no_more_is_kept_than_its_limit():
    asked = pending("RETR", "1")
    for _ in range(3):
        asked.hear(b"x" * REPLY_LIMIT)
    assert len(asked.heard) == REPLY_LIMIT
