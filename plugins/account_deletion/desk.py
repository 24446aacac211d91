"""The wishes to delete an account: a record each, and a timer, both with the id of the user as their key.

The record decides, the timer only looks at it, and is set first: without a record it does nothing.
"""

from typing import Annotated

import msgspec
from loguru import logger
from msgspec import Meta

from chatserver import AccountDelete, Actor, ChatError, Context, Due, User, time_text

TIMER = "account_deletion.come"
EARLY_SECONDS = 1.0  # that a timer may be early, as clocks of nodes differ


class Wish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What confirms that one means it: one's own user name."""

    username: Annotated[str, Meta(min_length=1, max_length=64)]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A wish as it is stored. `at` is the Unix time of the deletion, `username` that under which it is, or was, begun."""

    at: float
    username: str


class Deletion(msgspec.Struct, frozen=True):
    """When the account is deleted (RFC 3339), null if it stays; `seconds` lie between a wish and that."""

    at: str | None
    seconds: int


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(Kept).decode


class Desk:
    """Answers users, each about their own account, which is deleted `wait` seconds after they wanted it."""

    def __init__(self, context: Context, wait: float) -> None:
        self._context, self._wait = context, wait
        self._accounts, self._removal = context.service.accounts, context.service.removal
        self._records, self._timers, self._clock = context.records, context.timers, context.clock

    async def stands(self, user: User) -> Deletion:
        """Whether and when the user's account is deleted."""
        record = await self._records.get(user.id)
        return self._shown(None if record is None else _decode(record))

    async def want(
        self, user: User, token: str | None, address: str | None, username: str
    ) -> Deletion:
        """Have the user's account deleted. Of several wishes the first one counts.

        Raises `ChatError` request.invalid if the user name is another, auth.confirm, action.refused. The last owner
        of the server is no exception: there may be another one by that time.
        """
        if username != user.username:
            raise ChatError(
                "request.invalid",
                "username: this is not your user name.",
                detail={"field": "username", "reason": "other"},
            )
        await self._accounts.demand_recent(user, token)
        await self._context.allow(AccountDelete(account=user.id), user)
        kept = Kept(at=self._clock.now() + self._wait, username=user.username)
        await self._timers.set(TIMER, user.id, kept.at)
        if not await self._records.add(user.id, _encode(kept)):
            found = await self._records.get(user.id)
            kept = kept if found is None else _decode(found)
            await self._timers.set(TIMER, user.id, kept.at)
            return self._shown(kept)
        self._accounts.tell("leaving", user, Actor(user=user.id, address=address))
        return self._shown(kept)

    async def keep(self, user: User, address: str | None) -> Deletion:
        """The account stays; does nothing if no wish stands. Takes no confirmation, as nothing is lost by it."""
        if await self._records.delete(user.id):
            await self._timers.cancel(TIMER, user.id)
            self._accounts.tell("staying", user, Actor(user=user.id, address=address))
        return self._shown(None)

    async def come(self, due: Due) -> None:
        """Delete the account, if that is still wanted. It can be repeated after a crash at any point."""
        while (record := await self._records.get(due.key)) is not None:
            kept = _decode(record)
            if kept.at > self._clock.now() + EARLY_SECONDS:
                await self._timers.set(TIMER, due.key, kept.at)
                return
            user = await self._accounts.get(due.key)
            if user.deleted or user.username == kept.username:
                await self._delete(due.key, kept.username)
                await self._records.delete(due.key)
                return
            renamed = Kept(at=kept.at, username=user.username)
            await self._records.swap(due.key, record, _encode(renamed))

    async def _delete(self, user: str, username: str) -> None:
        """Delete the account of a user (id), or what an interrupted deletion has left, under this user name."""
        holder = await self._accounts.by_name(username)
        if holder is None or holder.id != user:  # it was deleted to the end
            return
        try:
            await self._removal.delete(username, Actor(user=user))
        except ChatError as error:
            if error.code != "user.last_owner":
                raise
            logger.warning("an account that was to be deleted stays: it is the last owner's")

    def _shown(self, kept: Kept | None) -> Deletion:
        return Deletion(None if kept is None else time_text(kept.at), int(self._wait))
