"""Passkeys in the GraphQL schema."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from chatserver import GraphQLPart, read_input
from chatserver_plugins.passkeys.own import OwnPasskeys, PasskeyView

SDL = """
extend type Query {
  "The passkeys of the signed-in user."
  myPasskeys: [Passkey!]
}

extend type Mutation {
  "Give one of one's own passkeys another name."
  renamePasskey(input: RenamePasskeyInput!): PasskeyPayload
  "Remove one of one's own passkeys, not the last way to sign in. Needs a recent sign-in or confirmation."
  removePasskey(input: RemovePasskeyInput!): RemovePasskeyPayload
}

"A passkey. It is registered by `beginLogin` with the purpose `LINK`."
type Passkey {
  "Identifies it to `renamePasskey` and `removePasskey`."
  id: ID!
  "Its name, which its user chose."
  name: String!
  "The time it was registered."
  made: DateTime!
  "The time of its last use; null before the first one."
  used: DateTime
  "`platform` for one that is built into a device, else `cross-platform`; may be empty."
  attachment: String!
  "Whether it is kept elsewhere, too, such as in the account of the device's maker."
  isBackedUp: Boolean!
}

"Another name for a passkey."
input RenamePasskeyInput {
  "Which one."
  passkeyId: ID!
  "Its name."
  name: String!
}

"The result of a change of a passkey."
type PasskeyPayload {
  "The passkey after it."
  passkey: Passkey!
}

"A passkey to remove."
input RemovePasskeyInput {
  "Which one."
  passkeyId: ID!
}

"The result of removing a passkey."
type RemovePasskeyPayload {
  "The removed passkey."
  passkeyId: ID!
}
"""

Id = Annotated[str, Meta(min_length=1, max_length=64)]


class Renamed(NamedTuple):
    """A `PasskeyPayload`."""

    passkey: PasskeyView


class Removed(NamedTuple):
    """A `RemovePasskeyPayload`."""

    passkey_id: str


class Rename(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    passkey_id: Id
    name: Annotated[str, Meta(max_length=1000)]


class Remove(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    passkey_id: Id


def part(own: Callable[[], OwnPasskeys], most: int) -> GraphQLPart:
    """The part, for passkeys that exist once requests come, `most` of a user."""

    async def listed(parent: object, info: Any) -> Sequence[PasskeyView]:
        return await own().all(info.context.user)

    async def rename(parent: object, info: Any, input: dict[str, Any]) -> Renamed:
        asked, given = info.context, read_input(input, Rename)
        return Renamed(await own().rename(asked.user, asked.address, given.passkey_id, given.name))

    async def remove(parent: object, info: Any, input: dict[str, Any]) -> Removed:
        asked, given = info.context, read_input(input, Remove)
        await own().remove(asked.user, asked.token, asked.address, given.passkey_id)
        return Removed(given.passkey_id)

    return GraphQLPart(
        name="passkeys",
        sdl=SDL,
        resolvers={
            "Query.myPasskeys": listed,
            "Mutation.renamePasskey": rename,
            "Mutation.removePasskey": remove,
        },
        costs={
            "Query.myPasskeys": 10,
            "Mutation.renamePasskey": 20,
            "Mutation.removePasskey": 20,
        },
        lengths={"Query.myPasskeys": most},
    )
