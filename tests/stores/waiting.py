"""Waiting for a store that was away."""

import asyncio

from chatserver import Store, StoreUnavailable

LIMIT_SECONDS = 60.0


async def comes_back(store: Store) -> None:
    async with asyncio.timeout(LIMIT_SECONDS):
        while True:
            try:
                return await store.ping()
            except StoreUnavailable:
                await asyncio.sleep(0.05)
