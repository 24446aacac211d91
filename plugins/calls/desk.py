"""What users do with calls, at whatever door: begin one in a room, and join it."""

import secrets
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from chatserver import ChatError, Context, Message, User, UserRate, may_moderate
from chatserver_plugins.calls.tickets import Tickets

TEXT = "📞 A call has begun."  # for clients that do not know what a call is
PER_SECOND, BURST = 1 / 30, 3.0  # calls that one user begins
NAME_BYTES = 12  # which nobody guesses


class Call(msgspec.Struct, frozen=True):
    """The data `calls` of a message: the name of the call at the other server."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]


class Joined(msgspec.Struct, frozen=True):
    """The id of the message of a call, and where its reader joins it: an address for this user alone."""

    message: str
    url: str


class Desk:
    """Begins calls as messages, and makes the address for each who joins."""

    def __init__(self, context: Context, tickets: Tickets) -> None:
        self._context, self._service, self._tickets = context, context.service, tickets
        self._rate = UserRate(PER_SECOND, BURST)

    async def begin(self, user: User, room: str, thread: str | None = None) -> Joined:
        """Post a message with a new call in a room, as one's own; its author moderates the call.

        Raises `ChatError`: room.not_found, limit.rate, and what posting a message raises.
        """
        place = await self._service.rooms.get(room, user)
        self._rate.take(user.id)
        call = Call(name=f"call-{secrets.token_hex(NAME_BYTES)}")
        posted = await self._context.messages.post(
            user, place, TEXT, data={"calls": call}, thread=thread
        )
        return Joined(posted.id, self._address(call, user, moderates=True))

    async def join(self, user: User, message: str) -> Joined:
        """Where a reader of the message joins its call. Raises `ChatError` message.not_found, room.archived."""
        found = await self._service.messages.by_id(user, message)
        call = call_of(found)
        if call is None:
            raise ChatError("message.not_found", "This message has no call.")
        room = await self._service.rooms.get(found.room, user)
        assert room.description is not None
        if room.description.archived:
            raise ChatError("room.archived")
        moderates = found.author.id == user.id or may_moderate(user, room)
        return Joined(found.id, self._address(call, user, moderates=moderates))

    def _address(self, call: Call, user: User, *, moderates: bool) -> str:
        now = self._context.clock.now()
        return self._tickets.address(call.name, user, moderates=moderates, now=now)


def call_of(message: Message) -> Call | None:
    """The call in a message, None if there is none."""
    data: Mapping[str, Any] = message.data
    return msgspec.convert(data["calls"], Call) if "calls" in data else None
