import pytest

from gatepost.model import Maildrop
from gatepost.pop3 import texts
from gatepost.pop3.drop import SLICE, Drop
from gatepost.pop3.replies import RefusedError

TWO = ((4, 10, 41, None, 0), (9, 20, 91, None, 0))


def maildrop(*rows):
    drop = Maildrop(5, 7, 10)
    drop.extend(rows or TWO)
    return drop


def large(messages, **where):
    drop = Maildrop(5, 7, messages + 1)
    drop.extend([(uid, 1, uid, None, 0) for uid in range(1, messages + 1)])
    return Drop(drop, **where)


def test_positions():
    drop = Drop(maildrop(), utf8=False)
    assert (len(drop), drop.mailbox_id, drop.position(2), drop.blobs[1]) == (2, 5, 1, 91)
    drop.mark(1)
    for number, text in ((0, texts.NO_MESSAGE), (3, texts.NO_MESSAGE), (2, texts.IS_MARKED)):
        with pytest.raises(RefusedError) as refused:
            drop.position(number)
        assert refused.value.text is text


def test_marks():
    drop = Drop(maildrop(), utf8=False)
    assert drop.stat() == (2, 30)
    drop.mark(0)
    assert drop.stat() == (1, 20)
    assert (drop.marked, list(drop.marked_uids(0))) == (1, [4])
    assert drop.size_lines(0) == b"2 20\r\n"
    assert drop.uidl_lines(0) == b"2 0000000700000009\r\n"
    drop.unmark()
    assert (drop.stat(), drop.marked) == ((2, 30), 0)
    assert drop.uidl_lines(0).startswith(b"1 ")


def test_all_marked():
    drop = Drop(maildrop(), utf8=False)
    drop.mark(1)
    drop.mark(0)
    assert drop.stat() == (0, 0)
    drop.unmark()
    assert drop.stat() == (2, 30)


def test_imported_uidls():
    drop = Drop(maildrop((4, 10, 41, "old-1", 0), TWO[1]), utf8=False)
    assert drop.uidl_lines(0) == b"1 old-1\r\n2 0000000700000009\r\n"
    assert drop.uidl(1) == "0000000700000009"


def test_sizes_are_those_of_what_will_be_sent():
    source = maildrop(TWO[0], (9, 20, 91, None, 25))
    plain, utf8 = Drop(source, utf8=False), Drop(source, utf8=True)
    assert plain.stat() == (2, 35)
    assert utf8.stat() == (2, 30)
    assert [[drop.size(p) for p in range(2)] for drop in (plain, utf8)] == [[10, 25], [10, 20]]
    assert (plain.size_lines(0), utf8.size_lines(0)) == (b"1 10\r\n2 25\r\n", b"1 10\r\n2 20\r\n")
    plain.mark(1)
    assert (plain.stat(), plain.size_lines(0)) == ((1, 10), b"1 10\r\n")
    assert (set(plain.surrogates), set(utf8.surrogates)) == ({1}, set())
    assert list(source.sizes) == [10, 20]


def test_slices():
    many = SLICE * 2 + 1
    drop = large(many, utf8=True)
    starts = range(0, many, SLICE)
    for lines in (drop.size_lines, drop.uidl_lines):
        numbers = [int(line.split()[0]) for start in starts for line in lines(start).splitlines()]
        assert numbers == list(range(1, many + 1))


def test_marks_in_slices():
    drop = large(SLICE * 2 + 1, utf8=True)
    for position in (0, SLICE, SLICE + 1, SLICE * 2):
        drop.mark(position)
    found = [list(drop.marked_uids(start)) for start in range(0, len(drop), SLICE)]
    assert found == [[1], [SLICE + 1, SLICE + 2], [SLICE * 2 + 1]]
    assert len(drop.uidl_lines(SLICE).splitlines()) == len(drop.size_lines(SLICE).splitlines()) == SLICE - 2


def test_a_million_messages_cost_nothing_that_is_not_sliced():
    """Whoever looks at all sizes for a STAT, a DELE or a login stops everybody else for 20 ms."""

    class Untouched:
        def __len__(self):
            return 1_000_000

        def __getitem__(self, position):
            assert isinstance(position, int)
            return 5

    drop = Drop(Maildrop(5, 7, 10, sizes=Untouched(), octets=5_000_000, ascii_octets=5_000_000), utf8=False)
    drop.mark(drop.position(1_000_000))
    assert drop.stat() == (999_999, 4_999_995)
    drop.unmark()
    assert drop.stat() == (1_000_000, 5_000_000)


def test_sessions_that_hold_the_same_maildrop_list_it_once():
    shared = maildrop()
    one, other = Drop(shared, utf8=False), Drop(shared, utf8=True)
    one.mark(0)
    assert (one.uidl_lines(0), one.stat()) == (b"2 0000000700000009\r\n", (1, 20))
    one.unmark()
    assert one.uidl_lines(0) is other.uidl_lines(0) is shared.uidl_lines
    assert one.uidl_lines(0) == b"1 0000000700000004\r\n2 0000000700000009\r\n"
    assert shared == maildrop()


def test_sizes_with_surrogates_are_no_other_sessions():
    shared = maildrop(TWO[0], (9, 20, 91, None, 25))
    assert Drop(shared, utf8=False).stat() == (2, 35)
    assert Drop(shared, utf8=True).stat() == (2, 30)
    assert Drop(shared, utf8=False).stat() == (2, 35)
