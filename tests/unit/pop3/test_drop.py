from array import array

import pytest

from gatepost.model import Maildrop
from gatepost.pop3 import texts
from gatepost.pop3.drop import SLICE, Drop
from gatepost.pop3.replies import RefusedError


def maildrop(**changes):
    fields = {"uids": array("I", [4, 9]), "sizes": array("Q", [10, 20]), "blobs": array("q", [41, 91])}
    return Maildrop(5, 7, 10, **(fields | changes))


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
    assert drop.marked_uids() == (4,)
    assert drop.size_lines(0) == b"2 20\r\n"
    assert drop.uidl_lines(0) == b"2 0000000700000009\r\n"
    drop.unmark()
    assert drop.stat() == (2, 30)


def test_marks_that_come_before_the_first_look_at_the_sum():
    drop = Drop(maildrop(), utf8=False)
    drop.mark(1)
    drop.mark(0)
    assert drop.stat() == (0, 0)
    drop.unmark()
    assert drop.stat() == (2, 30)


def test_imported_uidls():
    drop = Drop(maildrop(uidls={0: "old-1"}), utf8=False)
    assert drop.uidl_lines(0) == b"1 old-1\r\n2 0000000700000009\r\n"
    assert drop.uidl(1) == "0000000700000009"


def test_sizes_are_those_of_what_will_be_sent():
    source = maildrop(ascii_sizes={1: 25})
    plain, utf8 = Drop(source, utf8=False), Drop(source, utf8=True)
    assert plain.stat() == (2, 35)
    assert utf8.stat() == (2, 30)
    assert (list(plain.sizes), list(utf8.sizes)) == ([10, 25], [10, 20])
    assert (set(plain.surrogates), set(utf8.surrogates)) == ({1}, set())
    assert list(source.sizes) == [10, 20]


def test_slices():
    many = SLICE * 2 + 1
    drop = Drop(maildrop(uids=array("I", range(1, many + 1)), sizes=array("Q", [1] * many)), utf8=True)
    starts = range(0, many, SLICE)
    for lines in (drop.size_lines, drop.uidl_lines):
        numbers = [int(line.split()[0]) for start in starts for line in lines(start).splitlines()]
        assert numbers == list(range(1, many + 1))


def test_sessions_that_hold_the_same_maildrop_list_and_add_up_once():
    shared = maildrop()
    one, other = Drop(shared, utf8=False), Drop(shared, utf8=True)
    one.mark(0)
    assert (one.uidl_lines(0), one.stat()) == (b"2 0000000700000009\r\n", (1, 20))
    one.unmark()
    assert one.uidl_lines(0) is other.uidl_lines(0) is shared.uidl_lines
    assert one.uidl_lines(0) == b"1 0000000700000004\r\n2 0000000700000009\r\n"
    shared.sizes.append(5)
    assert other.stat() == (3, 30)
    assert shared == maildrop(sizes=array("Q", [10, 20, 5]))


def test_sizes_with_surrogates_are_no_other_sessions():
    shared = maildrop(ascii_sizes={1: 25})
    assert Drop(shared, utf8=False).stat() == (2, 35)
    assert Drop(shared, utf8=True).stat() == (2, 30)
    assert Drop(shared, utf8=False).stat() == (2, 35)
