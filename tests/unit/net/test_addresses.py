import pytest

from gatepost.net.addresses import REMEMBERED, Networks, counted_as, network_of, plain_address


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:192.0.2.1", "192.0.2.1"),
        ("::ffff:1", "::ffff:1"),
    ],
)
def test_plain_address(given: str, plain: str) -> None:
    assert plain_address(given) == plain


def test_ipv6_counts_by_64() -> None:
    assert counted_as("192.0.2.1") == "192.0.2.1"
    assert counted_as("2001:db8:1:2::1") == counted_as("2001:db8:1:2:ffff::9")
    assert counted_as("2001:db8:1:2::1") != counted_as("2001:db8:1:3::1")


def test_the_network_that_one_customer_may_have() -> None:
    assert network_of("192.0.2.1") == network_of("192.0.2.200") != network_of("192.0.3.1")
    assert network_of("2001:db8:1:2::1") == network_of("2001:db8:1:ffff::9") != network_of("2001:db8:2::1")


def test_networks() -> None:
    networks = Networks(["192.0.2.7/24", "2001:db8::/32"])
    assert networks
    assert "192.0.2.99" in networks
    assert "192.0.2.99" in networks  # remembered
    assert "192.0.3.1" not in networks
    assert "2001:db8::5" in networks
    assert not Networks([])
    assert "192.0.2.1" not in Networks([])
    with pytest.raises(ValueError, match="nonsense"):
        Networks(["nonsense"])


def test_the_memory_is_bounded() -> None:
    networks = Networks(["10.0.0.0/8"])
    for number in range(REMEMBERED + 10):
        assert f"10.1.{number // 256}.{number % 256}" in networks
    assert len(networks._answers) <= REMEMBERED
