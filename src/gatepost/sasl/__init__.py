"""SASL (RFC 4422): both sides of the login exchanges, as pure step machines over bytes and values.

PLAIN (RFC 4616), LOGIN (never standardised, still asked for), SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802,
RFC 7677) with the channel bindings of RFC 5929 and RFC 9266, EXTERNAL (RFC 4422 Appendix A); passwords are
prepared as RFC 8265 asks.

`server(...)` and `client(...)` make an exchange. A server exchange asks for what it lacks by returning a value
(`NeedSalt`, `NeedKeys`, `NeedPassword`, `NeedIdentity`) whose `answer` takes it: whoever drives it looks that up.

Must never: do I/O, read a clock, draw randomness (nonces are arguments), decide who may enter (but for the
SCRAM proof, which is arithmetic), base64 (that is the protocol's framing), or show a secret in a repr.
"""

from gatepost.sasl.exchange import client, server

__all__ = ["client", "server"]
