"""What users do with profiles, at whatever door, and the rights that it needs."""

from collections.abc import Mapping, Sequence

import msgspec

from chatserver import Actor, ChatError, Context, DetailsChange, User, UserRate
from chatserver_plugins.profiles.book import Book, Profile, cleaned

ASKED = 100  # users at once
PER_SECOND, BURST = 1 / 10, 10.0  # changes by one user


class Known(Profile, frozen=True, kw_only=True, omit_defaults=True):
    """A profile, with the user name of whom it is."""

    username: str


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said from now on; None leaves it as it is."""

    title: str | None = None
    pronouns: str | None = None
    about: str | None = None
    time_zone: str | None = None


class Desk:
    """Shows profiles, changes one's own, and clears them."""

    def __init__(self, context: Context) -> None:
        self._context, self._service = context, context.service
        self._book = Book(context)
        self._rate = UserRate(PER_SECOND, BURST)

    async def of(self, user: User, others: Sequence[str]) -> Mapping[str, Known]:
        """The profiles of users (ids), as far as `user` may know of them; others are left out.

        Raises `ChatError` limit.count for more than ASKED.
        """
        if len(others) > ASKED:
            raise ChatError("limit.count", f"At most {ASKED} users can be asked for at once.")
        accounts = await self._service.people.known_to(user, others)
        known = {each.id: each.username for each in accounts if not each.deleted}
        said = await self._book.of(list(known)) if known else {}
        return {
            id: Known(username=username, **msgspec.structs.asdict(said.get(id, Profile())))
            for id, username in known.items()
        }

    async def said(self, users: Sequence[str]) -> Mapping[str, Profile]:
        """The profiles of users (ids) whom their reader knows already, however many."""
        return await self._book.of(users)

    async def change(self, user: User, change: Change, address: str | None) -> Profile:
        """Change one's own profile. Raises `ChatError` request.invalid, action.refused, limit.rate."""
        before = await self._own(user.id)
        given = {name: value for name, value in _fields(change).items() if value is not None}
        wanted = cleaned(msgspec.structs.replace(before, **given))
        if wanted == before:
            return before
        self._rate.take(user.id)
        action = await self._context.allow(_action(user.id, wanted), user)
        texts = {name: getattr(action, name) for name in DetailsChange.changeable}
        allowed = cleaned(msgspec.structs.replace(wanted, **texts))
        await self._book.write(user.id, allowed)
        self._tell(user, Actor(user=user.id, address=address))
        return allowed

    async def clear(self, user: User, account: str, address: str | None) -> None:
        """Clear one's own profile, or that of an account (id), which staff of the server may; there need be none.

        Raises `ChatError` user.forbidden, auth.address, user.not_found, action.refused, limit.rate.
        """
        theirs = user
        if account == user.id:
            self._rate.take(user.id)
        else:
            self._service.administration.demand(user, address)
            theirs = await self._service.accounts.get(account)
        await self._context.allow(_action(theirs.id, Profile()), user)
        if await self._own(theirs.id) != Profile():
            await self._book.write(theirs.id, Profile())
            self._tell(theirs, Actor(user=user.id, address=address))

    async def forget(self, user: str) -> None:
        """The account is deleted: what it said goes."""
        await self._book.write(user, Profile())

    async def _own(self, user: str) -> Profile:
        return (await self._book.of([user])).get(user, Profile())

    def _tell(self, user: User, by: Actor) -> None:
        self._service.accounts.tell("profile", user, by)


def _action(account: str, profile: Profile) -> DetailsChange:
    texts = {name: getattr(profile, name) for name in DetailsChange.changeable}
    return DetailsChange(account=account, **texts)


def _fields(change: Change) -> Mapping[str, str | None]:
    return msgspec.structs.asdict(change)
