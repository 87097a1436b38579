from pathlib import Path

import pytest
from benchmarks.floor import replies
from benchmarks.idle import source
from benchmarks.workload import Workload, client_context, message, server_context, write_certificate, write_maildir


@pytest.mark.parametrize("size", [600, 1_000, 1_001, 1_077, 20_000])
def test_a_message_has_exactly_its_size_and_clean_lines(size):
    content = message("a@bench.test", 3, size)
    assert len(content) == size
    assert content.endswith(b"\r\n")
    assert content.replace(b"\r\n", b"").count(b"\r") == content.replace(b"\r\n", b"").count(b"\n") == 0
    assert not any(line.startswith(b".") for line in content.split(b"\r\n"))


def test_messages_differ_by_user_and_number_only():
    assert message("a", 1, 900) == message("a", 1, 900)
    assert len({message(login, number, 900) for login in "ab" for number in range(3)}) == 6


def test_the_maildir_holds_what_will_be_compared(tmp_path):
    load = Workload(tmp_path, users=1, messages=2, size=700)
    place = write_maildir(load, load.logins[0])
    files = sorted(Path(place, "new").iterdir())
    assert [each.read_bytes().replace(b"\n", b"\r\n") for each in files] == list(load.mail(load.logins[0]))


def test_the_certificate_serves_and_is_trusted(tmp_path):
    load = Workload(tmp_path)
    write_certificate(load)
    assert server_context(load).num_tickets == 1
    assert client_context(load).get_ca_certs()


def test_the_bare_loop_answers_like_a_server():
    answers = replies([b"one\r\n", b"second\r\n"])
    assert answers[b"STAT"] == b"+OK 2 13\r\n"
    assert answers[b"RETR 2"] == b"+OK 8 octets\r\nsecond\r\n.\r\n"
    assert answers[b"UIDL"].count(b"\r\n") == 4


def test_ten_connections_share_a_loopback_address():
    addresses = [source(number) for number in range(10_000)]
    assert len(set(addresses)) == 1000
    assert addresses[0] == addresses[9] == "127.0.1.1"
    assert all(0 < int(part) < 255 for each in addresses for part in each.split(".")[2:])
