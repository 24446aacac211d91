"""Mutations of the accounts of others, for staff of the server.

The fields of inputs have the names of the service's arguments.
"""

from typing import Any

from msgspec.structs import asdict

from chatserver import OwnEmail, ResetLink
from chatserver_plugins.graphql import inputs
from chatserver_plugins.graphql.resolvers.given import Given, asked
from chatserver_plugins.graphql.resolvers.payloads import UserPayload


async def set_user_disabled(parent: object, info: Any, input: Given) -> UserPayload:
    asking, given = asked(info, input, inputs.SetUserDisabled)
    accounts = asking.service.accounts
    user = await accounts.set_disabled(asking.user, given.username, given.disabled, asking.address)
    return UserPayload(user)


async def set_user_role(parent: object, info: Any, input: Given) -> UserPayload:
    asking, given = asked(info, input, inputs.SetUserRole)
    user = await asking.service.staff.appoint(
        asking.user, asking.token, given.username, given.role, asking.address
    )
    return UserPayload(user)


async def add_user(parent: object, info: Any, input: Given) -> UserPayload:
    asking, given = asked(info, input, inputs.AddUser)
    staff = asking.service.staff
    return UserPayload(await staff.add(asking.user, **asdict(given), address=asking.address))


async def set_user_password(parent: object, info: Any, input: Given) -> UserPayload:
    asking, given = asked(info, input, inputs.SetUserPassword)
    user = await asking.service.staff.set_password(
        asking.user, asking.token, **asdict(given), address=asking.address
    )
    return UserPayload(user)


async def end_user_sessions(parent: object, info: Any, input: Given) -> UserPayload:
    asking, given = asked(info, input, inputs.EndUserSessions)
    user = await asking.service.staff.end_sessions(
        asking.user, asking.token, given.username, asking.address
    )
    return UserPayload(user)


async def make_reset_link(parent: object, info: Any, input: Given) -> ResetLink:
    asking, given = asked(info, input, inputs.MakeResetLink)
    return await asking.service.staff.reset_link(
        asking.user, asking.token, given.username, asking.address
    )


async def set_user_email(parent: object, info: Any, input: Given) -> OwnEmail:
    asking, given = asked(info, input, inputs.SetUserEmail)
    return await asking.service.staff.set_email(
        asking.user, asking.token, given.username, given.email, asking.address
    )
