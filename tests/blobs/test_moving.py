"""Files move from one place to another while a server serves them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chatserver import ChatError, StartupError
from chatserver.app import Server
from chatserver.blobs.carrying import Lost
from chatserver.blobs.fallback import TwoPlaces
from chatserver.blobs.moving import move
from chatserver.config import load
from chatserver.errors import BlobsUnavailable
from chatserver.testing.blobs import given
from tests.blobs.memory import MemoryBlobs
from tests.blobs.scene import Scene


def silent(done: int, of: int) -> None: ...


async def test_files_are_found_in_either_place_and_removed_from_both() -> None:
    old, new = MemoryBlobs(), MemoryBlobs()
    before = Scene(old)
    first = await before.take(b"first")
    await before.one.refer(first.id, "message")
    s = Scene(TwoPlaces(new, old))
    s.store, s.epoch, s.clock = before.store, before.epoch, before.clock
    s.one = s.other = s.node()
    second = await s.take(b"second")
    assert [await s.content(each) for each in (first, second)] == [b"first", b"second"]
    assert await s.content(first, 2, 2) == b"rs"
    assert second.pieces[0].key in new.contents and second.pieces[0].key not in old.contents
    listed = [each.key for each in await s.blobs.list()]
    assert listed == sorted(listed) and len(listed) == 3  # with the owner's mark
    assert [each.key for each in await s.blobs.list(listed[0], 1)] == [listed[1]]
    moved = await move(s.store, old, new, pytest.fail, silent)
    assert (moved.files, moved.new, moved.new_bytes, moved.lost) == (2, 1, 5, 0)
    old.contents.clear()
    s.blobs = new
    s.one = s.other = s.node()
    assert [await s.content(each) for each in (first, second)] == [b"first", b"second"]
    await s.take(b"the new place is this installation's")
    with pytest.raises(ChatError, match=r"blob\.not_found|no such file|not there"):
        old.contents.clear()
        new.contents.clear()
        await s.content(first)


async def test_a_file_is_removed_from_both_places() -> None:
    old, new = MemoryBlobs(), MemoryBlobs()
    both = TwoPlaces(new, old)
    for place in (old, new):
        await place.write("00112233", given([b"content"]))
    await both.delete("00112233")
    assert await both.size("00112233") is None


async def test_what_the_present_place_cannot_say_is_not_taken_from_the_former() -> None:
    class Away(MemoryBlobs):
        async def read(
            self, key: str, start: int = 0, length: int | None = None
        ) -> AsyncIterator[bytes]:
            raise BlobsUnavailable("away")
            yield b""

    old = MemoryBlobs()
    await old.write("00112233", given([b"content"]))
    with pytest.raises(BlobsUnavailable):
        async for _ in TwoPlaces(Away(), old).read("00112233"):
            """It has none."""


async def test_a_move_goes_on_and_names_what_is_lost() -> None:
    old, new = MemoryBlobs(), MemoryBlobs()
    s = Scene(old)
    whole, gone, spoilt, unneeded = [
        await s.take(name.encode(), name=name) for name in ("whole", "gone", "spoilt", "unneeded")
    ]
    for blob in (whole, gone, spoilt):
        await s.one.refer(blob.id, "plugin:it:1")
    old.contents[spoilt.pieces[0].key] = [b"other!"], 0.0
    for blob in (gone, unneeded):
        del old.contents[blob.pieces[0].key]
    begun = await s.one.uploads.create("ada", 100)
    await s.one.uploads.append(begun.id, "ada", 0, given([b"part"]))
    for _ in range(2):  # the second run finds the same
        lost: list[Lost] = []
        moved = await move(s.store, old, new, lost.append, silent)
        assert (moved.files, moved.lost) == (4, 3)
        assert {each.name: each.reason for each in lost} == {
            "gone": "its content is not there",
            "spoilt": "its content does not match its hash",
        }
        assert lost[0].rooms == ("plugin:it:1",)
    assert spoilt.pieces[0].key not in new.contents
    s.blobs = new
    s.one = s.other = s.node()
    done = await s.one.uploads.append(begun.id, "ada", 4, given([bytes(96)]))
    assert done.blob is not None and await s.content(done.blob) == b"part" + bytes(96)


def settings(folder: Path, **more: object) -> dict[str, object]:
    return {
        "server.data": str(folder / "data"),
        "logging.folder": "",
        "plugins.enabled": ["sqlite", "password", "disk_blobs", "gridfs"],
        "plugin.gridfs.uri": "mongodb://127.0.0.1:9/",
        **more,
    }


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "both provide a back end of blobs"),
        ({"blobs.place": "s3"}, "blobs.place: no enabled plugin s3"),
        ({"blobs.former": "s3"}, "blobs.former: no enabled plugin s3"),
        ({"blobs.place": "gridfs", "blobs.former": "gridfs"}, "it is blobs.place, too"),
    ],
)
def test_unclear_places_are_refused(more: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=said):
        Server(load(overrides=settings(tmp_path, **more), environ={}))


def test_one_of_two_places_is_named(tmp_path: Path) -> None:
    chosen = Server(load(overrides=settings(tmp_path, **{"blobs.place": "gridfs"}), environ={}))
    assert type(chosen.blobs).__name__ == "GridFSBlobs"
    former = {"blobs.former": "disk_blobs"}
    both = Server(load(overrides=settings(tmp_path, **former), environ={})).blobs
    assert isinstance(both, TwoPlaces)
    assert type(both.present).__name__ == "GridFSBlobs"
