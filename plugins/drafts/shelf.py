"""The drafts of all users: a record each, `USER/ROOM/THREAD`, which expires. Nobody but its user reads it.

Each change gives a draft another revision. A save names the revision that it is based on, so a device that is behind
changes nothing. A draft that was removed leaves its revision for a while, so that a save from before it, which comes
late, does not bring the draft back.
"""

from typing import NamedTuple

import msgspec

from chatserver import Context

DAY = 86400.0
REMOVED_SECONDS = 7 * DAY  # a device that comes later learns of the removal by the draft's absence
MOST = 1000  # of one user, whatever is configured
CHANGED = "changed"  # the notice to the user's devices


class Place(NamedTuple):
    """Where a draft is written: a room (id), or the thread in it that begins with a message (id)."""

    room: str
    thread: str | None = None

    @property
    def key(self) -> str:
        return f"{self.room}/{self.thread or ''}"


class Kept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A draft as it is stored. One without a body was removed. `revision` is its time, in ms, or a later number."""

    revision: int
    body: str = ""
    reply_to: str | None = None


class Row(NamedTuple):
    """A draft with its place and the number of bytes that are stored of it."""

    place: Place
    kept: Kept
    size: int


NONE = Kept(revision=0)  # where there is no draft, and none was removed lately

_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(Kept).decode


class Shelf:
    """Keeps drafts, of which each user has at most `per_user`, and tells the user's devices of changes."""

    def __init__(self, context: Context, per_user: int, keep_seconds: float) -> None:
        """A draft is kept for so many seconds after its last change."""
        self._records, self._clock, self._tell = context.expiring, context.clock, context.tell
        self._per_user, self._keep = per_user, keep_seconds

    async def get(self, user: str, place: Place) -> Kept:
        """The draft of a user (id) in a place; NONE if there is none."""
        record = await self._records.get(f"{user}/{place.key}")
        return NONE if record is None else _decode(record)

    async def rows(self, user: str, after: str = "", limit: int = MOST) -> list[Row]:
        """Drafts of a user by the keys of their places, from the one behind `after` on; those removed lately, too."""
        prefix = f"{user}/"
        found = await self._records.scan(prefix, prefix + after if after else "", limit)
        return [Row(_place(key), _decode(value), len(value)) for key, value in found]

    async def put(
        self, user: str, place: Place, body: str, reply_to: str | None, base: int | None
    ) -> tuple[Kept, bool]:
        """Save a draft, or remove it by an empty body. Returns what stands now, and whether that is what was given.

        With a `base` nothing is changed unless that is the revision that stands.
        """
        key = f"{user}/{place.key}"
        seconds = self._keep if body else min(self._keep, REMOVED_SECONDS)
        while True:
            record = await self._records.get(key)
            stands = NONE if record is None else _decode(record)
            if base is not None and base != stands.revision:
                return stands, False
            if (body, reply_to) == (stands.body, stands.reply_to):
                return stands, True
            revision = max(int(self._clock.now() * 1000), stands.revision + 1)
            made = Kept(revision=revision, body=body, reply_to=reply_to)
            if record is None:
                is_stored = await self._records.add(key, _encode(made), seconds)
            else:
                is_stored = await self._records.swap(key, record, _encode(made), seconds)
            if is_stored:
                break
            # Another device was faster: each further turn follows such a change.
        self._told(user, place, made)
        if record is None:
            await self._make_room(user)
        return made, True

    async def drop(self, user: str, place: Place) -> None:
        """Remove a draft and leave nothing of it, as of a room that is gone."""
        await self._records.delete(f"{user}/{place.key}")

    async def forget(self, user: str) -> None:
        """Remove all of a deleted account."""
        while rows := await self._records.scan(f"{user}/"):
            for key, _ in rows:
                await self._records.delete(key)

    async def _make_room(self, user: str) -> None:
        """Let the oldest drafts go for a new one, first of all those that were removed.

        Not the new one: nobody is to be told, while writing, of drafts in other rooms that they forgot. Counted after
        it was added, so that requests at the same time cannot exceed the limit together.
        """
        rows = await self.rows(user, limit=MOST + 1)
        rows.sort(key=lambda row: (bool(row.kept.body), row.kept.revision))
        for place, kept, _ in rows[: max(len(rows) - self._per_user, 0)]:
            if await self._records.delete(f"{user}/{place.key}", _encode(kept)):
                self._told(user, place, NONE)

    def _told(self, user: str, place: Place, kept: Kept) -> None:
        said = {"room": place.room, "thread": place.thread, "revision": shown(kept)}
        self._tell(CHANGED, said, user=user)


def shown(kept: Kept) -> str:
    """A revision as clients have it: a text that they compare; empty where there is no draft."""
    return str(kept.revision or "")


def _place(key: str) -> Place:
    _, room, thread = key.split("/", 2)
    return Place(room, thread or None)
