"""The collector: what it removes, in which steps, and what it leaves alone."""

import secrets

import pytest

from chatserver.blobs.model import BLOBS, REFERENCES, WAITING, new_piece
from chatserver.errors import BlobsUnavailable, ChatError
from chatserver.testing.blobs import given
from tests.blobs.memory import MemoryBlobs
from tests.blobs.scene import Scene


async def is_there(scene: Scene, blob: str) -> bool:
    try:
        await scene.other.get(blob)
    except ChatError as error:
        assert error.code == "blob.not_found"
        return False
    return True


async def test_an_unreferenced_blob_is_removed_in_two_steps_after_its_time() -> None:
    scene = Scene()
    blob = await scene.take()
    await scene.collect(hours=0.9, runs=1)
    await scene.collect(hours=0.05, runs=1)
    assert b"condemned" not in await scene.store.get(BLOBS, blob.id)
    await scene.collect(hours=0.1, runs=1)
    assert b"condemned" in await scene.store.get(BLOBS, blob.id)
    await scene.collect(hours=0.01, runs=3)
    assert await is_there(scene, blob.id)
    await scene.collect(hours=0.1, runs=1)
    assert not await is_there(scene, blob.id)
    assert scene.pieces() == []
    assert await scene.records() == {}


async def test_a_reference_saves_a_condemned_blob() -> None:
    scene = Scene()
    blob = await scene.take()
    await scene.collect(runs=1)
    await scene.other.refer(blob.id, "x")
    await scene.collect(runs=5)
    assert await scene.content(blob) == b"content"
    assert b"condemned" not in await scene.store.get(BLOBS, blob.id)
    assert WAITING not in await scene.records()


async def test_a_reference_to_what_is_gone_fails_and_leaves_nothing() -> None:
    scene = Scene()
    blob = await scene.take()
    await scene.collect()
    with pytest.raises(ChatError, match=r"blob\.not_found"):
        await scene.other.refer(blob.id, "x")
    assert await scene.records() == {}


async def test_the_time_without_a_reference_counts_from_the_last_release() -> None:
    scene = Scene()
    blob = await scene.take()
    await scene.one.refer(blob.id, "x")
    scene.clock.pass_hours(100)
    await scene.one.release(blob.id, "x")
    await scene.collect(hours=0.2, runs=4)
    assert b"condemned" not in await scene.store.get(BLOBS, blob.id)
    await scene.collect(hours=0.3, runs=2)
    assert not await is_there(scene, blob.id)


async def test_what_broke_off_in_the_last_step_is_finished() -> None:
    scene = Scene()
    blob = await scene.take()
    failing = FailingDelete(scene.blobs)
    scene.blobs.delete, healed = failing, scene.blobs.delete
    with pytest.raises(BlobsUnavailable):
        await scene.collect()
    assert not await is_there(scene, blob.id)
    assert scene.pieces() != []
    scene.blobs.delete = healed
    await scene.collect(runs=1)
    assert scene.pieces() == []
    assert await scene.records() == {}


class FailingDelete:
    def __init__(self, blobs: MemoryBlobs) -> None:
        self.blobs = blobs

    async def __call__(self, key: str) -> None:
        raise BlobsUnavailable


async def test_late_references_to_what_is_gone_are_removed_with_it() -> None:
    scene = Scene()
    blob = await scene.take()
    await scene.collect(runs=2)
    # A call of `refer` that stopped after its first step.
    found = await scene.store.get(BLOBS, blob.id)
    assert found is None
    await scene.store.put(REFERENCES, f"{blob.id}/x", b"")
    await scene.one.purge(blob.id)
    second = await scene.take()
    await scene.store.put(REFERENCES, f"{second.id}/x", b"")
    await scene.one.purge(second.id)
    assert await scene.store.scan(REFERENCES, f"{second.id}/") == []


async def test_content_without_a_record_is_removed_late() -> None:
    scene = Scene()
    blob = await scene.take()
    await scene.one.refer(blob.id, "x")
    orphan = new_piece(secrets.token_hex(16))
    await scene.blobs.write(orphan, given([b"left by a crash"]))
    other_piece = new_piece(blob.id)  # of an attempt that failed
    await scene.blobs.write(other_piece, given([b"left by a crash"]))
    scene.clock.pass_hours(47)
    await scene.one.collector.sweep()
    assert len(scene.pieces()) == 3
    scene.clock.pass_hours(2)
    await scene.one.collector.sweep()
    assert scene.pieces() == [blob.pieces[0].key]
    assert await scene.content(blob) == b"content"


async def test_what_is_no_piece_of_a_blob_is_left_alone() -> None:
    scene = Scene()
    await scene.take()
    for key in ("ab" * 8, "cd" * 24, "ef" * 32):
        await scene.blobs.write(key, given([b"of somebody else"]))
    scene.clock.pass_hours(1000)
    await scene.one.collector.sweep()
    assert {"ab" * 8, "cd" * 24, "ef" * 32} <= set(scene.blobs.contents)


async def test_a_record_that_cannot_be_read_keeps_its_content() -> None:
    scene = Scene()
    blob = await scene.take()
    other = await scene.take()
    await scene.store.put(BLOBS, blob.id, b"garbage")
    await scene.collect(hours=100)
    await scene.one.collector.sweep()
    assert scene.pieces() == [blob.pieces[0].key]
    assert not await is_there(scene, other.id)


async def test_only_the_owner_of_a_place_writes_and_removes() -> None:
    scene = Scene()
    kept, free = await scene.take(), await scene.take()
    await scene.one.refer(kept.id, "x")
    stranger = scene.node(epoch="another", store=type(scene.store)())
    with pytest.raises(ChatError, match=r"blob\.unavailable"):
        await stranger.take("ada", given([b"x"]))
    scene.clock.pass_hours(1000)
    await stranger.collector.sweep()
    await stranger.collector.collect()
    assert len(scene.pieces()) == 2
    copy = scene.node(epoch="restored")  # the same records, as after a restore
    for _ in range(3):
        await copy.collector.collect()
        await copy.collector.sweep()
        scene.clock.pass_hours(2)
    assert len(scene.pieces()) == 2
    assert b"".join([part async for part in copy.read(kept)]) == b"content"
    await copy.claim()
    for _ in range(3):
        await scene.one.collector.collect()
        scene.clock.pass_hours(2)
    assert len(scene.pieces()) == 2, "the former owner still removes"
    for _ in range(3):
        await copy.collector.collect()
        scene.clock.pass_hours(2)
    assert scene.pieces() == [kept.pieces[0].key]
    assert free.id not in str(scene.pieces())
    assert (await copy.take("ada", given([b"x"]))).size == 1


async def test_a_node_with_another_folder_takes_nothing() -> None:
    scene = Scene()
    blob = await scene.take()
    wrong = MemoryBlobs()
    scene.blobs, right = wrong, scene.blobs
    node = scene.node()
    with pytest.raises(ChatError, match=r"blob\.unavailable"):
        await node.take("ada", given([b"x"]))
    assert wrong.contents == {}
    scene.blobs = right
    assert await scene.content(blob) == b"content"
    assert (await scene.node().take("ada", given([b"x"]))).size == 1


async def test_an_owner_that_finds_a_second_mark_removes_nothing() -> None:
    scene = Scene()
    await scene.take()
    stranger = scene.node(epoch="another")
    await stranger._have.ownership._set()
    scene.clock.pass_hours(1000)
    await scene.collect()
    assert len(scene.pieces()) == 1
