"""Who follows which threads, and up to where each of them has read there.

Whoever begins a thread, replies in it or is mentioned there follows it, until they say otherwise. It expires as entries
do, counted from when the user last wrote there or chose.
"""

from collections.abc import Callable, Sequence

import msgspec

from chatserver import Context

MOST = 1000  # threads of one user, of which what was read is known
TRIES = 5  # against a change from elsewhere


class State(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Whether somebody follows a thread, since which seq that is so, and the seq up to which they have read it."""

    follows: bool
    since: int = 0
    read: int = 0


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(State).decode


class Following:
    """Keeps two records for each user and thread (the id of its root): one to find by user, one to find by thread."""

    def __init__(self, context: Context, seconds: float) -> None:
        """What is noted is kept for so many seconds."""
        self._records, self._seconds = context.expiring, seconds

    async def begin(self, user: str, thread: str, seq: int, *, writes: bool = False) -> bool:
        """Follow from the event `seq` on, unless the user has chosen; one who `writes` follows whatever was before.

        Returns whether the user did not follow before.
        """
        is_new = False

        def change(state: State | None) -> State | None:
            nonlocal is_new
            is_new = state is None or not state.follows
            if state is None:
                return State(follows=True, since=seq)
            if not writes or seq <= state.since:
                return None
            return msgspec.structs.replace(state, follows=True, since=seq)

        return await self._change(user, thread, change) and is_new

    async def set(self, user: str, thread: str, follows: bool, seq: int) -> None:
        """As the user says after the event `seq`."""

        def change(state: State | None) -> State:
            return State(follows=follows, since=seq, read=state.read if state else 0)

        await self._change(user, thread, change)

    async def note_read(self, user: str, thread: str, seq: int) -> bool:
        """Note that a thread was read up to a seq; False if it is nothing new, or nothing of the user's."""

        def change(state: State | None) -> State | None:
            if state is None or state.read >= seq:
                return None
            return msgspec.structs.replace(state, read=seq)

        return await self._change(user, thread, change)

    async def follows(self, user: str, thread: str) -> bool:
        found = await self._records.get(_of(user, thread))
        return found is not None and _decode(found).follows

    async def read_of(self, user: str, threads: Sequence[str]) -> dict[str, int]:
        """The seqs up to which a user has read these threads, without those that they neither follow nor left."""
        found = {thread: await self._records.get(_of(user, thread)) for thread in threads}
        return {thread: _decode(state).read for thread, state in found.items() if state is not None}

    async def read(self, user: str) -> dict[str, int]:
        """The seqs up to which a user has read, by thread."""
        prefix = _of(user, "")
        found = await self._records.scan(prefix, limit=MOST)
        return {key.removeprefix(prefix): _decode(value).read for key, value in found}

    async def followers(self, thread: str, most: int) -> list[str]:
        """Users (ids) who follow a thread, at most so many."""
        prefix = _by(thread, "")
        return [key.removeprefix(prefix) for key, _ in await self._records.scan(prefix, limit=most)]

    async def forget(self, user: str) -> None:
        """Remove all of a deleted account."""
        prefix = _of(user, "")
        while rows := await self._records.scan(prefix):
            for key, _ in rows:
                await self._records.delete(_by(key.removeprefix(prefix), user))
                await self._records.delete(key)

    async def _change(
        self,
        user: str,
        thread: str,
        change: Callable[[State | None], State | None],
    ) -> bool:
        """Write the state that a change makes of the present one, unless it is None; returns whether it did."""
        key = _of(user, thread)
        for _ in range(TRIES):
            found = await self._records.get(key)
            new = change(None if found is None else _decode(found))
            if new is None:
                return False
            # If this is cut off in between, the user is told too much, and not too little.
            if new.follows:
                await self._records.put(_by(thread, user), b"", self._seconds)
            if await self._write(key, found, new):
                if not new.follows:
                    await self._records.delete(_by(thread, user))
                return True
        return False

    async def _write(self, key: str, found: bytes | None, new: State) -> bool:
        if found is None:
            return await self._records.add(key, _encode(new), self._seconds)
        return await self._records.swap(key, found, _encode(new), self._seconds)


def _of(user: str, thread: str) -> str:
    return f"of/{user}/{thread}"


def _by(thread: str, user: str) -> str:
    return f"by/{thread}/{user}"
