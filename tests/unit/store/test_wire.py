from __future__ import annotations

import struct
from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost import errors
from gatepost.errors import DomainError, MisuseError, OverQuotaError
from gatepost.model import Account, Credential, CredentialKind, DeletePolicy, Flag, Scope, Verifier
from gatepost.store import wire
from gatepost.store.api import Changed
from gatepost.store.commands import (
    ANY_COMMAND,
    CreateAccount,
    CreateDomain,
    DeleteMessages,
    Deliver,
    Delivered,
    Inline,
    NewEmail,
    SetCredential,
    SetFlags,
    StageChunk,
    Staged,
    Target,
    UpdateAccount,
)

VERIFIER = Verifier("h", b"s", b"k")
COMMANDS = [
    CreateDomain("bücher.example"),
    UpdateAccount(5, quota=7, delete_policy=DeletePolicy.HOLD),
    SetCredential(5, "phone", "app", frozenset({Scope.POP3, Scope.SMTP}), VERIFIER),
    StageChunk(1, 2, b"\x00\xff"),
    Deliver(NewEmail(Inline(b"body"), 1, 2, b"s", original=Staged(1, b"h", 3)), (Target(5, "INBOX", uidl="u"),)),
    DeleteMessages(5, 6, (1, 2), DeletePolicy.TRASH),
    SetFlags(5, 6, (1,), Flag.SEEN | Flag.DRAFT),
]


def frames(data, values=wire.ToKeeper):
    return [value for value, _ in wire.Framer(values).feed(data)]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_commands_travel_unchanged(command):
    request = wire.Request(3, command)
    assert frames(wire.encode(request)) == [request]


def test_every_command_has_a_decoder_for_its_result():
    assert set(wire._RESULTS) == set(get_args(ANY_COMMAND))


@pytest.mark.parametrize(
    ("command", "result"),
    [
        (CreateDomain("x"), None),
        (CreateAccount("a@x", b""), Account(5, "a@x", delete_policy=DeletePolicy.TRASH, scram_salt=b"\xff")),
        (COMMANDS[4], (Delivered(1, 2, 3, 4, repeated=True),)),
        (COMMANDS[2], Credential(1, 5, "phone", CredentialKind.APP, frozenset({Scope.IMAP}), VERIFIER, 9)),
        (COMMANDS[5], 2),
    ],
)
def test_results_travel_unchanged(command, result):
    (done,) = frames(wire.encode_result(8, result), wire.ToWorker)
    assert done.number == 8
    assert wire.decode_result(command, done.result) == result


def test_a_result_of_another_kind_is_a_misuse():
    with pytest.raises(MisuseError):
        wire.decode_result(CreateDomain("x"), msgspec.Raw(msgspec.msgpack.encode(5)))


@pytest.mark.parametrize(
    "kind", [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, DomainError)]
)
def test_errors_keep_class_and_text(kind):
    (failed,) = frames(wire.encode_error(8, kind("what, and the fix")), wire.ToWorker)
    back = wire.decode_error(failed)
    assert (type(back), str(back)) == (kind, "what, and the fix")


def test_foreign_errors_travel_as_misuse():
    (failed,) = frames(wire.encode_error(8, KeyError("x")), wire.ToWorker)
    assert type(wire.decode_error(failed)) is MisuseError
    assert type(wire.decode_error(wire.Failed(1, "GoneError", "t"))) is MisuseError


@given(st.lists(st.integers(1, 60)))
def test_chunking_changes_nothing(cuts):
    data = b"".join(wire.encode(wire.Request(n, command)) for n, command in enumerate(COMMANDS))
    framer, found, start = wire.Framer(wire.ToKeeper), [], 0
    for cut in [*cuts, len(data)]:
        found += [value.command for value, _ in framer.feed(data[start : start + cut])]
        start += cut
    assert found == COMMANDS


def test_results_outlive_the_buffer():
    framer = wire.Framer(wire.ToWorker)
    (done, octets), *_ = framer.feed(wire.encode_result(1, 5) + b"\x00")
    list(framer.feed(b"\x00"))
    assert msgspec.msgpack.decode(done.result) == 5
    assert octets > 0


def test_pushes_and_subscriptions():
    pushed = wire.Pushed(Changed(1, 2, 3))
    assert frames(wire.encode(pushed), wire.ToWorker) == [pushed]
    assert frames(wire.encode(wire.Subscribe())) == [wire.Subscribe()]


def test_too_long_is_refused_on_both_sides(monkeypatch):
    with pytest.raises(MisuseError, match="release"):
        frames(struct.pack(">I", wire.MOST_OCTETS + 1))
    monkeypatch.setattr(wire, "MOST_OCTETS", 50)
    with pytest.raises(MisuseError, match="split"):
        wire.encode(wire.Request(1, StageChunk(1, 1, b"x" * 99)))


def test_garbage_is_refused():
    with pytest.raises(MisuseError, match="release"):
        frames(struct.pack(">I", 3) + b"abc")


@pytest.mark.parametrize("command", [CreateDomain("\ud800"), UpdateAccount(1 << 70)])
def test_what_cannot_be_sent_is_a_misuse(command):
    with pytest.raises(MisuseError):
        wire.encode(wire.Request(1, command))


def test_an_error_in_one_frame_is_found_again_after_the_good_ones():
    framer = wire.Framer(wire.ToKeeper)
    feed = framer.feed(wire.encode(wire.Subscribe()) + struct.pack(">I", 1) + b"\xc1")
    assert next(feed)[0] == wire.Subscribe()
    with pytest.raises(MisuseError):
        next(feed)
    assert isinstance(wire.decode_error(wire.Failed(1, "OverQuotaError", "t")), OverQuotaError)
