"""The types of settings in words, the same in the reference page and in what a check advises."""

from __future__ import annotations

from typing import Any

from msgspec import inspect


def of(annotation: Any) -> inspect.Type:
    """The bare type of an annotation: what a value must be where one is given."""
    return _unwrap(inspect.type_info(annotation))


def describe(annotation: Any) -> str:
    """A value's form for people, e.g. `whole number, 1 to 65535`."""
    return _describe(inspect.type_info(annotation))


def description(annotation: Any) -> str:
    """What the annotation says about itself (`settings.about`), or nothing."""
    type_ = inspect.type_info(annotation)
    schema = type_.extra_json_schema if isinstance(type_, inspect.Metadata) else None
    return str((schema or {}).get("description", ""))


def _unwrap(type_: inspect.Type) -> inspect.Type:
    while True:
        match type_:
            case inspect.Metadata(type=inner):
                type_ = inner
            case inspect.UnionType(types=types):
                type_ = next(inner for inner in types if not isinstance(inner, inspect.NoneType))
            case _:
                return type_


def _describe(type_: inspect.Type) -> str:
    match _unwrap(type_):
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=low, le=high):
            return "whole number" + _bounds(low, high)
        case inspect.FloatType(ge=low, le=high):
            return "number" + _bounds(low, high)
        case inspect.LiteralType(values=values):
            return _one_of(list(values))
        case inspect.EnumType(cls=cls):
            return _one_of([member.value for member in cls])
        case inspect.VarTupleType(item_type=item) if isinstance(_unwrap(item), inspect.StructType):
            return "tables"
        case inspect.VarTupleType(item_type=item):
            return f"list of {_describe(item)}s"
        case _:
            return "text"


def quote(value: object) -> str:
    """A value as TOML writes it."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case list() | tuple():
            return "[" + ", ".join(quote(item) for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{key} = {quote(item)}" for key, item in value.items()) + "}"
        case _:
            return str(value)


def _bounds(low: float | None, high: float | None) -> str:
    if low is None:
        return ""
    return f", at least {low}" if high is None else f", {low} to {high}"


def _one_of(values: list[Any]) -> str:
    return "one of " + ", ".join(sorted(quote(value) for value in values))
