import asyncio

import pytest

from gatepost.doctor.facts import Source
from gatepost.doctor.names.autoconfig import mx_domains, published_autoconfig, published_by_mx
from gatepost.doctor.names.http import Fetched

CONFIG = """<clientConfig version="1.1"><emailProvider id="x">
<incomingServer type="imap"><hostname>imap.example.com</hostname><port>993</port><socketType>SSL</socketType>
<authentication>password-cleartext</authentication><username>{username}</username></incomingServer>
<outgoingServer type="smtp"><hostname>smtp.example.com</hostname><port>25</port><socketType>plain</socketType>
</outgoingServer></emailProvider></clientConfig>"""
OWN = "https://autoconfig.example.com/mail/config-v1.1.xml"
WELL_KNOWN = "https://example.com/.well-known/autoconfig/mail/config-v1.1.xml"
PLAIN = "http://autoconfig.example.com/mail/config-v1.1.xml"


class Web:
    """A fetch function: pages by URL without query; everything else is not there."""

    def __init__(self, pages):
        self.pages, self.asked = pages, []

    async def __call__(self, url):
        self.asked.append(url)
        page = self.pages.get(url.partition("?")[0])
        if isinstance(page, Fetched):
            return page
        return Fetched(url, 404 if page is None else 200, (page or "").encode())


def own(pages, address="me@example.com"):
    web = Web(pages)
    found = asyncio.run(published_autoconfig("example.com", address, web))
    return found, web.asked


def test_the_places_in_order():
    found, asked = own({})
    assert asked == [f"{OWN}?emailaddress=gatepost-doctor@example.com", WELL_KNOWN, PLAIN]
    assert [each.where for each in found] == [OWN, WELL_KNOWN, PLAIN]
    assert not any(each.found or each.error for each in found)


def test_the_address_is_never_sent():
    _, asked = own({}, address="me+x@example.com")
    assert not any("me+x" in url or "me%2Bx" in url for url in asked)


def test_a_file_is_read():
    found, _ = own({WELL_KNOWN: CONFIG.format(username="%EMAILADDRESS%")})
    assert [each.found for each in found] == [False, True, False]
    assert found[1].targets[0].username == "me@example.com"
    assert found[1].targets[0].source == "autoconfig"
    assert found[1].plain == ("submission",)


@pytest.mark.parametrize(
    ("given", "address", "username"),
    [
        ("gatepost-doctor@example.com", "me@example.com", "me@example.com"),
        ("gatepost-doctor", "me@example.com", "me"),
        ("gatepost-doctor@example.com", "", "%EMAILADDRESS%"),
        ("gatepost-doctor", "", "%EMAILLOCALPART%"),
        ("uid1234", "me@example.com", "uid1234"),
    ],
)
def test_a_made_up_name_that_comes_back_is_made_real(given, address, username):
    found, _ = own({OWN: CONFIG.format(username=given)}, address)
    assert found[0].targets[0].username == username


def test_a_friendly_page_for_every_address_is_nothing():
    found, _ = own({OWN: "<html>welcome</html>"})
    assert not found[0].found
    assert not found[0].error


def test_a_bad_file_is_told():
    found, _ = own({OWN: "<clientConfig>"})
    assert found[0].found
    assert "XML" in found[0].error


def test_an_error_counts_only_if_something_was_there():
    pages = {OWN: Fetched(OWN, error="certificate: x", there=True), PLAIN: Fetched(PLAIN, error="refused")}
    found, _ = own(pages)
    assert [(each.found, each.error) for each in found] == [(False, "certificate: x"), (False, ""), (False, "")]


@pytest.mark.parametrize(
    ("host", "domains"),
    [
        ("mx.example.com", ("example.com",)),
        ("mx.example.co.uk", ("example.co.uk",)),
        ("mx.premium.europe.example.com", ("premium.europe.example.com", "example.com")),
        ("example.com", ("example.com",)),
        ("com", ()),
    ],
)
def test_domains_of_a_mail_server(host, domains):
    assert mx_domains(host) == domains


def test_the_domain_of_the_mail_server():
    there = "https://autoconfig.hoster.net/mail/config-v1.1.xml"
    web = Web({there: CONFIG.format(username="%EMAILADDRESS%")})
    found = asyncio.run(published_by_mx("mx.eu.hoster.net", "example.com", "me@example.com", web))
    assert [each.where for each in found] == ["https://autoconfig.eu.hoster.net/mail/config-v1.1.xml", there]
    assert all("emailaddress=gatepost-doctor@example.com" in url for url in web.asked)
    assert found[1].source is Source.AUTOCONFIG_MX
    assert found[1].targets[0].host == "imap.example.com"


def test_the_own_domain_is_not_asked_twice():
    web = Web({})
    assert asyncio.run(published_by_mx("mx.example.com", "example.com", "", web)) == ()
    assert not web.asked
