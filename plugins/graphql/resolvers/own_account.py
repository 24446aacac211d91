"""Mutations of the user's own account: signing up, in and out, profile, password, e-mail address."""

from typing import Any, NamedTuple

from chatserver import OwnEmail, Status, User, read_input
from chatserver_plugins.graphql import inputs
from chatserver_plugins.graphql.asking import Asking
from chatserver_plugins.graphql.resolvers.given import Given, asked
from chatserver_plugins.graphql.resolvers.payloads import (
    PreferenceView,
    UserPayload,
    preference_views,
)


class AuthPayload(NamedTuple):
    user: User
    token: str


class BlockPayload(NamedTuple):
    user_id: str


class EndSessionPayload(NamedTuple):
    session_id: str


class UnlinkIdentityPayload(NamedTuple):
    identity_id: str


class PreferencesPayload(NamedTuple):
    preferences: list[PreferenceView]


class ConfirmEmailPayload(NamedTuple):
    confirmed: bool


async def register(parent: object, info: Any, input: Given) -> AuthPayload:
    asking, given = asked(info, input, inputs.Register)
    accounts = asking.service.accounts
    user, asking.session = await accounts.register(
        given.username, given.password, given.name, asking.address, asking.client()
    )
    return AuthPayload(user, asking.session)


async def login(parent: object, info: Any, input: Given) -> AuthPayload:
    asking, given = asked(info, input, inputs.Login)
    accounts = asking.service.accounts
    user, asking.session = await accounts.login(
        given.username, given.password, asking.address, client=asking.client()
    )
    return AuthPayload(user, asking.session)


async def logout(parent: object, info: Any) -> UserPayload:
    asking: Asking = info.context
    user = asking.user
    redirect = await asking.service.accounts.logout(asking.token or "", asking.address)
    asking.session = ""
    return UserPayload(user, redirect or None)


async def change_profile(parent: object, info: Any, input: Given) -> UserPayload:
    asking, given = asked(info, input, inputs.ChangeProfile)
    accounts = asking.service.accounts
    return UserPayload(await accounts.change_name(asking.user, given.name, asking.address))


async def set_status(parent: object, info: Any, input: Given) -> UserPayload:
    asking, given = asked(info, input, inputs.SetStatus)
    status = Status(emoji=given.emoji, text=given.text, until=given.until)
    return UserPayload(await asking.service.statuses.set(asking.user, status, asking.address))


async def block_user(parent: object, info: Any, input: Given) -> BlockPayload:
    asking, given = asked(info, input, inputs.OneUser)
    await asking.service.blocks.add(asking.user, given.user_id)
    return BlockPayload(given.user_id)


async def unblock_user(parent: object, info: Any, input: Given) -> BlockPayload:
    asking, given = asked(info, input, inputs.OneUser)
    await asking.service.blocks.remove(asking.user, given.user_id)
    return BlockPayload(given.user_id)


async def end_session(parent: object, info: Any, input: Given) -> EndSessionPayload:
    asking, given = asked(info, input, inputs.EndSession)
    await asking.service.accounts.end_session(asking.user, given.session_id, asking.address)
    return EndSessionPayload(given.session_id)


async def change_password(parent: object, info: Any, input: Given) -> UserPayload:
    asking, given = asked(info, input, inputs.ChangePassword)
    await asking.service.accounts.passwords.change(
        asking.user, asking.token or "", given.old, given.new, asking.address
    )
    return UserPayload(asking.user)


async def unlink_identity(parent: object, info: Any, input: Given) -> UnlinkIdentityPayload:
    asking, given = asked(info, input, inputs.UnlinkIdentity)
    await asking.service.accounts.unlink(
        asking.user, asking.token, given.identity_id, asking.address
    )
    return UnlinkIdentityPayload(given.identity_id)


async def set_email(parent: object, info: Any, input: Given) -> OwnEmail:
    asking, given = asked(info, input, inputs.SetEmail)
    return await asking.service.own_emails.set(
        asking.user,
        asking.token,
        given.email,
        language=asking.language,
        address=asking.address,
    )


async def confirm_email(parent: object, info: Any, input: Given) -> ConfirmEmailPayload:
    asking: Asking = info.context
    await asking.service.own_emails.confirm(
        read_input(input, inputs.ConfirmEmail).code, asking.address
    )
    return ConfirmEmailPayload(True)


async def set_preferences(parent: object, info: Any, input: Given) -> PreferencesPayload:
    asking, given = asked(info, input, inputs.SetPreferences)
    values = {each.key: each.value for each in given.preferences}
    now = await asking.service.preferences.account.change(asking.user, values)
    return PreferencesPayload(preference_views(now))
