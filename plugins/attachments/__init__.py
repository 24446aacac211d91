"""Files in messages: data that refers to blobs, which are kept as long as the message shows them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from chatserver import (
    AnyEvent,
    ChatError,
    Consumer,
    Context,
    Draft,
    ExpiredMessages,
    Message,
    MessageData,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    PagePart,
    Powers,
    Records,
    Reply,
    Request,
    RoomChanged,
    Route,
    Scope,
    User,
    hookimpl,
)

NAME = "attachments"
PATH = "/api/v1/rooms/{room}/messages/{message}/files/{blob}"
MOST_FILES = 10  # in one message
ALT_CHARS = 1000
PAGE = 500  # records at once
HELD = "held/"  # keys of records: the ids of a message's blobs that the plugin refers to
_encode = msgspec.json.encode


class File(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file of a message. Clients give the `blob`, the id of one of their uploads, and `alt`; the rest is the server's.

    `alt` says what a picture shows, to those who do not see it. `width` and `height` are those of a picture, in pixels; they are left out where they are not known.
    """

    blob: Annotated[str, Meta(min_length=1, max_length=64)]
    alt: Annotated[str, Meta(max_length=ALT_CHARS)] = ""
    name: str = ""
    media_type: str = ""
    size: int = 0
    sha256: str = ""
    width: int = 0
    height: int = 0


class Attachments(msgspec.Struct, frozen=True, kw_only=True):
    """The data of a message."""

    files: Annotated[tuple[File, ...], Meta(min_length=1, max_length=MOST_FILES)]


class AttachmentsPlugin:
    """Needs a plugin that provides blobs; without one, messages with files are refused with blob.none."""

    powers = Powers(
        service=(
            "blobs.get",
            "blobs.refer",
            "blobs.release",
            "blobs.reply",
            "history.find",
            "hooks.plugins",
            "rooms.get",
        )
    )

    def __init__(self, config: object) -> None:
        """It has no settings: sizes and quotas are in [blobs]."""
        self._has_uploads = False

    @hookimpl
    def register_message_data(self, context: Context) -> Sequence[MessageData]:
        self._context = context
        self._has_uploads = "uploads" in context.service.hooks.plugins
        return [
            MessageData(
                name=NAME,
                schema=Attachments,
                from_clients=True,
                max_bytes=16_384,
                text=_text,
                has="file",
            )
        ]

    @hookimpl
    def register_page(self) -> PagePart:
        # Without the plugin `uploads` there is no way for a browser to give files.
        uploads = ("upload.js",) if self._has_uploads else ()
        return PagePart(
            folder=Path(__file__).parent / "page",
            modules=("attachments.js", *uploads),
        )

    @hookimpl
    def register_routes(self) -> Sequence[Route]:
        return [Route(path=PATH, get=self._show, scopes={"get": Scope.READ})]

    @hookimpl
    def register_consumers(self, context: Context) -> Sequence[Consumer]:
        self._keeper = keeper = Keeper(context)
        return [
            Consumer(
                name=f"{NAME}.references",
                handle=keeper.handle,
                kinds=("message.posted", "message.edited", "message.deleted", "room.changed"),
                wants=_changes_references,
                start="beginning",
                attempts=None,  # a reference that is not made loses a file
            )
        ]

    @hookimpl
    async def on_expired(self, expired: ExpiredMessages) -> None:
        await self._keeper.release(expired.messages)

    @hookimpl(data=(NAME,))
    async def change_message(self, draft: Draft, user: User) -> Draft | None:
        given = _read(draft.data)
        if not given:
            return None
        files = tuple([await self._known(file, draft, user) for file in given])
        data = {**draft.data, NAME: msgspec.to_builtins(Attachments(files=files))}
        return msgspec.structs.replace(draft, data=data)

    async def _known(self, file: File, draft: Draft, user: User) -> File:
        """The file as the server knows it. Raises `ChatError` blob.not_found unless it is the user's."""
        blobs = self._context.blobs
        try:
            blob = await blobs.get(file.blob)
        except ChatError as error:
            if error.code == "blob.not_found" and draft.message is not None:
                for kept in await self._files_of(draft.room, draft.message, user):
                    if kept.blob == file.blob:
                        alt = file.alt.strip()
                        return msgspec.structs.replace(
                            kept, alt=alt
                        )  # its content is gone, and its message is edited
            raise
        if blob.owner != user.id:
            raise ChatError("blob.not_found")
        # Kept from now on for as long as an upload is: the reference follows when the message is stored.
        touch = f"touch/{user.id}"
        await blobs.refer(blob.id, touch)
        await blobs.release(blob.id, touch)
        return File(
            blob=blob.id,
            alt=file.alt.strip(),
            name=blob.name,
            media_type=blob.media_type,
            size=blob.size,
            sha256=blob.sha256,
            width=blob.width,
            height=blob.height,
        )

    async def _files_of(self, room: str, id: str, user: User) -> tuple[File, ...]:
        """The files of a message that the user may read. Raises `ChatError` room.not_found."""
        message = await self._message(room, id, user)
        return () if message is None else _read(message.data)

    async def _message(self, name: str, id: str, user: User) -> Message | None:
        service = self._context.service
        room = await service.rooms.get(name, user)
        return (await service.history.find(user, [(room, id)])).get((room.id, id))

    async def _show(self, request: Request) -> Reply:
        """For readers of the room, as long as the message has the file."""
        user, given, blobs = await request.user(), request.parameters, self._context.blobs
        message = await self._message(given["room"], given["message"], user)
        if message is None or given["blob"] not in _ids(message):
            raise ChatError("blob.not_found")
        blob = await blobs.get(given["blob"])
        if blob.owner != message.author.id:
            raise ChatError("blob.not_found")
        return blobs.reply(blob, request)


