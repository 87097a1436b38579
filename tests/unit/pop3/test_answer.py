"""Commands that a session answers as soon as they come: the same as the long way, with nothing lost or done twice."""

import asyncio

import pytest

from dialogs.house import MAIL, House, handled, play
from gatepost.errors import StoreCorruptError
from gatepost.model import CHUNK
from gatepost.pop3 import texts
from gatepost.pop3.drop import SLICE
from gatepost.pop3.grammar import COMMAND_LIMIT
from gatepost.pop3.parse import USUAL
from gatepost.pop3.replies import voice

EN = voice("en", ascii_only=True)
LARGE = b"Subject: large\r\n\r\n" + b".dot\r\n" * (CHUNK // 6)
EMPTY = b""
STILL_HERE = b"+OK still here\r\n"


# -- At once


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b"NOOP\r\n", STILL_HERE), (b"STAT\r\n", b"+OK 3 196\r\n"), (b"DELE 1\r\n", b"+OK "),
        (b"DELE 4\r\n", b"-ERR "), (b"RETR 1\r\n", b"+OK octets: 73\r\nFrom: "), (b"RETR 0\r\n", None),
        (b"LIST\r\n", b"+OK "), (b"UIDL\r\n", b"+OK "), (b"RSET\r\n", b"+OK "),
    ],
)  # fmt: skip
def test_usual_commands_leave_nothing_to_be_done(line, answer):
    async def story(house):
        session, flow = await house.log_in()
        said = session.answer(line)
        if answer is not None:
            assert said.startswith(answer)
            assert flow.collect() == b""
            assert session.advance() is None
            assert flow.collect() == b""

    play(story)


STATES = {
    "greeted": [],
    "named": [b"USER alice\r\n"],
    "in an exchange": [b"AUTH LOGIN\r\n"],
    "refused": [b"USER alice\r\nPASS x\r\n"],
    "logged in": [b"USER alice\r\nPASS open sesame\r\n"],
    "another language": [b"USER alice\r\nPASS open sesame\r\nLANG de\r\n"],
    "within a line": [b"USER alice\r\nPASS open sesame\r\n", b"RETR "],
    "over": [b"QUIT\r\n"],
}
LINES = [
    b"\r\n", b"\n", b"\r", b"1", b"NOOP", b"NOOP\n", b"NOOP \r\n", b"noop\r\n", b"NOOP\r\nNOOP\r\n", b"NOOP\r\nNO",
    b"STAT\r\n", b"RETR 0\r\n", b"RETR 1\r\n", b"RETR 01\r\n", b"RETR 1001\r\n", b"RETR 3\r\n", b"TOP 1 0\r\n",
    b"CAPA\r\n", b"LANG de\r\n", b"LANG\r\n", b"LIST 1\r\n", b"UIDL 1\r\n", b"USER alice\r\n",
    b"PASS open sesame\r\n", b"PASS x\r\n",
    b"UTF8\r\n", b"AUTH\r\n", b"AUTH PLAIN\r\n",
    b"YWxpY2U=\r\n", b"*\r\n", b"STLS\r\n", b"QUIT\r\n", b"XYZZY\r\n", b"\xff\r\n",
    b"GET / HTTP/1.1\r\n", b"USER ".ljust(COMMAND_LIMIT - 2, b"x") + b"\r\n",
    b"USER ".ljust(COMMAND_LIMIT, b"x") + b"\r\n", b"AUTH PLAIN ".ljust(400, b"A") + b"\r\n",
]  # fmt: skip


async def heard(house, way, before, *segments):
    """The answers to `segments` by this way, after what was said before, and what became of the session."""
    session, _ = connection = await house.connect()
    for said in before:
        await house.say(connection, said)
    answers = [await way(house, connection, each) for each in segments]
    return answers, session.finished, session.closed("end")


async def both_ways(before, *segments):
    by_segment = await heard(House(), House.segment, before, *segments)
    assert by_segment == await heard(House(), House.say, before, *segments), segments
    return by_segment[0]


@pytest.mark.parametrize("state", STATES)
def test_every_line_is_answered_as_ever_in_every_state(state):
    async def work():
        for line in LINES:
            await both_ways(STATES[state], line, b"NOOP\r\n", b"XYZZY\r\nNOOP\r\n")

    asyncio.run(work())


@pytest.mark.parametrize("octets", [COMMAND_LIMIT - 1, COMMAND_LIMIT, COMMAND_LIMIT + 1])
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_the_longest_line_is_as_long_as_ever(octets, end):
    asyncio.run(both_ways([], b"USER ".ljust(octets - len(end), b"x") + end, b"CAPA\r\n"))


def test_the_end_of_a_line_that_is_too_long_is_no_command():
    answers = asyncio.run(both_ways(STATES["logged in"], b"x" * 20_000, b"NOOP\r\n", b"STAT\r\n"))
    assert answers[1:] == [b"", b"+OK 3 196\r\n"]


def test_who_has_had_the_time_to_log_in_is_told_so():
    async def story(house):
        session, _ = connection = await house.connect()
        house.now += 61
        assert await house.segment(connection, b"CAPA\r\n") == b"-ERR no login within 60 seconds; goodbye\r\n"
        assert session.finished

    play(story)


def test_a_trace_shows_the_same_both_ways():
    async def story(house):
        connection = await house.log_in()
        del house.traced[:]
        for line in (b"NOOP\r\n", b"RETR 1\r\n", b"DELE 9\r\n", b"LIST\r\n", b"XYZZY\r\n"):
            said, ways = await house.say(connection, line), list(house.traced)
            del house.traced[:]
            assert await house.segment(connection, line) == said
            assert house.traced == ways
            assert ways[0][1].startswith("C: ")
            assert not any("Hello" in shown for _, shown in ways)
            del house.traced[:]

    play(story, House(trace=True))


