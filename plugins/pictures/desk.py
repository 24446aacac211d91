"""What users do with pictures, at whatever door, and the rights that it needs."""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from urllib.parse import quote

from chatserver import (
    Actor,
    Blob,
    ChatError,
    Context,
    PictureChange,
    Right,
    Room,
    RoomPictureChange,
    User,
    UserRate,
    demand_right,
)
from chatserver_plugins.pictures.album import Album
from chatserver_plugins.pictures.formats import Picture, Unreadable, read_picture

ASKED = 100  # users, or rooms, at once
ROOM = "room/"  # before the id of a room, where others are those of users
MOST_SIDE = 1024  # pixels: shown at 36, and on a profile at some 200 of a sharp screen
LEAST_RATIO = 0.9  # of the shorter side to the longer: what a circle of it shows is nearly all
PER_SECOND, BURST = 1 / 30, 10.0  # changes by one user: each is told to everybody in their rooms
WORDS = {
    "kind": "A picture is a PNG, JPEG or WebP that does not move.",
    "broken": "This picture is broken.",
    "large": f"A picture has at most {MOST_SIDE:,} pixels a side.",
    "square": "A picture is square: no side is more than a tenth longer than the other.",
}


class Desk:
    """Takes pictures, tells where they are, and removes them."""

    def __init__(self, context: Context) -> None:
        self._context, self._service = context, context.service
        self._blobs, self._album = context.blobs, Album(context)
        self._rate = UserRate(PER_SECOND, BURST)

    async def of(self, user: User, others: Sequence[str]) -> Mapping[str, str]:
        """The addresses of pictures of users (ids), as far as `user` may know of them; others are left out.

        Raises `ChatError` limit.count for more than ASKED.
        """
        if len(others) > ASKED:
            raise ChatError("limit.count", f"At most {ASKED} users can be asked for at once.")
        shown = await self._album.of(others)
        if not shown:
            return {}
        known = await self._service.people.known_to(user, list(shown))
        # A crash may have kept the plugin from hearing of a deletion.
        return {each.id: _address(each.id, shown[each.id]) for each in known if not each.deleted}

    async def addresses(self, users: Sequence[str]) -> Mapping[str, str]:
        """The addresses of pictures of users (ids) whom their reader knows already, however many."""
        return {user: _address(user, blob) for user, blob in (await self._album.of(users)).items()}

    async def of_rooms(self, user: User, rooms: Sequence[str]) -> Mapping[str, str]:
        """The addresses of pictures of rooms (ids) that the user may read; others are left out.

        Raises `ChatError` limit.count for more than ASKED.
        """
        if len(rooms) > ASKED:
            raise ChatError("limit.count", f"At most {ASKED} rooms can be asked for at once.")
        found = {}
        for room, blob in (await self._album.of([_key(room) for room in rooms])).items():
            id = room.removeprefix(ROOM)
            if await self._may_read(user, id):
                found[id] = _room_address(id, blob)
        return found

    async def room_addresses(self, rooms: Sequence[str]) -> Mapping[str, str]:
        """The addresses of pictures of rooms (ids) that their reader sees already, however many."""
        shown = await self._album.of([_key(room) for room in rooms])
        return {
            key.removeprefix(ROOM): _room_address(key.removeprefix(ROOM), blob)
            for key, blob in shown.items()
        }

    async def show_of_room(self, user: User, room: str, blob: str) -> Blob:
        """The picture of a room at an address. Raises `ChatError` room.not_found, room.forbidden, and as `show`."""
        await self._demand(user, room, Right.READ)
        return await self.show(_key(room), blob)

    async def show(self, user: str, blob: str) -> Blob:
        """The picture at an address. Raises `ChatError` blob.not_found unless it is the user's present one."""
        if (await self._album.of([user])).get(user) != blob:
            raise ChatError("blob.not_found")
        return await self._blobs.get(blob)

    def demand_turn(self, user: User) -> None:
        """Count a change of one's own picture. Raises `ChatError` limit.rate."""
        self._rate.take(user.id)

    async def set(self, user: User, content: bytes, address: str | None) -> str:
        """Give the user this picture; returns its address. The same one again changes nothing.

        Raises `ChatError` request.invalid, action.refused, and what `blobs.take` raises.
        """
        change = PictureChange(account=user.id, removes=False)
        blob, is_new = await self._take(user, user.id, content, change)
        if is_new:
            self._tell(user, Actor(user=user.id, address=address), _address(user.id, blob))
        return _address(user.id, blob)

    async def set_for_room(self, user: User, id: str, content: bytes) -> str:
        """Give a room (id) this picture; returns its address. The same one again changes nothing.

        For those who may change the room. Raises `ChatError` room.not_found, room.forbidden, room.archived, and as
        `set`. Nobody may change a direct room.
        """
        room = await self._demand(user, id, Right.CHANGE)
        change = RoomPictureChange(room=id, removes=False)
        blob, is_new = await self._take(user, _key(id), content, change)
        if is_new:
            self._say_in(room, _room_address(id, blob))
        return _room_address(id, blob)

    async def _take(
        self, user: User, key: str, content: bytes, change: PictureChange | RoomPictureChange
    ) -> tuple[str, bool]:
        """The blob of the picture, and whether it is another one than before."""
        picture = _checked(content)
        before = (await self._album.of([key])).get(key)
        if before is not None and await self._is(before, picture):
            return before, False
        await self._context.allow(change, user)
        kind = picture.media_type
        blob = await self._blobs.take(
            user.id,
            _once(picture.content),
            name=f"picture.{kind.removeprefix('image/')}",
            media_type=kind,
            size=len(picture.content),
        )
        await self._album.show(key, blob.id)
        return blob.id, True

    async def remove(self, user: User, account: str | None, address: str | None) -> None:
        """Remove one's own picture, or that of an account (id), which staff of the server may; there need be none.

        Raises `ChatError` user.forbidden, auth.address, user.not_found, action.refused, limit.rate.
        """
        theirs = user
        if account is None or account == user.id:
            self.demand_turn(user)
        else:
            self._service.administration.demand(user, address)
            theirs = await self._service.accounts.get(account)
        await self._context.allow(PictureChange(account=theirs.id, removes=True), user)
        if await self._album.show(theirs.id, None) is not None:
            self._tell(theirs, Actor(user=user.id, address=address), None)

    async def remove_from_room(self, user: User, id: str) -> None:
        """Remove the picture of a room (id); there need be none. Raises `ChatError` as `set_for_room`, limit.rate."""
        self.demand_turn(user)
        room = await self._demand(user, id, Right.CHANGE)
        await self._context.allow(RoomPictureChange(room=id, removes=True), user)
        if await self._album.show(_key(id), None) is not None:
            self._say_in(room, None)

    async def forget_room(self, room: str) -> None:
        """The room is deleted: its picture goes."""
        await self._album.show(_key(room), None)

    async def _demand(self, user: User, id: str, right: Right) -> Room:
        room = await self._service.rooms.get(id, user)
        demand_right(user, room, right)
        return room

    async def _may_read(self, user: User, room: str) -> bool:
        try:
            await self._demand(user, room, Right.READ)
        except ChatError as error:
            if error.code.startswith("room."):
                return False
            raise
        return True

    async def forget(self, user: str) -> None:
        """The account is deleted: its picture goes, and those who see its name are told."""
        if await self._album.show(user, None) is not None:
            self._say(user, None)

    async def _is(self, blob: str, picture: Picture) -> bool:
        try:
            known = await self._blobs.get(blob)
        except ChatError:  # its content is gone
            return False
        return known.sha256 == hashlib.sha256(picture.content).hexdigest()

    def _tell(self, user: User, by: Actor, picture: str | None) -> None:
        self._service.accounts.tell("picture", user, by)
        self._say(user.id, picture)

    def _say_in(self, room: Room, picture: str | None) -> None:
        self._context.tell("changed", {"room": room.id, "picture": picture}, room=room)

    def _say(self, user: str, picture: str | None) -> None:
        payload = {"user": user, "picture": picture}
        self._context.tell("changed", payload, user=user, companions=True)


def _checked(content: bytes) -> Picture:
    """Raises `ChatError` request.invalid."""
    try:
        picture = read_picture(content)
    except Unreadable as error:
        raise _refused_picture(error.reason) from error
    sides = (picture.width, picture.height)
    if max(sides) > MOST_SIDE:
        raise _refused_picture("large")
    if min(sides) < LEAST_RATIO * max(sides):
        raise _refused_picture("square")
    return picture


def _refused_picture(reason: str) -> ChatError:
    return ChatError(
        "request.invalid", WORDS[reason], detail={"field": "picture", "reason": reason}
    )


def _key(room: str) -> str:
    return f"{ROOM}{room}"


def _room_address(room: str, blob: str) -> str:
    return f"/api/v1/rooms/{quote(room, safe='')}/picture/{blob}"


def _address(user: str, blob: str) -> str:
    return f"/api/v1/users/{quote(user, safe='')}/picture/{blob}"


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
