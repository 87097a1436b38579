"""What dialogs cannot show: locks, time, the log line, errors of the store, output limits."""

import asyncio

import pytest

from dialogs.house import LOGIN, PASSWORD, PLAIN, TLS, House, StubFlow, handled, play
from gatepost.errors import NoSuchMailboxError, NoSuchMessageError, StoreCorruptError, StoreUnavailableError
from gatepost.identity.api import LoginFailedError
from gatepost.model import CHUNK
from gatepost.net.log import Log
from gatepost.pop3 import commands, machine
from gatepost.pop3.authorization import Authorization
from gatepost.pop3.grammar import PENDING, PENDING_EARLY
from gatepost.pop3.transaction import Transaction


def test_each_legal_command_has_a_handler():
    legal = machine.LEGAL
    before = legal[machine.State.AUTHORIZATION] | legal[machine.State.NAMED]
    assert set(Authorization.handlers) == before | {commands.Response, commands.Abort}
    assert set(Transaction.handlers) == legal[machine.State.TRANSACTION]


# -- Locks, places, time


def test_what_is_held_is_given_back_however_it_ends():
    async def story(house):
        session, _ = connection = await house.log_in()
        assert house.locks.held
        assert house.tally.sessions == 1
        await house.say(connection, b"DELE 1\r\n")
        session.closed("connection lost")
        session.closed("again")
        assert not house.locks.held
        assert house.tally.sessions == 0

    assert play(story).store.executed == []


def everybody_waits(house):
    """Lets a login wait for its password, and then for its maildrop."""
    house.services.authenticator.remembers = False
    house.store.maildrop_at_hand = lambda *_: None


@pytest.mark.parametrize("waits", [False, True])
def test_a_failing_store_at_login_leaves_nothing_held(waits):
    async def story(house):
        def fail(*_, **__):
            raise StoreUnavailableError("away")

        if waits:
            everybody_waits(house)
        setattr(house.store, "maildrop" if waits else "maildrop_at_hand", fail)
        connection = await house.connect()
        answer = await house.say(connection, f"USER {LOGIN}\r\nPASS {PASSWORD}\r\nSTAT\r\n".encode())
        assert b"-ERR [SYS/TEMP] the mail store cannot be reached" in answer
        assert answer.endswith(b"-ERR log in first\r\n")
        assert not house.locks.held
        assert house.tally.sessions == 0

    play(story)


def test_a_known_login_to_an_inbox_at_hand_waits_for_nothing():
    async def story(house):
        session, flow = await house.connect()
        for line in (f"USER {LOGIN}", f"PASS {PASSWORD}", "STAT"):
            session.machine.receive_data(line.encode() + b"\r\n")
            assert session.advance() is None
        assert flow.collect().endswith(b"+OK you are logged in; messages: 3\r\n+OK 3 196\r\n")
        assert house.locks.held == {house.store.account.account_id}
        assert house.tally.sessions == 1

    play(story)


@pytest.mark.parametrize("mode", ["exclusive", "snapshot"])
@pytest.mark.parametrize(("name", "found"), [("alice", 3), ("alice/inbox", 3), ("alice/Archive", 1)])
def test_a_login_that_waits_opens_the_same_as_one_that_does_not(mode, name, found):
    async def story(house):
        said = []
        for _ in range(2):
            connection = await house.connect()
            said.append(await house.say(connection, f"USER {name}\r\nPASS {PASSWORD}\r\nUIDL\r\n".encode()))
            assert house.tally.sessions == 1
            assert len(house.locks.held) == (mode == "exclusive")
            assert house.tally.seen == (house.now, 4 if found == 3 else 0)
            connection[0].closed("x")
            everybody_waits(house)
            house.now += 100
        assert said[0] == said[1]
        assert b"messages: %d\r\n" % found in said[0]
        assert not house.locks.held

    play(story, House(options={"maildrop": mode}, account={"login_delay": 60}))


