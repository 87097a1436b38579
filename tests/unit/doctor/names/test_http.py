import asyncio
import ssl

import pytest

from gatepost.doctor.names import http
from gatepost.doctor.names.http import LARGEST, Fetcher
from gatepost.doctor.names.resolver import Resolver
from gatepost.net import authority
from support.dns_server import DnsServer, Fault
from support.web_server import SILENCE, moved, page, web_server

HOST = "web.example.test"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return authority.ensure(tmp_path_factory.mktemp("tls"), [HOST])


@pytest.fixture(scope="module")
def tls(files):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    return context


def fetch(url, pages, *, tls=None, ca="", zone=None, timeout=5.0, inside=True):
    """What comes of a URL, and the requests that the server saw. `http` and `https` both lead to the server."""
    zone = zone or {HOST: {"A": ["127.0.0.1"]}, "other.example.test": {"A": ["127.0.0.1"]}}

    async def run():
        async with web_server(pages, tls) as server:
            ports = {"https": server.port, "http": server.port}
            resolver = Resolver((dns.where,), timeout=1)
            get = Fetcher(resolver, ca_file=str(ca), timeout=timeout, ports=ports, inside=inside)
            return await get(url.replace("PORT", str(server.port))), server.requests

    with DnsServer(zone) as dns:
        return asyncio.run(run())


def get(raw, path="/x"):
    return fetch(f"http://{HOST}{path}", {(HOST, "/x"): raw})[0]


def test_a_page_over_verified_tls(files, tls):
    fetched, requests = fetch(f"https://{HOST}/x?a=b", {(HOST, "/x"): page("hello")}, tls=tls, ca=files.authority)
    assert (fetched.status, fetched.body, fetched.error) == (200, b"hello", "")
    assert requests == [(HOST, "/x?a=b")]


def test_an_unknown_authority_is_refused_but_noticed(tls):
    fetched, requests = fetch(f"https://{HOST}/x", {(HOST, "/x"): page("hello")}, tls=tls)
    assert fetched.error.startswith("certificate: ")
    assert fetched.there
    assert not requests


def test_a_certificate_for_another_name_is_refused(files, tls):
    fetched, _ = fetch("https://other.example.test/x", {}, tls=tls, ca=files.authority)
    assert "mismatch" in fetched.error
    assert fetched.there


def test_no_tls_at_all(files):
    fetched, _ = fetch(f"https://{HOST}/x", {}, ca=files.authority)
    assert fetched.there
    assert fetched.error


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nfour and more", b"four"),
        (CHUNKED + b"5;x=y\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", b"hello world"),
        (b"HTTP/1.1 200\r\nCONTENT-LENGTH:0\r\n\r\n", b""),
    ],
)
def test_bodies(raw, body):
    fetched = get(raw)
    assert (fetched.status, fetched.body, fetched.error) == (200, body, "")


@pytest.mark.parametrize(
    "raw",
    [
        b"220 mail.example.com ESMTP\r\n\r\n",
        b"HTTP/1.1 many OK\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * (LARGEST + 10) + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (LARGEST + 1),
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"1" * 5000 + b"\r\n\r\n",
        b"HTTP/1.1 2\xb20 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+0_1\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (LARGEST + 1),
        CHUNKED + b"nonsense\r\n",
        CHUNKED + b"-5\r\nhello\r\n",
        CHUNKED + b"%x\r\n" % (LARGEST + 1),
        CHUNKED + b"20000\r\n" + b"x" * 0x20000 + b"\r\n" + b"20001\r\n",
    ],
)
def test_odd_answers_are_errors_of_something_that_is_there(raw):
    fetched = get(raw)
    assert fetched.error
    assert fetched.there
    assert not fetched.body


def test_redirects_are_followed():
    pages = {(HOST, "/x"): moved("/y"), (HOST, "/y"): moved("http://other.example.test/z")}
    fetched, requests = fetch(f"http://{HOST}/x", {**pages, ("other.example.test", "/z"): page("there")})
    assert fetched.body == b"there"
    assert fetched.url == "http://other.example.test/z"
    assert len(requests) == 3


