"""Polls in the GraphQL schema."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from chatserver import ChatError, GraphQLPart, Scope, read_input
from chatserver_plugins.polls.desk import PAGE, Chosen, Desk, Id, NewPoll, PollView

SDL = """
extend type Query {
  "The poll of a message, as it stands."
  poll("The message." messageId: ID!): MessagePoll
  "Who voted how in the poll of a message; refused if the poll is anonymous."
  pollVotes(
    "The message."
    messageId: ID!
    "Number of votes, at most 100."
    first: Int = 100
    "Where the page begins: `after` of the one before."
    after: String
  ): PollVotePage
}

extend type Mutation {
  "Ask a room a question with answers to choose from: a message with it is posted."
  createPoll(input: CreatePollInput!): CreatePollPayload
  "Vote in a poll, in place of one's earlier vote."
  votePoll(input: VotePollInput!): VotePollPayload
  "End a poll of one's own, or as a moderator another's."
  endPoll(input: EndPollInput!): EndPollPayload
}

"A question with options to vote for, as one of its readers sees it."
type MessagePoll {
  "The message."
  messageId: ID!
  "The question."
  question: String!
  "The options, in order."
  options: [MessagePollOption!]!
  "Whether several options can be chosen."
  several: Boolean!
  "Whether nobody is told who voted how."
  anonymous: Boolean!
  "When the poll ends by itself; null: when somebody ends it."
  endsAt: DateTime
  "When it has ended; null while votes are taken."
  endedAt: DateTime
  "Number of users who have voted."
  voters: Int!
  "Whether the user may vote now."
  mayVote: Boolean!
  "Whether the user may end it now."
  mayEnd: Boolean!
}

"One of the options of a poll."
type MessagePollOption {
  "Its text."
  text: String!
  "Number of votes."
  votes: Int!
  "Whether the user chose it."
  mine: Boolean!
}

"Votes in a poll."
type PollVotePage {
  "The votes, by the ids of their users."
  votes: [PollVote!]!
  "Where the next page begins; null: there is none."
  after: String
}

"What somebody voted for."
type PollVote {
  "The user's id."
  userId: ID!
  "The user's display name."
  name: String!
  "The places of the chosen options, from 0 on."
  choices: [Int!]!
}

"A poll to make."
input CreatePollInput {
  "The room."
  roomId: ID!
  "The message in whose thread it is to be."
  threadId: ID
  "The question, up to 300 characters."
  question: String!
  "2 to 10 options, each up to 100 characters."
  options: [String!]!
  "Whether several options can be chosen."
  several: Boolean! = false
  "Whether nobody is told who voted how."
  anonymous: Boolean! = false
  "When it ends by itself, within 366 days; null: when somebody ends it."
  endsAt: DateTime
  "An id of the client's own, up to 64 characters: with the same one the poll is made once."
  clientId: ID
}

"The poll that was made."
type CreatePollPayload {
  "The poll."
  poll: MessagePoll!
}

"A vote."
input VotePollInput {
  "The message with the poll."
  messageId: ID!
  "The places of the chosen options, from 0 on; none withdraws the vote."
  choices: [Int!]!
}

"The poll with the vote."
type VotePollPayload {
  "The poll."
  poll: MessagePoll!
}

"A poll to end."
input EndPollInput {
  "The message with the poll."
  messageId: ID!
}

"The poll that has ended."
type EndPollPayload {
  "The poll."
  poll: MessagePoll!
}
"""


class New(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    room_id: Id
    question: str
    options: Annotated[tuple[str, ...], Meta(max_length=100)]
    several: bool = False
    anonymous: bool = False
    ends_at: Annotated[str, Meta(max_length=40)] | None = None
    thread_id: Id | None = None
    client_id: Annotated[str, Meta(min_length=1, max_length=64)] | None = None


class Vote(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    message_id: Id
    choices: Chosen


class End(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    message_id: Id


class Payload(NamedTuple):
    """A `CreatePollPayload`, `VotePollPayload` or `EndPollPayload`."""

    poll: PollView


class Option(NamedTuple):
    """A `MessagePollOption`."""

    text: str
    votes: int
    mine: bool


def part(desk: Callable[[], Desk]) -> GraphQLPart:
    """The part, for a desk that exists once requests come."""

    async def poll(parent: object, info: Any, message_id: str) -> PollView:
        return await desk().show(info.context.user, message_id)

    async def votes(
        parent: object,
        info: Any,
        message_id: str,
        first: int | None = None,
        after: str | None = None,
    ) -> object:
        count = PAGE if first is None else first
        if not 1 <= count <= PAGE:
            raise ChatError("request.invalid", f"first: expected a number from 1 to {PAGE}.")
        if len(after or "") > 100:
            raise ChatError("request.invalid", "after: expected at most 100 characters.")
        return await desk().votes(info.context.user, message_id, after or "", count)

    async def create(parent: object, info: Any, input: dict[str, Any]) -> Payload:
        given = read_input(input, New)
        new = NewPoll(
            room=given.room_id,
            question=given.question,
            options=given.options,
            several=given.several,
            anonymous=given.anonymous,
            ends_at=given.ends_at,
            thread=given.thread_id,
            client_id=given.client_id,
        )
        return Payload(await desk().create(info.context.user, new))

    async def vote(parent: object, info: Any, input: dict[str, Any]) -> Payload:
        given = read_input(input, Vote)
        return Payload(await desk().vote(info.context.user, given.message_id, given.choices))

    async def end(parent: object, info: Any, input: dict[str, Any]) -> Payload:
        given = read_input(input, End)
        return Payload(await desk().end(info.context.user, given.message_id))

    return GraphQLPart(
        name="polls",
        sdl=SDL,
        resolvers={
            "Query.poll": poll,
            "Query.pollVotes": votes,
            "Mutation.createPoll": create,
            "Mutation.votePoll": vote,
            "Mutation.endPoll": end,
            "MessagePoll.messageId": lambda parent, info: parent.message,
            "MessagePoll.options": _options,
            "PollVote.userId": lambda parent, info: parent.user.id,
            "PollVote.name": lambda parent, info: parent.user.name,
        },
        costs={
            "Query.poll": 10,
            "Query.pollVotes": 20,
            "Mutation.createPoll": 20,
            "Mutation.votePoll": 10,
            "Mutation.endPoll": 10,
        },
        scopes={
            "Query.poll": Scope.READ,
            "Query.pollVotes": Scope.READ,
            "Mutation.createPoll": Scope.WRITE,
            "Mutation.votePoll": Scope.WRITE,
            "Mutation.endPoll": Scope.WRITE,
        },
        lengths={"MessagePoll.options": 10, "PollVotePage.votes": PAGE, "PollVote.choices": 10},
    )


def _options(parent: PollView, info: Any) -> Sequence[Option]:
    return [
        Option(text, count, place in parent.mine)
        for place, (text, count) in enumerate(zip(parent.options, parent.counts, strict=True))
    ]
