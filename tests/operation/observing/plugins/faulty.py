"""A plugin that fails while a file of a fault's name is in its folder."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import chatserver
from chatserver.delivery.channel import Channel


class Plugin:
    """Faults: slow, fail, stuck, dead, hang, job, deaf; and `check_message` of the text "boom"."""

    class Config(chatserver.Settings, frozen=True):
        """None."""

    def __init__(self, config: Config, data: Path) -> None:
        self._data = data
        data.mkdir(parents=True, exist_ok=True)

    def _is(self, fault: str) -> bool:
        return (self._data / fault).exists()

    @chatserver.hookimpl
    async def startup(self) -> None:
        hand_out = Channel.hand_out

        def deaf(channel: Channel, advance: object) -> None:
            if not self._is("deaf"):
                hand_out(channel, advance)

        Channel.hand_out = deaf

    @chatserver.hookimpl
    def register_routes(self) -> Sequence[chatserver.Route]:
        return [
            chatserver.Route(path="/faulty/fail", get=self.fail),
            chatserver.Route(path="/faulty/slow", get=self.slow),
            chatserver.Route(path="/faulty/block", get=self.block),
        ]

    async def fail(self, request: chatserver.Request) -> chatserver.Reply:
        raise RuntimeError("on purpose")

    async def slow(self, request: chatserver.Request) -> chatserver.Reply:
        await asyncio.sleep(1.5)
        return chatserver.Reply(body=b"{}")

    async def block(self, request: chatserver.Request) -> chatserver.Reply:
        time.sleep(1.3)  # noqa: ASYNC251 - that is the fault
        return chatserver.Reply(body=b"{}")

    @chatserver.hookimpl
    async def check_message(self, draft: chatserver.Draft) -> None:
        if draft.body == "boom":
            raise RuntimeError("on purpose")

    @chatserver.hookimpl
    async def on_event(self, event: chatserver.AnyEvent) -> None:
        await self._timers.set("faulty.dead", f"{event.room}/{event.seq}", 0.0)
        if self._is("hang"):
            await asyncio.sleep(60)

    @chatserver.hookimpl
    def register_timers(self, context: chatserver.Context) -> Sequence[chatserver.Timer]:
        self._timers = context.timers
        return [chatserver.Timer(name="faulty.dead", run=self.due, attempts=1)]

    async def due(self, due: chatserver.Due) -> None:
        if self._is("dead"):
            raise RuntimeError("on purpose")

    @chatserver.hookimpl
    def register_consumers(self) -> Sequence[chatserver.Consumer]:
        return [
            chatserver.Consumer(
                name="faulty-stuck",
                handle=self.stuck,
                attempts=None,
                backoff=0.5,
                longest_pause=1.0,
            ),
            chatserver.Consumer(name="faulty-dead", handle=self.dead, attempts=1, backoff=0.1),
        ]

    async def stuck(self, events: Sequence[chatserver.AnyEvent]) -> None:
        if self._is("stuck"):
            raise RuntimeError("on purpose")

    async def dead(self, events: Sequence[chatserver.AnyEvent]) -> None:
        if self._is("dead"):
            raise RuntimeError("on purpose")

    @chatserver.hookimpl
    def register_jobs(self) -> Sequence[chatserver.Job]:
        return [chatserver.Job(name="faulty-job", every=2.0, run=self.job)]

    async def job(self) -> None:
        if self._is("job"):
            raise RuntimeError("on purpose")
