"""Servers for the tests of this folder; `support.server` says what they can do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.server import Server, running

MESSAGES = tuple(
    b"From: bob@example.test\r\nSubject: number %d\r\n\r\nThis is message %d.\r\n" % (number, number)
    for number in range(1, 4)
)


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Server]:
    """One for all tests that leave it as it was: three messages for `LOGIN`, POP3 on both ports."""
    with running(messages=MESSAGES) as server:
        yield server


@pytest.fixture
def server() -> Iterator[Server]:
    """One of the test's own, to be mistreated."""
    with running(messages=MESSAGES[:1]) as server:
        yield server