def test_the_lock_comes_before_the_maildrop_is_read():
    async def story(house):
        held = []
        at_hand, maildrop = house.store.maildrop_at_hand, house.store.maildrop

        def seen(read):
            return lambda *args, **kwargs: held.append(set(house.locks.held)) or read(*args, **kwargs)

        house.store.maildrop_at_hand, house.store.maildrop = seen(at_hand), seen(maildrop)
        (await house.log_in())[0].closed("x")
        house.store.maildrop_at_hand = lambda *_: None
        await house.log_in()
        assert held == [{house.store.account.account_id}] * 2

    play(story)


@pytest.mark.parametrize("waits", [False, True])
def test_who_is_not_let_in_begins_anew(waits):
    async def story(house):
        await house.log_in()
        if waits:
            everybody_waits(house)
        connection = await house.connect()
        answer = await house.say(connection, b"USER alice\r\nPASS open sesame\r\nPASS open sesame\r\n")
        _, refused, again = answer.splitlines()
        assert refused.startswith(b"-ERR [IN-USE] ")
        assert again == b"-ERR send the name with USER first"
        assert house.tally.sessions == 1

    play(story)


@pytest.mark.parametrize("waits", [False, True])
def test_an_account_that_goes_while_its_owner_enters(waits):
    async def story(house):
        def gone(*_, **__):
            raise NoSuchMailboxError("there is no mailbox 'INBOX'")

        if waits:
            everybody_waits(house)
        setattr(house.store, "maildrop" if waits else "maildrop_at_hand", gone)
        answer = await house.say(await house.connect(), b"USER alice\r\nPASS open sesame\r\n")
        assert answer.endswith(b"-ERR [SYS/PERM] this account or folder has been removed\r\n")
        assert not house.locks.held
        assert house.tally.sessions == 0

    play(story)


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited")
def test_who_leaves_before_the_waiting_began_holds_nothing():
    async def story(house):
        session, _ = await house.connect()
        session.machine.receive_data(b"USER alice/Archive\r\nPASS open sesame\r\n")
        session.advance().close()
        session.closed("x")
        assert not house.locks.held
        assert house.tally.sessions == 0

    play(story)


def test_too_many_sessions_of_an_account():
    async def story(house):
        house.tally.most = 0
        answer = await house.say(await house.connect(), b"USER alice\r\nPASS open sesame\r\n")
        assert b"-ERR [IN-USE] this account has too many connections open" in answer

    play(story)


def test_a_soft_login_delay_shows_what_was_there_last_time():
    async def story(house):
        connection = await house.log_in()
        await house.say(connection, b"QUIT\r\n")
        await house.store.deliver(PLAIN)
        noted = house.tally.seen
        house.now += 10
        connection = await house.log_in()
        assert (await house.say(connection, b"STAT\r\nQUIT\r\n")).startswith(b"+OK 3 ")
        assert house.tally.seen == noted
        connection = await house.connect()
        answer = await house.say(connection, b"USER alice/Archive\r\nPASS open sesame\r\nQUIT\r\n")
        assert b"messages: 1\r\n" in answer
        assert house.tally.seen == noted
        house.now += 100
        connection = await house.log_in()
        assert (await house.say(connection, b"STAT\r\nQUIT\r\n")).startswith(b"+OK 4 ")

    play(story, House(account={"login_delay": 60, "soft_login_delay": True}))


def test_another_folder_does_not_change_what_was_seen_of_the_inbox():
    async def story(house):
        await house.say(await house.log_in(), b"QUIT\r\n")
        house.now += 100
        connection = await house.connect()
        await house.say(connection, b"USER alice/Archive\r\nPASS open sesame\r\nQUIT\r\n")
        assert house.tally.seen == (house.now, 4)

    play(story, House(account={"login_delay": 60}))


def test_the_first_login_after_the_machine_started_need_not_wait():
    async def story(house):
        house.now = 5.0
        await house.log_in()

    play(story, House(account={"login_delay": 60}))


