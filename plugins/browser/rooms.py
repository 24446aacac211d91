"""The pages about rooms: all rooms, one room's log, one event, and a room's members."""

from collections.abc import Mapping, Sequence

import msgspec

from chatserver import AnyEvent, ChatError, Inspected, Inspection, MemberLeft, Reply
from chatserver_plugins.browser import events
from chatserver_plugins.browser.events import room_link, user_link
from chatserver_plugins.browser.frame import HOME, field, page, pager
from chatserver_plugins.browser.markup import Markup, element, join, link, table, theirs, time
from chatserver_plugins.browser.query import number, word

Query = Mapping[str, str]


class RoomPages:
    """Each method is a page with at most `rows` lines."""

    def __init__(self, rows: int) -> None:
        self._rows = rows

    async def all(self, look: Inspection, query: Query) -> bytes:
        after = word(query, "after")
        found = await look.rooms(after, self._rows)
        lines = [
            (
                room_link(room.id, room.id),
                theirs(_name(room)),
                room.description.kind if room.description else "?",
                str(room.head),
                time(room.description.at if room.description else ""),
            )
            for room in found
        ]
        following = found[-1].id if len(found) == self._rows else None
        return page(
            "Rooms",
            table(("id", "name", "kind", "events", "described"), lines),
            pager(
                ("first", link("first", HOME) if after else None),
                ("next", link("next", HOME, after=following) if following else None),
            ),
        )

    async def one(self, look: Inspection, query: Query) -> bytes:
        """The newest part of the log, or the part after or from a seq."""
        room = await look.room(word(query, "room"))
        seq, after = number(query, "seq"), number(query, "after")
        newest = max(room.head - self._rows, 0)
        if after is None:
            after = newest if seq is None else max(seq - 1, 0)
        found = await look.events(room.id, after, self._rows)
        where = pager(
            *self._ways(room, found, after),
            ("", field("seq", "seq", f"{HOME}/room", size=8, room=room.id)),
        )
        lines = table(events.HEADINGS, map(events.row, found))
        return page(_name(room) or room.id, _about(room), where, lines, where)

    def _ways(
        self, room: Inspected, found: Sequence[AnyEvent], after: int
    ) -> list[tuple[str, Markup | None]]:
        """Links to other parts of the log; None for parts that do not exist."""
        last = found[-1].seq if found else after
        newest = max(room.head - self._rows, 0)
        targets = {
            "first": 0 if after > 0 else None,
            "older": max(min(after, room.head) - self._rows, 0) if after > 0 else None,
            "newer": last if last < room.head else None,
            "newest": newest if last < room.head or after > newest else None,
        }
        return [
            (name, None if to is None else _part(name, room.id, to)) for name, to in targets.items()
        ]

    async def members(self, look: Inspection, query: Query) -> bytes:
        room, after = word(query, "room"), word(query, "after")
        found = await look.members(room, after, self._rows)
        lines = [
            (
                user_link(event.user.id, event.user.id),
                theirs(event.user.name),
                "left" if isinstance(event, MemberLeft) else event.role,
                time(event.at),
                link(str(event.seq), f"{HOME}/event", room=room, seq=str(event.seq)),
            )
            for event in found
        ]
        here = f"{HOME}/members"
        following = found[-1].user.id if len(found) == self._rows else None
        return page(
            f"Members of {room}",
            element("p", room_link(room, "the room")),
            table(("id", "name then", "role", "since", "seq"), lines),
            pager(
                ("first", link("first", here, room=room) if after else None),
                ("next", link("next", here, room=room, after=following) if following else None),
            ),
        )

    async def event(self, look: Inspection, query: Query) -> bytes:
        found = await self._event(look, query)
        place = {"room": found.room, "seq": str(found.seq)}
        return page(
            f"Event {found.seq}",
            element("p", events.kind(found), " of room ", room_link(found.room, found.room)),
            pager(
                ("in the log", link("in the log", f"{HOME}/room", **place)),
                ("as JSON", link("as JSON", f"{HOME}/event.json", **place)),
            ),
            element("pre", events.pretty(found)),
        )

    async def event_json(self, look: Inspection, query: Query) -> Reply:
        """The event as clients get it."""
        return Reply(body=msgspec.json.encode(await self._event(look, query)))

    async def _event(self, look: Inspection, query: Query) -> AnyEvent:
        room, seq = word(query, "room"), number(query, "seq")
        found = await look.events(room, seq - 1, 1) if seq else []
        if not found or found[0].seq != seq:
            raise ChatError("request.not_found", "There is no such event.")
        return found[0]


def _name(room: Inspected) -> str:
    return (room.description and room.description.name) or ""


def _about(room: Inspected) -> Markup:
    described = room.description
    parts: list[str] = [element("code", room.id)]
    parts += [f" · {described.kind if described else 'without a description'}"]
    parts += [f" · {room.head} events · ", link("members", f"{HOME}/members", room=room.id)]
    if described and described.topic:
        parts += [" · ", theirs(described.topic)]
    about = element("p", *parts)
    if described and described.description:
        return join((about, element("pre", theirs(described.description, 4000))))
    return about


def _part(name: str, room: str, after: int) -> Markup:
    return link(name, f"{HOME}/room", room=room, after=str(after))
