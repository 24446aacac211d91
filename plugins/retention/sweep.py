"""A run over all rooms: in each, what is older than it keeps expires."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from loguru import logger

from chatserver import ChatError, Context, RoomChanged, StoreUnavailable, UserRef
from chatserver_plugins.retention.config import Config
from chatserver_plugins.retention.files import FileSweep
from chatserver_plugins.retention.rules import HELD_ROOM, HELD_USER, Rules

DAY = 86_400


class Sweep:
    """Removes what is due; may be cancelled at any time, and the next run goes on."""

    def __init__(self, context: Context, rules: Rules, config: Config) -> None:
        self.rules = rules
        self._context, self._config = context, config
        self._expiry = context.service.expiry

    async def run(self) -> int:
        """Remove what is due in all rooms, and old files; returns the number of events that lost a text."""
        held_rooms = [*await self.rules.holds(HELD_ROOM)]
        held = [*await self.rules.holds(HELD_USER)]
        removed = await self._messages(held_rooms, held)
        if self._config.file_days:
            files = FileSweep(self._context, keeps_pinned=self._config.keep_pinned)
            count = await files.run(self.border(self._config.file_days), held_rooms, held)
            if count:
                logger.info("retention: {} files were removed", count)
        return removed

    async def _messages(self, held_rooms: Collection[str], held: Sequence[str]) -> int:
        choices = await self.rules.choices()
        durations = (self._config.public_days, self._config.private_days, self._config.direct_days)
        if not choices and max(self._config.days, *durations) <= 0:
            return 0
        by = UserRef.of(await self._context.bot("retention", "Retention"))
        left, removed = self._config.per_run, 0
        async for described in self._expiry.rooms():
            days = self.rules.shorter(choices.get(described.room, 0), described.kind)
            if not days or described.room in held_rooms or left <= 0:
                continue
            try:
                done = await self._expiry.expire(
                    described.room,
                    self.border(days),
                    by,
                    most=left,
                    keeps_pinned=self._config.keep_pinned,
                    held=held,
                )
            except StoreUnavailable:
                raise
            except ChatError as error:  # the others do not wait for it
                logger.warning("room {}: messages stay: {}", described.room, error.code)
                continue
            left, removed = left - done.looked, removed + done.events
        if removed:
            await self._expiry.finish()
            logger.info("retention: {} texts were removed", removed)
        return removed

    async def due(self, described: RoomChanged) -> int:
        """The number of events that a run would remove from a room now."""
        days = await self.rules.days(described.room, described.kind)
        return await self._expiry.count(described.room, self.border(days)) if days else 0

    def border(self, days: int) -> str:
        """The time (RFC 3339) before which messages are too old."""
        at = datetime.fromtimestamp(self._context.clock.now() - days * DAY, UTC)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
