from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from gatepost.cli.main import build
from gatepost.cli.welcome import welcome_messages
from gatepost.mime.ingest import ingest, parse

VALUES = {
    "login": "alice@example.test",
    "host": "localhost",
    "port": "995",
    "ca": "/srv/<data> & more/ca.pem",
    "data": "/srv/data",
    "version": "1.2.3",
    "folder": "/srv",
    "gatepost": "gatepost",
}
NOW = 1_700_000_000


def messages() -> list[bytes]:
    return list(welcome_messages(VALUES, NOW))


def test_there_are_four_with_their_own_subjects_and_dates() -> None:
    heads = [message.partition(b"\r\n\r\n")[0].decode() for message in messages()]
    subjects = [re.search(r"^Subject: (.+)\r$", head, re.MULTILINE)[1] for head in heads]
    assert [subject.split()[0] for subject in subjects] == ["Welcome", "Set", "POP3", "How"]
    assert "Date: Tue, 14 Nov 2023 22:13:21 +0000" in heads[0]
    assert len({re.search(r"Message-ID: (\S+)", head)[1] for head in heads}) == 4


def test_a_path_that_is_not_ascii_is_said_in_utf_8() -> None:
    first = next(iter(welcome_messages(VALUES | {"folder": "/home/jörg\udcff"}, NOW)))
    assert "/home/jörg?".encode() in first
    assert [part.params for part in parse(first).body.parts] == [((b"charset", b"utf-8"),)] * 2


def test_they_are_clean_mime_for_every_transport() -> None:
    for message in messages():
        assert message.isascii()
        assert message.endswith(b"\r\n")
        assert b"\n" not in message.replace(b"\r\n", b"")
        assert max(map(len, message.split(b"\r\n"))) <= 998
        known = ingest(message)
        assert known.message_id
        body = parse(message).body
        assert [part.subtype for part in body.parts] == [b"plain", b"html"]


def test_values_stand_in_both_halves_and_are_escaped_in_html() -> None:
    text, _, markup = messages()[1].decode().partition("Content-Type: text/html")
    assert "    /srv/<data> & more/ca.pem" in text
    assert "/srv/&lt;data&gt; &amp; more/ca.pem" in markup
    assert "Port             995" in text
    assert "<li>" in markup
    assert markup.count("<ol") == markup.count("</ol>")
    assert markup.count("<pre>") == markup.count("</pre>")


def test_text_lines_stay_short() -> None:
    for message in messages():
        text = message.partition(b"text/plain")[2].partition(b"\r\n--=")[0]
        assert max(len(line) for line in text.split(b"\r\n") if not line.startswith(b"    ")) <= 79


def test_they_do_not_promise_what_this_release_cannot_do() -> None:
    assert "does not speak IMAP yet" in messages()[0].decode().replace("\r\n", " ")


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(KeyError):
        list(welcome_messages({"login": "alice@example.test"}, NOW))


def test_every_command_that_they_name_exists() -> None:
    named = {
        tuple(re.findall(r"[a-z]+", found)[: 3 if " app " in found else 2])
        for message in messages()
        for found in re.findall(r"gatepost ((?:[a-z]+ ){1,3}[a-z]+|[a-z]+)", message.decode())
    }
    groups = {"password", "user", "mail", "store"}
    commands = {words for words in named if words[0] in groups}
    assert {("password", "set"), ("password", "app", "add"), ("mail", "import"), ("store", "backup")} <= commands
    for words in commands:
        assert CliRunner().invoke(build(object()), [*words, "--help"]).exit_code == 0, words
