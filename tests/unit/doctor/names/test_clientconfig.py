import pytest
from hypothesis import given, strategies

from gatepost.doctor.facts import Source
from gatepost.doctor.names.clientconfig import BadConfigError, expand, looks_like_config, read_config

CONFIG = """<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1">
  <!-- a comment -->
  <emailProvider id="example.com">
    <domain>example.com</domain>
    <displayName>Example Mail</displayName>
    <incomingServer type="imap">
      <hostname>imap.%EMAILDOMAIN%</hostname>
      <port>993</port>
      <socketType>SSL</socketType>
      <authentication>OAuth2</authentication>
      <authentication>password-cleartext</authentication>
      <username>%EMAILADDRESS%</username>
    </incomingServer>
    <incomingServer type="pop3">
      <hostname> POP.example.com </hostname>
      <socketType>STARTTLS</socketType>
      <username>%EMAILLOCALPART%</username>
    </incomingServer>
    <incomingServer type="jmap"><url>https://jmap.example.com</url></incomingServer>
    <outgoingServer type="smtp">
      <hostname>smtp.example.com</hostname>
      <port>587</port>
      <socketType>plain</socketType>
      <authentication/>
    </outgoingServer>
  </emailProvider>
</clientConfig>
"""


def read(text, address="me@example.com"):
    return read_config(text.encode(), "example.com", address, Source.AUTOCONFIG)


def test_servers_with_placeholders_filled_in():
    targets, plain = read(CONFIG)
    assert [(each.service.name, each.host, each.port, each.username, each.authentication) for each in targets] == [
        ("imaps", "imap.example.com", 993, "me@example.com", "OAuth2"),
        ("pop3", "pop.example.com", 110, "me", ""),
        ("submission", "smtp.example.com", 587, "", ""),
    ]
    assert plain == ("submission",)
    assert {each.source for each in targets} == {"autoconfig"}


def test_without_an_address_the_form_of_the_user_name_stays():
    targets, _ = read(CONFIG, address="")
    assert targets[0].username == "%EMAILADDRESS%"
    assert targets[0].host == "imap.example.com"


def test_namespaces_case_and_unknown_versions_do_not_matter():
    text = (
        CONFIG.replace('version="1.1"', 'version="9" xmlns="urn:x"').replace('"imap"', '"IMAP"').replace("SSL", "ssl")
    )
    assert len(read(text)[0]) == 3


def test_a_byte_order_mark_does_not_matter():
    assert read("\ufeff" + CONFIG)[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<hostname>imap.%EMAILDOMAIN%</hostname>", "<hostname>not a name</hostname>"),
        ("<hostname>imap.%EMAILDOMAIN%</hostname>", ""),
        ("<port>993</port>", "<port>99999</port>"),
        ("<port>993</port>", "<port>\u00b2</port>"),
        ("<port>993</port>", "<port>secure</port>"),
        ("<port>993</port>", "<port>0</port>"),
        ("<socketType>SSL</socketType>", "<socketType>QUIC</socketType>"),
        ('type="imap"', ""),
    ],
)
def test_nonsense_is_passed_over(old, new):
    targets, _ = read(CONFIG.replace(old, new))
    assert [each.service.name for each in targets] == ["pop3", "submission"]


def test_many_servers_are_cut():
    server = CONFIG[CONFIG.index("<incomingServer") : CONFIG.index("</incomingServer>") + 17]
    targets, _ = read(f"<clientConfig>{server * 50}</clientConfig>")
    assert len(targets) == 20


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<clientConfig>", "not well-formed"),
        ("<html/>", "root element"),
        ("<clientConfig/>", "names no"),
        ('<!DOCTYPE x [<!ENTITY a "aaaa">]><clientConfig>&a;</clientConfig>', "not well-formed"),
        ('<?xml version="1.0" encoding="nonsense"?><clientConfig/>', "not well-formed"),
    ],
)
def test_bad_files(text, why):
    with pytest.raises(BadConfigError, match=why):
        read(text)


@given(strategies.binary(max_size=60), strategies.integers(0, len(CONFIG)))
def test_only_its_own_error_escapes(noise, place):
    octets = CONFIG.encode()
    try:
        targets, _ = read_config(octets[:place] + noise + octets[place:], "example.com", "", Source.AUTOCONFIG)
    except BadConfigError:
        return
    assert targets


def test_what_looks_like_a_file():
    assert looks_like_config(CONFIG.encode())
    assert not looks_like_config(b"<!DOCTYPE html><html>welcome")


def test_expand():
    assert expand("%EMAILLOCALPART%+%EMAILDOMAIN%", "example.com", "me@example.com") == "me+example.com"
    assert expand("%EMAILLOCALPART%", "example.com", "") == "%EMAILLOCALPART%"


SERVER = (
    '<clientConfig><incomingServer type="imap"><hostname>{host}</hostname><socketType>SSL</socketType>'
    "<username>{user}</username><authentication>{authentication}</authentication></incomingServer></clientConfig>"
)


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ("OAuth2", "OAuth2"),
        ("password-cleartext", "password-cleartext"),
        ("", ""),
        ("Call +1-900-5550100 to unlock your mailbox", "-"),
        ("Call " * 8000, ""),
    ],
)
def test_of_a_strangers_words_only_the_known_ones_are_taken(said, taken):
    ((target,), _) = read(SERVER.format(host="imap.example.com", user="me", authentication=said))
    assert target.authentication == taken


@pytest.mark.parametrize("user", ["x" * 400, "%EMAILADDRESS%" * 22, "me\u202egnp.exe", "me\u200b"])
def test_a_user_name_that_cannot_be_one_is_left_out(user):
    text = SERVER.format(host="imap.example.com", user=user, authentication="plain")
    ((target,), _) = read(text, "a.longer.address@example.com")
    assert target.username == ""


def test_a_host_name_that_is_too_long_is_no_server():
    with pytest.raises(BadConfigError, match="names no"):
        read(SERVER.format(host="a." * 200 + "example.com", user="me", authentication="plain"))
