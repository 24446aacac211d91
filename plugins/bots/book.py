"""The bots of all users, and the hashes of their tokens.

One record a bot holds its tokens, so that whoever removes one of the two has removed what it opens. Two others lead to
it: one by its owner, one by each token's digest. They are written before it, and prove nothing alone.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import msgspec

from chatserver import ChatError, Context, Scope, time_text
from chatserver_plugins.bots.tokens import ID_CHARS, digest_of, new_token

TRIES = 10  # each lost try means that somebody else changed the same bot
PAGE = 1000
NOT_FOUND = "user.not_found"
EXPIRY = "bots.expiry"  # the timer of a token that ends: its key is BOT/TOKEN
LATE_SECONDS = 2.0  # that it comes after the end, as clocks of nodes differ


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token of a bot. Times are Unix times; without `expires` it lasts until it is revoked."""

    digest: str
    label: str
    scopes: tuple[Scope, ...]
    made: float
    expires: float | None = None

    @property
    def id(self) -> str:
        return self.digest[:ID_CHARS]

    def is_over(self, now: float) -> bool:
        return self.expires is not None and self.expires <= now


class Bot(msgspec.Struct, frozen=True, kw_only=True):
    """A bot. `id` is that of its account, `owner` that of a person; one that is `locked` has been stopped by its owner."""

    id: str
    owner: str
    description: str = ""
    locked: bool = False
    tokens: tuple[Token, ...] = ()


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(Bot).decode


