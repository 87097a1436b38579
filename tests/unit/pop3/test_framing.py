import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.pop3.framing import LineFramer, LineTooLongError, Stuffer, Top, Unstuffer, stuffed

CRLF = b"\r\n"
MAIL_LIKE = st.lists(st.sampled_from([b".", b"..", b"\r\n", b"\n", b"\r", b"a", b"\r\n.\r\n", b"\0"])).map(b"".join)


def cut(data, sizes):
    """The data in pieces of these sizes, the rest as one."""
    for size in sizes:
        yield data[:size]
        data = data[size:]
    yield data


CUTS = st.lists(st.integers(1, 5), max_size=12)


def lines(framer):
    while True:
        try:
            line = framer.next_line()
        except LineTooLongError:
            yield "too long"
            continue
        if line is None:
            return
        yield line


def framed(pieces, limit=20):
    framer, found = LineFramer(limit), []
    for piece in pieces:
        framer.feed(piece)
        found += lines(framer)
        assert framer.feed(b"") <= limit
    return found


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"NOOP\r\n", [b"NOOP"]),
        (b"NOOP\nSTAT\r\nQU", [b"NOOP", b"STAT"]),
        (b"\r\n\n", [b"", b""]),
        (b"a\rb\r\r\n", [b"a\rb\r"]),
        (b"x" * 18 + b"\r\n", [b"x" * 18]),
        (b"x" * 19 + b"\r\nNOOP\r\n", ["too long", b"NOOP"]),
        (b"x" * 50, ["too long"]),
        (b"x" * 50 + b"\nNOOP\n", ["too long", b"NOOP"]),
    ],
)
def test_lines(data, expected):
    assert framed([data]) == expected
    assert framed(cut(data, [1] * len(data))) == expected


@given(st.lists(st.sampled_from([b"abcdefg", b"\r\n", b"\n", b"\r"])).map(b"".join), CUTS)
def test_how_lines_are_cut_changes_nothing(data, sizes):
    assert framed(cut(data, sizes)) == framed([data])


def test_a_long_line_is_reported_once_and_not_kept():
    framer = LineFramer(20)
    framer.feed(b"x" * 21)
    with pytest.raises(LineTooLongError):
        framer.next_line()
    framer.feed(b"x" * 1000)
    assert framer.next_line() is None
    assert not framer.held
    framer.feed(b"x\r\nSTAT\r\n")
    assert framer.next_line() == b"STAT"


def test_clear_forgets_also_a_line_that_is_being_skipped():
    framer = LineFramer(20)
    framer.feed(b"x" * 21)
    with pytest.raises(LineTooLongError):
        framer.next_line()
    framer.clear()
    framer.feed(b"STAT\r\n")
    assert framer.next_line() == b"STAT"


def test_take_gives_what_is_left():
    framer = LineFramer(20)
    framer.feed(b"+OK\r\nbody")
    framer.next_line()
    assert framer.take() == b"body"
    assert not framer.held


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", b""),
        (b"a\r\n", b"a\r\n"),
        (b"a", b"a\r\n"),
        (b".\r\n", b"..\r\n"),
        (b"a\r\n.b\r\n..\r\n", b"a\r\n..b\r\n...\r\n"),
        (b"a\n.\nb\r\n", b"a\n..\nb\r\n"),
        (b"a.b.\r\n", b"a.b.\r\n"),
    ],
)
def test_stuffed(body, expected):
    assert stuffed(body) == expected


@pytest.mark.parametrize("dots", [1, 63, 64, 65, 200])
def test_a_dot_line_is_found_behind_any_number_of_other_dots(dots):
    prose = b"Well. " * dots
    assert stuffed(prose + b"\r\n.\r\n") == prose + b"\r\n..\r\n"
    assert stuffed(prose + b"\r\n") == prose + b"\r\n"


@given(MAIL_LIKE, CUTS)
def test_stuffing_in_pieces_is_stuffing_at_once(body, sizes):
    stuffer = Stuffer()
    assert b"".join([*map(stuffer.feed, cut(body, sizes)), stuffer.end()]) == stuffed(body) + b".\r\n"


@given(MAIL_LIKE, CUTS)
def test_what_was_stuffed_comes_out_again(body, sizes):
    body = body.replace(b"\r", b"").replace(b"\n", CRLF)  # what the store holds has CRLF line ends throughout
    unstuffer, found, rest = Unstuffer(), b"", b""
    for piece in cut(stuffed(body) + b".\r\n+OK next\r\n", sizes):
        if unstuffer.ended:
            rest += piece
            continue
        part, behind = unstuffer.feed(piece)
        found += part
        rest += behind
    assert unstuffer.ended
    assert rest == b"+OK next\r\n"
    assert found == (body if body.endswith(CRLF) or not body else body + CRLF)


def test_unstuffing_holds_back_next_to_nothing():
    unstuffer = Unstuffer()
    assert unstuffer.feed(b"x" * 100_000) == (b"x" * 100_000, b"")


def top(pieces, count):
    cutter, found = Top(count), b""
    for piece in pieces:
        found += cutter.feed(piece)
        if cutter.done:
            break
    return found


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, b"A: b\r\n\r\n"),
        (1, b"A: b\r\n\r\none\r\n"),
        (2, b"A: b\r\n\r\none\r\n\r\n"),
        (3, b"A: b\r\n\r\none\r\n\r\nthree"),
        (10**30, b"A: b\r\n\r\none\r\n\r\nthree"),
    ],
)
def test_top(count, expected):
    message = b"A: b\r\n\r\none\r\n\r\nthree"
    assert top([message], count) == expected
    assert top(cut(message, [1] * len(message)), count) == expected


@pytest.mark.parametrize(
    ("message", "count", "expected"),
    [(b"\r\nbody\r\n", 0, b"\r\n"), (b"A: b\r\n", 0, b"A: b\r\n"), (b"\r\na\r\nb\r\n", 1, b"\r\na\r\n")],
)
def test_top_without_header_or_body(message, count, expected):
    assert top([message], count) == expected
    assert top(cut(message, [1] * len(message)), count) == expected


@given(st.lists(st.sampled_from([b"\r\n", b"a", b"bb"])).map(b"".join), st.integers(0, 6), CUTS)
def test_how_a_body_is_cut_changes_no_top(message, count, sizes):
    assert top(cut(message, sizes), count) == top([message], count)
