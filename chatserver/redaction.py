"""Texts that were replaced, by an edit or a deletion, are served to nobody: events go out without them.

The log keeps them, and so do copies of it that have to be exact: backups and moves.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

import msgspec

from chatserver.model import AnyEvent, MessageEdited, MessagePosted

Said = TypeVar("Said", bound=MessagePosted | MessageEdited)


class Texts(Protocol):
    """A store, as far as it is asked here."""

    async def texts(self, messages: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], int]:
        """As `interfaces.Store.texts`."""


def redacted(event: Said) -> Said:
    """The event without its text. The same event if it has none any more."""
    if event.redacted:
        return event
    return msgspec.structs.replace(event, body="", mentions=(), redacted=True)


async def without_replaced(store: Texts, events: list[AnyEvent]) -> list[AnyEvent]:
    """The same events, of whatever rooms; those whose text was replaced are redacted.

    Asks the store in one query, after the events were read, so that nothing escapes between the two;
    in none if no event has a text. Raises `StoreUnavailable`.
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
    """The event, redacted unless its text is the newest of its message; `newest` as `Store.texts` tells it."""
    if isinstance(event, MessagePosted):
        return redacted(event) if (event.room, event.id) in newest else event
    if isinstance(event, MessageEdited):
        stands = newest.get((event.room, event.message)) == event.seq
        return event if stands else redacted(event)
    return event
