import dataclasses

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.model import (
    Credential,
    CredentialKind,
    DeletePolicy,
    Domain,
    Flag,
    Maildrop,
    Scope,
    Verifier,
    derived_uidl,
    make_id,
)

TIMES = st.integers(1_577_836_800_000, 1_577_836_800_000 + (1 << 41) - 1)


@given(TIMES, st.integers(0, 1 << 64))
def test_an_id_fits_63_bits(milliseconds, entropy):
    assert 0 <= make_id(milliseconds, entropy) < 1 << 63


@given(TIMES, TIMES, st.integers(0, 1 << 22), st.integers(0, 1 << 22))
def test_ids_sort_by_time(one, other, entropy, more_entropy):
    if one < other:
        assert make_id(one, entropy) < make_id(other, more_entropy)


def test_an_id_holds_time_and_entropy_apart():
    assert make_id(1_577_836_800_001, 0) == 1 << 22
    assert make_id(1_577_836_800_000, (1 << 22) - 1) == (1 << 22) - 1
    assert make_id(1_577_836_800_000, 1 << 22) == 0


def test_no_part_of_a_verifier_shows_in_its_repr():
    verifier = Verifier("argon2id-secret", b"stored-secret", b"server-secret")
    assert "secret" not in repr(verifier)
    credential = Credential(1, 2, "main", CredentialKind.PASSWORD, frozenset(Scope), verifier, 3)
    assert "secret" not in repr(credential)


def test_values_cannot_be_changed():
    with pytest.raises(AttributeError):
        Domain("example.com").name = "example.org"


def test_names_on_disk_and_on_the_wire():
    assert [*Scope] == ["pop3", "imap", "smtp"]
    assert [*DeletePolicy] == ["purge", "trash", "hold"]
    assert [*CredentialKind] == ["password", "app"]
    assert Flag.SEEN | Flag.DRAFT == 17


def test_values_cross_processes():
    domain = Domain("example.com")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(domain), type=Domain) == domain


def test_a_maildrop_derives_uidls_and_keeps_the_imported_ones():
    drop = Maildrop(1, 0x5F000001, 9)
    drop.uids.extend([7, 8])
    drop.uidls[1] = "from-elsewhere"
    assert drop.uidl(0) == "5f00000100000007"
    assert drop.uidl(1) == "from-elsewhere"
    assert drop.uidls_from(0, 9) == [drop.uidl(p) for p in range(len(drop.uids))]
    assert drop.uidls_from(1, 1) == ["from-elsewhere"]
    drop.uidls.clear()
    assert drop.uidls_from(0, 1) == ["5f00000100000007"]


def test_a_maildrop_adds_up_as_messages_come():
    drop = Maildrop(1, 1, 9)
    drop.extend([(3, 10, 30, None, 0), (4, 20, 40, "old", 25)])
    drop.extend([])
    drop.extend([(7, 30, 70, None, 28)])
    assert (list(drop.uids), list(drop.sizes), list(drop.blobs)) == ([3, 4, 7], [10, 20, 30], [30, 40, 70])
    assert (drop.uidls, drop.ascii_sizes) == ({1: "old"}, {1: 25, 2: 28})
    assert (drop.octets, drop.ascii_octets) == (60, 63)


def test_a_maildrop_shares_nothing_with_another():
    one, other = Maildrop(1, 1, 1), Maildrop(2, 1, 1)
    one.uids.append(1)
    one.uidls[0] = "x"
    assert not other.uids
    assert not other.uidls
    assert len(dataclasses.fields(one)) == 11


@given(st.integers(1, 0xFFFFFFFF), st.integers(1, 0xFFFFFFFF))
def test_a_derived_uidl_is_what_rfc_1939_allows(uidvalidity, uid):
    uidl = derived_uidl(uidvalidity, uid)
    assert 1 <= len(uidl) <= 70
    assert all(0x21 <= ord(character) <= 0x7E for character in uidl)
    assert (int(uidl[:8], 16), int(uidl[8:], 16)) == (uidvalidity, uid)
