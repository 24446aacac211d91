"""Archives carry the files of users, whichever places they come from and go to."""

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chatserver import Blobs, BlobsUnavailable, Store
from chatserver.blobs.carrying import Lost
from chatserver.blobs.model import Blob
from chatserver.blobs.service import BlobService
from chatserver.cluster.installation import epoch
from chatserver.config.sections import BlobsConfig
from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.archive.exporting import export
from chatserver.copies.archive.filesin import FilesIn
from chatserver.copies.archive.filesout import FilesOut
from chatserver.copies.archive.importing import import_archive
from chatserver.runtime.measure import Measures
from chatserver.testing.blobs import given
from chatserver_plugins.disk_blobs import DiskBlobs
from tests.backup.seed import seed
from tests.blobs.memory import MemoryBlobs

Empty = Callable[[str], Any]
LARGE = bytes(range(256)) * 5000  # 1.28 MB, several lines of data


class Failing(MemoryBlobs):
    """A place that is full after two files."""

    async def write(self, key: str, parts: AsyncIterator[bytes]) -> int:
        if len(self.contents) == 2:
            raise BlobsUnavailable("full")
        return await super().write(key, parts)


async def served(store: Store, place: Blobs) -> BlobService:
    """The files of an installation whose server runs on this store."""
    known = await epoch(store)
    return BlobService(store, place, BlobsConfig(), lambda: known, Measures())


async def take(files: BlobService, content: bytes, name: str, message: str = "r1-3") -> Blob:
    blob = await files.take("u1", given([content]), name=name)
    return await files.refer(blob.id, f"plugin:attachments:{message}")


async def content(files: BlobService, blob: str) -> bytes:
    return b"".join([part async for part in files.read(await files.get(blob))])


async def exported(store: Store, place: Blobs, path: Path) -> tuple[FilesOut, list[Lost]]:
    lost: list[Lost] = []
    files = FilesOut(place, lost.append)
    await export(store, path, filesout=files)
    return files, lost


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def rewritten(path: Path, changed: list[dict[str, Any]]) -> None:
    """Write an archive with other lines and the hash that fits them."""
    body = b"".join(json.dumps(line).encode() + b"\n" for line in changed[:-1])
    end = {**changed[-1], "sha256": hashlib.sha256(body).hexdigest()}
    path.write_bytes(body + json.dumps(end).encode() + b"\n")


async def test_files_move_from_one_place_to_another(empty: Empty, tmp_path: Path) -> None:
    path, source, target = tmp_path / "chat.jsonl.gz", DiskBlobs(tmp_path / "old"), MemoryBlobs()
    await source.open()
    async with empty("sqlite") as store, empty("memory") as fresh:
        await seed(store)
        old = await served(store, source)
        large, small = await take(old, LARGE, "large"), await take(old, b"small", "small.txt")
        nothing = await take(old, b"", "empty")
        begun = await old.uploads.create("u1", 1000, name="begun")
        await old.uploads.append(begun.id, "u1", 0, given([b"part"]))
        pieces = await old.uploads.create("u1", len(LARGE), name="in pieces")
        for start in (0, 1000, 700_000):
            end = {0: 1000, 1000: 700_000}.get(start, len(LARGE))
            await old.uploads.append(pieces.id, "u1", start, given([LARGE[start:end]]))
        files, lost = await exported(store, source, path)
        assert (files.files, files.lost, lost) == (4, 0, [])
        got = await import_archive(path, fresh, filesin=FilesIn(target, lost.append))
        assert (got.files, got.left_out) == (4, 0)
        new = await served(fresh, target)
        assert await content(new, large.id) == LARGE
        assert await content(new, pieces.id) == LARGE
        assert len((await new.get(pieces.id)).pieces) == 3
        assert await content(new, small.id) == b"small"
        assert await content(new, nothing.id) == b""
        assert (await new.get(large.id)).name == "large"
        assert await new.holders(small.id) == ["plugin:attachments:r1-3"]
        await take(new, b"one more", "the place is the new installation's")
    await source.close()


async def test_the_same_content_is_in_the_archive_once(empty: Empty, tmp_path: Path) -> None:
    path, source, target = tmp_path / "chat.jsonl", MemoryBlobs(), MemoryBlobs()
    async with empty("memory") as store, empty("memory") as fresh:
        await seed(store)
        old = await served(store, source)
        blobs = [await take(old, LARGE, f"copy {number}") for number in range(3)]
        files, _ = await exported(store, source, path)
        assert (files.files, files.bytes) == (3, len(LARGE))
        data = [line["data"] for line in lines(path) if line["ev"] == "data"]
        assert b"".join(map(base64.b64decode, data)) == LARGE
        await import_archive(path, fresh, filesin=FilesIn(target, pytest.fail))
        new = await served(fresh, target)
        await new.purge(blobs[0].id)  # each has content of its own
        for blob in blobs[1:]:
            assert await content(new, blob.id) == LARGE


