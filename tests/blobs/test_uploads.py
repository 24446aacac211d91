"""Resumable uploads: pieces on any node, what breaks off is kept, one writer at a time."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from chatserver.blobs.locks import LockRecord, Locks
from chatserver.blobs.model import LOCKS, UPLOADS, encode, read_upload
from chatserver.blobs.uploads import Upload, Uploads
from chatserver.errors import ChatError
from chatserver.testing.blobs import given
from tests.blobs.scene import Scene
from tests.plugins.pictures import png_of
from tests.waiting import until

CONTENT = png_of(100_000)


async def refused(call: Any) -> ChatError:
    with pytest.raises(ChatError) as found:
        await call
    return found.value


async def cut_off(content: bytes) -> AsyncIterator[bytes]:
    """As from a client whose connection breaks."""
    yield content
    raise ConnectionResetError


async def endless(content: bytes, begun: asyncio.Event) -> AsyncIterator[bytes]:
    """As from a client that is gone, which the server does not know yet."""
    yield content
    begun.set()
    await asyncio.Event().wait()


async def begun(scene: Scene, size: int = len(CONTENT)) -> Upload:
    return await scene.one.uploads.create("ada", size, name="a.png", media_type="image/png")


async def test_an_upload_in_one_piece() -> None:
    scene = Scene()
    upload = await begun(scene)
    assert (upload.offset, upload.size, upload.blob) == (0, len(CONTENT), None)
    done = await scene.one.uploads.append(upload.id, "ada", 0, given([CONTENT]))
    assert done.offset == len(CONTENT)
    assert done.blob is not None
    assert done.blob.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert (done.blob.name, done.blob.media_type) == ("a.png", "image/png")
    assert await scene.content(done.blob) == CONTENT
    assert await scene.other.get(upload.id) == done.blob
    assert set(await scene.records()) == {"blob", "blob_free", "blob_owned"}
    assert (await scene.one.usage("ada")).under_way == 0


async def test_an_upload_in_pieces_on_two_nodes() -> None:
    scene = Scene()
    upload = await begun(scene)
    nodes = [scene.one.uploads, scene.other.uploads]
    for number, start in enumerate(range(0, len(CONTENT), 30_000)):
        node = nodes[number % 2]
        assert (await node.find(upload.id, "ada")).offset == start
        upload = await node.append(
            upload.id, "ada", start, given([CONTENT[start : start + 30_000]])
        )
    blob = upload.blob
    assert blob is not None
    assert len(blob.pieces) == 4
    assert blob.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert await scene.content(blob) == CONTENT
    for start, length in ((29_999, 2), (30_000, 30_000), (1, 99_998), (95_000, 50_000)):
        assert await scene.content(blob, start, length) == CONTENT[start : start + length]


async def test_what_arrived_before_the_connection_broke_is_kept() -> None:
    scene = Scene()
    upload = await begun(scene)
    with pytest.raises(ConnectionResetError):
        await scene.one.uploads.append(upload.id, "ada", 0, cut_off(CONTENT[:1000]))
    assert (await scene.other.uploads.find(upload.id, "ada")).offset == 1000
    with pytest.raises(ConnectionResetError):
        await scene.one.uploads.append(upload.id, "ada", 1000, cut_off(b""))
    done = await scene.other.uploads.append(upload.id, "ada", 1000, given([CONTENT[1000:]]))
    assert done.blob is not None
    assert await scene.content(done.blob) == CONTENT


async def test_an_upload_continues_at_its_offset_alone() -> None:
    scene = Scene()
    upload = await begun(scene)
    await scene.one.uploads.append(upload.id, "ada", 0, given([CONTENT[:1000]]))
    for offset in (0, 999, 1001):
        error = await refused(scene.one.uploads.append(upload.id, "ada", offset, given([b"x"])))
        assert (error.code, error.detail) == ("blob.offset", {"offset": 1000})
    too_much = scene.one.uploads.append(upload.id, "ada", 1000, given([CONTENT]))
    assert (await refused(too_much)).code == "blob.too_large"
    assert (await scene.one.uploads.find(upload.id, "ada")).offset == 1000


async def test_an_upload_is_its_owners_alone() -> None:
    scene = Scene()
    upload = await begun(scene)
    uploads = scene.other.uploads
    for call in (
        uploads.find(upload.id, "bob"),
        uploads.append(upload.id, "bob", 0, given([b"x"])),
        uploads.cancel(upload.id, "bob"),
    ):
        assert (await refused(call)).code == "blob.not_found"
    await uploads.append(upload.id, "ada", 0, given([CONTENT]))
    assert (await refused(uploads.find(upload.id, "bob"))).code == "blob.not_found"
    assert (await uploads.find(upload.id, "ada")).offset == len(CONTENT)


async def test_an_empty_upload_is_complete_at_once() -> None:
    scene = Scene()
    upload = await begun(scene, 0)
    assert upload.blob is not None
    assert upload.blob.sha256 == hashlib.sha256(b"").hexdigest()
    assert await scene.content(upload.blob) == b""


async def test_the_last_request_may_be_repeated() -> None:
    scene = Scene()
    upload = await begun(scene)
    done = await scene.one.uploads.append(upload.id, "ada", 0, given([CONTENT]))
    again = await scene.other.uploads.append(upload.id, "ada", len(CONTENT), given([]))
    assert again == done
    assert (await scene.one.usage("ada")).bytes == len(CONTENT)


async def test_the_size_is_reserved_when_it_is_announced() -> None:
    scene = Scene()
    for _ in range(3):
        await begun(scene, 900_000)
    assert (await scene.one.usage("ada")).bytes == 2_700_000
    assert (await refused(begun(scene, 900_000))).code == "limit.space"
    assert (await refused(begun(scene, 1_000_001))).code == "blob.too_large"
    assert (await refused(begun(scene, -1))).code == "request.invalid"
    assert (await refused(begun(scene, 10))).code == "limit.rate"


async def test_a_cancelled_upload_leaves_nothing() -> None:
    scene = Scene()
    upload = await begun(scene)
    await scene.one.uploads.append(upload.id, "ada", 0, given([b"x"]))
    await scene.other.uploads.cancel(upload.id, "ada")
    assert (await refused(scene.one.uploads.find(upload.id, "ada"))).code == "blob.not_found"
    assert scene.pieces() == []
    assert (await scene.one.usage("ada")) == (0, 0, 0)


async def test_a_complete_upload_that_is_cancelled_is_removed_by_the_collectors_next_runs() -> None:
    scene = Scene()
    upload, kept = await begun(scene), await begun(scene)
    for each in (upload, kept):
        await scene.one.uploads.append(each.id, "ada", 0, given([CONTENT]))
    await scene.one.refer(kept.id, "message:1")
    for each in (upload, kept):
        await scene.other.uploads.cancel(each.id, "ada")
    await scene.collect(hours=0.1, runs=2)
    assert (await refused(scene.one.uploads.find(upload.id, "ada"))).code == "blob.not_found"
    assert (await refused(scene.one.uploads.cancel(upload.id, "ada"))).code == "blob.not_found"
    assert await scene.content(await scene.one.get(kept.id)) == CONTENT
    assert (await scene.one.usage("ada")).bytes == len(CONTENT)


async def test_an_upload_whose_end_broke_off_is_a_blob_before_it_is_cancelled() -> None:
    scene = Scene()
    upload = await begun(scene)
    await scene.one.uploads.append(upload.id, "ada", 0, given([CONTENT[:-1]]))
    before = await scene.store.get(UPLOADS, upload.id)
    await scene.one.uploads.append(upload.id, "ada", len(CONTENT) - 1, given([CONTENT[-1:]]))
    # The record as it is if the node died after the blob was made.
    pieces = (await scene.one.get(upload.id)).pieces
    done = msgspec.structs.replace(read_upload(before), pieces=pieces, state="done")
    await scene.store.put(UPLOADS, upload.id, encode(done))
    await scene.one.refer(upload.id, "message:1")
    await scene.other.uploads.cancel(upload.id, "ada")
    await scene.collect()
    assert await scene.content(await scene.one.get(upload.id)) == CONTENT


async def test_an_upload_that_nobody_continues_is_removed() -> None:
    scene = Scene()
    upload = await begun(scene)
    await scene.one.uploads.append(upload.id, "ada", 0, given([b"x"]))
    await scene.collect(hours=20, runs=1)
    await scene.one.uploads.append(upload.id, "ada", 1, given([b"x"]))
    await scene.collect(hours=20, runs=1)
    assert (await scene.one.uploads.find(upload.id, "ada")).offset == 2
    await scene.collect(hours=5, runs=1)
    assert (await refused(scene.one.uploads.find(upload.id, "ada"))).code == "blob.not_found"
    assert scene.pieces() == []
    assert await scene.records() == {}


async def test_pieces_of_an_upload_are_no_orphans() -> None:
    scene = Scene()
    upload = await begun(scene)
    await scene.one.uploads.append(upload.id, "ada", 0, given([CONTENT[:50_000]]))
    scene.clock.pass_hours(100)
    await scene.one.collector.sweep()
    done = await scene.one.uploads.append(upload.id, "ada", 50_000, given([CONTENT[50_000:]]))
    assert done.blob is not None
    assert await scene.content(done.blob) == CONTENT


def quick(scene: Scene, **times: float) -> Uploads:
    """Uploads of a node whose locks wait for short times."""
    node = scene.node()
    node.uploads._locks = Locks(
        scene.store, **({"beat": 0.02, "poll": 0.01, "expire": 0.5, "wait": 30.0} | times)
    )
    return node.uploads


@pytest.mark.parametrize("elsewhere", [False, True], ids=["the same node", "another node"])
async def test_who_comes_back_ends_the_old_request(elsewhere: bool) -> None:
    scene = Scene()
    # On the same node nobody waits for the next look at the lock's record.
    here = quick(scene, beat=0.02 if elsewhere else 1000.0, expire=1000.0)
    there = quick(scene, expire=1000.0) if elsewhere else here
    upload = await begun(scene)
    stalled = asyncio.Event()
    old = asyncio.create_task(here.append(upload.id, "ada", 0, endless(CONTENT[:1000], stalled)))
    await stalled.wait()
    new = await refused(there.append(upload.id, "ada", 0, given([CONTENT])))
    assert new.detail == {"offset": 1000}  # what the old request had got is kept
    assert (await refused(old)).code == "blob.busy"
    done = await there.append(upload.id, "ada", 1000, given([CONTENT[1000:]]))
    assert done.blob is not None
    assert await scene.content(done.blob) == CONTENT


async def test_the_lock_of_a_node_that_died_is_taken_over() -> None:
    scene = Scene()
    upload = await begun(scene)
    await scene.store.put(LOCKS, upload.id, encode(LockRecord("dead", 7)))
    uploads = quick(scene)
    done = await uploads.append(upload.id, "ada", 0, given([CONTENT]))
    assert done.blob is not None


async def test_a_holder_that_does_not_stop_makes_others_wait_in_vain() -> None:
    scene = Scene()
    locks, others = (
        Locks(scene.store, beat=0.02, poll=0.01, expire=5.0, wait=0.2) for _ in range(2)
    )
    async with locks.held("x") as stop:
        with pytest.raises(ChatError, match=r"blob\.busy"):
            async with others.held("x"):
                pass
        await stop.wait()
    async with others.held("x") as stop:
        assert not stop.is_set()


async def test_a_lock_has_one_holder_at_a_time() -> None:
    scene = Scene()
    nodes = [Locks(scene.store, beat=0.01, poll=0.001) for _ in range(4)]
    inside = most = 0

    async def enter(locks: Locks) -> None:
        nonlocal inside, most
        async with locks.held("x"):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.005)
            inside -= 1

    await asyncio.gather(*(enter(locks) for locks in nodes * 3))
    assert most == 1


async def test_a_lost_lock_does_not_mix_two_requests() -> None:
    scene = Scene()
    here, there = quick(scene, beat=1000.0), quick(scene)  # the first one never looks
    upload = await begun(scene)
    goes_on = asyncio.Event()

    async def late() -> AsyncIterator[bytes]:
        yield CONTENT[:500]
        await goes_on.wait()
        yield CONTENT[500:1000]

    with_lock_lost = asyncio.create_task(here.append(upload.id, "ada", 0, late()))
    await until(lambda: scene.store.get(LOCKS, upload.id))
    await scene.store.put(LOCKS, upload.id, encode(LockRecord("")))
    await there.append(upload.id, "ada", 0, given([CONTENT[:700]]))
    goes_on.set()
    assert (await refused(with_lock_lost)).code == "blob.busy"
    done = await there.append(upload.id, "ada", 700, given([CONTENT[700:]]))
    assert done.blob is not None
    assert await scene.content(done.blob) == CONTENT
