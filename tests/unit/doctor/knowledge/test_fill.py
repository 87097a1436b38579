import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatepost.doctor.knowledge.fill import VALUE_LIMIT, fill, fill_command, placeholders, shell_word
from gatepost.text import printable

WORDS = {"host": "the server", "port": "this port", "days": "some", "names": "", "file": "the file"}


def filled(text, **values):
    return fill(text, values, lambda name: WORDS.get(name, ""))


@pytest.mark.parametrize(
    ("text", "values", "result"),
    [
        ("Ask {host}.", {"host": "mx.example"}, "Ask mx.example."),
        ("Ask {host}.", {}, "Ask the server."),
        ("{host} is down. {host} is late.", {}, "The server is down. The server is late."),
        ("{host} is down", {"host": "mx"}, "mx is down"),
        ("open on port {port} of {host}", {}, "open on this port of the server"),
        ("Port {port} is open", {}, "This port is open"),
        ("Port {port} is open", {"port": "25"}, "Port 25 is open"),
        ("from the file {file} here", {}, "from the file here"),
        ("The file {file} is here", {}, "The file is here"),
        ("your file {file}", {}, "your the file"),
        ("Port {port}, port {port}", {}, "This port, this port"),
        ("for {days} days", {}, "for some days"),
        ("It is wrong. It is for: {names}.", {}, "It is wrong."),
        ("It is wrong. It is for: {names}.", {"names": "a, b"}, "It is wrong. It is for: a, b."),
        ("For: {names}.", {}, "For."),
        ("Not trusted: {host}", {}, "Not trusted"),
        ("Not trusted: {host}", {"host": "x"}, "Not trusted: x"),
        ("For {names}.", {}, "For …."),
        ("Autorité inconnue : {host}", {}, "Autorité inconnue"),
        ("See e.g. {host}", {}, "See e.g. The server"),
        ("{not a placeholder} {0} {host.__class__}", {}, "{not a placeholder} {0} {host.__class__}"),
        ("", {}, ""),
    ],
)
def test_placeholders_are_filled(text, values, result):
    assert filled(text, **values) == result


def test_values_are_made_printable_and_short():
    assert filled("{host}", host="a\x1b[31mb") == "a\\x1b[31mb"
    assert len(filled("{host}", host="x" * 9999)) == VALUE_LIMIT


def test_placeholders_in_values_are_not_filled_again():
    assert filled("{host}", host="{port}") == "{port}"


def test_placeholders_are_listed():
    assert placeholders("{host} {port} {host} {X} {}") == {"host", "port"}


@pytest.mark.parametrize(
    ("values", "result"),
    [
        ({}, "nc HOST PORT"),
        ({"host": "mx.example", "port": "25"}, "nc mx.example 25"),
        ({"host": "2001:db8::1", "port": "25"}, "nc 2001:db8::1 25"),
        ({"host": "$(reboot)", "port": "2;5"}, "nc HOST PORT"),
        ({"host": "-e", "port": "25\n"}, "nc HOST PORT"),
    ],
)
def test_commands_take_only_what_is_safe_in_a_shell(values, result):
    assert fill_command("nc {host} {port}", values) == result


def test_a_shell_word_is_itself():
    assert shell_word("anna@example.org") == "anna@example.org"


@given(st.text())
def test_everything_becomes_printable(text):
    assert printable(text, VALUE_LIMIT).isprintable()
    assert len(printable(text, VALUE_LIMIT)) <= VALUE_LIMIT