async def test_a_lost_file_is_named_with_its_room(empty: Empty, tmp_path: Path) -> None:
    path, source, target = tmp_path / "chat.jsonl", MemoryBlobs(), MemoryBlobs()
    async with empty("memory") as store, empty("memory") as fresh:
        await seed(store)
        [room, *_] = await store.list_rooms("", 10)
        named = (await store.rooms([room]))[room].name
        old = await served(store, source)
        gone = await take(old, b"gone", "gone.png", f"{room}-3")
        spoilt = await take(old, b"spoilt", "spoilt.png", f"{room}-4")
        short = await take(old, b"short", "short.png", f"{room}-5")
        whole = await take(old, b"whole", "whole.png")
        unneeded = await old.take("u1", given([b"unneeded"]), name="nobody needs it")
        for blob, now in ((gone, None), (spoilt, b"other!"), (short, b"s"), (unneeded, None)):
            key = blob.pieces[0].key
            del source.contents[key]
            if now is not None:
                await source.write(key, given([now]))
        files, lost = await exported(store, source, path)
        assert (files.files, files.lost) == (1, 4)
        said = {each.name: (each.rooms, each.reason) for each in lost}
        assert said == {
            "gone.png": ((f"room {named}",), "its content is not there"),
            "spoilt.png": ((f"room {named}",), "its content does not match its hash"),
            "short.png": ((f"room {named}",), "1 of 5 bytes are there"),
        }
        again: list[Lost] = []
        got = await import_archive(path, fresh, filesin=FilesIn(target, again.append))
        assert got.files == 1
        assert sorted(again) == sorted(lost)
        new = await served(fresh, target)
        assert await content(new, whole.id) == b"whole"
        assert [key for key in target.contents if len(key) == 40] == [whole.pieces[0].key]


async def test_an_import_goes_on_where_it_stopped(empty: Empty, tmp_path: Path) -> None:
    path, source, target = tmp_path / "chat.jsonl", MemoryBlobs(), MemoryBlobs()
    async with empty("memory") as store, empty("memory") as fresh:
        await seed(store)
        old = await served(store, source)
        blobs = [await take(old, bytes([number]) * 500_000, f"{number}") for number in range(4)]
        await exported(store, source, path)
        failing = Failing(target.contents)
        with pytest.raises(ArchiveError, match="the place of the files: full"):
            await import_archive(path, fresh, filesin=FilesIn(failing, pytest.fail))
        assert len(target.contents) == 2
        got = await import_archive(path, fresh, filesin=FilesIn(target, pytest.fail))
        assert got.files == 4
        new = await served(fresh, target)
        for number, blob in enumerate(blobs):
            assert await content(new, blob.id) == bytes([number]) * 500_000


async def test_a_place_of_another_installation_is_refused(empty: Empty, tmp_path: Path) -> None:
    path, source = tmp_path / "chat.jsonl", MemoryBlobs()
    async with empty("memory") as store, empty("memory") as fresh:
        await seed(store)
        old = await served(store, source)
        blob = await take(old, b"content", "name")
        await exported(store, source, path)
        with pytest.raises(ArchiveError, match="belongs to another installation"):
            await import_archive(path, fresh, filesin=FilesIn(source, pytest.fail))
        assert await content(old, blob.id) == b"content"
        await take(old, b"still", "its own")


async def test_without_a_place_nothing_is_written(empty: Empty, tmp_path: Path) -> None:
    path, source = tmp_path / "chat.jsonl", MemoryBlobs()
    async with empty("memory") as store, empty("memory") as fresh:
        await seed(store)
        await take(await served(store, source), b"content", "name")
        await exported(store, source, path)
        with pytest.raises(ArchiveError, match="no plugin provides a place for the 1 files"):
            await import_archive(path, fresh)
        assert await fresh.list_rooms("", 1) == []
        got = await import_archive(path, fresh, without_files=True)
        assert (got.files, got.left_out) == (0, 1)


async def test_an_archive_of_version_1_is_imported(empty: Empty, tmp_path: Path) -> None:
    """Those had records of files, of unfinished uploads and of the place's owner, and no content."""
    path, place = tmp_path / "chat.jsonl", MemoryBlobs()
    async with empty("memory") as store, empty("memory") as fresh:
        await seed(store)
        old = await served(store, place)
        blob = await take(old, b"content", "name")
        await export(store, path)
        found = lines(path)
        found[0]["version"] = 1
        mark = {"ev": "record", "space": "blob_place", "key": "0" * 64, "value": "c2V0"}
        end = next(number for number, line in enumerate(found) if line["ev"] == "space")
        body = json.dumps(mark).encode() + b"\n"
        space = {"ev": "space", "space": "blob_place", "records": 1}
        found.insert(end, mark)
        found.insert(end + 1, {**space, "sha256": hashlib.sha256(body).hexdigest()})
        found[-1]["records"] += 1
        del found[-1]["files"], found[-1]["lost"]
        old_format = tmp_path / "old.jsonl"
        digest_lines(found)
        rewritten(old_format, found)
        got = await import_archive(old_format, fresh, filesin=FilesIn(MemoryBlobs(), pytest.fail))
        assert (got.files, got.left_out) == (0, 1)
        assert "blob_place" not in await fresh.spaces()
        assert (await (await served(fresh, place)).get(blob.id)).sha256 == blob.sha256


