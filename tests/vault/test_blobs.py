"""Files are sealed in the place where they are kept, bound to their place there, and read in parts."""

import gc
import secrets
import tracemalloc
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from chatserver import Blobs, BlobsUnavailable, ChatError
from chatserver.testing.blobs import (
    MB,
    BlobsContract,
    MakeBlobs,
    given,
    new_key,
    parts_of,
    whole,
    zeros,
)
from chatserver_plugins.disk_blobs import DiskBlobsPlugin
from chatserver_plugins.vault import files
from chatserver_plugins.vault.files import (
    CHUNK_BYTES,
    FILE_KEYS,
    HEAD_BYTES,
    MAGIC,
    TAG_BYTES,
    FileKeys,
    SealedBlobs,
    opened_size,
)
from tests.blobs.memory import MemoryBlobs
from tests.vault.sealing import Hand, Shared, caretaker, opened, sealed

SIZES = (0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 200_000)


class Fixed(FileKeys):
    """Keys that need no store."""

    def __init__(self) -> None:
        super().__init__(lambda: None)
        self.keys = {b"12345678": bytes(32)}

    async def newest(self) -> tuple[bytes, bytes]:
        return b"12345678", self.keys[b"12345678"]

    async def key(self, id: bytes) -> bytes:
        return self.keys[id]


class TestOnDisk(BlobsContract):
    @pytest.fixture
    def make_blobs(self, tmp_path: Path) -> MakeBlobs:
        config = DiskBlobsPlugin.Config(min_free_percent=0.0)
        make = DiskBlobsPlugin(config, tmp_path / "disk_blobs").provide_blobs
        return lambda: SealedBlobs(make(), Fixed())


@pytest.fixture
def inner() -> MemoryBlobs:
    return MemoryBlobs()


@pytest.fixture
def blobs(inner: MemoryBlobs) -> SealedBlobs:
    return SealedBlobs(inner, Fixed())


def stored(inner: MemoryBlobs, key: str) -> bytes:
    return b"".join(inner.contents[key][0])


def change(inner: MemoryBlobs, key: str, data: bytes) -> None:
    inner.contents[key] = [data], 0.0


@pytest.mark.parametrize("size", SIZES)
async def test_a_file_is_sealed_and_every_range_of_it_read(
    size: int, inner: MemoryBlobs, blobs: SealedBlobs
) -> None:
    content, key = secrets.token_bytes(size), new_key()
    assert await blobs.write(key, parts_of(content, 30_000)) == size
    found = stored(inner, key)
    assert found.startswith(MAGIC)
    assert size < 16 or content[:16] not in found  # fewer bytes may be there by chance
    assert opened_size(len(found)) == size == await blobs.size(key)
    assert [each.size for each in await blobs.list()] == [size]
    edges = {
        0,
        1,
        size // 2,
        CHUNK_BYTES - 1,
        CHUNK_BYTES,
        2 * CHUNK_BYTES,
        size - 1,
        size,
        size + 9,
    }
    for start in sorted(each for each in edges if each >= 0):
        assert await whole(blobs, key, start) == content[start:]
        for length in (0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, size, size + 1):
            assert await whole(blobs, key, start, length) == content[start : start + length]


