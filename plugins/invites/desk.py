"""What the staff of the server does with invitations, at whatever door."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from chatserver import ChatError, Context, InviteCreate, InviteRemove, User, time_text
from chatserver_plugins.invites.book import Book, Invite, id_of


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation to make."""

    uses: Annotated[int, Meta(ge=1, le=1000)] = 1
    days: Annotated[float, Meta(gt=0, le=365)] = 7
    rooms: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=64)], ...], Meta(max_length=50)] = ()  # fmt: skip


class InviteView(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation as staff sees it. `by` is the id of the user who made it, `left` the number of uses that are left;
    times are in RFC 3339.
    """

    id: str
    by: str
    made: str
    expires: str
    left: int
    rooms: Sequence[str]


class NewInvite(InviteView, frozen=True, kw_only=True):
    """A new invitation, with the code that nobody sees again, and a link with it."""

    code: str
    link: str


class Desk:
    """Makes, lists and removes invitations. `address` is the client's.

    All methods raise `ChatError` user.forbidden and auth.address for others than staff at their addresses.
    """

    def __init__(self, context: Context, book: Book) -> None:
        self._service, self._allow = context.service, context.allow
        self._public_url, self._book = context.public_url, book

    async def make(self, user: User, address: str, wanted: Wanted) -> NewInvite:
        """Raises `ChatError` room.not_found, limit.count, action.refused."""
        self._service.administration.demand(user, address)
        for room in wanted.rooms:
            await self._service.rooms.get(room, user)
        action = InviteCreate(uses=wanted.uses, days=wanted.days, rooms=wanted.rooms)
        await self._allow(action, user)
        code, invite = await self._book.make(user.id, wanted.uses, wanted.days, wanted.rooms)
        link = f"{self._public_url}/#invite={code}"
        return NewInvite(**_fields(id_of(code), invite), code=code, link=link)

    async def all(self, user: User, address: str) -> list[InviteView]:
        """Also those that are used up."""
        self._service.administration.demand(user, address)
        return [InviteView(**_fields(*each)) for each in await self._book.all()]

    async def remove(self, user: User, address: str, invite: str) -> None:
        """Remove an invitation by its id. Raises `ChatError` request.not_found, action.refused."""
        self._service.administration.demand(user, address)
        await self._allow(InviteRemove(invite=invite), user)
        if not await self._book.remove(invite):
            raise ChatError("request.not_found")


def _fields(id: str, invite: Invite) -> dict[str, Any]:
    times = {"made": time_text(invite.made), "expires": time_text(invite.expires)}
    return {"id": id, **msgspec.structs.asdict(invite), **times}
