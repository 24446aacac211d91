"""Finding accounts: by id, by name, all of them."""

import functools
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from chatserver.errors import ChatError
from chatserver.interfaces import Store
from chatserver.model import Status, User
from chatserver.runtime.clock import SYSTEM, Clock, unix_time
from chatserver.search.beginnings import ACCENTS

USERS = "user"  # record space: id -> User
NAMES = "username"  # record space: folded name -> id
DELETED_NAME = "deleted user"  # of the shell of an account, and where an event has no name any more
CACHE_SECONDS = 0.25  # after this time another node's change of a user is in force here
CACHE_USERS = 50_000

decode_user = msgspec.json.Decoder(User).decode


class Directory:
    """All accounts, with a short-lived cache of those looked up last."""

    def __init__(self, store: Store, clock: Clock = SYSTEM) -> None:
        self._store, self._clock = store, clock
        self._cache: OrderedDict[str, tuple[float, User]] = OrderedDict()

    async def get(self, user: str) -> User:
        """The user of an id. Raises `ChatError` user.not_found."""
        cached = self._cache.get(user)
        if cached is not None and time.monotonic() < cached[0]:
            return self.current(cached[1])
        raw = await self._store.get(USERS, user)
        if raw is None:
            raise ChatError("user.not_found")
        return self._remember(decode_user(raw))

    async def get_many(self, users: Sequence[str]) -> dict[str, User]:
        """The users of these ids, in one query; unknown ones are left out."""
        now = time.monotonic()
        cached = {user: self._cache[user] for user in users if user in self._cache}
        found = {user: self.current(kept) for user, (until, kept) in cached.items() if now < until}
        missing = [user for user in users if user not in found]
        if missing:
            rows = await self._store.get_many(USERS, missing)
            found |= {user: self._remember(decode_user(raw)) for user, raw in rows.items()}
        return found

    async def by_name(self, username: str) -> User | None:
        found = await self._store.get(NAMES, folded_name(username))
        return None if found is None else await self.get(found.decode())

    async def ids_of(self, names: Iterable[str]) -> dict[str, str]:
        """The ids of the folded user names that exist, by name, in the order of `names`."""
        wanted = list(names)
        found = await self._store.get_many(NAMES, wanted)
        return {name: found[name].decode() for name in wanted if name in found}

    async def list(self, after: str = "", limit: int = 1000) -> list[User]:
        """Users by ascending id."""
        rows = await self._store.scan(USERS, "", after, limit)
        return [self.current(decode_user(raw)) for _, raw in rows]

    async def named(self, username: str) -> User:
        """The user of a user name. Raises `ChatError` user.not_found."""
        user = await self.by_name(username)
        if user is None:
            raise ChatError("user.not_found")
        return user

    def current(self, user: User) -> User:
        """The user without a status that has ended."""
        status = user.status
        if not isinstance(status, Status) or status.until is None:
            return user
        if unix_time(status.until) > self._clock.now():
            return user
        return msgspec.structs.replace(user, status=msgspec.UNSET)

    def _remember(self, user: User) -> User:
        self._cache[user.id] = (time.monotonic() + CACHE_SECONDS, user)
        self._cache.move_to_end(user.id)
        if len(self._cache) > CACHE_USERS:
            self._cache.popitem(last=False)
        return self.current(user)


def folded_name(username: str) -> str:
    return unicodedata.normalize("NFKC", username).strip().casefold()


def bare_name(name: str) -> str:
    """A name as it is compared when somebody looks for a part of it: folded, without accents, but for those of kana."""
    folded = folded_name(name)
    return folded if folded.isascii() else folded.translate(_bare_letters())


@functools.cache
def _bare_letters() -> Mapping[int, str]:
    """Letters with accents, and accents alone, by what they are without. A table: thousands of names are compared."""
    found = {}
    for code in range(0xC0, 0x2000):  # Latin, Greek and Cyrillic
        parts = unicodedata.normalize("NFD", chr(code))
        bare = ACCENTS.sub("", parts)
        if bare != parts:
            found[code] = unicodedata.normalize("NFC", bare)
    return found
