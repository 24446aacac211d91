"""What is made from a blob is kept as long as it, and goes with it."""

import pytest

from chatserver.blobs.model import WAITING, Blob
from chatserver.errors import ChatError
from tests.blobs.scene import Scene


async def made(scene: Scene) -> tuple[Blob, Blob]:
    source, derived = await scene.take(b"large"), await scene.take(b"small", owner="")
    await scene.one.refer(source.id, "message:1")
    await scene.one.keep_with(derived.id, source.id, "thumbnails")
    return source, derived


async def test_it_is_kept_as_long_as_its_source() -> None:
    scene = Scene()
    source, derived = await made(scene)
    await scene.one.keep_with(derived.id, source.id, "thumbnails")
    await scene.collect()
    assert await scene.content(derived) == b"small"
    assert await scene.other.kept_with(source.id, "thumbnails") == [derived]
    assert await scene.other.kept_with(source.id, "thumb") == []
    await scene.one.release(source.id, "message:1")
    await scene.collect(runs=6)
    assert scene.pieces() == [] and await scene.records() == {}


async def test_it_goes_with_the_last_of_its_sources() -> None:
    scene = Scene()
    source, derived = await made(scene)
    again = await scene.take(b"large")
    await scene.one.refer(again.id, "message:2")
    await scene.one.keep_with(derived.id, again.id, "thumbnails")
    await scene.one.release(source.id, "message:1")
    await scene.collect(runs=6)
    assert await scene.content(derived) == b"small"
    await scene.one.purge(again.id)
    assert await scene.store.get(WAITING, derived.id) is not None
    await scene.collect(hours=0.1, runs=2)  # without another wait for `keep_hours`
    assert scene.pieces() == [] and await scene.records() == {}


async def test_nothing_is_kept_with_what_is_gone() -> None:
    scene = Scene()
    source, derived = await made(scene)
    await scene.one.purge(source.id)
    other = await scene.take(b"other")
    for pair in ((derived.id, source.id), (source.id, other.id)):
        with pytest.raises(ChatError) as caught:
            await scene.one.keep_with(*pair, "thumbnails")
        assert caught.value.code == "blob.not_found"
    assert await scene.one.kept_with(other.id, "thumbnails") == []
    await scene.collect(runs=6)
    assert scene.pieces() == [] and await scene.records() == {}


async def test_a_removal_at_the_same_time_leaves_nothing() -> None:
    """The source goes between the entry that it has something, and the look whether it is there."""
    scene = Scene()
    source, derived = await scene.take(b"large"), await scene.take(b"small", owner="")
    real = scene.one._have.references.refer

    async def refer(blob: str, holder: str) -> Blob:
        await scene.other.purge(source.id)
        return await real(blob, holder)

    scene.one._have.references.refer = refer  # type: ignore[method-assign]
    with pytest.raises(ChatError, match=r"blob\.not_found"):
        await scene.one.keep_with(derived.id, source.id, "thumbnails")
    await scene.collect(runs=6)
    assert scene.pieces() == [] and await scene.records() == {}


async def test_what_is_found_is_not_what_is_gone() -> None:
    scene = Scene()
    source, derived = await made(scene)
    await scene.one.purge(derived.id)
    assert await scene.one.kept_with(source.id, "thumbnails") == []
