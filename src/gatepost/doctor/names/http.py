"""One HTTP question: small, bounded in octets and time, over verified TLS, to addresses that our own resolver gave.

Where a redirect leads is said by a stranger, so it leads to the web only: http or https at their own ports, never from
https to http, and never from the Internet into this network or this machine. Nor do records of a stranger lead there,
unless the person says that the domain is inside of this network.

RFC 9112. The standard library's client would block a thread in the system's resolver, and could not be cancelled.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from gatepost.doctor.facts import Outcome
from gatepost.doctor.look.trust import verifying
from gatepost.doctor.names.reading import nearness
from gatepost.doctor.names.resolver import Resolver
from gatepost.doctor.names.spelling import BadNameError, ascii_name, literal
from gatepost.hostname import ascii_host
from gatepost.numbers import number

LARGEST: Final = 256 * 1024
"""Octets of a body, and of anything else that is read at once."""
REDIRECTS: Final = 3
MOVED: Final = frozenset({301, 302, 303, 307, 308})
PORTS: Final = {"https": 443, "http": 80}
PATH: Final = "/?#[]@!$&'()*+,;=:%"
"""Signs of a path that stay as they are: a redirect may hold spaces or letters of any script."""
ADDRESSES: Final = 3
"""Addresses of a host that are tried, one after the other."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of it."""

    url: str
    """Where the answer came from: behind redirects, if there were any."""
    status: int = 0
    """0: there was no HTTP answer."""
    body: bytes = b""
    error: str = ""
    there: bool = False
    """Whether something answered, if not as it should: a certificate that does not verify, no HTTP, too much."""


Fetch = Callable[[str], Awaitable[Fetched]]
"""Gets a URL. Raises nothing."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer on the way: where it says to go instead, and how near the server was."""

    fetched: Fetched
    location: str = ""
    nearness: int = 0


class _OddAnswerError(Exception):
    """The server does not keep to HTTP, or says too much."""


