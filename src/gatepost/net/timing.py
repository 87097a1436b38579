"""How long a connection waits for what."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """How long we wait for what, in seconds."""

    first_octets: float = 5.0
    """For a ClientHello on a port that begins with TLS, and for a PROXY header. TLS clients speak at once; who is
    silent so long waits for a greeting, and is told that there will be none."""
    greeting_delay: float = 0.02
    """On a STARTTLS port a client that means implicit TLS speaks at once, but a plaintext greeting sent before its
    ClientHello arrives would break its handshake. It sends that right behind the packet that makes the connection, so
    however far away it is, the ClientHello is only as late as the client is slow to make it: a few milliseconds."""
    handshake: float = 30.0
    """For the whole TLS handshake: slow phones on slow networks need a few seconds."""
    lease: float = 60.0
    """For a peer whose system does not answer; one that answers, and reads nothing, has as long as one that says
    nothing (`Session.idle_seconds`)."""
    stall: float = 60.0
    """For a peer that takes nothing of our last words: its session is over."""
    parting: float = 1.0
    """For the command that a session is at when its login does not hold any more: enough for a commit, not for the rest
    of a large message, of which the client must not see an end that is none."""
    linger: float = 2.0
    """For the peer to close its side after our last line."""
