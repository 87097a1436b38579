"""A whole contact with servers that are well."""

from __future__ import annotations

import asyncio
import base64

import pytest
import uvloop
from msgspec import json
from msgspec.structs import replace

from gatepost.doctor.facts import Contact, Ending, Reach
from gatepost.doctor.look.contact import contact
from gatepost.doctor.model import Question, Secret, Target
from gatepost.ports import BY_NAME, TlsMode
from gatepost.sasl import server as sasl_server
from gatepost.sasl.scram import SCRAM, make_keys
from gatepost.sasl.steps import NeedSalt
from support.doctor_zoo import (
    CLEAR,
    HOST,
    IMPLICIT,
    PASSWORD,
    STARTTLS,
    USER,
    Authority,
    Script,
    Server,
    healthy,
    question,
    raw,
    serve,
    target,
)

HOME = Authority()
SOUND = HOME.issue(HOST)
PROTOCOLS = ("pop3", "imap", "smtp")
MODES = (IMPLICIT, STARTTLS)


def meet(
    protocol: str, script: Script, *, mode: TlsMode = IMPLICIT, login: bool = True, asked: Question | None = None
) -> tuple[Contact, Server]:
    async def main() -> tuple[Contact, Server]:
        async with serve(script) as server:
            to = target(protocol, server.port, mode)
            return await contact(to, "127.0.0.1", asked or question(HOME, timeout=2.0), login=login), server

    return asyncio.run(main())


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("mode", MODES)
def test_a_healthy_server(protocol: str, mode: TlsMode) -> None:
    asked = question(HOME, timeout=2.0, sender="me@example.test")
    seen, server = meet(protocol, healthy(protocol, SOUND, mode=mode), mode=mode, asked=asked)
    assert seen.dial.reach is Reach.OPEN
    upgrade = seen.upgrade.handshake if seen.upgrade else None
    handshake = seen.handshake or upgrade
    assert handshake is not None
    assert handshake.verified
    assert handshake.server_name == HOST
    assert seen.greeting is not None
    assert seen.greeting.ending is Ending.OCTETS
    assert seen.inside_tls is not None
    assert "AUTH=PLAIN" in seen.inside_tls.items
    assert seen.login is not None
    assert (seen.login.mechanism, seen.login.accepted, seen.login.error) == ("PLAIN", True, "")
    assert seen.visit is not None
    assert seen.visit.accepted
    assert (
        seen.visit.command == {"pop3": "STAT", "imap": "EXAMINE INBOX", "smtp": "MAIL FROM:<me@example.test>"}[protocol]
    )
    assert (seen.unverified, seen.poked, seen.helo_reply) == (None, None, b"")
    assert seen.without_sni is not None
    assert seen.without_sni.chain == handshake.chain
    assert {one.what: one.accepted for one in seen.versions} == {
        "TLSv1": False,
        "TLSv1.1": False,
        "TLSv1.2": True,
        "TLSv1.3": True,
        "weak ciphers": False,
    }
    assert seen.seconds < 2.0
    assert server.connections == (5 if mode is IMPLICIT else 6)
    assert server.most_at_once <= 4


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_seen_in_the_clear(protocol: str) -> None:
    seen, server = meet(protocol, healthy(protocol, SOUND, mode=STARTTLS), mode=STARTTLS)
    assert (seen.plain, seen.handshake) == (seen.greeting, None)
    assert seen.before_tls is not None
    upgrade = seen.upgrade
    assert upgrade is not None
    assert seen.before_tls.has("STLS" if protocol == "pop3" else "STARTTLS")
    assert (upgrade.offered, upgrade.agreed, upgrade.extra, upgrade.command_injected) == (True, True, b"", False)
    assert not any(b"AUTH" in line.octets for line in server.heard if not line.inside_tls)
    assert seen.transcript[0].startswith("S: ")
    goodbyes = [line for line in seen.transcript if line.endswith(("QUIT", "LOGOUT"))]
    assert len(goodbyes) == 1


def test_what_is_seen_where_tls_comes_first() -> None:
    seen, _ = meet("pop3", healthy("pop3", SOUND))
    assert (seen.plain, seen.before_tls, seen.upgrade) == (None, None, None)
    assert seen.greeting is not None
    assert seen.greeting.octets == b"+OK ready\r\n"


