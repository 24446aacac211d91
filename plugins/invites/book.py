"""The invitations and how often each may be used, over all nodes. The store has hashes of their codes."""

import secrets
import time
from collections.abc import AsyncGenerator, Callable
from hashlib import sha256
from typing import Any

import msgspec

from chatserver import ChatError, Records, ServerRole, User, time_text

DAY = 86400.0
PREFIX = "invite/"
KEPT_MOST = 1000  # invitations of a server
ID_DIGITS = 16


class Invite(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation. `left` is the number of uses that are left; times are Unix times."""

    by: str  # id of the user who made it
    made: float
    expires: float
    left: int
    rooms: tuple[str, ...] = ()


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(Invite).decode


class Book:
    """All invitations that were not removed."""

    def __init__(self, records: Records, clock: Callable[[], float] = time.time) -> None:
        self._records, self.clock = records, clock

    async def make(
        self, by: str, uses: int, days: float, rooms: tuple[str, ...]
    ) -> tuple[str, Invite]:
        """A new invitation, with its code. Raises `ChatError` limit.count."""
        if len(await self.all()) >= KEPT_MOST:
            raise ChatError("limit.count", "There are too many invitations: remove some.")
        now = self.clock()
        invite = Invite(by=by, made=now, expires=now + days * DAY, left=uses, rooms=rooms)
        code = secrets.token_urlsafe(16)
        await self._records.put(PREFIX + id_of(code), _encode(invite))
        return code, invite

    async def all(self) -> list[tuple[str, Invite]]:
        """Each id with its invitation, also those that are used up; expired ones are removed."""
        found = []
        for key, raw in await self._records.scan(PREFIX, limit=KEPT_MOST + 1):
            invite = _decode(raw)
            if self.clock() < invite.expires:
                found.append((key.removeprefix(PREFIX), invite))
            else:
                await self._records.delete(key)
        return found

    async def find(self, code: str) -> Invite | None:
        """The invitation of a code, if it may still be used."""
        raw = await self._records.get(PREFIX + id_of(code))
        invite = None if raw is None else _decode(raw)
        return invite if invite is not None and self._is_good(invite) else None

    async def take(self, code: str) -> bool:
        """Take one use; False if there is none left."""
        return await self._change(code, -1)

    async def give_back(self, code: str) -> None:
        """Give back a use that made no account."""
        await self._change(code, 1)

    async def remove(self, invite: str) -> bool:
        return await self._records.delete(PREFIX + invite)

    async def held(self, user: str) -> AsyncGenerator[dict[str, Any], None]:
        """The invitations that a user (id) made, for themselves; not their codes, of which there are hashes alone."""
        for _, invite in await self.all():
            if invite.by == user:
                yield {
                    "made": time_text(invite.made),
                    "expires": time_text(invite.expires),
                    "left": invite.left,
                    "rooms": invite.rooms,
                }

    async def forget(self, user: str) -> None:
        """Remove the invitations of a deleted account."""
        for id, invite in await self.all():
            if invite.by == user:
                await self.remove(id)

    async def _change(self, code: str, uses: int) -> bool:
        key = PREFIX + id_of(code)
        while (raw := await self._records.get(key)) is not None:
            invite = _decode(raw)
            if uses < 0 and not self._is_good(invite):
                return False
            new = msgspec.structs.replace(invite, left=invite.left + uses)
            if await self._records.swap(key, raw, _encode(new)):
                return True
        return False

    def _is_good(self, invite: Invite) -> bool:
        return invite.left > 0 and self.clock() < invite.expires


def may_invite(user: User) -> bool:
    """Whether the user is of the staff of the server, and not locked out."""
    return user.role in (ServerRole.OWNER, ServerRole.ADMIN) and not user.disabled


def id_of(code: str) -> str:
    return sha256(code.strip().encode("utf-8", "surrogatepass")).hexdigest()[:ID_DIGITS]
