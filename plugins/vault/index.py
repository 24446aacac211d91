"""The search index, sealed: what its pages say, and by which words they are found."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import lru_cache, partial
from hashlib import blake2b

from chatserver import IndexPage, IndexPlace, Store, StoreUnavailable
from chatserver_plugins.vault import sealing
from chatserver_plugins.vault.contents import Contents
from chatserver_plugins.vault.keyring import Keyring, Scope
from chatserver_plugins.vault.scopes import index_room, index_scope
from chatserver_plugins.vault.sealing import NONCE_BYTES

TOKENS = "tokens"  # the scope of the key by which words are hashed
TOKENS_KNOWN = 1 << 16  # hashes that are kept, as most words come again and again


def _not_open(token: bytes) -> int:
    raise StoreUnavailable(reason="vault: the store is not open, or has no index yet")


class SealedIndex(Contents):
    """The methods of `chatserver.Store` about the search index."""

    def __init__(self, inner: Store, ring: Keyring) -> None:
        super().__init__(inner, ring)
        self._hashed: Callable[[bytes], int] = _not_open

    async def _take_token_key(self) -> None:
        key = await self.ring.lasting(TOKENS)
        if key is not None:
            self._hashed = lru_cache(TOKENS_KNOWN)(partial(_hashed, key))

    def hash_token(self, token: bytes) -> int:
        """Where a word is in the index: a keyed hash, as else the pages that there are would tell of rare words."""
        return self._hashed(token)

    async def index(self, room: str, upto: int, pages: Sequence[IndexPage]) -> None:
        await self._inner.index(index_room(room), upto, await self._sealed_pages(room, pages))

    async def _sealed_pages(self, room: str, pages: Sequence[IndexPage]) -> list[IndexPage]:
        sealer = await self._sealer(index_scope(room), "")
        nonces = os.urandom(NONCE_BYTES * len(pages))
        name, sealed = index_room(room), []
        for number, page in enumerate(pages):
            place, nonce = (room, page.slot, page.first), _nonce(nonces, number)
            data = sealing.sealed_page(place, page.data, sealer, nonce)
            sealed.append(IndexPage(name, page.slot, page.first, data))
        return sealed

    async def reseal_pages(self, places: Sequence[IndexPlace], numbers: Collection[int]) -> None:
        """Seal those of these pages of one room anew that one of these keys has sealed.

        A page that another node writes at the same time may be put back. Whoever takes words out of the index does so
        once more later for such cases, and what else is written at one place is the same, or may be missing.
        """
        room = places[0][0]
        inner = [(index_room(room), slot, first) for _, slot, first in places]
        stored = zip(places, await self._inner.index_pages(inner), strict=True)
        old = {place: page for place, page in stored if page and _number_of(page) in numbers}
        if not old:
            return
        scope = index_scope(room)

        def opened(scopes: Mapping[str, Scope]) -> list[IndexPage]:
            find = self._find(scopes, scope)
            data = {place: sealing.opened_page(place, page, find) for place, page in old.items()}
            return [IndexPage(*place, page) for place, page in data.items() if page is not None]

        pages = await self._with_keys([scope], opened)
        await self._inner.index(index_room(room), 0, await self._sealed_pages(room, pages))

    async def indexed(self, rooms: Sequence[str]) -> dict[str, int]:
        names = {index_room(room): room for room in rooms}
        return {
            names[name]: upto for name, upto in (await self._inner.indexed(list(names))).items()
        }

    async def index_pages(self, places: Sequence[IndexPlace]) -> list[bytes | None]:
        inner = [(index_room(room), slot, first) for room, slot, first in places]
        found = await self._inner.index_pages(inner)
        rooms = {index_scope(place[0]) for place, page in zip(places, found, strict=True) if page}

        def opened(scopes: Mapping[str, Scope]) -> list[bytes | None]:
            return [
                page and sealing.opened_page(place, page, self._find(scopes, index_scope(place[0])))
                for place, page in zip(places, found, strict=True)
            ]

        return await self._with_keys(rooms, opened)

    async def drop_index(self, room: str, slot: int, first: int) -> None:
        await self._inner.drop_index(index_room(room), slot, first)


def _hashed(key: bytes, token: bytes) -> int:
    return int.from_bytes(blake2b(token, digest_size=8, key=key).digest())


def _number_of(page: bytes) -> int:
    """The number of the key of an index page."""
    return sealing.number_of(page[len(sealing.MAGIC) :])


def _nonce(nonces: bytes, number: int) -> bytes:
    return nonces[number * NONCE_BYTES : (number + 1) * NONCE_BYTES]
