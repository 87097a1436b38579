import base64

import pytest

from gatepost.errors import MisuseError
from gatepost.sasl.scram import make_keys
from gatepost.sasl.scram_client import ScramClient
from gatepost.sasl.scram_server import ScramServer
from gatepost.sasl.steps import Finished, NeedKeys, NeedSalt, SaslError, Say, ScramKeys, Verified

SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
KEYS = make_keys("pencil", SALT, 4096)
OTHER = make_keys("pencils", SALT, 4096)
CLIENT_NONCE = "rOprNGfwEbeRWgbNEkqO"
NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
END_POINT = {"tls-server-end-point": b"digest of the certificate"}


def make(bindings: dict[str, bytes] | None = None, *, plus: bool = False) -> ScramServer:
    return ScramServer(NONCE, bindings or {}, plus=plus, iterations=4096)


def salted(server: ScramServer, first: bytes) -> bytes:
    step = server.step(first)
    assert isinstance(step, NeedSalt)
    return step.answer(SALT).data


def keys_wanted(server: ScramServer, client: ScramClient) -> NeedKeys:
    step = server.step(client.step(salted(server, client.step(None))))
    assert isinstance(step, NeedKeys)
    return step


def test_the_exchange_of_rfc_7677() -> None:
    server = make()
    step = server.step(b"n,,n=user,r=" + CLIENT_NONCE.encode())
    assert step == NeedSalt("", "user", lambda _: Say(b""))
    assert isinstance(step, NeedSalt)
    nonce = CLIENT_NONCE + NONCE
    assert step.answer(SALT).data == f"r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096".encode()
    final = f"c=biws,r={nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=".encode()
    wanted = server.step(final)
    assert isinstance(wanted, NeedKeys)
    assert wanted.username == "user"
    verified = wanted.answer([KEYS])
    assert verified == Verified(0, Say(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="))
    assert server.step(b"") == Finished()
    with pytest.raises(SaslError, match="over"):
        server.step(b"")


def test_the_key_that_fits_is_found_among_several() -> None:
    wanted = keys_wanted(make(), ScramClient("u", "pencil", "abc"))
    found = wanted.answer([OTHER, KEYS, OTHER])
    assert found is not None
    assert found.index == 1


def test_a_wrong_password_fits_nothing_and_ends_the_exchange() -> None:
    server = make()
    wanted = keys_wanted(server, ScramClient("u", "wrong", "abc"))
    assert wanted.answer([KEYS, OTHER, ScramKeys(bytes(32), bytes(32))]) is None
    assert wanted.answer([]) is None
    with pytest.raises(SaslError, match="over"):
        server.step(b"")


def test_a_message_after_the_signature_is_refused() -> None:
    server = make()
    assert keys_wanted(server, ScramClient("u", "pencil", "abc")).answer([KEYS])
    with pytest.raises(SaslError, match="empty"):
        server.step(b"x")


def test_none_after_the_signature_is_an_empty_message() -> None:
    server = make()
    assert keys_wanted(server, ScramClient("u", "pencil", "abc")).answer([KEYS])
    assert server.step(None) == Finished()


def test_without_initial_response_the_server_waits() -> None:
    server = make()
    assert server.step(None) == Say(b"")
    assert isinstance(server.step(b"n,,n=user,r=abc"), NeedSalt)


def test_authzid_is_handed_up() -> None:
    step = make().step(b"n,a=ur=2Csel,n=kurt,r=abc")
    assert isinstance(step, NeedSalt)
    assert (step.authzid, step.username) == ("ur,sel", "kurt")


@pytest.mark.parametrize("kind", ["tls-server-end-point", "tls-exporter"])
def test_a_bound_exchange(kind: str) -> None:
    server = make({kind: b"data"}, plus=True)
    client = ScramClient("u", "pencil", "abc", binding=(kind, b"data"))
    assert keys_wanted(server, client).answer([KEYS])


@pytest.mark.parametrize("data", [b"", b"digest of the certificatE", b"digest of the certificate\0"])
def test_a_binding_of_another_connection_is_refused(data: bytes) -> None:
    server = make(END_POINT, plus=True)
    client = ScramClient("u", "pencil", "abc", binding=("tls-server-end-point", data))
    with pytest.raises(SaslError, match="in between"):
        keys_wanted(server, client)


@pytest.mark.parametrize(
    ("first", "plus", "text"),
    [
        (b"y,,n=u,r=abc", False, "hid"),
        (b"y,,n=u,r=abc", True, "needs a channel binding"),
        (b"n,,n=u,r=abc", True, "needs a channel binding"),
        (b"p=tls-server-end-point,,n=u,r=abc", False, "no channel binding"),
        (b"p=tls-unique,,n=u,r=abc", True, "tls-server-end-point"),
        (b"p=tls-exporter,,n=u,r=abc", True, "tls-server-end-point"),
    ],
)
def test_downgrades_and_unknown_bindings_are_refused(first: bytes, plus: bool, text: str) -> None:
    with pytest.raises(SaslError, match=text):
        make(END_POINT, plus=plus).step(first)


def test_flag_y_is_right_where_plus_was_not_offered() -> None:
    assert keys_wanted(make(), ScramClient("u", "pencil", "abc", could_bind=True)).answer([KEYS])


def test_flag_n_is_right_where_plus_was_offered_and_the_client_cannot() -> None:
    assert keys_wanted(make(END_POINT), ScramClient("u", "pencil", "abc")).answer([KEYS])


def test_empty_binding_data_counts_as_none() -> None:
    with pytest.raises(SaslError, match="none"):
        make({"tls-exporter": b""}, plus=True).step(b"p=tls-exporter,,n=u,r=abc")


@pytest.mark.parametrize("header", [b"y,,", b"n,a=x,", b"n,,x"])
def test_the_gs2_header_is_compared_octet_by_octet(header: bytes) -> None:
    server = make()
    salted(server, b"n,,n=u,r=abc")
    bound = base64.b64encode(header).decode()
    with pytest.raises(SaslError, match="in between"):
        server.step(f"c={bound},r=abc{NONCE},p={base64.b64encode(bytes(32)).decode()}".encode())


@pytest.mark.parametrize("nonce", ["abc", NONCE, "abc" + NONCE + "x", "abd" + NONCE, "abc" + NONCE[:-1]])
def test_another_nonce_is_refused(nonce: str) -> None:
    server = make()
    salted(server, b"n,,n=u,r=abc")
    with pytest.raises(SaslError, match="nonce"):
        server.step(f"c=biws,r={nonce},p={base64.b64encode(bytes(32)).decode()}".encode())


def test_a_replayed_final_message_fits_no_other_exchange() -> None:
    client = ScramClient("u", "pencil", "abc")
    final = client.step(salted(make(), client.step(None)))
    again = ScramServer("another-server-nonce", {}, plus=False, iterations=4096)
    salted(again, b"n,,n=u,r=abc")
    with pytest.raises(SaslError, match="nonce"):
        again.step(final)


def test_a_missing_final_message_is_refused() -> None:
    server = make()
    salted(server, b"n,,n=u,r=abc")
    with pytest.raises(SaslError):
        server.step(None)


def test_a_short_server_nonce_is_our_own_mistake() -> None:
    with pytest.raises(MisuseError):
        ScramServer("short", {}, plus=False)


def test_the_default_iteration_count_is_told() -> None:
    server = ScramServer(NONCE, {}, plus=False)
    assert salted(server, b"n,,n=u,r=abc").endswith(b",i=100000")
