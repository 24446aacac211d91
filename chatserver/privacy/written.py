"""What a user wrote and did in rooms, as the log has it: messages as they stand, reactions, and all else.

The log is read from its beginning, in the rooms that the user is or was in: nobody writes in others.
"""

from collections.abc import AsyncGenerator, AsyncIterator

import msgspec

from chatserver.hooks.personal import Item, PersonalData
from chatserver.interfaces import Store
from chatserver.model import (
    AnyEvent,
    MessageEdited,
    MessagePosted,
    ReactionAdded,
    ReactionRemoved,
)
from chatserver.privacy.own import nothing
from chatserver.roomlog.fold import fold

PAGE = 500  # events at once


class Written:
    """The parts of the server itself that are in the log."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def parts(self) -> list[PersonalData]:
        return [
            PersonalData(
                name="messages",
                title={"en": "Messages", "ja": "メッセージ"},
                export=self._messages,
                erase=nothing,
            ),
            PersonalData(
                name="reactions",
                title={"en": "Reactions", "ja": "リアクション"},
                export=self._reactions,
                erase=nothing,
            ),
            PersonalData(
                name="room_events",
                title={"en": "What else you did in rooms", "ja": "ルームでのその他の操作"},
                export=self._room_events,
                erase=nothing,
            ),
        ]

    async def _messages(self, user: str) -> AsyncGenerator[Item, None]:
        async for page in self._pages(user):
            posted = [event for event in page if isinstance(event, MessagePosted)]
            if not posted:
                continue
            changes = await self._store.changes({posted[0].room: [event.id for event in posted]})
            for message in fold(posted, changes):
                shown = msgspec.to_builtins(message)
                for name in ("author", "client_id", "seq"):
                    shown.pop(name, None)
                yield shown

    async def _reactions(self, user: str) -> AsyncGenerator[Item, None]:
        async for page in self._pages(user):
            for event in page:
                if isinstance(event, ReactionAdded | ReactionRemoved):
                    yield _shown(event)

    async def _room_events(self, user: str) -> AsyncGenerator[Item, None]:
        async for page in self._pages(user):
            for event in page:
                # An edit is part of its message. A reaction has its own part.
                if not isinstance(
                    event,
                    MessagePosted | MessageEdited | ReactionAdded | ReactionRemoved,
                ):
                    yield _shown(event)

    async def _pages(self, user: str) -> AsyncIterator[list[AnyEvent]]:
        """The user's own events, those of one page of a room's log at a time."""
        for room in sorted({event.room for event in await self._store.memberships(user)}):
            after = 0
            while events := await self._store.read(room, after, PAGE):
                after = events[-1].seq
                own = [event for event in events if event.author.id == user]
                if own:
                    yield own


def _shown(event: AnyEvent) -> Item:
    shown: dict[str, object] = msgspec.to_builtins(event)
    shown.pop("author", None)
    return shown
