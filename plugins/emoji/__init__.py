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
    PersonalData,
    Powers,
    Route,
    Settings,
    hookimpl,
    translation,
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
                title="Who adds emoji",
                description="`staff`: only staff of the server; `members`: all members. Guests never add "
                "emoji.",
            ),
            translation(
                "ja",
                "絵文字を追加できる人",
                "staff はサーバーのスタッフだけ、members はメンバー全員が追加できます。"
                "ゲストは追加できません。",
            ),
        ] = "staff"
        largest_kb: Annotated[
            int,
            msgspec.Meta(
                title="Largest picture", description="Largest picture, in KiB.", ge=1, le=1024
            ),
            translation(
                "ja", "画像の最大サイズ", "絵文字の画像の最大サイズです。単位は KiB です。"
            ),
        ] = 256
        most: Annotated[
            int,
            msgspec.Meta(
                title="Emoji of the server",
                description="Most emoji that the server has.",
                ge=1,
                le=MOST,
            ),
            translation("ja", "サーバーの絵文字の数", "サーバーに登録できる絵文字の上限です。"),
        ] = 1000
        most_by_member: Annotated[
            int,
            msgspec.Meta(
                title="Emoji by one member",
                description="Most emoji that one member can add, if members may add some.",
                ge=1,
                le=MOST,
            ),
            translation(
                "ja",
                "メンバー一人の絵文字の数",
                "メンバーが追加できる場合に、一人が追加できる絵文字の上限です。",
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
    def register_personal_data(self, context: Context) -> Sequence[PersonalData]:
        book = Book(context.records, self._config.most)
        return [
            PersonalData(
                name="emoji",
                title={"en": "Emoji you added", "ja": "追加した絵文字"},
                export=book.held,
                erase=book.disown,
            )
        ]

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