@pytest.mark.parametrize("mode", MODES)
def test_the_password_goes_out_once_and_inside_tls(mode: TlsMode) -> None:
    _, server = meet("imap", healthy("imap", SOUND, mode=mode), mode=mode)
    blob = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode())
    with_secret = [line for line in server.heard if blob in line.octets or PASSWORD.encode() in line.octets]
    assert [line.inside_tls for line in with_secret] == [True]


def test_no_login_unless_it_is_wanted() -> None:
    for login, asked in ((False, question(HOME)), (True, question(HOME, secret=None))):
        seen, server = meet("pop3", healthy("pop3", SOUND), login=login, asked=asked)
        assert (seen.login, seen.visit) == (None, None)
        assert not server.said(b"AUTH")


def test_no_login_without_a_user_name() -> None:
    seen, server = meet("pop3", healthy("pop3", SOUND), asked=question(HOME, user=""))
    assert seen.login is None
    assert not server.said(b"AUTH")
    seen, _ = meet("pop3", healthy("pop3", SOUND), asked=question(HOME, user="", subject=USER))
    assert seen.login is not None
    assert seen.login.accepted


def test_one_connection_only_where_no_more_is_wanted() -> None:
    async def main() -> tuple[Contact, int]:
        async with serve(healthy("pop3", SOUND, mode=STARTTLS)) as server:
            to = target("pop3", server.port, STARTTLS)
            return await contact(to, "127.0.0.1", question(HOME), thorough=False), server.connections

    seen, connections = asyncio.run(main())
    assert connections == 1
    assert (seen.versions, seen.without_sni) == ((), None)
    assert seen.upgrade is not None
    assert seen.upgrade.command_injected is None


def test_it_runs_on_uvloop_too() -> None:
    async def main() -> Contact:
        async with serve(healthy("imap", SOUND, mode=STARTTLS)) as server:
            return await contact(
                target("imap", server.port, STARTTLS), "127.0.0.1", question(HOME, timeout=2.0), login=True
            )

    seen = uvloop.run(main())
    assert seen.visit is not None
    assert seen.visit.accepted
    assert len(seen.versions) == 5


def test_the_user_name_of_the_target_goes_first() -> None:
    async def main() -> list[bytes]:
        async with serve(healthy("pop3", SOUND)) as server:
            to = replace(target("pop3", server.port), username="bob")
            await contact(to, "127.0.0.1", question(HOME), login=True)
            return [line.octets for line in server.said(b"AUTH")]

    (line,) = asyncio.run(main())
    assert base64.b64decode(line.split()[-1]) == f"\0bob\0{PASSWORD}".encode()


@pytest.mark.parametrize(
    ("protocol", "capabilities", "mechanism"),
    [
        ("pop3", {"CAPA": b"-ERR no\r\n"}, "USER/PASS"),
        ("pop3", {"CAPA": b"+OK\r\nSASL LOGIN\r\n.\r\n", "AUTH": b"+ VXNlcjo=\r\n"}, "LOGIN"),
        ("imap", {"CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n%t OK\r\n"}, "IMAP LOGIN"),
        ("imap", {"CAPABILITY": b"* CAPABILITY AUTH=PLAIN\r\n%t OK\r\n", "AUTHENTICATE": b"+ \r\n"}, "PLAIN"),
        ("smtp", {"EHLO": b"250-x\r\n250 AUTH LOGIN\r\n", "AUTH": b"334 VXNlcjo=\r\n"}, "LOGIN"),
    ],
)
def test_other_ways_to_log_in(protocol: str, capabilities: dict[str, bytes], mechanism: str) -> None:
    going_on = {
        "pop3": [b"+ UGFzczo=\r\n", b"+OK in\r\n"],
        "imap": [b"gp4 OK in\r\n"],
        "smtp": [b"334 UGFzczo=\r\n", b"235 in\r\n"],
    }
    script = healthy(protocol, SOUND).answering(**capabilities, CONTINUE=going_on[protocol])
    seen, _ = meet(protocol, script)
    assert seen.login is not None
    assert (seen.login.mechanism, seen.login.accepted) == (mechanism, True)


@pytest.mark.parametrize(
    ("replies", "error", "accepted"),
    [
        ({"AUTH": b"-ERR [AUTH] wrong\r\n"}, "", False),
        ({"AUTH": b"+ again\r\n", "CONTINUE": b"-ERR cancelled\r\n"}, "unexpected challenge", False),
        ({"AUTH": b"+OK"}, "timed out", False),
        ({"CAPA": b"+OK\r\nSASL XOAUTH2\r\n.\r\n"}, "no usable mechanism", False),
    ],
)
def test_logins_that_fail(replies: dict[str, bytes], error: str, accepted: bool) -> None:
    seen, server = meet("pop3", healthy("pop3", SOUND).answering(**replies), asked=question(HOME, timeout=0.2))
    assert seen.login is not None
    assert (seen.login.error, seen.login.accepted) == (error, accepted)
    assert len(server.said(b"AUTH")) <= 1
    assert seen.visit is None


