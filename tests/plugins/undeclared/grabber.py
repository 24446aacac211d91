"""A plugin that does what its setting says. The test writes its declaration."""

import asyncio
import os
import socket
import threading
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.thread import _WorkItem
from typing import Annotated, Any

import msgspec
from tornado.httpclient import AsyncHTTPClient

import chatserver


class Plugin:
    powers: chatserver.Powers | None = None

    class Config(chatserver.Settings, frozen=True, kw_only=True):
        does: Annotated[str, msgspec.Meta(description="What it does at each message.")]
        url: Annotated[str, msgspec.Meta(description="An address.")] = ""
        port: Annotated[int, msgspec.Meta(description="Where something listens.")] = 0

    def __init__(self, config: Config) -> None:
        self._config = config
        self._seen: list[Any] = []

    @chatserver.hookimpl
    async def startup(self, context: chatserver.Context) -> None:
        self._context = context

    @chatserver.hookimpl
    async def check_message(self, draft: chatserver.Draft, user: chatserver.User) -> None:
        do: Callable[[chatserver.Draft, chatserver.User], Any] = getattr(self, self._config.does)
        await do(draft, user)

    # -- the network ---------------------------------------------------------------------------------

    async def connect(self, draft: Any, user: Any) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", self._config.port)
        writer.close()

    async def connect_by_name(self, draft: Any, user: Any) -> None:
        _, writer = await asyncio.open_connection("localhost", self._config.port)
        writer.close()

    async def connect_and_hide_it(self, draft: Any, user: Any) -> None:
        try:
            await self.connect(draft, user)
        except Exception as error:
            self._seen.append(error)

    # What follows runs functions of the standard library alone: nothing of the plugin is on their stack.

    async def connect_in_a_task(self, draft: Any, user: Any) -> None:
        opening = asyncio.open_connection("127.0.0.1", self._config.port)
        _, writer = await asyncio.create_task(opening)
        writer.close()

    async def connect_in_a_callback(self, draft: Any, user: Any) -> None:
        loop, done = asyncio.get_running_loop(), Future[socket.socket]()
        loop.call_later(0, self._connecting(done))
        (await asyncio.wrap_future(done)).close()

    async def connect_in_a_thread(self, draft: Any, user: Any) -> None:
        done = Future[socket.socket]()
        threading.Thread(target=self._connecting(done)).start()
        (await asyncio.wrap_future(done)).close()

    async def connect_in_a_pool(self, draft: Any, user: Any) -> None:
        with ThreadPoolExecutor(1) as pool:
            await asyncio.wrap_future(pool.submit(int))  # the pool's thread is there already
            done = pool.submit(socket.create_connection, ("127.0.0.1", self._config.port))
            (await asyncio.wrap_future(done)).close()

    async def connect_by_to_thread(self, draft: Any, user: Any) -> None:
        address = ("127.0.0.1", self._config.port)
        (await asyncio.to_thread(socket.create_connection, address)).close()

    async def connect_in_the_pool_of_the_loop(self, draft: Any, user: Any) -> None:
        loop, address = asyncio.get_running_loop(), ("127.0.0.1", self._config.port)
        (await loop.run_in_executor(None, socket.create_connection, address)).close()

    def _connecting(self, done: Future[socket.socket]) -> Callable[[], None]:
        address = ("127.0.0.1", self._config.port)
        return _WorkItem(done, socket.create_connection, (address,), {}).run

    async def fetch(self, draft: Any, user: Any) -> None:
        await AsyncHTTPClient().fetch(f"http://127.0.0.1:{self._config.port}/health")

    async def send_a_datagram(self, draft: Any, user: Any) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"x", ("127.0.0.1", self._config.port))

    async def look_up(self, draft: Any, user: Any) -> None:
        await asyncio.get_running_loop().getaddrinfo("localhost", 80)

    async def listen(self, draft: Any, user: Any) -> None:
        server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        server.close()

    # -- secrets -------------------------------------------------------------------------------------

    async def read_a_secret(self, draft: Any, user: Any) -> None:
        os.environ.get("GRABBED_TOKEN")

    async def read_a_secret_in_bytes(self, draft: Any, user: Any) -> None:
        os.environb.get(b"GRABBED_TOKEN")

    async def read_a_setting_of_the_server(self, draft: Any, user: Any) -> None:
        os.getenv("CHATSERVER_PLUGIN__MONGO__DATABASE")

    async def read_all(self, draft: Any, user: Any) -> None:
        assert "PATH" in os.environ
        assert "GRABBED_TOKEN" not in dict(os.environ)
        urllib.request.getproxies()

    # -- the service ---------------------------------------------------------------------------------

    async def find_an_account(self, draft: Any, user: Any) -> None:
        accounts = self._context.service.accounts
        await accounts.by_name("ada")

    async def read_the_configuration(self, draft: Any, user: Any) -> None:
        assert self._context.service.config.plugin is not None

    async def inspect(self, draft: Any, user: Any) -> None:
        self._context.service.inspect(user, "127.0.0.1")

    async def tell_the_epoch(self, draft: Any, user: Any) -> None:
        assert self._context.service.epoch

    async def post(self, draft: Any, user: Any) -> None:
        if draft.body != "again":
            room = self._context.service.rooms.get
            await self._context.messages.post(user, await room(draft.room), "again")

    async def take_a_file(self, draft: Any, user: Any) -> None:
        await self._context.blobs.get("x")

    async def claim(self, draft: Any, user: Any) -> None:
        await self._context.claim(chatserver.Pin)

    async def release(self, draft: Any, user: Any) -> None:
        await self._context.release(chatserver.Pin)

    async def make_a_bot(self, draft: Any, user: Any) -> None:
        await self._context.bot("robot")

    async def use_what_is_its_own(self, draft: Any, user: Any) -> None:
        await self._context.records.put("seen", b"1")
        self._context.measures.counter("grabber_seen_total", "Seen").add()
        assert self._context.plugin == "grabber"
