"""An echo server on the transport, for the Autobahn test suite: python -m tests.autobahn.echo PORT."""

import asyncio
import sys

import tornado.httpserver
import tornado.web
import tornado.websocket

from chatserver.web.websocket import deflate, frames
from chatserver.web.websocket.transport import Limits, Transport

LIMITS = Limits(max_message_size=32 * 1024 * 1024, deflate=True)


class EchoHandler(tornado.websocket.WebSocketHandler):
    transport: Transport

    def get_websocket_protocol(self) -> Transport:
        self.transport = Transport(self, LIMITS)
        return self.transport

    def on_text(self, payload: bytes) -> None:
        self._echo(frames.TEXT, payload)

    def on_binary(self, payload: bytes) -> None:
        self._echo(frames.BINARY, payload)

    def on_message(self, message: str | bytes) -> None:
        raise NotImplementedError

    def _echo(self, opcode: int, payload: bytes) -> None:
        bits = self.transport.window_bits
        if bits:
            self.transport.send(frames.deflated_frame(opcode, deflate.compress(payload, bits)))
        elif opcode == frames.TEXT:
            self.transport.send(frames.text_frame(payload))
        else:
            self.transport.send(frames.binary_frame(payload))


async def serve(port: int) -> None:
    application = tornado.web.Application([("/", EchoHandler)])
    server = tornado.httpserver.HTTPServer(application)
    server.listen(port, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
