from __future__ import annotations

import pytest

from gatepost.config.settings import Limits
from gatepost.net.addresses import REMEMBERED
from gatepost.net.shared_table import MARKS_KEPT, SharedTable
from gatepost.net.shared_tally import AS_ONE, KNOWN, NOTED, SITE_TIMES, SharedTally
from gatepost.net.tally import Limited

A, B = "192.0.2.1", "192.0.2.2"
NOW = 1_700_000_000.0
LIMITS = Limits(connections_per_address=3, connections_per_account=2, failures_before_refusal=5, failure_memory=600)


@pytest.fixture
def tally() -> SharedTally:
    return SharedTally(LIMITS, 4, clock=lambda: NOW)


def fail(tally: SharedTally, address: str, login: str, *secrets: str, now: float = NOW) -> None:
    for secret in secrets:
        tally.failure(address, login, secret.encode().ljust(8, b"."), now)


def test_failures_right_after_the_machine_started_count_as_long_as_all_others() -> None:
    """Monotonic time begins near 0."""
    tally = SharedTally(LIMITS, 4, clock=lambda: 5.0)
    assert tally.delay(A, "alice", 5.0) == 0
    fail(tally, A, "alice", *"12345", now=5.0)
    assert tally.refusal(A, 604.0) == 1.0
    assert tally.refusal(A, 605.0) == 0
    assert tally.limited(604.0)[0].until == 605.0


