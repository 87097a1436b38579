"""Ids stay unique across restarts, even when the clock stands still: each restart begins above all that is there."""

from __future__ import annotations

import asyncio

from gatepost.store.sqlite.local import open_local
from support.stores import Clock, new_account, put


def test_restarts_with_a_clock_that_stands(tmp_path):
    async def main():
        clock, account, seen = Clock(), None, set()
        for _ in range(6):
            store = open_local(tmp_path, clock)
            account = account or await new_account(store)
            for _ in range(4):
                place = await put(store, account, b"always the same")
                assert place.email_id not in seen
                seen.add(place.email_id)
            await store.close()

    asyncio.run(main())
