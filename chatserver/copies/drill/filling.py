"""Fills a drill's installation: rooms with messages, accounts, read markers."""

import asyncio
from collections.abc import Callable, Iterator, Sequence

import msgspec

from chatserver.errors import StoreUnavailable
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
from chatserver.runtime.clock import now_text
from chatserver.service.directory import USERS
from chatserver.service.markers import MARKERS

ROOM_MESSAGES = 1000
MEMBERS = 10  # of each room, each with a read marker
BODY = "What people write is rarely longer than this, and often shorter; some of it repeats. " * 2
TRIES = 5
RETRY_SECONDS = 1.0

Progress = Callable[[int, int], None]  # called with the number of rooms done and the total


async def fill(store: Store, rooms: range, progress: Progress) -> int:
    """Write the rooms with these numbers, 1,000 messages each; returns the number of events.

    Each room adds an account and ten read markers.
    """
    written = 0
    for number in rooms:
        log = list(room_log(number))
        await _append(store, log)
        written += len(log)
        await _records(store, number)
        progress(number + 1, rooms.stop)
    return written


def room_log(number: int) -> Iterator[AnyEvent]:
    """A room's log: its description, its members, their messages."""
    room, at = f"filled-{number:06d}", now_text()
    people = members(number)
    kind = RoomKind.PUBLIC
    yield RoomChanged(room=room, seq=1, at=at, author=people[0], name=f"Room {number}", kind=kind)
    for seq, who in enumerate(people, 2):
        role = RoomRole.MEMBER
        yield MemberJoined(room=room, seq=seq, at=at, author=who, user=who, role=role)
    for seq in range(len(people) + 2, len(people) + 2 + ROOM_MESSAGES):
        text = f"{seq} {BODY[seq % 80 : seq % 80 + 20 + seq * 7 % 90]}"
        yield MessagePosted(
            room=room,
            seq=seq,
            at=at,
            author=people[seq % len(people)],
            id=f"{room}-{seq}",
            body=text,
            client_id=f"{room}-{seq}",
        )


def members(room: int) -> list[UserRef]:
    """The members of a room. Each account is in ten consecutive rooms, and numbered after the first."""
    return [person(number) for number in range(max(room - MEMBERS + 1, 0), room + 1)]


def person(number: int) -> UserRef:
    return UserRef(id=f"filled-{number:06d}", name=f"Somebody {number}")


async def _records(store: Store, number: int) -> None:
    who, member = person(number), ServerRole.MEMBER
    user = User(id=who.id, username=who.id, name=who.name, role=member, at=now_text())
    await store.put(USERS, user.id, msgspec.json.encode(user))
    keys = (f"{each.id}/filled-{number:06d}" for each in members(number))
    await asyncio.gather(*(store.put(MARKERS, key, b"12") for key in keys))


async def _append(store: Store, events: Sequence[AnyEvent]) -> None:
    """Append a room's events; retries a slow store, which is safe as nobody else writes to the room."""
    room = events[0].room
    for attempt in range(TRIES):
        try:
            head = (await store.heads([room])).get(room, 0)
            await store.append(events[head:])
            return
        except StoreUnavailable:
            if attempt == TRIES - 1:
                raise
        await asyncio.sleep(RETRY_SECONDS)
