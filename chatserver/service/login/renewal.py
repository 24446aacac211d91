"""Users who must choose a new password at their next sign-in: records of them, and the step that asks for it.

A password that somebody else chose, such as an administrator, is known to two people until then.
"""

from collections.abc import Awaitable, Callable, Mapping

from chatserver.hooks.login import (
    Identity,
    LoginDone,
    LoginField,
    LoginFlow,
    LoginForm,
    LoginMethod,
    LoginStep,
)
from chatserver.interfaces import Store
from chatserver.model import User
from chatserver.service.login.methods import LAST_GROUP

SPACE = "renewal"  # record space: user id -> b""
RENEWAL = "renewal"  # name of the method

_FORM = LoginForm(
    text="Your password was chosen by somebody else. Choose a new one.",
    fields=(LoginField(name="password", label="New password", kind="new_password"),),
)

Renew = Callable[[str, str, str], Awaitable[None]]  # user id, new password, address


class Renewals:
    """Which users must choose a new password."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def demand(self, user: str) -> None:
        """From now on the user (id) must choose a new password at each sign-in, until `fulfil`."""
        await self._store.put(SPACE, user, b"")

    async def is_demanded(self, user: str) -> bool:
        return await self._store.get(SPACE, user) is not None

    async def fulfil(self, user: str) -> None:
        await self._store.delete(SPACE, user)


def renewal_method(renewals: Renewals, renew: Renew) -> LoginMethod:
    """The challenge that asks for a new password; a weak or an old one leaves the step as it is."""

    async def begin(flow: LoginFlow) -> LoginStep:
        return _FORM

    async def proceed(flow: LoginFlow, answer: Mapping[str, str]) -> LoginStep:
        assert flow.user is not None
        await renew(flow.user.id, answer["password"], flow.address)
        return LoginDone()

    async def demand(user: User, identity: Identity) -> bool:
        return await renewals.is_demanded(user.id)

    return LoginMethod(
        name=RENEWAL,
        label="New password",
        begin=begin,
        proceed=proceed,
        purposes=("challenge",),
        demand=demand,
        group=LAST_GROUP,
        deadline=60.0,
    )
