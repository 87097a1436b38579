"""Handshakes as facts: verified or not, and why not."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from gatepost.doctor.facts import Handshake
from gatepost.doctor.look import handshake as module
from gatepost.doctor.look import trust
from gatepost.doctor.look.dial import connect
from gatepost.doctor.look.handshake import shake
from gatepost.doctor.look.wire import Wire
from support.doctor_zoo import CLOSE, RESET, SILENCE, Authority, Identity, Script, healthy, raw, self_signed, serve, tls

HOME = Authority()
MIDDLE = HOME.intermediate()
SOUND = HOME.issue("localhost", "127.0.0.1")


def met(
    script: Script, name: str = "localhost", context: ssl.SSLContext | None = None, limit: float = 2.0
) -> Handshake:
    async def main() -> Handshake:
        async with serve(script) as server:
            _, connection = await connect("localhost", "127.0.0.1", server.port, 1.0)
            assert connection is not None
            wire = Wire(connection)
            try:
                return await shake(wire, context or trust.verifying(HOME.file), name, limit)
            finally:
                wire.close()

    return asyncio.run(main())


def of(identity: Identity) -> Script:
    return healthy("pop3", identity)


def test_a_sound_server() -> None:
    done = met(of(SOUND))
    assert (done.done, done.verified, done.error, done.verify_code) == (True, True, "", 0)
    assert (done.server_name, done.version) == ("localhost", "TLSv1.3")
    assert done.cipher.startswith("TLS_")
    (leaf,) = done.chain
    assert (leaf.names, leaf.common_name) == (("localhost", "127.0.0.1"), "localhost")


def test_the_whole_chain_is_seen() -> None:
    done = met(of(MIDDLE.issue("localhost", sends="all")))
    assert [one.subject for one in done.chain] == ["CN=localhost", "CN=Zoo intermediate", "CN=Zoo authority"]
    assert [one.is_authority for one in done.chain] == [False, True, True]


def test_no_name_is_sent_for_an_address() -> None:
    done = met(of(SOUND), "127.0.0.1")
    assert (done.verified, done.server_name) == (True, "")


def test_a_dot_at_the_end_is_not_part_of_the_name() -> None:
    assert met(of(SOUND), "localhost.").verified


@pytest.mark.parametrize(
    ("identity", "name", "code"),
    [
        (HOME.issue("localhost", days=(-30, -1)), "localhost", 10),
        (HOME.issue("localhost", days=(1, 30)), "localhost", 9),
        (HOME.issue("mail.example.test"), "localhost", 62),
        (HOME.issue("mail.example.test"), "127.0.0.1", 64),
        (self_signed("localhost"), "localhost", 18),
        (Authority("other").issue("localhost", sends="all"), "localhost", 19),
        (MIDDLE.issue("localhost", sends="leaf"), "localhost", 20),
        (HOME.issue("localhost", server_auth=False), "localhost", 26),
        (HOME.issue("localhost", key="rsa1024"), "localhost", 66),
    ],
    ids=["expired", "future", "name", "address", "self-signed", "private", "intermediate", "purpose", "weak"],
)
def test_faulty_certificates(identity: Identity, name: str, code: int) -> None:
    refused = met(of(identity), name)
    assert (refused.done, refused.verified, refused.verify_code) == (False, False, code)
    assert refused.verify_message
    assert "CERTIFICATE" in refused.error or "EE_KEY" in refused.error
    trusted = met(of(identity), name, trust.trusting())
    assert (trusted.done, trusted.verified) == (True, False)
    assert trusted.chain[0].sha256


def test_no_authority_key_identifier_is_no_fault_of_the_handshake() -> None:
    """Python 3.13's strict check would end here, and hide everything else."""
    done = met(of(HOME.issue("localhost", aki=False)))
    assert done.verified
    assert not done.chain[0].authority_key_id


@pytest.mark.parametrize("words", [b"+OK ready\r\n", b"* OK ready\r\n", b"220 ready\r\n", b"SSH-2.0-x\r\n"])
def test_words_in_the_clear(words: bytes) -> None:
    assert met(raw(words)).error == "WRONG_VERSION_NUMBER"


@pytest.mark.parametrize(("act", "error"), [(CLOSE, "UNEXPECTED_EOF"), (RESET, "reset"), (SILENCE, "timed out")])
def test_servers_that_do_not_answer(act: object, error: str) -> None:
    assert met(raw(b"").but(accept=act), limit=0.2).error == error


@pytest.mark.parametrize("name", ["a..b", ".x", "a" * 300])
def test_a_name_that_cannot_be_one(name: str) -> None:
    refused = met(of(SOUND), name)
    assert not refused.done
    assert refused.error


def test_an_old_server() -> None:
    context = tls(SOUND, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2, ciphers="AES128-SHA256:@SECLEVEL=0")
    refused = met(of(HOME.issue("localhost", key="rsa2048")).but(context=context))
    assert refused.error


def test_the_leaf_is_all_where_python_gives_no_more() -> None:
    der = SOUND.chain[0].public_bytes(__import__("cryptography").hazmat.primitives.serialization.Encoding.DER)
    bare = SimpleNamespace(getpeercert=lambda binary_form: der)
    assert module._ders(bare) == [der]
    assert module._ders(SimpleNamespace(getpeercert=lambda binary_form: None)) == []
    assert module._ders(SimpleNamespace(get_unverified_chain=lambda: [b"a", b"b"])) == [b"a", b"b"]


def test_dates_are_unix_seconds() -> None:
    leaf = met(of(SOUND)).chain[0]
    assert leaf.not_before < datetime.now(UTC).timestamp() < leaf.not_after