@pytest.mark.parametrize("location", ["http://[", "http://a..b/", "mailto:me@example.test"])
def test_redirects_to_what_is_no_web_address(location):
    fetched, requests = fetch(f"http://{HOST}/x", {(HOST, "/x"): moved(location)})
    assert fetched.error.startswith("not a web address")
    assert len(requests) == 1


def test_redirects_with_odd_signs():
    pages = {(HOST, "/x"): moved("/a b"), (HOST, "/a%20b"): page("there")}
    assert fetch(f"http://{HOST}/x", pages)[0].body == b"there"


def test_international_names():
    zone = {"xn--mller-kva.test": {"A": ["127.0.0.1"]}}
    fetched, _ = fetch("http://müller.test/", {("xn--mller-kva.test", "/"): page("there")}, zone=zone)
    assert fetched.body == b"there"


def test_redirects_end():
    fetched, requests = fetch(f"http://{HOST}/x", {(HOST, "/x"): moved("/x")})
    assert fetched.error == "too many redirects"
    assert len(requests) == 4


def test_a_redirect_to_nowhere_is_an_answer():
    fetched = get(page("", "302 Found"))
    assert fetched.status == 302


def test_no_redirect_leads_out_of_tls(files, tls):
    pages = {(HOST, "/x"): moved(f"http://{HOST}/y"), (HOST, "/y"): page("in the clear")}
    fetched, requests = fetch(f"https://{HOST}/x", pages, tls=tls, ca=files.authority)
    assert "away from https" in fetched.error
    assert len(requests) == 1


@pytest.fixture
def far_away(monkeypatch):
    """Lets connections to 93.184.216.34 end at this machine. Yields every address that was dialled."""
    real, dialled = asyncio.open_connection, []

    async def opened(address, *arguments, **options):
        dialled.append(address)
        return await real(address.replace("93.184.216.34", "127.0.0.1"), *arguments, **options)

    monkeypatch.setattr(http.asyncio, "open_connection", opened)
    return dialled


FAR = {HOST: {"A": ["93.184.216.34"]}, "other.example.test": {"A": ["93.184.216.34"]}}


def near(*addresses):
    """A zone where the first host is on the Internet and the other one is at these addresses."""
    kinds = {kind: [each for each in addresses if (":" in each) is six] for kind, six in (("A", False), ("AAAA", True))}
    return {**FAR, "other.example.test": {kind: values for kind, values in kinds.items() if values}}


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1"),
        *("::1", "fe80::1", "fd00::1", "::ffff:127.0.0.1", "64:ff9b::a00:1", "2002:a00:1::"),
    ],
)
def test_no_redirect_leads_from_the_internet_into_a_private_network(far_away, address):
    pages = {(HOST, "/x"): moved("http://other.example.test/reboot"), ("other.example.test", "/reboot"): page("!")}
    fetched, requests = fetch(f"http://{HOST}/x", pages, zone=near(address))
    assert fetched.error == f"leads into a private network, to {address}: not asked"
    assert fetched.there
    assert requests == [(HOST, "/x")]
    assert far_away == ["93.184.216.34"]


def test_records_of_strangers_lead_into_no_private_network(far_away):
    pages = {(HOST, "/x"): page("!")}
    for url in (f"http://{HOST}/x", "http://10.0.0.1/x", "http://[::1]/x"):
        fetched, requests = fetch(url, pages, inside=False)
        assert fetched.error.startswith("leads into a private network")
        assert fetched.there
        assert not requests
    assert not far_away
    fetched, _ = fetch(f"http://{HOST}/x", pages, zone={HOST: {"A": ["10.0.0.1", "93.184.216.34"]}}, inside=False)
    assert fetched.status == 200
    assert far_away == ["93.184.216.34"]


