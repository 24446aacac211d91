"""Blobs as the service keeps them: taken, read, bounded, referred to."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from chatserver.blobs.model import clean_media_type, clean_name
from chatserver.blobs.plugin import PluginBlobs
from chatserver.blobs.service import BlobService
from chatserver.config.sections import BlobsConfig
from chatserver.errors import BlobsUnavailable, ChatError, StoreUnavailable
from chatserver.runtime.measure import Measures
from chatserver.testing.blobs import given, zeros
from chatserver_plugins.memory import MemoryStore
from tests.blobs.scene import Scene

MB = 1_000_000


async def code(call: Any) -> str:
    with pytest.raises(ChatError) as refused:
        await call
    return refused.value.code


async def test_what_is_taken_on_one_node_is_read_on_another() -> None:
    scene = Scene()
    content = bytes(range(256)) * 300
    blob = await scene.one.take(
        "ada",
        given([content[:1000], b"", content[1000:]]),
        name="a.pdf",
        media_type="application/PDF; x=y",
    )
    assert await scene.other.get(blob.id) == blob
    assert (blob.owner, blob.name, blob.media_type) == ("ada", "a.pdf", "application/pdf")
    assert (blob.size, blob.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert await scene.content(blob) == content
    assert await scene.content(blob, 300, 50) == content[300:350]
    assert await scene.content(blob, len(content) - 3) == content[-3:]


async def test_ids_are_random_and_anything_else_is_not_found() -> None:
    scene = Scene()
    blobs = [await scene.take(owner="") for _ in range(20)]
    assert len({blob.id for blob in blobs}) == len({blob.id[:8] for blob in blobs}) == 20
    for wrong in ("", "x", "0" * 32, blobs[0].id.upper(), f"{blobs[0].id}/x", "../../etc/passwd"):
        assert await code(scene.one.get(wrong)) == "blob.not_found"
        assert await code(scene.one.refer(wrong, "holder")) == "blob.not_found"


async def test_a_server_without_a_back_end_says_so() -> None:
    service = BlobService(MemoryStore(), None, BlobsConfig(), lambda: "epoch", Measures())
    blobs = PluginBlobs(service, "calm")
    assert not service.exist
    for call in (
        service.take("ada", given([b"x"])),
        service.get("0" * 32),
        service.refer("0" * 32, "x"),
        blobs.take("ada", given([b"x"])),
        blobs.release("0" * 32, "x"),
    ):
        assert await code(call) == "blob.none"


async def test_a_stream_that_breaks_leaves_nothing() -> None:
    scene = Scene()

    async def breaking() -> AsyncIterator[bytes]:
        yield b"half"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await scene.one.take("ada", breaking())
    assert (await scene.one.usage("ada")).bytes == 0
    assert scene.pieces() == []


async def test_a_size_that_was_announced_is_demanded() -> None:
    scene = Scene()
    assert (await scene.take(b"12345", size=5)).size == 5
    assert await code(scene.take(b"1234", size=5)) == "request.invalid"
    assert await code(scene.take(b"123456", size=5)) == "blob.too_large"
    assert (await scene.one.usage("ada")).bytes == 5
    assert len(scene.pieces()) == 1


async def test_a_file_that_is_too_large_is_cut_off() -> None:
    scene = Scene()
    asked = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal asked
        while True:
            asked += 1
            yield bytes(100_000)

    assert await code(scene.one.take("ada", endless())) == "blob.too_large"
    assert asked == 11
    assert await code(scene.take(size=MB + 1)) == "blob.too_large"
    assert (await scene.one.take("ada", zeros(MB), size=MB)).size == MB


async def test_a_user_has_a_share_and_others_have_theirs() -> None:
    scene = Scene()
    for _ in range(3):
        await scene.one.take("ada", zeros(900_000))
    assert (await scene.other.usage("ada")).bytes == 2_700_000
    assert await code(scene.other.take("ada", zeros(MB), size=MB)) == "limit.space"
    assert await code(scene.other.take("ada", zeros(MB))) == "blob.too_large"  # 0.3 MB are left
    assert (await scene.one.take("ada", zeros(300_000))).size == 300_000
    assert await code(scene.one.take("ada", given([b"x"]))) == "limit.space"
    assert (await scene.one.take("bob", zeros(MB))).size == MB
    for _ in range(5):
        assert (await scene.one.take("", zeros(MB))).size == MB  # the server's own


async def test_a_user_has_a_number_of_files() -> None:
    scene = Scene()
    for _ in range(8):
        await scene.take(b"x")
    with pytest.raises(ChatError) as refused:
        await scene.take(b"x")
    assert (refused.value.code, refused.value.detail) == ("limit.count", {"most": 8})
    assert (await scene.one.usage("ada")).files == 8


async def test_streams_at_the_same_time_are_bounded_over_all_nodes() -> None:
    scene = Scene()
    goes_on = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"x"
        await goes_on.wait()

    tasks = [
        asyncio.create_task(node.take("ada", slow(), size=1))
        for node in (scene.one, scene.other, scene.one)
    ]
    while (await scene.one.usage("ada")).under_way < 3:
        await asyncio.sleep(0)
    assert await code(scene.other.take("ada", slow(), size=1)) == "limit.rate"
    assert (await scene.one.take("bob", given([b"x"]), size=1)).size == 1
    goes_on.set()
    await asyncio.gather(*tasks)
    assert (await scene.take(b"x")).size == 1


async def test_two_at_once_are_never_too_much_together() -> None:
    scene = Scene()
    await scene.one.take("ada", zeros(MB), size=MB)
    found = await asyncio.gather(
        *(node.take("ada", zeros(MB), size=MB) for node in (scene.one, scene.other) * 3),
        return_exceptions=True,
    )
    assert sum(not isinstance(each, Exception) for each in found) <= 2
    assert (await scene.one.usage("ada")).bytes <= 3 * MB


async def test_a_store_that_fails_leaves_no_share_for_ever() -> None:
    scene = Scene()
    failing = Failing(scene.store)
    node = scene.node(store=failing)
    for number in range(1, 12):
        failing.at = number
        scene.clock.pass_hours(2)  # what broke off does not count as under way any more
        with suppress(StoreUnavailable):
            await node.take("ada", given([b"content"]))
    failing.at = 0
    await scene.collect(hours=30)
    await scene.one.collector.sweep()
    scene.clock.pass_hours(200)
    await scene.one.collector.sweep()
    assert (await scene.one.usage("ada")) == (0, 0, 0)
    assert scene.pieces() == []
    assert await scene.records() == {}


class Failing:
    """A store whose call number `at` fails after it has worked; counted from where `at` was set."""

    def __init__(self, store: Any) -> None:
        self._store, self._at = store, 0

    @property
    def at(self) -> int:
        return self._at

    @at.setter
    def at(self, number: int) -> None:
        self._at = number

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        async def call(*given: Any, **named: Any) -> Any:
            answer = await method(*given, **named)
            if self._at:
                self._at -= 1
                if not self._at:
                    raise StoreUnavailable
            return answer

        return call


@pytest.mark.parametrize("number", range(1, 8))
async def test_a_release_that_breaks_off_loses_no_blob_and_keeps_none_for_ever(number: int) -> None:
    scene = Scene()
    blob = await scene.take()
    await scene.one.refer(blob.id, "x")
    await scene.collect()  # so that it is not on the collector's list any more
    failing = Failing(scene.store)
    failing.at = number
    with suppress(StoreUnavailable):
        await scene.node(store=failing).release(blob.id, "x")
    await scene.collect()
    if await scene.one.holders(blob.id):
        assert await scene.content(blob) == b"content"
        await scene.one.release(blob.id, "x")
        await scene.collect()
    assert scene.pieces() == []
    assert await scene.records() == {}


async def test_references_keep_a_blob() -> None:
    scene = Scene()
    blob = await scene.take()
    assert await scene.other.refer(blob.id, "message:r:5") == blob
    await scene.one.refer(blob.id, "message:r:5")
    await scene.one.refer(blob.id, "plugin:polls:1")
    assert await scene.one.holders(blob.id) == ["message:r:5", "plugin:polls:1"]
    await scene.collect()
    assert await scene.content(blob) == b"content"
    await scene.one.release(blob.id, "message:r:5")
    await scene.one.release(blob.id, "message:r:5")
    await scene.collect()
    assert await scene.other.get(blob.id) == blob
    await scene.other.release(blob.id, "plugin:polls:1")
    await scene.collect()
    assert await code(scene.one.get(blob.id)) == "blob.not_found"


@pytest.mark.parametrize("holder", ["", "x" * 501, "ö" * 251])
async def test_a_holder_has_bounds(holder: str) -> None:
    scene = Scene()
    blob = await scene.take()
    with pytest.raises(ValueError, match="holder"):
        await scene.one.refer(blob.id, holder)


async def test_a_plugin_has_references_of_its_own() -> None:
    scene = Scene()
    polls, calm = (PluginBlobs(scene.one, name) for name in ("polls", "calm"))
    blob = await polls.take("", given([b"picture"]))
    await polls.refer(blob.id, "1")
    await calm.refer(blob.id, "1")
    assert await scene.one.holders(blob.id) == ["plugin:calm:1", "plugin:polls:1"]
    await polls.release(blob.id, "1")
    assert await scene.one.holders(blob.id) == ["plugin:calm:1"]


async def test_purging_takes_a_blob_from_all_that_refer_to_it() -> None:
    scene = Scene()
    blob = await scene.take()
    await scene.one.refer(blob.id, "message:r:5")
    await scene.other.purge(blob.id)
    assert await code(scene.one.get(blob.id)) == "blob.not_found"
    assert await code(scene.one.refer(blob.id, "message:r:6")) == "blob.not_found"
    assert scene.pieces() == []
    assert await scene.records() == {}
    await scene.one.purge(blob.id)


async def test_content_that_is_missing_is_not_taken_for_a_short_file() -> None:
    scene = Scene()
    blob = await scene.take(b"0123456789")
    _, at = scene.blobs.contents[blob.pieces[0].key]
    scene.blobs.contents[blob.pieces[0].key] = [b"0123"], at
    with pytest.raises(BlobsUnavailable):
        await scene.content(blob)
    del scene.blobs.contents[blob.pieces[0].key]
    assert await code(scene.content(blob)) == "blob.not_found"


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("a.png", "a.png"),
        ("/etc/passwd", "passwd"),
        (r"C:\Users\ada\a.txt", "a.txt"),
        ("../..", ""),
        ("a\0b\nc\u202egnp.exe", "abcgnp.exe"),
        ("日本語.txt", "日本語.txt"),
        ("x" * 300 + ".jpeg", "x" * 250 + ".jpeg"),
        ("x" * 300, "x" * 255),
    ],
)
def test_names_are_cleaned(name: str, clean: str) -> None:
    assert clean_name(name) == clean


@pytest.mark.parametrize(
    ("claimed", "clean"),
    [
        ("image/png", "image/png"),
        ("Text/HTML; charset=utf-8", "text/html"),
        ("", "application/octet-stream"),
        ("image/png\r\nX-Evil: 1", "application/octet-stream"),
        ("image", "application/octet-stream"),
        ("a/" + "b" * 100, "application/octet-stream"),
    ],
)
def test_media_types_are_cleaned(claimed: str, clean: str) -> None:
    assert clean_media_type(claimed) == clean