class Book:
    """Keeps the bots."""

    def __init__(self, context: Context, per_user: int, per_bot: int) -> None:
        """A user has at most `per_user` bots, a bot at most `per_bot` tokens."""
        self._records, self._clock, self._timers = context.records, context.clock, context.timers
        self._per_user, self._per_bot = per_user, per_bot

    async def demand_room(self, owner: str) -> None:
        """Raises `ChatError` limit.count if a user (id) has as many bots as they may."""
        if len(await self.of(owner)) >= self._per_user:
            raise self._too_many_bots()

    async def add(self, bot: Bot) -> None:
        """Keep a new bot. Raises `ChatError` limit.count."""
        await self._records.put(_by_owner(bot.owner, bot.id), b"")
        await self._records.put(_key(bot.id), _encode(bot))
        # Counted with it, so that requests at the same time cannot exceed the limit together.
        if len(await self.of(bot.owner)) > self._per_user:
            await self.remove(bot.id)
            raise self._too_many_bots()

    async def get(self, bot: str) -> Bot:
        """Raises `ChatError` user.not_found."""
        raw = await self._records.get(_key(bot))
        if raw is None:
            raise ChatError(NOT_FOUND)
        return _decode(raw)

    async def ids_of(self, owner: str) -> list[str]:
        """The ids of a user's (id) bots."""
        rows = await self._records.scan(_by_owner(owner, ""), limit=PAGE)
        return [key.rpartition("/")[2] for key, _ in rows]

    async def of(self, owner: str) -> list[Bot]:
        """The bots of a user (id), by ascending id."""
        found = await self._records.get_many([_key(bot) for bot in await self.ids_of(owner)])
        bots = map(_decode, found.values())
        return sorted((bot for bot in bots if bot.owner == owner), key=lambda bot: bot.id)

    async def page(self, after: str, limit: int) -> list[Bot]:
        """At most `limit` bots of everybody with an id > `after`, ascending."""
        last = _key(after) if after else ""
        return [_decode(raw) for _, raw in await self._records.scan(_key(""), last, limit)]

    async def change(self, bot: str, changed: Callable[[Bot], Bot]) -> Bot:
        """Change a bot; `changed` may be called several times. Raises `ChatError` user.not_found, limit.rate."""
        for _ in range(TRIES):
            raw = await self._records.get(_key(bot))
            if raw is None:
                raise ChatError(NOT_FOUND)
            new = changed(_decode(raw))
            if await self._records.swap(_key(bot), raw, _encode(new)):
                return new
        raise ChatError("limit.rate", after_ms=1000)

    async def give(self, bot: Bot, owner: str) -> Bot:
        """Give a bot to another owner (id). Raises `ChatError` user.not_found, limit.count, limit.rate."""
        await self.demand_room(owner)
        await self._records.put(_by_owner(owner, bot.id), b"")
        given = await self.change(bot.id, lambda old: msgspec.structs.replace(old, owner=owner))
        await self._records.delete(_by_owner(bot.owner, bot.id))
        return given

    async def disown(self, bot: str, owner: str) -> None:
        """The owner's (id) account is gone: the bot is nobody's, and stopped, until staff gives it to somebody."""

        def changed(old: Bot) -> Bot:
            return msgspec.structs.replace(old, owner="") if old.owner == owner else old

        try:
            await self.change(bot, changed)
        except ChatError as error:
            if error.code != NOT_FOUND:  # it is removed meanwhile
                raise
        await self._records.delete(_by_owner(owner, bot))

    async def held(self, owner: str) -> AsyncGenerator[dict[str, Any], None]:
        """The bots of a user (id), for themselves; of tokens, neither secrets nor digests."""
        for bot in await self.of(owner):
            tokens = [
                {"label": each.label, "scopes": each.scopes, "made": time_text(each.made)}
                for each in bot.tokens
            ]
            yield {"bot": bot.id, "description": bot.description, "tokens": tokens}

    async def add_token(
        self, bot: str, label: str, scopes: Sequence[Scope], expires: float | None
    ) -> tuple[str, Token]:
        """Give a bot one more token; returns it as its holder has it, too. Tokens that are over make room.

        Raises `ChatError` user.not_found, limit.count, limit.rate.
        """
        secret, now = new_token(), self._clock.now()
        digest = digest_of(secret)
        assert digest is not None
        token = Token(digest=digest, label=label, scopes=tuple(scopes), made=now, expires=expires)

        def changed(old: Bot) -> Bot:
            lasting = [each for each in old.tokens if not each.is_over(now)]
            if len(lasting) >= self._per_bot:
                raise ChatError(
                    "limit.count",
                    f"A bot has at most {self._per_bot} tokens: revoke one first.",
                    detail={"field": "tokens", "reason": "count", "most": self._per_bot},
                )
            return msgspec.structs.replace(old, tokens=(*lasting, token))

        before = {each.digest for each in (await self.get(bot)).tokens}
        await self._records.put(_by_digest(digest), bot.encode())
        if expires is not None:
            await self._timers.set(EXPIRY, f"{bot}/{token.id}", expires + LATE_SECONDS)
        try:
            after = await self.change(bot, changed)
        except ChatError:
            await self._forget(bot, digest)
            raise
        for gone in before - {each.digest for each in after.tokens}:
            await self._forget(bot, gone)
        return secret, token

    async def drop_token(self, bot: str, token: str) -> Token:
        """Remove a bot's token by its id. Raises `ChatError` user.not_found, request.not_found, limit.rate."""
        found = next((each for each in (await self.get(bot)).tokens if each.id == token), None)
        if found is None:
            raise ChatError("request.not_found")
        gone = found

        def changed(old: Bot) -> Bot:
            kept = tuple(each for each in old.tokens if each.digest != gone.digest)
            return msgspec.structs.replace(old, tokens=kept)

        await self.change(bot, changed)
        await self._forget(bot, gone.digest)
        return gone

    async def holder(self, digest: str) -> tuple[Bot, Token] | None:
        """The bot that has the token of this digest, and the token."""
        named = await self._records.get(_by_digest(digest))
        raw = None if named is None else await self._records.get(_key(named.decode()))
        if raw is None:
            return None
        bot = _decode(raw)
        token = next((each for each in bot.tokens if each.digest == digest), None)
        return None if token is None else (bot, token)

    async def remove(self, bot: str) -> Bot | None:
        """Remove a bot with its tokens; None if there was none."""
        raw = await self._records.get(_key(bot))
        if raw is None:
            return None
        gone = _decode(raw)
        await self._records.delete(_key(bot))
        for token in gone.tokens:
            await self._forget(bot, token.digest)
        await self._records.delete(_by_owner(gone.owner, bot))
        return gone

    def _too_many_bots(self) -> ChatError:
        return ChatError(
            "limit.count",
            f"A user has at most {self._per_user} bots.",
            detail={"field": "bots", "reason": "count", "most": self._per_user},
        )

    async def _forget(self, bot: str, digest: str) -> None:
        await self._records.delete(_by_digest(digest))
        await self._timers.cancel(EXPIRY, f"{bot}/{digest[:ID_CHARS]}")


def _key(bot: str) -> str:
    return f"bot/{bot}"


def _by_owner(owner: str, bot: str) -> str:
    return f"by/{owner}/{bot}"


def _by_digest(digest: str) -> str:
    return f"token/{digest}"
