"""Invitations in the GraphQL schema."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from chatserver import GraphQLPart, read_input
from chatserver_plugins.invites.desk import Desk, InviteView, NewInvite, Wanted

SDL = """
extend type Query {
  "The invitations, also those that are used up. For staff of the server."
  invites: [Invite!]
}

extend type Mutation {
  "Make an invitation, with which people make an account. For staff of the server."
  createInvite(input: CreateInviteInput!): CreateInvitePayload
  "Remove an invitation. For staff of the server."
  removeInvite(input: RemoveInviteInput!): RemoveInvitePayload
}

"An invitation."
type Invite {
  "Identifies it to `removeInvite`; it is not its code."
  id: ID!
  "The id of the user who made it."
  by: ID!
  "The time it was made."
  made: DateTime!
  "The time at which it ends."
  expires: DateTime!
  "The number of uses that are left."
  left: Int!
  "The ids of the rooms to which it leads."
  rooms: [ID!]!
}

"An invitation to make."
input CreateInviteInput {
  "How many accounts it makes, 1 to 1000."
  uses: Int! = 1
  "After how many days it ends, up to 365."
  days: Float! = 7
  "The ids of rooms in which its users are from the beginning, up to 50."
  rooms: [ID!]! = []
}

"A new invitation."
type CreateInvitePayload {
  "The invitation."
  invite: Invite!
  "Its code, which nobody can see again."
  code: String!
  "A link with the code."
  link: String!
}

"An invitation to remove."
input RemoveInviteInput {
  "Which one, of `invites`."
  inviteId: ID!
}

"The result of removing an invitation."
type RemoveInvitePayload {
  "The removed invitation."
  inviteId: ID!
}
"""


class Created(NamedTuple):
    """A `CreateInvitePayload`."""

    invite: NewInvite
    code: str
    link: str


class Removed(NamedTuple):
    """A `RemoveInvitePayload`."""

    invite_id: str


class Remove(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    invite_id: Annotated[str, Meta(min_length=1, max_length=64)]


def part(desk: Callable[[], Desk]) -> GraphQLPart:
    """The part, for a desk that exists once requests come."""

    async def invites(parent: object, info: Any) -> Sequence[InviteView]:
        return await desk().all(info.context.user, info.context.address)

    async def create(parent: object, info: Any, input: dict[str, Any]) -> Created:
        user, wanted = info.context.user, read_input(input, Wanted)
        made = await desk().make(user, info.context.address, wanted)
        return Created(made, made.code, made.link)

    async def remove(parent: object, info: Any, input: dict[str, Any]) -> Removed:
        user, given = info.context.user, read_input(input, Remove)
        await desk().remove(user, info.context.address, given.invite_id)
        return Removed(given.invite_id)

    return GraphQLPart(
        name="invites",
        sdl=SDL,
        resolvers={
            "Query.invites": invites,
            "Mutation.createInvite": create,
            "Mutation.removeInvite": remove,
        },
        costs={
            "Query.invites": 50,
            "Mutation.createInvite": 50,
            "Mutation.removeInvite": 20,
        },
        lengths={"Query.invites": 20, "Invite.rooms": 5},
    )
