"""Search for users: checks rights, resolves the names in a query, and returns pages of answers."""

from collections.abc import Mapping, Sequence

import msgspec

from chatserver.config import LimitsConfig
from chatserver.errors import ChatError
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.filters import SearchQuery
from chatserver.model import Message, User
from chatserver.roomlog.room import Room
from chatserver.search.analyser import fold
from chatserver.search.candidates import Span
from chatserver.search.effort import Effort, Turns
from chatserver.search.finder import Finder, Wanted
from chatserver.search.marks import LINK
from chatserver.search.merge import Merge, Place
from chatserver.search.query import Query, parse
from chatserver.search.segments import NEVER, seconds
from chatserver.service.accounts import Accounts
from chatserver.service.history import History, fitting
from chatserver.service.message_data import MessageDataKinds
from chatserver.service.rights import Right, demand, may_read
from chatserver.service.rooms import RoomService

AUTHORS = 10  # different authors in one query
PUBLIC_PAGES = 20  # of 500 rooms, searched for the name in `in:`; each takes some milliseconds


class Found(msgspec.Struct, frozen=True, omit_defaults=True):
    """Messages, newest first. `cursor`, if there may be more, is the `before` of the next page.

    `partial`: an index is still being made, so older messages may be missing.
    """

    messages: list[Message]
    cursor: str | None = None
    partial: bool = False


class Search:
    """Searches messages for users."""

    def __init__(
        self,
        finder: Finder,
        rooms: RoomService,
        history: History,
        accounts: Accounts,
        limits: LimitsConfig,
        hooks: HookCalls,
        data: MessageDataKinds,
    ) -> None:
        self._finder, self._rooms, self._history = finder, rooms, history
        self._accounts, self._limits = accounts, limits
        self._hooks, self._data, self._turns = hooks, data, Turns()

    async def find(
        self,
        user: User,
        text: str,
        room: Room | None = None,
        before: int | str | None = None,
        limit: int = 50,
    ) -> Found:
        """Matching messages in one room, or in all rooms that the user is in.

        `before` is a cursor, or a seq in one room, or a time in all rooms. Raises `ChatError`
        request.invalid, action.refused, and those of `rights.demand` for the room.
        """
        query = await self._read(user, text, room)
        place = _place(before, room)
        rooms = await self._rooms.shown(user, await self._looked_in(user, query, room))
        authors = await self._authors(query)
        having = [self._marks(kind) for kind in query.has]
        if not rooms or (query.authors and not authors) or not all(having):
            return Found([])
        wanted = Wanted(query, authors, _span(query, place if room is None else None), having)
        seq = place.seq if place is not None and room is not None else None
        effort = Effort(self._turns)
        located = await self._finder.locate(rooms, wanted, seq, effort)

        async def read(candidates: Sequence[tuple[Room, str]]) -> Mapping[tuple[str, str], Message]:
            return await self._history.find(user, candidates)

        def is_answer(message: Message) -> bool:
            return _is_wanted(message, wanted)

        def place_of(message: Message) -> Place:
            if room is not None:
                return Place("", "", message.seq)
            return Place(message.at, message.room, message.seq)

        merge = Merge(located, read, is_answer, place_of, place, effort)
        found, end = await merge.page(min(limit, self._limits.history_page))
        messages = [message for _, message in found]
        shown = messages[: fitting(messages, self._limits.buffer_hard_bytes // 2)[0]]
        if len(shown) < len(messages):
            end = found[len(shown) - 1][0]
        return Found(shown, None if end is None else cursor(end), located.partial)

    async def _read(self, user: User, text: str, room: Room | None) -> Query:
        """The query, as plugins want it."""
        query = parse(text)
        given = SearchQuery(text=text, room=None if room is None else room.id)
        wanted = await self._hooks.filter_search(given, user)
        return query if wanted is given else parse(wanted.text)

    async def _looked_in(self, user: User, query: Query, room: Room | None) -> list[Room]:
        """The rooms to search, all of which the user may read; with `in:`, only the named ones."""
        if room is not None:
            demand(user, room, Right.READ)
        rooms = [room] if room is not None else await self._rooms.joined(user)
        if not query.rooms:
            return rooms
        names = {fold(name) for name in query.rooms}

        def is_named(id: str, name: str | None) -> bool:
            return id in query.rooms or fold(name or "") in names

        named = [each for each in rooms if is_named(each.id, self._rooms.name(user, each))]
        if named or room is not None:
            return named
        ids = [*query.rooms]
        after = ""
        for _ in range(PUBLIC_PAGES):
            public = await self._rooms.public(user, after)
            ids += [view.id for view in public.rooms if is_named(view.id, view.name)]
            if not public.more:
                break
            after = public.after or ""
        found = await self._rooms.get_many(ids)
        return [each for each in found.values() if may_read(user, each)]

    async def _authors(self, query: Query) -> list[str]:
        found = [await self._accounts.by_name(name) for name in query.authors[:AUTHORS]]
        return [user.id for user in found if user is not None]

    def _marks(self, kind: str) -> frozenset[str]:
        """The marks of messages that have something of this kind; none of an unknown kind."""
        names = self._data.called(kind)
        return names | {LINK} if kind == "link" else names


def cursor(place: Place) -> str:
    """The cursor of a place, for clients; `Search.find` takes it as `before`."""
    return "/".join((place.at, str(place.seq), place.room)) if place.at else str(place.seq)


def cursor_of(message: Message, *, in_room: bool) -> str:
    """The cursor for going on behind a message that was found in one room or in several."""
    at, room = ("", "") if in_room else (message.at, message.room)
    return cursor(Place(at, room, message.seq))


def _place(before: int | str | None, room: Room | None) -> Place | None:
    """The place of a cursor, seq or time. Raises `ChatError` request.invalid."""
    if before is None:
        return None
    at, _, rest = ("", "", str(before)) if room is not None else str(before).partition("/")
    seq, _, name = rest.partition("/")
    try:
        if room is not None:
            return Place("", "", int(rest))
        seconds(at)
        return Place(at, name, int(seq or 0))
    except ValueError as error:
        raise ChatError("request.invalid", "before: there is no such place.") from error


def _span(query: Query, place: Place | None) -> Span | None:
    """The span of times that the query and the place among all rooms allow; None if all times."""
    ends = [seconds(at) for at in (query.until, place and place.at) if at]
    if not ends and query.since is None:
        return None
    return Span(seconds(query.since) if query.since else 0, min(ends, default=NEVER))


def _is_wanted(message: Message, wanted: Wanted) -> bool:
    return not message.deleted and wanted.query.covers(message.at) and wanted.matches(message)
