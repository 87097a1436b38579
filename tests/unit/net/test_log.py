from __future__ import annotations

import json
import logging
import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.net.log import Log, LogHandler, to_stderr


def written(form: Any = "text", *, stamped: bool = False) -> tuple[Log, list[bytes]]:
    lines: list[bytes] = []
    return Log(form, lines.append, lambda: 1_700_000_000.25, stamped=stamped), lines


def test_a_connection_line_has_its_fields_in_order_without_empty_ones() -> None:
    log, lines = written()
    log.connection(
        {"service": "pop3s", "ip": "192.0.2.1", "tls": "TLSv1.3", "sni": "", "user": "alice@example.com", "bytes": 0}
    )
    assert lines == [b"pop3s: ip=192.0.2.1 tls=TLSv1.3 user=alice@example.com bytes=0\n"]


def test_text_lines_carry_the_time_outside_the_journal() -> None:
    log, lines = written(stamped=True)
    log.event("started", workers=2)
    assert lines == [b"2023-11-14T22:13:20.250Z gatepost: started workers=2\n"]


def test_under_the_journal_the_time_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    lines: list[bytes] = []
    Log("text", lines.append).event("started")
    assert lines == [b"gatepost: started\n"]


def test_json_lines() -> None:
    log, lines = written("json")
    log.connection({"service": "pop3s", "ip": "192.0.2.1", "seconds": 1.5, "user": 'x"\r\n{'})
    log.event("started", workers=2)
    assert [json.loads(line) for line in lines] == [
        {
            "time": "2023-11-14T22:13:20.250Z",
            "source": "pop3s",
            "ip": "192.0.2.1",
            "seconds": 1.5,
            "user": 'x"\r\n{',
        },
        {"time": "2023-11-14T22:13:20.250Z", "source": "gatepost", "event": "started", "workers": 2},
    ]
    assert all(line.count(b"\n") == 1 for line in lines)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "yes"),
        (False, "no"),
        (3, "3"),
        (0.12345, "0.123"),
        ("plain-text.v1", "plain-text.v1"),
        ("two words", '"two words"'),
        ('quote " and \\', '"quote \\" and \\\\"'),
        ("a\r\nip=6.6.6.6", '"a\\r\\nip=6.6.6.6"'),
        ("\x1b[2J", '"\\x1b[2J"'),
        ("\u202eevil", '"\\u202eevil"'),
        ("ålice", '"ålice"'),
        ("x" * 600, "x" * 500),
        ("", '""'),
    ],
)
def test_values_are_quoted_unless_plain(value: object, shown: str) -> None:
    log, lines = written()
    log.event("it", x=value)
    assert lines == [f"gatepost: it x={shown}\n".encode()]


@given(st.text())
def test_nothing_a_client_chooses_ends_a_line_or_adds_a_field(text: str) -> None:
    log, lines = written()
    log.connection({"service": "pop3s", "ip": "192.0.2.1", "user": text or "x"})
    line = lines[0].decode()
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    value = line[: -len("\n")].partition(" user=")[2]
    assert value[0] == value[-1] == '"' or " " not in value


def test_sentences_that_quote_others_stay_on_their_line() -> None:
    log, lines = written()
    log.event("bad\nname\x00 é")
    assert lines == ["gatepost: bad\\nname\\x00 é\n".encode()]


def test_lone_surrogates_can_be_written() -> None:
    log, lines = written()
    log.event("file \udcff is bad")
    assert lines == [b"gatepost: file \\udcff is bad\n"]


def test_a_reader_that_is_gone_does_not_matter(capfd: pytest.CaptureFixture[str]) -> None:
    to_stderr(b"hello\n")
    assert capfd.readouterr().err == "hello\n"
    saved = os.dup(2)
    reader, writer = os.pipe()
    os.dup2(writer, 2)
    os.close(reader)
    os.close(writer)
    try:
        to_stderr(b"nobody\n")
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def test_what_libraries_log_comes_into_the_same_log() -> None:
    log, lines = written()
    root, before = logging.root, logging.root.handlers[:]
    try:
        LogHandler(log).install()
        assert len(root.handlers) == 1
        logging.getLogger("gatepost.store").warning("the %s\nis slow", "disk")
        logging.getLogger("gatepost.store").info("mail expired")
        logging.getLogger("asyncio").info("nobody wants to know")
        try:
            raise ZeroDivisionError("oops\r\n")
        except ZeroDivisionError:
            logging.getLogger("asyncio").exception("a task failed")
    finally:
        root.handlers[:] = before
        logging.getLogger("gatepost").setLevel(logging.NOTSET)
    assert lines.pop(1) == b"gatepost: mail expired level=info by=gatepost.store\n"
    assert lines[0] == b"gatepost: the disk\\nis slow level=warning by=gatepost.store\n"
    assert lines[1].startswith(b"gatepost: a task failed level=error by=asyncio")
    assert any(line.startswith(b"gatepost: ZeroDivisionError: oops") for line in lines)


def test_a_list_is_quoted_item_by_item() -> None:
    lines: list[bytes] = []
    record = {"service": "pop3s", "failed": ('a", b="c', "d e", "f"), "none": ()}
    Log("text", lines.append, stamped=False).connection(record)
    Log("json", lines.append, stamped=False).connection(record)
    assert lines[0] == b'pop3s: failed="a\\", b=\\"c","d e",f\n'
    assert b'"failed":["a\\", b=\\"c","d e","f"]' in lines[1]
    assert b"none" not in b"".join(lines)
