"""What speaks there instead: other modes, other protocols, nobody; and servers that mean ill."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from gatepost.doctor.facts import Contact, Ending
from gatepost.doctor.look.contact import GREETING, contact
from gatepost.doctor.look.injection import command_injected
from gatepost.doctor.look.place import Manners, Place
from gatepost.doctor.model import Question
from gatepost.doctor.tongues import TONGUES
from gatepost.ports import TlsMode
from support.doctor_zoo import (
    CLOSE,
    HOST,
    IMPLICIT,
    RESET,
    SILENCE,
    STARTTLS,
    Authority,
    Script,
    Server,
    healthy,
    question,
    raw,
    serve,
    target,
    tls,
)

HOME = Authority()
SOUND = HOME.issue(HOST)
SHORT = 0.25
"""Seconds for a step where a server is silent, and the time runs out."""
HTTP = raw(b"HTTP/1.1 400 Bad Request\r\n\r\n", after=b"\n")


def meet(
    script: Script, mode: TlsMode = IMPLICIT, protocol: str = "pop3", timeout: float = 1.0, **asked: object
) -> Contact:
    return meet_both(script, mode, protocol, question(HOME, timeout=timeout, **asked))[0]


def meet_both(script: Script, mode: TlsMode, protocol: str, asked: Question) -> tuple[Contact, Server]:
    async def main() -> tuple[Contact, Server]:
        async with serve(script) as server:
            return await contact(target(protocol, server.port, mode), "127.0.0.1", asked, login=True), server

    return asyncio.run(main())


# -- TLS was expected from the first octet ---------------------------------------------------------------------------


def test_a_greeting_in_the_clear() -> None:
    seen = meet(healthy("pop3", SOUND, mode=STARTTLS))
    assert seen.handshake is not None
    assert seen.handshake.error == "WRONG_VERSION_NUMBER"
    assert seen.plain is not None
    assert seen.plain.octets == b"+OK ready\r\n"
    assert (seen.poked, seen.greeting, seen.versions) == (None, None, ())
    assert seen.login is not None
    assert seen.login.error == "not encrypted"


def test_a_web_server() -> None:
    seen = meet(HTTP, timeout=SHORT)
    assert seen.plain is not None
    assert seen.plain.ending is Ending.SILENT
    assert seen.poked is not None
    assert seen.poked.octets == b"HTTP/1.1 400 Bad Request\r\n"


def test_ssh() -> None:
    seen = meet(raw(b"SSH-2.0-OpenSSH_9.2\r\n"))
    assert seen.plain is not None
    assert seen.plain.octets == b"SSH-2.0-OpenSSH_9.2\r\n"


@pytest.mark.parametrize(
    ("act", "error", "ending"),
    [(RESET, "reset", Ending.RESET), (CLOSE, "UNEXPECTED_EOF", Ending.CLOSED), (SILENCE, "timed out", Ending.SILENT)],
)
def test_nobody_who_talks(act: object, error: str, ending: Ending) -> None:
    seen = meet(raw(b"").but(accept=act), timeout=SHORT)
    assert seen.handshake is not None
    assert seen.handshake.error == error
    assert seen.plain is not None
    assert seen.plain.ending is ending
    assert (seen.poked is not None) == (act is SILENCE)
    assert (seen.without_sni is not None) == (act is not SILENCE)
    assert not any(one.accepted for one in seen.versions)


def test_a_handshake_that_takes_its_time_is_waited_for() -> None:
    """Meanwhile somebody listens in the clear, for nothing."""
    slow = healthy("pop3", SOUND)

    async def main() -> Contact:
        async with serve(slow) as server, serve_late(server.port) as port:
            return await contact(target("pop3", port), "127.0.0.1", question(HOME, timeout=0.5))

    seen = asyncio.run(main())
    assert seen.handshake is not None
    assert seen.handshake.done
    assert seen.plain is None
    assert seen.greeting is not None


class serve_late:  # noqa: N801 -- reads like `serve`
    """A relay to `port` that begins to hand on when a second connection is made, or at once for later ones."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.second = asyncio.Event()
        self.count = 0

    async def __aenter__(self) -> int:
        self.server = await asyncio.start_server(self.relay, "127.0.0.1", 0)
        return int(self.server.sockets[0].getsockname()[1])

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        await self.server.wait_closed()

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.count += 1
        if self.count == 1:
            await self.second.wait()
        self.second.set()
        there, to = await asyncio.open_connection("127.0.0.1", self.port)

        async def hand_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            try:
                while octets := await source.read(65536):
                    sink.write(octets)
            except OSError:
                pass
            sink.close()

        await asyncio.gather(hand_on(reader, to), hand_on(there, writer))


