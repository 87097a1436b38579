"""Host names with letters beyond ASCII: the one place that turns them into what DNS, TLS and certificates know.

IDNA 2008 (RFC 5890 to 5892) by the `idna` package. Python's own codec, which `socket` and `ssl` use for text beyond
ASCII, is IDNA 2003: it makes `strasse` of `straße`, which is another host. So no such text may reach them. Pure.
"""

from __future__ import annotations

import re
from typing import Final

import idna

DOTS: Final = re.compile("[.\u3002\uff0e\uff61]")
"""UTS 46 §2.3: full stops of other scripts separate labels too."""


def ascii_host(name: str) -> str:
    """`Bücher.example` as `xn--bcher-kva.example`; a name in ASCII, or an address, just as it is.

    Raises UnicodeError (a ValueError) for what no name can hold.
    """
    if name.isascii():
        return name
    labels = DOTS.split(name)
    if "" in labels[:-1]:
        raise UnicodeError(f"{name!r}: a label is empty")
    return ".".join(ascii_label(label) for label in labels)


def ascii_label(label: str) -> str:
    """One label as people type it, mapped as in UTS 46: case and width do not count. Raises UnicodeError."""
    return label if label.isascii() else idna.encode(label, uts46=True).decode("ascii")


def a_label(label: str) -> str:
    """A label that is in its one form already. Raises UnicodeError if it is no U-label (RFC 5891 §4.2)."""
    return label if label.isascii() else idna.alabel(label).decode("ascii")


def u_label(label: str) -> str:
    """What an A-label stands for. Raises UnicodeError when it is not the A-label of anything."""
    found = idna.ulabel(label)
    if found.isascii() or a_label(found) != label:
        raise UnicodeError(label)
    return found
