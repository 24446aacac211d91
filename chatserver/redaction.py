"""Redaction: events go out without texts that an edit or a deletion has replaced.

The log keeps these texts, and so do exact copies of it: backups and moves.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

import msgspec

from chatserver.model import AnyEvent, MessageEdited, MessagePosted

Said = TypeVar("Said", bound=MessagePosted | MessageEdited)


class Texts(Protocol):
    """The part of a store that is needed here."""

    async def texts(self, messages: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], int]:
        """Like `interfaces.Store.texts`."""


def redacted(event: Said) -> Said:
    """The event without its text; the same event if it is redacted already."""
    if event.redacted:
        return event
    return msgspec.structs.replace(event, body="", mentions=(), redacted=True)


async def without_replaced(store: Texts, events: list[AnyEvent]) -> list[AnyEvent]:
    """The same events, of any rooms, redacted if their text was replaced.

    Asks the store in one query, after the events were read, so that no replaced text slips through; asks
    nothing if no event has a text. Raises `StoreUnavailable`.
    """
    messages: defaultdict[str, list[str]] = defaultdict(list)
    for event in events:
        if isinstance(event, MessagePosted):
            messages[event.room].append(event.id)
        elif isinstance(event, MessageEdited):
            messages[event.room].append(event.message)
    if not messages:
        return events
    newest = await store.texts(messages)
    return [as_it_stands(event, newest) for event in events] if newest else events


def as_it_stands(event: AnyEvent, newest: Mapping[tuple[str, str], int]) -> AnyEvent:
    """The event, redacted unless its text is the newest of its message; `newest` is as of `Store.texts`."""
    if isinstance(event, MessagePosted):
        return redacted(event) if (event.room, event.id) in newest else event
    if isinstance(event, MessageEdited):
        stands = newest.get((event.room, event.message)) == event.seq
        return event if stands else redacted(event)
    return event