def test_no_login_with_a_certificate_that_is_not_trusted() -> None:
    for mode in MODES:
        seen, server = meet("smtp", healthy("smtp", Authority("other").issue(HOST), mode=mode), mode=mode)
        assert seen.login is not None
        assert seen.login.error == "certificate not trusted"
        assert not server.said(b"AUTH")
        assert seen.unverified is not None
        assert seen.unverified.done
        assert seen.inside_tls is not None
        assert seen.inside_tls.has("AUTH=PLAIN")
        assert server.most_at_once <= 4
        seen, _ = meet("smtp", healthy("smtp", Authority("other").issue(HOST), mode=mode), mode=mode, login=False)
        assert seen.login is None


def test_no_login_in_the_clear() -> None:
    for script in (
        healthy("smtp", mode=STARTTLS).answering(STARTTLS=b"454 4.7.0 no TLS\r\n"),
        healthy("smtp", mode=STARTTLS).answering(STARTTLS=b"502 what\r\n", EHLO=b"250-x\r\n250 AUTH PLAIN\r\n"),
    ):
        seen, server = meet("smtp", script, mode=STARTTLS)
        assert seen.login is not None
        assert seen.login.error == "not encrypted"
        assert not server.said(b"AUTH")
        assert seen.upgrade is not None
        assert not seen.upgrade.agreed


MARK = 'Zq7%"x\\wörd~Y9Kp'
FORMS = (
    MARK,
    base64.b64encode(MARK.encode()).decode(),
    base64.b64encode(f"\0{USER}\0{MARK}".encode()).decode(),
)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("echo", [0, 1, 2])
def test_no_secret_in_facts_whatever_the_server_says(protocol: str, echo: int) -> None:
    """The server says back what it was sent, now here, now there, in each form."""

    def say(line: bytes) -> bytes:
        words = FORMS[echo].encode()
        tag = line.split(b" ")[0] + b" OK " if protocol == "imap" else {"pop3": b"+OK ", "smtp": b"250 "}[protocol]
        return tag + words + b" " + line + b"\r\n"

    visits = {"STAT": say, "EXAMINE": say, "MAIL": say, "QUIT": say, "AUTH": say, "AUTHENTICATE": say}
    script = healthy(protocol, SOUND).answering(**visits)
    asked = question(HOME, secret=Secret(MARK), sender="me@example.test")
    seen, _ = meet(
        protocol, script.but(greeting=(script.greeting or b"").strip() + b" " + MARK.encode() + b"\r\n"), asked=asked
    )
    assert seen.login is not None
    assert seen.login.accepted
    # As JSON, as repr, and as the octets themselves.
    told = repr(seen) + json.encode(seen).decode() + repr(asked)
    for form in (
        *FORMS,
        MARK.upper(),
        "Zq7%",
        "wörd~Y9",
        "w\\xc3\\xb6rd",
        base64.b64encode(MARK.encode()).decode()[:12],
    ):
        assert form not in told
    # JSON has base64 for octets: look inside as well.
    inside = (
        seen.login.reply + (seen.visit.reply if seen.visit else b"") + (seen.greeting.octets if seen.greeting else b"")
    )
    assert b"[secret]" in inside
    assert MARK.encode()[:6] not in inside


def test_no_secret_when_the_capabilities_hold_it() -> None:
    script = healthy("pop3", SOUND).answering(CAPA=f"+OK\r\nX-{MARK}\r\nSASL PLAIN\r\n.\r\n".encode())
    seen, _ = meet("pop3", script, asked=question(HOME, secret=Secret(MARK)))
    assert seen.inside_tls is not None
    assert seen.inside_tls.items == ("X-[secret]", "AUTH=PLAIN")
    assert MARK.encode() not in seen.inside_tls.octets


def test_a_transcript_is_printable_and_short() -> None:
    lines = b"".join(b"X%d \x1b[31m\r\n" % number for number in range(100))
    seen, _ = meet("pop3", healthy("pop3", SOUND).answering(CAPA=b"+OK\r\n" + lines + b".\r\n"))
    assert all(line.isprintable() for line in seen.transcript)
    assert "S: … (62 more lines)" in seen.transcript


