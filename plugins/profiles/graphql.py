"""Profiles in the GraphQL schema."""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from chatserver import GraphQLPart, Together, User, read_input
from chatserver_plugins.profiles.book import Profile
from chatserver_plugins.profiles.desk import Change, Desk

SDL = """
extend type User {
  "What the user says about themselves."
  profile: Profile!
}

extend type Mutation {
  "Say more about oneself. A field that is left out stays the same; an empty text removes it."
  updateProfileDetails(input: UpdateProfileDetailsInput!): UpdateProfileDetailsPayload
  "Clear one's own profile or, as staff of the server, somebody else's."
  clearProfileDetails(input: ClearProfileDetailsInput!): ClearProfileDetailsPayload
}

"What somebody says about themselves; texts are empty if they say nothing."
type Profile {
  "What the user does, such as a job title."
  title: String!
  "How to speak of the user."
  pronouns: String!
  "A few lines about the user."
  about: String!
  "The user's time zone by its name in the tz database, such as `Europe/Berlin`."
  timeZone: String!
}

"What to say about oneself."
input UpdateProfileDetailsInput {
  "At most 100 characters."
  title: String
  "At most 40 characters."
  pronouns: String
  "At most 1,000 characters."
  about: String
  "The name of a time zone in the tz database."
  timeZone: String
}

"The result of changing a profile."
type UpdateProfileDetailsPayload {
  "The profile as it stands."
  profile: Profile!
}

"A profile to clear."
input ClearProfileDetailsInput {
  "Whose profile."
  userId: ID!
}

"The result of clearing a profile."
type ClearProfileDetailsPayload {
  "Whose profile it was."
  userId: ID!
}
"""


class Update(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    title: str | None = None
    pronouns: str | None = None
    about: str | None = None
    time_zone: str | None = None


class Clear(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    user_id: Annotated[str, Meta(min_length=1, max_length=64)]


class Updated(NamedTuple):
    """An `UpdateProfileDetailsPayload`."""

    profile: Profile


class Cleared(NamedTuple):
    """A `ClearProfileDetailsPayload`."""

    user_id: str


def part(desk: Callable[[], Desk]) -> GraphQLPart:
    """The part, for a desk that exists once requests come."""
    profiles = Together(lambda users: desk().said(users))

    async def profile(user: User, info: Any) -> Profile:
        return await profiles.of(user.id) or Profile()

    async def update(parent: object, info: Any, input: dict[str, Any]) -> Updated:
        asking = info.context
        given = Change(**msgspec.structs.asdict(read_input(input, Update)))
        return Updated(await desk().change(asking.user, given, asking.address))

    async def clear(parent: object, info: Any, input: dict[str, Any]) -> Cleared:
        asking, given = info.context, read_input(input, Clear)
        await desk().clear(asking.user, given.user_id, asking.address)
        return Cleared(given.user_id)

    return GraphQLPart(
        name="profiles",
        sdl=SDL,
        resolvers={
            "User.profile": profile,
            "Mutation.updateProfileDetails": update,
            "Mutation.clearProfileDetails": clear,
        },
        costs={
            "User.profile": 2,
            "Mutation.updateProfileDetails": 20,
            "Mutation.clearProfileDetails": 20,
        },
        kinds={"Profile": Profile},
    )
