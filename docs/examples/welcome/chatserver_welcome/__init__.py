"""A greeting for everybody who joins a room: `/welcome Hello {name}! Read the topic first.`"""

from typing import Annotated

import msgspec
from msgspec import Meta

from chatserver import (
    Command,
    CommandAnswer,
    Context,
    Invocation,
    MemberJoined,
    Powers,
    Rest,
    RoomKind,
    RoomRole,
    Settings,
    hookimpl,
)


class Greeting(msgspec.Struct, frozen=True):
    """The text; nothing ends it."""

    text: Annotated[Rest, Meta(max_length=1000)] = ""


class Plugin:
    """A greeting is a direct message. One that gets lost in a crash is not repeated: see `on_event`."""

    event_kinds = frozenset({"member.joined"})  # `on_event` is called for no others

    class Config(Settings, frozen=True, kw_only=True):
        name: Annotated[
            str, Meta(description="Name of the account that greets.", min_length=1, max_length=50)
        ] = "Welcome"

    powers = Powers(service=("accounts.bot", "accounts.get", "messages.post", "rooms.create"))

    def __init__(self, config: Config) -> None:
        self._name = config.name

    @hookimpl
    def register_commands(self, context: Context) -> list[Command]:
        self._context = context
        return [
            Command(
                name="welcome",
                about="Greet everybody who joins this room; {name} is their name.",
                arguments=Greeting,
                run=self._set,
                who=RoomRole.OWNER,
                rooms=(RoomKind.PUBLIC, RoomKind.PRIVATE),
            )
        ]

    @hookimpl
    async def on_event(self, event: MemberJoined) -> None:
        text = await self._context.records.get(event.room)
        if text is None:
            return
        service = self._context.service
        joined = await service.accounts.get(event.user.id)
        if joined.bot:
            return
        bot = await self._context.bot("welcome", self._name)
        room = await service.rooms.create(bot, RoomKind.DIRECT, None, members=[joined.id])
        greeting = text.decode().replace("{name}", joined.name)
        # The event's place as client_id: if two nodes see it, there is one greeting.
        await service.messages.post(bot, room, f"{event.room}-{event.seq}", greeting)

    async def _set(self, call: Invocation[Greeting]) -> CommandAnswer:
        if not call.arguments.text:
            await self._context.records.delete(call.room.id)
            return CommandAnswer("Nobody is greeted any more.")
        await self._context.records.put(call.room.id, call.arguments.text.encode())
        return CommandAnswer(f"Whoever joins will read: {call.arguments.text}")
