"""A small server behind a proxy, as a program: `python upstream.py PORT [STATUS]`.

It tells what reached it. With a status it answers each request so, as a node does that restarts.
"""

import asyncio
import sys

import tornado.web
from tornado.websocket import WebSocketHandler


class Echo(WebSocketHandler):
    """Echoes; the Origin check is Tornado's own, which compares Origin and Host."""

    def on_message(self, message: str | bytes) -> None:
        self.write_message(message)


class Beating(WebSocketHandler):
    """Sends a text twice a second, as the server sends heartbeats."""

    async def open(self) -> None:
        while self.ws_connection is not None and not self.ws_connection.is_closing():
            await self.write_message("beat")
            await asyncio.sleep(0.5)


class Events(tornado.web.RequestHandler):
    """Sends one event, and no more until the client has gone."""

    async def post(self) -> None:
        self.set_header("Content-Type", "text/event-stream")
        self.write("data: first\n\n")
        await self.flush()
        await asyncio.sleep(3600)


class Headers(tornado.web.RequestHandler):
    def get(self) -> None:
        self.set_header("Strict-Transport-Security", "max-age=1")  # as the server may itself
        self.set_header("X-Port", self.settings["port"])
        self.write(dict(self.request.headers))

    def post(self) -> None:
        self.set_header("X-Port", self.settings["port"])
        self.write({"length": len(self.request.body)})


class Restarting(tornado.web.RequestHandler):
    """Refuses all but the check, so that it goes on being asked."""

    def prepare(self) -> None:
        self.set_status(200 if self.request.path == "/health/ready" else self.settings["status"])
        self.finish()


async def main(port: int, status: int = 0) -> None:
    routes = [("/ws", Echo), ("/beating", Beating), ("/graphql", Events), ("/.*", Headers)]
    application = tornado.web.Application(
        [("/.*", Restarting)] if status else routes,  # type: ignore[arg-type]
        port=str(port),
        status=status,
    )
    application.listen(port, "127.0.0.1", max_body_size=8 << 20)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
