"""Cards of addresses that were looked at lately, the same on all nodes.

The cache is a fixed number of records, of which each address can be in one: what comes later takes the place. A record
does not say which address it is of, only a hash of it.
"""

from hashlib import sha256
from typing import NamedTuple

import msgspec

from chatserver import ExpiringRecords
from chatserver_plugins.link_previews.card import Card

SLOTS = 5000  # a record has at most 4 KB
FAILED_SECONDS = 600.0  # for which a page that cannot be shown is not asked again


class Known(NamedTuple):
    """What is known of an address; None for a page that cannot be shown."""

    card: Card | None


class _Entry(msgspec.Struct, frozen=True):
    address: str  # its hash
    card: Card | None


_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(_Entry).decode


class Cache:
    """Remembers cards for `seconds`, and failures for a while at most."""

    def __init__(self, records: ExpiringRecords, seconds: float) -> None:
        self._records, self._seconds = records, seconds

    async def get(self, url: str) -> Known | None:
        """What is known of an address; None if nothing is."""
        key, address = _place(url)
        found = await self._records.get(key)
        entry = None if found is None else _decode(found)
        if entry is None or entry.address != address:
            return None
        return Known(entry.card and msgspec.structs.replace(entry.card, url=url))

    async def put(self, url: str, card: Card | None) -> None:
        """Note what was found at an address."""
        key, address = _place(url)
        kept = card and msgspec.structs.replace(card, url="")
        seconds = self._seconds if card else min(self._seconds, FAILED_SECONDS)
        await self._records.put(key, _encode(_Entry(address, kept)), seconds)


def _place(url: str) -> tuple[str, str]:
    """The key of an address, and its hash."""
    digest = sha256(url.encode())
    return str(int.from_bytes(digest.digest()[:8]) % SLOTS), digest.hexdigest()
