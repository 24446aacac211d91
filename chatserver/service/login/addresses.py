"""Shortens the addresses of old sessions: nobody needs to know for long from where exactly somebody signed in."""

from ipaddress import IPv4Network, IPv6Network, ip_network

import msgspec

from chatserver.hooks.types import Job
from chatserver.interfaces import Store
from chatserver.runtime.clock import Clock
from chatserver.service.login.sessions import SPACE, Note

NAME = "sessions.addresses"
EVERY, DEADLINE = 86_400.0, 3600.0
DAY = 86_400.0
PAGE = 500
V4_BITS, V6_BITS = 24, 48  # of an address that are kept: about a neighbourhood, or a site

_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(Note).decode


class Addresses:
    """Goes through the notes on all sessions, and shortens the address where the user was last confirmed `days` ago.

    0: never.
    """

    def __init__(self, store: Store, days: int, clock: Clock) -> None:
        self._store, self._seconds, self._clock = store, days * DAY, clock

    def job(self) -> Job:
        """The job that shortens them, each day."""
        return Job(name=NAME, every=EVERY, run=self.shorten, deadline=DEADLINE)

    async def shorten(self) -> None:
        """Shorten those that are due. Can be repeated; a note that is changed meanwhile is left for the next run."""
        if not self._seconds:
            return
        border, after = self._clock.now() - self._seconds, ""
        while rows := await self._store.scan(SPACE, "", after, PAGE):
            for key, record in rows:
                note = _decode(record)
                short = shortened(note.address)
                if note.confirmed < border and short != note.address:
                    new = msgspec.structs.replace(note, address=short)
                    await self._store.swap(SPACE, key, record, _encode(new))
            after = rows[-1][0]


def shortened(address: str) -> str:
    """The network of an address: an IPv4 /24 or an IPv6 /48. Other texts, and networks, stay as they are."""
    if "/" in address:
        return address
    try:
        network: IPv4Network | IPv6Network = ip_network(address)
    except ValueError:
        return address
    if isinstance(network, IPv6Network):
        if (mapped := network.network_address.ipv4_mapped) is None:
            return str(network.supernet(new_prefix=V6_BITS))
        network = IPv4Network(mapped)
    return str(network.supernet(new_prefix=V4_BITS))
