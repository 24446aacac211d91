"""Asks a service of yours, over HTTP, whether a message may be posted; in rooms whose owners want that."""

from typing import Annotated

import msgspec
from msgspec import Meta
from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from chatserver import (
    Command,
    CommandAnswer,
    Context,
    Draft,
    Invocation,
    NoArguments,
    Powers,
    Refusal,
    RoomKind,
    RoomRole,
    Settings,
    User,
    hookimpl,
)

AT_ONCE = 100  # requests under way on a node; others wait for these


class Question(msgspec.Struct, frozen=True):
    """The body of a request. `user` is an id."""

    room: str
    user: str
    text: str


class Verdict(msgspec.Struct, frozen=True):
    """The body of an answer; anything else is a failure."""

    allow: bool
    reason: str = "Your message was not accepted."


class Plugin:
    """What a failure of the service means is said by `on_failure`, which each plugin with a check has."""

    class Config(Settings, frozen=True, kw_only=True):
        uri: Annotated[str, Meta(description="Address of the service.", pattern="^https?://.+")] = (
            "http://127.0.0.1:9100/"
        )
        token: Annotated[
            str, Meta(description="Sent as `Authorization: Bearer …`; empty: not sent.")
        ] = ""

    powers = Powers(network=("configured",), service=("claims.add", "claims.release"))

    def __init__(self, config: Config) -> None:
        self._uri = config.uri
        self._headers = {"Content-Type": "application/json"}
        if config.token:
            self._headers["Authorization"] = f"Bearer {config.token}"

    @hookimpl
    def register_commands(self, context: Context) -> list[Command]:
        self._context = context
        only_rooms = (RoomKind.PUBLIC, RoomKind.PRIVATE)
        return [
            Command(
                name="moderation-on",
                about="Have the messages of this room checked.",
                run=self._turn_on,
                who=RoomRole.OWNER,
                rooms=only_rooms,
            ),
            Command(
                name="moderation-off",
                about="Let the messages of this room pass.",
                run=self._turn_off,
                who=RoomRole.OWNER,
                rooms=only_rooms,
            ),
        ]

    @hookimpl
    async def startup(self, context: Context) -> None:
        self._http = AsyncHTTPClient(force_instance=True, max_clients=AT_ONCE)
        self._refused = context.measures.counter(
            "moderation_refused_total", "Messages that the service refused"
        )

    @hookimpl
    async def shutdown(self) -> None:
        self._http.close()

    @hookimpl
    async def check_message(self, draft: Draft, user: User) -> Refusal | None:
        if await self._context.records.get(draft.room) is None:
            return None
        # No time limit and no `try` here: the server ends the call in time, and an error is a failure.
        question = msgspec.json.encode(Question(draft.room, user.id, draft.body))
        request = HTTPRequest(
            self._uri, "POST", self._headers, question, follow_redirects=False, request_timeout=0
        )
        answer = await self._http.fetch(request)
        verdict = msgspec.json.decode(answer.body, type=Verdict)
        if verdict.allow:
            return None
        self._refused.add()
        return Refusal(verdict.reason)

    async def _turn_on(self, call: Invocation[NoArguments]) -> CommandAnswer:
        await self._context.claim("message", room=call.room.id)
        await self._context.records.put(call.room.id, b"")
        return CommandAnswer("From now on, messages in this room are checked.")

    async def _turn_off(self, call: Invocation[NoArguments]) -> CommandAnswer:
        await self._context.records.delete(call.room.id)
        await self._context.release("message", room=call.room.id)
        return CommandAnswer("Messages in this room are not checked any more.")
