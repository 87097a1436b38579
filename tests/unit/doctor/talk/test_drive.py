"""Whole dialogs with servers on loopback: a pipe, or a person whose keys are played."""

import asyncio
import io
import os
import signal

import pytest

from gatepost.doctor.facts import Certificate, Handshake
from gatepost.doctor.model import Target
from gatepost.doctor.talk.desk import Pipe
from gatepost.doctor.talk.drive import Plan, talk
from gatepost.doctor.talk.stream import NotReachedError, channel
from gatepost.ports import BY_NAME, TlsMode
from support.doctor_zoo import CLOSE, RESET, SILENCE, Authority, healthy, self_signed, serve, target

HOME = Authority("Test authority")
IDENTITY = HOME.issue("localhost", "mail.example.test")
MARK = "hunter2-marked-secret"
IMPLICIT, STARTTLS, CLEAR = TlsMode.IMPLICIT, TlsMode.STARTTLS, TlsMode.NONE


class Lines:
    def __init__(self, text):
        self.text = text.encode()

    async def read(self):
        text, self.text = self.text, b""
        return text


class Heard:
    """What came of a dialog."""

    def __init__(self, code, output, remarks, server):
        self.code, self.output, self.remarks = code, output, remarks
        self.lines = [line.octets.decode().rstrip() for line in server.heard] if server else []
        self.inside = [line.octets.decode().rstrip() for line in server.heard if line.inside_tls] if server else []


def run(script, typed, protocol="pop3", mode=IMPLICIT, desk=None, **plan):
    async def work():
        async with serve(script) as server:
            output, remarks = io.StringIO(), io.StringIO()
            options = {"ca_file": HOME.file, "seconds": 10.0} | plan
            whole = Plan(target(protocol, server.port, mode), **options)
            code = await talk(whole, desk or Pipe(Lines(typed), output, remarks))
        return Heard(code, output.getvalue(), remarks.getvalue(), server)

    return asyncio.run(work())


def test_a_healthy_dialog_in_a_pipe():
    heard = run(healthy("pop3", IDENTITY), "CAPA\nQUIT\n")
    assert heard.code == 0
    assert heard.output == "+OK ready\n+OK\nCAPA\nTOP\nUIDL\nRESP-CODES\nUSER\nSASL PLAIN LOGIN\n.\n+OK bye\n"
    assert heard.remarks.startswith("# Connected to localhost (127.0.0.1), port ")
    assert "; the certificate is verified.\n# Certificate of localhost, mail.example.test.\n" in heard.remarks
    assert "# Issued by Test authority; it expires on " in heard.remarks
    assert "\n> CAPA\n# TOP: can show headers alone\n" in heard.remarks


def test_who_asked_for_the_end_in_a_pipe_gets_it():
    endless = healthy("imap", IDENTITY).answering(LOGOUT=b"* 1 EXISTS\r\n" * 400_000)
    heard = run(endless, "x LOGOUT\n", "imap", seconds=0.3)
    assert "does not come to an end" in heard.remarks
    assert heard.code == 2


def test_the_end_of_the_pipe_is_a_quit():
    heard = run(healthy("pop3", IDENTITY), "NOOP")
    assert heard.lines == ["NOOP", "QUIT"]
    assert heard.code == 2, "this server knows no NOOP"


@pytest.mark.parametrize(
    ("protocol", "clear", "inside"),
    [
        ("pop3", ["STLS"], ["USER alice@example.test", "QUIT"]),
        ("imap", ["a1 STARTTLS"], ["a2 USER alice@example.test", "a3 QUIT", "a4 LOGOUT"]),
        ("smtp", ["EHLO [127.0.0.1]", "STARTTLS"], ["USER alice@example.test", "QUIT"]),
    ],
)
def test_starttls_by_itself(protocol, clear, inside):
    heard = run(healthy(protocol, IDENTITY, mode=STARTTLS), "USER alice@example.test\nQUIT\n", protocol, STARTTLS)
    assert heard.lines == clear + inside
    assert heard.inside == inside


def test_starttls_can_be_left_out():
    heard = run(healthy("pop3", IDENTITY, mode=STARTTLS), "CAPA\nQUIT\n", "pop3", STARTTLS, starttls=False)
    assert heard.inside == []
    assert "stays in the clear" in heard.remarks
    assert heard.code == 0


def test_starttls_typed_by_hand():
    heard = run(healthy("pop3", IDENTITY, mode=STARTTLS), "STLS\nCAPA\nQUIT\n", "pop3", STARTTLS, starttls=False)
    assert heard.inside == ["CAPA", "QUIT"]


