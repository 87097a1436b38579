from __future__ import annotations

import os
from pathlib import Path

import pytest

from gatepost.errors import CertificateError
from gatepost.net.private_folder import PrivateFolder


def test_files_there_and_back(tmp_path: Path) -> None:
    with PrivateFolder(tmp_path / "a" / "tls", make=True) as folder:
        folder.write("key", b"one", 0o600)
        folder.write("key", b"two", 0o600)
        folder.write("certificate", b"three", 0o644)
        assert folder.read("key") == b"two"
        folder.remove("key")
        folder.remove("key")
    assert [file.name for file in (tmp_path / "a" / "tls").iterdir()] == ["certificate"]
    assert (tmp_path / "a" / "tls").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "a" / "tls" / "certificate").stat().st_mode & 0o777 == 0o644


def test_the_one_that_was_looked_at_counts(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "key").write_bytes(b"another's")
    with PrivateFolder(tmp_path / "tls", make=True) as folder:
        folder.write("key", b"ours", 0o600)
        (tmp_path / "tls").rename(tmp_path / "moved")
        (tmp_path / "tls").symlink_to(other)
        folder.write("more", b"x", 0o600)
        assert folder.read("key") == b"ours"
    assert [file.name for file in other.iterdir()] == ["key"]
    assert (tmp_path / "moved" / "more").exists()


def test_what_is_not_ours_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError):
        PrivateFolder(tmp_path / "absent")
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(CertificateError, match="a symbolic link"):
        PrivateFolder(tmp_path / "link", make=True)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o770)
    with pytest.raises(CertificateError, match="chmod 700"):
        PrivateFolder(tmp_path / "open")
    (tmp_path / "other").mkdir()
    user = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: user)
    with pytest.raises(CertificateError, match=f"chown -R {user}"):
        PrivateFolder(tmp_path / "other")


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x")
    with PrivateFolder(tmp_path / "tls", make=True) as folder:
        (tmp_path / "tls" / "key").symlink_to(tmp_path / "secret")
        os.mkfifo(tmp_path / "tls" / "pipe")
        for name in ("key", "pipe"):
            with pytest.raises(CertificateError, match=rf"In {tmp_path / 'tls'}, {name} is"):
                folder.read(name)
        folder.write("key", b"new", 0o600)
        assert folder.read("key") == b"new"
    assert (tmp_path / "secret").read_bytes() == b"x"
