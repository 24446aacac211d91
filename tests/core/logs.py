"""Random logs of one room, and events for tests of what is made from them."""

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from chatserver.model import (
    AnyEvent,
    MemberChanged,
    MemberLeft,
    Message,
    MessageChange,
    MessageDeleted,
    MessageEdited,
    MessagePosted,
    PinAdded,
    PinRemoved,
    ReactionAdded,
    ReactionRemoved,
    RoomRole,
)
from chatserver.testing.samples import described, event, joined, posted, user
from tests.core.checker import fold_log

CHANGES: dict[str, tuple[type[Any], tuple[str, ...]]] = {
    "edit": (MessageEdited, ("message", "body")),
    "delete": (MessageDeleted, ("message",)),
    "react": (ReactionAdded, ("message", "emoji")),
    "unreact": (ReactionRemoved, ("message", "emoji")),
    "pin": (PinAdded, ("message",)),
    "unpin": (PinRemoved, ("message",)),
}
KINDS = (*("post",) * 4, *CHANGES)
STEPS = st.lists(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 9), st.integers(0, 2)), max_size=40
)
MEMBER_STEPS = st.lists(
    st.tuples(st.sampled_from(("join", "leave", "change")), st.integers(0, 3)), max_size=30
)


def message_log(steps: Sequence[tuple[str, int, int]]) -> list[AnyEvent]:
    """A log of messages and changes to the latest of them."""
    log: list[AnyEvent] = [described("r", 1)]
    ids: list[str] = []
    for what, pick, who in steps:
        seq = len(log) + 1
        if what == "post" or not ids:
            log.append(posted("r", seq, f"u{who}"))
            ids.append(f"r-{seq}")
            continue
        message, emoji = ids[-1 - pick % len(ids)], "👍👎"[pick % 2]
        kind, fields = CHANGES[what]
        given = {"message": message, "body": f"edit {seq}", "emoji": emoji}
        made = event(kind, "r", seq, **{name: given[name] for name in fields})
        log.append(by(made, who))
    return log


def by(event: Any, who: int) -> Any:
    fields = {name: getattr(event, name) for name in event.__struct_fields__}
    return type(event)(**fields | {"author": user(f"u{who}")})


def member_log(steps: Sequence[tuple[str, int]]) -> list[AnyEvent]:
    log: list[AnyEvent] = [described("r", 1)]
    for what, who in steps:
        seq, member = len(log) + 1, f"u{who}"
        if what == "join":
            log.append(joined("r", seq, member))
        elif what == "leave":
            log.append(event(MemberLeft, "r", seq, user=user(member)))
        else:
            log.append(event(MemberChanged, "r", seq, user=user(member), role=RoomRole.ADMIN))
    return log


def changes(log: Sequence[AnyEvent]) -> list[MessageChange]:
    return [event for event in log if isinstance(event, MessageChange)]


def posts(log: Sequence[AnyEvent]) -> list[MessagePosted]:
    return [event for event in log if isinstance(event, MessagePosted)]


def newest(log: Sequence[AnyEvent], size: int) -> list[Message]:
    return fold_log(log)[-size:]
