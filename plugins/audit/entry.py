"""The lines of the audit log. Only fields named here are written.

`docs/operating.md` lists the kinds; a test compares the list with this module.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from chatserver import (
    AccountChange,
    AnyEvent,
    Decision,
    LoginAttempt,
    Look,
    MemberLeft,
    MessagePosted,
    Outcome,
    PluginSwitch,
    Posting,
    RoomChanged,
    UserRef,
)

# The audited room events: changes of rights, and deletions.
ADMINISTRATION = frozenset(
    ("member.joined", "member.left", "member.changed", "room.changed", "message.deleted")
)


class EventEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event in a room: ids and roles, never texts of messages."""

    at: str
    kind: str
    room: str
    seq: int
    author: str
    message: str | None = None
    user: str | None = None
    role: str | None = None
    visibility: str | None = None  # of a room: public, private, direct
    archived: bool = False
    deleted: bool = False
    posting: str | None = None  # in a room: who may write, if not everyone
    slow_mode: int = 0  # of a room, in seconds
    banned: bool = False
    until: str | None = None  # the end of a ban


class LoginEntry(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="login"
):
    """An attempt to sign in."""

    at: str
    user: str | None
    address: str
    ok: bool
    outcome: Outcome
    times: int = 1
    method: str = "password"


class AccountEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A change of an account."""

    at: str
    kind: str  # `account.` and the change
    user: str
    role: str | None = None
    was: str | None = None
    method: str = ""
    item: str = ""  # the id of a passkey, or of a linked identity
    by: str | None = None  # a user's id
    address: str | None = None
    operator: str | None = None  # the system's name of the user who ran a command


class PluginEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A switch of a plugin while the server runs. `settings` are the names of those that were changed."""

    at: str
    kind: str  # `plugin.` and the switch
    plugin: str
    settings: Sequence[str] = ()
    by: str | None = None
    address: str | None = None
    operator: str | None = None


class LookEntry(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="look"
):
    """A staff member's look at the data."""

    at: str
    user: str
    address: str
    what: str
    room: str | None = None
    of: str | None = None


class DecisionEntry(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="decision"
):
    """A decision on a message. `user` is its author, `what` was done."""

    at: str
    room: str
    message: str
    user: str
    plugin: str
    what: Sequence[str] = ()
    by: str | None = None
    address: str | None = None
    operator: str | None = None


_encode = msgspec.json.Encoder().encode


def event_entry(event: AnyEvent) -> bytes:
    """The line for an event."""
    user = getattr(event, "user", None)
    ban = event.ban if isinstance(event, MemberLeft) else None
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
            archived=getattr(event, "archived", False),
            deleted=getattr(event, "deleted", False),
            posting=_posting(event),
            slow_mode=getattr(event, "slow_mode", 0),
            banned=ban is not None,
            until=None if ban is None else ban.until,
        )
    )


def _posting(event: AnyEvent) -> str | None:
    if isinstance(event, RoomChanged) and event.posting is not Posting.EVERYONE:
        return event.posting
    return None


def login_entry(attempt: LoginAttempt) -> bytes:
    """The line for an attempt to sign in."""
    return _line(
        LoginEntry(
            at=_now(),
            user=attempt.user,
            address=attempt.address,
            ok=attempt.ok,
            outcome=attempt.outcome,
            times=attempt.times,
            method=attempt.method,
        )
    )


def account_entry(change: AccountChange) -> bytes:
    """The line for a change of an account."""
    return _line(
        AccountEntry(
            at=_now(),
            kind=f"account.{change.what}",
            user=change.user,
            role=change.role,
            was=change.was,
            method=change.method,
            item=change.item,
            by=change.by.user,
            address=change.by.address,
            operator=change.by.operator,
        )
    )


def look_entry(look: Look) -> bytes:
    """The line for a look at the data."""
    return _line(
        LookEntry(
            at=_now(),
            user=look.user,
            address=look.address,
            what=look.what,
            room=look.room,
            of=look.of,
        )
    )


def plugin_entry(change: PluginSwitch) -> bytes:
    """The line for a switch of a plugin."""
    return _line(
        PluginEntry(
            at=_now(),
            kind=f"plugin.{change.do}",
            plugin=change.plugin,
            settings=change.settings,
            by=change.by.user,
            address=change.by.address,
            operator=change.by.operator,
        )
    )


def decision_entry(decision: Decision) -> bytes:
    """The line for a decision on a message."""
    return _line(
        DecisionEntry(
            at=_now(),
            room=decision.room,
            message=decision.message,
            user=decision.author,
            plugin=decision.plugin,
            what=decision.steps,
            by=decision.by.user,
            address=decision.by.address,
            operator=decision.by.operator,
        )
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _line(entry: msgspec.Struct) -> bytes:
    return _encode(entry) + b"\n"
