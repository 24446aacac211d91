"""What people do with bots, at whatever door, and the rights that it needs.

A bot belongs to the person who made it. Staff of the server sees all bots, and may do with each what its owner may.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import UNSET

from chatserver import (
    Actor,
    BotChange,
    BotCreate,
    BotRemove,
    BotTokenCreate,
    ChatError,
    Context,
    ServerRole,
    User,
    UserRate,
    is_staff,
)
from chatserver_plugins.bots.book import NOT_FOUND, Book, Bot
from chatserver_plugins.bots.gatekeeper import Gatekeeper
from chatserver_plugins.bots.views import (
    PAGE,
    BotChanges,
    BotList,
    BotView,
    MadeToken,
    NewBot,
    NewToken,
    TokenView,
    bot_view,
    token_view,
)

DAY = 86400.0
# Bots that one person may make on a node: each leaves an account behind, also when it is deleted.
MADE_PER_SECOND, MADE_AT_ONCE = 20 / 3600, 20.0

Makers = Literal["staff", "members"]


def may_own(user: User, makers: Makers) -> bool:
    """Whether a person may have bots: one who is not locked out, of the staff or, if these may, a member."""
    if user.disabled or user.bot is True:
        return False
    return is_staff(user) or (makers == "members" and user.role is ServerRole.MEMBER)


class Desk:
    """Makes, changes and removes bots and their tokens. `address` is the client's, None where the door does not tell it.

    All methods raise `ChatError` user.not_found for a bot that the user may know nothing of, and auth.address for
    staff at an address from which it may not act.
    """

    def __init__(
        self, context: Context, book: Book, gatekeeper: Gatekeeper, makers: Makers
    ) -> None:
        self._context, self._service = context, context.service
        self._clock = context.clock
        self._book, self._gatekeeper, self._makers = book, gatekeeper, makers
        self._rate = UserRate(MADE_PER_SECOND, MADE_AT_ONCE)

    async def own(self, user: User) -> BotList:
        """The user's bots."""
        return BotList(
            bots=await self._views(await self._book.of(user.id)), may_make=self._may(user)
        )

    async def all(
        self, user: User, address: str | None, after: str = "", limit: int = PAGE
    ) -> BotList:
        """Bots of everybody, for staff. Raises `ChatError` user.forbidden."""
        self._service.administration.demand(user, address)
        found = await self._book.page(after, limit + 1)
        shown = found[:limit]
        return BotList(
            bots=await self._views(shown),
            may_make=self._may(user),
            after=shown[-1].id if len(found) > limit else None,
        )

    async def make(self, user: User, address: str | None, given: NewBot) -> BotView:
        """Raises `ChatError` user.forbidden, user.exists, request.invalid, limit.count, limit.rate, action.refused."""
        if not self._may(user):
            raise ChatError("user.forbidden")
        await self._book.demand_room(user.id)
        self._rate.take(user.id)
        wanted = BotCreate(username=given.username, name=given.name)
        await self._context.allow(wanted, user)
        by = Actor(user=user.id, address=address)
        account = await self._service.accounts.add_bot(given.username, given.name, by)
        bot = Bot(id=account.id, owner=user.id, description=given.description)
        try:
            await self._book.add(bot)
        except ChatError:
            await self._service.removal.delete(account.username, by)
            raise
        return (await self._views([bot]))[0]

    async def change(
        self, user: User, address: str | None, bot: str, changes: BotChanges
    ) -> BotView:
        """Raises `ChatError` request.invalid, user.exists, user.forbidden, limit.count, limit.rate, action.refused.

        Only staff opens what staff has locked. A new owner has to be somebody who may have bots.
        """
        found = await self._found(user, address, bot)
        locked = None if changes.locked is UNSET else changes.locked
        owner = None if changes.owner is UNSET else changes.owner
        await self._context.allow(BotChange(bot=bot, locked=locked, owner=owner), user)
        by = Actor(user=user.id, address=address)
        if changes.name is not UNSET:
            account = await self._service.accounts.get(bot)
            await self._service.accounts.rename(account.username, name=changes.name, by=by)
        if changes.description is not UNSET:
            found = await self._changed(bot, description=changes.description)
        if locked is not None:
            found = await self._lock(user, address, found, locked)
        if owner is not None and owner != found.owner:
            found = await self._give(found, owner)
        return (await self._views([found]))[0]

    async def remove(self, user: User, address: str | None, bot: str) -> None:
        """Delete a bot with its account; its messages stay. Raises `ChatError` user.last_owner, action.refused."""
        await self._found(user, address, bot)
        await self._context.allow(BotRemove(bot=bot), user)
        await self.forget(bot)
        account = await self._service.accounts.get(bot)
        await self._service.removal.delete(account.username, Actor(user=user.id, address=address))

    async def make_token(
        self, user: User, address: str | None, bot: str, given: NewToken
    ) -> MadeToken:
        """Raises `ChatError` limit.count, limit.rate, action.refused."""
        await self._found(user, address, bot)
        scopes = tuple(sorted(set(given.scopes)))
        expires = None if given.days is None else self._clock.now() + given.days * DAY
        await self._context.allow(BotTokenCreate(bot=bot, scopes=scopes, days=given.days), user)
        secret, token = await self._book.add_token(bot, given.label, scopes, expires)
        self._gatekeeper.forget(bot)
        await self._note("token_made", user, address, bot, token.id)
        return MadeToken(token=token_view(token, None), secret=secret)

    async def revoke(self, user: User, address: str | None, bot: str, token: str) -> None:
        """Revoke a token by its id; its connections end on all nodes. Raises `ChatError` request.not_found, limit.rate."""
        await self._found(user, address, bot)
        await self._book.drop_token(bot, token)
        await self._ends(bot)
        await self._note("token_revoked", user, address, bot, token)

    # -- what happens elsewhere --------------------------------------------------------------------

    async def forget(self, bot: str) -> None:
        """An account is deleted, or about to be: a bot's tokens go with it."""
        if await self._book.remove(bot) is not None:
            await self._ends(bot)

    async def owner_changed(self, user: str) -> None:
        """An account was locked or deleted, or has another role: its bots' connections end if they have to."""
        for bot in await self._book.ids_of(user):
            await self._ends(bot)

    async def owner_gone(self, user: str) -> None:
        """An account is deleted: its bots are nobody's, and their connections end."""
        for bot in await self._book.ids_of(user):
            await self._book.disown(bot, user)
            await self._ends(bot)

    async def token_ended(self, key: str) -> None:
        """The time of a token is over."""
        await self._ends(key.partition("/")[0])

    # -- parts -------------------------------------------------------------------------------------

    def _may(self, user: User) -> bool:
        return may_own(user, self._makers)

    async def _found(self, user: User, address: str | None, bot: str) -> Bot:
        """The bot, if it is the user's, or the user is of the staff."""
        found = await self._book.get(bot)
        if found.owner != user.id or not self._may(user):
            if not is_staff(user):
                raise ChatError(NOT_FOUND)
            self._service.administration.demand(user, address)
        return found

    async def _changed(self, bot: str, **fields: object) -> Bot:
        changed = await self._book.change(bot, lambda old: msgspec.structs.replace(old, **fields))
        self._gatekeeper.forget(bot)
        return changed

    async def _lock(self, user: User, address: str | None, bot: Bot, locked: bool) -> Bot:
        """Stop a bot, or let it in again: its owner by a word in its record, staff as any account."""
        account = await self._service.accounts.get(bot.id)
        is_own = user.id == bot.owner
        if account.disabled and not locked and not is_staff(user):
            raise ChatError("user.forbidden", "Staff of the server has locked this bot.")
        if account.disabled is not locked and not (is_own and locked):
            await self._service.accounts.set_disabled(user, account.username, locked, address)
        if bot.locked is not locked and (is_own or not locked):
            bot = await self._changed(bot.id, locked=locked)
            await self._note("locked" if locked else "unlocked", user, address, bot.id)
        await self._ends(bot.id)
        return bot

    async def _give(self, bot: Bot, owner: str) -> Bot:
        person = await self._service.accounts.get(owner)
        if not self._may(person):
            raise ChatError("user.forbidden", "The new owner may not have bots.")
        given = await self._book.give(bot, owner)
        await self._ends(bot.id)
        return given

    async def _ends(self, bot: str) -> None:
        """Close the bot's connections on all nodes, as far as their tokens are not valid any more."""
        self._gatekeeper.forget(bot)
        await self._service.accounts.recheck(bot)

    async def _note(
        self,
        what: Literal["token_made", "token_revoked", "locked", "unlocked"],
        user: User,
        address: str | None,
        bot: str,
        item: str = "",
    ) -> None:
        """Tell plugins, the audit log among them, of what was done with a bot."""
        accounts = self._service.accounts
        by = Actor(user=user.id, address=address)
        accounts.tell(what, await accounts.get(bot), by, item=item)

    async def _views(self, bots: Sequence[Bot]) -> list[BotView]:
        ids = {bot.id for bot in bots} | {bot.owner for bot in bots}
        accounts = await self._service.accounts.get_many(sorted(ids))
        return [
            bot_view(bot, accounts[bot.id], accounts.get(bot.owner), await self._tokens(bot))
            for bot in bots
            if bot.id in accounts
        ]

    async def _tokens(self, bot: Bot) -> list[TokenView]:
        return [
            token_view(token, await self._gatekeeper.used(token.digest)) for token in bot.tokens
        ]