class Fetcher:
    """The real `Fetch`."""

    def __init__(
        self,
        resolver: Resolver,
        *,
        ca_file: str = "",
        timeout: float = 3.0,
        ports: Mapping[str, int] = PORTS,
        inside: bool = False,
    ) -> None:
        """`timeout`: seconds for one URL with all its redirects. `ca_file`: authorities to be trusted as well.
        `inside`: names may lead to private addresses, too.

        `ports`: where a URL without a port leads. Raises OSError if `ca_file` cannot be read.
        """
        self._resolver = resolver
        self._timeout = timeout
        self._ports = ports
        self._tls = verifying(ca_file)
        self._nearest = None if inside else 0

    async def __call__(self, url: str) -> Fetched:
        """Gets the URL."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._follow(url)
        except TimeoutError:
            return Fetched(url, error="timed out")

    async def _follow(self, url: str) -> Fetched:
        nearest = self._nearest
        for _ in range(1 + REDIRECTS):
            answer = await self._get(url, nearest)
            if answer.fetched.status not in MOVED or not answer.location:
                return answer.fetched
            target = _joined(url, answer.location)
            if url.startswith("https:") and not target.startswith("https:"):
                why = f"redirected away from https, to {target}"
                return Fetched(url, answer.fetched.status, error=why, there=True)
            nearest = answer.nearness if nearest is None else nearest
            url = target
        return Fetched(url, answer.fetched.status, error="too many redirects", there=True)

    async def _get(self, url: str, nearest: int | None) -> _Answer:
        """The answer. No server is asked that is nearer to this machine than `nearest`; None: any may be."""
        try:
            parts = urlsplit(url)
            host = _plain(parts.hostname or "")
            port = self._port(parts)
            addresses = (host,) if literal(host) else await self._addresses(host)
        except (BadNameError, ValueError, KeyError) as error:
            return _Answer(Fetched(url, error=f"not a web address: {error}"))
        allowed = [each for each in addresses if nearest is None or nearness(each) <= nearest]
        if addresses and not allowed:
            why = f"leads into a private network, to {addresses[0]}: not asked"
            return _Answer(Fetched(url, error=why, there=True))
        return await self._first(url, _request(parts, host), host, [(address, port) for address in allowed])

    async def _first(self, url: str, request: bytes, host: str, places: list[tuple[str, int]]) -> _Answer:
        """The answer of the first address that can be reached."""
        failed = Fetched(url, error="the name has no address")
        for place in places[:ADDRESSES]:
            try:
                return await self._exchange(url, request, host, place)
            except ssl.SSLCertVerificationError as error:
                return _Answer(Fetched(url, error=f"certificate: {error.verify_message}", there=True))
            except (ssl.SSLError, _OddAnswerError) as error:
                return _Answer(Fetched(url, error=str(error), there=True))
            except OSError as error:
                failed = Fetched(url, error=str(error))
        return _Answer(failed)

    def _port(self, parts: SplitResult) -> int:
        """The scheme's own port. Raises ValueError for any other, KeyError for another scheme."""
        port = self._ports[parts.scheme]
        if parts.port not in {None, port}:
            raise ValueError(f"port {parts.port} is not that of {parts.scheme}")
        return port

    async def _addresses(self, host: str) -> tuple[str, ...]:
        """IPv4 first: a broken IPv6 route must not eat up the time."""
        lookups = await asyncio.gather(self._resolver.ask(host, "A"), self._resolver.ask(host, "AAAA"))
        return tuple(value for lookup in lookups if lookup.outcome is Outcome.ANSWER for value in lookup.values)

    async def _exchange(self, url: str, request: bytes, host: str, where: tuple[str, int]) -> _Answer:
        secure = url.lower().startswith("https:")
        reader, writer = await asyncio.open_connection(
            *where,
            limit=LARGEST,
            ssl=self._tls if secure else None,
            server_hostname=ascii_host(host) if secure else None,
        )
        try:
            writer.write(request)
            status, headers = await _head(reader)
            body = b"" if status in MOVED else await _body(reader, headers)
        except (ValueError, IndexError, UnicodeError) as error:
            raise _OddAnswerError("this is no HTTP answer") from error
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise _OddAnswerError("the answer breaks off, or is too long") from error
        finally:
            writer.transport.abort()  # nothing more is said: a polite TLS farewell could keep us waiting
        return _Answer(Fetched(url, status, body), headers.get("location", ""), nearness(where[0]))


def _joined(url: str, location: str) -> str:
    """Where the redirect leads; what is no URL leads nowhere."""
    try:
        return urljoin(url, location)
    except ValueError:
        return location


def _plain(host: str) -> str:
    return host if literal(host) else ascii_name(host)


def _request(parts: SplitResult, host: str) -> bytes:
    port = f":{parts.port}" if parts.port else ""
    name = f"[{host}]" if ":" in host else host
    path = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=PATH)
    lines = (f"GET {path} HTTP/1.1", f"Host: {name}{port}", "User-Agent: Gatepost", "Accept: */*", "Connection: close")
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii")


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    version, status = first.split()[:2]
    if not version.startswith("HTTP/1."):
        raise ValueError(version)
    fields = (line.partition(":") for line in lines)
    code = number(status, 999)
    if code is None:
        raise ValueError(status)
    return code, {name.strip().lower(): value.strip() for name, _, value in fields}


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return await _chunks(reader)
    if "content-length" in headers:
        return await reader.readexactly(_bounded(number(headers["content-length"], LARGEST)))
    pieces: list[bytes] = []
    while piece := await reader.read(LARGEST):
        pieces.append(piece)
        _bounded(sum(map(len, pieces)))
    return b"".join(pieces)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    """RFC 9112 §7.1; trailers are left lying."""
    body = bytearray()
    while size := _bounded(number((await reader.readuntil(b"\n")).partition(b";")[0].strip(), LARGEST, 16)):
        _bounded(len(body) + size)
        body += (await reader.readexactly(size + 2))[:size]
    return bytes(body)


def _bounded(size: int | None) -> int:
    """Raises _OddAnswerError for more than we read, and for what is no number."""
    if size is None or size > LARGEST:
        raise _OddAnswerError(f"the answer is longer than {LARGEST // 1024} kB")
    return size
