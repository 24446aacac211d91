"""Logs an outage of the store: once with its reason, now and then while it lasts, and at its end."""

import asyncio
import time

from loguru import logger

from chatserver.errors import StoreUnavailable
from chatserver.interfaces import Store
from chatserver.runtime.cancelling import cancel_or_name
from chatserver.runtime.clock import now_text

PROBE_SECONDS = 1.0
SAY_SECONDS = 60.0  # between two lines about the same thing


class Outage:
    """Takes reports of `StoreUnavailable`; one task then asks the store until it answers again."""

    def __init__(self, store: Store, name: str) -> None:
        """`name` is that of the plugin that stores."""
        self._store, self._name = store, name
        self._refused = 0
        self._single = -SAY_SECONDS  # when a failure without an outage was last said
        self._told = -SAY_SECONDS  # when an outage was last said: one that comes and goes is one
        self._task: asyncio.Task[None] | None = None

    def failed(self, error: StoreUnavailable, refused: int = 0) -> None:
        """Report a failed call, for which `refused` events were refused."""
        self._refused += refused
        if self._task is None:
            self._task = asyncio.create_task(self._watch(error.reason), name="outage")

    async def stop(self) -> None:
        if self._task is not None:
            await cancel_or_name([self._task])

    async def _watch(self, reason: str) -> None:
        since, started, said = now_text(), time.monotonic(), 0.0
        try:
            while (why := await self._why_not()) is not None:
                now = time.monotonic()
                if now - self._told > SAY_SECONDS:
                    logger.error("{}", self._away(since, now - started, why, still=bool(said)))
                    said = self._told = now
                await asyncio.sleep(PROBE_SECONDS)
            if said:
                text = "the store {} answers again after {:.1f} s; {} events were refused meanwhile"
                logger.warning(text, self._name, time.monotonic() - started, self._refused)
            elif started - max(self._single, self._told) > SAY_SECONDS:
                self._single = started
                text = "the store {} failed and answers again; {} events were refused: {}"
                logger.error(text, self._name, self._refused, reason)
        finally:
            self._refused, self._task = 0, None

    async def _why_not(self) -> str | None:
        """The reason why writing fails now; None if the store works."""
        try:
            await self._store.ping()
        except StoreUnavailable as error:
            return error.reason
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return None

    def _away(self, since: str, seconds: float, why: str, *, still: bool) -> str:
        begin = f"the store {self._name} does not answer since {since}: {why}."
        if still:
            return f"{begin} That is {seconds:.0f} s; {self._refused} events were refused."
        return (
            f"{begin} Messages and all other changes are refused with store.unavailable, to be tried "
            "again, and so is reading that is not served from memory; connections stay open"
        )
