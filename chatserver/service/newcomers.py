"""Makes accounts without a password: for those who come by another way to sign in, and for machines.

The account's id is decided first, by one atomic record of the caller. So however many nodes make the account at
once, and wherever one of them stops, there is one account, and the next call finishes it.
"""

from collections.abc import Awaitable, Callable, Sequence

import msgspec
from msgspec import UNSET

from chatserver.errors import ChatError
from chatserver.hooks.types import Actor
from chatserver.interfaces import Store
from chatserver.model import ServerRole, User
from chatserver.runtime.clock import now_text
from chatserver.runtime.ids import new_id
from chatserver.service.directory import NAMES, USERS, decode_user
from chatserver.service.founding import Founding
from chatserver.service.login.identities import Identities
from chatserver.service.names import clean_person_name, clean_username, free_names
from chatserver.service.similar import Similar, looks

BOTS = "bot"  # record space: PLUGIN/NAME -> user id

_encode = msgspec.json.encode


class Newcomers:
    """Makes the accounts."""

    def __init__(
        self,
        store: Store,
        similar: Similar,
        founding: Founding,
        identities: Identities,
        claim: Callable[[User, Actor], Awaitable[Sequence[str]]],
        tell_added: Callable[[User, Actor], None],
    ) -> None:
        """`claim` claims an account's names, as `Accounts` does; `tell_added` tells plugins of the account."""
        self._store, self._similar, self._founding = store, similar, founding
        self._identities, self._claim, self._tell_added = identities, claim, tell_added

    async def bot(self, key: str) -> str:
        """The id of the account of the machine under this key."""
        made = new_id()
        if await self._store.add(BOTS, key, made.encode()):
            return made
        return (await self._store.get(BOTS, key) or made.encode()).decode()

    async def make(self, user: str, suggestion: str, name: str, by: Actor, is_bot: bool) -> None:
        """Write an account without a password, under the first free name.

        The name is written first: after a crash in between, the name is found as this account's.
        """
        own = user.encode()
        await self._identities.note_password(user, has=False)
        await self._founding.begin()  # before a machine, too: the first person is to become owner
        for username in free_names(suggestion):
            if await self._store.get(NAMES, username) not in (None, own):
                continue
            made = User(
                id=user,
                username=username,
                name=shown_name(name, username),
                role=ServerRole.MEMBER,
                at=now_text(),
                bot=True if is_bot else UNSET,
            )
            try:
                made = await self._claimed(made, by)
            except ChatError as error:
                if error.code != "user.exists":
                    raise
                continue
            await self._store.add(NAMES, username, own)
            if await self._store.get(NAMES, username) != own:  # somebody was faster
                await self._similar.release(user, looks(made))
                continue
            if await self._store.add(USERS, user, _encode(made)):
                self._tell_added(made, by)
                return
            raw = await self._store.get(USERS, user)  # as another node made it at the same time
            there = made if raw is None else decode_user(raw)
            if there.username != username:
                await self._store.delete(NAMES, username)
                await self._similar.release(user, looks(made) - looks(there))
            return

    async def named(self, username: str, name: str | None, by: Actor) -> User:
        """Make the account of a machine under exactly this user name. Raises `ChatError` user.exists, request.invalid."""
        folded = clean_username(username)
        made = User(
            id=new_id(),
            username=folded,
            name=clean_person_name(name if name and name.strip() else username),
            role=ServerRole.MEMBER,
            at=now_text(),
            bot=True,
        )
        if await self._store.get(NAMES, folded) is not None:
            raise ChatError("user.exists")
        await self._identities.note_password(made.id, has=False)
        await self._founding.begin()
        claimed = await self._claim(made, by)
        await self._store.put(USERS, made.id, _encode(made))
        # Written after the account: after a crash in between, the name is still free.
        if not await self._store.add(NAMES, folded, made.id.encode()):
            await self._store.delete(USERS, made.id)
            await self._similar.release(made.id, set(claimed))
            raise ChatError("user.exists")
        self._tell_added(made, by)
        return made

    async def _claimed(self, made: User, by: Actor) -> User:
        """The account with its names claimed; shown by its user name if the other name is taken."""
        try:
            await self._claim(made, by)
        except ChatError as error:
            if error.code != "user.exists" or error.detail.get("field") != "name":
                raise
            made = msgspec.structs.replace(made, name=made.username)
            await self._claim(made, by)
        return made


def shown_name(name: str, username: str) -> str:
    """The name if it is a valid one, else the user name."""
    try:
        return clean_person_name(name)
    except ChatError:
        return username
