"""What QUIT does to the store, and what it says; the sessions around it are in test_session."""

import pytest

from dialogs.house import House, play
from gatepost.errors import StoreFullError, StoreUnavailableError
from gatepost.identity.api import Login
from gatepost.model import Account, DeletePolicy
from gatepost.pop3.drop import SLICE
from gatepost.pop3.replies import Voice
from gatepost.pop3.update import farewell


def test_quit_is_one_write_with_all_that_the_journal_needs():
    async def story(house):
        connection = await house.log_in()
        await house.say(connection, b"DELE 3\r\nDELE 1\r\nQUIT\r\n")
        assert not house.locks.held

    house = play(story, House(account={"delete_policy": DeletePolicy.HOLD, "hold_days": 2}))
    (command,) = house.store.executed
    assert command.uids == (1, 3)
    assert command.policy is DeletePolicy.HOLD
    assert command.hold_seconds == 2 * 86400
    assert (command.credential, command.address) == ("Alice's phone", "192.0.2.7")


def test_quit_without_deletions_writes_nothing():
    async def story(house):
        assert (await house.say(await house.log_in(), b"QUIT\r\n")) == b"+OK goodbye\r\n"

    assert play(story).store.executed == []


def test_a_store_that_comes_back_is_waited_for():
    async def story(house):
        house.store.failures = [StoreUnavailableError("away")] * 3
        answer = await house.say(await house.log_in(), b"DELE 1\r\nQUIT\r\n")
        assert answer.endswith(b"+OK goodbye; messages deleted: 1\r\n")

    house = play(story)
    assert len(house.store.executed) == 4
    assert len(set(house.store.executed)) == 1
    assert sum(house.pauses) < 10


@pytest.mark.parametrize("slow", [0.0, 20.0])
def test_a_store_that_stays_away_is_not_claimed_to_have_deleted(slow):
    async def story(house):
        house.store.failures = [StoreUnavailableError("away")] * 9
        session, _ = connection = await house.log_in()
        await house.say(connection, b"DELE 1\r\n")
        execute = house.store.execute

        async def slowly(command):
            house.now += slow
            return await execute(command)

        house.store.execute = slowly
        answer = await house.say(connection, b"QUIT\r\n")
        assert answer.startswith(b"-ERR [SYS/TEMP] the store did not confirm the deletions")
        assert session.finished
        assert not house.locks.held
        fields = session.closed("x")
        assert (fields["deleted"], fields["outcome"]) == (0, "error")

    assert len(play(story).store.executed) == (1 if slow else 5)


def test_a_full_disk_at_quit():
    async def story(house):
        house.store.failures = [StoreFullError("full")]
        session, _ = connection = await house.log_in()
        answer = await house.say(connection, b"DELE 1\r\nQUIT\r\n")
        assert b"-ERR [SYS/TEMP] the server's disk is full, nothing was changed" in answer
        assert session.finished

    assert len(play(story).store.executed) == 1


@pytest.mark.parametrize(
    ("policy", "deleted", "said"),
    [
        (DeletePolicy.PURGE, 0, b"+OK goodbye\r\n"),
        (DeletePolicy.PURGE, 2, b"+OK goodbye; messages deleted: 2\r\n"),
        (DeletePolicy.TRASH, 2, b"+OK goodbye; messages moved to Trash: 2\r\n"),
        (DeletePolicy.HOLD, 2, b"+OK goodbye; messages deleted: 2; for 7 more days they can be restored\r\n"),
    ],
)
def test_the_farewell_says_what_became_of_the_messages(policy, deleted, said):
    login = Login(Account(1, "alice@example.com", delete_policy=policy, hold_days=7), 9, "main", "USER")
    assert farewell(Voice("en", ascii_only=True), login, deleted) == said


def test_many_deletions_let_others_take_their_turn_even_if_the_client_is_gone():
    async def story(house):
        _, flow = connection = await house.log_in()
        await house.say(connection, b"".join(b"DELE %d\r\n" % n for n in range(1, SLICE * 3 + 1)))
        flow.patience, flow.gone = 1, True
        await house.say(connection, b"QUIT\r\n")
        assert house.pauses == [0] * 3

    (command,) = play(story, House([b"x\r\n"] * SLICE * 3)).store.executed
    assert len(command.uids) == SLICE * 3