def test_time_outs():
    async def story(house):
        session, flow = await house.connect()
        assert session.idle_seconds == 60
        house.now += 50
        assert session.idle_seconds == 10
        house.now += 50
        assert session.idle_seconds == 0
        session.timed_out()
        assert flow.collect() == b"-ERR no login within 60 seconds; goodbye\r\n"
        assert session.finished
        session.timed_out()
        assert flow.collect() == b""
        session, flow = await house.log_in()
        assert session.idle_seconds == 600
        session.timed_out()
        assert flow.collect() == b"-ERR no command for 600 seconds, nothing was deleted; goodbye\r\n"
        assert (session.closed("timeout"))["outcome"] == "idle"

    play(story)


def test_a_client_that_never_begins_tls_hears_nothing():
    async def story(house):
        session, flow = connection = await house.connect("pop3")
        await house.say(connection, b"STLS\r\n")
        assert session.wants_tls
        session.timed_out()
        assert flow.collect() == b""
        assert session.finished

    play(story)


def test_shutting_down():
    async def story(house):
        session, flow = await house.log_in()
        session.shutting_down()
        assert flow.collect().startswith(b"-ERR [SYS/TEMP] the server is restarting, nothing was deleted")
        session.shutting_down()
        assert flow.collect() == b""
        assert (session.closed("shutdown"))["outcome"] == "restart"

    play(story)


# -- Who may enter


def test_an_address_that_failed_too_often_is_told_so():
    async def story(house):
        house.tally.most_failures = 2
        session, _ = connection = await house.connect()
        answer = await house.say(connection, b"USER alice\r\nPASS a\r\nUSER alice\r\nPASS b\r\nUSER alice\r\n")
        assert answer.splitlines()[-1] == (
            b"-ERR [SYS/TEMP] too many failed logins from your IP address: try again in 60 seconds"
        )
        assert session.finished
        assert (session.closed("x"))["outcome"] == "refused"

    play(story)


@pytest.mark.parametrize(
    ("failure", "answer"),
    [
        (LoginFailedError("x", "delayed", temporary=True), b"-ERR [SYS/TEMP] too many logins at once: try again in "),
        (LoginFailedError("x", "authzid"), b"-ERR [AUTH] no account may act for another here: leave the "),
        (LoginFailedError("x", "something new"), b"-ERR [AUTH] name or password is wrong"),
        (StoreUnavailableError("sqlite: disk I/O error"), b"-ERR [SYS/TEMP] the mail store cannot be reached"),
    ],
)
def test_other_failures_of_login(failure, answer):
    async def story(house):
        house.login_failure = failure
        assert answer in await house.say(await house.connect(), b"USER alice\r\nPASS open sesame\r\n")

    play(story)


def test_sasl_cannot_go_on_without_an_exchange():
    """The machine never lets that happen; the stage would refuse it."""

    async def story(house):
        session, flow = await house.connect()
        session._machine.state = machine.State.EXCHANGE
        assert await house.say((session, flow), b"QQ==\r\n") == b"-ERR AUTH was given up\r\n"

    play(story)


def test_a_session_that_was_not_opened_is_patient():
    async def story(house):
        session = house.services.session(house.peer())
        session.machine.receive_data(b"CAPA\r\n")
        await handled(session)
        session.secured()
        assert (session.closed("lost"))["outcome"] == "lost"

    play(story)


# -- Large things