def test_octets_behind_the_reply_to_starttls():
    script = healthy("pop3", IDENTITY, mode=STARTTLS).but(starttls_tail=b"+OK injected\r\n")
    heard = run(script, "QUIT\n", "pop3", STARTTLS)
    assert "14 octets in the clear behind its reply" in heard.remarks
    assert "injected" not in heard.output


class TestLogin:
    @pytest.mark.parametrize("protocol", ["pop3", "imap", "smtp"])
    def test_auth_takes_the_password_from_the_next_line(self, protocol):
        heard = run(healthy(protocol, IDENTITY), f"/auth alice\n{MARK}\n/quit\n", protocol)
        assert heard.code == 0
        assert any("PLAIN" in line for line in heard.lines)
        assert MARK not in heard.output + heard.remarks
        assert "[secret]" in heard.remarks

    def test_the_user_may_stand_in_the_url(self):
        heard = run(healthy("pop3", IDENTITY), f"/auth\n{MARK}\n", user="alice")
        assert heard.code == 0

    @pytest.mark.parametrize("typed", ["/auth\n", "/auth alice\n", "/auth alice\n\n"])
    def test_without_words_there_is_no_login(self, typed):
        heard = run(healthy("pop3", IDENTITY), typed)
        assert "a name and a password are needed" in heard.remarks
        assert heard.lines == ["CAPA", "QUIT"]

    def test_a_name_is_asked_for(self):
        assert run(healthy("pop3", IDENTITY), f"/auth\nalice\n{MARK}\n").code == 0

    def test_a_refusal_comes_with_what_is_known_of_it(self):
        script = healthy("pop3", IDENTITY).answering(PASS=lambda line: b"-ERR [AUTH] not you: " + line + b"\r\n")
        heard = run(script, f"USER a\nPASS {MARK}\nQUIT\n")
        assert heard.code == 2
        assert "# A1: " in heard.remarks
        assert MARK not in heard.output + heard.remarks
        assert f"PASS {MARK}" in heard.lines

    def test_nothing_is_known_of_other_words(self):
        heard = run(healthy("pop3", IDENTITY).answering(STAT=b"-ERR qwertz uiop\r\n"), "STAT\n")
        assert heard.code == 2
        assert "# A" not in heard.remarks

    def test_own_rules_that_are_wrong_are_told(self, tmp_path, monkeypatch):
        rules = tmp_path / "gatepost" / "rules"
        rules.mkdir(parents=True)
        (rules / "mine.toml").write_text("[X\n")
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        heard = run(healthy("pop3", IDENTITY).answering(STAT=b"-ERR no\r\n"), "STAT\n")
        assert "mine.toml" in heard.remarks


class TestCertificates:
    def test_an_unverified_one_is_explained_and_gets_no_password(self):
        heard = run(healthy("pop3", self_signed("localhost")), f"USER a\nPASS {MARK}\nQUIT\n")
        assert "the certificate is NOT verified: self" in heard.remarks
        assert "# C4: " in heard.remarks
        assert "now any certificate is taken, to see it" in heard.remarks
        assert "Not sent: nobody vouches that this is the right server (self" in heard.remarks
        assert heard.lines == ["USER a", "QUIT"]
        assert heard.code == 2

    def test_insecure_sends_it(self):
        heard = run(healthy("pop3", self_signed("localhost")), f"PASS {MARK}\nQUIT\n", insecure=True)
        assert heard.lines == [f"PASS {MARK}", "QUIT"]
        assert MARK not in heard.output + heard.remarks

    @pytest.mark.parametrize("protocol", ["pop3", "imap", "smtp"])
    def test_behind_starttls_too(self, protocol):
        script = healthy(protocol, HOME.issue("other.example.test"), mode=STARTTLS)
        heard = run(script, "/tls\n", protocol, STARTTLS)
        assert "Hostname mismatch" in heard.remarks
        assert "# C3: " in heard.remarks

    def test_an_expired_one(self):
        heard = run(healthy("pop3", HOME.issue("localhost", days=(-30, -3))), "/tls\nQUIT\n")
        assert ", 3 days ago." in heard.remarks
        assert "# Key EC P-256; SHA-256 fingerprint " in heard.remarks

    def test_facts(self):
        names = tuple(f"h{number}.example" for number in range(8))
        leaf = Certificate("", "O=Example,CN=A\\, B", names, "", 0, 0, "EC P-256", 256, "", True, True, "", "ff")
        shaken = Handshake(done=True, verified=True, version="TLSv1.3", cipher="X", chain=(leaf,))
        facts = channel(shaken, "", 0.0).facts
        assert facts[1].endswith("h5.example, and 2 more.")
        assert facts[2] == "Issued by A, B; it expires on an unknown day, in 0 days."
        assert channel(Handshake(done=True, verified=True), "", 0.0).verified
        nameless = Certificate("", "", (), "cn.example", 0, 0, "", 0, "", True, True, "", "ff")
        facts = channel(Handshake(done=True, verified=True, chain=(nameless,)), "", 0.0).facts
        assert facts[1:3] == (
            "Certificate of cn.example.",
            "Issued by nobody; it expires on an unknown day, in 0 days.",
        )


