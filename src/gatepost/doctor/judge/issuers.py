"""Names in the issuers of certificates: who puts themselves between, and who is trusted everywhere."""

from __future__ import annotations

import re
from typing import Final

_INTERCEPTORS: Final = {
    "avast": "Avast",
    "avg": "AVG",
    "bitdefender": "Bitdefender",
    "eset": "ESET",
    "kaspersky": "Kaspersky",
    "g data": "G DATA",
    "dr.web": "Dr.Web",
    "mcafee": "McAfee",
    "adguard": "AdGuard",
    "fortinet": "Fortinet FortiGate",
    "fortigate": "Fortinet FortiGate",
    "zscaler": "Zscaler",
    "sophos": "Sophos",
    "netskope": "Netskope",
    "palo alto": "Palo Alto Networks",
    "cisco umbrella": "Cisco Umbrella",
    "blue coat": "Blue Coat",
    "check point": "Check Point",
    "checkpoint": "Check Point",
    "watchguard": "WatchGuard",
    "sonicwall": "SonicWall",
    "untangle": "Untangle",
    "mitmproxy": "mitmproxy",
    "norton": "Norton",
    "web/mail shield": "Avast",
    "nod32": "ESET",
    "trend micro": "Trend Micro",
    "f-secure": "F-Secure",
    "panda security": "Panda",
    "bullguard": "BullGuard",
    "net-defender": "Bitdefender",
    "dr web": "Dr.Web",
    "spider agent": "Dr.Web",
    "quick heal": "Quick Heal",
    "forcepoint": "Forcepoint",
    "websense": "Forcepoint",
    "barracuda": "Barracuda",
    "iboss": "iboss",
    "securly": "Securly",
    "lightspeed systems": "Lightspeed",
    "smoothwall": "Smoothwall",
    "contentkeeper": "ContentKeeper",
    "menlo security": "Menlo Security",
    "cloudflare gateway": "Cloudflare Gateway",
    "squid": "Squid",
    "portswigger": "Burp",
    "charles proxy": "Charles",
    "fiddler": "Fiddler",
    "pfsense": "pfSense",
}
"""Programs and boxes that stand between mail programs and servers and make certificates on the fly."""

_PUBLIC: Final = (
    "let's encrypt", "digicert", "sectigo", "globalsign", "google trust services", "godaddy", "entrust", "zerossl",
    "amazon", "buypass", "comodo", "usertrust", "certum", "actalis", "harica", "telesec", "swisssign", "geant",
    "thawte", "geotrust", "rapidssl", "microsoft", "identrust", "ssl corp", "ssl.com", "cloudflare", "gandi",
)  # fmt: skip
"""Authorities whose roots every system trusts: where a chain breaks behind them, a link is missing."""


def interceptor(issuer: str) -> str:
    """The product that makes certificates of this issuer; empty: none that is known."""
    return next((product for word, product in _INTERCEPTORS.items() if _is_in(word, issuer)), "")


def is_public(issuer: str) -> bool:
    """Whether it is an authority that every system trusts."""
    return any(_is_in(word, issuer) for word in _PUBLIC)


def is_kin(issuer: str, authority: str) -> bool:
    """Whether an issuer seems to be below an authority: other names of the same house. Both as in RFC 4514."""
    return issuer != authority and bool(_telling(issuer) & _telling(authority))


_COMMON: Final = frozenset(
    re.findall(
        r"\w+",
        "authority certificate certification class global inc intermediate internal issuing ltd network root server"
        " sub subordinate the tls ssl ecc rsa and for com net org local",
    )
)
"""Words that authorities of all houses have in their names."""


def _telling(name: str) -> set[str]:
    parts = re.findall(r"(?:^|,)(?:CN|O|DC)=((?:\\.|[^,\\])*)", name)
    words = {word.lower() for part in parts for word in re.findall(r"[^\W\d_]{3,}", part)}
    return words - _COMMON


def _is_in(words: str, issuer: str) -> bool:
    return re.search(rf"\b{re.escape(words)}\b", issuer, re.IGNORECASE) is not None
