"""The data directory and the keys: sizes, times, owners, permissions."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gatepost.config.settings import Settings
from gatepost.doctor.own.facts import Data, Mode
from gatepost.doctor.own.gather.system import user_name
from gatepost.net.places import FIRST_LOGIN, LAST_BACKUP, SECRET, data_directory, tls_files

MOST_STRANGERS: Final = 20
"""Files of other owners that are told one by one."""


def data(settings: Settings) -> Data:
    """Everything about the data directory. What may not be seen is left out, and `readable` says so."""
    directory = data_directory(settings)
    try:
        here = directory.stat()
        os.scandir(directory).close()
    except FileNotFoundError:
        return Data(str(directory), exists=False, secrets=tuple(_secrets(settings, directory)))
    except OSError:
        return Data(str(directory), exists=True, readable=False, secrets=tuple(_secrets(settings, directory)))
    files = list(_walk(directory))
    times = [status.st_mtime for _, status in files]
    strangers = [_mode(path, status) for path, status in files if status.st_uid != here.st_uid]
    born = _status(directory / SECRET)
    backup = _status(directory / LAST_BACKUP)
    return Data(
        str(directory),
        exists=True,
        octets=sum(status.st_size for _, status in files if stat.S_ISREG(status.st_mode)),
        began=born.st_mtime if born else 0.0,
        newest=max(times, default=0.0),
        last_backup=backup.st_mtime if backup else None,
        owner=user_name(here.st_uid),
        secrets=tuple(_secrets(settings, directory)),
        strangers=tuple(strangers[:MOST_STRANGERS]),
        first_login=_status(directory / FIRST_LOGIN) is not None,
    )


def _walk(directory: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for folder, folders, names in os.walk(directory):
        for name in (*folders, *names):
            path = Path(folder) / name
            if (status := _status(path)) is not None:
                yield path, status


def _secrets(settings: Settings, directory: Path) -> Iterator[Mode]:
    own = tls_files(settings)
    pairs = [each.key or each.file for each in settings.tls.certificate]
    for path in (directory / SECRET, directory / FIRST_LOGIN, own.key, own.authority_key, *map(Path, pairs)):
        try:
            status = path.stat()
        except OSError:
            continue
        yield _mode(path, status)


def _mode(path: Path, status: os.stat_result) -> Mode:
    return Mode(str(path), stat.S_IMODE(status.st_mode), user_name(status.st_uid))


def _status(path: Path) -> os.stat_result | None:
    """None for what is not there, or may not be seen."""
    try:
        return path.lstat()
    except OSError:
        return None
