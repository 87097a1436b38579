"""A small web server on loopback, in the test's own loop, with or without TLS: pages by (host, path), as raw answers.

async with web_server({("autoconfig.example.test", "/mail/config-v1.1.xml"): page(XML)}, tls=context) as server:
    Fetcher(resolver, ca_file=…, ports={"https": server.port})
"""

import asyncio
from contextlib import asynccontextmanager


def page(body, status="200 OK", **headers):
    """An answer with a length."""
    octets = body.encode() if isinstance(body, str) else body
    fields = {"Content-Length": str(len(octets)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    return (
        "".join(
            (f"HTTP/1.1 {status}\r\n", *(f"{name}: {value}\r\n" for name, value in fields.items()), "\r\n")
        ).encode()
        + octets
    )


def moved(location):
    return page("", "302 Found", Location=location)


MISSING = page("nothing here", "404 Not Found")
SILENCE = None
"""The connection stays open, and nothing comes."""


class WebServer:
    def __init__(self, pages):
        self.pages = pages
        self.requests = []
        """(host without port, path with query) of each request."""
        self.port = 0

    async def serve(self, reader, writer):
        try:
            first = await reader.readexactly(1)
            if first == b"\x16":  # a TLS handshake, but we speak in the clear
                writer.write(page("speak HTTP", "400 Bad Request"))
                return
            head = (first + await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split()[1]
            host = next(line[6:] for line in head.split("\r\n") if line.lower().startswith("host: ")).partition(":")[0]
            self.requests.append((host, path))
            answer = self.pages.get((host, path.partition("?")[0]), MISSING)
            if answer is SILENCE:
                await reader.read()
            else:
                writer.write(answer)
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def web_server(pages, tls=None, where=("127.0.0.1", 0)):
    web = WebServer(pages)
    server = await asyncio.start_server(web.serve, *where, ssl=tls)
    web.port = server.sockets[0].getsockname()[1]
    async with server:
        yield web
