"""Numbers that strangers wrote. Every one of them goes through here.

`int()` alone will not do: it raises for more digits than the interpreter allows, takes time that grows with their
square, and reads signs, underscores and blanks. `isdigit()` before it does not help: `²` is a digit that it refuses.
"""

from __future__ import annotations

import re
from typing import Final

_DIGITS: Final = {10: re.compile(rb"[0-9]{1,40}"), 16: re.compile(rb"[0-9A-Fa-f]{1,40}")}
"""Forty: no number that we know has half of that, and some are filled up with zeros."""


def number(text: str | bytes, most: int, base: int = 10) -> int | None:
    """What ASCII digits say (base 10 or 16), if it is at most `most`; None for that and for everything else."""
    octets = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if _DIGITS[base].fullmatch(octets) is None:
        return None
    value = int(octets, base)
    return value if value <= most else None
