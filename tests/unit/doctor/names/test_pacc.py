import asyncio
import base64
import hashlib
import json

import pytest

from gatepost.doctor.names.http import Fetched
from gatepost.doctor.names.pacc import published_pacc
from gatepost.doctor.names.resolver import Resolver
from support.dns_server import DnsServer

DOCUMENT = {
    "protocols": {
        "jmap": {"url": "https://jmap.example.test/"},
        "imap": {"host": "imap.example.test"},
        "pop3": {"host": "POP.example.test"},
        "submit": {"host": "smtp.example.test"},
        "smtp": {"host": "old.example.test"},
    },
    "authentication": {"oauth-public": {"issuer": "https://auth.example.test/"}, "password": True},
    "info": {"provider": {"name": "Example"}},
}
URL = "https://ua-auto-config.example.test/.well-known/user-agent-configuration.json"


def digest(body):
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def published(body=None, txt=(), status=200, fetched=None):
    async def fetch(url):
        assert url == URL
        return fetched or Fetched(url, status if body is not None else 404, body or b"")

    async def run():
        resolver = Resolver((server.where,), timeout=1)
        return await published_pacc("example.test", "me@example.test", resolver, fetch)

    zone = {"_ua-auto-config.example.test": {"TXT": [f'"{text}"' for text in txt]}} if txt else {}
    with DnsServer(zone) as server:
        (publication,) = asyncio.run(run())
    return publication


def good(document=DOCUMENT):
    body = json.dumps(document).encode()
    return published(body, (f"v=UAAC1; a=sha256; d={digest(body)}",))


def test_servers_at_standard_ports():
    found = good()
    assert found.where == URL
    assert [(each.service.name, each.host, each.port) for each in found.targets] == [
        ("imaps", "imap.example.test", 993),
        ("pop3s", "pop.example.test", 995),
        ("submissions", "smtp.example.test", 465),
    ]
    assert {each.username for each in found.targets} == {"me@example.test"}
    assert {each.authentication for each in found.targets} == {"password-cleartext"}


def test_only_tokens():
    document = DOCUMENT | {"authentication": {"oauth-public": {}, "password": False}}
    assert {each.authentication for each in good(document).targets} == {"OAuth2"}
    assert {each.authentication for each in good(DOCUMENT | {"authentication": {}}).targets} == {"password-cleartext"}


def test_bad_hosts_are_passed_over():
    assert good({"protocols": {"imap": {"host": "not a name"}, "pop3": {}}}).targets == ()


def test_order_of_tags_and_roll_over():
    body = b'{"protocols": {"imap": {"host": "imap.example.test"}}}'
    txt = ("v=UAAC1; a=sha256; d=old", f"d = {digest(body)};x=y; a=sha256 ;v=UAAC1", "v=spf1 -all")
    assert published(body, txt).targets


@pytest.mark.parametrize(
    "txt", [(), ("v=UAAC1; a=sha256; d=old",), ("v=UAAC2; a=sha256; d={}",), ("v=UAAC1; a=md5; d={}",)]
)
def test_a_file_without_its_digest_does_not_count(txt):
    body = b'{"protocols": {"imap": {"host": "imap.example.test"}}}'
    found = published(body, tuple(text.format(digest(body)) for text in txt))
    assert found.found
    assert not found.targets
    assert digest(body) in found.error


def test_nothing_there():
    found = published()
    assert (found.found, found.error) == (False, "")


def test_a_digest_without_a_file():
    found = published(txt=("v=UAAC1; a=sha256; d=abc",))
    assert (found.found, found.error) == (False, "HTTP status 404")
    found = published(txt=("v=UAAC1; a=sha256; d=abc",), fetched=Fetched(URL, error="refused"))
    assert found.error == "refused"


def test_no_json():
    assert not published(b"<html>").error
    found = published(b"<html>", ("v=UAAC1; a=sha256; d=abc",))
    assert found.found
    assert found.error
