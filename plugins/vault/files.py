"""Files, sealed before they reach the place where they are kept: in chunks, each bound to its place in its file.

A sealed file is a head and chunks of CHUNK_BYTES, the last of which is shorter or empty, each followed by its tag. The
head is MAGIC, the id of a key (8 bytes) and a salt (16 bytes). From the key, the salt and the file's name at its place
follows a key for this file alone, so the nonce is the number of the chunk and whether it is the last: the construction
STREAM of Hoang, Reyhanitabar, Rogaway and Vizár (2015). A chunk that was changed, moved or cut off is found; a part of
a file is read without the rest. Files that were there before have no such head, and are read as they stand.
"""

import asyncio
import hmac
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from typing import NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chatserver import Blobs, BlobsUnavailable, ChatError, StoredBlob, StoreUnavailable
from chatserver_plugins.vault.keyring import now
from chatserver_plugins.vault.masters import KEY_BYTES
from chatserver_plugins.vault.store import SealedStore

FILE_KEYS = (
    "wrapped_files/vault"  # record space: id of a key -> FileKey. Copies of the store have it, too
)
MAGIC = b"\x93csfile\x01"
ID_BYTES, SALT_BYTES, TAG_BYTES = 8, 16, 16
HEAD_BYTES = len(MAGIC) + ID_BYTES + SALT_BYTES
CHUNK_BYTES = 64 * 1024  # a range costs at most this much more at each end
PART_BYTES = 1 << 20  # of what `read` yields, at most
LOOKED_AT_ONCE = 8  # heads of listed files
_FILE = b"chatserver vault file\x01"
_WHOLE = CHUNK_BYTES + TAG_BYTES


class FileKey(msgspec.Struct, frozen=True):
    """A key for files as it is stored. The one with the highest number seals."""

    key: bytes
    number: int
    at: str


class Damaged(BlobsUnavailable):
    """A sealed file does not match its seals."""

    def __init__(self, key: str) -> None:
        super().__init__(f"vault: the file {key} was damaged or changed in its place")


class FileKeys:
    """The keys for files, as the store has them, which seals them as it does all records."""

    def __init__(self, store: Callable[[], SealedStore | None]) -> None:
        """`store` is the open one, if there is one by now."""
        self._find = store
        self._known: dict[bytes, FileKey] = {}
        self._generation = -1  # of the store's keys, which each rotation raises

    async def newest(self) -> tuple[bytes, bytes]:
        """The id of the key that seals, and the key. Raises `BlobsUnavailable`."""
        store = self._open()
        if not self._known or self._generation != store.ring.generation:
            await self._look(store)
        if not self._known:
            await self.add()
        id = max(self._known, key=lambda each: (self._known[each].number, each))
        return id, self._known[id].key

    async def key(self, id: bytes) -> bytes:
        """The key of this id. Raises `BlobsUnavailable`."""
        if id not in self._known:
            await self._look(self._open())
        if id not in self._known:
            raise BlobsUnavailable(f"vault: the key {id.hex()} of files is missing in the store")
        return self._known[id].key

    async def add(self) -> None:
        """Make a further key, which seals from now on."""
        store, id = self._open(), os.urandom(ID_BYTES)
        await self._look(store)
        number = 1 + max((key.number for key in self._known.values()), default=0)
        made = FileKey(os.urandom(KEY_BYTES), number, now())
        try:
            await store.add(FILE_KEYS, id.hex(), msgspec.json.encode(made))
        except StoreUnavailable as error:
            raise BlobsUnavailable(f"vault: {error.reason}") from error
        self._known[id] = made

    async def _look(self, store: SealedStore) -> None:
        generation = store.ring.generation
        try:
            rows = await store.scan(FILE_KEYS, "")
        except StoreUnavailable as error:
            raise BlobsUnavailable(f"vault: {error.reason}") from error
        self._known = {
            bytes.fromhex(key): msgspec.json.decode(value, type=FileKey) for key, value in rows
        }
        self._generation = generation

    def _open(self) -> SealedStore:
        store = self._find()
        if store is None:
            raise BlobsUnavailable("vault: the store, which has the keys of files, is not open")
        return store


class Head(NamedTuple):
    """The head of a sealed file."""

    id: bytes
    salt: bytes