async def test_a_range_reads_the_chunks_that_it_needs(
    inner: MemoryBlobs, blobs: SealedBlobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = new_key()
    await blobs.write(key, zeros(5 * MB))
    asked: list[tuple[int, int | None]] = []
    read = inner.read

    def noting(key: str, start: int = 0, length: int | None = None) -> Any:
        asked.append((start, length))
        return read(key, start, length)

    monkeypatch.setattr(inner, "read", noting)
    assert await whole(blobs, key, 2 * MB + 10, 100) == bytes(100)
    chunk = CHUNK_BYTES + TAG_BYTES
    assert asked == [(0, HEAD_BYTES), (HEAD_BYTES + 2 * MB // CHUNK_BYTES * chunk, chunk)]


def chunks_of(data: bytes) -> list[bytes]:
    whole_chunk = CHUNK_BYTES + TAG_BYTES
    return [data[at : at + whole_chunk] for at in range(HEAD_BYTES, len(data), whole_chunk)]


def joined(data: bytes, chunks: list[bytes]) -> bytes:
    return data[:HEAD_BYTES] + b"".join(chunks)


CHANGES: dict[str, Callable[[bytes, list[bytes]], bytes]] = {
    "cut off at the end of a chunk": lambda data, chunks: joined(data, chunks[:-1]),
    "cut off behind the first chunk": lambda data, chunks: joined(data, chunks[:1]),
    "cut off in the middle of a chunk": lambda data, chunks: data[:-1000],
    "cut off behind the head": lambda data, chunks: data[:HEAD_BYTES],
    "a byte more": lambda data, chunks: data + b"\0",
    "a chunk more": lambda data, chunks: joined(data, [*chunks, chunks[0]]),
    "the last chunk twice": lambda data, chunks: joined(data, [*chunks, chunks[-1]]),
    "two chunks in another order": lambda data, chunks: joined(data, [*chunks[1::-1], *chunks[2:]]),
    "a chunk left out": lambda data, chunks: joined(data, [chunks[0], *chunks[2:]]),
    "a bit of a text": lambda data, chunks: data[:5000] + bytes((data[5000] ^ 1,)) + data[5001:],
    "a bit of a tag": lambda data, chunks: data[:-1] + bytes((data[-1] ^ 1,)),
    "a bit of the salt": lambda data, chunks: data[:20] + bytes((data[20] ^ 1,)) + data[21:],
}


@pytest.mark.parametrize("size", [3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 500])
@pytest.mark.parametrize("how", CHANGES)
async def test_what_was_changed_in_the_place_is_found(
    how: str, size: int, inner: MemoryBlobs, blobs: SealedBlobs
) -> None:
    key = new_key()
    await blobs.write(key, zeros(size))
    data = stored(inner, key)
    change(inner, key, CHANGES[how](data, chunks_of(data)))
    with pytest.raises(BlobsUnavailable) as caught:
        await whole(blobs, key)
    assert key in caught.value.reason and "damaged or changed" in caught.value.reason
    change(inner, key, data)
    assert await whole(blobs, key) == bytes(size)


async def test_a_file_under_the_name_of_another_is_refused(
    inner: MemoryBlobs, blobs: SealedBlobs
) -> None:
    one, other = new_key(), new_key()
    for key in (one, other):
        await blobs.write(key, given([b"of " + key.encode()]))
    inner.contents[one] = inner.contents[other]
    with pytest.raises(BlobsUnavailable) as caught:
        await whole(blobs, one)
    assert f"the file {one} was damaged" in caught.value.reason


async def test_no_two_files_are_sealed_alike(inner: MemoryBlobs, blobs: SealedBlobs) -> None:
    one, other = new_key(), new_key()
    for key in (one, other):
        await blobs.write(key, given([bytes(1000)]))
    assert stored(inner, one)[HEAD_BYTES:] != stored(inner, other)[HEAD_BYTES:]
    before = stored(inner, one)
    await blobs.delete(one)
    await blobs.write(one, given([bytes(1000)]))
    assert stored(inner, one)[HEAD_BYTES:] != before[HEAD_BYTES:], "nor is one name used twice"


async def test_what_was_there_before_is_read_as_it_stands(
    inner: MemoryBlobs, blobs: SealedBlobs
) -> None:
    contents = [b"", b"short", bytes(48), secrets.token_bytes(300_000), MAGIC, b"x" + MAGIC * 9]
    keys = [new_key() for _ in contents]
    for key, content in zip(keys, contents, strict=True):
        await inner.write(key, given([content]))
    await blobs.write(new_key(), given([b"sealed"]))
    for key, content in zip(keys, contents, strict=True):
        assert await whole(blobs, key) == content
        assert await whole(blobs, key, 2, 1000) == content[2:1002]
        assert await blobs.size(key) == len(content)
    assert sorted(each.size for each in await blobs.list()) == sorted([*map(len, contents), 6])


async def test_a_large_file_is_never_in_memory(tmp_path: Path) -> None:
    plugin = DiskBlobsPlugin(DiskBlobsPlugin.Config(min_free_percent=0.0), tmp_path)
    blobs = SealedBlobs(plugin.provide_blobs(), Fixed())
    await blobs.open()
    key = new_key()
    gc.collect()
    tracemalloc.start()
    try:
        await blobs.write(key, zeros(20 * MB))
        async with aclosing(blobs.read(key)) as parts:
            assert sum([len(part) async for part in parts]) == 20 * MB
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        await blobs.close()
    assert peak < 4 * MB, f"{peak:,}"


# -- keys ----------------------------------------------------------------------------------------------


async def test_keys_of_files_are_records_of_the_store_and_rotated(inner: MemoryBlobs) -> None:
    rows, hand, keys = Shared(), Hand(), [new_key() for _ in range(3)]
    async with opened(sealed(rows, clock=hand)) as store, opened(sealed(rows, clock=hand)) as other:
        here, there = (SealedBlobs(inner, FileKeys(lambda at=at: at)) for at in (store, other))
        await here.write(keys[0], given([b"first"]))
        assert await whole(there, keys[0]) == b"first"
        ((id, value),) = await store.scan(FILE_KEYS, "")
        assert value not in (await rows.get(FILE_KEYS, id) or b"")
        care = caretaker(store, hand)
        await care.rotate_data()
        hand.now += 2
        await other.get("any", "record")
        for blobs, key in ((here, keys[1]), (there, keys[2])):
            await blobs.write(key, given([b"later"]))
        ids = {stored(inner, key)[len(MAGIC) :][: files.ID_BYTES] for key in keys}
        assert len(ids) == 2 and len(await store.scan(FILE_KEYS, "")) == 2
        assert await care.seal(60)
        await care.rotate_master()
    async with opened(sealed(rows)) as store:
        blobs = SealedBlobs(inner, FileKeys(lambda: store))
        texts = [await whole(blobs, key) for key in keys]
        assert texts == [b"first", b"later", b"later"]
        await store.delete(FILE_KEYS, min(id for id, _ in await store.scan(FILE_KEYS, "")))
        blobs = SealedBlobs(inner, FileKeys(lambda: store))
        reasons = []
        for key in keys:
            try:
                await whole(blobs, key)
            except BlobsUnavailable as error:
                reasons.append(error.reason)
        assert reasons and all("of files is missing in the store" in each for each in reasons)


async def test_without_the_store_nothing_is_written_or_read(inner: MemoryBlobs) -> None:
    blobs, key = SealedBlobs(inner, FileKeys(lambda: None)), new_key()
    with pytest.raises(BlobsUnavailable) as caught:
        await blobs.write(key, given([b"x"]))
    assert "is not open" in caught.value.reason
    assert inner.contents == {}
    await inner.write(key, given([b"in clear"]))
    assert await whole(blobs, key) == b"in clear"
    with pytest.raises(ChatError, match=r"blob\.not_found"):
        await whole(blobs, new_key())


def test_every_method_of_the_contract_is_written_out() -> None:
    methods = {name for name, each in vars(Blobs).items() if callable(each) and name[0] != "_"}
    assert methods <= set(vars(SealedBlobs))
