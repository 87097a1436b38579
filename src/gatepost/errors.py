"""The three families of errors: the peer's fault, our misuse, and failures of the domain.

A `PeerError` is what somebody on the wire did wrong. A `MisuseError` is a bug in Gatepost: it is never
caught to be hidden. A `DomainError` is a failure that the person concerned can understand ("no such
mailbox"); it knows no protocol: each protocol holds one table from domain error to reply.

Every error carries a public text, fit for the peer, and keeps the private cause in `__cause__`.
"""

from __future__ import annotations


class GatepostError(Exception):
    """Root of all errors that Gatepost raises on purpose; `str()` is fit for the person concerned."""


class PeerError(GatepostError):
    """The other side broke the protocol or one of our limits."""


class MisuseError(GatepostError):
    """Our own code called something in a way that its contract forbids."""


class DomainError(GatepostError):
    """A failure in terms of mail, accounts and storage."""


class NoSuchDomainError(DomainError):
    """The domain is not one of ours."""


class NoSuchAccountError(DomainError):
    """No account has this login or id."""


class NoSuchAddressError(DomainError):
    """Nothing here receives mail for this address."""


class NoSuchMailboxError(DomainError):
    """The account has no mailbox of this name."""


class NoSuchMessageError(DomainError):
    """The message is not (or no longer) there."""


class NoSuchCredentialError(DomainError):
    """The account has no credential of this name."""


class AlreadyExistsError(DomainError):
    """The domain, account, address or credential exists already."""


class NotEmptyError(DomainError):
    """A domain with accounts in it is not removed."""


class OverQuotaError(DomainError):
    """The account's quota leaves no room for this message."""


class MaildropInUseError(DomainError):
    """Another session holds the exclusive maildrop lock (RFC 1939 §4)."""


class InvalidValueError(DomainError):
    """A value (address, name, number) is not of the form that it must have."""


class StoreUnavailableError(DomainError):
    """The store cannot be reached now; whether the last write happened is unknown. Trying again is safe."""


class StoreHeldError(StoreUnavailableError):
    """Another process has the store open for itself; the text names it."""


class ForeignFileError(StoreUnavailableError):
    """Something that Gatepost did not make has the name of one of its files; the text says what, and the fix."""


class StoreFullError(DomainError):
    """The disk has no room: nothing was written, reading goes on."""


class StoreCorruptError(DomainError):
    """The store's own checks failed; see `gatepost store verify`."""


class ConfigError(GatepostError):
    """The configuration cannot be used; the text names file, line, what is wrong and the fix."""


class CertificateError(GatepostError):
    """A certificate or key is missing, unreadable, expired or does not match; the text says which and the fix."""


class PortInUseError(GatepostError):
    """A port is taken; the text names the process that holds it, where the system tells."""
