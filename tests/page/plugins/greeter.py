"""A machine that answers "hello" in every public room."""

import chatserver


class Plugin:
    event_kinds = frozenset({"message.posted"})

    def __init__(self, config: chatserver.Settings) -> None:
        pass

    @chatserver.hookimpl
    async def startup(self, context: chatserver.Context) -> None:
        self._context, self._bot = context, await context.bot("Greeter")

    @chatserver.hookimpl
    async def on_event(self, event: chatserver.MessagePosted) -> None:
        if event.body != "hello" or event.author.id == self._bot.id:
            return
        rooms = self._context.service.rooms
        room = await rooms.get(event.room, self._bot)
        await rooms.join(self._bot, room)
        await self._context.messages.post(self._bot, room, f"Hello, {event.author.name}!")
