"""The WebSocket upgrade at /ws: who may connect, with which protocol. The rest is the session's."""

import secrets
from typing import Any, cast

from tornado.websocket import WebSocketHandler

from chatserver.errors import CLOSE_CONNECTIONS, CLOSE_DRAINING, CLOSE_VERSION, ChatError
from chatserver.logging import connection_id, request_id
from chatserver.model import User
from chatserver.protocol import VERSION
from chatserver.web.access import cookie_token
from chatserver.web.base import BaseHandler
from chatserver.web.session import Session
from chatserver.web.transport import Limits, Transport


class ChatSocket(BaseHandler, WebSocketHandler):
    """One upgrade request; it is let go as soon as the connection stands."""

    found: tuple[User, str] | None = None  # the user and session token that the upgrade carried

    async def get(self) -> None:
        if self.request.headers.get("Upgrade", "").lower() != "websocket":
            raise ChatError("request.invalid", "This address answers WebSocket upgrades only.")
        if self.access.is_foreign(self.request):
            raise ChatError("request.origin")
        if "Origin" not in self.request.headers and cookie_token(self.request):
            # A page always has an origin; a program that holds a token sends it as a header.
            raise ChatError("request.origin", "A cookie is accepted only together with an Origin.")
        token = self.token
        if token is not None:
            try:
                self.found = await self.service.accounts.session(token), token
            except ChatError as error:
                if error.code != "auth.invalid":
                    raise
        await super().get()

    def check_origin(self, origin: str) -> bool:
        return True  # `get` has looked, before anything else

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return VERSION if VERSION in subprotocols else None

    def get_websocket_protocol(self) -> Transport | None:
        if super().get_websocket_protocol() is None:
            return None
        limits = self.gate.config.limits
        self.transport = Transport(
            cast(Any, self),  # until `open` puts the session in its place
            Limits(
                max_message_size=limits.frame_bytes,
                message_seconds=limits.frame_seconds,
                deflate=self.gate.config.delivery.compression,
            ),
            self.gate.heartbeat,
        )
        return self.transport

    def open(self) -> None:
        request_id.set("")
        connection_id.set(secrets.token_hex(6))
        address = self.address
        offered = self.request.headers.get("Sec-WebSocket-Protocol")
        session = Session(self.gate, self.transport, address)
        # From here on the session is what the transport talks to; this handler is garbage.
        self.transport.handler = cast(Any, session)
        if offered and self.selected_subprotocol is None:
            self.transport.close(CLOSE_VERSION, f"this server speaks {VERSION}")
        elif self.gate.draining:
            self.transport.close(CLOSE_DRAINING, "the server is restarting")
        elif not self.gate.has_room(address):
            self.transport.close(CLOSE_CONNECTIONS, "too many connections")
        else:
            session.start(*(self.found or (None, None)))