# -- The same as the long way


async def asked(mail, at_once, segments, **house):
    """What is answered to each segment, the log's fields, and the house; `at_once` as far as the session does."""
    house = House(mail, **house)
    connection = await house.log_in()
    said = [await (house.segment if at_once else house.say)(connection, segment) for segment in segments]
    return said, connection[0].closed("end"), house


MARKS = [
    b"STAT\r\n", b"DELE 2\r\n", b"DELE 2\r\n", b"RETR 2\r\n", b"LIST\r\n", b"UIDL\r\n", b"STAT\r\n", b"RETR 1\r\n",
    b"RSET\r\n", b"RETR 2\r\n", b"LIST\r\n", b"UIDL\r\n", b"STAT\r\n", b"RETR 4\r\n", b"DELE 1000\r\n", b"NOOP\r\n",
]  # fmt: skip
SURROGATES = [b"RETR 3\r\n", b"LIST\r\n", b"STAT\r\n", b"DELE 3\r\n", b"STAT\r\n", b"RETR 3\r\n"]


@pytest.mark.parametrize(
    ("mail", "segments"),
    [
        pytest.param(MAIL, [b"LIST\r\n", *USUAL], id="every one"),
        pytest.param(MAIL, MARKS, id="marks"),
        pytest.param(MAIL, SURROGATES, id="surrogates"),
        pytest.param(MAIL, [b"LANG de\r\n", *MARKS], id="another language"),
        pytest.param((), MARKS, id="empty maildrop"),
        pytest.param((LARGE, EMPTY), [b"RETR 1\r\n", b"RETR 2\r\n", b"RETR 1\r\n"], id="large and empty"),
        pytest.param([b"x\r\n"] * SLICE, [b"LIST\r\n", b"UIDL\r\n", b"DELE 7\r\n", b"UIDL\r\n"], id="a slice"),
        pytest.param([b"x\r\n"] * (SLICE + 1), [b"LIST\r\n", b"DELE 7\r\n", b"LIST\r\n", b"UIDL\r\n"], id="more"),
    ],
)
def test_both_ways_answer_and_count_the_same(mail, segments):
    async def work():
        short, short_record, house = await asked(mail, True, segments)
        long, long_record, other = await asked(mail, False, segments)
        assert short == long
        assert short_record == long_record
        assert house.pauses == other.pauses
        assert house.store.executed == other.store.executed

    asyncio.run(work())


def test_what_was_marked_at_once_is_deleted_at_the_end():
    async def work():
        said, record, house = await asked(MAIL, True, [b"DELE 1\r\n", b"DELE 3\r\n", b"QUIT\r\n"])
        assert all(each.startswith(b"+OK") for each in said)
        assert (record["deleted"], await house.store.left()) == (2, 1)

    asyncio.run(work())


def test_octets_and_messages_are_counted_in_the_log():
    async def work():
        segments = [b"RETR 1\r\n", b"RETR 2\r\n", b"RETR 9\r\n", b"STAT\r\n"]
        idle = (await asked(MAIL, True, []))[1]["bytes"]
        said, record, _ = await asked(MAIL, True, segments)
        assert record["retrieved"] == 2
        assert record["bytes"] == idle + sum(map(len, said))

    asyncio.run(work())


@pytest.mark.parametrize(
    ("mail", "line"),
    [
        ((LARGE,), b"RETR 1\r\n"), (MAIL, b"RETR 3\r\n"), ([b"x\r\n"] * (SLICE + 1), b"LIST\r\n"),
        ([b"x\r\n"] * (SLICE + 1), b"UIDL\r\n"),
    ],
    ids=["large", "surrogate", "sizes", "unique ids"],
)  # fmt: skip
def test_what_has_to_wait_is_left_to_be_awaited_with_nothing_done(mail, line):
    async def story(house):
        session, flow = await house.log_in()
        before = len(flow.out)
        assert session.answer(line) is None
        work = session.advance()
        assert flow.collect() == b""
        await work
        flow.collect()
        assert bytes(flow.out[before:]) == (await asked(mail, False, [line]))[0][0]
        assert session.advance() is None
        assert session.answer(b"NOOP\r\n") == STILL_HERE

    play(story, House(mail))


def test_a_body_that_cannot_be_read_is_left_to_the_long_way():
    async def story(house):
        house.store.chunk_failures = {(1, 0): StoreCorruptError("x")}
        session, flow = await house.log_in()
        assert session.answer(b"RETR 1\r\n") is None
        await handled(session)
        assert flow.collect() == EN.err(texts.DAMAGED)
        assert session.answer(b"RETR 2\r\n").startswith(b"+OK ")

    play(story)


def test_an_error_of_the_store_is_an_answer():
    async def story(house):
        def fail(_):
            raise StoreCorruptError("x")

        session, flow = await house.log_in()
        house.store.at_hand = fail
        assert session.answer(b"RETR 1\r\n") == EN.err(texts.DAMAGED)
        assert flow.collect() == b""
        assert session.closed("")["retrieved"] == 0

    play(story)


def test_both_ways_take_from_the_same_shelf():
    async def story(house):
        session, _ = connection = await house.log_in()
        first = session.answer(b"RETR 1\r\n")
        assert session.answer(b"RETR 1\r\n") is first
        assert await house.say(connection, b"RETR 1\r\n") == first

    play(story)
