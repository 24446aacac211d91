"""Removes messages of a room in the order of its log, and remembers how far it came."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import msgspec

from chatserver import ChatError, Context, MessagePosted, Room, User

PAGE = 500  # events read at once
A_DAY = 86_400


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A room's record: all messages up to the seq `swept` are gone."""

    days: int
    swept: int = 0


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(Kept).decode


class Sweep:
    """Usable from `startup` on."""

    def __init__(self, context: Context) -> None:
        self._context, self._records = context, context.records

    async def bot(self) -> User:
        """The account that removes messages."""
        return await self._context.bot("ageing", "Ageing")

    async def rooms(self) -> AsyncIterator[tuple[str, int]]:
        """Each room with the days after which its messages go."""
        after = ""
        while rows := await self._records.scan("", after):
            for room, value in rows:
                yield room, _decode(value).days
            after = rows[-1][0]

    async def remember(self, room: str, days: int) -> None:
        """Set a room's days; it is swept from its beginning."""
        await self._records.put(room, _encode(Kept(days=days)))

    async def forget(self, room: str) -> None:
        await self._records.delete(room)

    async def sweep(self, id: str, days: int, most: int) -> int:
        """Remove at most `most` messages, and return their number. Raises `ChatError`.

        May be cancelled at any time: what is removed is removed, and the next call comes to it again.
        """
        service, bot = self._context.service, await self.bot()
        room = await service.rooms.get(id, bot)
        removed, border = 0, self._border(days)
        while removed < most and (old := await self._records.get(id)) is not None:
            kept = _decode(old)
            page = await service.history.events(bot, room, kept.swept, PAGE)
            swept = kept.swept
            for event in page.events:
                if event.at > border or removed == most:
                    break
                if isinstance(event, MessagePosted):
                    await self._remove(bot, room, event)
                    removed += 1
                swept = event.seq
            new = _encode(msgspec.structs.replace(kept, swept=swept))
            # Without `swap`, a node that was replaced meanwhile, or new days, would be overwritten.
            if swept == kept.swept or not await self._records.swap(id, old, new):
                break
        return removed

    async def preview(self, user: User, room: Room, days: int) -> tuple[int, bool]:
        """How many messages are older, of the first PAGE events; whether there are no others."""
        page = await self._context.service.history.events(user, room, 0, PAGE)
        border = self._border(days)
        found = [event for event in page.events if event.at <= border]
        texts = [
            event for event in found if isinstance(event, MessagePosted) and not event.redacted
        ]
        return len(texts), len(found) < len(page.events) or page.events[-1].seq == page.head

    async def _remove(self, bot: User, room: Room, event: MessagePosted) -> None:
        try:
            await self._context.service.messages.purge(bot, room, event.id)
        except ChatError as error:
            if error.code != "message.not_found":
                raise

    def _border(self, days: int) -> str:
        """The time (RFC 3339, UTC) up to which messages are too old."""
        at = datetime.fromtimestamp(self._context.clock.now() - days * A_DAY, UTC)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
