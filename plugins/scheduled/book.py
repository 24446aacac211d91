"""The scheduled messages of all users: one record each, and a timer with the same key.

The timer is set first: one that finds no record does nothing, and one that comes too early is set again. A
message that is being posted says so, so that it cannot be changed meanwhile. The author's `client_id` goes with
it, so that it is posted once, however often the timer runs.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from chatserver import (
    ChatError,
    Context,
    Due,
    Meaning,
    MessageSchedule,
    StoreUnavailable,
    User,
    future_time,
    time_text,
)

TIMER = "scheduled.post"
ATTEMPTS = 10  # then the author is told that the message could not be posted
EARLY_SECONDS = 1.0  # that a timer may be early, as clocks of nodes differ
CHANGED_MEANWHILE = Meaning(409, "refresh", "This message has changed, or is being posted.")

ClientId = Annotated[str, Meta(min_length=1, max_length=64)]
Id = Annotated[str, Meta(min_length=1, max_length=64)]


class Failure(msgspec.Struct, frozen=True):
    """The reason why a message was not posted: the code and text of the error."""

    code: str
    text: str


class Scheduled(msgspec.Struct, frozen=True, kw_only=True):
    """A message of a user, to be posted at the time `at` (RFC 3339). A failed one has an `error`."""

    client_id: ClientId
    room: Id
    body: str
    at: str
    reply_to: Id | None = None
    state: Literal["waiting", "sending", "failed"] = "waiting"
    error: Failure | None = None


class NewScheduled(msgspec.Struct, frozen=True, kw_only=True):
    """A message to schedule."""

    client_id: ClientId
    room: Id
    body: str
    at: str
    reply_to: Id | None = None


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(Scheduled).decode


class Book:
    """Scheduled messages, of which each user has at most `per_user`, at most `longest` seconds ahead."""

    def __init__(self, context: Context, per_user: int, longest: float) -> None:
        self._records, self._timers, self._clock = context.records, context.timers, context.clock
        self._service, self._allow = context.service, context.allow
        self._per_user, self._longest = per_user, longest

    # -- for users -----------------------------------------------------------------------------------

    async def list(self, user: User) -> tuple[Scheduled, ...]:
        """The user's messages, by time."""
        rows = await self._records.scan(f"{user.id}/")
        return tuple(sorted((_decode(record) for _, record in rows), key=lambda each: each.at))

    async def add(self, user: User, given: NewScheduled) -> tuple[Scheduled, bool]:
        """Schedule a message; True if it repeats an earlier request with the same `client_id`.

        Raises `ChatError` request.invalid, limit.size, limit.count, room.not_found, room.forbidden, action.refused.
        """
        key = f"{user.id}/{given.client_id}"
        if (before := await self._records.get(key)) is not None:
            return _decode(before), True
        at = self._time(given.at)
        self._check_body(given.body)
        await self._check_room(user, given.room)
        made = Scheduled(
            client_id=given.client_id,
            room=given.room,
            body=await self._allowed(user, given.room, given.client_id, given.body, at),
            at=time_text(at),
            reply_to=given.reply_to,
        )
        await self._timers.set(TIMER, key, at)
        if not await self._records.add(key, _encode(made)):
            return await self._existing(key), True
        # Counted afterwards, so that requests at the same time cannot exceed the limit together.
        if len(await self._records.scan(f"{user.id}/", limit=self._per_user + 1)) > self._per_user:
            await self._remove(key)
            raise ChatError(
                "limit.count",
                f"You have {self._per_user} scheduled messages; there can be no more.",
                detail={"field": "scheduled", "reason": "count", "most": self._per_user},
            )
        return made, False

    async def change(
        self, user: User, client_id: str, *, body: str | None, at: str | None
    ) -> Scheduled:
        """Change the text, the time, or both. A message that could not be posted needs a new time.

        Raises `ChatError` message.not_found, request.invalid, limit.size, scheduled.changed, action.refused.
        """
        key = f"{user.id}/{client_id}"
        record = await self._found(key)
        message = _decode(record)
        when = self._time(message.at if at is None else at)
        if body is not None:
            self._check_body(body)
        wanted = message.body if body is None else body
        changed = msgspec.structs.replace(
            message,
            body=await self._allowed(user, message.room, client_id, wanted, when),
            at=time_text(when),
            state="waiting",
            error=None,
        )
        await self._timers.set(TIMER, key, when)
        if not await self._records.swap(key, record, _encode(changed)):
            raise _changed_meanwhile()
        return changed

    async def cancel(self, user: User, client_id: str) -> Scheduled:
        """Remove a message. Raises `ChatError` message.not_found, scheduled.changed."""
        key = f"{user.id}/{client_id}"
        record = await self._found(key)
        if not await self._records.delete(key, record):
            raise _changed_meanwhile()
        await self._timers.cancel(TIMER, key)
        return _decode(record)

    async def forget(self, user: str) -> None:
        """Remove all messages of a deleted account."""
        while rows := await self._records.scan(f"{user}/"):
            for key, _ in rows:
                await self._remove(key)

    # -- when its time has come ----------------------------------------------------------------------

    async def post(self, due: Due) -> None:
        """Post the message, or note for its author why that is not possible."""
        record = await self._records.get(due.key)
        if record is None or (message := _decode(record)).state == "failed":
            return  # cancelled, or told to its author
        at = datetime.fromisoformat(message.at).timestamp()
        if at > self._clock.now() + EARLY_SECONDS:
            await self._timers.set(TIMER, due.key, at)
            return
        sending = _encode(msgspec.structs.replace(message, state="sending"))
        if not await self._records.swap(due.key, record, sending):
            raise _changed_meanwhile()  # it is tried again in a moment
        try:
            await self._post(due.key, message)
        except ChatError as error:
            if error.meaning.retry == "later" and due.attempt < ATTEMPTS:
                if not isinstance(error, StoreUnavailable):  # after that it may have been posted
                    waiting = msgspec.structs.replace(message, state="waiting")
                    await self._records.swap(due.key, sending, _encode(waiting))
                raise
            failure = Failure(error.code, error.text)
            failed = msgspec.structs.replace(message, state="failed", error=failure)
            await self._records.swap(due.key, sending, _encode(failed))
        else:
            await self._records.delete(due.key, sending)

    async def _post(self, key: str, message: Scheduled) -> None:
        user = await self._service.accounts.get(key.partition("/")[0])
        if user.disabled:
            raise ChatError("user.forbidden")
        room = await self._service.rooms.get(message.room, user)
        _, repeated = await self._service.messages.post(
            user, room, message.client_id, message.body, message.reply_to
        )
        if repeated and message.state == "waiting":  # no attempt of ours has come so far
            raise ChatError("message.client_id_reused")

    async def _allowed(self, user: User, room: str, client_id: str, body: str, at: float) -> str:
        """The text as plugins want it. Raises `ChatError` action.refused."""
        action = MessageSchedule(room=room, client_id=client_id, body=body, at=time_text(at))
        allowed = await self._allow(action, user)
        self._check_body(allowed.body)
        return allowed.body

    # -- shared --------------------------------------------------------------------------------------

    async def _found(self, key: str) -> bytes:
        """The record of a message that may be changed."""
        record = await self._records.get(key)
        if record is None:
            raise ChatError("message.not_found", "There is no such scheduled message.")
        if _decode(record).state == "sending":
            raise _changed_meanwhile()
        return record

    async def _existing(self, key: str) -> Scheduled:
        return _decode(await self._found(key))

    async def _remove(self, key: str) -> None:
        await self._records.delete(key)
        await self._timers.cancel(TIMER, key)

    def _time(self, text: str) -> float:
        return future_time(text, self._clock.now(), self._longest)

    def _check_body(self, body: str) -> None:
        most = self._service.config.limits.message_chars
        if not body.strip():
            raise ChatError(
                "request.invalid",
                "A message needs a text.",
                detail={"field": "body", "reason": "empty"},
            )
        if len(body) > most:
            raise ChatError(
                "limit.size",
                f"A message has at most {most} characters.",
                detail={"field": "body", "reason": "long", "most": most},
            )

    async def _check_room(self, user: User, room: str) -> None:
        """Raise `ChatError` unless the user is a member of the room."""
        found = await self._service.rooms.get(room, user)
        if not self._service.rooms.describe(user, found).joined:
            raise ChatError("room.forbidden")


def _changed_meanwhile() -> ChatError:
    return ChatError("scheduled.changed", after_ms=1000, meaning=CHANGED_MEANWHILE)