class TestConnections:
    def test_by_address(self, tally: SharedTally) -> None:
        assert [tally.connect(A) for _ in range(4)] == [True, True, True, False]
        assert tally.connect(B)
        tally.disconnect(A)
        assert tally.connect(A)
        assert not tally.connect(A)

    def test_by_64(self, tally: SharedTally) -> None:
        assert [tally.connect(f"2001:db8::{number}") for number in range(4)] == [True, True, True, False]
        assert tally.connect("2001:db8:0:1::1")

    def test_the_allow_list_always_wins(self, tally: SharedTally) -> None:
        assert all(tally.connect("127.0.0.1") for _ in range(10))
        tally.disconnect("127.0.0.1")
        fail(tally, "::1", "alice", *map(str, range(20)))
        assert tally.refusal("::1", NOW) == 0
        assert tally.delay("::1", "alice", NOW) == 0
        assert tally.delay(A, "alice", NOW) == 0
        tally.success("::1", "alice", NOW)

    def test_by_account(self, tally: SharedTally) -> None:
        assert [tally.enter(7) for _ in range(3)] == [True, True, False]
        assert tally.enter(8)
        tally.leave(7)
        assert tally.enter(7)

    def test_taking_back_what_nobody_gave(self, tally: SharedTally) -> None:
        tally.disconnect(A)
        tally.leave(99)
        assert [tally.connect(A) for _ in range(4)] == [True, True, True, False]

    def test_a_worker_that_died(self, tally: SharedTally) -> None:
        tally.bind_worker(1)
        tally.connect(A)
        tally.connect(A)
        tally.enter(7)
        tally.bind_worker(2)
        tally.connect(A)
        assert not tally.connect(A)
        tally.forget_worker(1)
        assert [tally.connect(A) for _ in range(3)] == [True, True, False]
        assert [tally.enter(7) for _ in range(3)] == [True, True, False]

    def test_a_full_bucket_serves_rather_than_refuses(
        self, tally: SharedTally, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(SharedTable, "make", lambda *_: None)
        assert tally.connect(A)
        tally.disconnect(A)
        fail(tally, A, "alice", "x")
        tally.success(A, "alice", NOW)
        tally.note_login(7, NOW, 5)
        assert tally.delay(A, "alice", NOW) == 0
        assert tally.last_login(7) == (0.0, 0)

    def test_the_memory_of_keys_is_bounded(self, tally: SharedTally) -> None:
        for number in range(REMEMBERED + 2):
            tally.refusal(f"10.1.{number // 256}.{number % 256}", NOW)
        assert len(tally._keys) <= REMEMBERED


class TestFailures:
    def test_delays_double_up_to_the_longest(self, tally: SharedTally) -> None:
        delays = []
        for number in range(7):
            delays.append(tally.delay(A, "alice", NOW))
            fail(tally, A, "alice", str(number))
        assert delays == [0, 1, 2, 4, 5, 5, 5]

    def test_the_same_wrong_password_counts_once(self, tally: SharedTally) -> None:
        fail(tally, A, "alice", *["old"] * 50)
        assert tally.delay(A, "alice", NOW) == 1
        fail(tally, A, "alice", "1", "2", "3", "old")
        assert tally.delay(A, "alice", NOW) == 5
        fail(tally, A, "bob", "old")
        assert tally.delay(A, "bob", NOW) == 5

    def test_only_the_last_few_wrong_ones_are_known(self, tally: SharedTally) -> None:
        fail(tally, A, "alice", *map(str, range(MARKS_KEPT + 1)))
        before = tally.refusal(A, NOW)
        assert before == 600
        fail(tally, A, "alice", "0")
        assert tally._failures(tally._address(A), NOW)[0] == MARKS_KEPT + 2

    def test_refusal_of_an_address_and_its_end(self, tally: SharedTally) -> None:
        for number in range(5):
            assert tally.refusal(A, NOW) == 0
            fail(tally, A, f"user{number}", "guess", now=NOW + number)
        assert tally.refusal(A, NOW + 10) == 590
        assert tally.refusal(B, NOW + 10) == 0
        assert tally.refusal(A, NOW + 600) == 0
        assert tally.delay(A, "alice", NOW + 601) == 0

    def test_a_login_is_slowed_from_everywhere_but_its_own_places(self, tally: SharedTally) -> None:
        tally.success(B, "alice", NOW)
        for number in range(4):
            fail(tally, f"198.51.100.{number}", "alice", str(number))
        assert tally.delay("203.0.113.1", "alice", NOW) == 5
        assert tally.delay(B, "alice", NOW) == 0
        assert tally.delay("203.0.113.1", "bob", NOW) == 0

    def test_success_forgives_its_own_failures_only(self, tally: SharedTally) -> None:
        fail(tally, A, "bob", "1", "2")
        fail(tally, A, "alice", "3")
        tally.success(A, "alice", NOW)
        assert tally._failures(tally._address(A), NOW)[0] == 2
        assert tally.delay(B, "alice", NOW) == 0
        assert tally.delay(A, "carol", NOW) == 2
        assert tally.delay(A, "alice", NOW) == 0
        fail(tally, A, "alice", "3")
        assert tally._failures(tally._address(A), NOW)[0] == 3

    def test_a_new_series_begins_after_the_memory(self, tally: SharedTally) -> None:
        fail(tally, A, "alice", "1", "2", "3")
        fail(tally, A, "alice", "1", now=NOW + 601)
        assert tally.delay(A, "alice", NOW + 602) == 1
        tally.success(A, "alice", NOW + 2000)
        assert tally.delay(A, "alice", NOW + 2000) == 0

    def test_success_after_the_table_forgot_the_rest(self, tally: SharedTally, monkeypatch: pytest.MonkeyPatch) -> None:
        fail(tally, A, "alice", "1")
        find, pair = SharedTable.find, tally._pair(A, "alice")
        monkeypatch.setattr(SharedTable, "find", lambda table, key: find(table, key) if key == pair else None)
        tally.success(A, "alice", NOW)


OTHERS = ("bob", "carol", "dave", "erin", "frank")


class TestNeighbours:
    """Throttles hurt the guesser: five failures refuse an address here."""

    def test_an_office_goes_on_beside_a_guesser(self, tally: SharedTally) -> None:
        tally.success(A, "alice", NOW - 1)
        for name in OTHERS:
            fail(tally, A, name, "guess")
        assert tally.refusal(A, NOW) == 0  # somebody known is there: it may connect
        assert (tally.refusal(A, NOW, "alice"), tally.delay(A, "alice", NOW)) == (0, 0)
        assert tally.refusal(A, NOW, "bob") == tally.refusal(A, NOW, "newcomer") == 600
        assert tally.refusal(A, NOW + 600, "bob") == 0

    def test_nobody_known_is_there(self, tally: SharedTally) -> None:
        for name in OTHERS:
            fail(tally, A, name, "guess")
        assert tally.refusal(A, NOW) == 600

    def test_who_was_known_long_ago_is_known_no_more(self, tally: SharedTally) -> None:
        tally.success(A, "alice", NOW - KNOWN)
        assert not tally.known(A, "alice", NOW)
        for name in OTHERS:
            fail(tally, A, name, "guess")
        assert tally.refusal(A, NOW) == tally.refusal(A, NOW, "alice") == 600

    def test_guesses_at_one_login_from_its_own_network_are_refused(self, tally: SharedTally) -> None:
        tally.success(A, "alice", NOW)
        tally.success(A, "bob", NOW)
        fail(tally, A, "alice", *map(str, range(5)))
        assert tally.refusal(A, NOW, "alice") == 600
        assert (tally.refusal(A, NOW, "bob"), tally.delay(A, "bob", NOW)) == (0, 0)

    def test_an_old_device_that_uses_scram_does_not_refuse_the_office(self, tally: SharedTally) -> None:
        limits = Limits(connections_per_address=3, failure_memory=600)
        tally = SharedTally(limits, 4, clock=lambda: NOW)
        for _ in range(200):
            tally.failure(A, "alice", b"", NOW)
            if tally.refusal(A, NOW, "alice"):
                break
        assert tally._failures(tally._pair(A, "alice"), NOW)[0] == limits.failures_before_refusal
        assert tally._failures(tally._address(A), NOW)[0] == limits.failures_before_refusal // AS_ONE
        assert tally.refusal(A, NOW, "newcomer") == 0
        tally.success(A, "alice", NOW)
        assert tally.delay(A, "newcomer", NOW) == tally.delay(B, "alice", NOW) == 0

    def test_scram_and_other_failures_beside_each_other(self, tally: SharedTally) -> None:
        fail(tally, A, "alice", "old", "")
        tally.failure(A, "alice", b"", NOW)
        fail(tally, A, "alice", "old")
        assert tally._failures(tally._pair(A, "alice"), NOW)[0] == 3
        tally.success(A, "alice", NOW)
        assert tally._failures(tally._address(A), NOW)[0] == 0

    def test_a_48_of_one_owner(self, tally: SharedTally) -> None:
        tally.success("2001:db8:7:1::1", "alice", NOW)
        for number in range(5 * SITE_TIMES):
            assert tally.refusal(f"2001:db8:7:{number:x}::1", NOW) == 0
            fail(tally, f"2001:db8:7:{number:x}::1", f"user{number}", "guess")
        assert tally.refusal("2001:db8:7:ffff::1", NOW) == 600
        assert tally.refusal("2001:db8:8::1", NOW) == 0
        assert tally.refusal("2001:db8:7:1::2", NOW, "alice") == 0
        (site,) = (each for each in tally.limited(NOW) if each.kind == "site")
        assert (site.who, site.refused, site.failures, site.delay) == ("2001:db8:7::/48", True, 5 * SITE_TIMES, 0)
        tally.success("2001:db8:7:3::1", "user3", NOW)
        assert tally.refusal("2001:db8:7:ffff::1", NOW) == 0
        assert "site" not in {each.kind for each in tally.limited(NOW)}

    def test_a_flood_of_strangers_drives_out_strangers(self, tally: SharedTally) -> None:
        tally.success(A, "alice", NOW)
        for number in range(40_000):
            tally.failure(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", f"user{number}", b"x" * 8, NOW + 1)
        assert tally.known(A, "alice", NOW + 1)
        for name in OTHERS:
            fail(tally, A, name, "guess", now=NOW + 2)
        assert (tally.refusal(A, NOW + 2), tally.refusal(A, NOW + 2, "alice")) == (0, 0)

    def test_the_address_hears_of_success_now_and_then(self, tally: SharedTally) -> None:
        for later in (0, NOTED / 2, NOTED, KNOWN):
            tally.success(A, "alice", NOW + later)
        assert tally.known(A, "alice", NOW + 2 * KNOWN - 1)
        fail(tally, A, "bob", *map(str, range(5)), now=NOW + 2 * KNOWN - 1)
        assert tally.refusal(A, NOW + 2 * KNOWN - 1) == 0

    def test_whoever_is_on_the_allow_list_is_known(self, tally: SharedTally) -> None:
        assert tally.known("127.0.0.1", "anybody", NOW)


def test_last_logins(tally: SharedTally) -> None:
    assert tally.last_login(7) == (0.0, 0)
    tally.note_login(7, NOW, 42)
    assert tally.last_login(7) == (NOW, 42)
    assert tally.last_login(8) == (0.0, 0)


class TestLimited:
    def test_quiet_times_need_no_look(self, tally: SharedTally, monkeypatch: pytest.MonkeyPatch) -> None:
        tally.connect(A)
        monkeypatch.setattr(SharedTable, "every_key", lambda _: pytest.fail("looked"))
        assert tally.limited(NOW) == []

    def test_who_failed_waits_and_until_when(self, tally: SharedTally) -> None:
        fail(tally, A, "alice", "1", "2")
        fail(tally, A, "bob", "1")
        assert tally.limited(NOW + 1) == [
            Limited("address", A, 3, 4.0, NOW + 600, refused=False, connections=0, full=False),
            Limited("login", "alice", 2, 2.0, NOW + 600, refused=False, connections=0, full=False),
            Limited("login", "bob", 1, 1.0, NOW + 600, refused=False, connections=0, full=False),
        ]
        assert tally.limited(NOW + 601) == []

    def test_who_is_refused(self, tally: SharedTally) -> None:
        for number in range(5):
            fail(tally, "2001:db8:1:2::7", f"user{number}", "guess")
        first = tally.limited(NOW)[0]
        assert (first.who, first.refused, first.failures) == ("2001:db8:1:2::/64", True, 5)

    def test_who_has_all_connections_or_sessions(self, tally: SharedTally) -> None:
        tally.note_login(7, NOW, 42)
        for _ in range(4):
            tally.connect(A)
        assert [tally.enter(7) for _ in range(3)] == [True, True, False]
        assert tally.limited(NOW) == [
            Limited("address", A, 0, 0.0, 0.0, refused=False, connections=3, full=True),
            Limited("account", "7", 0, 0.0, 0.0, refused=False, connections=2, full=True),
        ]
        assert tally.last_login(7) == (NOW, 42)

    def test_old_failures_are_told_no_more_while_others_are(self, tally: SharedTally) -> None:
        fail(tally, A, "alice", "1")
        fail(tally, B, "bob", "1", now=NOW + 599)
        assert {each.who for each in tally.limited(NOW + 700)} == {B, "bob"}

    def test_a_long_login_is_cut(self, tally: SharedTally) -> None:
        fail(tally, A, "a" + "ä" * 40, "1")
        assert {each.who for each in tally.limited(NOW)} == {A, "a" + "ä" * 23}

    def test_a_record_that_went_meanwhile_is_passed_over(
        self, tally: SharedTally, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fail(tally, A, "alice", "1")
        monkeypatch.setattr(SharedTable, "every_key", lambda _: [12345])
        assert tally.limited(NOW) == []
