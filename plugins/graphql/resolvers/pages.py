"""Pages of a room's messages in both directions, from a history that is read newest first."""

from collections.abc import Sequence
from typing import NamedTuple

from chatserver import Message
from chatserver_plugins.graphql import connections
from chatserver_plugins.graphql.asking import Asking, PageKey
from chatserver_plugins.graphql.connections import Connection, PageInfo, cursor, ends
from chatserver_plugins.graphql.inputs import bounded

MOST = 100
DEFAULT = 50
WINDOW = 100  # seqs read at once for the messages after one
WINDOWS = 20  # for one page; if they have too few messages, the page is short


class SeqRange(NamedTuple):
    """The seqs between which a page's messages are, both excluded."""

    after: int
    before: int | None  # None: up to the newest


class Slice(NamedTuple):
    """Messages, ascending; whether more follow in the page's direction, and from which seq."""

    messages: Sequence[Message]
    more: bool
    end: int = 0  # forwards: the seq after which the next page begins


async def page(
    asking: Asking,
    room: str,
    head: int,
    first: int | None,
    after: str | None,
    last: int | None,
    before: str | None,
) -> Connection:
    """The first messages of a range if `first` is given, else the last. Raises `ChatError` request.invalid."""
    within = SeqRange(_seq("after", after) or 0, _seq("before", before))
    if first is None:
        count = bounded("last", last, DEFAULT, MOST)
        part = await _newest(asking, room, within, count)
        has_next, has_previous = before is not None, part.more
    else:
        part = await _oldest(asking, room, head, within, bounded("first", first, DEFAULT, MOST))
        has_next, has_previous = part.more, after is not None
    start, end = ends(part.messages, _place)
    if part.end and part.more:
        end = cursor(str(part.end))
    return Connection(part.messages, _place, PageInfo(has_next, has_previous, start, end))


async def around(asking: Asking, room: str, seq: int, first: int | None) -> Connection:
    """The messages around a seq. Raises `ChatError` request.invalid, room.not_found."""
    count = bounded("first", first, DEFAULT, MOST)
    found = await asking.rooms.load(room)
    part = await asking.service.history.page(asking.user, found, limit=count, around=seq)
    start, end = ends(part.messages, _place)
    if part.after is not None:
        end = cursor(str(part.after))
    info = PageInfo(bool(part.more_after), bool(part.more_before), start, end)
    return Connection(part.messages, _place, info)


def _place(message: Message) -> str:
    return str(message.seq)


async def _newest(asking: Asking, room: str, within: SeqRange, count: int) -> Slice:
    found = await asking.pages.load(PageKey(room, within.before, count))
    kept = [message for message in found.messages if message.seq > within.after]
    if len(kept) < len(found.messages) or not kept:
        return Slice(kept, more=False)
    # Seq 1 describes the room, so a message at 2 is the first one.
    rest = await asking.pages.load(PageKey(room, kept[0].seq, 1))
    return Slice(kept, more=any(message.seq > within.after for message in rest.messages))


async def _oldest(asking: Asking, room: str, head: int, within: SeqRange, count: int) -> Slice:
    """The first messages of the range, found by reading all messages of WINDOW seqs at a time."""
    found: list[Message] = []
    after, size = within.after, min(WINDOW, asking.service.config.limits.history_page)
    stop = min(head, within.before - 1 if within.before is not None else head)
    for _ in range(WINDOWS):
        if after >= stop or len(found) > count:
            break
        upto = min(after + size, stop)
        read = await asking.pages.load(PageKey(room, upto + 1, size))
        if read.more and size > 1:  # too large together, so older ones were left out
            size = max(1, size // 4)
            continue
        found += [message for message in read.messages if message.seq > after]
        after = upto
    if len(found) > count:
        return Slice(found[:count], more=True)
    return Slice(found, more=after < stop, end=after)


def _seq(name: str, given: str | None) -> int | None:
    place = connections.place(given, name)
    if place is None:
        return None
    if not place.isascii() or not place.isdigit() or len(place) > 18:
        raise connections.no_cursor(name)
    return int(place)
