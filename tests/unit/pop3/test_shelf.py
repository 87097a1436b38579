import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.pop3.replies import voice
from gatepost.pop3.shelf import ENTRY, LARGEST, TERM, Shelf

EN, DE = (voice(tag, ascii_only=True) for tag in ("en", "de"))
REPLY = b"+OK octets: 4\r\nbody.\r\n"
NOW = 1_800_000_000.0


def shelf(octets=1 << 20, now=NOW):
    made = Shelf(octets)
    assert made.find(1, EN, now) is None
    return made


def test_what_was_sent_is_sent_again_as_the_same_object():
    kept = shelf()
    kept.keep(1, EN, REPLY)
    assert kept.find(1, EN, NOW) is REPLY
    assert kept.find(2, EN, NOW) is None


@pytest.mark.parametrize("other", [DE, voice("en", ascii_only=False)])
def test_another_voice_says_it_otherwise(other):
    kept = shelf()
    kept.keep(1, EN, REPLY)
    assert kept.find(1, other, NOW) is None
    kept.keep(1, other, b"+OK Oktette: 4\r\nbody.\r\n")
    assert kept.find(1, other, NOW) == b"+OK Oktette: 4\r\nbody.\r\n"
    assert kept.find(1, EN, NOW) is None


@pytest.mark.parametrize("late", [0.0, 0.1, TERM - 0.1])
@pytest.mark.parametrize("step", [0.1, 7.0, TERM - 1, TERM, TERM + 1, 2 * TERM - 0.1])
def test_nothing_is_served_a_minute_after_it_was_read_however_often_it_is_asked_for(late, step):
    kept = shelf()
    assert kept.find(1, EN, NOW + late) is None
    kept.keep(1, EN, REPLY)
    now, last = NOW + late, NOW + late
    while now < NOW + 5 * TERM:
        if kept.find(1, EN, now) is not None:
            last = now
        now += step
    assert last < NOW + late + 2 * TERM
    assert last + step >= NOW + late + TERM


def test_what_came_after_a_long_silence_is_kept_as_long_as_anything():
    kept = shelf()
    kept.keep(1, EN, REPLY)
    assert kept.find(1, EN, NOW + 2 * TERM) is None
    kept.keep(1, EN, REPLY)
    assert kept.find(1, EN, NOW + 4 * TERM - 1) is REPLY


def test_a_clock_that_was_set_back_empties_it():
    kept = shelf()
    kept.keep(1, EN, REPLY)
    assert kept.find(1, EN, NOW - 1) is None
    kept.keep(1, EN, REPLY)
    assert kept.find(1, EN, NOW - 1) is REPLY


def test_large_replies_are_not_kept():
    kept = shelf()
    for octets in (LARGEST, LARGEST + 1):
        kept.keep(octets, EN, REPLY.ljust(octets))
    assert kept.find(LARGEST, EN, NOW)
    assert kept.find(LARGEST + 1, EN, NOW) is None


@pytest.mark.parametrize("octets", [0, 1, 2 * (len(REPLY) + ENTRY) - 1])
def test_what_does_not_fit_is_not_kept(octets):
    kept = shelf(octets)
    kept.keep(1, EN, REPLY)
    assert kept.find(1, EN, NOW) is None


def test_what_came_last_stays_when_there_is_no_more_room():
    kept = shelf(6 * (len(REPLY) + ENTRY))
    for blob_id in range(1, 9):
        kept.keep(blob_id, EN, REPLY)
    assert [blob_id for blob_id in range(1, 9) if kept.find(blob_id, EN, NOW)] == [4, 5, 6, 7, 8]


@given(st.integers(0, 5000), st.lists(st.tuples(st.integers(1, 9), st.integers(0, 900), st.floats(0, 100))))
def test_it_never_holds_more_than_it_may(octets, steps):
    kept, now = Shelf(octets), NOW
    for blob_id, size, later in steps:
        now += later
        if kept.find(blob_id, EN, now) is None:
            kept.keep(blob_id, EN, REPLY + bytes(size))
        held = [*kept._new.values(), *kept._old.values()]
        assert sum(len(reply) for _, reply in held) + ENTRY * len(held) <= octets
