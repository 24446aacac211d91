"""Accepts messages from other systems: POST /hooks/NAME with a token."""

import base64
import hmac
import secrets
from hashlib import sha256

import msgspec

from chatserver import Bucket, ChatError, Context, Reply, Request, Route, WebhookPost
from chatserver_plugins.webhooks import slack
from chatserver_plugins.webhooks.bots import Bots
from chatserver_plugins.webhooks.config import Incoming

IN_THE_ADDRESS = (
    "Send the token in the header Authorization, as Bearer TOKEN, or in the address before the host, "
    "as https://hook:TOKEN@host/. After a ? it ends up in logs: replace this token now."
)


class Given(msgspec.Struct, frozen=True):
    """The body. `text` is the name that many systems use."""

    body: str = ""
    text: str = ""
    id: str | None = None


class Taken(msgspec.Struct, frozen=True):
    id: str
    seq: int
    at: str


_decode = msgspec.json.Decoder(Given).decode
_encode = msgspec.json.Encoder().encode


class IncomingHook:
    """One incoming hook."""

    def __init__(self, name: str, config: Incoming, context: Context, bots: Bots) -> None:
        self._name, self._config, self._bots = name, config, bots
        self._service, self._allow = context.service, context.allow
        self._hash = bytes.fromhex(config.token_sha256)
        self._bucket = Bucket(config.per_minute / 60, config.burst)
        self.route = Route(path=f"/hooks/{name}", post=self.post)

    async def post(self, request: Request) -> Reply:
        self._check(request)
        is_slack = self._config.format == "slack"
        given = self._of_slack(request) if is_slack else _read(request.body)
        room = await self._service.rooms.get(self._config.room)
        user = await self._bots.user(self._name, self._config.name)
        post = WebhookPost(hook=self._name, room=room.id, body=given.body or given.text)
        wanted = await self._allow(post, user)
        await self._bots.enter(user, room)
        event, repeated = await self._service.messages.post(
            user, room, given.id or secrets.token_hex(16), wanted.body
        )
        if is_slack:
            return Reply(body=b"ok", content_type="text/plain")
        taken = Taken(event.id, event.seq, event.at)
        return Reply(status=200 if repeated else 201, body=_encode(taken))

    def _check(self, request: Request) -> None:
        """Raises `ChatError` auth.invalid, limit.rate."""
        token = _token(request)
        if token is None and "token" in request.query:
            raise ChatError("auth.invalid", IN_THE_ADDRESS)
        if token is None or not hmac.compare_digest(sha256(token.encode()).digest(), self._hash):
            raise ChatError("auth.invalid")
        wait = self._bucket.take()
        if wait:
            raise ChatError("limit.rate", after_ms=int(wait * 1000) + 1)

    def _of_slack(self, request: Request) -> Given:
        """Marks take room in Slack's texts that they do not take in ours."""
        most = 2 * self._service.config.limits.message_chars
        kind = request.header("Content-Type") or ""
        return Given(body=slack.text_of(request.body, kind, most))


def _read(body: bytes) -> Given:
    try:
        given = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ChatError("request.invalid", str(error)) from error
    if given.id is not None and not 1 <= len(given.id) <= 128:
        raise ChatError("request.invalid", "id: expected 1 to 128 characters.")
    return given


def _token(request: Request) -> str | None:
    """The token from the header only: cookies belong to the page, and addresses end up in logs."""
    scheme, _, given = (request.header("Authorization") or "").partition(" ")
    if scheme.lower() == "bearer":
        return given.strip() or None
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(given.strip(), validate=True).decode()
        except ValueError:
            return None
        return pair.partition(":")[2] or None
    return None
