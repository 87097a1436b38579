from __future__ import annotations

import pytest

from gatepost.delivery.once import QUEUED_SECONDS, REPEATED_SECONDS, for_this_call, once_for

QUEUED = b"Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\nMessage-ID: <m@x>\n\nbody\n"
NAMED = b"Message-ID: <m@x>\n\nbody\n"
PLAIN = b"Subject: backup done\n\nall is well\n"


@pytest.mark.parametrize(
    "added",
    [
        b"Return-Path: <bob@x>\n",
        b"Return-path: <>\nEnvelope-to: alice@x,\n bob@x\nDelivery-date: Mon, 1 Jan 2024 00:00:01 +0000\n",
        b"X-Original-To: team@x\nDelivered-To: alice@x\n",
    ],
)
def test_what_the_last_server_adds_makes_no_other_message(added: bytes) -> None:
    assert once_for(added + QUEUED, "INBOX") == once_for(QUEUED, "INBOX")


@pytest.mark.parametrize(
    "other",
    [
        QUEUED.replace(b"00:00:00", b"00:00:01"),
        QUEUED.replace(b"m@x", b"n@x"),
        QUEUED.replace(b"body", b"more"),
        QUEUED.replace(b"; Mon", b";\n Mon"),
        b"X: y\n" + QUEUED,
        QUEUED + b"\nDelivered-To: quoted in the body\n",
    ],
)
def test_another_arrival_is_another_message(other: bytes) -> None:
    assert once_for(other, "INBOX") != once_for(QUEUED, "INBOX")


def test_each_mailbox_gets_it() -> None:
    assert once_for(QUEUED, "Work") != once_for(QUEUED, "INBOX")


def test_how_long_it_is_remembered() -> None:
    assert once_for(QUEUED, "INBOX").seconds == QUEUED_SECONDS
    assert once_for(QUEUED.replace(b"\n", b"\r\n"), "INBOX").seconds == QUEUED_SECONDS
    assert once_for(NAMED, "INBOX").seconds == REPEATED_SECONDS
    assert once_for(NAMED, "INBOX") == once_for(NAMED, "INBOX")


def test_two_equal_messages_that_nothing_tells_apart_are_two() -> None:
    assert once_for(PLAIN, "INBOX") != once_for(PLAIN, "INBOX")
    assert once_for(b"no header", "INBOX") != once_for(b"no header", "INBOX")
    assert once_for(b"\nReceived: in the body\n", "INBOX") != once_for(b"\nReceived: in the body\n", "INBOX")
    assert for_this_call() != for_this_call()
