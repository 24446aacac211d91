"""Notes when its job and its timers run, by the server's clock."""

from typing import Any

import msgspec

import chatserver

DAY = 86400.0


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        self.lines: list[tuple[str, float]] = []

    @chatserver.hookimpl
    def register_routes(self, context: chatserver.Context) -> list[chatserver.Route]:
        self.context = context
        return [
            chatserver.Route(path="/diary", get=self._show),
            chatserver.Route(path="/diary/timer", post=self._set),
            chatserver.Route(path="/diary/note", get=self._notes, post=self._note),
        ]

    @chatserver.hookimpl
    def register_jobs(self, context: chatserver.Context) -> list[chatserver.Job]:
        return [chatserver.Job(name="diary.job", every=DAY, run=self._job)]

    @chatserver.hookimpl
    def register_timers(self, context: chatserver.Context) -> list[chatserver.Timer]:
        return [chatserver.Timer(name="diary", run=self._due, attempts=3, backoff=10.0)]

    async def _job(self) -> None:
        self._write("job")

    async def _due(self, due: chatserver.Due) -> None:
        self._write(due.key)
        if due.key == "fails":
            raise chatserver.ChatError("plugin.failed")
        if due.key.startswith("chain") and (left := int(due.key.removeprefix("chain"))):
            await self.context.timers.set("diary", f"chain{left - 1}", due.at + 10)

    def _write(self, name: str) -> None:
        self.lines.append((name, self.context.clock.now()))

    async def _show(self, request: chatserver.Request) -> chatserver.Reply:
        return chatserver.Reply(body=msgspec.json.encode(self.lines))

    async def _set(self, request: chatserver.Request) -> chatserver.Reply:
        given: Any = msgspec.json.decode(request.body)
        await self.context.timers.set("diary", given["key"], given["at"])
        return chatserver.Reply(status=204, body=b"")

    async def _note(self, request: chatserver.Request) -> chatserver.Reply:
        given: Any = msgspec.json.decode(request.body)
        await self.context.expiring.put(given["key"], b"", given["seconds"])
        return chatserver.Reply(status=204, body=b"")

    async def _notes(self, request: chatserver.Request) -> chatserver.Reply:
        rows = await self.context.expiring.scan("")
        return chatserver.Reply(body=msgspec.json.encode([key for key, _ in rows]))
