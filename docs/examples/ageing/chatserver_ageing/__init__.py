"""Rooms whose messages are removed for good after some days: `/ageing 30`."""

import logging
from typing import Annotated

import msgspec
from msgspec import Meta

from chatserver import (
    ChatError,
    Command,
    CommandAnswer,
    Context,
    Invocation,
    Job,
    Powers,
    RoomKind,
    RoomRole,
    Settings,
    hookimpl,
)
from chatserver_ageing.sweep import Sweep

logger = logging.getLogger("chatserver.ageing")
ROOMS = (RoomKind.PUBLIC, RoomKind.PRIVATE)


class Days(msgspec.Struct, frozen=True):
    """`30`; 0 keeps messages for ever."""

    days: Annotated[int, Meta(ge=0, le=36_500)]


class Plugin:
    """The account that removes is a member of the room, and one of its admins, so everybody sees it there."""

    class Config(Settings, frozen=True, kw_only=True):
        every_hours: Annotated[float, Meta(description="Hours between two runs.", gt=0)] = 1.0
        per_run: Annotated[
            int,
            Meta(description="Most messages that a run removes, in all rooms.", ge=1, le=10_000),
        ] = 1000

    powers = Powers(
        service=(
            "accounts.bot",
            "history.events",
            "messages.purge",
            "rooms.appoint",
            "rooms.get",
            "rooms.invite",
        )
    )

    def __init__(self, config: Config) -> None:
        self._config = config

    @hookimpl
    def register_jobs(self, context: Context) -> list[Job]:
        self._context, self._sweep = context, Sweep(context)
        every = self._config.every_hours * 3600
        return [Job(name="ageing.sweep", every=every, run=self._run, deadline=600.0)]

    @hookimpl
    def register_commands(self) -> list[Command]:
        return [
            Command(
                name="ageing",
                about="Remove messages of this room for good after some days; 0 keeps them.",
                arguments=Days,
                run=self._set,
                who=RoomRole.OWNER,
                rooms=ROOMS,
            ),
            Command(
                name="ageing-preview",
                about="See how many messages the next runs would remove, and remove none.",
                arguments=Days,
                run=self._preview,
                who=RoomRole.OWNER,
                rooms=ROOMS,
            ),
        ]

    async def _run(self) -> None:
        left = self._config.per_run
        async for room, days in self._sweep.rooms():
            try:
                left -= await self._sweep.sweep(room, days, left)
            except ChatError as error:  # others are swept all the same
                logger.warning("room %s: messages stay: %s", room, error.code)
            if left <= 0:
                return  # the next run goes on

    async def _set(self, call: Invocation[Days]) -> CommandAnswer:
        days, room, rooms = call.arguments.days, call.room, self._context.service.rooms
        bot = await self._sweep.bot()
        if days == 0:
            await self._sweep.forget(room.id)
            return CommandAnswer("Messages are kept from now on.")
        await rooms.invite(call.user, room, bot.id)
        await rooms.appoint(call.user, room, bot.id, RoomRole.ADMIN)
        await self._sweep.remember(room.id, days)
        return CommandAnswer(f"Messages are removed for good after {days} days.")

    async def _preview(self, call: Invocation[Days]) -> CommandAnswer:
        count, is_all = await self._sweep.preview(call.user, call.room, call.arguments.days)
        return CommandAnswer(f"{count}{'' if is_all else ' or more'} messages would be removed.")
