"""The deletion of one's own account in the GraphQL schema."""

from collections.abc import Callable
from typing import Any, NamedTuple

from chatserver import GraphQLPart, read_input
from chatserver_plugins.account_deletion.desk import Deletion, Desk, Wish

SDL = """
extend type Query {
  "Whether and when the account of the signed-in user is deleted."
  myDeletion: AccountDeletion
}

extend type Mutation {
  "Have one's own account deleted, after some days. Needs a recent sign-in or confirmation."
  deleteMyAccount(input: DeleteMyAccountInput!): MyDeletionPayload
  "Keep one's own account after all."
  keepMyAccount: MyDeletionPayload
}

"The deletion of one's own account."
type AccountDeletion {
  "When the account is deleted; null if it stays."
  at: DateTime
  "Seconds between the wish and the deletion."
  seconds: Int!
}

"What becomes of one's own account."
type MyDeletionPayload {
  "Whether and when it is deleted."
  deletion: AccountDeletion!
}

"What confirms that one means it."
input DeleteMyAccountInput {
  "One's own user name."
  username: String!
}
"""


class Payload(NamedTuple):
    """A `MyDeletionPayload`."""

    deletion: Deletion


def part(desk: Callable[[], Desk]) -> GraphQLPart:
    """The part, for a desk that exists once requests come."""

    async def stands(parent: object, info: Any) -> Deletion:
        return await desk().stands(info.context.user)

    async def want(parent: object, info: Any, input: dict[str, Any]) -> Payload:
        asked, wish = info.context, read_input(input, Wish)
        return Payload(await desk().want(asked.user, asked.token, asked.address, wish.username))

    async def keep(parent: object, info: Any) -> Payload:
        return Payload(await desk().keep(info.context.user, info.context.address))

    return GraphQLPart(
        name="account_deletion",
        sdl=SDL,
        resolvers={
            "Query.myDeletion": stands,
            "Mutation.deleteMyAccount": want,
            "Mutation.keepMyAccount": keep,
        },
        kinds={"AccountDeletion": Deletion},
    )
