"""What the side connections conclude, and what they leave open."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from gatepost.doctor.facts import Handshake
from gatepost.doctor.look import trust
from gatepost.doctor.look.place import Manners, Place
from gatepost.doctor.look.versions import Probes
from support.doctor_zoo import CLOSE, SILENCE, STARTTLS, Authority, Script, healthy, raw, serve, target, tls

HOME = Authority()
KNOWN = Handshake(True, True, version="TLSv1.3", cipher="TLS_AES_128_GCM_SHA256")


def told(script: Script, *, timeout: float = 1.0, **options: object) -> dict[str, bool]:
    async def main() -> dict[str, bool]:
        async with serve(script) as server:
            place = Place(target("pop3", server.port, **options), "127.0.0.1", timeout)  # type: ignore[arg-type]
            tried = await Probes(place).versions(KNOWN)
            return {one.what: one.accepted for one in tried}

    return asyncio.run(main())


def test_hanging_up_refuses_old_versions_but_says_nothing_of_new_ones() -> None:
    assert told(raw(b"").but(accept=CLOSE)) == {
        "TLSv1": False,
        "TLSv1.1": False,
        "TLSv1.3": True,
        "weak ciphers": False,
    }


def test_silence_says_nothing() -> None:
    assert told(raw(b"").but(accept=SILENCE), timeout=0.2) == {"TLSv1.3": True}


def test_no_starttls_says_nothing() -> None:
    refusing = healthy("pop3", HOME.issue("localhost"), mode=STARTTLS).answering(STLS=b"-ERR no\r\n")
    assert told(refusing, mode=STARTTLS) == {"TLSv1.3": True}
    assert told(raw(b"-ERR no").but(accept=CLOSE), mode=STARTTLS) == {"TLSv1.3": True}


def test_a_closed_port_says_nothing() -> None:
    async def main() -> int:
        async with serve(raw(b"")) as server:
            place = Place(target("pop3", server.port), "127.0.0.1", 0.2)
        return len(await Probes(place).versions(KNOWN))

    assert asyncio.run(main()) == 1


def test_a_server_with_tls_1_0_only() -> None:
    context = tls(HOME.issue("localhost"), ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1)
    script = healthy("pop3", HOME.issue("localhost")).but(context=context)
    assert told(script)["TLSv1"]
    assert not told(script)["TLSv1.1"]


def test_what_our_openssl_cannot_ask_is_not_testable(monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(*_: object) -> ssl.SSLContext:
        raise ssl.SSLError("No cipher can be selected.")

    monkeypatch.setattr(trust, "weak", cannot)

    async def main() -> bool:
        async with serve(healthy("pop3", HOME.issue("localhost"))) as server:
            place = Place(target("pop3", server.port), "127.0.0.1", 1.0)
            *_, weak = await Probes(place).versions(KNOWN)
            return weak.testable

    assert not asyncio.run(main())


def test_turns_are_shared() -> None:
    async def main() -> int:
        async with serve(healthy("pop3", HOME.issue("localhost"))) as server:
            place = Place(target("pop3", server.port), "127.0.0.1", 2.0, Manners(2))
            await asyncio.gather(*(Probes(place).versions(KNOWN) for _ in range(2)))
            return server.most_at_once

    assert asyncio.run(main()) <= 3  # the server may count one that is just going
