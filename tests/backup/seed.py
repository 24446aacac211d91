"""An installation with everything that a copy may stumble over."""

import asyncio
from collections.abc import Sequence
from typing import Any

from chatserver import (
    AnyEvent,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    ReactionAdded,
    RoomKind,
    Store,
)
from chatserver.copies.archive import source
from chatserver.testing.samples import TRICKY_TEXTS, described, event, joined, posted

PRIVATE = ("changed", "news")  # what no copy has
Contents = tuple[dict[str, list[AnyEvent]], dict[tuple[str, str], bytes]]


async def seed(store: Store, rooms: int = 6, messages: int = 30) -> None:
    """Rooms of all kinds, one of them long, with tricky names and texts; records; a session."""
    for number, room in enumerate([*TRICKY_TEXTS, *(f"room{n}" for n in range(rooms))]):
        await store.append(log(room, number, messages * (40 if room == "room0" else 1)))
    for user in ("u1", "u2"):
        await store.put("user", user, b'{"id":"' + user.encode() + b'"}')
        await store.put("read", f"{user}/room0", b"7")
    for text in ("", *TRICKY_TEXTS):
        await store.put("plugin/notes", text, text.encode())
    await store.put("plugin/notes", "all bytes", bytes(range(256)))
    await store.put("plugin/password", "session/u1/secret", b"a session")
    await store.put("changed", "news", b"u1")


def log(room: str, number: int, messages: int) -> list[AnyEvent]:
    kind = list(RoomKind)[number % 3]
    events: list[AnyEvent] = [described(room, 1, kind), joined(room, 2, "u1")]
    for seq in range(3, 3 + messages):
        body = TRICKY_TEXTS[seq % len(TRICKY_TEXTS)] * (seq % 7)
        match seq % 9:
            case 6:
                events.append(event(MessageEdited, room, seq, message=f"{room}-3", body=body))
            case 7:
                events.append(event(ReactionAdded, room, seq, message=f"{room}-3", emoji="👍"))
            case 8:
                events.append(event(MessageDeleted, room, seq, message=f"{room}-4"))
            case _:
                events.append(posted(room, seq, body=body))
    return events


async def contents(store: Store) -> Contents:
    """The contents of a store that a copy has: every room's log, every record."""
    ends = await source.positions(store)
    logs = await asyncio.gather(*(store.read(room, 0, ends[room]) for room in ends))
    records = {
        (record.space, record.key): record.value or b""
        async for page in source.records(store)
        for record in page
        if record.space != "meta"
    }
    return dict(zip(ends, logs, strict=True)), records


def shown(contents: Contents) -> Contents:
    """The same without texts that were replaced, as an archive has it."""
    logs, records = contents
    return {room: [_shown(event, log) for event in log] for room, log in logs.items()}, records


def _shown(event: AnyEvent, log: Sequence[AnyEvent]) -> AnyEvent:
    if not isinstance(event, MessagePosted | MessageEdited):
        return event
    message = event.id if isinstance(event, MessagePosted) else event.message
    changes = [one for one in log if isinstance(one, MessageEdited | MessageDeleted)]
    of_it = [change for change in changes if change.message == message]
    deleted = any(isinstance(change, MessageDeleted) for change in of_it)
    if not deleted and not any(change.seq > event.seq for change in of_it):
        return event
    return type(event)(**_fields(event) | {"body": "", "mentions": (), "redacted": True})


def sent(room: str, seqs: Sequence[int]) -> list[AnyEvent]:
    return [posted(room, seq, client_id=f"later-{room}-{seq}") for seq in seqs]


async def keep_writing(store: Store) -> None:
    """Accounts, then their messages, then read markers: in the order of a server."""
    for number in range(10_000):
        room = f"room{number % 20}"
        await store.put("user", f"late{number}", b"{}")
        head = (await store.heads([room]))[room]
        [event] = sent(room, [head + 1])
        author = type(event.author)(id=f"late{number}", name="Late")
        await store.append([type(event)(**{**_fields(event), "author": author})])
        await store.put("read", f"late{number}/{room}", str(head + 1).encode())


def _fields(event: Any) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__struct_fields__}
