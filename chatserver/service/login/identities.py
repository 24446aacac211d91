"""Links accounts with the identities by which methods know their users.

The link of (method, subject) holds the account's id and is made once, atomically. It may be older than its
account: whoever finds a link without an account, after a crash, makes the account with that id.
"""

from hashlib import sha256

import msgspec

from chatserver.errors import ChatError
from chatserver.hooks.login import Identity
from chatserver.interfaces import Store
from chatserver.runtime.clock import now_text

SPACE = "identity"  # record space: link/HASH -> user id; of/USER/HASH -> Linked; open/USER -> no password
PAGE = 1000
SHOWN_CHARS = 200
ID_DIGITS = 16


class Linked(msgspec.Struct, frozen=True, kw_only=True):
    """A way to sign in to an account. `name` is how the method calls the user; `at` is when it was linked."""

    id: str
    method: str
    name: str
    at: str


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(Linked).decode


class Identities:
    """All links of the installation."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def claim(self, identity: Identity, user: str) -> str:
        """Link an identity with this user id, unless it is linked; returns the id that it is linked with."""
        key, holder = _key(identity), None
        while holder is None:
            if await self._store.add(SPACE, f"link/{key}", user.encode()):
                holder = user
            else:
                holder = await self.holder(identity)
        await self.enter(identity, holder)
        return holder

    async def enter(self, identity: Identity, holder: str) -> None:
        """Enter a link in its account's list, if a crash has left it out."""
        key = _key(identity)
        if await self._store.get(SPACE, f"of/{holder}/{key}") is None:
            shown = identity.email or identity.username or identity.name
            linked = Linked(
                id=key[:ID_DIGITS], method=identity.method, name=shown[:SHOWN_CHARS], at=now_text()
            )
            await self._store.put(SPACE, f"of/{holder}/{key}", _encode(linked))

    async def holder(self, identity: Identity) -> str | None:
        """The user id that an identity is linked with."""
        found = await self._store.get(SPACE, f"link/{_key(identity)}")
        return None if found is None else found.decode()

    def id_of(self, identity: Identity) -> str:
        """The id under which the link of an identity is listed."""
        return _key(identity)[:ID_DIGITS]

    async def of(self, user: str) -> list[Linked]:
        """The identities linked with a user id."""
        return [linked for _, linked in await self._rows(user)]

    async def unlink(self, user: str, linked: str) -> None:
        """Remove one link by its id. Raises `ChatError` request.not_found, auth.last."""
        rows = await self._rows(user)
        found = [row for row in rows if row[1].id == linked]
        if not found:
            raise ChatError("request.not_found")
        if len(rows) == 1 and not await self.has_password(user):
            raise ChatError("auth.last")
        key, kept = found[0]
        await self._remove(user, key)
        # Another node may have removed the other link meanwhile.
        if not await self._rows(user) and not await self.has_password(user):
            await self._store.add(SPACE, f"link/{key}", user.encode())
            await self._store.put(SPACE, f"of/{user}/{key}", _encode(kept))
            raise ChatError("auth.last")

    async def forget(self, user: str) -> None:
        """Remove all links of a deleted account."""
        for key, _ in await self._rows(user):
            await self._remove(user, key)
        await self._store.delete(SPACE, f"open/{user}")

    async def has_password(self, user: str) -> bool:
        """Whether the account was made with a password, or got one."""
        return await self._store.get(SPACE, f"open/{user}") is None

    async def note_password(self, user: str, has: bool) -> None:
        if has:
            await self._store.delete(SPACE, f"open/{user}")
        else:
            await self._store.put(SPACE, f"open/{user}", now_text().encode())

    async def _rows(self, user: str) -> list[tuple[str, Linked]]:
        """The list of an account, without entries whose link is gone or another account's."""
        prefix = f"of/{user}/"
        rows = await self._store.scan(SPACE, prefix, limit=PAGE)
        found = {key.removeprefix(prefix): _decode(raw) for key, raw in rows}
        links = await self._store.get_many(SPACE, [f"link/{key}" for key in found])
        return [
            (key, linked)
            for key, linked in found.items()
            if links.get(f"link/{key}") == user.encode()
        ]

    async def _remove(self, user: str, key: str) -> None:
        await self._store.delete(SPACE, f"link/{key}")
        await self._store.delete(SPACE, f"of/{user}/{key}")


def _key(identity: Identity) -> str:
    digest = sha256()
    for text in (identity.method, identity.subject):
        encoded = text.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()
