"""Keeps the index of people in step with their accounts: with each change, and now and then all of them."""

import asyncio

from chatserver import AccountChange, Context
from chatserver_plugins.directory.index import Index

JOB = "directory.index"
EVERY = 3600.0
DEADLINE = 4 * 3600.0  # 100,000 accounts are written in about ten minutes
ACCOUNTS = 200  # at once
# Longer than another node may have an account as it was before, and so would index that again.
SETTLED_SECONDS = 0.5

FOLLOWED = frozenset(("registered", "added", "renamed", "locked", "unlocked", "deleted"))


class Keeper:
    """Has accounts indexed."""

    def __init__(self, context: Context, index: Index) -> None:
        self._service, self._index = context.service, index

    async def follow(self, change: AccountChange) -> None:
        """An account has changed."""
        if change.what in FOLLOWED:
            await self._index.refresh([change.user])

    async def look_through(self) -> None:
        """Index what changed while the plugin was off, or of which a crash has left no word."""
        after = ""
        while accounts := await self._service.accounts.list(after, ACCOUNTS):
            after = accounts[-1].id
            if outdated := await self._index.outdated(accounts):
                await asyncio.sleep(SETTLED_SECONDS)
                await self._index.refresh(outdated)
            await asyncio.sleep(0)
