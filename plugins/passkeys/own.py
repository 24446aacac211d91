"""What users do with their own passkeys, at whatever door."""

from typing import Literal, TypeAlias

import msgspec

from chatserver import Actor, Context, LoginMethodRemove, User, time_text
from chatserver_plugins.passkeys.book import Book, Passkey

Change: TypeAlias = Literal["method_added", "method_renamed", "method_removed"]


class PasskeyView(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey as its user sees it. Times are in RFC 3339."""

    id: str
    name: str
    made: str
    used: str | None
    attachment: str
    is_backed_up: bool


class OwnPasskeys:
    """The passkeys of the user who asks, from the network address `address`."""

    def __init__(self, context: Context, book: Book) -> None:
        self._accounts, self._allow = context.service.accounts, context.allow
        self._book = book

    async def all(self, user: User) -> list[PasskeyView]:
        return [_shown(each) for each in await self._book.of(user.id)]

    async def rename(self, user: User, address: str, id: str, name: str) -> PasskeyView:
        """Raises `ChatError` request.not_found, request.invalid."""
        renamed = await self._book.rename(user.id, id, name)
        self.tell("method_renamed", user, address, id)
        return _shown(renamed)

    async def remove(self, user: User, token: str | None, address: str, id: str) -> None:
        """Remove a passkey, but not the last way to sign in. `token` is that of the user's session.

        Raises `ChatError` auth.confirm, auth.last, request.not_found, action.refused.
        """
        await self._accounts.demand_recent(user, token)
        await self._allow(LoginMethodRemove(method="passkeys"), user)
        identities = self._accounts.identities
        has_other = await identities.has_password(user.id) or await identities.of(user.id)
        await self._book.remove(user.id, id, keep_one=not has_other)
        self.tell("method_removed", user, address, id)

    def tell(self, what: Change, user: User, address: str, id: str) -> None:
        """Tell plugins, such as the audit log, and the user of the change."""
        by = Actor(user=user.id, address=address)
        self._accounts.tell(what, user, by, method="passkeys", item=id)


def _shown(passkey: Passkey) -> PasskeyView:
    return PasskeyView(
        id=passkey.id,
        name=passkey.name,
        made=time_text(passkey.made),
        used=None if passkey.used is None else time_text(passkey.used),
        attachment=passkey.attachment,
        is_backed_up=passkey.is_backed_up,
    )