def test_an_old_server_is_asked_for_every_version() -> None:
    old = tls(SOUND, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_1)
    seen = meet(healthy("pop3", SOUND).but(context=old), timeout=1.0)
    assert seen.handshake is not None
    assert seen.handshake.error == "TLSV1_ALERT_PROTOCOL_VERSION"
    assert {one.what for one in seen.versions if one.accepted} == {"TLSv1.1"}
    assert seen.plain is None


@pytest.mark.parametrize(
    ("lowest", "highest", "accepted"),
    [
        ("TLSv1_2", "TLSv1_2", {"TLSv1.2"}),
        ("TLSv1_3", "TLSv1_3", {"TLSv1.3"}),
        ("TLSv1_1", "TLSv1_3", {"TLSv1.1", "TLSv1.2", "TLSv1.3"}),
        ("TLSv1", "TLSv1_3", {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"}),
    ],
)
@pytest.mark.parametrize("mode", [IMPLICIT, STARTTLS])
def test_versions_one_by_one(lowest: str, highest: str, accepted: set[str], mode: TlsMode) -> None:
    context = tls(SOUND, getattr(ssl.TLSVersion, lowest), getattr(ssl.TLSVersion, highest))
    seen = meet(healthy("imap", SOUND, mode=mode).but(context=context), mode, "imap", timeout=1.0)
    assert {one.what for one in seen.versions if one.accepted} == accepted
    assert len(seen.versions) == 5
    assert all(one.testable and one.detail for one in seen.versions if one.what in accepted)


def test_weak_ciphers() -> None:
    context = tls(SOUND, ciphers="ECDHE+AESGCM:ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0")
    seen = meet(healthy("pop3", SOUND).but(context=context), timeout=1.0)
    weak = {one.what: one for one in seen.versions}["weak ciphers"]
    assert weak.accepted
    assert weak.detail


def test_another_certificate_without_sni() -> None:
    other = HOME.issue("other.example.test")
    context = tls(other, for_names={HOST: SOUND})
    seen = meet(healthy("pop3", SOUND).but(context=context), timeout=1.0)
    assert seen.handshake is not None
    assert seen.handshake.verified
    assert seen.without_sni is not None
    assert seen.without_sni.chain[0].names == ("other.example.test",)


def test_a_server_that_needs_sni() -> None:
    context = tls(SOUND, refuses_without_sni=True)
    seen = meet(healthy("pop3", SOUND).but(context=context), timeout=1.0)
    assert seen.without_sni is not None
    assert not seen.without_sni.done
    assert "UNRECOGNIZED_NAME" in seen.without_sni.error


@pytest.mark.parametrize("mode", [IMPLICIT, STARTTLS])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_certificate_is_asked_for(mode: TlsMode, version: ssl.TLSVersion) -> None:
    context = tls(SOUND, version, version, client_ca=HOME.file)
    seen = meet(healthy("pop3", SOUND, mode=mode).but(context=context), mode, timeout=1.0)
    handshake = seen.handshake or (seen.upgrade and seen.upgrade.handshake)
    assert handshake is not None
    assert handshake.done == (version is ssl.TLSVersion.TLSv1_3)
    assert "CERTIFICATE_REQUIRED" in handshake.error or "HANDSHAKE_FAILURE" in handshake.error


def test_a_client_certificate_is_asked_for_behind_a_faulty_one() -> None:
    context = tls(HOME.issue("x.test"), ssl.TLSVersion.TLSv1_3, client_ca=HOME.file)
    seen = meet(healthy("pop3", SOUND).but(context=context), timeout=1.0)
    assert seen.unverified is not None
    assert "CERTIFICATE_REQUIRED" in seen.unverified.error


@pytest.mark.parametrize("greeting", [b"-ERR too many\r\n", b"* BYE\r\n", b"* OK imap\r\n", None])
def test_a_greeting_inside_tls_that_does_not_welcome(greeting: bytes | None) -> None:
    seen = meet(healthy("pop3", SOUND).but(greeting=greeting), timeout=1.0 if greeting else SHORT)
    assert seen.greeting is not None
    assert seen.greeting.octets == (greeting or b"")
    assert (seen.inside_tls, seen.login) == (None, None)


# -- In the clear first ----------------------------------------------------------------------------------------------


def test_tls_from_the_first_octet_where_nobody_expected_it() -> None:
    seen = meet(healthy("pop3", SOUND), STARTTLS)
    assert seen.plain is not None
    assert seen.plain.ending is Ending.SILENT
    assert seen.handshake is not None
    assert seen.handshake.verified
    assert (seen.greeting, seen.poked) == (None, None)


def test_the_same_with_a_certificate_that_is_not_trusted() -> None:
    seen = meet(healthy("pop3", Authority("x").issue(HOST)), STARTTLS)
    assert seen.handshake is not None
    assert seen.handshake.verify_code == 20
    assert seen.poked is None


@pytest.mark.parametrize("mode", [IMPLICIT, STARTTLS])
def test_silence_ends(mode: TlsMode) -> None:
    """Within twice a step's time: ten seconds where a step has five. The rest is for a busy machine."""
    seen = meet(raw(b"").but(greeting=None), mode, timeout=SHORT)
    assert seen.plain is not None
    assert seen.plain.ending is Ending.SILENT
    assert seen.poked is not None
    assert seen.poked.ending is Ending.SILENT
    assert seen.seconds < SHORT * 2 + 0.5


def test_a_slow_greeting_is_waited_for() -> None:
    seen = meet(healthy("pop3", SOUND, mode=STARTTLS).but(greets_after=0.6), STARTTLS, timeout=0.5)
    assert seen.greeting is not None
    assert 0.5 < seen.greeting.seconds < 0.5 * GREETING
    assert seen.upgrade is not None
    assert seen.upgrade.agreed


def test_a_web_server_in_the_clear() -> None:
    seen = meet(HTTP, STARTTLS, timeout=SHORT)
    assert seen.poked is not None
    assert seen.poked.octets == b"HTTP/1.1 400 Bad Request\r\n"


@pytest.mark.parametrize(("act", "ending"), [(RESET, Ending.RESET), (CLOSE, Ending.CLOSED)])
def test_hung_up_before_the_greeting(act: object, ending: Ending) -> None:
    seen = meet(raw(b"").but(accept=act), STARTTLS)
    assert seen.plain is not None
    assert seen.plain.ending is ending
    assert (seen.greeting, seen.handshake, seen.poked) == (None, None, None)


@pytest.mark.parametrize(
    "greeting", [b"-ERR no\r\n", b"* OK imap here\r\n", b"SSH-2.0-x\r\n", b"220 smtp here\r\n", b"\xff\xfe\r\n"]
)
def test_other_greetings_end_it(greeting: bytes) -> None:
    seen = meet(healthy("pop3", SOUND, mode=STARTTLS).but(greeting=greeting), STARTTLS)
    assert seen.greeting is not None
    assert seen.greeting.octets == greeting
    assert (seen.before_tls, seen.upgrade) == (None, None)


def test_starttls_that_was_taken_out_of_the_list_is_tried_all_the_same() -> None:
    stripped = healthy("smtp", SOUND, mode=STARTTLS).but(greeting=b"220 ****************\r\n")
    seen = meet(stripped.answering(EHLO=b"250-x\r\n250 XXXXXXXA\r\n"), STARTTLS, "smtp", timeout=1.0)
    assert seen.before_tls is not None
    assert seen.before_tls.items == ("XXXXXXXA",)
    assert seen.upgrade is not None
    assert (seen.upgrade.offered, seen.upgrade.agreed) == (False, True)


@pytest.mark.parametrize("reply", [b"-ERR no TLS\r\n", b"what\r\n"])
def test_starttls_refused(reply: bytes) -> None:
    seen = meet(healthy("pop3", SOUND, mode=STARTTLS).answering(STLS=reply), STARTTLS)
    assert seen.upgrade is not None
    assert (seen.upgrade.offered, seen.upgrade.agreed, seen.upgrade.reply) == (True, False, reply)
    assert seen.upgrade.handshake is None


@pytest.mark.parametrize(("act", "error"), [(CLOSE, "UNEXPECTED_EOF"), (RESET, "reset"), (SILENCE, "timed out")])
def test_starttls_agreed_and_then_nothing(act: object, error: str) -> None:
    seen = meet(healthy("imap", SOUND, mode=STARTTLS).but(shakes_hands=act), STARTTLS, "imap", timeout=SHORT)
    assert seen.upgrade is not None
    assert seen.upgrade.handshake is not None
    assert seen.upgrade.handshake.error == error
    assert (seen.inside_tls, seen.unverified) == (None, None)


@pytest.mark.parametrize("act", [CLOSE, RESET, SILENCE])
def test_hung_up_at_the_question_for_capabilities(act: object) -> None:
    seen = meet(healthy("pop3", SOUND, mode=STARTTLS).answering(CAPA=act), STARTTLS, timeout=SHORT)
    assert seen.before_tls is not None
    assert seen.before_tls.asked
    assert seen.upgrade is None


def test_preauth_comes_too_early_for_tls() -> None:
    seen, server = meet_both(
        healthy("imap", SOUND, mode=STARTTLS).but(greeting=b"* PREAUTH hello\r\n"), STARTTLS, "imap", question(HOME)
    )
    assert seen.upgrade is None
    assert not server.said(b"STARTTLS")
    assert seen.login is not None
    assert seen.login.error == "not encrypted"


def test_ehlo_refused() -> None:
    script = healthy("smtp", SOUND, mode=STARTTLS).answering(EHLO=b"501 Syntactically invalid\r\n")
    seen, server = meet_both(script, STARTTLS, "smtp", question(HOME))
    assert seen.helo_reply == b"501 Syntactically invalid\r\n"
    assert server.said(b"HELO")


# -- Injection -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["pop3", "imap", "smtp"])
def test_response_injection(protocol: str) -> None:
    tail = b"* CAPABILITY AUTH=EVIL\r\n"
    seen = meet(healthy(protocol, SOUND, mode=STARTTLS).but(starttls_tail=tail), STARTTLS, protocol, timeout=1.0)
    assert seen.upgrade is not None
    assert seen.upgrade.extra == tail
    assert seen.inside_tls is not None
    assert "AUTH=EVIL" not in seen.inside_tls.items


@pytest.mark.parametrize("protocol", ["pop3", "imap", "smtp"])
@pytest.mark.parametrize("ill", [True, False])
def test_command_injection(protocol: str, ill: bool) -> None:
    script = healthy(protocol, SOUND, mode=STARTTLS).but(keeps_clear_input=ill)
    seen = meet(script, STARTTLS, protocol, timeout=1.0)
    assert seen.upgrade is not None
    assert seen.upgrade.command_injected is ill


def test_injection_is_tried_only_where_the_person_named_the_server() -> None:
    script = healthy("pop3", SOUND, mode=STARTTLS)
    by_address = question(HOME, subject="alice@example.test", timeout=1.0)
    seen, server = meet_both(script, STARTTLS, "pop3", by_address)
    assert seen.upgrade is not None
    assert seen.upgrade.command_injected is None
    assert server.connections == 5
    by_service = question(HOME, subject="alice@example.test", service="pop3", timeout=1.0)
    seen, server = meet_both(script, STARTTLS, "pop3", by_service)
    assert seen.upgrade is not None
    assert seen.upgrade.command_injected is False


@pytest.mark.parametrize(
    ("script", "injected"),
    [
        (healthy("pop3", mode=STARTTLS), False),
        (healthy("pop3", SOUND, mode=STARTTLS).but(shakes_hands=RESET), False),
        (healthy("pop3", SOUND, mode=STARTTLS).but(shakes_hands=SILENCE), None),
        (healthy("pop3", SOUND, mode=STARTTLS).but(accept=SILENCE), None),
        (healthy("pop3", SOUND, mode=STARTTLS).answering(STLS=b"-ERR no\r\n"), None),
    ],
    ids=["answered in the clear", "taken for a handshake", "silent", "silent at once", "refused"],
)
def test_where_the_command_spoils_the_handshake_nothing_is_injected(script: Script, injected: bool | None) -> None:
    async def main() -> bool | None:
        async with serve(script) as server:
            place = Place(target("pop3", server.port, STARTTLS), "127.0.0.1", 0.2)
            return await command_injected(place, TONGUES["pop3"])

    assert asyncio.run(main()) is injected


def test_injection_is_unknown_where_its_turn_does_not_come() -> None:
    async def main() -> bool | None:
        manners = Manners(2)
        for _ in range(2):
            await manners.turn()
        return await command_injected(Place(target("pop3", 1, STARTTLS), "127.0.0.1", 0.05, manners), TONGUES["pop3"])

    assert asyncio.run(main()) is None


# -- Servers that let us in only once --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "mode"),
    [
        (healthy("pop3", SOUND), IMPLICIT),
        (healthy("pop3", SOUND, mode=STARTTLS), STARTTLS),
        (healthy("pop3", Authority("x").issue(HOST)), IMPLICIT),
        (raw(b"+OK ready\r\n"), IMPLICIT),
        (raw(b"").but(greeting=None), STARTTLS),
    ],
    ids=["sound", "sound, STARTTLS", "not trusted", "in the clear", "silent"],
)
def test_what_the_first_connection_showed_is_kept(script: Script, mode: TlsMode) -> None:
    seen = meet(script.but(serves=1), mode, timeout=SHORT if script.greeting is None else 1.0)
    assert seen.dial.port
    assert (seen.unverified, seen.poked) == (None, None)
    assert [one.what for one in seen.versions if one.accepted] in ([], ["TLSv1.3"])
    if seen.upgrade:
        assert seen.upgrade.command_injected is None


# -- Servers that mean ill -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        raw(b"x" * 3_000_000),
        raw(b"220-x\r\n" * 200_000),
        Script(b"+", drips=0.01),
        Script(b"220-x\r\n", drips=0.001),
        healthy("smtp", SOUND, mode=STARTTLS).answering(EHLO=b"250-x\r\n" * 100_000),
        healthy("smtp", SOUND, mode=STARTTLS).answering(EHLO=b"250 \xff\0\x1b[2J\r\n"),
    ],
    ids=["endless line", "endless greeting", "drip", "drip of lines", "endless reply", "rubbish"],
)
@pytest.mark.parametrize("mode", [IMPLICIT, STARTTLS])
def test_a_hostile_server_costs_little(script: Script, mode: TlsMode) -> None:
    seen = meet(script, mode, "smtp", timeout=SHORT)
    assert seen.seconds < SHORT * 3 + 0.5
    octets = [each.octets for each in (seen.plain, seen.poked, seen.greeting, seen.before_tls) if each]
    assert all(len(one) <= 64 * 1024 for one in octets)
    assert all(line.isprintable() and len(line) < 400 for line in seen.transcript)
    assert len(seen.transcript) < 200


def test_a_huge_certificate() -> None:
    names = [f"{number}.a-rather-long-name.example.test" for number in range(1200)]
    seen = meet(healthy("pop3", HOME.issue(HOST, *names)), timeout=1.0)
    assert seen.handshake is not None
    assert seen.handshake.done
    assert len(seen.handshake.chain[0].names) == 1000
