"""The reminders of all users: a record each, and a timer with the same key, `USER/MESSAGE`.

The record decides, the timer only looks at it: one that comes too early is set again, and one without a record does
nothing. So the timer is never later than the record wants, also after a crash between the two.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from chatserver import ChatError, Context, Due, time_text

TIMER = "reminders.come"
EARLY_SECONDS = 1.0  # that a timer may be early, as clocks of nodes differ
KEEP_SECONDS = 7 * 86400.0  # a reminder that is done
MOST = 1000  # of one user, whatever is configured
CHANGED = "changed"  # the notice to the user's devices
TITLE = {"en": "Reminder", "ja": "リマインダー"}

State = Literal["due", "waiting", "done"]


class Kept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A reminder as it is stored. `at` and `done_at` are Unix times; the second is there once it is done."""

    at: float
    state: State = "waiting"
    note: str = ""
    done_at: float | None = None

    @property
    def looked_at(self) -> float | None:
        """When the timer is to look at it; None while it is due, which its user ends."""
        if self.state == "waiting":
            return self.at
        return None if self.done_at is None else self.done_at + KEEP_SECONDS


class Row(msgspec.Struct, frozen=True):
    """A reminder with the id of its message."""

    message: str
    kept: Kept

    @property
    def order(self) -> tuple[int, float, str]:
        """The due ones come first, the last of them before the others; then those that wait, then those that are done."""
        kept = self.kept
        if kept.state == "waiting":
            return 1, kept.at, self.message
        if kept.done_at is None:
            return 0, -kept.at, self.message
        return 2, -kept.done_at, self.message


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(Kept).decode


class Book:
    """Keeps reminders, of which each user has at most `per_user`, and tells the user's devices of changes."""

    def __init__(self, context: Context, per_user: int) -> None:
        self._context, self._per_user = context, per_user
        self._records, self._timers, self._clock = context.records, context.timers, context.clock

    # -- for users -----------------------------------------------------------------------------------

    async def rows(self, user: str) -> Sequence[Row]:
        """All reminders of a user (id)."""
        rows = await self._records.scan(f"{user}/", limit=MOST)
        return sorted(
            (Row(key.partition("/")[2], _decode(value)) for key, value in rows),
            key=lambda row: row.order,
        )

    async def put(self, user: str, message: str, at: float, note: str) -> bool:
        """Remind a user of a message; one reminder a message, so True if it takes the place of another.

        Raises `ChatError` limit.count.
        """
        key, made = f"{user}/{message}", Kept(at=at, note=note)
        while True:
            if await self._replace(key, lambda kept: made) is not None:
                return True
            await self._timers.set(TIMER, key, at)  # first: without a record it does nothing
            if await self._records.add(key, _encode(made)):
                break
        await self._make_room(user, key)
        await self._set_timer(key, _encode(made))  # again, as one that is being removed cancels it
        self._told(key, made)
        return False

    async def change(self, user: str, message: str, change: Callable[[Kept], Kept]) -> Kept:
        """Replace a reminder by what `change` makes of it. Raises `ChatError` message.not_found."""
        changed = await self._replace(f"{user}/{message}", change)
        if changed is None:
            raise ChatError("message.not_found", "There is no reminder of this message.")
        return changed

    async def remove(self, user: str, message: str) -> bool:
        """Remove a reminder; whether there was one."""
        key = f"{user}/{message}"
        if not await self._records.delete(key):
            return False
        self._told(key, None)
        await self._cancel(key)
        return True

    async def forget(self, user: str) -> None:
        """Remove all reminders of a deleted account."""
        while rows := await self._records.scan(f"{user}/"):
            for key, _ in rows:
                await self._records.delete(key)
                await self._cancel(key)

    # -- when the time has come ----------------------------------------------------------------------

    async def come(self, due: Due) -> None:
        """The reminder is due from now on, or has been done for long enough."""
        if (record := await self._records.get(due.key)) is None:
            return
        kept = _decode(record)
        if (at := kept.looked_at) is None:
            await self._remind(due.key, kept)  # a crash may have come before the user was told
        elif at > self._clock.now() + EARLY_SECONDS:
            await self._set_timer(due.key, record)
        elif kept.state == "done":
            if await self._records.delete(due.key, record):
                self._told(due.key, None)
        else:
            is_due = msgspec.structs.replace(kept, state="due")
            if await self._records.swap(due.key, record, _encode(is_due)):
                await self._remind(due.key, is_due)
            # Else it was changed meanwhile, which has set the timer.

    # -- shared --------------------------------------------------------------------------------------

    async def _replace(self, key: str, change: Callable[[Kept], Kept]) -> Kept | None:
        """Replace a record by what `change` makes of it; None if there is none."""
        while (record := await self._records.get(key)) is not None:
            before = _decode(record)
            changed = change(before)
            if (at := changed.looked_at) is not None:
                # First, so that a crash in between leaves a timer that is early enough.
                early = at if before.looked_at is None else min(before.looked_at, at)
                await self._timers.set(TIMER, key, early)
            if await self._records.swap(key, record, _encode(changed)):
                await self._set_timer(key, _encode(changed))
                self._told(key, changed)
                return changed
            # Somebody else has changed it: each further turn follows such a change.
        return None

    async def _set_timer(self, key: str, record: bytes | None) -> None:
        """Set the timer as the record wants. Of changes at the same time the last one counts, whoever comes here last."""
        while record is not None and (at := _decode(record).looked_at) is not None:
            await self._timers.set(TIMER, key, at)
            stands = await self._records.get(key)
            if stands == record:
                return
            record = stands

    async def _make_room(self, user: str, added: str) -> None:
        """Let a reminder that is done go for one that was added, which is refused if there is none.

        Counted afterwards, so that requests at the same time cannot exceed the limit together.
        """
        rows = await self._records.scan(f"{user}/", limit=MOST + 1)
        done = [(kept.done_at, key) for key, value in rows if (kept := _decode(value)).done_at]
        surplus = len(rows) - self._per_user
        if surplus > len(done):
            await self._records.delete(added)
            await self._cancel(added)
            raise ChatError(
                "limit.count",
                f"You have {self._per_user} reminders; there can be no more.",
                detail={"field": "reminders", "reason": "count", "most": self._per_user},
            )
        for _, key in sorted(done)[: max(surplus, 0)]:
            await self.remove(*key.split("/", 1))

    async def _cancel(self, key: str) -> None:
        """Cancel the timer of a record that was removed, but not that of one that has come in its place."""
        await self._timers.cancel(TIMER, key)
        await self._set_timer(key, await self._records.get(key))

    async def _remind(self, key: str, kept: Kept) -> None:
        """Tell the user of a reminder that is due, in the page and elsewhere."""
        self._told(key, kept)
        user, _, message = key.partition("/")
        await self._context.remind(user, message, kept.at, TITLE, kept.note)

    def _told(self, key: str, kept: Kept | None) -> None:
        user, _, message = key.partition("/")
        state, at = (None, None) if kept is None else (kept.state, time_text(kept.at))
        self._context.tell(CHANGED, {"message": message, "state": state, "at": at}, user=user)
