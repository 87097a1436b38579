import base64

import pytest

from gatepost.errors import InvalidValueError
from gatepost.sasl import scram
from gatepost.sasl.steps import SaslError

SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")


def test_keys_are_stable_and_depend_on_everything() -> None:
    keys = scram.make_keys("pencil", SALT, 4096)
    assert scram.make_keys("pencil", SALT, 4096) == keys
    others = [("pencil", SALT, 4097), ("pencil", b"x" * 16, 4096), ("Pencil", SALT, 4096)]
    assert all(scram.make_keys(*other) != keys for other in others)
    assert len(keys.stored_key) == len(keys.server_key) == 32


def test_the_default_iteration_count_is_used() -> None:
    assert scram.make_keys("pencil", SALT) == scram.make_keys("pencil", SALT, scram.SCRAM_ITERATIONS)
    assert scram.MIN_ITERATIONS <= scram.SCRAM_ITERATIONS <= scram.MAX_ITERATIONS


def test_passwords_are_prepared() -> None:
    assert scram.make_keys("a\u0308", SALT, 4096) == scram.make_keys("\u00e4", SALT, 4096)
    with pytest.raises(InvalidValueError):
        scram.make_keys("a\0", SALT, 4096)


def test_xor_is_of_equals_only() -> None:
    assert scram.xor(b"\x0f\xf0", b"\xff\x00") == b"\xf0\xf0"
    with pytest.raises(ValueError, match="equal number"):
        scram.xor(b"ab", b"a")


@pytest.mark.parametrize("text", ["a", "YQ", "YQ==x", "YR==", "Y Q==", "YQ==\n", "ä"])
def test_base64_has_one_form(text: str) -> None:
    with pytest.raises(SaslError, match="base64"):
        scram.decode64(text)


@pytest.mark.parametrize("nonce", ["", "a,b", "a b", "ä", "a\x7f", "x" * (scram.MAX_NONCE + 1)])
def test_nonces_are_printable_ascii(nonce: str) -> None:
    with pytest.raises(SaslError, match="nonce"):
        scram.checked_nonce(nonce)


def test_client_first_of_rfc_5802() -> None:
    first = scram.parse_client_first("n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL")
    assert (first.flag, first.binding, first.authzid, first.username) == ("n", "", "", "user")
    assert first.bare == "n=user,r=fyko+d2lbbFgONRv9qkxdawL"
    assert first.gs2_header == "n,,"


def test_client_first_with_everything() -> None:
    first = scram.parse_client_first("p=tls-exporter,a=a=2Cb,n=c=3Dd,r=x,t=future,u=more")
    assert (first.flag, first.binding, first.authzid, first.username) == ("p", "tls-exporter", "a,b", "c=d")
    assert first.bare == "n=c=3Dd,r=x,t=future,u=more"
    assert first.gs2_header == "p=tls-exporter,a=a=2Cb,"


@pytest.mark.parametrize(
    "text",
    [
        "", "n", "n,,n=user", "x,,n=u,r=a", "n=,,n=u,r=a", "p,,n=u,r=a", "p=,,n=u,r=a", "y=x,,n=u,r=a", "N,,n=u,r=a",
        "n,b=x,n=u,r=a", "n,a=,n=u,r=a", "n,,r=a,n=u", "n,,n=u,s=a", "n,,n=,r=a", "n,,n=u,r=", "n,,n=a=b,r=a",
        "F,,n=u,r=a",
    ],
)  # fmt: skip
def test_client_first_of_other_forms_is_refused(text: str) -> None:
    with pytest.raises(SaslError):
        scram.parse_client_first(text)


def test_a_mandatory_extension_is_refused_as_such() -> None:
    with pytest.raises(SaslError, match="mandatory"):
        scram.parse_client_first("n,,m=ext,n=u,r=a")
    with pytest.raises(SaslError):
        scram.parse_server_first("m=ext,r=a,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")


PROOF = base64.b64encode(bytes(32)).decode()


def test_client_final_passes_extensions_over() -> None:
    final = scram.parse_client_final(f"c=biws,r=abc,x=future,p={PROOF}")
    assert (final.binding, final.nonce, final.proof) == (b"n,,", "abc", bytes(32))
    assert final.without_proof == "c=biws,r=abc,x=future"


@pytest.mark.parametrize(
    "text", ["", f"p={PROOF}", f"c=biws,p={PROOF}", f"r=abc,c=biws,p={PROOF}", "c=biws,r=abc", "c=biws,r=abc,p=YQ==",
             f"c=b,r=abc,p={PROOF}", f"c=biws,r=abc,p={PROOF},x=y"],
)  # fmt: skip
def test_client_final_of_other_forms_is_refused(text: str) -> None:
    with pytest.raises(SaslError):
        scram.parse_client_final(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "r=a", "r=a,s=W22ZaJ0SNY7soEsUEjb6gQ==", "r=a,s=!,i=4096", "r=a,s=YQ==,i=4096",
        *(f"r=a,s=W22ZaJ0SNY7soEsUEjb6gQ==,i={i}" for i in ("", "0", "1", "4095", "-1", "04096", "4096x", "9" * 10)),
        *(f"r=a,s=W22ZaJ0SNY7soEsUEjb6gQ==,i={i}" for i in ("\u0664\u0660\u0669\u0666", scram.MAX_ITERATIONS + 1)),
        "r=,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    ],
)  # fmt: skip
def test_server_first_outside_our_bounds_is_refused(text: str) -> None:
    with pytest.raises(SaslError):
        scram.parse_server_first(text)


def test_no_repr_shows_a_proof() -> None:
    final = scram.parse_client_final(f"c=biws,r=abc,p={PROOF}")
    assert "x00" not in repr(final)
