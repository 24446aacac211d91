"""What was removed is not in the files of a database either: each text has a marker, which is looked for in all bytes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from chatserver import RoomKind, Store, StoreUnavailable
from chatserver.runtime.clock import Clock
from chatserver.service import cleanings, replaced
from chatserver.service.service import Service
from chatserver_plugins.sqlite import SqlitePlugin
from tests.core.nodes import add_user, config, make_service, running
from tests.servers import PATIENT_MS
from tests.sqlite_pages import without_gaps

MARKERS = 200


class HandClock(Clock):
    """A clock that is moved on by hand."""

    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


def marker(number: int) -> str:
    return f"planted{number:04}marker"


def left_in(folder: Path, first: int = 0, end: int = MARKERS, *, gaps: bool = False) -> set[int]:
    """The markers that some file of the folder has; `gaps`: also those that SQLite moved away within a file."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    contents = [
        without_gaps(path.read_bytes()) if path.suffix == ".db" and not gaps else path.read_bytes()
        for path in files
    ]
    return {
        number
        for number in range(first, end)
        if any(marker(number).encode() in content for content in contents)
    }


def database_in(folder: Path) -> Path:
    (file,) = folder.rglob("*.db")
    return file


def sqlite(folder: Path) -> Store:
    return SqlitePlugin(SqlitePlugin.Config(timeout_ms=PATIENT_MS), folder).provide_store()


@asynccontextmanager
async def served(folder: Path, clock: Clock) -> AsyncIterator[Service]:
    store: Any = sqlite(folder)
    await store.open()
    try:
        async with running(make_service(store, config(), clock=clock)) as service:
            service.indexer.pause()  # the clock is moved on: it would not be done by then
            yield service
    finally:
        await store.close()


async def removed(service: Service, clock: HandClock) -> None:
    """Run the job until it has nothing left to do."""
    for _ in range(2):
        await service.replaced_texts.remove()
        clock.ahead += cleanings.SETTLED_SECONDS
    await service.replaced_texts.remove()


async def test_edited_and_deleted_texts_are_in_no_file_of_sqlite(tmp_path: Path) -> None:
    clock = HandClock()
    async with served(tmp_path, clock) as service:
        anna = await add_user(service, "anna")
        room = await service.rooms.create(anna, RoomKind.PUBLIC, "room")
        ids = []
        for number in range(MARKERS):
            long = " and so on" * (number % 40)  # some messages take pages of their own
            posted, _ = await service.messages.post(
                anna, room, f"c{number}", f"{marker(number)}{long}{'x' * 4000 * (number % 9 == 0)}"
            )
            ids.append(posted.id)
            if number % 50 == 0:
                await service.indexer.catch_up()
        await service.indexer.catch_up()
        assert left_in(tmp_path) == set(range(MARKERS)), "the scan finds what is there"
        for number, message in enumerate(ids[: MARKERS // 2]):
            if number % 2:
                await service.messages.edit(anna, room, message, f"text {number} is another")
            else:
                await service.messages.delete(anna, room, message)
        await removed(service, clock)
        assert left_in(tmp_path) == set(range(MARKERS // 2, MARKERS))
        for message in ids[MARKERS // 2 :]:
            await service.messages.delete(anna, room, message)
        await removed(service, clock)
        assert left_in(tmp_path) == set(), "while the server runs"
    assert left_in(tmp_path) == set(), "and after it was stopped"
    store: Any = sqlite(tmp_path)
    await store.open()
    await store.compact()
    assert left_in(tmp_path, gaps=True) == set(), "while the store is open"
    await store.close()
    assert left_in(tmp_path, gaps=True) == set()


async def test_what_an_interrupted_run_has_left_in_the_log_of_writes_goes_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = HandClock()
    async with served(tmp_path, clock) as service:
        anna = await add_user(service, "anna")
        room = await service.rooms.create(anna, RoomKind.PUBLIC, "room")
        posted, _ = await service.messages.post(anna, room, "c0", marker(0))
        await service.messages.edit(anna, room, posted.id, "another")

        async def crash(store: Store) -> None:
            raise StoreUnavailable

        with monkeypatch.context() as patched, pytest.raises(StoreUnavailable):
            patched.setattr(replaced, "scrub", crash)
            await service.replaced_texts.remove()
        assert left_in(tmp_path) == {0}
        await service.replaced_texts.remove()
        assert left_in(tmp_path) == set()


async def test_a_deleted_room_is_in_no_file_of_sqlite(tmp_path: Path) -> None:
    clock = HandClock()
    async with served(tmp_path, clock) as service:
        anna = await add_user(service, "anna")
        room = await service.rooms.create(anna, RoomKind.PRIVATE, marker(0), topic=marker(1))
        for number in range(2, 40):
            await service.messages.post(anna, room, f"c{number}", marker(number))
        await service.indexer.catch_up()
        assert len(left_in(tmp_path)) == 40
        await service.rooms.deletion.delete(anna, room)
        await service.rooms.deletion.settle()
        assert left_in(tmp_path) == set()


async def test_readers_do_not_keep_the_log_full_for_ever(tmp_path: Path) -> None:
    """A scrub waits for readers, and goes on when they are done."""
    store: Any = sqlite(tmp_path)
    await store.open()
    try:
        await store.put("s", "k", marker(0).encode() * 100)
        await store.delete("s", "k")
        assert left_in(tmp_path) == {0}
        await asyncio.gather(*(store.scan("s", "") for _ in range(50)), store.scrub())
        assert left_in(tmp_path) == set()
        await store.scrub()
    finally:
        await store.close()


@pytest.mark.parametrize("pages", [1, 40])
async def test_records_that_were_removed_are_overwritten(tmp_path: Path, pages: int) -> None:
    store: Any = sqlite(tmp_path)
    await store.open()
    try:
        for number in range(MARKERS):
            await store.put("s", f"k{number}", marker(number).encode() * 10 * pages)
        for number in range(0, MARKERS, 2):
            await store.put("s", f"k{number}", b"another")
        for number in range(1, MARKERS, 2):
            await store.delete("s", f"k{number}")
        await store.scrub()
        assert left_in(tmp_path) == set()
    finally:
        await store.close()


async def test_a_file_is_written_anew_however_long_that_takes(tmp_path: Path) -> None:
    store: Any = sqlite(tmp_path)
    await store.open()
    try:
        await store.put("s", "k", marker(0).encode() * 100)
        await store.delete("s", "k")
        patience, store._database._seconds = store._database._seconds, 0.0
        with pytest.raises(StoreUnavailable):
            await store.put("s", "k", b"v")
        await store.compact()
        assert store._database._seconds == 0.0, "of other calls"
        store._database._seconds = patience
        assert left_in(tmp_path, gaps=True) == set()
        compacting = asyncio.create_task(store.compact())
        await asyncio.sleep(0)
        compacting.cancel()
        await asyncio.wait([compacting])
        await store.put("s", "k", b"v")
        assert await store.get("s", "k") == b"v"
    finally:
        await store.close()


async def test_what_is_not_open_is_not_written_anew(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        await sqlite(tmp_path).compact()  # type: ignore[attr-defined]
