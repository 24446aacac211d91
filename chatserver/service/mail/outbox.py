"""Mails that wait to be sent: a bounded queue in memory, which a stop of the server empties. `send` has no queue."""

import asyncio
from collections.abc import Awaitable, Callable

from loguru import logger

from chatserver.errors import ChatError, Undeliverable
from chatserver.hooks.mail import Mail, Mailer
from chatserver.runtime.cancelling import cancel_or_name
from chatserver.runtime.clock import SYSTEM, Clock
from chatserver.runtime.measure import Measures
from chatserver.runtime.rate import too_fast

WAITING_MOST = 1000  # mails, those that wait for another attempt included
WORKERS = 4  # mails sent at once
SEND_SECONDS = 30.0
RETRY_SECONDS = (5.0, 30.0, 120.0, 600.0)  # between attempts; then the mail is given up

Compose = Callable[[], Awaitable[Mail | None]]


class Outbox:
    """Sends mails in the background. Without a `mailer` it takes none."""

    def __init__(self, mailer: Mailer | None, measures: Measures, clock: Clock = SYSTEM) -> None:
        self._mailer, self._clock = mailer, clock
        self._queue: asyncio.Queue[Compose] = asyncio.Queue()
        self._waiting = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._sent = measures.counter(
            "mails_total", "Mails by outcome: sent, refused, or given up after several attempts", ("outcome",)
        )  # fmt: skip
        self._retries = measures.counter("mail_retries_total", "Attempts to send that failed")

    @property
    def is_there(self) -> bool:
        """Whether this server sends mail."""
        return self._mailer is not None

    @property
    def is_open(self) -> bool:
        """Whether mails are sent now: between `start` and `stop`, if there is a mailer."""
        return bool(self._tasks)

    def demand(self) -> None:
        """Raise `ChatError` mail.none if this server sends no mail."""
        if self._mailer is None:
            raise ChatError("mail.none")

    def put(self, compose: Compose) -> None:
        """Send what `compose` returns, later; None sends nothing. Raises `ChatError` mail.none, limit.rate.

        So the answer to a request takes as long whether there is a mail to send or not.
        """
        self.demand()
        if self._waiting >= WAITING_MOST:
            raise too_fast(RETRY_SECONDS[0])
        self._waiting += 1
        self._queue.put_nowait(compose)

    async def send(self, mail: Mail) -> None:
        """Try once to send a mail, now, and return when it is accepted: for whoever keeps it and tries again.

        Raises `ChatError` mail.none, `Undeliverable` as `Mailer.send` does, and any other exception of the mailer.
        """
        self.demand()
        try:
            await self._hand_over(mail)
        except Undeliverable:
            self._sent.add(1, ("refused",))
            raise
        except Exception:
            self._retries.add()
            raise
        self._sent.add(1, ("sent",))

    def start(self) -> None:
        if self._mailer is not None:
            self._tasks = [asyncio.create_task(self._work(), name="mail") for _ in range(WORKERS)]

    async def stop(self) -> None:
        tasks, self._tasks = self._tasks, []
        await cancel_or_name(tasks)
        if self._waiting:
            logger.warning("{} mails were not sent before the stop", self._waiting)

    async def _work(self) -> None:
        while True:
            compose = await self._queue.get()
            try:
                mail = await compose()
            except Exception as error:  # such as a store that does not answer
                logger.error("a mail could not be written: {}", type(error).__name__)
                mail = None
            if mail is None:
                self._waiting -= 1
            else:
                await self._try(mail, 0)

    async def _try(self, mail: Mail, attempt: int) -> None:
        try:
            await self._hand_over(mail)
        except Undeliverable as error:
            self._end("refused", f": {error.text}")
        except Exception as error:
            self._retries.add()
            if attempt == len(RETRY_SECONDS):
                self._end("given up", f" after {attempt + 1} attempts: {error!r}")
                return
            logger.warning("a mail was not sent, and is tried again: {!r}", error)
            task = asyncio.create_task(self._later(mail, attempt), name="mail")
            self._tasks.append(task)
            task.add_done_callback(self._tasks.remove)
        else:
            self._end("sent")

    async def _hand_over(self, mail: Mail) -> None:
        assert self._mailer is not None
        async with asyncio.timeout(SEND_SECONDS):
            await self._mailer.send(mail)

    async def _later(self, mail: Mail, attempt: int) -> None:
        await self._clock.sleep(RETRY_SECONDS[attempt])
        await self._try(mail, attempt + 1)

    def _end(self, outcome: str, why: str = "") -> None:
        self._waiting -= 1
        self._sent.add(1, (outcome,))
        if outcome != "sent":
            logger.error("a mail was {}{}", outcome, why)