BIG = b"Subject: big\r\n\r\n" + b".dot\r\n" * (CHUNK // 2)


def test_a_large_message_streams_in_pieces():
    async def story(house):
        _, flow = connection = await house.log_in()
        before = len(flow.out)
        await house.say(connection, b"RETR 1\r\n")
        body = bytes(flow.out[before:]).split(b"\r\n", 1)[1]
        assert body == BIG.replace(b"\n.", b"\n..") + b".\r\n"
        assert max(flow.flushed) < 2 * CHUNK
        assert len(flow.flushed) >= len(BIG) // CHUNK

    play(story, House([BIG]))


def test_top_of_a_large_message_reads_no_more_than_it_must():
    async def story(house):
        house.store.chunk_failures = {(1, 1): AssertionError("not needed")}
        answer = await house.say(await house.log_in(), b"TOP 1 2\r\n")
        assert answer.endswith(b"\r\n\r\n..dot\r\n..dot\r\n.\r\n")

    play(story, House([BIG]))


@pytest.mark.parametrize("error", [NoSuchMessageError("gone"), StoreCorruptError("hash"), StoreUnavailableError("x")])
def test_a_message_that_breaks_off_ends_the_connection_without_a_dot(error):
    async def story(house):
        session, _ = connection = await house.log_in()
        house.store.chunk_failures = {(1, 2): error}
        answer = await house.say(connection, b"RETR 1\r\nNOOP\r\n")
        assert session.finished
        assert not answer.endswith(b"\r\n.\r\n")
        assert b"still here" not in answer
        assert (session.closed("x"))["outcome"] == "error"

    play(story, House([BIG]))


@pytest.mark.parametrize("command", [b"RETR 1\r\n", b"TOP 1 1\r\n", b"RETR 2\r\n"])
def test_a_message_that_cannot_be_read_is_an_error_reply(command):
    async def story(house):
        house.store.chunk_failures = {(1, 0): StoreCorruptError("x"), (2, 0): StoreCorruptError("x")}
        answer = await house.say(await house.log_in(), command + b"NOOP\r\n")
        assert answer.startswith(b"-ERR [SYS/PERM] the server cannot read this message any more: tell")
        assert answer.endswith(b"\r\n+OK still here\r\n")

    play(story, House([BIG, PLAIN]))


def test_a_surrogate_with_a_header_across_chunks():
    header = b"X-Long: " + b"a" * CHUNK + "\r\nSubject: Grüße\r\n\r\n".encode()

    async def story(house):
        connection = await house.log_in()
        size = int((await house.say(connection, b"LIST 1\r\n")).split()[-1])
        answer = (await house.say(connection, b"RETR 1\r\n")).split(b"\r\n", 1)[1]
        assert answer.isascii()
        assert len(answer) == size + len(b".\r\n")
        assert answer.endswith(b"\r\n\r\nbody\r\n.\r\n")

    play(story, House([header + b"body\r\n"]))


def test_a_surrogate_of_a_message_that_is_only_a_header():
    async def story(house):
        answer = await house.say(await house.log_in(), b"RETR 1\r\n")
        assert b"Subject: =?utf-8?" in answer
        assert answer.endswith(b"\r\n.\r\n")

    play(story, House(["Subject: Grüße\r\n".encode()]))


def test_a_header_too_large_for_a_surrogate_needs_utf8(monkeypatch):
    monkeypatch.setattr("gatepost.mime.downgrade.HEADER_OCTETS", CHUNK)
    body = "Subject: ü\r\n".encode() + b"X: " + b"a" * CHUNK * 3

    async def story(house):
        answer = await house.say(await house.log_in(), b"RETR 1\r\n")
        assert answer.startswith(b"-ERR [UTF8] ")

    play(story, House([body]))


def test_listings_of_a_large_maildrop_go_out_in_slices():
    async def story(house):
        _, flow = connection = await house.log_in()
        before = len(flow.out)
        flow.patience = 1
        await house.say(connection, b"UIDL\r\nLIST\r\n")
        lines = bytes(flow.out[before:]).split(b"\r\n")
        assert len(lines) == 2 * 5002 + 1
        assert max(flow.flushed) < 64 * 1024
        assert len(flow.flushed) >= 10

    play(story, House([b"x\r\n"] * 5000))


def test_security_26_a_million_commands_and_a_client_that_does_not_read():
    """Checklist 26: output waits for the client once `PENDING` octets are there, so input is not read either."""

    class Closed(StubFlow):
        async def flush(self):
            await asyncio.get_running_loop().create_future()  # the window stays closed for ever

    async def story(house):
        session, _ = await house.log_in()
        blocked = Closed()
        blocked.session = session
        session._talk.flow = blocked
        session.machine.receive_data(b"CAPA\r\n" * 60_000)
        task = asyncio.ensure_future(handled(session))
        for _ in range(3):
            await asyncio.sleep(0)
        assert not task.done()
        assert session._machine.pending < PENDING + 1000
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    play(story)


def test_a_client_that_does_not_read_costs_next_to_nothing_before_login():
    class Closed(StubFlow):
        async def flush(self):
            await asyncio.get_running_loop().create_future()

    async def story(house):
        session, _ = await house.connect()
        blocked = Closed()
        blocked.session = session
        session._talk.flow = blocked
        session.machine.receive_data(b"CAPA\r\n" * 60_000)
        task = asyncio.ensure_future(handled(session))
        for _ in range(3):
            await asyncio.sleep(0)
        assert not task.done()
        assert session._machine.pending < PENDING_EARLY + 1000
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    play(story)


def test_security_11_drip_feeding_gains_no_time():
    """Checklist 11: before login the clock runs on, whatever the client says."""

    async def story(house):
        session, _ = connection = await house.connect()
        for _ in range(5):
            house.now += 10
            await house.say(connection, b"CAPA\r\n")
        assert session.idle_seconds == 10

    play(story)


def test_who_never_stops_talking_gets_no_more_time_to_log_in_than_others():
    async def story(house):
        session, _ = connection = await house.connect()
        house.now += 61
        answer = await house.say(connection, b"CAPA\r\nUSER alice\r\nPASS open sesame\r\n")
        assert answer == b"-ERR no login within 60 seconds; goodbye\r\n"
        assert session.finished
        assert (session.closed("x"))["outcome"] == "idle"

    play(story)


def test_a_long_pipeline_lets_others_take_their_turn():
    """Checklist 26: a client that reads as fast as we write fills no buffer, so only what was spent ends our turn."""

    async def story(house, command):
        session, flow = connection = await house.log_in()
        del flow.flushed[:]
        flow.patience = 3
        await house.say(connection, command * 30)
        assert len(flow.flushed) >= 10, command
        assert session.machine.reads

    commands = (
        b"RETR 1",
        b"TOP 1 0",
        b"STAT",
        b"LIST",
        b"UIDL",
        b"NOOP",
        b"CAPA",
        b"LANG",
        b"RSET",
        b"LIST 1",
        b"RETR 2",
    )
    for command in commands:
        play(lambda house, command=command: story(house, command + b"\r\n"), House([b"x" * 1000, b"x" * CHUNK * 2]))


def test_a_long_pipeline_of_logins_lets_others_take_their_turn():
    async def story(house):
        _, flow = connection = await house.connect()
        flow.patience = 3
        await house.say(connection, b"AUTH SCRAM-SHA-256\r\n*\r\nUSER x\r\nCAPA\r\n" * 9)
        assert len(flow.flushed) >= 9

    play(story, House(options={"bad_commands": 100}))


def test_a_large_header_is_converted_in_turns_and_once():
    header = b"".join(b"Subject: %d \xc3\xbc\r\n" % n for n in range(400)) + b"X: " + b"a" * 20_000 + b"\r\n\r\n"

    async def story(house):
        _, flow = connection = await house.log_in()
        flow.patience = 10
        first = await house.say(connection, b"TOP 1 0\r\n")
        asked = len(flow.flushed)
        assert asked > 30, "others had their turn"
        assert first.count(b"=?utf-8?") == 400
        assert await house.say(connection, b"TOP 1 0\r\n") == first
        assert len(flow.flushed) < asked + 10, "the second time it was ready"
        whole = await house.say(connection, b"RETR 1\r\n")
        assert whole.partition(b"\r\n")[2] == first.partition(b"\r\n")[2][:-3] + b"body\r\n.\r\n"

    play(story, House([header + b"body\r\n"]))


def test_a_lost_connection_leaves_the_session_by_an_exception():
    async def story(house):
        session, flow = await house.log_in()
        flow.gone = True
        session.machine.receive_data(b"RETR 1\r\n")
        with pytest.raises(ConnectionError):
            await handled(session)
        fields = session.closed("reset by peer")
        assert (fields["outcome"], fields["reason"]) == ("lost", "reset by peer")

    play(story, House([BIG]))


# -- CAPA


def test_capa_lives_with_a_store_that_is_away():
    async def story(house):
        async def fail(**_):
            raise StoreUnavailableError("away")

        house.store.strictest = fail
        assert b"EXPIRE NEVER\r\n" in await house.say(await house.connect(), b"CAPA\r\n")

    play(story)


def test_capa_notices_a_changed_account():
    async def story(house):
        connection = await house.connect()
        assert b"LOGIN-DELAY" not in await house.say(connection, b"CAPA\r\n")
        await house.store.update(login_delay=5)
        assert b"LOGIN-DELAY 5 USER\r\n" in await house.say(connection, b"CAPA\r\n")

    play(story)


def test_capa_asks_the_store_once_for_each_change_of_the_directory():
    async def story(house):
        asked = []
        strictest = house.store.strictest

        async def count():
            asked.append(None)
            return await strictest()

        house.store.strictest = count
        for _ in range(2):
            await house.say(await house.connect(), b"CAPA\r\n")
        assert len(asked) == 1
        await house.store.update(login_delay=5)
        await house.say(await house.connect(), b"CAPA\r\n")
        assert len(asked) == 2

    play(story)


def test_capa_knows_the_account_that_is_logged_in_whatever_it_knows_of_others():
    async def story(house):
        connection = await house.log_in()

        async def fail():
            raise StoreUnavailableError("away")

        house.store.strictest = fail
        assert b"LOGIN-DELAY 9\r\nEXPIRE 7\r\n" in await house.say(connection, b"CAPA\r\n")

    play(story, House(account={"login_delay": 9, "expire_days": 7}))


def test_stls_where_there_is_no_tls():
    async def story(house):
        _, flow = connection = await house.connect()
        flow.tls = None
        assert await house.say(connection, b"STLS\r\n") == (
            b"-ERR there is no TLS on this port: use SSL/TLS on port 995\r\n"
        )

    play(story)


# -- What is written down


def test_the_log_line():
    async def story(house):
        session, flow = connection = await house.connect()
        await house.say(
            connection, b"USER alice/Archive\r\nPASS open sesame\r\nRETR 1\r\nTOP 1 0\r\nDELE 1\r\nQUIT\r\n"
        )
        fields = dict(session.closed("done"))
        assert fields == {
            "user": LOGIN, "mechanism": "USER", "credential": "Alice's phone", "failed": (), "folder": "Archive",
            "retrieved": 1, "top": 1, "deleted": 1, "bytes": len(flow.out), "outcome": "quit", "reason": "done",
        }  # fmt: skip

    play(story)


def test_security_48_nothing_a_client_chose_forges_the_log():
    async def story(house):
        session, _ = connection = await house.connect()
        await house.say(connection, "USER eve\x1b[2K\u202e\u2028user=root\r\nPASS x\r\n".encode())
        fields = session.closed("lost")
        assert fields["user"] == "eve\x1b[2K\u202e\u2028user=root"
        assert fields["reason"] == "unknown user"
        assert "PASS" not in str(fields)
        written = []
        Log("text", written.append, stamped=False).connection({"service": "pop3s", **fields})
        (line,) = written
        assert b'user="eve\\x1b[2K\\u202e\\u2028user=root" ' in line
        assert line.decode().removesuffix("\n").isprintable()

    play(story)


def test_a_session_that_is_ended_says_so_and_deletes_nothing():
    async def story(house):
        session, flow = connection = await house.connect()
        assert session.insider is None
        await house.say(connection, b"USER alice\r\nPASS open sesame\r\nDELE 1\r\n")
        insider = session.insider
        assert (insider.login, insider.credential_id, insider.credential) == (LOGIN, 9, "Alice's phone")
        session.ended()
        session.ended()
        flow.out += session.machine.data_to_send()
        assert bytes(flow.out).endswith(
            b"-ERR [SYS/TEMP] this session was ended, nothing was deleted: log in again\r\n"
        )
        assert session.finished
        fields = session.closed("its password was changed")
        assert (fields["outcome"], fields["reason"]) == ("ended", "its password was changed")
        assert not house.locks.held

    assert play(story).store.executed == []


def test_all_failed_logins_of_a_connection_are_written_down():
    async def story(house):
        session, _ = connection = await house.connect()
        await house.say(connection, b"USER eve\r\nPASS x\r\nUSER eve\r\nPASS y\r\nUSER mallory\r\nPASS x\r\n")
        await house.say(connection, b"USER alice\r\nPASS open sesame\r\nQUIT\r\n")
        fields = session.closed("done")
        assert (fields["user"], fields["reason"]) == (LOGIN, "done")
        assert fields["failed"] == ("eve: unknown user (2 times)", "mallory: unknown user")
        written = []
        Log("text", written.append, stamped=False).connection({"service": "pop3s", **fields})
        assert b' failed="eve: unknown user (2 times)","mallory: unknown user" ' in written[0]

    play(story)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"eA==\r\n", "the message is not of the form that PLAIN asks for"),
        (b"*\r\n", "the client gave up"),
        (b"", "the client went away during the exchange"),
    ],
)
def test_an_exchange_that_broke_off_is_counted_and_written_down(said, reason):
    async def story(house):
        session, _ = connection = await house.connect()
        await house.say(connection, b"AUTH PLAIN\r\n")
        if said:
            await house.say(connection, said)
        fields = session.closed("lost")
        assert (fields["user"], fields["mechanism"], fields["reason"]) == ("somebody", "PLAIN", reason)
        assert house.given_up == ["PLAIN"]

    play(story)


