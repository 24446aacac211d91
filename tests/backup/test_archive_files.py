"""Defects of an archive are reported with their line, before anything is written."""

import asyncio
import base64
import gzip
import hashlib
import os
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatserver.cluster.installation import epoch
from chatserver.copies.archive import files
from chatserver.copies.archive.errors import ArchiveError, Corrupted
from chatserver.copies.archive.exporting import export
from chatserver.copies.archive.importing import import_archive
from tests.backup.seed import seed

Empty = Callable[[str], Any]
Lines = list[bytes]
SESSION = b'{"ev":"record","space":"plugin/password","key":"session/x","value":"eA=="}\n'
GONE = b'{"ev":"record","space":"user","key":"u1"}\n'
NO_NUMBER = b'{"ev":"record","space":"read","key":"u1/room0","value":"eA=="}\n'
TOO_LARGE = NO_NUMBER.replace(b"eA==", base64.b64encode(b"9" * 5000))
NO_ROOM = (
    b'{"ev":"message.posted","room":"r","seq":1,"at":"2026-01-02T03:04:05.678Z",'
    b'"author":{"id":"u1","name":"Ada"},"id":"r-1","body":"","client_id":"c"}\n'
)
UNTIL = b'{"ev":"until","at":"2026-01-02T03:04:05.678Z","records":true}\n'


@pytest.fixture
def archive(empty: Empty, tmp_path: Path) -> Lines:
    """The lines of a valid archive."""

    async def make() -> None:
        async with empty("memory") as store:
            await seed(store, rooms=2, messages=6)
            await epoch(store)
            await export(store, tmp_path / "good.jsonl")

    asyncio.run(make())
    return (tmp_path / "good.jsonl").read_bytes().splitlines(keepends=True)


def refused(empty: Empty, path: Path, error: type[ArchiveError] = Corrupted) -> str:
    """The reason of a refusal. Nothing was written, not even a note of the attempt."""

    async def attempt() -> str:
        async with empty("memory") as store:
            with pytest.raises(error) as caught:
                await import_archive(path, store)
            assert await store.spaces() == []
            assert await store.list_rooms("", 1) == []
        return str(caught.value)

    return asyncio.run(attempt()).removeprefix(f"{path}: ")


def first(lines: Lines, kind: bytes) -> int:
    return next(number for number, line in enumerate(lines) if b'"ev":"' + kind in line)


def sealed(lines: Lines) -> Lines:
    """With a final hash that fits the lines."""
    digest = hashlib.sha256(b"".join(lines[:-1])).hexdigest().encode()
    return [*lines[:-1], re.sub(rb'"sha256":"\w+"', b'"sha256":"' + digest + b'"', lines[-1])]


@pytest.mark.parametrize("kind", [b"archive", b"record", b"message", b"room", b"space", b"end"])
def test_a_byte_that_was_changed(kind: bytes, archive: Lines, empty: Empty, tmp_path: Path) -> None:
    chance = random.Random(1)
    number = first(archive, kind + b'"' if kind != b"message" else kind)
    for _ in range(12):
        line = bytearray(archive[number])
        line[chance.randrange(len(line))] ^= chance.randrange(1, 256)
        path = tmp_path / "broken.jsonl"
        path.write_bytes(b"".join([*archive[:number], bytes(line), *archive[number + 1 :]]))
        # Perhaps not the line itself, but one that has its hash; a version may have become another.
        assert re.match(r"line \d+: ", refused(empty, path, ArchiveError))


def test_a_line_that_is_gone_came_twice_or_changed_places(
    archive: Lines, empty: Empty, tmp_path: Path
) -> None:
    path = tmp_path / "broken.jsonl"
    for number in range(0, len(archive), 7):
        before, line, after = archive[:number], archive[number], archive[number + 1 :]
        for lines in (
            [*before, *after],
            [*before, line, line, *after],
            [*before, *after[:1], line, *after[1:]],
        ):
            path.write_bytes(b"".join(lines))
            assert re.match(r"line \d+: ", refused(empty, path))


