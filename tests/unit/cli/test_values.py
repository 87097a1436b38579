import pytest

from gatepost.cli.values import iso_time, parse_size, show_quota, show_size, show_time
from gatepost.errors import InvalidValueError


@pytest.mark.parametrize(
    ("text", "octets"),
    [("0", 0), ("1048576", 1 << 20), ("5G", 5 << 30), ("500m", 500 << 20), (" 10 KiB ", 10 << 10), ("1TB", 1 << 40)],
)
def test_sizes(text, octets):
    assert parse_size(text) == octets


@pytest.mark.parametrize("text", ["", "G", "-1", "1.5G", "5X", "5 GG", "1" * 16, "٣", "9" * 15 + "T", "1048577T"])
def test_other_sizes_are_refused(text):
    with pytest.raises(InvalidValueError, match="like 5G"):
        parse_size(text)


@pytest.mark.parametrize(
    ("octets", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1536, "1.5 KiB"), (5 << 30, "5 GiB"), (1 << 50, "1024 TiB")],
)
def test_sizes_are_shown(octets, text):
    assert show_size(octets) == text


def test_quotas_and_times():
    assert show_quota(0) == "no limit"
    assert show_quota(1 << 30) == "1 GiB"
    assert (show_time(0), iso_time(0)) == ("never", None)
    assert show_time(1_800_000_000) == "2027-01-15 08:00 UTC"
    assert iso_time(1_800_000_000) == "2027-01-15T08:00:00Z"
