"""The log as SQLite writes it, and what can be told of damage to it."""

from __future__ import annotations

import os
import sys
from random import Random

import apsw
import pytest

from gatepost.store.sqlite import wal

PAGE = 1024
FRAME = wal.FRAME_HEADER + PAGE
COMMITS = 8


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A log of SQLite's."""
    file = tmp_path_factory.mktemp("log") / "a.db"
    connection = apsw.Connection(str(file))
    connection.execute(
        f"PRAGMA page_size = {PAGE}; PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0"
    ).fetchall()
    connection.execute("CREATE TABLE t (x)")
    for number in range(COMMITS - 1):
        connection.execute("INSERT INTO t VALUES (?)", (Random(number).randbytes(3000),))
    octets = file.with_name("a.db-wal").read_bytes()
    frames, _ = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
    connection.close()
    assert len(octets) == wal.HEADER + frames * FRAME
    return octets


def look(octets: bytes) -> wal.Log:
    return wal.examine(reader(octets), len(octets))


def reader(octets: bytes) -> wal.Read:
    return lambda size, offset: octets[offset : offset + size]


def put(octets: bytes, at: int, new: bytes) -> bytes:
    return octets[:at] + new + octets[at + len(new) :]


def flip(octets: bytes, at: int, bits: int = 1) -> bytes:
    return put(octets, at, bytes((octets[at] ^ bits,)))


def applied(octets: bytes, changes) -> bytes:
    for at, new in changes:
        octets = put(octets, at, new)
    return octets


def count(octets: bytes) -> int:
    return (len(octets) - wal.HEADER) // FRAME


def test_what_sqlite_wrote_is_whole(whole):
    log = look(whole)
    assert (log.page_size, log.committed, log.broken, log.behind, log.commits) == (PAGE, count(whole), 0, 0, 0)
    assert not log.damaged
    assert log.offset(1) == wal.HEADER
    assert log.offset(log.committed + 1) == len(whole)


def written(whole: bytes, order: str, sequence: int) -> bytes:
    """The same pages in a log of that order of octets, after so many checkpoints."""
    octets = bytearray(whole)
    octets[:4] = next(magic for magic in wal.MAGIC if wal.MAGIC[magic] == order).to_bytes(4)
    octets[12:16] = sequence.to_bytes(4)
    sums = wal.checksum(order, bytes(octets[:24]))
    octets[24:32] = b"".join(each.to_bytes(4) for each in sums)
    for at in range(wal.HEADER, len(octets), FRAME):
        sums = wal.checksum(order, bytes(octets[at : at + 8] + octets[at + 24 : at + FRAME]), sums)
        octets[at + 16 : at + 24] = b"".join(each.to_bytes(4) for each in sums)
    return bytes(octets)


def test_the_other_order_of_octets(whole):
    """As a machine of the other kind writes it: the octets of the pages are the same, the sums are others."""
    assert written(whole, sys.byteorder, 0) == whole
    octets = written(whole, order := "big" if sys.byteorder == "little" else "little", 0)
    assert look(octets).committed == count(whole)
    hurt = flip(octets, wal.HEADER + (100 if order == "little" else 103))
    assert applied(hurt, look(hurt).mends) == octets


@pytest.mark.parametrize("octets", [b"", b"x" * 20, b"x" * 5000, bytes(5000)], ids=["empty", "short", "none", "zeros"])
def test_what_is_no_log(octets):
    assert look(octets) == wal.Log()


def test_frames_from_before_the_log_was_begun_anew_are_no_damage(whole):
    octets = whole[: wal.HEADER + 3 * FRAME] + b"".join(
        put(whole[at : at + FRAME], 8, b"otherold") for at in range(wal.HEADER + 3 * FRAME, len(whole), FRAME)
    )
    log = look(octets)
    assert (log.behind, log.commits, log.damaged) == (0, 0, False)


def test_a_transaction_without_its_end_is_no_damage(whole):
    """Rolled back, or cut off by the end of the process: there is no commit frame."""
    commit = put(whole[-FRAME:], 4, bytes(4))
    log = look(whole[:-FRAME] + commit)
    assert log.committed < count(whole)
    assert (log.commits, log.damaged) == (0, False)


def test_half_a_frame_at_the_end_is_no_damage(whole):
    log = look(whole[:-100])
    assert (log.behind, log.damaged) == (0, False)


def is_commit(octets: bytes, number: int) -> bool:
    at = wal.HEADER + (number - 1) * FRAME
    return octets[at + 4 : at + 8] != bytes(4)


@pytest.mark.parametrize("number", [1, 5, -6])
def test_a_page_that_is_not_what_was_written(whole, number):
    """SQLite stops before it; what stands behind shows that it was damaged, or for the last transaction may not."""
    number %= count(whole)
    log = look(put(whole, wal.HEADER + (number - 1) * FRAME + wal.FRAME_HEADER + 8, os.urandom(64)))
    commits = sum(is_commit(whole, each) for each in range(number, count(whole) + 1))
    assert (log.broken, log.behind, log.commits) == (number, count(whole) - number + 1, commits)
    assert log.committed < number
    assert (log.lost, log.doubtful, log.damaged) == (commits > 1, commits == 1, True)