def test_a_store_that_fails_in_an_exchange_is_written_down_and_not_counted():
    async def story(house):
        session, _ = connection = await house.connect()
        house.login_failure = StoreUnavailableError("away")
        await house.say(connection, b"AUTH PLAIN AGFsaWNlAHg=\r\n")
        fields = session.closed("lost")
        assert (fields["user"], fields["reason"]) == ("somebody", "away")
        assert house.given_up == []

    play(story)


def test_the_trace_shows_the_dialog_without_secrets_and_bodies():
    async def story(house):
        connection = await house.log_in()
        await house.say(connection, b"RETR 1\r\nTOP 1 9\r\nQUIT\r\n")

    house = play(story, House(trace=True))
    assert house.traced == [
        ("", "S: +OK Gatepost POP3 is ready"),
        ("", f"C: USER {LOGIN}"),
        ("", "S: +OK now send the password with PASS"),
        ("", "C: PASS ***"),
        (LOGIN, "S: +OK you are logged in; messages: 3"),
        (LOGIN, "C: RETR 1"),
        (LOGIN, "S: +OK octets: 73"),
        (LOGIN, "C: TOP 1 9"),
        (LOGIN, "S: +OK the beginning of the message follows"),
        (LOGIN, "C: QUIT"),
        (LOGIN, "S: +OK goodbye"),
    ]


