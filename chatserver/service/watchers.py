"""Who watches which rooms, and who wants to be told of words: so that of a large room nobody else has to be looked at.

This is an index of preferences, which decide. It may name users who watch no more, and lacks nobody who does: a user is
noted before the preference is written, as there may be a crash in between, and once more behind it, with another value:
whoever has just found the preference as it was before removes the note of before, and not this one.

A job notes whom it lacks: all of an installation from before it, and those whose preferences a node of an older version
has written. Until its first run has ended, the index is not `whole`. The job also removes those who watch no more.
"""

from collections.abc import AsyncIterator, Callable

import msgspec

from chatserver.delivery.notices import RoomPreferences
from chatserver.hooks.types import Job
from chatserver.interfaces import Store
from chatserver.runtime.ids import new_id

ROOM_PREFERENCES = "roomprefs"  # record space: "user/room" -> RoomPreferences as JSON
ACCOUNT_PREFERENCES = "accountprefs"  # record space: user id -> texts by key, as JSON
WORDS = "page.notify.words"  # the key of an account's words
# Record space: "room/ROOM/USER" and "words/USER" -> a value of its own of each writing; "words", the last such value of
# all users; "whole", once the first run of the job has ended.
SPACE = "watching"
ROOM, WORDED, REVISION, WHOLE = "room/", "words/", "words", "whole"
NAME, EVERY, DEADLINE = "rooms.watchers", 24 * 3600.0, 4 * 3600.0
PAGE = 1000


class Watchers:
    """The index, in the store. Of words it keeps the users in memory, as long as the store has no others."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._is_whole = False
        self._revision: bytes | None = None
        self._worded: set[str] = set()

    async def watch(self, user: str, room: str) -> None:
        """Note that the user (id) watches the room; before and after the preference is written."""
        await self._store.put(SPACE, f"{ROOM}{room}/{user}", _new_value())

    async def want_words(self, user: str) -> None:
        """Note that the user (id) wants to be told of words; before and after the preference is written."""
        value = _new_value()
        await self._store.put(SPACE, f"{WORDED}{user}", value)
        await self._store.put(SPACE, REVISION, value)

    async def forget(self, user: str, room: str | None = None) -> None:
        """Remove a user who is gone: from those of a room, or else from those who want words."""
        key = f"{WORDED}{user}" if room is None else f"{ROOM}{room}/{user}"
        await self._store.delete(SPACE, key)

    async def is_whole(self) -> bool:
        """Whether it lacks nobody."""
        if not self._is_whole:
            self._is_whole = await self._store.get(SPACE, WHOLE) is not None
        return self._is_whole

    async def of_room(self, room: str) -> set[str]:
        """The users (ids) who may watch the room."""
        return await self._noted(f"{ROOM}{room}/")

    async def with_words(self) -> set[str]:
        """The users (ids) who may want to be told of words."""
        revision = await self._store.get(SPACE, REVISION)
        if revision != self._revision:
            self._worded, self._revision = await self._noted(WORDED), revision
        return self._worded

    async def _noted(self, prefix: str) -> set[str]:
        return {
            key.removeprefix(prefix) async for rows in self._pages(SPACE, prefix) for key, _ in rows
        }

    # -- the job -----------------------------------------------------------------------------------

    def job(self) -> Job:
        """The job that notes whom the index lacks."""
        return Job(name=NAME, every=EVERY, run=self.mend, deadline=DEADLINE)

    async def mend(self) -> None:
        """Remove those who watch no more or have no words, and note whom the index lacks."""
        await self._remove_idle(ROOM, ROOM_PREFERENCES, _is_watched)
        await self._remove_idle(WORDED, ACCOUNT_PREFERENCES, _has_words)
        async for rows in self._pages(ROOM_PREFERENCES):
            for key, value in rows:
                if _is_watched(value):
                    await self._store.add(SPACE, ROOM + _turned(key), _new_value())
        async for rows in self._pages(ACCOUNT_PREFERENCES):
            for user, value in rows:
                if _has_words(value):
                    await self._store.add(SPACE, WORDED + user, _new_value())
        await self._store.put(SPACE, REVISION, _new_value())
        await self._store.put(SPACE, WHOLE, b"")

    async def _remove_idle(self, prefix: str, space: str, wants: Callable[[bytes], bool]) -> None:
        async for rows in self._pages(SPACE, prefix):
            noted = {_turned(key.removeprefix(prefix)): (key, value) for key, value in rows}
            preferences = await self._store.get_many(space, list(noted))
            for name, (key, value) in noted.items():
                if name not in preferences or not wants(preferences[name]):
                    await self._store.delete(SPACE, key, value)

    async def _pages(self, space: str, prefix: str = "") -> AsyncIterator[list[tuple[str, bytes]]]:
        after = ""
        while rows := await self._store.scan(space, prefix, after, PAGE):
            yield rows
            after = rows[-1][0]


def _turned(key: str) -> str:
    """ "room/user" of "user/room" and the other way round; a user alone stays."""
    return "/".join(reversed(key.split("/")))


def _new_value() -> bytes:
    return new_id().encode()


def _is_watched(value: bytes) -> bool:
    return _room_preferences(value).watched


def _has_words(value: bytes) -> bool:
    return bool(_texts(value).get(WORDS))


_room_preferences = msgspec.json.Decoder(RoomPreferences).decode
_texts = msgspec.json.Decoder(dict[str, str]).decode
