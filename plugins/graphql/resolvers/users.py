"""The fields of `User`. Its parent is an account, or what an event or a room knows of one."""

from typing import Any

from chatserver import MemberView, ServerRole, User, UserRef
from chatserver_plugins.graphql.asking import Asking
from chatserver_plugins.graphql.watching import UserPresence

Known = User | UserRef | MemberView


async def username(parent: Known, info: Any) -> str:
    return (await _account(parent, info.context)).username


async def role(parent: Known, info: Any) -> ServerRole:
    return (await _account(parent, info.context)).role


async def at(parent: Known, info: Any) -> str:
    return (await _account(parent, info.context)).at


async def disabled(parent: Known, info: Any) -> bool:
    return (await _account(parent, info.context)).disabled


async def present_user(parent: UserPresence, info: Any) -> User:
    asking: Asking = info.context
    return await asking.users.load(parent.user_id)


async def _account(known: Known, asking: Asking) -> User:
    return known if isinstance(known, User) else await asking.users.load(known.id)
