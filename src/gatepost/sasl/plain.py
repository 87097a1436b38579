"""The mechanisms that hand over a password, PLAIN (RFC 4616) and LOGIN, and EXTERNAL (RFC 4422 Appendix A)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from gatepost.sasl.prepare import checked_authzid, checked_name, checked_password, decode
from gatepost.sasl.steps import NeedIdentity, NeedPassword, SaslError, Say

USERNAME_PROMPT: Final = b"Username:"
PASSWORD_PROMPT: Final = b"Password:"
"""What LOGIN's clients wait for; some compare the text, so it is not ours to improve."""


class PlainServer:
    """One message: `authzid NUL authcid NUL password` (RFC 4616 §2)."""

    __slots__ = ("_over", "username")

    def __init__(self) -> None:
        self._over = False
        self.username = ""

    def step(self, data: bytes | None) -> Say | NeedPassword:
        """See `steps.Server`."""
        _still(self._over)
        if data is None:
            return Say(b"")
        self._over = True
        parts = decode(data).split("\0")
        if len(parts) != 3:
            raise SaslError("a PLAIN message is: identity to act as, NUL, user name, NUL, password")
        authzid, self.username, password = parts
        return NeedPassword(checked_authzid(authzid), checked_name(self.username), checked_password(password))


class LoginServer:
    """Asks for the name, then for the password; an initial response is the name."""

    __slots__ = ("_over", "username")

    def __init__(self) -> None:
        self._over = False
        self.username = ""

    def step(self, data: bytes | None) -> Say | NeedPassword:
        """See `steps.Server`."""
        _still(self._over)
        if data is None:
            return Say(USERNAME_PROMPT)
        text = decode(data)
        if not self.username:
            self.username = checked_name(text)
            return Say(PASSWORD_PROMPT)
        self._over = True
        return NeedPassword("", self.username, checked_password(text))


class ExternalServer:
    """One message: the identity to act as, or nothing (RFC 4422 Appendix A.1)."""

    __slots__ = ("_over", "username")

    def __init__(self) -> None:
        self._over = False
        self.username = ""

    def step(self, data: bytes | None) -> Say | NeedIdentity:
        """See `steps.Server`."""
        _still(self._over)
        if data is None:
            return Say(b"")
        self._over = True
        return NeedIdentity(checked_authzid(decode(data)))


def _still(over: bool) -> None:
    if over:
        raise SaslError("the exchange is over; begin a new one")


@dataclass(slots=True)
class PlainClient:
    """Says it all at once."""

    username: str
    password: str = field(repr=False)
    authzid: str = ""
    complete: bool = field(default=False, init=False)

    def step(self, challenge: bytes | None) -> bytes:
        """See `steps.Client`."""
        if self.complete or challenge:
            raise SaslError("the server sent a challenge that PLAIN does not have")
        name, password = checked_name(self.username), checked_password(self.password)
        self.complete = True
        return "\0".join((checked_authzid(self.authzid), name, password)).encode()


@dataclass(slots=True)
class LoginClient:
    """Answers two prompts, whatever their text: servers differ. Sends no initial response of its own accord."""

    username: str
    password: str = field(repr=False)
    complete: bool = field(default=False, init=False)
    _answers: int = field(default=0, init=False)

    def step(self, challenge: bytes | None) -> bytes:
        """See `steps.Client`; an initial response (challenge None) is the user name."""
        self._answers += 1
        match self._answers:
            case 1:
                return checked_name(self.username).encode()
            case 2 if challenge is not None:
                self.complete = True
                return checked_password(self.password).encode()
            case _:
                raise SaslError("the server sent a challenge that LOGIN does not have")


@dataclass(slots=True)
class ExternalClient:
    """Points at the certificate that TLS has shown already."""

    authzid: str = ""
    complete: bool = field(default=False, init=False)

    def step(self, challenge: bytes | None) -> bytes:
        """See `steps.Client`."""
        if self.complete or challenge:
            raise SaslError("the server sent a challenge that EXTERNAL does not have")
        self.complete = True
        return checked_authzid(self.authzid).encode()
