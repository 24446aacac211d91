"""Cards below messages that say what their links lead to. The server fetches the pages: see docs/security.md."""

import ssl
from collections.abc import Sequence
from pathlib import Path

import msgspec

from chatserver import (
    AnyEvent,
    Context,
    GraphQLPart,
    MessageData,
    MessageEdit,
    MessageEdited,
    MessagePosted,
    Operation,
    PagePart,
    Powers,
    Route,
    StartupError,
    hookimpl,
)
from chatserver_plugins.link_previews.address import Gate
from chatserver_plugins.link_previews.cache import Cache
from chatserver_plugins.link_previews.card import (
    DATA_BYTES,
    NAME,
    Previews,
    links_of,
    previews_in,
)
from chatserver_plugins.link_previews.config import LinkPreviewsConfig
from chatserver_plugins.link_previews.desk import Desk
from chatserver_plugins.link_previews.fetching import Fetcher
from chatserver_plugins.link_previews.graphql import part
from chatserver_plugins.link_previews.operations import operations
from chatserver_plugins.link_previews.routes import routes

HOUR = 3600.0


class LinkPreviewsPlugin:
    """The cards of a message are data of it, which the node gives it on which it was written."""

    Config = LinkPreviewsConfig
    event_kinds = frozenset({"message.posted", "message.edited"})
    powers = Powers(
        network=("any",),
        service=("history.message", "messages.by_id", "messages.change", "rooms.get"),
    )

    def __init__(self, config: LinkPreviewsConfig) -> None:
        self._config = config
        self._desk: Desk | None = None

    @hookimpl
    async def startup(self, context: Context) -> None:
        config = self._config
        fetcher = Fetcher(
            Gate(config.ports, config.blocked_hosts),
            networks=config.allowed_networks,
            tls=_trusting(config.ca_file),
            agent=f"chatserver/{context.version} (previews of links)",
            seconds=config.timeout_seconds,
        )
        cache = Cache(context.expiring, config.cache_hours * HOUR)
        self._desk = Desk(context, fetcher, cache, config.per_minute)

    @hookimpl
    def register_message_data(self) -> Sequence[MessageData]:
        return [MessageData(name=NAME, schema=Previews, max_bytes=DATA_BYTES)]

    @hookimpl
    def register_routes(self) -> Sequence[Route]:
        return routes(self._opened)

    @hookimpl
    def register_operations(self) -> Sequence[Operation]:
        return operations(self._opened)

    @hookimpl
    def register_graphql(self) -> Sequence[GraphQLPart]:
        return [part(self._opened)]

    @hookimpl
    def register_page(self) -> PagePart:
        return PagePart(folder=Path(__file__).parent / "page", late_modules=("link_previews.js",))

    @hookimpl(actions=(MessageEdit,))
    def change_action(self, action: MessageEdit) -> MessageEdit | None:
        """Take away the cards of links that the new text has no more."""
        before = previews_in(action.data)
        after = before.fitting(links_of(action.body))
        if after == before:
            return None
        return msgspec.structs.replace(action, data={**action.data, **after.as_data()})

    @hookimpl
    async def on_event(self, event: AnyEvent) -> None:
        if isinstance(event, MessageEdited) and event.edited_at is not None:
            return  # its data alone has changed
        assert isinstance(event, MessagePosted | MessageEdited)
        self._opened().written(event)

    @hookimpl
    async def shutdown(self) -> None:
        if self._desk is not None:
            await self._desk.close()

    def _opened(self) -> Desk:
        assert self._desk is not None
        return self._desk


def _trusting(file: str) -> ssl.SSLContext:
    """A context that trusts the file's authorities; without a file, those of the system."""
    try:
        return ssl.create_default_context(cafile=file or None)
    except OSError as error:  # errors in the file's content too
        raise StartupError(f"plugin.link_previews.ca_file: {error}") from error
