"""Users set a profile picture, which others see in place of their initials, and rooms have one, too."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from chatserver import (
    AnyEvent,
    Consumer,
    Context,
    GraphQLPart,
    Operation,
    PagePart,
    PersonalData,
    Powers,
    RoomChanged,
    Route,
    Settings,
    held_record,
    hookimpl,
    translation,
)
from chatserver_plugins.pictures.desk import Desk
from chatserver_plugins.pictures.graphql import part
from chatserver_plugins.pictures.operations import operations
from chatserver_plugins.pictures.routes import routes


class PicturesPlugin:
    """Needs a plugin that provides blobs; without one, setting a picture is refused with blob.none."""

    class Config(Settings, frozen=True, kw_only=True):
        most_kb: Annotated[
            int,
            msgspec.Meta(
                title="Largest picture",
                description="Largest picture, in units of 1,000 bytes.",
                ge=8,
                le=1000,
            ),
            translation(
                "ja",
                "画像の最大サイズ",
                "プロフィール画像の最大サイズです。単位は 1,000 バイトです。",
            ),
        ] = 128

    powers = Powers(
        service=(
            *("accounts.get", "accounts.tell", "administration.demand"),
            *("blobs.get", "blobs.refer", "blobs.release", "blobs.reply", "blobs.take"),
            *("hub.tell_companions", "hub.tell_room", "people.known_to", "rooms.get"),
        )
    )

    def __init__(self, config: Config) -> None:
        self._most_bytes = config.most_kb * 1000
        self._desk: Desk | None = None

    @hookimpl
    def register_routes(self, context: Context) -> Sequence[Route]:
        self._desk = Desk(context)
        return routes(self._opened, context.blobs, self._most_bytes)

    @hookimpl
    def register_operations(self) -> Sequence[Operation]:
        return operations(self._opened)

    @hookimpl
    def register_graphql(self) -> Sequence[GraphQLPart]:
        return [part(self._opened)]

    @hookimpl
    def register_page(self) -> PagePart:
        return PagePart(folder=Path(__file__).parent / "page", modules=("pictures.js",))

    @hookimpl
    def register_consumers(self) -> Sequence[Consumer]:
        async def handle(events: Sequence[AnyEvent]) -> None:
            for event in events:
                await self._opened().forget_room(event.room)

        return [
            Consumer(
                name="pictures.rooms",
                handle=handle,
                kinds=("room.changed",),
                wants=lambda event: isinstance(event, RoomChanged) and event.deleted,
                attempts=None,  # else a picture stays for ever
            )
        ]

    @hookimpl
    def register_personal_data(self, context: Context) -> Sequence[PersonalData]:
        desk = Desk(context)
        return [
            PersonalData(
                name="pictures",
                title={"en": "Picture", "ja": "プロフィール画像"},
                export=lambda user: held_record(context.records, user),
                erase=desk.forget,
            )
        ]

    def _opened(self) -> Desk:
        assert self._desk is not None
        return self._desk
