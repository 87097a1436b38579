from gatepost.pop3 import surrogates
from gatepost.pop3.surrogates import OCTETS, WORTH, Surrogates


def test_what_is_kept_is_found_again():
    kept = Surrogates()
    assert kept.find(1) is None
    kept.keep(1, WORTH, b"one")
    kept.keep(1, WORTH, b"another session's")
    assert kept.find(1) == (WORTH, b"one")


def test_small_headers_and_monsters_are_not_kept():
    kept = Surrogates()
    kept.keep(1, WORTH - 1, b"small")
    kept.keep(2, OCTETS + 1, b"large")
    kept.keep(3, WORTH, b"x" * (OCTETS + 1))
    assert [kept.find(n) for n in (1, 2, 3)] == [None] * 3


def test_the_longest_unused_gives_way(monkeypatch):
    monkeypatch.setattr(surrogates, "OCTETS", 3 * WORTH)
    kept = Surrogates()
    for number in (1, 2, 3):
        kept.keep(number, WORTH, bytes(WORTH))
    assert kept.find(1) is not None
    kept.keep(4, WORTH, bytes(WORTH))
    assert [kept.find(n) is not None for n in (1, 2, 3, 4)] == [True, False, True, True]
