"""One-time codes in the GraphQL schema."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from chatserver import GraphQLPart
from chatserver_plugins.totp.own import OwnCodes

SDL = """
extend type Query {
  "The one-time codes of the signed-in user."
  oneTimeCodes: OneTimeCodes
}

extend type Mutation {
  "Sign in without one-time codes from now on. Needs a recent sign-in or confirmation."
  removeOneTimeCodes: OneTimeCodesPayload
  "Get new recovery codes; the old ones are void. Needs a recent sign-in or confirmation."
  renewRecoveryCodes: RecoveryCodesPayload
}

"The one-time codes of a user, made by an app."
type OneTimeCodes {
  "Whether signing in needs one."
  enrolled: Boolean!
  "The number of recovery codes that are left."
  recoveryCodes: Int!
}

"The result of a change of one-time codes."
type OneTimeCodesPayload {
  "The codes after it."
  oneTimeCodes: OneTimeCodes!
}

"New recovery codes."
type RecoveryCodesPayload {
  "Each replaces one code, once; empty without one-time codes."
  recoveryCodes: [String!]!
}
"""


class Codes(NamedTuple):
    """A `OneTimeCodes`."""

    enrolled: bool
    recovery_codes: int


class Changed(NamedTuple):
    """A `OneTimeCodesPayload`."""

    one_time_codes: Codes


class Renewed(NamedTuple):
    """A `RecoveryCodesPayload`."""

    recovery_codes: Sequence[str]


def part(own: Callable[[], OwnCodes]) -> GraphQLPart:
    """The part, for codes that exist once requests come."""

    async def shown(parent: object, info: Any) -> Codes:
        found = await own().of(info.context.user)
        return Codes(found is not None, len(found.recovery) if found else 0)

    async def remove(parent: object, info: Any) -> Changed:
        asked = info.context
        await own().remove(asked.user, asked.token, asked.address)
        return Changed(Codes(False, 0))

    async def renew(parent: object, info: Any) -> Renewed:
        asked = info.context
        return Renewed(await own().renew_recovery(asked.user, asked.token, asked.address))

    return GraphQLPart(
        name="totp",
        sdl=SDL,
        resolvers={
            "Query.oneTimeCodes": shown,
            "Mutation.removeOneTimeCodes": remove,
            "Mutation.renewRecoveryCodes": renew,
        },
        costs={
            "Query.oneTimeCodes": 10,
            "Mutation.removeOneTimeCodes": 20,
            "Mutation.renewRecoveryCodes": 20,
        },
        lengths={"RecoveryCodesPayload.recoveryCodes": 10},
    )
