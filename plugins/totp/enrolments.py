"""The secrets and recovery codes of users, and the use of each code at most once, on whatever node."""

import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

import msgspec

from chatserver import Records
from chatserver_plugins.totp import codes


class Enrolled(msgspec.Struct, frozen=True):
    """A user's secret, the period of the last code that was used, and hashes of recovery codes."""

    secret: str
    last: int
    recovery: tuple[str, ...]


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(Enrolled).decode


class Enrolments:
    """All users with one-time codes."""

    def __init__(
        self, records: Records, recovery_codes: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._records, self._count, self.clock = records, recovery_codes, clock

    async def of(self, user: str) -> Enrolled | None:
        raw = await self._records.get(user_key(user))
        return None if raw is None else _decode(raw)

    async def enrol(self, user: str, secret: str, code: str, *, replace: bool) -> list[str] | None:
        """Enrol a user who knows a code of this secret; returns recovery codes, or None for a wrong code.

        Without `replace`, a user who is enrolled keeps the earlier secret, and the code is wrong.
        """
        counter = codes.counter_of(secret, codes.cleaned(code), self.clock(), after=0)
        if counter is None:
            return None
        recovery = codes.new_recovery_codes(self._count)
        value = _encode(Enrolled(secret, counter, _hashes(recovery)))
        if replace:
            await self._records.put(user_key(user), value)
        elif not await self._records.add(user_key(user), value):
            return None
        return recovery

    async def use(self, user: str, typed: str) -> bool:
        """Whether this is a right code or recovery code that nobody has used; it is used up now."""
        code = codes.cleaned(typed)
        while (raw := await self._records.get(user_key(user))) is not None:
            old = _decode(raw)
            new = self._without(old, code)
            if new is None:
                return False
            if await self._records.swap(user_key(user), raw, _encode(new)):
                return True
        return False

    def _without(self, old: Enrolled, code: str) -> Enrolled | None:
        """The enrolment once this code is used; None for a wrong one."""
        counter = codes.counter_of(old.secret, code, self.clock(), old.last)
        if counter is not None:
            return msgspec.structs.replace(old, last=counter)
        used = codes.recovery_hash(code)
        if used not in old.recovery:
            return None
        left = tuple(each for each in old.recovery if each != used)
        return msgspec.structs.replace(old, recovery=left)

    async def renew_recovery(self, user: str) -> list[str] | None:
        """New recovery codes instead of the old ones; None if the user is not enrolled."""
        recovery = codes.new_recovery_codes(self._count)
        while (raw := await self._records.get(user_key(user))) is not None:
            new = msgspec.structs.replace(_decode(raw), recovery=_hashes(recovery))
            if await self._records.swap(user_key(user), raw, _encode(new)):
                return recovery
        return None

    async def remove(self, user: str) -> bool:
        """Whether there was an enrolment."""
        return await self._records.delete(user_key(user))

    async def held(self, user: str) -> AsyncGenerator[dict[str, Any], None]:
        """What a person may know of their enrolment: neither the secret nor the codes."""
        found = await self.of(user)
        if found is not None:
            yield {"enrolled": True, "recovery_codes": len(found.recovery)}

    async def forget(self, user: str) -> None:
        """Remove the enrolment of a deleted account."""
        await self.remove(user)


def _hashes(recovery: list[str]) -> tuple[str, ...]:
    return tuple(codes.recovery_hash(code) for code in recovery)


def user_key(user: str) -> str:
    """The key of a user's record, which is there as long as they are enrolled."""
    return f"user/{user}"
