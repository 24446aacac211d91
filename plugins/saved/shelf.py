"""The saved messages of all users: a record each, which names the message and says when it was saved.

What a message says is read when the list is: it may have been changed or deleted, or its room may be closed to the user.
"""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from chatserver import ChatError, Context, Message, User, time_text

MOST = 1000  # of one user, whatever is configured
PAGE = 50  # at most, on one page
CHANGED = "changed"  # the notice to the user's other devices

Id = Annotated[str, Meta(min_length=1, max_length=100)]


class Saved(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A saved message: its id, when it was saved, and the message as it stands with the name of its room.

    Without `message` it is gone, or the user may not read it any more.
    """

    id: str
    at: str
    message: Message | None = None
    room_name: str | None = None


class SavedList(msgspec.Struct, frozen=True, omit_defaults=True):
    """Saved messages, the last saved first; if there are further ones, the next page is `after` that of the answer."""

    saved: Sequence[Saved]
    after: str | None = None


class Shelf:
    """Saves messages, of which each user has at most `per_user`."""

    def __init__(self, context: Context, per_user: int) -> None:
        self._records, self._service, self._clock = context.records, context.service, context.clock
        self._tell, self._per_user = context.tell, per_user

    async def save(self, user: User, message: str) -> Saved:
        """Save a message; one that is saved keeps its place. Raises `ChatError` message.not_found, limit.count."""
        found = await self._service.messages.by_id(user, message)
        key = f"{user.id}/{message}"
        if await self._records.add(key, str(self._now()).encode()):
            # Counted afterwards, so that requests at the same time cannot exceed the limit together.
            if len(await self._rows(user.id, self._per_user + 1)) > self._per_user:
                await self._records.delete(key)
                raise ChatError(
                    "limit.count",
                    f"You have {self._per_user} saved messages; there can be no more.",
                    detail={"field": "saved", "reason": "count", "most": self._per_user},
                )
            self._tell(CHANGED, {"message": message, "saved": True}, user=user.id)
        at = await self._records.get(key) or str(self._now()).encode()
        return (await self._described(user, [(message, at)], {message: found}))[0]

    async def drop(self, user: User, message: str) -> bool:
        """Remove a message from the list, also one that is gone; whether it was there."""
        if not await self._records.delete(f"{user.id}/{message}"):
            return False
        self._tell(CHANGED, {"message": message, "saved": False}, user=user.id)
        return True

    async def ids(self, user: User) -> list[str]:
        """The ids of all that the user has saved."""
        return [message for message, _ in await self._rows(user.id)]

    async def page(self, user: User, after: str = "", limit: int = PAGE) -> SavedList:
        """Saved messages, the last saved first, after the one with the id `after`."""
        rows = sorted(await self._rows(user.id), key=lambda row: (int(row[1]), row[0]))[::-1]
        start = next((place + 1 for place, (id, _) in enumerate(rows) if id == after), 0)
        found = await self._described(user, rows[start : start + min(limit, PAGE)], {})
        shown = found[: self._fitting(found)]
        is_last = start + len(shown) >= len(rows)
        return SavedList(shown, None if is_last else shown[-1].id)

    def _fitting(self, saved: Sequence[Saved]) -> int:
        """How many, from the first on, fit into half of a connection's buffer, which closes it when it is full."""
        left = self._service.config.limits.buffer_hard_bytes // 2
        for count, each in enumerate(saved):
            left -= len(msgspec.json.encode(each))
            if left < 0 and count:
                return count
        return len(saved)

    async def forget(self, user: str) -> None:
        """Remove all of a deleted account."""
        while rows := await self._records.scan(f"{user}/"):
            for key, _ in rows:
                await self._records.delete(key)

    async def _rows(self, user: str, most: int = MOST) -> list[tuple[str, bytes]]:
        """The ids of the user's saved messages, by ascending id, and when they were saved."""
        rows = await self._records.scan(f"{user}/", limit=most)
        return [(key.partition("/")[2], at) for key, at in rows]

    async def _described(
        self, user: User, rows: Sequence[tuple[str, bytes]], known: dict[str, Message]
    ) -> list[Saved]:
        """The rows with their messages as they stand, as far as the user may read them."""
        names = dict.fromkeys(message.rpartition("-")[0] for message, _ in rows)
        rooms = await self._service.rooms.get_many(list(names))
        wanted = [
            (room, message)
            for message, _ in rows
            if message not in known and (room := rooms.get(message.rpartition("-")[0]))
        ]
        found = await self._service.history.find(user, wanted)
        messages = known | {message.id: message for message in found.values()}
        described = []
        for id, at in rows:
            message = messages.get(id)
            name = None if message is None else self._service.rooms.name(user, rooms[message.room])
            described.append(
                Saved(id=id, at=time_text(int(at) / 1000), message=message, room_name=name)
            )
        return described

    def _now(self) -> int:
        return int(self._clock.now() * 1000)
