"""Webhooks: posts events to other systems, takes messages from them, and has them answer commands. See docs/webhooks.md."""

from collections.abc import Sequence

from chatserver import Command, Consumer, Context, MessageData, Powers, Route, hookimpl
from chatserver_plugins.webhooks.bots import Bots
from chatserver_plugins.webhooks.commands import Commands, message_data
from chatserver_plugins.webhooks.config import WebhooksConfig
from chatserver_plugins.webhooks.incoming import IncomingHook
from chatserver_plugins.webhooks.outgoing import Sender


class WebhooksPlugin:
    """Each configured hook is one consumer, route or command."""

    Config = WebhooksConfig
    powers = Powers(
        network=("configured",),
        service=(
            "accounts.bot",
            "accounts.by_name",
            "accounts.get",
            "config.limits",
            "messages.post",
            "rooms.get",
            "rooms.get_many",
            "rooms.join",
        ),
    )

    def __init__(self, config: WebhooksConfig) -> None:
        self._config = config
        self._senders: list[Sender] = []
        self._commands: Commands | None = None

    @hookimpl
    def register_consumers(self, context: Context) -> Sequence[Consumer]:
        self._senders = [
            Sender(name, hook, context) for name, hook in self._config.outgoing.items()
        ]
        return [sender.consumer for sender in self._senders]

    @hookimpl
    def register_routes(self, context: Context) -> Sequence[Route]:
        bots = Bots(context)
        incoming = self._config.incoming.items()
        return [IncomingHook(name, hook, context, bots).route for name, hook in incoming]

    @hookimpl
    def register_commands(self, context: Context) -> Sequence[Command]:
        return self._opened(context).all

    @hookimpl
    def register_message_data(self, context: Context) -> Sequence[MessageData]:
        return [message_data(self._opened(context))]

    @hookimpl
    async def shutdown(self) -> None:
        if self._commands is not None:
            self._commands.close()
        for sender in self._senders:
            sender.close()

    def _opened(self, context: Context) -> Commands:
        if self._commands is None:
            self._commands = Commands(self._config.commands, context, Bots(context))
        return self._commands
