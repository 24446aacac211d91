"""Somebody whose account is erased after the backup was made: no restore may bring them back."""

from collections.abc import Iterator

import msgspec

from chatserver.errors import StartupError
from chatserver.interfaces import Store
from chatserver.model import (
    AnyEvent,
    MemberJoined,
    MessagePosted,
    RoomChanged,
    RoomKind,
    RoomRole,
    ServerRole,
    User,
    UserRef,
)
from chatserver.privacy.search import Searching
from chatserver.runtime.clock import now_text
from chatserver.service.directory import NAMES, USERS

MESSAGES = 200
WORD = "quincemark"  # in each of their texts


def person(number: int) -> UserRef:
    return UserRef(id=f"erased-{number:06d}", name=f"Plumfield {number:06d}")


def room_of(number: int) -> str:
    """The id of the room that they alone are in."""
    return f"left-{number:06d}"


async def plant(store: Store, number: int) -> None:
    """Write the account with this number, and a room with its messages."""
    who = person(number)
    user = User(id=who.id, username=who.id, name=who.name, role=ServerRole.MEMBER, at=now_text())
    await store.put(USERS, user.id, msgspec.json.encode(user))
    await store.put(NAMES, user.username, user.id.encode())
    await store.append(list(_log(number)))


def _log(number: int) -> Iterator[AnyEvent]:
    room, who, at = room_of(number), person(number), now_text()
    kind = RoomKind.PRIVATE
    yield RoomChanged(room=room, seq=1, at=at, author=who, name="Their room", kind=kind)
    yield MemberJoined(room=room, seq=2, at=at, author=who, user=who, role=RoomRole.OWNER)
    for seq in range(3, 3 + MESSAGES):
        yield MessagePosted(
            room=room,
            seq=seq,
            at=at,
            author=who,
            id=f"{room}-{seq}",
            body=f"{WORD} {seq}, @{who.id}",
            client_id=f"{room}-{seq}",
        )


async def demand_gone(store: Store, number: int) -> None:
    """Raises `StartupError` if the store has anything of them that an erasure with their texts takes away."""
    who = person(number)
    places = [
        place
        async for place in Searching(store).places_in(who.id, [who.name, WORD], [room_of(number)])
        if not place.stays
    ]
    if places:
        first = places[0]
        where = f"{first.space} {first.key}" if first.space else f"{first.room} {first.seq}"
        raise StartupError(
            f"after the restore: the account {who.id} was erased, and {len(places):,} places have it again, "
            f"such as {where}"
        )
