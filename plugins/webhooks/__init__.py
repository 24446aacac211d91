"""Webhooks: posts events to other systems, and accepts messages from them. See docs/webhooks.md."""

from collections.abc import Sequence

from chatserver import Consumer, Context, Powers, Route, hookimpl
from chatserver_plugins.webhooks.bots import Bots
from chatserver_plugins.webhooks.config import WebhooksConfig
from chatserver_plugins.webhooks.incoming import IncomingHook
from chatserver_plugins.webhooks.outgoing import Sender


class WebhooksPlugin:
    """Each configured hook is one consumer or one route."""

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
    async def shutdown(self) -> None:
        for sender in self._senders:
            sender.close()
