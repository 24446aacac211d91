"""Giving messages another text or other data, so that of changes at the same time none is lost.

Each change is an event with the whole content, and so must be made from the newest one. On one node the changes
of a message wait for each other. If another node was faster, its change has the place in the log, and the content
is made anew from that.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

from chatserver.model import EditHistory, Message, MessageEdited, UserRef
from chatserver.roomlog.entries import Overtaken
from chatserver.roomlog.log import Log
from chatserver.roomlog.room import Room
from chatserver.service.history import History

TRIES = 20  # each is lost only because another change was made
DELETION_SECONDS = 0.01  # times the number of tries: waited while a deletion is being written


class Content(NamedTuple):
    """The text and data that a change gives to a message; `edited_at` as in `MessageEdited`."""

    body: str
    mentions: tuple[str, ...]
    data: Mapping[str, Any]
    data_text: str
    edited_at: str | None = None


Make = Callable[[Message], Content | None]
Check = Callable[[], None]


class Rewriting:
    """The changes of texts and data that are under way on this node."""

    def __init__(self, log: Log, history: History) -> None:
        self._log, self._history = log, history
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # by message
        self._changes: set[asyncio.Task[int]] = set()

    async def rewrite(
        self, room: Room, message: str, author: UserRef, check: Check, make: Make
    ) -> int:
        """Give a message the content that `make` returns for the present one; None changes nothing.

        `make` may be called several times. `check` raises `ChatError` if the change is not allowed, in the
        state of the room just before it. Returns the seq of the change, or the room's head for none. Raises
        `ChatError` message.not_found, and the errors of the functions.
        """
        change = asyncio.create_task(self._in_turn(room, message, author, check, make))
        self._changes.add(change)
        change.add_done_callback(self._ended)
        # Whoever asked may leave; the turn must last until the log has settled the change.
        return await asyncio.shield(change)

    def _ended(self, change: "asyncio.Task[int]") -> None:
        self._changes.discard(change)
        if not change.cancelled():
            change.exception()  # raised to those who still wait

    async def _in_turn(
        self, room: Room, message: str, author: UserRef, check: Check, make: Make
    ) -> int:
        turn = self._turns.setdefault(message, asyncio.Lock())
        async with turn:
            for attempt in range(TRIES):
                since, kept_from = room.head, room.kept_from
                content = make(await self._history.message(room, message))
                if content is None:
                    return room.head
                try:
                    return await self._append(
                        room, message, author, check, since, kept_from, content
                    )
                except Overtaken:
                    if room.awaits_deletion(message):
                        await asyncio.sleep(attempt * DELETION_SECONDS)
        raise Overtaken

    async def _append(
        self,
        room: Room,
        message: str,
        author: UserRef,
        check: Check,
        since: int,
        kept_from: int,
        content: Content,
    ) -> int:
        """Raises `Overtaken` if the message was changed after the seq `since`, or may have expired since then.

        The room kept messages from the seq `kept_from` on. The text of a message that has expired is removed once.
        """

        def check_unchanged() -> None:
            check()
            if room.may_have_changed(message, since) or room.kept_from != kept_from:
                raise Overtaken

        def build(seq: int, at: str) -> MessageEdited:
            return MessageEdited(
                room=room.id,
                seq=seq,
                at=at,
                author=author,
                message=message,
                body=content.body,
                mentions=content.mentions,
                data=content.data,
                data_text=content.data_text,
                edited_at=content.edited_at,
            )

        described = room.description
        keeps = described is not None and described.edit_history is not EditHistory.NONE
        return (await self._log.append(room, build, check_unchanged, erases=not keeps)).seq