def digest_lines(found: list[dict[str, Any]]) -> None:
    """Fit the digests of rooms and spaces to lines as `json.dumps` writes them."""
    log, sums = hashlib.sha256(), {}
    for line in found:
        text = json.dumps(line).encode() + b"\n"
        number = int.from_bytes(hashlib.sha256(text).digest(), "big")
        if line["ev"] == "room":
            line["sha256"], log = log.hexdigest(), hashlib.sha256()
        elif line["ev"] == "record":
            sums[line["space"]] = (sums.get(line["space"], 0) + number) % (1 << 256)
        elif line["ev"] == "space":
            line["sha256"] = f"{sums[line['space']]:064x}"
        elif line["ev"] not in ("archive", "end", "file", "data", "file.end"):
            log.update(text)


@pytest.fixture
def tampered(tmp_path: Path) -> Iterator[Callable[[list[dict[str, Any]]], Path]]:
    def write(changed: list[dict[str, Any]]) -> Path:
        digest_lines(changed)
        rewritten(tmp_path / "changed.jsonl", changed)
        return tmp_path / "changed.jsonl"

    yield write


async def test_each_change_of_a_file_is_found(
    empty: Empty, tmp_path: Path, tampered: Callable[[list[dict[str, Any]]], Path]
) -> None:
    path, source = tmp_path / "chat.jsonl", MemoryBlobs()
    async with empty("memory") as store:
        await seed(store)
        old = await served(store, source)
        await take(old, LARGE, "large")
        await take(old, LARGE, "the same")
        await exported(store, source, path)
    whole = lines(path)
    start = [number for number, line in enumerate(whole) if line["ev"] == "file"]
    data = [number for number, line in enumerate(whole) if line["ev"] == "data"]
    ends = [number for number, line in enumerate(whole) if line["ev"] == "file.end"]

    def without(*numbers: int) -> list[dict[str, Any]]:
        return [dict(line) for number, line in enumerate(whole) if number not in numbers]

    def changed(number: int, **fields: Any) -> list[dict[str, Any]]:
        return [{**line, **fields} if at == number else line for at, line in enumerate(without())]

    other = base64.b64encode(b"x" * 1000).decode()
    too_long = base64.b64encode(b"x" * 2_000_000).decode()
    twice = [*without()[: data[1]], *without()[data[0] :]]
    for number, (lines_, said) in enumerate(
        (
            (changed(data[1], data=other), "does not match its hash"),
            (without(data[1]), "does not match its hash"),
            (changed(data[0], data=too_long), "a line of it is too long"),
            (twice, "more bytes than it states"),
            (without(ends[0]), "it has no end"),
            (without(start[0]), "its file has no beginning|no earlier file"),
            (without(start[1], ends[1]), "fewer or more files"),
            (changed(start[0], sha256="0" * 64), "no record has it"),
            (changed(start[1], same="0" * 32), "no earlier file has the same content"),
            (changed(start[0], blob="nonsense"), "is no id or hash"),
        )
    ):
        async with empty("memory") as fresh:
            with pytest.raises(ArchiveError, match=said):
                await import_archive(
                    tampered(lines_), fresh, filesin=FilesIn(MemoryBlobs(), pytest.fail)
                )
            assert await fresh.list_rooms("", 1) == [], number
    fewer = without(start[1], ends[1])
    fewer[-1]["files"] = 1
    async with empty("memory") as fresh:
        with pytest.raises(ArchiveError, match="it is missing"):
            await import_archive(tampered(fewer), fresh, without_files=True)


class Lying(MemoryBlobs):
    """A place that keeps other bytes than it was given."""

    async def write(self, key: str, parts: AsyncIterator[bytes]) -> int:
        size = await super().write(key, parts)
        if len(key) == 40:
            self.contents[key] = [bytes(size)], 0.0
        return size


async def test_what_a_place_keeps_is_read_back(empty: Empty, tmp_path: Path) -> None:
    path, source = tmp_path / "chat.jsonl", MemoryBlobs()
    async with empty("memory") as store, empty("memory") as fresh:
        await seed(store)
        await take(await served(store, source), b"content", "name.txt")
        await exported(store, source, path)
        with pytest.raises(ArchiveError, match=r"name\.txt: the place of the files has other"):
            await import_archive(path, fresh, filesin=FilesIn(Lying(), pytest.fail))
