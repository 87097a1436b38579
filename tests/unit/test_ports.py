import pytest

from gatepost.ports import BY_NAME, SERVICES, UNPRIVILEGED_OFFSET, Listener, TlsMode


def test_names_and_numbers_are_unique():
    assert len(BY_NAME) == len(SERVICES) == len({service.port for service in SERVICES})


def test_moved_numbers_are_ports_and_meet_no_other():
    moved = {service.port + UNPRIVILEGED_OFFSET for service in SERVICES}
    assert max(moved) < 1 << 16
    assert min(moved) >= 1024
    assert not moved & {service.port for service in SERVICES}


def test_nothing_that_people_read_mail_with_is_open_in_the_clear():
    for service in SERVICES:
        if service.on and service.protocol in ("pop3", "imap"):
            assert service.tls is TlsMode.IMPLICIT


def test_this_release_serves_pop3():
    assert [service.name for service in SERVICES if service.ready] == ["pop3s", "pop3"]
    assert BY_NAME["pop3s"].port == 995
    assert not BY_NAME["pop3"].on


def test_every_row_tells_people_what_it_is():
    assert all(service.purpose and service.users and service.protocol for service in SERVICES)


@pytest.mark.parametrize(
    ("address", "where"), [("192.0.2.1", "192.0.2.1:995"), ("::", "[::]:995"), ("2001:db8::1", "[2001:db8::1]:995")]
)
def test_where_a_listener_is(address, where):
    assert Listener(BY_NAME["pop3s"], address, 995).where == where