def test_a_short_message_is_one_piece():
    """The hot path: one write for status, body and dot."""

    async def story(house):
        session, _ = await house.log_in()
        session.machine.receive_data(b"RETR 1\r\n")
        await handled(session)
        assert len(session._machine._out) == 1

    play(story)


def asked_bodies(house):
    """The ids of the bodies that the store is asked for from now on."""
    asked, at_hand = [], house.store.at_hand
    house.store.at_hand = lambda blob_id: asked.append(blob_id) or at_hand(blob_id)
    return asked


async def retrieved(house, connection, number=1):
    """The object that goes to the driver."""
    connection[0].machine.receive_data(b"RETR %d\r\n" % number)
    await handled(connection[0])
    return connection[1].session.machine.data_to_send()


def test_a_message_that_was_sent_of_late_is_sent_again_without_a_copy():
    async def story(house):
        asked = asked_bodies(house)
        connection = await house.log_in()
        first = await retrieved(house, connection)
        connection[0].closed("x")
        connection = await house.log_in()
        assert await retrieved(house, connection) is first
        assert await retrieved(house, connection, 2) != first
        assert len(asked) == 2
        assert connection[0].closed("x")["retrieved"] == 2
        house.now += 60
        connection = await house.log_in()
        again = await retrieved(house, connection)
        assert (again, again is first, len(asked)) == (first, False, 3)

    play(story)


