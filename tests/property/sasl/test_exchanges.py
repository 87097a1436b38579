"""Own client meets own server; no octets whatever raise anything but SaslError."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gatepost import sasl
from gatepost.errors import InvalidValueError
from gatepost.sasl.exchange import STRENGTH
from gatepost.sasl.prepare import escape_name, opaque_string, unescape_name
from gatepost.sasl.scram import make_keys
from gatepost.sasl.scram_client import ScramClient
from gatepost.sasl.scram_server import ScramServer
from gatepost.sasl.steps import (
    Finished,
    NeedIdentity,
    NeedKeys,
    NeedPassword,
    NeedSalt,
    SaslError,
    Say,
    ScramKeys,
    Step,
)

SALT = b"0123456789abcdef"
NONCE = "server-nonce-of-enough-characters"
BINDING = ("tls-exporter", b"exported octets")


def sound(password: str) -> bool:
    try:
        opaque_string(password)
    except InvalidValueError:
        return False
    return True


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60)
secrets = st.text(min_size=1, max_size=40).filter(sound)
nonces = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=","), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(names, secrets, nonces, st.sampled_from(["", "n", "p"]), st.booleans())
def test_scram_client_meets_scram_server(name: str, password: str, nonce: str, flag: str, right: bool) -> None:
    plus = flag == "p"
    server = ScramServer(NONCE, dict([BINDING]) if plus else {}, plus=plus, iterations=4096)
    typed = password if right else password + "x"
    client = ScramClient(name, typed, nonce, binding=BINDING if plus else None, could_bind=flag == "")
    first = server.step(client.step(None))
    assert isinstance(first, NeedSalt)
    assert first.username == name
    wanted = server.step(client.step(first.answer(SALT).data))
    assert isinstance(wanted, NeedKeys)
    verified = wanted.answer([make_keys(password, SALT, 4096)])
    assert (verified is not None) == right
    if verified:
        assert server.step(client.step(verified.say.data)) == Finished()
    assert client.complete == right


@given(names, secrets)
def test_plain_and_login_clients_meet_their_servers(name: str, password: str) -> None:
    for mechanism in ("PLAIN", "LOGIN"):
        client = sasl.client(mechanism, name, password, NONCE)
        server = sasl.server(mechanism, NONCE, {})
        step: Step = server.step(None)
        while isinstance(step, Say):
            step = server.step(client.step(step.data))
        assert step == NeedPassword("", name, password)
        assert client.complete


pieces = st.sampled_from(
    [b"n,,", b"y,,", b"p=tls-exporter,,", b"n=u,", b"r=abc", b",", b"=", b"c=biws,", b"r=abc" + NONCE.encode(),
     b",p=", b"\0", b"a", b"\xff", b"m=x,", b"AAAA", b"i=4096", b"s=W22ZaJ0SNY7soEsUEjb6gQ==,"]
)  # fmt: skip
messages = st.none() | st.binary(max_size=80) | st.lists(pieces, max_size=10).map(b"".join)


@settings(max_examples=300)
@given(st.sampled_from(STRENGTH), st.lists(messages, max_size=5))
def test_any_octets_to_any_server_step(mechanism: str, script: list[bytes | None]) -> None:
    server = sasl.server(mechanism, NONCE, dict([BINDING]))
    for message in script:
        try:
            step: Step = server.step(message)
        except SaslError:
            continue
        match step:
            case NeedSalt(_, _, answer):
                assert answer(SALT).data
            case NeedKeys(_, _, answer_keys):
                assert answer_keys([ScramKeys(bytes(32), bytes(32))]) is None
            case NeedPassword() | NeedIdentity():
                break
            case Finished():
                raise AssertionError("nobody proved anything")


@settings(max_examples=200)
@given(st.sampled_from(STRENGTH), st.lists(messages, max_size=4))
def test_any_octets_to_any_client_step(mechanism: str, script: list[bytes | None]) -> None:
    client = sasl.client(mechanism, "u", "p", "abc", BINDING)
    for message in script:
        try:
            client.step(message)
        except SaslError:
            continue
    assert "SCRAM" not in mechanism or not client.complete


@given(names)
def test_saslnames_round_trip(name: str) -> None:
    escaped = escape_name(name)
    assert "," not in escaped
    assert unescape_name(escaped) == name


@given(st.text(max_size=40))
def test_preparing_is_idempotent(password: str) -> None:
    if sound(password):
        assert opaque_string(opaque_string(password)) == opaque_string(password)