class TestNotReached:
    def fails(self, script, protocol, mode, seconds=0.3, **plan):
        with pytest.raises(NotReachedError) as error:
            run(script, "", protocol, mode, seconds=seconds, **plan)
        return str(error.value)

    @pytest.mark.parametrize(("protocol", "service"), [("pop3", "pop3"), ("imap", "imap"), ("smtp", "submission")])
    def test_tls_with_a_port_that_begins_in_the_clear(self, protocol, service):
        text = self.fails(healthy(protocol), protocol, IMPLICIT, seconds=20)
        assert "does not speak TLS from the first octet; it says: " in text
        assert f"gatepost talk {service}://localhost:" in text

    def test_silence_of_a_port_that_wants_tls(self):
        text = self.fails(healthy("pop3", IDENTITY), "pop3", STARTTLS)
        assert "says nothing for 0.3 seconds" in text
        assert "gatepost talk pop3s://localhost:" in text

    def test_silence_inside_tls(self):
        text = self.fails(healthy("pop3", IDENTITY).but(greeting=None), "pop3", IMPLICIT)
        assert "gatepost doctor pop3s://localhost:" in text

    @pytest.mark.parametrize("act", [CLOSE, RESET])
    def test_hung_up_in_the_handshake(self, act):
        text = self.fails(healthy("pop3", IDENTITY, mode=STARTTLS).but(shakes_hands=act), "pop3", STARTTLS, 20)
        assert text.startswith("TLS with pop3 localhost:")

    def test_nobody_listens(self):
        text = str(self.unreached("127.0.0.1", 1))
        assert "cannot be reached (127.0.0.1: refused)" in text
        assert "gatepost doctor pop3s://127.0.0.1:1" in text

    def test_over_ipv6_the_host_stands_in_brackets(self):
        assert "gatepost doctor pop3s://[::1]:1" in str(self.unreached("::1", 1))

    @pytest.mark.parametrize("host", ["nowhere.invalid", "x" * 64 + ".example"])
    def test_no_such_name(self, host):
        assert "leads nowhere" in str(self.unreached(host, 995))

    def test_the_family_is_kept(self):
        assert "leads nowhere" in str(self.unreached("127.0.0.1", 1, families=(6,)))

    def unreached(self, host, port, **plan):
        whole = Plan(Target(BY_NAME["pop3s"], host, port), seconds=5, **plan)
        with pytest.raises(NotReachedError) as error:
            asyncio.run(talk(whole, Pipe(Lines(""), io.StringIO(), io.StringIO())))
        return error.value

    def test_another_protocol(self):
        heard = run(healthy("imap"), "CAPA\n", "pop3", STARTTLS)
        assert heard.code == 3
        assert "This is no POP3 server. It sounds like an IMAP server" in heard.remarks
        assert heard.lines == []

    def test_closed_before_the_greeting(self):
        heard = run(healthy("pop3").but(accept=CLOSE), "CAPA\n", "pop3", STARTTLS)
        assert heard.code == 3
        assert "The server closed the connection." in heard.remarks

    def test_a_greeting_that_sends_us_away(self):
        script = healthy("smtp").but(greeting=b"554 5.7.1 no\r\n")
        heard = run(script.answering(QUIT=CLOSE), "", "smtp", STARTTLS, seconds=1)
        assert heard.code == 2


class TestBreaks:
    @pytest.mark.parametrize(("act", "word"), [(CLOSE, "closed"), (RESET, "broke")])
    def test_in_the_middle(self, act, word):
        heard = run(healthy("pop3", IDENTITY, mode=STARTTLS).answering(CAPA=act), "CAPA\nQUIT\n", "pop3", STARTTLS,
                    starttls=False)  # fmt: skip
        assert heard.code == 2
        assert f"The server {word} the connection." in heard.remarks

    def test_a_late_answer(self):
        heard = run(healthy("pop3", IDENTITY).answering(CAPA=SILENCE), "CAPA\nQUIT\n", seconds=0.3)
        assert heard.code == 2
        assert "No answer for 0.3 seconds." in heard.remarks
        assert heard.lines == ["CAPA"]

    def test_a_server_that_goes_while_we_speak(self):
        script = healthy("pop3", IDENTITY, mode=CLEAR).answering(CAPA=RESET)
        heard = run(script, "CAPA\n" * 50, "pop3", STARTTLS, starttls=False, pipeline=True)
        assert heard.code == 2

    def test_pipelined(self):
        heard = run(healthy("pop3", IDENTITY), "CAPA\nUSER a\nCAPA\nQUIT\n", pipeline=True)
        assert heard.lines == ["CAPA", "USER a", "CAPA", "QUIT"]
        assert heard.remarks.index("> USER a") < heard.remarks.index("# TOP")