def test_the_last_transaction_alone_is_doubtful(whole):
    log = look(put(whole, len(whole) - 100, os.urandom(64)))
    assert (log.broken, log.behind, log.commits) == (count(whole), 1, 1)
    assert (log.lost, log.doubtful) == (False, True)


def test_a_hole_with_frames_of_this_log_behind_it(whole):
    """Its header is gone, too: two frames, of which the second goes on from what nobody knows."""
    at = wal.HEADER + 4 * FRAME
    log = look(put(whole, at, bytes(2 * FRAME)))
    assert log.broken == 5
    assert log.behind == count(whole) - 7
    assert log.lost


@pytest.mark.parametrize(
    "at",
    [0, 7, 9, 17, 22, 25, 31]
    + [wal.HEADER + 2 * FRAME + each for each in (0, 3, 5, 7, 9, 14, 17, 23, 24, 25, 700, 1045, 1047)],
)
def test_one_octet_that_changed_is_set_right(whole, at):
    """Wherever it is: page number, salts, sums, page; the lower half of a word, where there is one way to undo it."""
    octets = flip(whole, at, 0x5A if at < wal.HEADER + 2 * FRAME else 1)
    log = look(octets)
    if (at - wal.HEADER) % 4 != 3 or at < wal.HEADER:
        assert applied(octets, log.mends) == whole
        assert (log.committed, log.broken, log.damaged, log.lost) == (count(whole), 0, True, False)
    else:  # several places might have changed: none is chosen
        assert applied(octets, log.mends) == whole or (not log.mends and log.broken == 3)


def test_nothing_is_ever_set_right_in_a_wrong_way(whole):
    dice = Random(7)
    mended = 0
    for _ in range(150):
        octets = flip(whole, dice.randrange(wal.HEADER, len(whole)), 1 << dice.randrange(8))
        log = look(octets)
        mended += bool(log.mends)
        assert applied(octets, log.mends) == (whole if log.mends else octets)
        assert log.mends or log.damaged
    assert mended > 90


def test_two_octets_of_a_word_are_not_set_right(whole):
    """Chance would find one such change in 10^6 logs that are damaged otherwise."""
    at = wal.HEADER + 2 * FRAME + 100
    log = look(flip(flip(whole, at), at + 1))
    assert (log.broken, log.mends) == (3, ())


def test_two_frames_that_changed_are_both_set_right(whole):
    octets = flip(flip(whole, wal.HEADER + 100), wal.HEADER + FRAME + 100)
    log = look(octets)
    if log.mends:
        assert applied(octets, log.mends[:1]) != octets
    apart = flip(flip(whole, wal.HEADER + 100), wal.HEADER + 5 * FRAME + 100)
    assert applied(apart, look(apart).mends) == whole


def test_the_header_of_a_first_log_is_known(whole):
    octets = os.urandom(wal.HEADER) + whole[wal.HEADER :]
    assert applied(octets, look(octets).mends) == whole


def test_another_header_that_is_gone_is_made_anew(whole):
    """Its checksum is where the first frame's begins: so that one can only be believed."""
    octets = os.urandom(wal.HEADER) + written(whole, sys.byteorder, 77)[wal.HEADER :]
    log = look(octets)
    assert (log.page_size, log.broken, log.commits) == (PAGE, 1, COMMITS)
    octets = applied(octets, log.mends)
    after = look(applied(octets, wal.believed(reader(octets), len(octets), log)))
    assert (after.committed, after.damaged) == (count(whole), False)


def test_without_header_and_frames_there_is_no_log(whole):
    octets = os.urandom(wal.HEADER) + put(whole[wal.HEADER :], FRAME + 100, os.urandom(64))
    assert look(octets) == wal.Log()


@pytest.mark.parametrize("number", [1, 4])
def test_a_log_can_be_believed_beyond_its_damage(whole, number):
    octets = put(whole, wal.HEADER + (number - 1) * FRAME + wal.FRAME_HEADER + 200, os.urandom(64))
    log = look(octets)
    assert log.lost
    changed = applied(octets, wal.believed(reader(octets), len(octets), log))
    after = look(changed)
    assert (after.committed, after.damaged) == (count(whole), False)
    start = wal.HEADER + (number - 1) * FRAME + wal.FRAME_HEADER
    assert changed[start : start + PAGE] == octets[start : start + PAGE]


def test_it_is_believed_as_far_as_it_goes_on(whole):
    octets = put(whole, wal.HEADER + 2 * FRAME + 200, os.urandom(64))
    octets = put(octets, wal.HEADER + 9 * FRAME + 200, os.urandom(64))
    log = look(octets)
    after = look(applied(octets, wal.believed(reader(octets), len(octets), log)))
    assert log.committed < after.committed < 10


@pytest.mark.parametrize("at", [0, 8], ids=["page number", "salts"])
def test_a_frame_without_a_sound_header_is_not_believed(whole, at):
    start = wal.HEADER + 2 * FRAME
    octets = put(put(whole, start + at, bytes(4)), start + 300, os.urandom(64))
    log = look(octets)
    assert log.lost
    assert not [*wal.believed(reader(octets), len(octets), log)]


def test_a_frame_from_which_nothing_goes_on_is_not_believed(whole):
    octets = put(whole, wal.HEADER + 2 * FRAME + 200, os.urandom(FRAME))
    assert not [*wal.believed(reader(octets), len(octets), look(octets))]
