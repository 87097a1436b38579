import os
import sys

import pytest

from gatepost.config import listeners
from gatepost.config.listeners import is_on, live, may_bind_low_ports, split_place
from gatepost.config.settings import ServiceSettings, Settings
from gatepost.errors import InvalidValueError
from gatepost.ports import BY_NAME


def places(service, *, privileged=True):
    return [each.where for each in live(Settings(service=service), privileged=privileged)]


def test_the_defaults_are_pop3s_everywhere_and_nothing_else():
    assert places({}) == ["0.0.0.0:995", "[::]:995"]


def test_without_privileges_standard_numbers_move():
    found = live(Settings(), privileged=False)
    assert [each.where for each in found] == ["0.0.0.0:10995", "[::]:10995"]
    assert not any(each.standard_port for each in found)


def test_chosen_numbers_never_move():
    service = {"pop3s": ServiceSettings(port=995, addresses=("127.0.0.1",), listen=("[::1]:996",))}
    assert places(service, privileged=False) == ["127.0.0.1:995", "[::1]:996"]
    assert all(each.standard_port for each in live(Settings(service=service), privileged=False))


def test_services_in_the_order_of_the_table_with_their_options():
    service = {
        "pop3": ServiceSettings(on=True, addresses=("::1",), cleartext_login_from=("10.0.0.0/8",)),
        "pop3s": ServiceSettings(addresses=("2001:DB8::0",), proxy_from=("192.0.2.0/24",), client_ca="/ca.pem"),
    }
    secure, plain = live(Settings(service=service), privileged=True)
    assert (secure.where, secure.proxy_from, secure.client_ca) == ("[2001:db8::]:995", ("192.0.2.0/24",), "/ca.pem")
    assert (plain.where, plain.cleartext_login_from) == ("[::1]:110", ("10.0.0.0/8",))


def test_what_this_release_does_not_serve_never_listens():
    assert places({"imaps": ServiceSettings(on=True), "pop3s": ServiceSettings(on=False)}) == []


def test_on_and_off():
    assert is_on(BY_NAME["pop3s"], Settings())
    assert not is_on(BY_NAME["pop3"], Settings())
    assert not is_on(BY_NAME["pop3"], Settings(service={"pop3": ServiceSettings(port=1110)}))
    assert is_on(BY_NAME["pop3"], Settings(service={"pop3": ServiceSettings(on=True)}))


@pytest.mark.parametrize("service", [ServiceSettings(addresses=("x",)), ServiceSettings(listen=("995",))])
def test_what_is_no_address(service):
    with pytest.raises(InvalidValueError):
        places({"pop3s": service})


@pytest.mark.parametrize(
    ("text", "place"), [("192.0.2.1:995", ("192.0.2.1", 995)), ("[2001:DB8::1]:65535", ("2001:db8::1", 65535))]
)
def test_split_place(text, place):
    assert split_place(text) == place


class TestPrivileges:
    @pytest.fixture
    def linux_user(self, tmp_path, monkeypatch):
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.setattr(listeners, "_PORT_START", tmp_path / "start")
        monkeypatch.setattr(listeners, "_STATUS", tmp_path / "status")

        def system(start, capabilities):
            (tmp_path / "start").write_text(f"{start}\n")
            (tmp_path / "status").write_text(f"Name:\tx\nCapEff:\t{capabilities:016x}\n")

        return system

    def test_root_may(self, monkeypatch):
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        assert may_bind_low_ports()

    def test_others_may_not_where_nothing_else_is_known(self, monkeypatch):
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        monkeypatch.setattr(sys, "platform", "darwin")
        assert not may_bind_low_ports()

    @pytest.mark.parametrize(
        ("start", "capabilities", "may"), [(1024, 0, False), (0, 0, True), (1024, 1 << 10, True), (1024, 1 << 9, False)]
    )
    def test_linux_tells(self, linux_user, start, capabilities, may):
        linux_user(start, capabilities)
        assert may_bind_low_ports() is may

    @pytest.mark.usefixtures("linux_user")
    def test_linux_does_not_tell(self):
        assert not may_bind_low_ports()
