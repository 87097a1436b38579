import socket
from pathlib import Path

import pytest

from gatepost.socket_path import LONGEST_PATH, socket_path


def test_a_short_path_is_itself(tmp_path: Path) -> None:
    with socket_path(Path("/data"), "a.sock") as path:
        assert path == "/data/a.sock"


def test_a_long_path_can_be_bound_and_reached(tmp_path: Path) -> None:
    directory = tmp_path / ("d" * LONGEST_PATH)
    directory.mkdir()
    with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as other:
        with socket_path(directory, "a.sock") as path:
            one.bind(path)
        one.listen()
        with socket_path(directory, "a.sock") as path:
            other.connect(path)
    assert (directory / "a.sock").exists()
    with pytest.raises(FileNotFoundError), socket_path(directory / "nowhere", "a.sock"):
        pass