class SealedBlobs:
    """Keeps the contract of `chatserver.Blobs` by means of `inner`."""

    def __init__(self, inner: Blobs, keys: FileKeys) -> None:
        self.inner, self._keys = inner, keys
        if (folder := getattr(inner, "folder", None)) is not None:
            self.folder = folder

    async def open(self) -> None:
        await self.inner.open()

    async def close(self) -> None:
        await self.inner.close()

    async def write(self, key: str, parts: AsyncIterator[bytes]) -> int:
        id, secret = await self._keys.newest()
        head = Head(id, os.urandom(SALT_BYTES))
        async with aclosing(_sealed(parts, head, _cipher(secret, head, key))) as chunks:
            return opened_size(await self.inner.write(key, chunks))

    async def read(
        self, key: str, start: int = 0, length: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        head = await self._head(key)
        if head is None:
            async with aclosing(self.inner.read(key, start, length)) as parts:
                async for part in parts:
                    yield part
            return
        if length is not None and length <= 0:
            return
        cipher = _cipher(await self._keys.key(head.id), head, key)
        first = start // CHUNK_BYTES
        last = None if length is None else (start + length - 1) // CHUNK_BYTES
        stored = None if last is None else (last - first + 1) * _WHOLE
        skipped, left = start - first * CHUNK_BYTES, length
        begin = HEAD_BYTES + first * _WHOLE
        async with (
            aclosing(self.inner.read(key, begin, stored)) as parts,
            aclosing(_opened(parts, cipher, first, last, key)) as chunks,
        ):
            async for chunk in chunks:
                part = chunk[skipped : None if left is None else skipped + left]
                skipped = 0
                if left is not None:
                    left -= len(part)
                if part:
                    yield part

    async def size(self, key: str) -> int | None:
        stored = await self.inner.size(key)
        return None if stored is None else await self._opened_size(key, stored)

    async def delete(self, key: str) -> None:
        await self.inner.delete(key)

    async def list(self, after: str = "", limit: int = 1000) -> list[StoredBlob]:
        found = await self.inner.list(after, limit)
        turns = asyncio.Semaphore(LOOKED_AT_ONCE)

        async def opened(stored: StoredBlob) -> StoredBlob:
            async with turns:
                try:
                    size = await self._opened_size(stored.key, stored.size)
                except BlobsUnavailable:
                    raise
                except ChatError:  # removed meanwhile
                    size = stored.size
            return stored._replace(size=size)

        return list(await asyncio.gather(*map(opened, found)))

    async def sweep(self, before: float) -> None:
        await self.inner.sweep(before)

    async def _opened_size(self, key: str, stored: int) -> int:
        if stored < HEAD_BYTES + TAG_BYTES or await self._head(key) is None:
            return stored
        try:
            return opened_size(stored)
        except ValueError:
            raise Damaged(key) from None

    async def _head(self, key: str) -> Head | None:
        """The head of a file; None if it is in clear. Raises `ChatError` blob.not_found, `BlobsUnavailable`."""
        async with aclosing(self.inner.read(key, 0, HEAD_BYTES)) as parts:
            data = b"".join([part async for part in parts])
        if len(data) < HEAD_BYTES or not data.startswith(MAGIC):
            return None
        return Head(data[len(MAGIC) : -SALT_BYTES], data[-SALT_BYTES:])


def opened_size(stored: int) -> int:
    """The size of a file that takes so many bytes when it is sealed. Raises `ValueError` if none does."""
    body = stored - HEAD_BYTES
    chunks = -(-body // _WHOLE)
    size = body - chunks * TAG_BYTES
    if size < 0 or chunks != max(1, -(-size // CHUNK_BYTES)):
        raise ValueError(stored)
    return size


def _cipher(secret: bytes, head: Head, key: str) -> AESGCM:
    return AESGCM(hmac.digest(secret, _FILE + head.salt + key.encode(), "sha256"))


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes((is_last,))


async def _sealed(
    parts: AsyncIterator[bytes], head: Head, cipher: AESGCM
) -> AsyncGenerator[bytes, None]:
    """The sealed file, of these parts."""
    yield MAGIC + head.id + head.salt
    chunk, number = bytearray(), 0
    async for part in parts:
        for start in range(0, len(part), CHUNK_BYTES):
            rest = memoryview(part)[start : start + CHUNK_BYTES]
            while rest:
                if len(chunk) == CHUNK_BYTES:  # there is more, so it is not the last
                    yield cipher.encrypt(_nonce(number, is_last=False), bytes(chunk), None)
                    number += 1
                    chunk.clear()
                taken = CHUNK_BYTES - len(chunk)
                chunk += rest[:taken]
                rest = rest[taken:]
    yield cipher.encrypt(_nonce(number, is_last=True), bytes(chunk), None)


async def _opened(
    parts: AsyncIterator[bytes], cipher: AESGCM, number: int, last: int | None, key: str
) -> AsyncGenerator[bytes, None]:
    """The chunks from the one with this number to that with the number `last` (None: the end), opened.

    Raises `Damaged`, also if the last chunk of the file is missing, or is not the last.
    """
    is_over, first = False, number
    async with aclosing(_cut(parts)) as chunks:
        async for chunk in chunks:
            if is_over:
                raise Damaged(key)
            # Only the last one may be shorter. Whether a whole one is the last tells the nonce that opens it.
            data = None
            if len(chunk) == _WHOLE:
                data = _tried(cipher, _nonce(number, is_last=False), chunk)
            if data is None:
                data, is_over = _tried(cipher, _nonce(number, is_last=True), chunk), True
            if data is None:
                raise Damaged(key)
            number += 1
            yield data
    is_cut = not is_over and (last is None or number <= last)
    if is_cut and (number > first or not first):  # else the range begins behind the end
        raise Damaged(key)


def _tried(cipher: AESGCM, nonce: bytes, chunk: bytes) -> bytes | None:
    try:
        return cipher.decrypt(nonce, chunk, None)
    except (InvalidTag, ValueError):
        return None


async def _cut(parts: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The stream in sealed chunks; the last may be shorter."""
    kept = bytearray()
    async for part in parts:
        kept += part
        while len(kept) >= _WHOLE:
            yield bytes(kept[:_WHOLE])
            del kept[:_WHOLE]
    if kept:
        yield bytes(kept)


__all__: Sequence[str] = ["FILE_KEYS", "FileKeys", "SealedBlobs"]
