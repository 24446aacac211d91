"""The fields of `User`. The parent is an account, or a reference to one in an event or a room."""

from collections.abc import Awaitable, Sequence
from typing import Any

from chatserver import (
    BlockChanged,
    ChatError,
    MemberView,
    ServerRole,
    Status,
    StatusChanged,
    User,
    UserRef,
)
from chatserver_plugins.graphql.asking import Asking
from chatserver_plugins.graphql.watching import UserPresence

Known = User | UserRef | MemberView


def name(parent: Known, info: Any) -> str | Awaitable[str]:
    """The present name, for every kind of parent, so that one id has one name."""
    asking: Asking = info.context
    if isinstance(parent, User):
        return parent.name
    known = asking.service.accounts.known(parent.id)
    return _name(parent, asking) if known is None else known.name


async def _name(known: UserRef | MemberView, asking: Asking) -> str:
    """The user's present name; for a deleted account, the name recorded in the event."""
    try:
        return (await asking.users.load(known.id)).name
    except ChatError as error:
        if error.code == "user.not_found":
            return known.name
        raise


async def username(parent: Known, info: Any) -> str:
    return (await _account(parent, info.context)).username


async def role(parent: Known, info: Any) -> ServerRole:
    return (await _account(parent, info.context)).role


async def at(parent: Known, info: Any) -> str:
    return (await _account(parent, info.context)).at


async def disabled(parent: Known, info: Any) -> bool:
    return (await _account(parent, info.context)).disabled


async def bot(parent: Known, info: Any) -> bool:
    return bool((await _account(parent, info.context)).bot)


# The same for all of many users.


def names(parents: Sequence[Known], info: Any) -> list[str | Awaitable[str]]:
    """As `name`, but looks once for somebody who wrote many messages."""
    account = info.context.service.accounts.known
    known: dict[str, str | None] = {}
    found: list[str | Awaitable[str]] = []
    for parent in parents:
        if isinstance(parent, User):
            found.append(parent.name)
            continue
        user = parent.id
        if user not in known:
            at_hand = account(user)
            known[user] = None if at_hand is None else at_hand.name
        present = known[user]
        found.append(_name(parent, info.context) if present is None else present)
    return found


async def usernames(parents: Sequence[Known], info: Any) -> list[str]:
    return [account.username for account in await _accounts(parents, info.context)]


async def roles(parents: Sequence[Known], info: Any) -> list[ServerRole]:
    return [account.role for account in await _accounts(parents, info.context)]


async def ats(parents: Sequence[Known], info: Any) -> list[str]:
    return [account.at for account in await _accounts(parents, info.context)]


async def disableds(parents: Sequence[Known], info: Any) -> list[bool]:
    return [account.disabled for account in await _accounts(parents, info.context)]


async def bots(parents: Sequence[Known], info: Any) -> list[bool]:
    return [bool(account.bot) for account in await _accounts(parents, info.context)]


async def status(parent: Known, info: Any) -> Status | None:
    """The present status: an account in hand may be of a moment before it ended."""
    asking: Asking = info.context
    return (await asking.users.load(parent.id)).status or None


def user_of_notice(parent: StatusChanged | BlockChanged, info: Any) -> str:
    return parent.user


async def present_user(parent: UserPresence, info: Any) -> User:
    asking: Asking = info.context
    return await asking.users.load(parent.user_id)


async def _account(known: Known, asking: Asking) -> User:
    return known if isinstance(known, User) else await asking.users.load(known.id)


async def _accounts(known: Sequence[Known], asking: Asking) -> list[User]:
    ids = [each.id for each in known if not isinstance(each, User)]
    loaded = iter(await asking.users.all(ids))
    return [each if isinstance(each, User) else next(loaded) for each in known]
