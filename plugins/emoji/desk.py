"""What users do with the server's own emoji, at whatever door, and the rights that it needs."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from chatserver import (
    BlobContent,
    ChatError,
    Context,
    EmojiAdd,
    EmojiRemove,
    Reply,
    Request,
    ServerRole,
    User,
    UserRef,
    blob_content,
    is_staff,
    time_text,
)
from chatserver_plugins.emoji.book import NOT_FOUND, Book, Entry

PATH = "/api/v1/emoji"
CHANGED = "changed"  # the notice that tells of one more, or one less
KINDS = frozenset({"image/png", "image/gif", "image/webp", "image/jpeg"})
SIDE_PX = 512  # most of width and height
NAME_CHARS = 30  # with its colons a name has the 32 characters of a reaction

Name = Annotated[str, Meta(pattern=f"^[a-z0-9_-]{{2,{NAME_CHARS}}}$")]
Adders = Literal["staff", "members"]


class NewEmoji(msgspec.Struct, frozen=True, kw_only=True):
    """An emoji to add. The picture is in base64."""

    name: Name
    picture: bytes


class EmojiView(msgspec.Struct, frozen=True, kw_only=True):
    """An emoji as users see it. Nothing at `url` ever changes; sides are in pixels."""

    name: str
    url: str
    media_type: str
    width: int
    height: int
    by: UserRef
    at: str


class EmojiList(msgspec.Struct, frozen=True, kw_only=True):
    """All emoji by name, whether the reader may add some, and the most bytes of a picture."""

    emoji: Sequence[EmojiView]
    may_add: bool
    largest_bytes: int


class Desk:
    """Adds, lists and removes emoji. `address` is the client's, None where the door does not tell it."""

    def __init__(
        self, context: Context, book: Book, *, adders: Adders, largest: int, most_by_member: int
    ) -> None:
        """`largest` is the number of bytes that a picture may have."""
        self._context, self._service, self._book = context, context.service, book
        self._adders, self._largest, self._most_by_member = adders, largest, most_by_member

    async def all(self, user: User) -> EmojiList:
        """The emoji, for everybody who is signed in."""
        known = await self._book.all()
        people = await self._service.accounts.get_many(
            list(dict.fromkeys(entry.by for entry in known.values()))
        )
        return EmojiList(
            emoji=[_view(name, entry, people.get(entry.by)) for name, entry in known.items()],
            may_add=is_staff(user) or self._is_member_who_may(user),
            largest_bytes=self._largest,
        )

    async def add(self, user: User, address: str | None, given: NewEmoji) -> EmojiView:
        """Raises `ChatError` user.forbidden, auth.address, request.invalid for what is no picture, limit.size,
        emoji.taken, limit.count, action.refused, blob.none, blob.unavailable.
        """
        is_member = not is_staff(user) and self._is_member_who_may(user)
        if not is_member:
            self._service.administration.demand(user, address)
        picture = self._inspected(given.picture)
        await self._book.demand_space(
            given.name, user.id if is_member else None, self._most_by_member
        )
        await self._context.allow(EmojiAdd(name=given.name, media_type=picture.media_type), user)
        blobs = self._context.blobs
        blob = await blobs.take(
            "",
            _once(given.picture),
            name=f"{given.name}.{picture.media_type.removeprefix('image/')}",
            media_type=picture.media_type,
            size=len(given.picture),
        )
        entry = Entry(
            blob=blob.id,
            media_type=picture.media_type,
            width=picture.width,
            height=picture.height,
            by=user.id,
            at=time_text(self._context.clock.now()),
        )
        await blobs.refer(blob.id, given.name)  # before the record that needs it
        try:
            await self._book.add(given.name, entry)
        except ChatError as error:
            if error.code == "emoji.taken":  # otherwise the record may be there
                await blobs.release(blob.id, given.name)
            raise
        view = _view(given.name, entry, user)
        self._context.tell(CHANGED, {"name": view.name, "url": view.url})
        return view

    async def remove(self, user: User, address: str | None, name: str) -> None:
        """Staff removes any, others those of their own as long as they may add some.

        Raises `ChatError` user.forbidden, auth.address, emoji.not_found, action.refused.
        """
        may_own = self._is_member_who_may(user)
        if not may_own:
            self._service.administration.demand(user, address)
        entry = await self._book.find(name)
        if entry.by != user.id:
            self._service.administration.demand(user, address)
        await self._context.allow(EmojiRemove(name=name), user)
        await self._book.remove(name, entry)
        await self._context.blobs.release(entry.blob, name)
        self._context.tell(CHANGED, {"name": name, "url": None})

    async def picture(self, name: str, blob: str, request: Request) -> Reply:
        """The answer with the picture of an emoji. Raises `ChatError` emoji.not_found, blob.not_found."""
        entry = await self._book.find(name)
        if entry.blob != blob:
            raise ChatError("emoji.not_found", meaning=NOT_FOUND)
        blobs = self._context.blobs
        return blobs.reply(await blobs.get(blob), request)

    def _is_member_who_may(self, user: User) -> bool:
        return self._adders == "members" and user.role != ServerRole.GUEST

    def _inspected(self, content: bytes) -> BlobContent:
        if len(content) > self._largest:
            raise ChatError(
                "limit.size",
                f"A picture has at most {self._largest} bytes.",
                detail={"field": "picture", "reason": "long", "most": self._largest},
            )
        found = blob_content(content)
        if found.media_type not in KINDS or not (found.width and found.height):
            raise ChatError(
                "request.invalid",
                "picture: expected a PNG, GIF, WebP or JPEG.",
                detail={"field": "picture", "reason": "type"},
            )
        if max(found.width, found.height) > SIDE_PX:
            raise ChatError(
                "request.invalid",
                f"picture: expected at most {SIDE_PX} pixels a side.",
                detail={"field": "picture", "reason": "sides", "most": SIDE_PX},
            )
        return found


def _view(name: str, entry: Entry, by: User | None) -> EmojiView:
    return EmojiView(
        name=name,
        url=f"{PATH}/{name}/{entry.blob}",
        media_type=entry.media_type,
        width=entry.width,
        height=entry.height,
        by=UserRef(id=entry.by, name="") if by is None else UserRef.of(by),
        at=entry.at,
    )


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
