"""The addresses at which people join a call, each with a ticket of their own.

Tickets are JSON Web Tokens (RFC 7519) signed with HS256, with the claims that Jitsi's token authentication and
LiveKit's access tokens ask for.
"""

import base64
import hashlib
import hmac
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec

from chatserver import User
from chatserver_plugins.calls.config import CallsConfig

EARLY_SECONDS = 60  # by which another machine's clock may be behind


class Tickets:
    """Makes addresses for the server of the settings."""

    def __init__(self, config: CallsConfig) -> None:
        self._config = config

    def address(self, call: str, user: User, *, moderates: bool, now: float) -> str:
        """Where this user joins the call of this name, at the Unix time `now`.

        Whoever has the address can join as this user until the ticket ends; without a key, as anybody and for good.
        """
        config = self._config
        page = config.page.rstrip("/")
        if config.kind == "livekit":
            token = self._signed(_livekit(call, user, moderates), now, sub=user.id)
            query = urlencode({"liveKitUrl": config.server, "token": token})
            return f"{page}/custom/?{query}"
        if not config.key:
            return f"{page}/{call}"
        host = urlsplit(page).hostname
        token = self._signed(_jitsi(call, user, moderates), now, sub=host)
        return f"{page}/{call}?{urlencode({'jwt': token})}"

    def _signed(self, claims: dict[str, Any], now: float, **more: Any) -> str:
        times = {"nbf": int(now) - EARLY_SECONDS, "exp": int(now + self._config.hours * 3600)}
        body = {"iss": self._config.key, **times, **claims, **more}
        signed = b".".join(_base64(msgspec.json.encode(part)) for part in (HEAD, body))
        mark = hmac.digest(self._config.secret.encode(), signed, hashlib.sha256)
        return (signed + b"." + _base64(mark)).decode()


HEAD = {"alg": "HS256", "typ": "JWT"}


def _jitsi(call: str, user: User, moderates: bool) -> dict[str, Any]:
    about = {
        "id": user.id,
        "name": user.name,
        "moderator": moderates,
        "affiliation": "owner" if moderates else "member",
    }
    return {"aud": "jitsi", "room": call, "context": {"user": about}}


def _livekit(call: str, user: User, moderates: bool) -> dict[str, Any]:
    grants = {"room": call, "roomJoin": True, "canPublish": True, "canSubscribe": True}
    return {"name": user.name, "video": {**grants, "roomAdmin": moderates}}


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
