"""The lines of the audit log. What is not named here is not written."""

from datetime import UTC, datetime

import msgspec

from chatserver import AnyEvent, LoginAttempt, MessagePosted, UserRef


class EventEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    at: str
    kind: str
    room: str
    seq: int
    author: str
    message: str | None = None
    user: str | None = None
    role: str | None = None
    visibility: str | None = None  # of a room: public, private, direct


class LoginEntry(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="login"):
    at: str
    user: str | None
    address: str
    ok: bool


_encode = msgspec.json.Encoder().encode


def event_entry(event: AnyEvent) -> bytes:
    user = getattr(event, "user", None)
    return _line(
        EventEntry(
            at=event.at,
            kind=str(event.__struct_config__.tag),
            room=event.room,
            seq=event.seq,
            author=event.author.id,
            message=event.id
            if isinstance(event, MessagePosted)
            else getattr(event, "message", None),
            user=user.id if isinstance(user, UserRef) else None,
            role=getattr(event, "role", None),
            visibility=getattr(event, "kind", None),
        )
    )


def login_entry(attempt: LoginAttempt) -> bytes:
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return _line(LoginEntry(at=at, user=attempt.user, address=attempt.address, ok=attempt.ok))


def _line(entry: msgspec.Struct) -> bytes:
    return _encode(entry) + b"\n"