class Keeper:
    """Refers to the blobs of messages in the order of the log, and releases those that no message shows."""

    def __init__(self, context: Context) -> None:
        self._blobs = context.blobs
        self._records: Records = context.records

    async def handle(self, events: Sequence[AnyEvent]) -> None:
        for event in events:
            if isinstance(event, MessagePosted) and not event.redacted:
                if ids := _ids(event):
                    await self._hold(event.id, ids)
            elif isinstance(event, MessageEdited) and not event.redacted:
                await self._hold(event.message, _ids(event))
            elif isinstance(event, MessageDeleted):
                await self._hold(event.message, [])
            elif isinstance(event, RoomChanged) and event.deleted:
                await self._release_all(event.room)

    async def release(self, messages: Sequence[str]) -> None:
        """Release the blobs of messages that have expired."""
        for key in await self._records.get_many([HELD + message for message in messages]):
            await self._hold(key.removeprefix(HELD), [])

    async def _release_all(self, room: str) -> None:
        """Release the blobs of all messages of a room that is deleted."""
        while rows := await self._records.scan(f"{HELD}{room}-", limit=PAGE):
            for key, _ in rows:
                await self._hold(key.removeprefix(HELD), [])

    async def _hold(self, message: str, wanted: Sequence[str]) -> None:
        """Refer to these blobs for a message, and release its others. A repeat changes nothing."""
        found = await self._records.get(HELD + message)
        held: list[str] = msgspec.json.decode(found) if found else []
        if set(held) == set(wanted):
            for blob in wanted:  # an earlier try may have broken off after the record was written
                await self._refer(blob, message)
            return
        # All that is referred to is in the record at any time, so nothing is forgotten after a crash.
        await self._records.put(HELD + message, _encode(sorted({*held, *wanted})))
        for blob in wanted:
            await self._refer(blob, message)
        for blob in held:
            if blob not in wanted:
                await self._blobs.release(blob, message)
        if wanted:
            await self._records.put(HELD + message, _encode(sorted(set(wanted))))
        else:
            await self._records.delete(HELD + message)

    async def _refer(self, blob: str, message: str) -> None:
        try:
            await self._blobs.refer(blob, message)
        except ChatError as error:
            if error.code != "blob.not_found":  # such a file was removed by its owner's deletion
                raise


def _read(data: Mapping[str, Any]) -> tuple[File, ...]:
    return msgspec.convert(data[NAME], Attachments).files if NAME in data else ()


def _changes_references(event: AnyEvent) -> bool:
    match event:
        case MessagePosted():
            return NAME in event.data
        case RoomChanged():
            return event.deleted
        case _:
            return True  # of an edited or deleted message


def _ids(of: Message | MessagePosted | MessageEdited) -> list[str]:
    return [file.blob for file in _read(of.data)]


def _text(given: Attachments) -> str:
    """The names, as clients without a text of their own send them, and then what the pictures show."""
    return "\n".join(
        [*(file.name for file in given.files), *(file.alt for file in given.files if file.alt)]
    )
