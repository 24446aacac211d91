"""The directory as users look into it: page by page, each with a bounded amount of work."""

from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta

from chatserver import (
    ChatError,
    Context,
    ServerRole,
    Status,
    User,
    UserRate,
    comparable_name,
    is_staff,
    name_beginnings,
)
from chatserver_plugins.directory.index import KEY_CHARS, Index

PAGE = 50  # people, at most, on one page
LOOKED_AT = 200  # records of the index, for one page
TEXT_CHARS = 100
PLACE_CHARS = 100
# Pages for one user: many may have nobody, and are gone through at once.
PER_SECOND, BURST = 10.0, 60.0

Who = Literal["everyone", "members", "staff"]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A page: people with this text in their names, after the place of another page."""

    text: Annotated[str, Meta(max_length=TEXT_CHARS)] = ""
    after: Annotated[str, Meta(max_length=PLACE_CHARS)] = ""
    limit: Annotated[int, Meta(ge=1, le=PAGE)] = PAGE


class Person(msgspec.Struct, frozen=True):
    """Somebody in the directory. `bot` and `status` as in `User`."""

    id: str
    username: str
    name: str
    bot: bool | msgspec.UnsetType = msgspec.UNSET
    status: Status | msgspec.UnsetType = msgspec.UNSET

    @classmethod
    def of(cls, user: User) -> "Person":
        return cls(user.id, user.username, user.name, user.bot, user.status)


class People(msgspec.Struct, frozen=True, omit_defaults=True):
    """A page as clients get it. Further people are `after` that of the answer."""

    people: list[Person]
    after: str | None = None


class Listed(NamedTuple):
    """An account, and its place in the list."""

    place: str
    user: User


class ListPage(NamedTuple):
    """Accounts; `after`, if there may be further ones, is where the next page begins."""

    found: Sequence[Listed]
    after: str | None


def shown(page: ListPage) -> People:
    """The page as clients get it."""
    return People([Person.of(each.user) for each in page.found], page.after)


class Wanted:
    """A text that is looked for: each of its words has to begin one of a name."""

    def __init__(self, text: str) -> None:
        words = [name_beginnings(word)[0] for word in comparable_name(text).split()]
        self.words = [word[:KEY_CHARS] for word in words]
        self.beginning = max(self.words, key=len, default="")  # the fewest people have it

    def fits(self, keys: Sequence[str]) -> bool:
        return all(any(key.startswith(word) for key in keys) for word in self.words)


class Desk:
    """Shows users who is here, as far as they may know of each other."""

    def __init__(self, context: Context, index: Index, who: Who) -> None:
        self._service, self._index, self._who = context.service, index, who
        self._rate = UserRate(PER_SECOND, BURST)

    async def page(self, user: User, asked: Asked) -> ListPage:
        """People whose names have the text; it has LOOKED_AT records looked at, so it may have nobody, and yet `after`.

        First those whose whole name begins with it, by name, then those of whom another word does.
        Raises `ChatError` user.forbidden, limit.rate, request.invalid for a wrong place, and those of plugins.
        """
        self._demand(user)
        self._rate.take(user.id)
        wanted = Wanted(asked.text)
        rows = await self._index.rows(wanted.beginning, asked.after, LOOKED_AT)
        fitting = [
            row
            for row in rows
            if row.at == row.entry.first(wanted.beginning) and wanted.fits(row.entry.keys)
        ]
        chosen = fitting[: asked.limit]
        known = await self._service.people.known_to(user, [row.user for row in chosen])
        accounts = {account.id: account for account in known}
        found = [
            Listed(row.place, account)
            for row in chosen
            if (account := accounts.get(row.user)) is not None and row.entry.is_of(account)
        ]
        if len(fitting) > len(chosen):
            return ListPage(found, chosen[-1].place)
        return ListPage(found, rows[-1].place if len(rows) == LOOKED_AT else None)

    def _demand(self, user: User) -> None:
        is_guest = user.role is ServerRole.GUEST
        if (self._who == "staff" and not is_staff(user)) or (self._who == "members" and is_guest):
            raise ChatError("user.forbidden", "The list of people is not for you.")
