"""Every setting there is, typed and documented in the place where it is defined.

The reference page, the sample file and the checks of `gatepost config check` are made from this module:
a `Meta` description is what people read, the class docstring opens its section.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from gatepost.model import DeletePolicy

Seconds = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1)]
Days = Annotated[int, Meta(ge=1, le=36_500)]
LARGEST = 1_000_000_000
"""Octets of a message: ten times what mail servers take, and far below what the store can hold."""


def about(text: str) -> Meta:
    """A setting's description: one or two sentences for an administrator."""
    return Meta(description=text)


class Server(Struct, frozen=True, forbid_unknown_fields=True):
    """The machine, its data and its processes."""

    hostname: Annotated[str, about("Name that mail programs connect to; empty means this machine's own name.")] = ""
    data: Annotated[str, about("Directory of accounts, mail and keys, created with mode 0700.")] = "data"
    workers: Annotated[
        int, Meta(ge=0, le=64), about("Processes that talk to mail programs; 0 means one for each core.")
    ] = 0
    user: Annotated[
        str, about("When started as root, the user to become after binding the ports; empty: owner of `data`.")
    ] = ""
    drain: Annotated[
        Seconds,
        about("Seconds that SIGTERM leaves to sessions in the middle of a command before it ends them."),
    ] = 30
    log: Annotated[Literal["text", "json"], about("Form of the log: one line for each connection at its end.")] = "text"
    default_domain: Annotated[
        str, about("Domain of a login without one (`alice`); empty: the only domain, if there is just one.")
    ] = ""


class Certificate(Struct, frozen=True, forbid_unknown_fields=True):
    """A certificate with its key. Several may be given; the client's SNI chooses, the first is the default."""

    file: Annotated[str, about("PEM file: the server's certificate, then its intermediates.")]
    key: Annotated[str, about("PEM file with the private key; empty if it is in `file`.")] = ""


class Tls(Struct, frozen=True, forbid_unknown_fields=True):
    """Certificates and what is accepted. Files are watched: a renewed certificate is served within seconds."""

    certificate: Annotated[
        tuple[Certificate, ...],
        about("Certificates to serve; none: Gatepost makes one at its start, with a local authority."),
    ] = ()
    minimum: Annotated[
        Literal["TLSv1.2", "TLSv1.3"], about("Oldest version accepted (RFC 8997 asks for 1.2 at least).")
    ] = "TLSv1.2"


class ServiceSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """One service, by its name in the port table. What is left out keeps the table's default."""

    on: Annotated[bool | None, about("Whether the service listens; left out: as in the port table.")] = None
    port: Annotated[
        Annotated[int, Meta(ge=1, le=65535)] | None, about("Number to listen on; left out: the standard one.")
    ] = None
    addresses: Annotated[
        tuple[str, ...], about("Addresses to listen on, with `port`. `::` and `0.0.0.0` mean all.")
    ] = ("0.0.0.0", "::")
    listen: Annotated[tuple[str, ...], about("Further listeners, each `address:port` or `[v6-address]:port`.")] = ()
    proxy_from: Annotated[
        tuple[str, ...],
        about("Networks of load balancers that send a PROXY protocol v1 or v2 header; others must not."),
    ] = ()
    client_ca: Annotated[
        str, about("PEM file of authorities whose client certificates may log in (SASL EXTERNAL); empty: off.")
    ] = ""
    cleartext_login_from: Annotated[
        tuple[str, ...],
        about("Networks that may log in WITHOUT encryption on a STARTTLS service. Passwords can then be read."),
    ] = ()


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """Bounds that keep one client from hurting the others."""

    connections: Annotated[Count, about("Connections of all services together, for each worker.")] = 20_000
    connections_per_address: Annotated[Count, about("Connections from one IPv4 address or one IPv6 /64 at a time.")] = (
        50
    )
    connections_per_account: Annotated[Count, about("Sessions that one account may have open at a time.")] = 20
    handshakes_per_address: Annotated[
        Count,
        about(
            "TLS handshakes a second from one IPv4 address or one IPv6 /64, for each worker, after a burst of ten "
            "times as many; further ones wait for their turn."
        ),
    ] = 50
    handshakes_per_network: Annotated[
        Count, about("The same for all addresses of one IPv4 /24 or one IPv6 /48 together.")
    ] = 200
    allow: Annotated[
        tuple[str, ...], about("Networks that are never delayed, counted or refused; they always win.")
    ] = ("127.0.0.0/8", "::1/128")
    failures_before_refusal: Annotated[
        Count, about("Different wrong logins from one address within `failure_memory` before it is refused.")
    ] = 20
    failure_memory: Annotated[Seconds, about("Seconds after which failed logins are forgotten.")] = 600
    failure_delay: Annotated[
        Seconds, about("First delay after a wrong login; it doubles with each one, up to `failure_delay_most`.")
    ] = 1
    failure_delay_most: Annotated[Seconds, about("Longest delay before a login is looked at.")] = 5


class Pop3(Struct, frozen=True, forbid_unknown_fields=True):
    """How POP3 behaves."""

    maildrop: Annotated[
        Literal["exclusive", "snapshot"],
        about("`exclusive`: one session at a time, as RFC 1939 asks. `snapshot`: sessions overlap safely."),
    ] = "exclusive"
    lease: Annotated[
        Seconds, about("Seconds after which a peer that vanished without closing loses its maildrop lock.")
    ] = 60
    login_timeout: Annotated[Seconds, about("Seconds a client has before it is logged in.")] = 60
    idle_timeout: Annotated[
        Annotated[float, Meta(ge=600)], about("Seconds of silence after login (RFC 1939: at least 600).")
    ] = 600
    bad_commands: Annotated[Count, about("Commands that make no sense before the connection is ended.")] = 10
    language: Annotated[
        Literal["en", "de", "fr", "es", "ja"], about("Language of texts until the client chooses one (LANG).")
    ] = "en"
    kept_replies: Annotated[
        int,
        Meta(ge=0, le=1 << 40),
        about("Octets of messages sent within the last minute that each worker keeps ready in memory; 0 means none."),
    ] = 16 * 1024 * 1024


class Defaults(Struct, frozen=True, forbid_unknown_fields=True):
    """What a new account gets; each can be changed for an account later."""

    quota: Annotated[int, Meta(ge=0, le=1 << 60), about("Octets that an account may keep; 0 means no limit.")] = 0
    delete_policy: Annotated[
        DeletePolicy,
        about("What deleting by POP3 means: `purge`, `trash` (move to Trash) or `hold` (keep `hold_days`)."),
    ] = DeletePolicy.PURGE
    hold_days: Annotated[Days, about("Days that `hold` keeps a deleted message restorable.")] = 30


class Delivery(Struct, frozen=True, forbid_unknown_fields=True):
    """Mail that comes in."""

    plus_addressing: Annotated[bool, about("`alice+anything@example.com` reaches `alice@example.com`.")] = True
    message_size: Annotated[int, Meta(ge=1, le=LARGEST), about("Largest message accepted, in octets.")] = (
        100 * 1024 * 1024
    )
    over_quota: Annotated[
        Literal["defer", "refuse"],
        about(
            "What `gatepost mail deliver` answers for an account without room. `defer`: the mail server keeps the "
            "message and tries again; `refuse`: it goes back to its sender at once."
        ),
    ] = "defer"


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. Section names are the field names."""

    server: Server = Server()
    tls: Tls = Tls()
    service: dict[str, ServiceSettings] = {}
    limits: Limits = Limits()
    pop3: Pop3 = Pop3()
    defaults: Defaults = Defaults()
    delivery: Delivery = Delivery()
