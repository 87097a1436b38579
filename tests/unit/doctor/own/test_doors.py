from __future__ import annotations

import asyncio
import os
import socket
import time
from pathlib import Path

import pytest

from gatepost.config.listeners import live
from gatepost.config.settings import Certificate, Server, ServiceSettings, Settings, Tls
from gatepost.doctor.facts import Reach
from gatepost.doctor.own.facts import CertificateFile
from gatepost.doctor.own.gather import doors
from gatepost.doctor.own.gather.system import System
from gatepost.net import certificates
from gatepost.net.places import ensure_certificate
from gatepost.net.status import ListenerStatus
from gatepost.ports import BY_NAME, Listener
from support.echo import certificate_directory, serving
from support.host_facts import status

ONE = {"pop3s": ServiceSettings(addresses=("127.0.0.1",))}


class TestConfigured:
    def test_the_variant_that_the_server_chose(self) -> None:
        settings = Settings(service=ONE)
        high = live(settings, privileged=False)
        running = status(listeners=tuple(ListenerStatus("pop3s", each.where, "implicit") for each in high))
        root = System(privileged=lambda: True)
        assert doors.configured(settings, running, root) == high
        assert doors.configured(settings, None, root) == live(settings, privileged=True)
        assert doors.configured(settings, status(), root) == live(settings, privileged=True)

    def test_an_address_that_is_none(self) -> None:
        settings = Settings(service={"pop3s": ServiceSettings(addresses=("here",))})
        assert doors.configured(settings, None, System()) == ()


class TestDoors:
    def test_open_and_closed(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            listener = Listener(BY_NAME["pop3s"], "0.0.0.0", port)
            found = asyncio.run(doors.door(listener, System()))
            assert found.reach is Reach.OPEN
            assert os.getpid() in {each.pid for each in found.holders}
        found = asyncio.run(doors.door(listener, System(root=Path("/nowhere"))))
        assert (found.reach, found.holders) == (Reach.REFUSED, ())


class TestShown:
    def test_each_name_once(self) -> None:
        async def main() -> None:
            async with serving() as server:
                listener = Listener(BY_NAME["pop3s"], "127.0.0.1", server.port)
                behind = Listener(BY_NAME["pop3s"], "127.0.0.1", server.port, proxy_from=("127.0.0.0/8",))
                local = Listener(BY_NAME["lmtp"], "127.0.0.1", server.port)
                one = (CertificateFile("a", "", ("localhost",)),)
                two = (*one, CertificateFile("b", "", ("*.example.com",)), CertificateFile("c", "", ("c.example.com",)))
                found = await doors.shown((listener, behind, local), one, "localhost")
                assert [(each.asked_for, each.listener) for each in found] == [("", listener), ("localhost", listener)]
                expected = server.contexts.loaded[0]
                assert {each.fingerprint for each in found} == {expected.fingerprint}
                assert (found[0].names, found[0].expires) == (expected.names, expected.not_after)
                found = await doors.shown((listener,), two, "mail.example.com")
                assert [each.asked_for for each in found] == ["", "mail.example.com", "localhost", "c.example.com"]

        asyncio.run(main())

    def test_why_none_is_shown(self) -> None:
        async def main() -> None:
            async with serving("pop3") as server:
                listener = Listener(BY_NAME["imap"], "127.0.0.1", server.port)
                found = await doors.shown((listener,), (), "")
                assert "no way to TLS" in found[0].problem

        asyncio.run(main())


class TestFiles:
    def test_the_local_pair(self, tmp_path: Path) -> None:
        settings = Settings(server=Server(hostname="mail.example.com", data=str(tmp_path)))
        missing = doors.certificate_files(settings, time.time())[0]
        assert (missing.local, missing.fingerprint, missing.forbidden) == (True, "", False)
        assert "no certificate file" in missing.problem
        ensure_certificate(settings)
        found = doors.certificate_files(settings, time.time())[0]
        assert (found.problem, found.local) == ("", True)
        assert "mail.example.com" in found.names

    def test_an_expired_pair_still_says_what_it_is(self, tmp_path: Path) -> None:
        folder = certificate_directory()
        pair = Certificate(str(folder / "server.pem"), str(folder / "server.key"))
        settings = Settings(server=Server(data=str(tmp_path)), tls=Tls(certificate=(pair,)))
        good = doors.certificate_files(settings, time.time())[0]
        late = doors.certificate_files(settings, good.expires + 1.0)[0]
        assert "expired" in late.problem
        assert (late.fingerprint, late.names, late.local) == (good.fingerprint, good.names, False)

    @pytest.mark.parametrize("content", ["nonsense", ""])
    def test_what_is_no_certificate(self, tmp_path: Path, content: str) -> None:
        file = tmp_path / "x.pem"
        file.write_text(content)
        settings = Settings(server=Server(data=str(tmp_path)), tls=Tls(certificate=(Certificate(str(file)),)))
        found = doors.certificate_files(settings, time.time())[0]
        assert "no certificate in PEM form" in found.problem
        assert found.fingerprint == ""

    def test_a_key_that_we_may_not_read(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = certificate_directory()
        pair = Certificate(str(folder / "server.pem"), str(folder / "server.key"))
        settings = Settings(server=Server(data=str(tmp_path)), tls=Tls(certificate=(pair,)))
        read = certificates._octets

        def refuse(path: Path) -> bytes:
            if path.suffix == ".key":
                raise PermissionError(13, "Permission denied")
            return read(path)

        monkeypatch.setattr(certificates, "_octets", refuse)
        found = doors.certificate_files(settings, time.time())[0]
        assert found.forbidden
        assert found.fingerprint
