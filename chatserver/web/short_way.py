"""The short way: answers of the commonest requests, made from the bytes of their heads.

Tornado takes some 100 µs to parse a request and find its handler, and more for one with a body. A read of a room's
newest page, by far the commonest request, costs a sixth of that here. The list of rooms, with which every client
begins, is answered so too, and what programs post to the addresses of plugins, such as operations of GraphQL. The
short way knows only one narrow grammar; all other requests, also those that will be refused, go to Tornado unchanged.
So errors are answered in one place: what a request came to, if it is not a usual answer, a handler gives.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, cast

import msgspec

from chatserver.errors import ChatError
from chatserver.hooks import door
from chatserver.hooks.guardedroutes import GuardedHandler
from chatserver.hooks.types import Reply, Route
from chatserver.logging import request_id
from chatserver.model import Scope, User
from chatserver.service.rights import is_within
from chatserver.web.connection import Outcome, Serving, Short
from chatserver.web.gate import Gate
from chatserver.web.grammar import MOST_FIELDS
from chatserver.web.plugin_request import PluginRequest
from chatserver.web.plugin_routes import OPEN_BYTES, is_plain
from chatserver.web.response_heads import identified, usual_answer

NEWEST_ROUTE: Final = "/api/v1/rooms/ID/messages"
LIST_ROUTE: Final = "/api/v1/rooms"
READY_COST: Final = 0.05  # operations that a cached page counts for

# Header fields that browsers, bots and proxies send with an ordinary request. Any other field may change the
# answer.
_KNOWN = (
    rb"host: ?(?P<host>(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?)"
    rb"|authorization: ?bearer (?P<token>[!-~]+)|connection: ?keep-alive"
    rb"|x-request-id: ?(?P<id>[a-z0-9._-]{1,64})|x-forwarded-proto: ?(?P<scheme>https?)"
    rb"|x-forwarded-for: ?(?P<forwarded>[ -~]*+)"
    rb"|(?:accept|accept-encoding|accept-language|cache-control|dnt|pragma|priority|referer"
    rb"|sec-ch-ua(?:-[a-z-]+)?|sec-fetch-[a-z]+|sec-gpc|user-agent|x-forwarded-host"
    rb"|x-real-ip):[ -~]*+"
)
_READ = re.compile(
    rb"GET /api/v1/rooms(?:/(?P<room>[0-9a-z]{1,64})/messages(?:\?limit=50)?)? HTTP/1\.1\r\n"
    rb"(?i:(?:" + _KNOWN + rb")\r\n)++\r\n"
)
_POST = re.compile(
    rb"POST (?P<path>/[0-9A-Za-z/_-]*+) HTTP/1\.1\r\n"
    rb"(?i:(?:" + _KNOWN + rb"|content-length: ?(?P<length>[0-9]{1,9})|content-type:[ -~]*+"
    rb"|apollographql-client-[a-z]+:[ -~]*+)\r\n)++\r\n"
)
_ONCE = (
    *(b"\r\nhost:", b"\r\nauthorization:", b"\r\nx-request-id:"),
    *(b"\r\nx-forwarded-proto:", b"\r\nx-forwarded-for:"),
)


class Post(NamedTuple):
    """What a plugin answers to POST at one address without parameters."""

    route: str  # for metrics
    handler: GuardedHandler
    scope: Scope | tuple[Scope, ...] | None  # of a bot's token
    most_bytes: int  # of a body


def posted(gate: Gate, routes: Iterable[Route]) -> dict[bytes, Post]:
    """By path, what the routes answer to POST on the short way."""
    usual = gate.config.limits.http_body_bytes
    return {
        route.path.encode(): Post(
            route.path,
            cast(GuardedHandler, route.post),
            route.scopes.get("post"),
            min(OPEN_BYTES, usual, usual if route.body_bytes is None else route.body_bytes),
        )
        for route in routes
        if route.post and not (route.streams_body or route.internal or "{" in route.path)
    }


class ShortWay:
    """Of one listener."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    async def answer(
        self, serving: Serving, head: bytes, rest: bytes, posts: Mapping[bytes, Post]
    ) -> Short | Outcome | None:
        """The answer to a request, or what it came to, for its handler to give; None if nothing was done yet.

        `rest` is what came behind the head.
        """
        if not self._gate.answers_shortly:
            return None
        if request := _READ.fullmatch(head):
            return await self._read(serving, head, request)
        if posts and (request := _POST.fullmatch(head)):
            post = posts.get(request["path"])
            # A body that comes later, or with another request behind it, is none of ours.
            if post is not None and int(request["length"] or -1) == len(rest) <= post.most_bytes:
                return await self._post(serving, head, rest, request, post)
        return None

    def _admits(self, serving: Serving, fields: bytes, request: re.Match[bytes]) -> bool:
        """Whether the head, in lower case, has nothing unusual, and the request is within the limits: then it is counted."""
        gate = self._gate
        return not (
            not request["token"]
            or not request["host"]
            or fields.count(b"\r\n") > MOST_FIELDS
            or not gate.access.is_own_host(request["host"].decode())
            or (not serving.is_proxied and b"\r\nx-forwarded-" in fields)
            or not gate.may_ask(serving.address, _text(request, "forwarded"))
        )

    def _security(self, serving: Serving, request: re.Match[bytes]) -> str:
        """The value of Strict-Transport-Security; "" if none is to be sent."""
        return self._gate.security if _is_secure(serving, request) else ""

    # -- reads -------------------------------------------------------------------------------------

    async def _read(
        self, serving: Serving, head: bytes, request: re.Match[bytes]
    ) -> Short | Outcome | None:
        fields = head.lower()
        if any(fields.count(name) > 1 for name in _ONCE):
            return None
        if not self._admits(serving, fields, request):
            return None
        try:
            user = await self._gate.service.accounts.signed_in(request["token"].decode())
        except ChatError:
            return None
        if not is_within(user, Scope.READ):
            return None
        room, given = _text(request, "room"), identified(_text(request, "id"))
        found = await (self._newest_page(user, room) if room else self._rooms(user))
        if isinstance(found, Exception):
            return Outcome(found, given)
        if found is None:
            return None
        answer = usual_answer(found, given, self._security(serving, request))
        return Short(answer, "GET", NEWEST_ROUTE if room else LIST_ROUTE)

    async def _newest_page(self, user: User, room: str) -> bytes | None:
        service = self._gate.service
        if service.rates.of_user(user.id).take(READY_COST):
            return None
        try:
            return await service.history.newest_encoded(user, await service.rooms.get(room))
        except ChatError:
            return None

    async def _rooms(self, user: User) -> bytes | Exception | None:
        """The list of rooms, or its error: a list that failed was counted, and is not tried again."""
        service = self._gate.service
        if service.rates.of_user(user.id).take():
            return None
        try:
            with door.entered(door.HTTP):
                return msgspec.json.encode(await service.rooms.visible(user))
        except Exception as error:
            return error

    # -- posts -------------------------------------------------------------------------------------

    async def _post(
        self, serving: Serving, head: bytes, body: bytes, request: re.Match[bytes], post: Post
    ) -> Short | Outcome | None:
        fields = _fields(head)
        if fields is None or not self._admits(serving, head.lower(), request):
            return None
        given = identified(_text(request, "id"))
        asked = PluginRequest(
            self._gate.service,
            method="POST",
            path=request["path"].decode(),
            headers=fields,
            address=self._gate.access.behind(serving.address, _text(request, "forwarded")),
            token=request["token"].decode(),
            scope=post.scope,
            is_secure=_is_secure(serving, request),
            body=body,
            length=len(body),
        )
        try:
            # In a task, and so a context, of its own, as plugins may leave something in it.
            reply = await asyncio.create_task(_answered(post, asked, given))
        except Exception as error:
            return Outcome(error, given)
        if not isinstance(reply.body, bytes) or not is_plain(reply):
            return Outcome(reply, given)
        security = self._security(serving, request)
        answer = usual_answer(reply.body, given, security, reply.content_type)
        return Short(answer, "POST", post.route)


async def _answered(post: Post, request: PluginRequest, given: str) -> Reply:
    request_id.set(given)
    door.enter(door.HTTP)
    return await post.handler(request)


def _text(request: re.Match[bytes], name: str) -> str:
    return (request[name] or b"").decode()


def _is_secure(serving: Serving, request: re.Match[bytes]) -> bool:
    forwarded = serving.is_proxied and _text(request, "scheme").lower() == "https"
    return serving.is_secure or forwarded


def _fields(head: bytes) -> dict[str, str] | None:
    """The header fields by their names in lower case; None if one is there twice."""
    _, *lines = head[:-4].decode("ascii").split("\r\n")
    found = {}
    for line in lines:
        name, _, value = line.partition(":")
        found[name.lower()] = value.strip(" ")
    return found if len(found) == len(lines) else None
