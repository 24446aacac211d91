"""Users who have devices, as this node knows them: among thousands of members few are asked for their wishes."""

from collections.abc import Iterable

from chatserver import Context

RELOAD_SECONDS = (
    3600.0  # all are read anew, so that those who have no device any more are forgotten
)
NEWS_SECONDS = 2 * RELOAD_SECONDS  # news of the other nodes are kept …
LOOK_SECONDS = (
    1.0  # … and looked for: a device is told of what is written a moment after it was added
)
SKEW_SECONDS = 60.0  # by which clocks of nodes may differ
PAGE = 1000


class Roster:
    """Reads all once, and then what is new."""

    def __init__(self, context: Context) -> None:
        self._records, self._news, self._clock = context.records, context.expiring, context.clock
        self._users: set[str] = set()
        self._loaded_at = float("-inf")
        self._read_at = 0.0

    async def note(self, user: str) -> None:
        """Tell all nodes that the user (id) has a device."""
        self._users.add(user)
        await self._news.put(f"new/{_time(self._clock.now())}-{user}", b"", NEWS_SECONDS)

    async def forget(self, user: str) -> None:
        """Remove the news of a deleted account (id); a node that has read them forgets it with its next load."""
        after = "new/"
        self._users.discard(user)
        while rows := await self._news.scan("new/", after, PAGE):
            after = rows[-1][0]
            for key, _ in rows:
                if key.endswith(f"-{user}"):
                    await self._news.delete(key)

    async def among(self, users: Iterable[str]) -> list[str]:
        """Those of the users (ids) who have devices, or had some not long ago."""
        await self._catch_up()
        return [user for user in users if user in self._users] if self._users else []

    async def is_empty(self) -> bool:
        """Whether nobody has a device."""
        await self._catch_up()
        return not self._users

    @property
    def is_known_to_be_empty(self) -> bool:
        """Whether nobody had a device within the last LOOK_SECONDS, as `is_empty` would say without asking the store."""
        return not self._users and self._is_current(self._clock.now())

    def _is_current(self, now: float) -> bool:
        return now - self._loaded_at <= RELOAD_SECONDS and 0 <= now - self._read_at < LOOK_SECONDS

    async def _catch_up(self) -> None:
        now = self._clock.now()
        if self._is_current(now):
            return
        if now - self._loaded_at > RELOAD_SECONDS:
            await self._load()
            self._loaded_at = self._read_at = now
        await self._look(now)

    async def _look(self, now: float) -> None:
        """Take in whom other nodes, or this one, told of since the last time."""
        after = f"new/{_time(self._read_at - SKEW_SECONDS)}"
        while rows := await self._news.scan("new/", after, PAGE):
            self._users |= {key.partition("-")[2] for key, _ in rows}
            after = rows[-1][0]
        self._read_at = now

    async def _load(self) -> None:
        users: set[str] = set()
        after = ""
        while rows := await self._records.scan("of/", after, PAGE):
            users |= {key.removeprefix("of/") for key, _ in rows}
            after = rows[-1][0]
        self._users = users


def _time(seconds: float) -> str:
    return f"{int(seconds * 1000):013}"