def test_a_traced_session_sends_the_same_message_and_keeps_nothing():
    async def story(house):
        connection = await house.log_in()
        untraced = await retrieved(house, connection)
        connection[0].closed("x")
        house.traced.clear()
        connection = await house.log_in()
        session = connection[0]
        session._machine.shown = lambda side, line: house.traced.append(line)
        asked = asked_bodies(house)
        traced = await retrieved(house, connection)
        assert (traced, traced is untraced, asked) == (untraced, False, [])
        assert house.traced == ["RETR 1", "+OK octets: 73"]
        assert session.closed("x")["retrieved"] == 1

    play(story)


def test_another_language_gets_its_own_status_line():
    async def story(house):
        connection = await house.log_in()
        english = await retrieved(house, connection)
        await house.say(connection, b"LANG de\r\n")
        german = await retrieved(house, connection)
        assert german.split(b"\r\n", 1)[0] == b"+OK Oktette: 73"
        assert german.split(b"\r\n", 1)[1] == english.split(b"\r\n", 1)[1]

    play(story)


def test_what_the_store_never_had_at_hand_is_not_kept():
    async def story(house):
        house.store.chunk_failures = {(1, 0): StoreCorruptError("x")}
        connection = await house.log_in()
        assert (await retrieved(house, connection)).startswith(b"-ERR ")
        house.store.chunk_failures = {}
        assert (await retrieved(house, connection)).startswith(b"+OK ")

    play(story)