def test_a_file_of_authorities_that_is_not_there_is_the_persons_fault() -> None:
    with pytest.raises(OSError, match="No such file"):
        meet("pop3", healthy("pop3", SOUND), asked=question(ca_file="/nowhere.pem"))


def test_a_closed_port_ends_it() -> None:
    async def main() -> Contact:
        async with serve(raw(b"")) as server:
            port = server.port
        return await contact(target("pop3", port), "127.0.0.1", question())

    seen = asyncio.run(main())
    assert seen.dial.reach is Reach.REFUSED
    assert (seen.handshake, seen.plain, seen.greeting) == (None, None, None)


def test_services_without_a_tongue_are_looked_at_as_far_as_tls() -> None:
    async def main() -> tuple[Contact, Contact]:
        async with serve(healthy("pop3", SOUND)) as sound, serve(raw(b"HTTP/1.1 400\r\n", after=b"\n")) as web:
            https, http = Target(BY_NAME["https"], HOST, sound.port), Target(BY_NAME["http"], HOST, web.port)
            return await asyncio.gather(
                contact(https, "127.0.0.1", question(HOME, timeout=2.0)),
                contact(http, "127.0.0.1", question(HOME, timeout=0.2)),
            )

    https, http = asyncio.run(main())
    assert https.handshake is not None
    assert https.handshake.verified
    assert https.versions
    assert https.greeting is None
    assert http.poked is not None
    assert http.poked.octets == b"HTTP/1.1 400\r\n"


def test_cancelling_leaves_nothing_behind() -> None:
    async def main() -> None:
        async with serve(raw(b"").but(greeting=None)) as server:
            to = target("pop3", server.port, STARTTLS)
            looking = asyncio.create_task(contact(to, "127.0.0.1", question(timeout=30.0)))
            await server.visited.wait()
            looking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await looking
            await server.empty.wait()

    asyncio.run(main())


def test_a_clear_mode_row_exists_for_each_protocol() -> None:
    assert target("pop3", 1, CLEAR).service.name == "pop3"


# -- A login without handing the password over -----------------------------------------------------------------------


def scram_only(password: str, *, proves: bool = True) -> Script:
    """Our own SCRAM server behind POP3, which offers nothing else."""
    state: list[object] = []

    def answers(line: bytes) -> bytes:
        if not line:
            return b"+OK logged in\r\n"
        step = state[-1].step(base64.b64decode(line))  # type: ignore[attr-defined]
        if isinstance(step, NeedSalt):
            return b"+ " + base64.b64encode(step.answer(b"salty salt").data) + b"\r\n"
        found = step.answer([make_keys(password, b"salty salt")])
        if found is None:
            return b"-ERR [AUTH] wrong\r\n"
        return b"+ " + base64.b64encode(found.say.data) + b"\r\n" if proves else b"+OK logged in\r\n"

    def begins(_: bytes) -> bytes:
        state.append(sasl_server(SCRAM, "s" * 24, {}))
        return b"+ \r\n"

    listed = b"+OK\r\nSASL SCRAM-SHA-256\r\n.\r\n"
    return healthy("pop3", SOUND).answering(CAPA=listed, AUTH=begins, CONTINUE=answers)


def test_a_server_with_scram_only_lets_us_in() -> None:
    seen, server = meet("pop3", scram_only(PASSWORD))
    assert seen.login is not None
    assert (seen.login.mechanism, seen.login.accepted, seen.login.error) == (SCRAM, True, "")
    assert seen.visit is not None
    heard = b"".join(line.octets for line in server.heard)
    assert PASSWORD.encode() not in heard
    assert base64.b64encode(PASSWORD.encode()).rstrip(b"=") not in heard


def test_a_wrong_password_by_scram_is_refused_in_the_servers_words() -> None:
    seen, _ = meet("pop3", scram_only("another one"))
    assert seen.login == replace(seen.login, accepted=False, reply=b"-ERR [AUTH] wrong\r\n", error="")
    assert seen.login.mechanism == SCRAM


def test_a_server_that_lets_in_without_its_proof_is_told() -> None:
    seen, _ = meet("pop3", scram_only(PASSWORD, proves=False))
    assert seen.login is not None
    assert (seen.login.accepted, seen.login.error, seen.login.reply) == (False, "server not proven", b"")
    assert seen.visit is None
