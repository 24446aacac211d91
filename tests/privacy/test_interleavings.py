"""What should be gone is gone, and what should stay stays, however edits, erasures, expiry, jobs and crashes meet."""

import asyncio
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pytest

from chatserver.interfaces import Appended
from chatserver.model import AnyEvent
from chatserver.service import removal
from chatserver_plugins.memory import MemoryStore
from chatserver_plugins.sqlite import SqlitePlugin
from tests.core.checker import Broken
from tests.privacy.interleaving import drawn, run
from tests.servers import PATIENT_MS
from tests.virtual_time import run as run_virtually

pytestmark = pytest.mark.long

ON_MEMORY, ON_SQLITE, AT_ONCE = 150, 20, 5


def in_memory(store: MemoryStore, seed: int) -> None:
    async def look() -> bytes:
        return repr(vars(store)).encode()

    run_virtually(lambda: run(store, look, *drawn(seed), seed))


def test_each_text_is_gone_or_stays(logged: list[str]) -> None:
    for seed in range(ON_MEMORY):
        in_memory(MemoryStore(), seed)


async def on_sqlite(folder: Path, seed: int) -> None:
    """Here all bytes of the files are looked through, of which the jobs leave nothing that is gone."""
    store: Any = SqlitePlugin(SqlitePlugin.Config(timeout_ms=PATIENT_MS), folder).provide_store()
    await store.open()

    def everything() -> bytes:
        return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())

    async def look() -> bytes:
        return await asyncio.to_thread(everything)

    try:
        await run(store, look, *drawn(seed), seed)
    finally:
        await store.close()


def test_each_text_is_gone_or_stays_in_the_files_of_sqlite(
    logged: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "SETTLED_SECONDS", 0.3)  # longer than what is on its way

    async def all_of_it() -> None:
        for first in range(0, ON_SQLITE, AT_ONCE):
            seeds = range(1000 + first, 1000 + first + AT_ONCE)
            await asyncio.gather(*(on_sqlite(tmp_path / str(seed), seed) for seed in seeds))

    asyncio.run(all_of_it())


# -- the controls: what is broken on purpose has to be found -------------------------------------


class Retentive(MemoryStore):
    """Keeps the texts that edits and deletions replace, and those that it is told to remove, now and then."""

    async def append(self, events: Sequence[AnyEvent], erasing: Collection[int] = ()) -> Appended:
        return await super().append(events, ())

    async def redact(self, room: str, seqs: Sequence[int]) -> None:
        await super().redact(room, [seq for seq in seqs if seq % 5])


class Hasty(MemoryStore):
    """Removes the text of the neighbour, too."""

    async def redact(self, room: str, seqs: Sequence[int]) -> None:
        await super().redact(room, [each for seq in seqs for each in (seq, seq + 1)])


class Unwilling(MemoryStore):
    """Says that events are replaced, and leaves one in three as it was."""

    async def replace(self, pairs: Sequence[tuple[AnyEvent, AnyEvent]]) -> int:
        await super().replace([pair for pair in pairs if pair[0].seq % 3])
        return len(pairs)


class KeepingRooms(MemoryStore):
    """Clears nothing."""

    async def clear(self, room: str, seqs: Sequence[int]) -> None: ...


@pytest.mark.parametrize("kind", [Retentive, Hasty, Unwilling, KeepingRooms])
def test_a_weak_store_is_found_out(logged: list[str], kind: type[MemoryStore]) -> None:
    expect_broken(kind)


async def no_answer(*given: object, **named: object) -> int:
    """In place of a part that matters."""
    return 0


def nothing(*given: object, **named: object) -> None:
    """The same, of those that are not awaited."""


@pytest.mark.parametrize(
    ("part", "instead"),
    [
        ("chatserver.privacy.erasing.LogErasing._tell", no_answer),
        ("chatserver.privacy.erasing.LogErasing._forget", nothing),
        ("chatserver.search.cleaning.Cleaner.clean", no_answer),
        ("chatserver.service.cleanings.Cleanings.clean", no_answer),
        ("chatserver.service.deletion.RoomDeletion._clear", no_answer),
        ("chatserver.service.removal.Removal.finish", no_answer),
    ],
)
def test_a_missing_part_is_found_out(
    logged: list[str], monkeypatch: pytest.MonkeyPatch, part: str, instead: object
) -> None:
    monkeypatch.setattr(part, instead)
    expect_broken(MemoryStore)


def expect_broken(kind: type[MemoryStore]) -> None:
    for seed in range(200):
        try:
            in_memory(kind(), seed)
        except Broken:
            return
    pytest.fail("the checker found nothing")
