"""Earlier texts of a message that was edited, for those to whom the room shows them."""

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from chatserver.config import LimitsConfig
from chatserver.errors import ChatError
from chatserver.interfaces import Store
from chatserver.model import EditHistory, Message, MessageEdited, MessagePosted, User
from chatserver.roomlog.room import Room
from chatserver.service.history import History, fitting
from chatserver.service.rights import Right, demand, may_moderate

PAGE = 20  # texts at most, on one page


class Version(msgspec.Struct, frozen=True):
    """A text that a message had from `at` on, by the event `seq` of its room."""

    seq: int
    at: str
    body: str


class VersionPage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Texts of a message, the newest first; `more`: there are older ones."""

    versions: Sequence[Version]
    more: bool = False


class Edits:
    """Reads what was edited. The log has all texts that nobody has purged; the room says who may see which."""

    def __init__(self, store: Store, history: History, limits: LimitsConfig) -> None:
        self._store, self._history = store, history
        self._page_bytes = limits.buffer_hard_bytes // 2

    async def page(
        self, user: User, room: Room, message: str, before: int | None = None, limit: int = PAGE
    ) -> VersionPage:
        """The newest texts of a message that it got by events with seq < `before`; the first page begins with its present one.

        A text that was replaced before the room began to keep edits is not among them. Raises `ChatError`
        message.not_found, and room.forbidden unless the room shows edits to the user, or the message is theirs.
        """
        demand(user, room, Right.READ)
        described = room.description
        found = await self._history.message(room, message)
        if described is None or not _may_see(user, room, found):
            raise ChatError("room.forbidden", "This room does not show what messages said before.")
        seqs = await self._store.texts(room.id, message)
        kept = _kept(seqs, described.edits_since)
        wanted = [seq for seq in kept if before is None or seq < before]
        newest = wanted[-min(limit, PAGE) :]
        read = await self._store.ranges([(room.id, seq - 1) for seq in newest], 1)
        events = [event for events in read for event in events]
        versions = [
            Version(event.seq, event.at, event.body)
            for event in reversed(events)
            if isinstance(event, MessagePosted | MessageEdited) and not event.redacted
        ]
        shown = versions[: fitting(versions, self._page_bytes)[0]]
        last = shown[-1].seq if shown else 0
        return VersionPage(versions=shown, more=bool(shown) and wanted[0] < last)


def _may_see(user: User, room: Room, message: Message) -> bool:
    assert room.description is not None
    match room.description.edit_history:
        case EditHistory.MEMBERS:
            return True
        case EditHistory.MODERATORS:
            return message.author.id == user.id or may_moderate(user, room)
        case _:
            return False


def _kept(seqs: Sequence[int], since: int) -> Sequence[int]:
    """The present text, and those that were replaced after the seq `since`."""
    replaced = pairwise(seqs)
    return [seq for seq, by in replaced if by > since] + list(seqs[-1:])