def test_a_server_may_keep_nothing():
    async def story(house):
        asked = asked_bodies(house)
        connection = await house.log_in()
        await retrieved(house, connection)
        await retrieved(house, connection)
        assert len(asked) == 2

    play(story, House(options={"kept_replies": 0}))


def test_tls_is_asked_for_after_stls():
    async def story(house):
        session, flow = connection = await house.connect("pop3")
        assert await house.say(connection, b"STLS\r\nCAPA\r\n") == b"+OK begin TLS now\r\n"
        assert session.wants_tls
        flow.tls = TLS
        session.secured()
        assert not session.wants_tls
        assert flow.collect() == b""

    play(story)


# -- A bug of ours


def test_a_bug_costs_its_command_and_not_the_session(caplog):
    async def story(house):
        def fail(*_, **__):
            raise ValueError("a strange message")

        connection = await house.log_in()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(house.store, "at_hand", fail)
            answer = await house.say(connection, b"RETR 1\r\nNOOP\r\n")
            assert answer.startswith(b"-ERR [SYS/TEMP] the server could not do this now")
            assert answer.endswith(b"+OK still here\r\n")
        house.store.chunk_failures = {(1, 0): ValueError("a strange message")}
        answer = await house.say(connection, b"TOP 1 0\r\nRETR 2\r\n")
        assert answer.startswith(b"-ERR [SYS/TEMP] ")
        assert b"Subject: dots" in answer
        assert house.locks.held
        assert [record.exc_info[0] for record in caplog.records] == [ValueError] * 2
        assert f"user {LOGIN}" in caplog.text

    play(story)


def test_a_bug_in_the_midst_of_a_message_ends_the_connection():
    async def story(house):
        session, _ = connection = await house.log_in()
        house.store.chunk_failures = {(1, 1): ValueError("a strange message")}
        answer = await house.say(connection, b"RETR 1\r\nNOOP\r\n")
        assert answer.startswith(b"+OK ")
        assert b"-ERR" not in answer
        assert session.finished

    play(story, House([BIG]))


def test_a_bug_in_quit_deletes_nothing_and_ends_the_session():
    async def story(house):
        session, _ = connection = await house.log_in()
        house.store.failures = [ValueError("bug")]
        answer = await house.say(connection, b"DELE 1\r\nQUIT\r\n")
        assert answer.splitlines()[-1].startswith(b"-ERR [SYS/TEMP] ")
        assert session.finished
        assert not house.locks.held

    play(story)


def test_a_bug_within_auth_ends_the_exchange():
    async def story(house):
        async def fail(*_):
            raise ValueError("bug")

        connection = await house.connect()
        await house.say(connection, b"AUTH PLAIN\r\n")
        connection[0]._stage._dialog.respond = fail
        answer = await house.say(connection, b"AGEAYg==\r\nCAPA\r\n")
        assert answer.startswith(b"-ERR [SYS/TEMP] ")
        assert b"+OK this is what" in answer

    play(story)
