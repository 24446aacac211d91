"""Drafts in the GraphQL schema."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from chatserver import ChatError, GraphQLPart, read_input
from chatserver_plugins.drafts.desk import PAGE, Desk, Draft, Id, Revision, Save, Saved
from chatserver_plugins.drafts.shelf import Place

SDL = """
extend type Query {
  "What the user is writing, by room and thread; with what was removed in the last days."
  drafts(
    "Number of items, at most 50."
    first: Int = 50
    "The cursor of the draft after which the page begins."
    after: String
  ): [Draft!]
  "What the user is writing in a room, or in a thread of it."
  draft(
    "The room."
    roomId: ID!
    "The message that the thread begins with."
    threadId: ID
  ): Draft
}

extend type Mutation {
  "Save what the user is writing in a room or thread. An empty body removes the draft."
  saveDraft(input: SaveDraftInput!): SaveDraftPayload
}

"What its user is writing in a room or thread; nobody else sees it."
type Draft {
  "The room."
  roomId: ID!
  "The message that the thread begins with; null in the room itself."
  threadId: ID
  "The text; empty if the draft was removed, or there is none."
  body: String!
  "The message that it answers."
  replyToId: ID
  "Another one with each change; empty if there is no draft."
  revision: ID!
  "When it was changed; null if there is no draft."
  at: DateTime
  "The place in the list."
  cursor: String!
}

"What is being written."
input SaveDraftInput {
  "The room."
  roomId: ID!
  "The message that the thread begins with."
  threadId: ID
  "The text; an empty one removes the draft."
  body: String!
  "The message that it answers."
  replyToId: ID
  "The revision that it is based on, empty if there was none: nothing is saved if another one stands."
  base: ID
}

"What became of a draft."
type SaveDraftPayload {
  "Whether it was saved; false if another revision stands than that it is based on."
  saved: Boolean!
  "The draft that stands now."
  draft: Draft!
}
"""


class SaveOne(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    room_id: Id
    body: str
    thread_id: Id | None = None
    reply_to_id: Id | None = None
    base: Revision | None = None


def part(desk: Callable[[], Desk]) -> GraphQLPart:
    """The part, for a desk that exists once requests come."""

    async def listed(
        parent: object, info: Any, first: int | None = None, after: str | None = None
    ) -> Sequence[Draft]:
        count = PAGE if first is None else first
        if not 1 <= count <= PAGE:
            raise ChatError("request.invalid", f"first: expected a number from 1 to {PAGE}.")
        return (await desk().page(info.context.user, after or "", count)).drafts

    async def one(parent: object, info: Any, room_id: str, thread_id: str | None = None) -> Draft:
        return await desk().get(info.context.user, Place(room_id, thread_id))

    async def save(parent: object, info: Any, input: dict[str, Any]) -> Saved:
        given = read_input(input, SaveOne)
        wanted = Save(
            room=given.room_id,
            thread=given.thread_id,
            body=given.body,
            reply_to=given.reply_to_id,
            base=given.base,
        )
        return await desk().save(info.context.user, wanted)

    return GraphQLPart(
        name="drafts",
        sdl=SDL,
        resolvers={
            "Query.drafts": listed,
            "Query.draft": one,
            "Mutation.saveDraft": save,
            "Draft.roomId": lambda draft, info: draft.room,
            "Draft.threadId": lambda draft, info: draft.thread,
            "Draft.replyToId": lambda draft, info: draft.reply_to,
            "Draft.cursor": lambda draft, info: Place(draft.room, draft.thread).key,
        },
        kinds={"Draft": Draft},
        costs={"Query.drafts": 20, "Query.draft": 2},
        lengths={"Query.drafts": PAGE},
    )
