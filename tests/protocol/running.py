"""A real server in a thread of its own, with its port, and what it logged as an error."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from loguru import logger

from chatserver.app import Server
from chatserver.config import load
from tests.protocol.client import ANSWER_SECONDS, Client

T = TypeVar("T")
# Of a future that asyncpg leaves to the collector when a connection of an earlier test was cut.
ASYNCPG_LEFT = "unexpected connection_lost() call"
THREAD = "a server that is tested"
START_SECONDS = 60.0
PASSWORD = "correct horse battery"


class Person:
    """Somebody with an account on a running server."""

    def __init__(self, server: "Running", user: dict[str, Any], token: str) -> None:
        self._server, self.user, self.token = server, user, token
        self.id: str = user["id"]
        self.username: str = user["username"]

    def connect(self, **options: Any) -> Client:
        return Client(self._server.port, self.token, **options)

    async def http(
        self, method: str, path: str, body: object = None, **options: Any
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return await self._server.http(method, path, body, headers=headers, **options)


class Running:
    """A context manager; `server` may be used on its own loop only, through `run`."""

    def __init__(self, folder: Path, overrides: Mapping[str, object] | None = None) -> None:
        self._loaded = load(
            environ={},
            overrides={
                "server.port": 0,
                "server.data": str(folder),
                "server.drain_seconds": 0.1,
                "plugins.enabled": ["memory", "password", "metrics", "slash_commands"],
                "plugins.deadline_seconds": 60.0,  # a busy machine may stand still for seconds
                "delivery.append_seconds": 60.0,
                "plugin.password.memory_kib": 8,
                "plugin.password.passes": 1,
                "logging.folder": "",
                "limits.registrations_per_hour": 0,
                **(overrides or {}),
            },
        )
        self.errors: list[str] = []
        self.port = 0
        self._count = 0
        self._started: Future[int] = Future()
        self._thread = threading.Thread(target=self._main, name=THREAD, daemon=True)

    def __enter__(self) -> Self:
        self._sink = logger.add(self._note, level="ERROR")
        self._handler = logging.Handler(logging.ERROR)
        self._handler.emit = self._note  # type: ignore[method-assign]
        logging.getLogger().addHandler(self._handler)
        self._thread.start()
        self.port = self._started.result(START_SECONDS)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_SECONDS)
        logger.remove(self._sink)
        logging.getLogger().removeHandler(self._handler)

    def _note(self, entry: object) -> None:
        logging_thread = threading.current_thread()
        if logging_thread is threading.main_thread() and ASYNCPG_LEFT in str(entry):
            return
        if logging_thread is self._thread or logging_thread.name != THREAD:  # not another server's
            self.errors.append(str(entry))

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self.server = Server(self._loaded)
        async with self.server.opened():
            self._started.set_result(self.server.listen())
            await self._stop.wait()
            await self.server.drain()

    def take_errors(self) -> list[str]:
        """The errors logged since the last call."""
        errors, self.errors = self.errors, []
        return errors

    async def run(self, action: Callable[[Server], Awaitable[T]]) -> T:
        """Do what an operator would do, inside the server."""

        async def act() -> T:
            return await action(self.server)

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(act(), self._loop))

    async def http(
        self, method: str, path: str, body: object = None, **options: Any
    ) -> httpx.Response:
        if body is not None:
            options["json"] = body
        url = f"http://127.0.0.1:{self.port}"
        # Without TLS nothing is to be verified, and reading all authorities takes milliseconds.
        async with httpx.AsyncClient(base_url=url, verify=False, timeout=ANSWER_SECONDS) as http:
            return await http.request(method, path, **options)

    async def register(
        self, username: str, password: str = PASSWORD, **fields: Any
    ) -> httpx.Response:
        body = {"username": username, "password": password, **fields}
        return await self.http("POST", "/api/v1/register", body)

    async def person(self, name: str = "someone") -> Person:
        """A new account, with a user name that nobody else has, shown as others may be, too."""
        self._count += 1
        username = f"{name}-{self._count}"
        await self.run(lambda server: server.service.accounts.add(username, PASSWORD, name))
        login = {"username": username, "password": PASSWORD}
        answer = await self.http("POST", "/api/v1/login", login)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        return Person(self, found["user"], found["token"])

    async def people(self, *names: str) -> list[Person]:
        return [await self.person(name) for name in names]

    async def raw(self, request: bytes) -> bytes:
        """The bytes of the answer to the bytes of a request."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        try:
            return await asyncio.wait_for(reader.read(), ANSWER_SECONDS)
        finally:
            writer.close()
