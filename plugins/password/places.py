"""Known places of each account: networks it signed in from, and devices that hold a token for it.

From there its user can sign in while strangers have to wait (OWASP, "Slow Down Online Guessing Attacks with
Device Cookies"). The store holds only hashes. Nobody gets in from a known place without the password.
"""

import contextlib
import re
import secrets
from collections.abc import AsyncGenerator, Callable
from hashlib import sha256
from typing import Literal

from chatserver import Records, StoreUnavailable, time_text
from chatserver_plugins.password.clock import cautious_now

PREFIX = "known/"  # of all keys; the user's id, the kind of place and a hash follow
KEPT = 16  # networks, and devices, of one account; the least recently used are dropped
KNOWN_SECONDS = 90 * 86400.0  # after the last use
RENEW_SECONDS = 86400.0  # between two writes of a place's last use
PAGE = 1000

Kind = Literal["network", "device"]
_DEVICE = re.compile(r"[A-Za-z0-9_-]{32}")


class Places:
    """The places of all accounts, as records."""

    def __init__(self, records: Records, clock: Callable[[], float] = cautious_now) -> None:
        self._records, self._clock = records, clock

    async def is_known(self, user: str, kind: Kind, place: str) -> bool:
        """Whether the user signed in from this place before; costs one read, also for unknown users."""
        seen = await self._records.get(_key(user, kind, place))
        return seen is not None and self._clock() < float(seen) + KNOWN_SECONDS

    async def is_device(self, user: str, device: str) -> bool:
        """Whether the user signed in on the device of this token before."""
        return bool(_DEVICE.fullmatch(device)) and await self.is_known(user, "device", device)

    async def remember(self, user: str, kind: Kind, place: str) -> None:
        """Note that the user has just signed in from this place. Ignores errors of the store."""
        with contextlib.suppress(StoreUnavailable):
            key, now = _key(user, kind, place), self._clock()
            seen = await self._records.get(key)
            if seen is None:
                await self._enter(user, kind, key)
            elif not float(seen) <= now < float(seen) + RENEW_SECONDS:
                await self._records.put(key, str(now).encode())

    async def new_device(self, user: str) -> str:
        """Make a token for the device on which the user has just signed in. Raises `StoreUnavailable`."""
        device = secrets.token_urlsafe(24)
        await self._enter(user, "device", _key(user, "device", device))
        return device

    async def forget(self, user: str) -> None:
        """Remove all places of the user."""
        while page := await self._records.scan(f"{PREFIX}{user}/", limit=PAGE):
            for key, _ in page:
                await self._records.delete(key)

    async def held(self, user: str) -> AsyncGenerator[dict[str, str], None]:
        """The kind of each place, and when it was last used; of which place it is there is a hash alone."""
        after = ""
        while page := await self._records.scan(f"{PREFIX}{user}/", after, PAGE):
            after = page[-1][0]
            for key, seen in page:
                yield {"kind": key.split("/")[2], "used": time_text(float(seen))}

    async def _enter(self, user: str, kind: Kind, key: str) -> None:
        """Enter a new place, and drop those that are too many."""
        await self._records.put(key, str(self._clock()).encode())
        found = await self._records.scan(_prefix(user, kind), limit=PAGE)
        for _, key in sorted((float(seen), key) for key, seen in found)[:-KEPT]:
            await self._records.delete(key)


def _prefix(user: str, kind: Kind) -> str:
    return f"{PREFIX}{user}/{kind}/"


def _key(user: str, kind: Kind, place: str) -> str:
    digest = sha256(f"{user}/{kind}/{place}".encode("utf-8", "surrogatepass")).hexdigest()
    return _prefix(user, kind) + digest
