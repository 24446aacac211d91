"""Which blob is whose picture: one record for each user and room that has one, the same on all nodes."""

from collections.abc import Mapping, Sequence

import msgspec

from chatserver import ChatError, Context

TRIES = 10  # each lost try means that the same user's picture was changed at this moment


class Entry(msgspec.Struct, frozen=True):
    """The record of a user: the blob that is shown, and all to which the plugin refers for them.

    A blob is in `held` before the plugin refers to it, so nothing is forgotten after a crash.
    """

    shown: str | None = None
    held: tuple[str, ...] = ()


_read = msgspec.json.Decoder(Entry).decode
_encode = msgspec.json.encode


class Album:
    """The pictures of all users (ids), and of rooms (`room/ID`)."""

    def __init__(self, context: Context) -> None:
        self._records, self._blobs = context.records, context.blobs

    async def of(self, users: Sequence[str]) -> Mapping[str, str]:
        """The blobs that are shown, by user; those without a picture are left out."""
        rows = await self._records.get_many(list(dict.fromkeys(users)))
        shown = {user: _read(row).shown for user, row in rows.items()}
        return {user: blob for user, blob in shown.items() if blob is not None}

    async def show(self, user: str, blob: str | None) -> str | None:
        """Show this blob from now on, or none, and release all others. Returns the one that was shown.

        Raises `ChatError` limit.rate, blob.not_found.
        """
        for _ in range(TRIES):
            row, entry = await self._entry(user)
            if blob is not None and blob not in entry.held:
                if await self._write(user, row, Entry(entry.shown, (*entry.held, blob))):
                    await self._blobs.refer(blob, user)
            elif await self._write(user, row, Entry(blob, entry.held)):
                await self._tidy(user)
                return entry.shown
        raise ChatError("limit.rate", after_ms=1000)

    async def _tidy(self, user: str) -> None:
        """Release what is held and not shown."""
        row, entry = await self._entry(user)
        for blob in entry.held:
            if blob != entry.shown:
                await self._blobs.release(blob, user)
        kept = () if entry.shown is None else (entry.shown,)
        if await self._write(user, row, Entry(entry.shown, kept) if kept else None):
            return
        _, now = await self._entry(user)
        if now.shown is not None:  # changed meanwhile, perhaps to one that was released here
            await self._blobs.refer(now.shown, user)

    async def _entry(self, user: str) -> tuple[bytes | None, Entry]:
        row = await self._records.get(user)
        return row, Entry() if row is None else _read(row)

    async def _write(self, user: str, row: bytes | None, entry: Entry | None) -> bool:
        """Replace the record `row`; False if it is another one by now."""
        if entry is None or entry == Entry():
            return row is None or await self._records.delete(user, row)
        new = _encode(entry)
        if row is None:
            return await self._records.add(user, new)
        return row == new or await self._records.swap(user, row, new)
