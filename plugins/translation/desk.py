"""Translates a message for somebody who reads it, at whatever door."""

import asyncio
import time
from collections import OrderedDict
from hashlib import sha256
from typing import TypeAlias

import msgspec
from loguru import logger

from chatserver import BodyPieces, ChatError, Context, RoomKind, User, UserRate
from chatserver_plugins.translation.budget import Budget
from chatserver_plugins.translation.config import TranslationConfig
from chatserver_plugins.translation.provider import Busy, Provider, Unavailable, Unwanted
from chatserver_plugins.translation.refusals import refusal

LINES = 200  # of a message that are translated
KNOWN = 500  # translations in memory
GROWTH = 4  # by which a translation may be longer than its message …
LEAST = 1000  # … and the characters that each may have
LOOK_SECONDS, PING_SECONDS = 30.0, 1.0  # between looks at its health, and of one
SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
AGAIN_SECONDS = 5.0  # after which a failed request may be made again

Key: TypeAlias = tuple[bytes, str]  # the hash of a text, and a language


class Translation(msgspec.Struct, frozen=True, kw_only=True):
    """A message (id) in another language. `source` is the language that the service took it for, or null."""

    message: str
    language: str
    source: str | None
    provider: str
    text: str


class _Found(msgspec.Struct, frozen=True):
    text: str
    source: str | None


class Desk:
    """Asks the service for what was not translated lately."""

    def __init__(self, context: Context, config: TranslationConfig, provider: Provider) -> None:
        self._service, self._provider = context.service, provider
        self._only_public = config.rooms == "public"
        self._rate = UserRate(config.per_minute / 60, config.per_minute)
        self._budget = Budget(
            context.expiring, context.clock, config.characters_per_user, config.characters_per_day
        )
        self._known: OrderedDict[Key, _Found] = OrderedDict()
        self._asking: dict[Key, asyncio.Task[_Found]] = {}
        self._is_away = False
        self._look_at = 0.0  # when its health is asked for again, in time.monotonic()
        measures = context.measures
        self._results = measures.counter(
            "chatserver_translations_total",
            "Messages to translate, by what became of them: translated, known (as asked before), refused by the "
            "service, or unavailable",
            ("result",),
        )
        self._characters = measures.counter(
            "chatserver_translation_characters_total", "Characters sent to the translation service"
        )
        self._seconds = measures.histogram(
            "chatserver_translation_seconds", "Time for one answer of the service", (), SECONDS
        )

    async def translate(self, user: User, message: str, language: str) -> Translation:
        """A message (id) in a language (a code such as `de`), formatted as it is.

        Raises `ChatError`: message.not_found, translation.private, translation.empty, translation.too_long,
        translation.refused, translation.spent, translation.unavailable, limit.rate, store.unavailable.
        """
        found = await self._service.messages.by_id(user, message)
        if found.deleted:
            raise ChatError("message.not_found")
        if self._only_public:
            room = await self._service.rooms.get(found.room, user)
            if room.description is None or room.description.kind is not RoomKind.PUBLIC:
                raise refusal("translation.private")
        key = sha256(found.body.encode()).digest(), language
        done = self._known.get(key)
        if done is not None:
            self._known.move_to_end(key)
            self._results.add(labels=("known",))
        else:
            done = await self._shared(user, key, found.body)
        return Translation(
            message=message,
            language=language,
            source=done.source,
            provider=self._provider.name,
            text=done.text,
        )

    async def close(self) -> None:
        """End what is under way."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._provider.close()

    async def _shared(self, user: User, key: Key, body: str) -> _Found:
        """The translation of a text, at the cost of this user unless it is asked for already. Raises `ChatError`.

        The request goes on if nobody waits any more: who asks again finds its answer.
        """
        task = self._asking.get(key)
        if task is None:
            pieces = await asyncio.to_thread(BodyPieces, body)
            count = sum(map(len, pieces.texts))
            if not count:
                raise refusal("translation.empty")
            if len(pieces.texts) > LINES:
                raise refusal("translation.too_long")
            self._rate.take(user.id)
            await self._budget.take(user.id, count)
            task, done = self._asking.get(key), self._known.get(key)
            if task or done:  # another has asked meanwhile
                await self._budget.give_back(user.id, count)
            if done:
                return done
            task = task or self._begin(user, key, pieces, count)
        return await asyncio.shield(task)

    def _begin(
        self, user: User, key: Key, pieces: BodyPieces, count: int
    ) -> "asyncio.Task[_Found]":
        task = asyncio.create_task(self._asked(user, key, pieces, count), name="translation")
        self._asking[key] = task

        def ended(task: "asyncio.Task[_Found]") -> None:
            del self._asking[key]
            if not task.cancelled():
                task.exception()  # else asyncio logs it if nobody waits any more

        task.add_done_callback(ended)
        return task

    async def _asked(self, user: User, key: Key, pieces: BodyPieces, count: int) -> _Found:
        begun = time.monotonic()
        try:
            found = await self._answered(key[1], pieces, count)
        except Unwanted:
            self._note(None)
            self._results.add(labels=("refused",))
            await self._budget.give_back(user.id, count)
            raise refusal("translation.refused") from None
        except Unavailable as error:
            self._note(error)
            self._results.add(labels=("unavailable",))
            await self._budget.give_back(user.id, count)
            seconds = error.seconds if isinstance(error, Busy) else AGAIN_SECONDS
            raise refusal("translation.unavailable", seconds=seconds) from error
        finally:
            self._seconds.add(time.monotonic() - begun)
        self._note(None)
        self._results.add(labels=("translated",))
        self._characters.add(count)
        self._known[key] = found
        if len(self._known) > KNOWN:
            self._known.popitem(last=False)
        return found

    async def _answered(self, language: str, pieces: BodyPieces, count: int) -> _Found:
        """Raises `Unwanted`, `Unavailable`."""
        texts, source = await self._provider.translate(
            pieces.texts, language, is_markup=pieces.is_markup
        )
        if sum(map(len, texts)) > GROWTH * count + LEAST:
            raise Unavailable("answers with far more than it was asked")
        return _Found(await asyncio.to_thread(pieces.filled, texts), source)

    async def health(self) -> dict[str, object]:
        """Whether the service answered when it was last asked, lately; the server does without it."""
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            try:
                async with asyncio.timeout(PING_SECONDS):
                    await self._provider.ping()
                self._note(None)
            except TimeoutError:
                self._note(Unavailable("is slow"))
            except (Unavailable, Unwanted) as error:
                self._note(error)
        return {"provider": self._provider.name, "answers": not self._is_away}

    def _note(self, error: Exception | None) -> None:
        """Log that the service is away, or there again, once."""
        if (error is not None) == self._is_away:
            return
        self._is_away = error is not None
        if error is not None:
            logger.warning("translation: {} {}: nothing is translated", self._provider.name, error)
        else:
            logger.info("translation: {} answers again", self._provider.name)
