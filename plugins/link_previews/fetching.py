"""Fetches pages whose addresses people have written: from public addresses alone, within bounds. See docs/security.md."""

import asyncio
import ssl
import time
from typing import NamedTuple
from weakref import WeakValueDictionary

from tornado.tcpclient import TCPClient

from chatserver import GuardedResolver
from chatserver_plugins.link_previews.address import Address, Gate, Refused
from chatserver_plugins.link_previews.reading import Answer, answer

AT_ONCE, AT_ONE_HOST = 16, 2  # requests of this node
REDIRECTS = 3
HEAD_SHARE = 0.5  # of the time, to be connected, and then to the head of the answer
BUFFER_BYTES = 128 * 1024


class Page(NamedTuple):
    """The beginning of a page, and the host that it was on in the end."""

    host: str
    content: bytes
    charset: str


class Fetcher:
    """Fetches pages, without cookies or any other sign of who wrote the address."""

    def __init__(
        self,
        gate: Gate,
        *,
        networks: list[str],
        tls: ssl.SSLContext,
        agent: str,
        seconds: float,
    ) -> None:
        self._gate, self._tls, self._agent, self._seconds = gate, tls, agent, seconds
        self._resolver = GuardedResolver(networks)
        self._client = TCPClient(resolver=self._resolver)  # type: ignore[arg-type]  # it has what is used of one
        self._all = asyncio.Semaphore(AT_ONCE)
        self._hosts: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def page(self, url: str) -> Page:
        """The page at an address. Raises `Refused`."""
        address, left = self._gate.address(url), self._seconds
        for _ in range(REDIRECTS + 1):
            async with self._turn_at(address.host), self._all:
                begun = time.monotonic()
                found = await self._ask(address, left)
                left -= time.monotonic() - begun
            if found.location is None:
                return Page(address.host, found.content, found.charset)
            address = self._gate.address(found.location, address)
        raise Refused("redirects")

    def close(self) -> None:
        self._client.close()
        self._resolver.close()

    def _turn_at(self, host: str) -> asyncio.Semaphore:
        """The turns at a host, which are forgotten when nobody has or awaits one."""
        turns = self._hosts.get(host)
        if turns is None:
            turns = self._hosts[host] = asyncio.Semaphore(AT_ONE_HOST)
        return turns

    async def _ask(self, address: Address, seconds: float) -> Answer:
        """Raises `Refused`."""
        patience = max(0.001, seconds * HEAD_SHARE)
        try:
            async with asyncio.timeout(seconds):
                stream = await self._client.connect(
                    address.host,
                    address.port,
                    ssl_options=self._tls if address.is_secure else None,
                    max_buffer_size=BUFFER_BYTES,
                    timeout=patience,
                )
                return await answer(stream, address, self._agent, patience)
        except TimeoutError:
            raise Refused("time") from None
        except (OSError, ValueError):  # of TLS, of names, and of addresses that are not allowed
            raise Refused("network") from None
