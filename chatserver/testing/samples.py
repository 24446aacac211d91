"""Events and texts for tests. Every field of an event has a default; give only those that matter."""

from collections.abc import Callable
from typing import Any, TypeVar

from chatserver import (
    MemberJoined,
    MessagePosted,
    RoomChanged,
    RoomKind,
    RoomRole,
    UserRef,
)

T = TypeVar("T")

AT = "2026-01-02T03:04:05.678Z"

# Texts that a store must handle: ends of strings, other planes, combining characters, both sides of the
# surrogates, the last code point, and texts that look like a query language.
TRICKY_TEXTS = (
    "\0",
    "a\0b",
    "tab\tand\nline\r\n",
    "e\u0301\u0302",
    "\u00e9",
    "日本語",
    "😀𝒳",
    "\ud7ff",
    "\ue000",
    "\ufffe\uffff",
    "\U0010ffff",
    "\u202eright to left",
    "$where",
    "$",
    "$$ROOT",
    "$a.b",
    "a.b.c",
    '{"$gt": ""}',
    "'; DROP TABLE events; --",
    "%_\\%",
    "../../etc/passwd",
    "__proto__",
    " ",
)

# Texts that a store must distinguish: by case, width, accents, spaces, ends of strings.
ALIKE_TEXTS = ("a", "A", "a ", " a", "a\0", "\uff41", "\u00e1", "a\u0301", "\u00c1", "aa")


def user(id: str = "u1") -> UserRef:
    """A user as in events; the name is derived from the id."""
    return UserRef(id=id, name=f"Name of {id}")


def posted(room: str, seq: int, author: str = "u1", **fields: Any) -> MessagePosted:
    """A message; by default with a unique client_id and a short body."""
    given: dict[str, Any] = {
        "id": f"{room}-{seq}",
        "body": f"text {seq}",
        "client_id": f"c-{room}-{seq}",
        "author": user(author),
        "at": AT,
    }
    return MessagePosted(room=room, seq=seq, **(given | fields))


def joined(room: str, seq: int, member: str, role: RoomRole = RoomRole.MEMBER) -> MemberJoined:
    """The event of a user who joins the room."""
    return MemberJoined(
        room=room, seq=seq, at=AT, author=user(member), user=user(member), role=role
    )


def described(
    room: str,
    seq: int,
    kind: RoomKind = RoomKind.PUBLIC,
    name: str | None = "Room",
    topic: str = "",
    description: str = "",
) -> RoomChanged:
    """A room's description."""
    return RoomChanged(
        room=room,
        seq=seq,
        at=AT,
        author=user(),
        name=name,
        kind=kind,
        topic=topic,
        description=description,
    )


def event(kind: Callable[..., T], room: str, seq: int, **fields: Any) -> T:
    """An event of any other kind, by the author u1."""
    given: dict[str, Any] = {"room": room, "seq": seq, "at": AT, "author": user()}
    return kind(**(given | fields))
