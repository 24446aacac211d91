"""Threads: replies to a message, the root, which are read apart from what is said in its room.

A reply is an event of the room's log that names its root. So a thread has no state of its own: who may read the room may
read it, and what is done to a reply is done to a message.
"""

from collections.abc import Mapping, Sequence

import msgspec

from chatserver.config import LimitsConfig
from chatserver.errors import ChatError
from chatserver.interfaces import Replies, Store
from chatserver.model import Message, User, UserRef
from chatserver.roomlog.room import Room
from chatserver.service.history import History, fitting
from chatserver.service.rights import Right, demand

PAGE = 50  # replies at most, on one page
MANY = 100  # threads in one answer
NEWEST = 3  # replies of each, whose authors are told


class ThreadView(msgspec.Struct, frozen=True, kw_only=True):
    """A thread as its root shows it: number of replies, seq and time of the newest, and who wrote the newest three.

    `authors` has the last one first, each once. A deleted reply keeps its place, and counts.
    """

    count: int
    seq: int
    at: str
    authors: Sequence[UserRef]


class ThreadList(msgspec.Struct, frozen=True):
    """The threads of messages that have one, by the id of the message."""

    threads: dict[str, ThreadView]


class ThreadPage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A thread: its root and replies by ascending seq, as they stand, and the room's head when they were read.

    `more`: there are older replies.
    """

    root: Message
    messages: Sequence[Message]
    head: int
    more: bool = False


class Threads:
    """Reads threads, and says under which messages one may reply."""

    def __init__(self, store: Store, history: History, limits: LimitsConfig) -> None:
        self._store, self._history = store, history
        self._page_bytes = limits.buffer_hard_bytes // 2

    async def demand_root(self, room: Room, message: str) -> None:
        """Raise `ChatError` message.not_found unless there is such a message; request.invalid if it is a reply itself."""
        if (await self._history.message(room, message)).thread is not None:
            raise ChatError(
                "request.invalid",
                "thread: the message is a reply itself: name the first message of its thread.",
                detail={"field": "thread", "reason": "nested"},
            )

    async def page(
        self, user: User, room: Room, message: str, before: int | None = None, limit: int = PAGE
    ) -> ThreadPage:
        """The newest replies with seq < `before` in the thread of a message, or in the one that it is a reply of.

        Raises `ChatError` message.not_found.
        """
        demand(user, room, Right.READ)
        head, limit = room.head, min(limit, PAGE)
        root = await self._root(room, message)
        posted = await self._store.replies(room.id, root.id, before, limit + 1)
        # What this node has not taken in yet comes as events.
        posted = [event for event in posted if room.kept_from <= event.seq <= head]
        standing = await self._history.as_they_stand(posted[-limit:])
        replies = list(standing.values())
        count, _ = fitting(replies[::-1], self._page_bytes)
        return ThreadPage(
            root=root,
            messages=replies[len(replies) - count :],
            head=head,
            more=count < len(posted),
        )

    async def views(self, user: User, room: Room, messages: Sequence[str]) -> ThreadList:
        """The threads of those of these messages (ids) that have replies."""
        demand(user, room, Right.READ)
        found = await self.of_messages({room.id: messages})
        return ThreadList({message: view for (_, message), view in found.items()})

    async def of_messages(
        self, messages: Mapping[str, Sequence[str]]
    ) -> dict[tuple[str, str], ThreadView]:
        """Threads by (room, message), of messages (ids) by room. Checks no rights: callers already got the messages."""
        found = await self._store.threads(messages, NEWEST)
        return {key: _view(replies) for key, replies in found.items()}

    async def _root(self, room: Room, message: str) -> Message:
        """The message at the beginning of a thread, deleted or not, of which this one is part."""
        found = await self._find(room, message)
        return found if found.thread is None else await self._find(room, found.thread)

    async def _find(self, room: Room, message: str) -> Message:
        found = await self._history.standing([(room, message)])
        if not found:
            raise ChatError("message.not_found")
        return found[room.id, message]


def _view(replies: Replies) -> ThreadView:
    newest = replies.newest[::-1]
    authors = {event.author.id: event.author for event in newest[::-1]}
    return ThreadView(
        count=replies.total,
        seq=newest[0].seq,
        at=newest[0].at,
        authors=[authors[id] for id in dict.fromkeys(event.author.id for event in newest)],
    )
