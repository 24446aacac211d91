"""Emoji of the server's own: small pictures with names, in messages and as reactions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from chatserver import (
    Context,
    GraphQLPart,
    Operation,
    PagePart,
    Powers,
    Route,
    Settings,
    hookimpl,
)
from chatserver_plugins.emoji.book import MOST, Book
from chatserver_plugins.emoji.desk import Adders, Desk
from chatserver_plugins.emoji.graphql import part
from chatserver_plugins.emoji.operations import operations
from chatserver_plugins.emoji.routes import routes


class EmojiPlugin:
    """Keeps pictures with names, which `:name:` stands for. Needs a plugin that provides blobs."""

    class Config(Settings, frozen=True, kw_only=True):
        adders: Annotated[
            Adders,
            msgspec.Meta(
                description="Who adds emoji: staff of the server alone, or all members; guests never do."
            ),
        ] = "staff"
        largest_kb: Annotated[
            int, msgspec.Meta(description="Largest picture, in KiB.", ge=1, le=1024)
        ] = 256
        most: Annotated[
            int, msgspec.Meta(description="Most emoji of the server.", ge=1, le=MOST)
        ] = 1000
        most_by_member: Annotated[
            int,
            msgspec.Meta(
                description="Most emoji that one member has added, if members may add some.",
                ge=1,
                le=MOST,
            ),
        ] = 20

    powers = Powers(
        service=(
            *("accounts.get_many", "administration.demand", "hub.tell_everybody"),
            *("blobs.get", "blobs.refer", "blobs.release", "blobs.reply", "blobs.take"),
        )
    )

    def __init__(self, config: Config) -> None:
        self._config = config
        self._desk: Desk | None = None

    @hookimpl
    def register_routes(self, context: Context) -> Sequence[Route]:
        config, largest = self._config, self._config.largest_kb * 1024
        self._desk = Desk(
            context,
            Book(context.records, config.most),
            adders=config.adders,
            largest=largest,
            most_by_member=config.most_by_member,
        )
        return routes(self._opened, largest)

    @hookimpl
    def register_operations(self, context: Context) -> Sequence[Operation]:
        return operations(self._opened)

    @hookimpl
    def register_graphql(self) -> Sequence[GraphQLPart]:
        return [part(self._opened)]

    @hookimpl
    def register_page(self) -> PagePart:
        folder = Path(__file__).parent / "page"
        return PagePart(folder=folder, modules=("emoji.js",))

    def _opened(self) -> Desk:
        assert self._desk is not None
        return self._desk
