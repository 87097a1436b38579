from __future__ import annotations

import pytest

from gatepost.errors import AlreadyExistsError, StoreUnavailableError
from support.stores import new_account, put


async def test_a_sound_store_has_no_findings(bench):
    account = await new_account(bench.store)
    for n in range(40):
        await put(bench.store, account, b"%d" % n)
    seen = []
    assert await bench.store.verify(lambda done, total: seen.append((done, total))) == []
    assert seen[-1] == (40, 40)


async def test_a_backup_gets_its_name_when_it_is_whole(bench):
    account = await new_account(bench.store)
    await put(bench.store, account)
    file = bench.directory / "copy"
    seen = []
    if bench.name == "memory":
        with pytest.raises(StoreUnavailableError):
            await bench.store.backup(str(file), lambda done, total: None)
        return
    await bench.store.backup(str(file), lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] > 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert not (bench.directory / "copy.partial").exists()
    with pytest.raises(AlreadyExistsError):
        await bench.store.backup(str(file), lambda done, total: None)
