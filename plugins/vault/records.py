"""Records whose values are sealed. The records that have the keys are hidden."""

import os
from collections.abc import Mapping, Sequence

from chatserver_plugins.vault import sealing
from chatserver_plugins.vault.contents import Contents
from chatserver_plugins.vault.keyring import MARKS, NAME, SPACE, Scope
from chatserver_plugins.vault.scopes import WRITTEN_BY, record_scopes
from chatserver_plugins.vault.sealing import NONCE_BYTES, Destroyed


class SealedRecords(Contents):
    """The methods of `chatserver.Store` about records."""

    async def get(self, space: str, key: str) -> bytes | None:
        if _is_hidden(space, key):
            return None
        value = await self._inner.get(space, key)
        if value is None:
            return None
        return (await self._opened_records(space, {key: value})).get(key)

    async def get_many(self, space: str, keys: Sequence[str]) -> dict[str, bytes]:
        found = await self._inner.get_many(
            space, [key for key in keys if not _is_hidden(space, key)]
        )
        return await self._opened_records(space, found)

    async def put(self, space: str, key: str, value: bytes) -> None:
        await self._inner.put(space, key, await self._sealed_record(space, key, value))

    async def _put_many(self, space: str, values: Mapping[str, bytes]) -> None:
        sealed = {
            key: await self._sealed_record(space, key, value) for key, value in values.items()
        }
        await self._inner.put_many(space, sealed)  # type: ignore[attr-defined]

    async def add(self, space: str, key: str, value: bytes) -> bool:
        sealed = await self._sealed_record(space, key, value)
        while not await self._inner.add(space, key, sealed):
            stored = await self._inner.get(space, key)
            if stored is None:
                continue
            if await self._opened_records(space, {key: stored}):
                return False
            if await self._inner.swap(space, key, stored, sealed):  # its key was destroyed
                break
        return True

    # What is compared is what was sealed, as no two seals are equal. If the seal in the store changes between reading
    # and writing, the value may still be the same, sealed again: so it is read again.

    async def swap(self, space: str, key: str, old: bytes, new: bytes) -> bool:
        while (stored := await self._equal(space, key, old)) is not None:
            sealed = await self._sealed_record(space, key, new)
            if await self._inner.swap(space, key, stored, sealed):
                return True
        return False

    async def _swap_many(self, space: str, changes: Mapping[str, tuple[bytes, bytes]]) -> set[str]:
        stored = await self._inner.get_many(
            space, [key for key in changes if not _is_hidden(space, key)]
        )
        opened = await self._opened_records(space, stored)
        known = {
            key: (stored[key], await self._sealed_record(space, key, new))
            for key, (old, new) in changes.items()
            if opened.get(key) == old
        }
        done: set[str] = await self._inner.swap_many(space, known)  # type: ignore[attr-defined]
        for key in known.keys() - done:  # perhaps sealed again meanwhile
            if await self.swap(space, key, *changes[key]):
                done.add(key)
        return done

    async def delete(self, space: str, key: str, old: bytes | None = None) -> bool:
        if _is_hidden(space, key):
            return False
        if old is None:
            is_there = space not in WRITTEN_BY or await self.get(space, key) is not None
            return await self._inner.delete(space, key) and is_there
        while (stored := await self._equal(space, key, old)) is not None:
            if await self._inner.delete(space, key, stored):
                return True
        return False

    async def _equal(self, space: str, key: str, value: bytes) -> bytes | None:
        """What the inner store has for a record if its value is this one."""
        if _is_hidden(space, key):
            return None
        stored = await self._inner.get(space, key)
        if stored is None:
            return None
        opened = await self._opened_records(space, {key: stored})
        return stored if opened.get(key) == value else None

    async def scan(
        self, space: str, prefix: str, after: str = "", limit: int = 1000
    ) -> list[tuple[str, bytes]]:
        if space == SPACE:
            return []
        rows: list[tuple[str, bytes]] = []
        while True:
            found = await self._inner.scan(space, prefix, after, limit + (space == MARKS))
            shown = {key: value for key, value in found if not _is_hidden(space, key)}
            opened = await self._opened_records(space, shown)
            rows += [(key, opened[key]) for key in shown if key in opened]
            if len(found) < limit or len(rows) >= limit or len(opened) == len(shown):
                return rows[: max(limit, 0)]
            after = found[-1][0]  # the keys of some were destroyed: there may be others behind

    async def spaces(self) -> list[str]:
        found = [space for space in await self._inner.spaces() if space != SPACE]
        if MARKS in found and not await self.scan(MARKS, "", limit=1):
            found.remove(MARKS)
        return found

    async def _opened_records(self, space: str, values: Mapping[str, bytes]) -> dict[str, bytes]:
        """The values of records of one space; those whose key was destroyed are left out."""
        if not any(map(sealing.is_sealed, values.values())):
            return dict(values)
        names = dict.fromkeys(name for key in values for name in record_scopes(space, key))

        def opened(scopes: Mapping[str, Scope]) -> dict[str, bytes]:
            found = {}
            for key, value in values.items():
                if sealing.is_sealed(value):
                    find = self._find(scopes, *record_scopes(space, key))
                    try:
                        found[key] = sealing.opened_value(space, key, value, find)
                    except Destroyed:
                        continue
                else:
                    found[key] = value
            return found

        return await self._with_keys(names, opened)

    async def _sealed_record(self, space: str, key: str, value: bytes) -> bytes:
        if _is_hidden(space, key):
            raise ValueError(f"the record {space}/{key} is the vault's own")
        if space == MARKS:  # of another store around this one, which is read without keys
            return value
        sealer = await self._sealer(*record_scopes(space, key))
        return sealing.sealed_value(key, value, sealer, os.urandom(NONCE_BYTES))


def _is_hidden(space: str, key: str) -> bool:
    """Whether the record is the vault's own: its keys, its mark."""
    return space == SPACE or (space == MARKS and key == NAME)
