"""Smaller pictures of the pictures in messages, for lists of messages and slow networks."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from chatserver import (
    ChatError,
    Context,
    Draft,
    MessageData,
    Powers,
    Reply,
    Request,
    Route,
    Scope,
    Settings,
    hookimpl,
    translation,
)
from chatserver_plugins.thumbnails.process import Bounds
from chatserver_plugins.thumbnails.sizes import Size, sizes_of
from chatserver_plugins.thumbnails.studio import WAIT_SECONDS, Studio

NAME = "thumbnails"
FILES = "attachments"  # the namespace that names files of messages
PATH = "/api/v1/rooms/{room}/messages/{message}/thumbnails/{blob}/{side}"
# A thumbnail never changes; the browser of somebody else on this device asks again, with another cookie.
CACHE = {"Cache-Control": "private, max-age=86400, immutable", "Vary": "Cookie, Authorization"}


class File(msgspec.Struct, frozen=True):
    """What is read of a file in a message."""

    blob: str
    media_type: str = ""
    width: int = 0
    height: int = 0


class Files(msgspec.Struct, frozen=True):
    files: tuple[File, ...]


class Thumbnails(msgspec.Struct, frozen=True):
    """The data of a message: the sizes in which there are thumbnails of its files (ids of blobs)."""

    files: dict[str, tuple[Size, ...]]


class ThumbnailsPlugin:
    """Stands behind `attachments`, whose files it looks at."""

    class Config(Settings, frozen=True, kw_only=True):
        largest_mb: Annotated[
            int,
            Meta(
                title="Largest picture",
                description="Thumbnails are made of pictures of at most so many megabytes.",
                ge=1,
                le=200,
            ),
            translation(
                "ja",
                "画像の最大サイズ",
                "このメガバイト数までの画像について、サムネイルを作成します。",
            ),
        ] = 30
        megapixels: Annotated[
            int,
            Meta(
                title="Most pixels",
                description="Most million pixels that are decoded of one picture. Of a larger JPEG a part of its detail "
                "is decoded; of other pictures there are no thumbnails.",
                ge=1,
                le=200,
            ),
            translation(
                "ja",
                "最大画素数",
                "1 枚の画像から読み取る最大の画素数です。単位は 100 万画素です。これより大きい JPEG は粗く"
                "読み取り、ほかの画像のサムネイルは作成しません。",
            ),
        ] = 40
        memory_mb: Annotated[
            int,
            Meta(
                title="Memory",
                description="Most megabytes of memory of the process that decodes pictures.",
                ge=256,
                le=16_384,
            ),
            translation(
                "ja",
                "メモリー",
                "画像を読み取るプロセスが使うメモリーの上限です。単位はメガバイトです。",
            ),
        ] = 768
        seconds: Annotated[
            float,
            Meta(
                title="Time for one picture",
                description="Most seconds of the processor for one picture.",
                gt=0,
                le=300,
            ),
            translation(
                "ja",
                "1 枚の処理時間",
                "1 枚の画像に使うプロセッサー時間の上限です。単位は秒です。",
            ),
        ] = 10.0

    powers = Powers(
        service=(
            *("blobs.get", "blobs.keep_with", "blobs.kept_with", "blobs.read", "blobs.reply"),
            *("blobs.take", "history.find", "rooms.get"),
        )
    )

    def __init__(self, config: Config) -> None:
        self._bounds = Bounds(
            source_bytes=config.largest_mb * 1_000_000,
            pixels=config.megapixels * 1_000_000,
            memory_bytes=config.memory_mb * 1_000_000,
            seconds=config.seconds,
        )
        self._studio: Studio | None = None

    @hookimpl
    def register_message_data(self) -> Sequence[MessageData]:
        return [MessageData(name=NAME, schema=Thumbnails, has="picture")]

    @hookimpl
    def register_routes(self, context: Context) -> Sequence[Route]:
        self._context = context
        self._studio = Studio(context, self._bounds)
        return [
            Route(path=PATH, get=self._show, deadline=WAIT_SECONDS + 5, scopes={"get": Scope.READ})
        ]

    @hookimpl(data=(FILES, NAME))
    async def change_message(self, draft: Draft) -> Draft | None:
        """Say which sizes there are, whether or not they are made yet."""
        sizes = {
            file.blob: sizes
            for file in _files(draft.data)
            if (sizes := sizes_of(file.media_type, file.width, file.height))
        }
        if not sizes and NAME not in draft.data:
            return None
        data = {**draft.data, NAME: Thumbnails(sizes) if sizes else None}
        return msgspec.structs.replace(draft, data=data)

    @hookimpl
    async def shutdown(self) -> None:
        if self._studio is not None:
            await self._studio.close()

    async def _show(self, request: Request) -> Reply:
        """For readers of the room, as long as the message has the file. One that is not there yet is made."""
        given, user, service = request.parameters, await request.user(), self._context.service
        room = await service.rooms.get(given["room"], user)
        key = (room.id, given["message"])
        message = (await service.history.find(user, [(room, given["message"])])).get(key)
        if message is None or given["blob"] not in {file.blob for file in _files(message.data)}:
            raise ChatError("blob.not_found")
        blobs = self._context.blobs
        source = await blobs.get(given["blob"])
        if source.owner != message.author.id:
            raise ChatError("blob.not_found")
        assert self._studio is not None
        reply = blobs.reply(await self._studio.thumbnail(source, given["side"]), request)
        return msgspec.structs.replace(reply, headers={**reply.headers, **CACHE})


def _files(data: Mapping[str, Any]) -> tuple[File, ...]:
    return msgspec.convert(data[FILES], Files).files if FILES in data else ()
