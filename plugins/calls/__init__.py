"""A button in each room begins a call at a server of Jitsi Meet or LiveKit."""

from collections.abc import Sequence
from pathlib import Path

from chatserver import (
    Command,
    CommandAnswer,
    Context,
    GraphQLPart,
    Invocation,
    MessageData,
    NoArguments,
    Operation,
    PagePart,
    Powers,
    Route,
    hookimpl,
)
from chatserver_plugins.calls.config import CallsConfig
from chatserver_plugins.calls.desk import TEXT, Call, Desk
from chatserver_plugins.calls.graphql import part
from chatserver_plugins.calls.operations import operations
from chatserver_plugins.calls.routes import routes
from chatserver_plugins.calls.tickets import Tickets

ABOUT = {"en": "Begin a call in this room.", "ja": "このルームで通話を始めます。"}


class CallsPlugin:
    """A call is a message with its name; each reader joins with a ticket of their own."""

    Config = CallsConfig

    powers = Powers(service=("messages.by_id", "messages.post", "rooms.get"))

    def __init__(self, config: CallsConfig) -> None:
        self._tickets = Tickets(config)
        self._desk: Desk | None = None

    @hookimpl
    def register_routes(self, context: Context) -> Sequence[Route]:
        self._desk = Desk(context, self._tickets)
        return routes(self._opened)

    @hookimpl
    def register_operations(self) -> Sequence[Operation]:
        return operations(self._opened)

    @hookimpl
    def register_graphql(self) -> Sequence[GraphQLPart]:
        return [part(self._opened)]

    @hookimpl
    def register_message_data(self) -> Sequence[MessageData]:
        return [MessageData(name="calls", schema=Call, text=lambda call: TEXT, has="call")]

    @hookimpl
    def register_commands(self) -> Sequence[Command]:
        return [Command(name="call", about=ABOUT, run=self._begin)]

    @hookimpl
    def register_page(self) -> PagePart:
        return PagePart(folder=Path(__file__).parent / "page", modules=("calls.js",))

    async def _begin(self, invocation: Invocation[NoArguments]) -> CommandAnswer:
        joined = await self._opened().begin(invocation.user, invocation.room.id)
        return CommandAnswer(joined.url)

    def _opened(self) -> Desk:
        assert self._desk is not None
        return self._desk
