"""WebSocket upgrades: decides which clients may connect. The protocol spoken then depends on the door."""

import re
import secrets
from typing import Any, cast

from tornado.websocket import WebSocketHandler

from chatserver.errors import CLOSE_CONNECTIONS, CLOSE_DRAINING, ChatError
from chatserver.logging import connection_id, request_id
from chatserver.web.access import cookie_token
from chatserver.web.base import BaseHandler
from chatserver.web.websocket.transport import Limits, Transport

_KEY = re.compile(r"[A-Za-z0-9+/]{21}[AQgw]==")  # RFC 6455 section 4.2.1: 16 bytes in base64


class Upgrade(BaseHandler, WebSocketHandler):
    """One upgrade request; it is freed as soon as the connection is open."""

    compression = False

    async def admit_body(self) -> None:
        raise ChatError("request.invalid", "An upgrade has no body.")

    async def get(self, **parameters: str) -> None:
        if self.request.headers.get("Upgrade", "").lower() != "websocket":
            raise ChatError("request.invalid", "This address answers WebSocket upgrades only.")
        if not _KEY.fullmatch(self.request.headers.get("Sec-WebSocket-Key", "")):
            raise ChatError("request.invalid", "Sec-WebSocket-Key: expected 16 bytes in base64.")
        if self.access.is_foreign(self.request):
            raise ChatError("request.origin")
        if "Origin" not in self.request.headers and cookie_token(self.request):
            # A page always has an origin; a program that holds a token sends it as a header.
            raise ChatError("request.origin", "A cookie is accepted only together with an Origin.")
        await self.look_up()
        await super().get()

    async def look_up(self) -> None:
        """Await lookups that are needed before the upgrade. May raise `ChatError`."""

    def connected(self) -> None:
        """Called when the connection is open; must set `transport.handler`, which the transport calls."""
        raise NotImplementedError

    def check_origin(self, origin: str) -> bool:
        return True  # `get` has checked it, before anything else

    def get_websocket_protocol(self) -> Transport | None:
        if super().get_websocket_protocol() is None:
            return None
        limits = self.gate.config.limits
        self.transport = Transport(
            cast(Any, self),  # until `connected` puts another in its place
            Limits(
                max_message_size=limits.frame_bytes,
                message_seconds=limits.frame_seconds,
                deflate=self.compression and self.gate.config.delivery.compression,
            ),
            self.gate.heartbeat,
        )
        return self.transport

    def open(self) -> None:
        request_id.set("")
        connection_id.set(secrets.token_hex(6))
        self.connected()

    def is_admitted(self) -> bool:
        """Whether the connection may stay; closes it while the server stops, and beyond the limits."""
        if self.gate.draining or self.gate.leaving:
            self.transport.close(CLOSE_DRAINING, "the server is restarting")
        elif not self.gate.has_room(self.address):
            self.transport.close(CLOSE_CONNECTIONS, "too many connections")
        else:
            return True
        return False
