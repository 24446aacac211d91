"""The pages about users: all users, one user with rooms and sessions, and all sessions."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from chatserver import Inspection, MemberLeft, StoredSession, User
from chatserver_plugins.browser.events import room_link, user_link
from chatserver_plugins.browser.frame import HOME, page, pager
from chatserver_plugins.browser.markup import Markup, element, link, table, theirs, time
from chatserver_plugins.browser.query import word

Query = Mapping[str, str]


class UserPages:
    """Each method is a page with tables of at most `rows` lines."""

    def __init__(self, rows: int) -> None:
        self._rows = rows

    async def all(self, look: Inspection, query: Query) -> bytes:
        after = word(query, "after")
        found = await look.users(after, self._rows)
        lines = [
            (
                user_link(user.id, user.id),
                user.username,
                theirs(user.name),
                _role(user),
                time(user.at),
            )
            for user in found
        ]
        more = found[-1].id if len(found) == self._rows else None
        return page(
            "Users",
            table(("id", "user name", "name", "role", "made"), lines),
            _pager("users", after, more),
        )

    async def one(self, look: Inspection, query: Query) -> bytes:
        user = await look.user(word(query, "user"))
        return page(
            user.username,
            element("p", element("code", user.id), " · ", theirs(user.name), f" · {_role(user)}"),
            element("p", "made ", time(user.at)),
            element("h2", "Rooms"),
            await self._rooms_of(look, user, word(query, "room")),
            element("h2", "Sessions"),
            await self._sessions(look, user.id, word(query, "session")),
        )

    async def sessions(self, look: Inspection, query: Query) -> bytes:
        return page("Sessions", await self._sessions(look, None, word(query, "after")))

    async def _rooms_of(self, look: Inspection, user: User, after: str) -> Markup:
        found = await look.memberships(user.id, after, self._rows)
        lines = [
            (
                room_link(event.room, event.room),
                "left" if isinstance(event, MemberLeft) else event.role,
                time(event.at),
            )
            for event in found
        ]
        more = found[-1].room if len(found) == self._rows else None
        return element(
            "section",
            table(("room", "role", "since"), lines),
            _pager("user", after, more, cursor="room", user=user.id),
        )

    async def _sessions(self, look: Inspection, user: str | None, after: str) -> Markup:
        found = await look.sessions(user, after, self._rows)
        more = found[-1].id if len(found) == self._rows else None
        if user is None:
            ways = _pager("sessions", after, more)
        else:
            ways = _pager("user", after, more, cursor="session", user=user)
        return element(
            "section",
            table(("id", "user", "created", "expires"), map(_session, found)),
            ways,
        )


def _pager(
    name: str, after: str, following: str | None, *, cursor: str = "after", **kept: str
) -> Markup:
    here = f"{HOME}/{name}"
    return pager(
        ("first", link("first", here, **kept) if after else None),
        ("next", link("next", here, **kept, **{cursor: following}) if following else None),
    )


def _role(user: User) -> str:
    marks = [name for name, is_set in (("bot", user.bot), ("locked", user.disabled)) if is_set]
    return ", ".join([user.role, *marks])


def _session(session: StoredSession) -> Sequence[str]:
    return (
        element("code", session.id.rpartition("/")[2]),
        user_link(session.user, session.user),
        _time(session.created, "?"),
        _time(session.expires, "never"),
    )


def _time(seconds: float | None, otherwise: str) -> str:
    if seconds is None:
        return otherwise
    at = datetime.fromtimestamp(seconds, UTC)
    return time(at.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