class Person:
    """Plays lines at a terminal, each when its turn comes; None: Ctrl-D. What can be called is done on the way."""

    interactive = True

    def __init__(self, *lines):
        self.lines = list(lines)
        self.seen = []
        self.more = asyncio.Event()

    def show(self, show):
        self.seen.append(show.text)
        self.more.set()

    def sent(self, send, *, typed):
        self.seen.append(f"> {send.shown}{'' if typed else ' (by itself)'}")

    async def until(self, words):
        while not any(words in text for text in self.seen):
            self.more.clear()
            await self.more.wait()

    async def line(self, dialog):
        return await self._next()

    async def ask(self, question, *, secret):
        return await self._next()

    async def _next(self):
        while self.lines and callable(self.lines[0]):
            await self.lines.pop(0)(self)
        return self.lines.pop(0) if self.lines else None


async def ctrl_c(person):
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.Event().wait()


class TestPerson:
    def test_typed_lines_are_not_repeated(self):
        person = Person("CAPA", "/auth alice", MARK)
        heard = run(healthy("pop3", IDENTITY, mode=STARTTLS), "", "pop3", STARTTLS, desk=person)
        assert [text for text in person.seen if text.startswith(">")] == [
            "> STLS (by itself)", "> CAPA", "> AUTH PLAIN [secret] (by itself)", "> QUIT (by itself)",
        ]  # fmt: skip
        assert heard.code == 0

    def test_refusals_are_no_failure(self):
        assert run(healthy("pop3", IDENTITY), "", desk=Person("XYZZY")).code == 0

    def test_ctrl_c_ends_politely(self):
        heard = run(healthy("pop3", IDENTITY), "", desk=Person(ctrl_c))
        assert heard.lines == ["QUIT"]
        assert heard.code == 0

    def test_ctrl_c_ends_soon_whatever_the_server_goes_on_saying(self):
        """Each of its words comes in time; only the goodbye never does."""
        endless = healthy("imap", IDENTITY).answering(LOGOUT=b"* 1 EXISTS\r\n" * 400_000)
        person = Person(ctrl_c)
        heard = run(endless, "", "imap", desk=person, seconds=0.3)
        assert any("does not come to an end" in text for text in person.seen)
        assert any("EXISTS" in text for text in person.seen)
        assert heard.code == 2

    def test_ctrl_c_at_a_question_gives_up_the_question(self):
        person = Person("/auth alice", ctrl_c)
        heard = run(healthy("pop3", IDENTITY), "", desk=person)
        assert "No login: a name and a password are needed." in person.seen
        assert heard.lines == ["CAPA", "QUIT"]

    def test_who_waits_long_enough_may_type_on(self, monkeypatch):
        monkeypatch.setattr("gatepost.doctor.talk.drive._MOMENT", 0.01)
        person = Person("CAPA", "USER a", lambda one: one.until("No answer for 0.2 seconds; still waiting"), ctrl_c)
        heard = run(healthy("pop3", IDENTITY).answering(CAPA=SILENCE, QUIT=SILENCE), "", desk=person, seconds=0.2)
        assert "> USER a" in person.seen
        assert "> QUIT (by itself)" in person.seen
        assert heard.code == 2

    def test_the_end_is_not_waited_for_longer_than_an_answer(self):
        person = Person(None)
        heard = run(healthy("pop3", IDENTITY).answering(QUIT=SILENCE), "", desk=person, seconds=0.3)
        assert heard.code == 2
        assert "No answer for 0.3 seconds." in person.seen

    def test_a_signal_to_end_ends_and_cleans_up(self):
        async def terminate(_):
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.Event().wait()

        with pytest.raises(asyncio.CancelledError):
            run(healthy("pop3", IDENTITY), "", desk=Person(terminate))


def test_news_while_nobody_types():
    script = healthy("imap", IDENTITY).answering(IDLE=b"+ idling\r\n* 5 EXISTS\r\n", DONE=b"a1 OK\r\n")
    person = Person("IDLE", lambda one: one.until("* 5 EXISTS"), "DONE")
    assert run(script, "", "imap", desk=person).code == 0


def test_megabytes_pass(monkeypatch):
    body = b"".join(b"%07d line of a long message\r\n" % number for number in range(60_000))
    script = healthy("pop3", IDENTITY).answering(RETR=b"+OK\r\n" + body + b".\r\n")
    heard = run(script, "RETR 1\nQUIT\n")
    assert heard.code == 0
    assert heard.output.count("line of a long message") == 60_000
