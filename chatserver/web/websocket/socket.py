"""The WebSocket upgrade at /ws, with the protocol `chat.v1`. The rest is the session's."""

from typing import Any, cast

from chatserver.errors import CLOSE_VERSION, ChatError
from chatserver.model import User
from chatserver.protocol import VERSION
from chatserver.web.websocket.session import Session
from chatserver.web.websocket.traced_session import TracedSession
from chatserver.web.websocket.upgrade import Upgrade


class ChatSocket(Upgrade):
    """Upgrades to `chat.v1`; a client may name no protocol at all."""

    compression = True
    found: tuple[User, str] | None = None  # the user and session token that the upgrade carried

    async def look_up(self) -> None:
        token = self.token
        if token is not None:
            try:
                self.found = await self.service.accounts.signed_in(token), token
            except ChatError as error:
                if error.code != "auth.invalid":
                    raise

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return VERSION if VERSION in subprotocols else None

    def connected(self) -> None:
        offered = self.request.headers.get("Sec-WebSocket-Protocol")
        kind = Session if self.gate.tracer is None else TracedSession
        session = kind(self.gate, self.transport, self.address)
        # From here on the transport calls the session, and this handler can be freed.
        self.transport.handler = cast(Any, session)
        if offered and self.selected_subprotocol is None:
            self.transport.close(CLOSE_VERSION, f"this server speaks {VERSION}")
        elif self.is_admitted():
            session.start(*(self.found or (None, None)))
