import re

import pytest

from gatepost.errors import InvalidValueError, MisuseError
from gatepost.identity import passwords
from gatepost.identity.passwords import (
    DUMMY_HASH,
    argon2_fits,
    canonical_app_password,
    find_app,
    generate_app_password,
    generate_password,
    make_verifier,
    scram_salt,
)
from gatepost.model import Credential, CredentialKind, Scope, Verifier
from gatepost.sasl.scram import make_keys

SALT = b"0123456789abcdef"


def credential(number: int, password: str, kind: CredentialKind = CredentialKind.APP) -> Credential:
    verifier = make_verifier(password, kind, SALT)
    return Credential(number, 1, f"name {number}", kind, frozenset(Scope), verifier, 0)


def test_a_main_password_is_kept_as_argon2id_with_its_scram_keys() -> None:
    verifier = make_verifier("pa\u00a0ss w\u00f6rd", CredentialKind.PASSWORD, SALT)
    assert verifier.hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert argon2_fits(verifier.hash, "pa ss w\u00f6rd")
    assert not argon2_fits(verifier.hash, "pa ss word")
    keys = make_keys("pa ss w\u00f6rd", SALT)
    assert (verifier.stored_key, verifier.server_key) == (keys.stored_key, keys.server_key)
    assert "argon2" not in repr(verifier)


def test_the_dummy_costs_what_a_real_hash_costs_and_fits_nothing() -> None:
    real = make_verifier("password", CredentialKind.PASSWORD, SALT).hash
    assert [len(part) for part in DUMMY_HASH.split("$")] == [len(part) for part in real.split("$")]
    assert DUMMY_HASH.split("$")[:4] == real.split("$")[:4]
    assert not argon2_fits(DUMMY_HASH, "")


def test_a_damaged_hash_fits_nothing() -> None:
    assert not argon2_fits("$argon2id$nonsense", "password")
    assert not argon2_fits("", "password")


@pytest.mark.parametrize("password", ["", "a\0b"])
def test_forbidden_passwords_get_no_verifier(password: str) -> None:
    with pytest.raises(InvalidValueError):
        make_verifier(password, CredentialKind.PASSWORD, SALT)


def test_generated_passwords_can_be_typed_and_differ() -> None:
    made = {generate_password() for _ in range(200)}
    assert len(made) == 200
    assert all(
        re.fullmatch(r"([bdfghjklmnprstvz][aiou][bdfghjklmnprstvz][aiou][bdfghjklmnprstvz]-?){4}", p) for p in made
    )


def test_words_hold_all_their_bits() -> None:
    assert len({passwords._word(bits) for bits in range(1 << 16)}) == 1 << 16


def test_generated_app_passwords_hold_120_bits_of_unmistakable_letters() -> None:
    made = [generate_app_password() for _ in range(200)]
    assert len(set(made)) == 200
    assert all(re.fullmatch(r"([0-9a-hjkmnp-tv-z]{4}-){5}[0-9a-hjkmnp-tv-z]{4}", p) for p in made)
    assert {c for p in made for c in p} == set(passwords._ALPHABET) | {"-"}


def test_app_passwords_may_be_typed_as_people_type() -> None:
    canonical = "0123456789abcdefghjkmnpq"
    forms = ["0123-4567-89ab-cdef-ghjk-mnpq", " O1L3 4567 89AB CDEF GHJK MNPQ", "oi23456789abcdefghjkmnpq"]
    assert [canonical_app_password(form) for form in forms] == [
        canonical, "011345" + canonical[6:], canonical,
    ]  # fmt: skip
    assert canonical_app_password("0123-4567") == ""
    assert canonical_app_password("u" * 24) == ""


def test_app_passwords_are_found_among_many() -> None:
    texts = [generate_app_password() for _ in range(3)]
    credentials = [credential(n, text) for n, text in enumerate(texts)]
    credentials.insert(0, credential(9, "main password", CredentialKind.PASSWORD))
    for number, text in enumerate(texts):
        for typed in (text, text.replace("-", ""), text.upper().replace("-", " ")):
            found = find_app(typed, credentials)
            assert found is not None
            assert found.credential_id == number
    assert find_app(generate_app_password(), credentials) is None
    assert find_app("main password", credentials) is None
    assert find_app("", credentials) is None


def test_an_empty_hash_is_not_opened_by_text_that_is_no_app_password() -> None:
    empty = Verifier(f"sha256$00${passwords._app_digest('00', '')}", b"", b"")
    app = Credential(1, 1, "odd", CredentialKind.APP, frozenset(Scope), empty, 0)
    assert find_app("whatever", [app]) is None


def test_app_passwords_are_salted_and_speak_scram_as_printed() -> None:
    text = generate_app_password()
    first, second = (make_verifier(text, CredentialKind.APP, SALT) for _ in range(2))
    assert first.hash.startswith("sha256$")
    assert first.hash != second.hash
    assert first.stored_key == make_keys(text, SALT).stored_key


def test_app_passwords_are_never_chosen() -> None:
    with pytest.raises(MisuseError):
        make_verifier("chosen", CredentialKind.APP, SALT)


def test_scram_salts_are_stable_and_depend_on_secret_and_login() -> None:
    salt = scram_salt(b"secret", "alice@example.com")
    assert salt == scram_salt(b"secret", "alice@example.com")
    assert len(salt) == 16
    assert salt not in (scram_salt(b"secret", "bob@example.com"), scram_salt(b"other", "alice@example.com"))
