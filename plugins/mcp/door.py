"""The Model Context Protocol over HTTP (its transport "Streamable HTTP"): one POST for each message, JSON back.

Two kinds of clients are answered side by side: those of revision 2026-07-28, which say with each request what they
speak, and those that begin by `initialize`. Neither has a session.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET

from chatserver import ChatError, Reply, Request, Service, User
from chatserver_plugins.mcp.methods import BATCHED, MODERN, VERSIONS, Asked, Methods
from chatserver_plugins.mcp.rpc import (
    HEADERS,
    INVALID,
    PARAMS,
    VERSION,
    Answer,
    Fault,
    Message,
    decoded,
    error_body,
    message_of,
)

BATCH = (
    10  # messages; each counts as an operation of the user, and one answer has the results of all
)
META_VERSION = "io.modelcontextprotocol/protocolVersion"
META_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"

_encode = msgspec.json.encode


class Door:
    """Answers POST."""

    def __init__(self, methods: Methods, service: Service) -> None:
        self._methods, self._service = methods, service

    async def post(self, request: Request) -> Reply:
        """Raises `ChatError` limit.rate, request.media_type, store.unavailable."""
        try:
            user = await _user(request)
        except ChatError as error:
            if challenge := _challenge(error):
                status, headers = error.meaning.status, {"WWW-Authenticate": challenge}
                return Reply(status=status, body=error_body(error), headers=headers)
            raise
        media_type = (request.header("Content-Type") or "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise ChatError("request.media_type")
        try:
            given = decoded(request.body)
            if isinstance(given, list):
                return await self._batch(user, request, given)
            return await self._answer(user, request, message_of(given))
        except Fault as fault:
            return _refused(fault)

    async def _answer(self, user: User, request: Request, message: Message) -> Reply:
        """Raises `Fault`."""
        version = _version(request, message)
        if message.method is UNSET or message.id is UNSET:
            if message.method is UNSET and version == MODERN:
                raise Fault(INVALID, "Clients send no answers in this revision.")
            return Reply(status=202, body=b"")
        try:
            if version == MODERN:
                _check(request, message)
            asked = Asked(user, version, message.params)
            result = await self._methods.run(message.method, asked)
        except Fault as fault:
            return _refused(fault, message.id)
        return Reply(body=_encode(Answer(id=message.id, result=result)))

    async def _batch(self, user: User, request: Request, given: list[Any]) -> Reply:
        """Raises `Fault`, and `ChatError` limit.rate before the first message is done."""
        if _version(request, None) != BATCHED:
            raise Fault(INVALID, "This revision has no batches: send one message.")
        if not 1 <= len(given) <= BATCH:
            raise Fault(INVALID, f"A batch has 1 to {BATCH} messages.")
        self._service.rates.take(user.id, count=len(given) - 1)
        answers = [each for item in given if (each := await self._one(user, item)) is not None]
        return Reply(body=_encode(answers)) if answers else Reply(status=202, body=b"")

    async def _one(self, user: User, given: object) -> Answer | None:
        """The answer to one message of a batch; None if it needs none."""
        try:
            message = message_of(given)
        except Fault as fault:
            return Answer.to(fault)
        if message.method is UNSET or message.id is UNSET:
            return None
        try:
            if message.method == "initialize":
                raise Fault(INVALID, "initialize is sent by itself.")
            asked = Asked(user, BATCHED, message.params)
            return Answer(id=message.id, result=await self._methods.run(message.method, asked))
        except Fault as fault:
            return Answer.to(fault, message.id)


async def _user(request: Request) -> User:
    """The user of the bearer token; a cookie, which a browser adds by itself, is none. Raises `ChatError`."""
    if request.has_cookie:
        raise ChatError("auth.required")
    return await request.user()


def _challenge(error: ChatError) -> str | None:
    """WWW-Authenticate (RFC 6750, section 3); None for errors that are not about the token."""
    match error.code:
        case "auth.required":
            return "Bearer"
        case "auth.scope":
            return f'Bearer error="insufficient_scope", scope="{error.detail["scope"]}"'
        case _:
            return 'Bearer error="invalid_token"' if error.meaning.status == 401 else None


def _version(request: Request, message: Message | None) -> str:
    """The revision that a request is of, by its header and by itself. Raises `Fault`."""
    header = request.header("MCP-Protocol-Version")
    said = None if message is None else _meta(message).get(META_VERSION)
    if said is not None and said != header:
        raise Fault(HEADERS, "MCP-Protocol-Version does not match the request.", id=_id(message))
    version = header or BATCHED
    if version not in VERSIONS:
        data = {"supported": VERSIONS, "requested": version}
        raise Fault(VERSION, "Unsupported protocol version", data=data, id=_id(message))
    return version


def _check(request: Request, message: Message) -> None:
    """What a request of revision 2026-07-28 has to have, in itself and in its headers. Raises `Fault`."""
    meta = _meta(message)
    if META_VERSION not in meta or not isinstance(meta.get(META_CAPABILITIES), dict):
        raise Fault(PARAMS, f"_meta: expected {META_VERSION} and {META_CAPABILITIES}.")
    if request.header("Mcp-Method") != message.method:
        raise Fault(HEADERS, "Mcp-Method does not match the request.")
    if message.method == "tools/call":
        name = _plain(request.header("Mcp-Name"))
        if name is None or name != message.params.get("name"):
            raise Fault(HEADERS, "Mcp-Name does not match the request.")


def _meta(message: Message) -> Mapping[str, Any]:
    meta = message.params.get("_meta")
    return meta if isinstance(meta, dict) else {}


def _id(message: Message | None) -> object:
    return UNSET if message is None else message.id


def _plain(value: str | None) -> str | None:
    """The value of a header, which may be encoded as `=?base64?…?=`; None if that cannot be read."""
    if value is None or not (value.startswith("=?base64?") and value.endswith("?=")):
        return value
    try:
        return base64.b64decode(value[9:-2], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _refused(fault: Fault, id: object = UNSET) -> Reply:
    return Reply(status=fault.status, body=_encode(Answer.to(fault, id)))
