"""Sizes and times, as people write and read them."""

from __future__ import annotations

import re
import time
from typing import Final

from gatepost.errors import InvalidValueError

_SIZE: Final = re.compile(r"([0-9]{1,15})\s*([KMGT]?)(?:I?B)?", re.IGNORECASE)
_UNITS: Final = ("", "K", "M", "G", "T")
_LARGEST: Final = 1 << 60
"""Octets, one EiB: below what 64 bits can hold, above every disk."""


def parse_size(text: str) -> int:
    """Octets of `5G`, `500M`, `1048576`; units are powers of 1024. Raises InvalidValueError."""
    match = _SIZE.fullmatch(text.strip())
    if not match:
        raise InvalidValueError(f"{text!r} is not a size: write a number, with K, M, G or T, like 5G")
    octets = int(match[1]) << 10 * _UNITS.index(match[2].upper())
    if octets > _LARGEST:
        raise InvalidValueError(f"{text!r} is more than any disk holds: write a size like 5G, or 0 for no limit")
    return octets


def show_size(octets: int) -> str:
    """`1.5 GiB`; whole octets below 1 KiB."""
    if octets < 1024:
        return f"{octets} B"
    power = min((octets.bit_length() - 1) // 10, len(_UNITS) - 1)
    number = f"{octets / (1 << 10 * power):.1f}".removesuffix(".0")
    return f"{number} {_UNITS[power]}iB"


def show_quota(octets: int) -> str:
    return show_size(octets) if octets else "no limit"


def show_time(seconds: int) -> str:
    """UTC to the minute; `never` for 0."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds)) if seconds else "never"


def iso_time(seconds: int) -> str | None:
    """RFC 3339, for programs."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)) if seconds else None
