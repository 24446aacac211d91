"""Who holds a token: asked for each request, and answered from a short-lived cache."""

import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from chatserver import ChatError, Context, StoreUnavailable, TokenHolder, User
from chatserver_plugins.bots.book import Book, Bot, Token
from chatserver_plugins.bots.tokens import digest_of

# Another node's revocation is in force here after this time; its connections are looked at several times meanwhile.
CACHE_SECONDS = 0.25
CACHED = 10_000  # tokens
HOUR = 3600.0
USED_SECONDS = 400 * 24 * HOUR  # for which the last use is remembered


class Known(NamedTuple):
    """What was found of a token; valid `until` this tick of the clock."""

    until: float
    bot: Bot
    token: Token
    holder: TokenHolder


class Gatekeeper:
    """Finds the holders of tokens, and notes when these were last used."""

    def __init__(self, context: Context, book: Book, may_own: Callable[[User], bool]) -> None:
        """`may_own` says whether a user may have bots: those of others are stopped."""
        self._service, self._clock = context.service, context.clock
        self._used, self._book, self._may_own = context.expiring, book, may_own
        self._cache: OrderedDict[str, Known] = OrderedDict()  # by token
        self._noted: OrderedDict[str, int] = OrderedDict()  # digest -> hour
        self._changes = 0

    async def find(self, token: str) -> TokenHolder | None:
        """Who holds a token; None if it is not valid. Raises `StoreUnavailable`."""
        known = self._cache.get(token)
        if known is None or time.monotonic() >= known.until:
            known = await self._look_up(token)
        if known is None or known.bot.locked or known.token.is_over(self._clock.now()):
            return None
        if not await self._has_owner(known.bot):
            return None
        await self._note(known.token.digest)
        return known.holder

    def forget(self, bot: str) -> None:
        """A bot has changed here: its tokens are looked up anew, also those being looked up now."""
        self._changes += 1
        for token in [token for token, known in self._cache.items() if known.bot.id == bot]:
            del self._cache[token]

    async def used(self, digest: str) -> float | None:
        """The Unix time of the hour in which a token was last used."""
        raw = await self._used.get(digest)
        return None if raw is None else int(raw) * HOUR

    async def _look_up(self, token: str) -> Known | None:
        digest = digest_of(token)
        if digest is None:
            return None
        while True:
            changes, until = self._changes, time.monotonic() + CACHE_SECONDS
            found = await self._book.holder(digest)
            # What changed while the store was read must neither pass nor be kept.
            if changes == self._changes:
                break
        if found is None:
            self._cache.pop(token, None)
            return None
        bot, kept = found
        holder = TokenHolder(user=bot.id, scopes=kept.scopes)
        known = self._cache[token] = Known(until, bot, kept, holder)
        self._cache.move_to_end(token)
        if len(self._cache) > CACHED:
            self._cache.popitem(last=False)
        return known

    async def _has_owner(self, bot: Bot) -> bool:
        """Whether the owner is there, and may still have bots."""
        try:
            return self._may_own(await self._service.accounts.get(bot.owner))
        except ChatError as error:
            if error.code != "user.not_found":
                raise
            return False

    async def _note(self, digest: str) -> None:
        """Note the hour of a use: one write an hour, which may fail."""
        hour = int(self._clock.now() // HOUR)
        if self._noted.get(digest) == hour:
            return
        self._noted[digest] = hour
        self._noted.move_to_end(digest)
        if len(self._noted) > CACHED:
            self._noted.popitem(last=False)
        with suppress(StoreUnavailable):
            await self._used.put(digest, str(hour).encode(), USED_SECONDS)
