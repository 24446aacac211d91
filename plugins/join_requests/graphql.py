"""Requests to join in the GraphQL schema."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from chatserver import ChatError, GraphQLPart, read_input
from chatserver_plugins.join_requests.desk import (
    ALL_REQUESTS,
    PAGE,
    Answer,
    Ask,
    Asker,
    Desk,
    Id,
    JoinableRoom,
    JoinRequest,
    Note,
    Opening,
)

SDL = """
extend type Query {
  "Private rooms that the user can ask to join, by ascending id."
  joinableRooms(
    "Number of rooms, at most 50; a page may have fewer."
    first: Int = 50
    "The id of the room after which the page begins."
    after: ID
  ): [JoinableRoom!]
  "Requests to join rooms that the user runs: of one room, or of all, at most 100."
  joinRequests(
    "The room; without it, all of them."
    roomId: ID
    "Number of requests of a room, at most 50."
    first: Int = 50
    "The id of the user after whose request the page of a room begins."
    after: ID
  ): [JoinRequest!]
}

extend type Mutation {
  "Ask to join a private room that takes requests."
  askToJoin(input: AskToJoinInput!): AskToJoinPayload
  "Take a request back."
  withdrawJoinRequest(input: WithdrawJoinRequestInput!): JoinRequestPayload
  "Let somebody into a room that one runs, or not."
  answerJoinRequest(input: AnswerJoinRequestInput!): JoinRequestPayload
  "Let a private room that one runs take requests, or not."
  openJoinRequests(input: OpenJoinRequestsInput!): JoinRequestPayload
}

"A private room that one can ask to join."
type JoinableRoom {
  "Its id."
  id: ID!
  "Its name."
  name: String!
  "A line about it; may be empty."
  topic: String!
  "Number of its members."
  memberCount: Int!
  "When the user asked to join; null if they have not."
  askedAt: DateTime
}

"A request to join a room."
type JoinRequest {
  "The room."
  roomId: ID!
  "Its name."
  roomName: String!
  "The id of the user who asks."
  userId: ID!
  "The user's name."
  name: String!
  "The user name."
  username: String!
  "When it was made."
  at: DateTime!
  "What the user says of it; may be empty."
  note: String!
}

"The room that somebody asked to join."
type AskToJoinPayload {
  "The room, with the time of the request."
  room: JoinableRoom!
}

"The room of a request."
type JoinRequestPayload {
  "The id of the room."
  roomId: ID!
}

"A request to join."
input AskToJoinInput {
  "The room."
  roomId: ID!
  "A note to those who run the room, at most 200 characters."
  note: String! = ""
}

"A request to take back."
input WithdrawJoinRequestInput {
  "The room."
  roomId: ID!
}

"The answer to a request."
input AnswerJoinRequestInput {
  "The room."
  roomId: ID!
  "The user who asks."
  userId: ID!
  "Whether they are let in."
  accept: Boolean!
}

"Whether a room takes requests."
input OpenJoinRequestsInput {
  "The room."
  roomId: ID!
  "Whether it does."
  open: Boolean!
}
"""


class AskPayload(NamedTuple):
    """An `AskToJoinPayload`."""

    room: JoinableRoom


class Payload(NamedTuple):
    """A `JoinRequestPayload`."""

    room_id: str


class AskIn(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    room_id: Id
    note: Note = ""


class Which(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    room_id: Id


class AnswerIn(Which, frozen=True, kw_only=True, rename="camel"):
    user_id: Id
    accept: bool


class OpeningIn(Which, frozen=True, kw_only=True, rename="camel"):
    open: bool


def part(desk: Callable[[], Desk]) -> GraphQLPart:
    """The part, for a desk that exists once requests come."""

    async def rooms(
        parent: object, info: Any, first: int | None = None, after: str | None = None
    ) -> Sequence[JoinableRoom]:
        return (await desk().rooms(info.context.user, after or "", _count(first))).rooms

    async def requests(
        parent: object,
        info: Any,
        room_id: str | None = None,
        first: int | None = None,
        after: str | None = None,
    ) -> Sequence[JoinRequest]:
        user, count = info.context.user, _count(first)
        if room_id is None:
            return (await desk().all(user)).requests
        return (await desk().page(user, room_id, after or "", count)).requests

    async def ask(parent: object, info: Any, input: dict[str, Any]) -> AskPayload:
        given = read_input(input, AskIn)
        room, _ = await desk().ask(info.context.user, Ask(room=given.room_id, note=given.note))
        return AskPayload(room)

    async def withdraw(parent: object, info: Any, input: dict[str, Any]) -> Payload:
        room = read_input(input, Which).room_id
        await desk().withdraw(info.context.user, room)
        return Payload(room)

    async def answer(parent: object, info: Any, input: dict[str, Any]) -> Payload:
        given = read_input(input, AnswerIn)
        wanted = Answer(room=given.room_id, user=given.user_id, accept=given.accept)
        await desk().answer(info.context.user, wanted)
        return Payload(given.room_id)

    async def set_open(parent: object, info: Any, input: dict[str, Any]) -> Payload:
        given = read_input(input, OpeningIn)
        await desk().set_open(info.context.user, Opening(room=given.room_id, open=given.open))
        return Payload(given.room_id)

    def of_asker(field: str) -> Callable[[JoinRequest, Any], str]:
        def resolve(parent: JoinRequest, info: Any) -> str:
            asker: Asker = parent.user
            found: str = getattr(asker, field)
            return found

        return resolve

    return GraphQLPart(
        name="join_requests",
        sdl=SDL,
        resolvers={
            "Query.joinableRooms": rooms,
            "Query.joinRequests": requests,
            "Mutation.askToJoin": ask,
            "Mutation.withdrawJoinRequest": withdraw,
            "Mutation.answerJoinRequest": answer,
            "Mutation.openJoinRequests": set_open,
            "JoinRequest.roomId": lambda parent, info: parent.room,
            "JoinRequest.userId": of_asker("id"),
            "JoinRequest.name": of_asker("name"),
            "JoinRequest.username": of_asker("username"),
        },
        kinds={"JoinableRoom": JoinableRoom, "JoinRequest": JoinRequest},
        costs={"Query.joinableRooms": 20, "Query.joinRequests": 50},
        lengths={"Query.joinableRooms": PAGE, "Query.joinRequests": ALL_REQUESTS},
    )


def _count(first: int | None) -> int:
    count = PAGE if first is None else first
    if not 1 <= count <= PAGE:
        raise ChatError("request.invalid", f"first: expected a number from 1 to {PAGE}.")
    return count