def test_no_redirect_leads_to_a_private_address_without_a_name(far_away):
    fetched, _ = fetch(f"http://{HOST}/x", {(HOST, "/x"): moved("http://127.0.0.1/reboot")}, zone=FAR)
    assert "private network" in fetched.error
    assert far_away == ["93.184.216.34"]


def test_over_tls_neither(far_away, files, tls):
    pages = {(HOST, "/x"): moved(f"https://{HOST}/y"), (HOST, "/y"): moved("https://127.0.0.1/reboot")}
    fetched, requests = fetch(f"https://{HOST}/x", pages, tls=tls, ca=files.authority, zone=FAR)
    assert "private network" in fetched.error
    assert len(requests) == 2


def test_behind_a_redirect_only_the_addresses_of_the_internet_count(far_away):
    pages = {(HOST, "/x"): moved("http://other.example.test/y"), ("other.example.test", "/y"): page("there")}
    fetched, _ = fetch(f"http://{HOST}/x", pages, zone=near("127.0.0.2", "93.184.216.34"))
    assert fetched.body == b"there"
    assert far_away == ["93.184.216.34", "93.184.216.34"]


@pytest.mark.parametrize("location", ["http://127.0.0.1:1/x", "http://web.example.test:443/", "https://127.0.0.1:22/"])
def test_no_redirect_leads_to_another_port(location):
    fetched, requests = fetch(f"http://{HOST}/x", {(HOST, "/x"): moved(location)})
    assert fetched.error.startswith("not a web address: port ")
    assert len(requests) == 1


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/_EVIL"])
def test_no_redirect_leads_out_of_the_web(location):
    fetched, requests = fetch(f"http://{HOST}/x", {(HOST, "/x"): moved(location)})
    assert fetched.error.startswith("not a web address")
    assert len(requests) == 1


@pytest.mark.parametrize("url", ["http://a..b/", "ftp://web.example.test/", "http://web.example.test:x/", "http:///x"])
def test_no_web_address(url):
    fetched, _ = fetch(url, {})
    assert fetched.error.startswith("not a web address")
    assert not fetched.there


def test_a_name_without_address():
    fetched, _ = fetch("http://nobody.example.test/", {})
    assert (fetched.error, fetched.there) == ("the name has no address", False)


def test_a_port_in_the_url_and_an_address_for_a_name():
    fetched, requests = fetch("http://127.0.0.1:PORT", {("127.0.0.1", "/"): page("root")})
    assert fetched.body == b"root"
    assert requests == [("127.0.0.1", "/")]


def test_refused_addresses_are_passed_over(monkeypatch):
    real = asyncio.open_connection

    async def only_second(address, *arguments, **options):
        if address == "192.0.2.1":
            raise ConnectionRefusedError(111, "refused")
        return await real(address, *arguments, **options)

    monkeypatch.setattr(http.asyncio, "open_connection", only_second)
    zone = {HOST: {"A": ["192.0.2.1"]}, "alone.test": {"A": ["192.0.2.1"]}}
    fetched, _ = fetch("http://alone.test/", {}, zone=zone)
    assert (fetched.error, fetched.there) == ("[Errno 111] refused", False)


def test_silence_has_an_end():
    fetched, _ = fetch(f"http://{HOST}/x", {(HOST, "/x"): SILENCE}, timeout=0.3)
    assert fetched.error == "timed out"


def test_silence_of_dns_has_an_end():
    fetched, _ = fetch(f"http://{HOST}/x", {}, zone={HOST: Fault.DROP}, timeout=0.2)
    assert fetched.error == "timed out"


def test_ipv6_hosts_are_bracketed():
    assert b"Host: [::1]:8080\r\n" in http._request(http.urlsplit("http://[::1]:8080/"), "::1")


def test_a_missing_file_of_authorities():
    with pytest.raises(OSError, match="No such file"):
        Fetcher(Resolver(("127.0.0.1",)), ca_file="/nonexistent")
