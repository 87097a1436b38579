import tomllib
from datetime import date
from typing import Annotated

import pytest
from msgspec import Meta, structs

from gatepost.config import kinds
from gatepost.config.settings import Defaults, Limits, Pop3, Server, ServiceSettings, Tls


def annotation(cls, name):
    return next(field.type for field in structs.fields(cls) if field.name == name)


@pytest.mark.parametrize(
    ("cls", "name", "words"),
    [
        (Server, "hostname", "text"),
        (Server, "workers", "whole number, 0 to 64"),
        (Server, "log", 'one of "json", "text"'),
        (Limits, "connections", "whole number, at least 1"),
        (Limits, "allow", "list of texts"),
        (Pop3, "idle_timeout", "number, at least 600"),
        (Defaults, "delete_policy", 'one of "hold", "purge", "trash"'),
        (ServiceSettings, "on", "true or false"),
        (ServiceSettings, "port", "whole number, 1 to 65535"),
        (Tls, "certificate", "tables"),
    ],
)
def test_types_in_words(cls, name, words):
    assert kinds.describe(annotation(cls, name)) == words


def test_a_number_without_bounds():
    assert kinds.describe(int) == "whole number"


def test_descriptions():
    assert kinds.description(annotation(Server, "drain")).startswith("Seconds that SIGTERM")
    assert kinds.description(int) == ""
    assert kinds.description(Annotated[int, Meta(ge=1)]) == ""


@pytest.mark.parametrize("value", [True, 3, 2.5, 'a "b" \\ c', ["x", 1], {"a": [1], "b": "c"}])
def test_quoted_values_are_toml(value):
    assert tomllib.loads(f"x = {kinds.quote(value)}")["x"] == value


def test_what_toml_has_beyond_that_is_shown_too():
    assert kinds.quote(date(2025, 1, 2)) == "2025-01-02"
    assert kinds.quote(("a",)) == '["a"]'
