"""Addresses that the mail server refuses for good: no mail goes there until its user says so, or has another one."""

from hashlib import sha256

from chatserver import Context

CHANGED = "changed"  # the notice to the user's devices


class Refusals:
    """One record a user, with a hash of the address."""

    def __init__(self, context: Context) -> None:
        self._records, self._tell = context.records, context.tell

    async def of(self, user: str, address: str) -> bool:
        """Whether the address of the user (id) is refused."""
        return await self._records.get(_key(user)) == _digest(address)

    async def note(self, user: str, address: str) -> None:
        await self._records.put(_key(user), _digest(address))
        self._tell(CHANGED, user=user)

    async def forget(self, user: str) -> None:
        """Remove all of a deleted account."""
        await self._records.delete(_key(user))

    async def end(self, user: str) -> None:
        """Try the address again."""
        await self._records.delete(_key(user))
        self._tell(CHANGED, user=user)


def _key(user: str) -> str:
    return f"refused/{user}"


def _digest(address: str) -> bytes:
    return sha256(address.encode()).hexdigest().encode()