def test_cut_off_anywhere(archive: Lines, empty: Empty, tmp_path: Path) -> None:
    whole = b"".join(archive)
    path = tmp_path / "broken.jsonl"
    for size in [*range(1, len(whole), len(whole) // 20), len(whole) - 1]:
        path.write_bytes(whole[:size])
        lines = whole[:size].count(b"\n")
        assert refused(empty, path) == f"line {lines + 1}: the archive is truncated"
    path.write_bytes(b"".join(archive[:5]))
    assert refused(empty, path) == "line 6: the archive is truncated"
    packed = gzip.compress(whole)
    for size in range(20, len(packed), len(packed) // 20):
        path.write_bytes(packed[:size])
        assert re.match(r"line \d+: the file cannot be read: ", refused(empty, path))
    path.write_bytes(packed[:1000] + bytes([packed[1000] ^ 1]) + packed[1001:])
    assert re.match(r"line \d+: ", refused(empty, path))


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (SESSION, "space plugin/password: such a record is not allowed in an archive"),
        (NO_NUMBER, "space read: expected the seq of an event"),
        (TOO_LARGE, "space read: expected the seq of an event"),
        (NO_ROOM, "room r: its log must begin with the room's description"),
        (GONE, "space user: such a record is not allowed in an archive"),
        (UNTIL, "such a line is not allowed here"),
        (b"\n", "this is not a line of an archive"),
        (b'{"ev":"nonsense"}\n', "this is not a line of an archive"),
        (b"\xff\n", "this is not a line of an archive"),
    ],
)
def test_entries_that_do_not_belong_in_an_archive(
    line: bytes, text: str, archive: Lines, empty: Empty, tmp_path: Path
) -> None:
    path = tmp_path / "other.jsonl"
    path.write_bytes(b"".join(sealed([archive[0], line, *archive[1:]])))
    assert refused(empty, path) == f"line 2: {text}"
    path.write_bytes(b"".join([*archive, line]))
    assert re.match(f"line {len(archive) + 1}: ", refused(empty, path))


def test_a_record_that_comes_twice_is_named_where_all_hashes_fit(
    archive: Lines, empty: Empty, tmp_path: Path
) -> None:
    number = first(archive, b"record")
    line = re.sub(rb'"value":"[^"]*"', b'"value":"eA=="', archive[number])
    path = tmp_path / "twice.jsonl"
    path.write_bytes(b"".join(sealed([*archive[: number + 1], line, *archive[number + 1 :]])))
    assert re.match(rf"line {number + 2}: space .*: this record occurs twice", refused(empty, path))


def test_an_event_that_is_missing_is_named_where_all_hashes_fit(
    archive: Lines, empty: Empty, tmp_path: Path
) -> None:
    number = first(archive, b"member.joined")
    path = tmp_path / "hole.jsonl"
    path.write_bytes(b"".join(sealed([*archive[:number], *archive[number + 1 :]])))
    assert re.match(rf"line {number + 1}: room .*: event 2 is missing", refused(empty, path))


def test_other_files_and_newer_archives(archive: Lines, empty: Empty, tmp_path: Path) -> None:
    path = tmp_path / "other"
    for text in (b"hello\nworld\n", b'{"ev":"end"}\n', b"[" * 100_000 + b"\n", b"\n\n"):
        path.write_bytes(text)
        assert refused(empty, path) == "line 1: this is not an archive of chatserver"
    path.write_bytes(b"")
    assert refused(empty, path) == "line 1: the file is empty"
    path.write_bytes(b'{"ev":"archive","version":3,"server":"9.9","more":[]}\n{"ev":"new"}\n')
    assert "version 3, " in refused(empty, path, ArchiveError)
    assert "use chatserver 9.9, which wrote it" in refused(empty, path, ArchiveError)
    path.unlink()
    assert refused(empty, path, ArchiveError) == "No such file or directory"
    assert refused(empty, Path(os.devnull), ArchiveError).startswith("expected a regular file")


def test_a_file_is_never_replaced_and_never_there_before_it_is_complete(
    empty: Empty, tmp_path: Path
) -> None:
    async def attempt(path: Path, text: str) -> None:
        async with empty("memory") as store:
            await seed(store)
            await epoch(store)
            with pytest.raises(ArchiveError, match=text):
                await export(store, path)

    there = tmp_path / "there"
    there.write_bytes(b"mine")
    asyncio.run(attempt(there, "the file exists already"))
    assert there.read_bytes() == b"mine"
    asyncio.run(attempt(tmp_path / "none" / "chat.jsonl", "there is no folder"))
    asyncio.run(attempt(Path(), "this is a folder"))
    with files.new_file(tmp_path / "new") as file:
        asyncio.run(attempt(tmp_path / "new", "another command is writing this file"))
        file.write(b"mine")
    assert (tmp_path / "new").read_bytes() == b"mine"
    (tmp_path / "new").unlink()
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
