from itertools import product

import pytest

from gatepost.pop3 import commands as c
from gatepost.pop3 import texts
from gatepost.pop3.grammar import AUTH_LIMIT, BACKLOG, PENDING, PENDING_EARLY
from gatepost.pop3.machine import LEGAL, Machine, State
from gatepost.pop3.replies import voice

EN = voice("en", ascii_only=True)


def machine(state=State.AUTHORIZATION, bad=10, shown=None):
    made = Machine(EN, bad_commands=bad, shown=shown)
    made.state = state
    return made


def events(m, data):
    m.receive_data(data)
    found = []
    while (event := m.next_event()) is not None:
        found.append(event)
    return found


EVERY = [
    c.Quit(), c.Stat(), c.ListSizes(), c.Retr(1), c.Dele(1), c.Noop(), c.Rset(), c.Top(1, 1), c.Uidl(), c.User("a"),
    c.Pass("a"), c.Apop(), c.Capa(), c.Stls(), c.Auth("PLAIN"), c.ListMechanisms(), c.Utf8(), c.Lang("de"),
]  # fmt: skip


@pytest.mark.parametrize(("state", "command"), [*product(LEGAL, EVERY)], ids=lambda value: getattr(value, "name", None))
def test_the_table(state, command):
    m = machine(state)
    legal = type(command) in LEGAL[state]
    assert events(m, c.encode(command)) == ([command] if legal else [])
    assert m.data_to_send().startswith(b"" if legal else b"-ERR ")
    assert m.state is state


def test_half_a_line_is_no_command_yet():
    m = machine()
    assert events(m, b"CA") == []
    assert events(m, b"PA\r\nUTF") == [c.Capa()]
    assert events(m, b"8\r\n") == [c.Utf8()]


def test_how_commands_are_cut_into_segments_changes_nothing():
    said = b"STAT\r\nNOOP\r\nRETR 1\r\nRESTAT\r\nLIST\r\n"
    whole, pieces = machine(State.TRANSACTION), machine(State.TRANSACTION)
    assert events(whole, said) == [event for i in range(len(said)) for event in events(pieces, said[i : i + 1])]
    assert whole.data_to_send() == pieces.data_to_send() == EN.err(texts.UNKNOWN_COMMAND)


WHOLE = [b"STAT\r\n", b"retr 1\n", b"\r\n", b"\n", b"XYZZY\r\n", b"PASS x\r\n", b"GET / HTTP/1.1\r\n", b"*\r\n"]
IN_PARTS = [b"", b"STAT", b"STAT\r", b"STAT\r\nNOOP\r\n", b"STAT\r\nNO", b"AUTH PLAIN ".ljust(300, b"A") + b"\r\n"]


@pytest.mark.parametrize("state", [State.AUTHORIZATION, State.EXCHANGE, State.TRANSACTION, State.CLOSED])
@pytest.mark.parametrize("data", [*WHOLE, *IN_PARTS])
def test_a_segment_means_the_same_both_ways(state, data):
    """What is one whole line, and what is not."""
    short, long = machine(state), machine(state)
    short.reads = long.reads = state is not State.CLOSED
    for each in (data, b"NOOP\r\n"):
        event = short.only_event(each)
        found = [] if event is None else [event]
        while (event := short.next_event()) is not None:
            found.append(event)
        assert found == events(long, each)
        assert (short.data_to_send(), short.state) == (long.data_to_send(), long.state)


def test_only_a_whole_line_is_read_at_once():
    m = machine(State.TRANSACTION)
    assert [m.only_event(data) for data in (b"STAT\r\n", b"retr 2\n")] == [c.Stat(), c.Retr(2)]
    assert m.only_event(b"STAT\r\nNO") is None
    assert m.only_event(b"OP\r\n") is None
    assert [m.next_event(), m.next_event(), m.next_event()] == [c.Stat(), c.Noop(), None]


def test_nothing_is_read_after_the_end_not_even_what_was_there_before():
    m = machine(State.TRANSACTION)
    m.receive_data(b"STAT\r\n")
    m.close()
    assert m.next_event() is None


def test_every_command_is_legal_somewhere():
    assert {type(command) for command in EVERY} == frozenset().union(*LEGAL.values())


@pytest.mark.parametrize(
    ("state", "line", "text"),
    [
        (State.AUTHORIZATION, b"STAT\r\n", texts.LOG_IN_FIRST),
        (State.AUTHORIZATION, b"PASS x\r\n", texts.NAME_FIRST),
        (State.TRANSACTION, b"PASS x\r\n", texts.ONLY_BEFORE_LOGIN),
        (State.TRANSACTION, b"STLS\r\n", texts.ONLY_BEFORE_LOGIN),
    ],
)
def test_why_not(state, line, text):
    m = machine(state)
    assert events(m, line) == []
    assert m.data_to_send() == EN.err(text)


def test_the_way_through_the_states():
    m = machine()
    m.named()
    assert m.state is State.NAMED
    m.unnamed()
    m.challenge(b"who")
    assert m.data_to_send() == b"+ d2hv\r\n"
    assert events(m, b"QUI=\r\n") == [c.Response(b"AB")]
    m.logged_in()
    assert m.state is State.TRANSACTION


def test_an_exchange_takes_responses_only():
    m = machine(State.EXCHANGE)
    assert events(m, b"QUIT\r\n*\r\n\r\n") == [c.Response(b"A\x42\x13"), c.Abort(), c.Response(b"")]


def test_what_cannot_be_decoded_ends_the_exchange():
    m = machine(State.EXCHANGE)
    assert events(m, b"!\r\nQUIT\r\n") == [c.Quit()]
    assert m.data_to_send() == EN.err(texts.NOT_BASE64)


