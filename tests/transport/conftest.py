"""A server on a loop, for each kind of loop."""

import asyncio
from collections.abc import Iterator

import pytest
import uvloop
from tornado.ioloop import IOLoop
from tornado.platform.asyncio import AsyncIOLoop
from ws_server import Server


@pytest.fixture(params=["asyncio", "uvloop"])
def io_loop(request: pytest.FixtureRequest) -> Iterator[IOLoop]:
    loop = uvloop.new_event_loop() if request.param == "uvloop" else asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield AsyncIOLoop(asyncio_loop=loop, make_current=False)
    loop.run_until_complete(asyncio.sleep(0))
    loop.run_until_complete(loop.shutdown_asyncgens())
    IOLoop.current().close()
    asyncio.set_event_loop(None)


@pytest.fixture
def server(io_loop: IOLoop) -> Iterator[Server]:
    async def start() -> Server:
        return Server()

    server = io_loop.run_sync(start)
    yield server
    server.stop()