def test_stls_forgets_what_came_in_the_clear():
    m = machine()
    assert events(m, b"STLS\r\n") == [c.Stls()]
    m.receive_data(b"QUIT\r\n")
    m.securing()
    m.receive_data(b"QUIT\r\n")
    assert m.next_event() is None
    m.secured(EN)
    assert m.next_event() is None
    assert events(m, b"CAPA\r\n") == [c.Capa()]


@pytest.mark.parametrize(
    ("state", "line", "limit"),
    [
        (State.AUTHORIZATION, b"NOOP " + b"x" * 249, 255),
        (State.AUTHORIZATION, b"x" * 20_000, 255),
        (State.TRANSACTION, b"RETR " + b"1" * AUTH_LIMIT, 255),
        (State.EXCHANGE, b"x" * (AUTH_LIMIT - 1), AUTH_LIMIT),
        (State.EXCHANGE, b"x" * 200_000, AUTH_LIMIT),
        (State.AUTHORIZATION, b"AUTH " + b"x" * (AUTH_LIMIT - 6), AUTH_LIMIT),
    ],
)
def test_lines_that_are_too_long(state, line, limit):
    m = machine(state)
    assert events(m, line + b"\r\nCAPA\r\n") == [c.Capa()]
    assert m.data_to_send() == EN.err(texts.TOO_LONG, limit)


def test_lines_at_the_limit():
    assert events(machine(), b"USER " + b"x" * 248 + b"\r\n") == [c.User("x" * 248)]
    initial = b"QUFB" * ((AUTH_LIMIT - 13) // 4)
    assert len(events(machine(), b"auth PLAIN " + initial + b"\r\n")) == 1
    assert len(events(machine(State.EXCHANGE), initial + b"\r\n")) == 1
    longest = b"auth EXTERNAL " + b"QUFB" * ((AUTH_LIMIT - 16) // 4)
    assert len(longest + b"\r\n") == AUTH_LIMIT
    assert len(events(machine(), longest + b"\r\n")) == 1


def test_commands_that_make_no_sense_end_it():
    m = machine(bad=3)
    assert events(m, b"X\r\nSTAT\r\nY\r\nCAPA\r\n") == []
    assert m.data_to_send().splitlines()[-1] == EN.err(texts.TOO_MANY_BAD).strip()
    assert m.state is State.CLOSED
    assert events(m, b"CAPA\r\n") == []


def test_other_protocols_end_it_at_once():
    m = machine()
    assert events(m, b"GET / HTTP/1.1\r\nCAPA\r\n") == []
    assert m.data_to_send() == EN.err(texts.SPEAKS_HTTP)
    assert m.state is State.CLOSED


def test_too_much_ahead_ends_it():
    m = machine()
    m.receive_data(b"NOOP\r\n" * (BACKLOG // 6))
    assert m.state is State.AUTHORIZATION
    m.receive_data(b"NOOP\r\n")
    assert m.next_event() is None
    assert m.data_to_send() == EN.err(texts.TOO_MUCH_AHEAD)


def test_a_client_that_closed_its_side_gets_its_answers():
    m = machine(State.TRANSACTION)
    m.receive_data(b"STAT\r\nQUI")
    m.receive_data(b"")
    assert m.next_event() == c.Stat()
    assert m.state is State.TRANSACTION
    assert m.next_event() is None
    assert m.state is State.CLOSED


def test_output_is_counted_and_given_once():
    m = machine()
    assert m.data_to_send() == b""
    m.send(b"+OK\r\n")
    m.send_body(b"body\r\n")
    assert m.pending == 11
    assert m.data_to_send() == b"+OK\r\nbody\r\n"
    reply = b"+OK 1\r\nx\r\n.\r\n"
    m.send(reply)
    assert m.data_to_send() is reply
    assert m.data_to_send() == b""
    assert (m.pending, m.sent) == (0, 24)


def test_what_is_shown_has_no_secrets_and_no_bodies():
    seen = []
    m = machine(bad=99, shown=lambda side, line: seen.append(f"{side}: {line}"))
    m.named()
    events(m, b"PASS open sesame\r\nPSAS open sesame\r\nSTAT\r\nAUTH PLAIN AGE=\r\n")
    m.challenge(b"secret")
    events(m, b"QUI\r\n")
    m.challenge(b"secret")
    events(m, b"c2VjcmV0\r\nc2Vj\r\n")
    m.send(b"+OK list\r\n1 2\r\n.\r\n")
    m.send(b"+OK octets: 4\r\n")
    m.send_body(b"body")
    assert [line for line in seen if line.startswith("C")] == [
        "C: PASS ***", "C: (a line that makes no sense)", "C: STAT", "C: AUTH PLAIN ***",
        "C: (a line that makes no sense)", "C: ***", "C: ***",
    ]  # fmt: skip
    assert seen[-4:] == ["S: +OK list", "S: 1 2", "S: .", "S: +OK octets: 4"]
    assert seen.count("S: + ***") == 2
    assert not any("sesame" in line or "c2V" in line or "body" in line for line in seen)


@pytest.mark.parametrize(("state", "most"), [(State.AUTHORIZATION, PENDING_EARLY), (State.TRANSACTION, PENDING)])
def test_it_is_full_sooner_before_login(state, most):
    m = machine(state)
    m.send_body(b"x" * (most - 1))
    assert not m.full
    m.send_body(b"x")
    assert m.full
    m.data_to_send()
    assert not m.full


def test_nothing_is_said_when_closing_without_words():
    m = machine()
    m.close()
    assert m.data_to_send() == b""
    m.receive_data(b"CAPA\r\n")
    assert m.next_event() is None
