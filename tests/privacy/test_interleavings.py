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
from tests.privacy.interleaving import OldWay, Way, drawn, run, small_parts
from tests.servers import PATIENT_MS
from tests.sqlite_pages import without_gaps
from tests.virtual_time import run as run_virtually

__all__ = ["small_parts"]

pytestmark = pytest.mark.long

ON_MEMORY, BESIDE_OLD, ON_SQLITE, AT_ONCE = 150, 50, 20, 5


def in_memory(store: MemoryStore, seed: int, ways: Sequence[type[Way]] = (Way, Way)) -> None:
    async def look() -> bytes:
        return repr(vars(store)).encode()

    run_virtually(lambda: run(store, look, *drawn(seed), seed, ways))


def test_each_text_is_gone_or_stays(logged: list[str]) -> None:
    for seed in range(ON_MEMORY):
        in_memory(MemoryStore(), seed)


def test_each_text_is_gone_or_stays_beside_a_node_of_an_older_version(logged: list[str]) -> None:
    for seed in range(500, 500 + BESIDE_OLD):
        in_memory(MemoryStore(), seed, (Way, OldWay))


async def on_sqlite(folder: Path, seed: int) -> None:
    """Here all bytes of the files are looked through, but for the gaps of SQLite's pages."""
    store: Any = SqlitePlugin(SqlitePlugin.Config(timeout_ms=PATIENT_MS), folder).provide_store()
    await store.open()

    def everything() -> bytes:
        files = [path for path in folder.rglob("*") if path.is_file()]
        return b"".join(
            without_gaps(path.read_bytes()) if path.suffix == ".db" else path.read_bytes()
            for path in files
        )

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


class Keeping(MemoryStore):
    """Leaves one event in three as it was when it is to be cleared or removed."""

    async def clear(self, room: str, seqs: Sequence[int]) -> None:
        await super().clear(room, [seq for seq in seqs if seq % 3])

    async def remove(self, room: str, seqs: Sequence[int]) -> None:
        await super().remove(room, [seq for seq in seqs if seq % 3])


@pytest.mark.parametrize("kind", [Retentive, Hasty, Unwilling, Keeping])
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


def test_what_an_older_node_leaves_is_found_out(
    logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chatserver.service.replaced.ReplacedTexts.remove", no_answer)
    expect_broken(MemoryStore, (Way, OldWay))


def expect_broken(kind: type[MemoryStore], ways: Sequence[type[Way]] = (Way, Way)) -> None:
    for seed in range(200):
        try:
            in_memory(kind(), seed, ways)
        except Broken:
            return
    pytest.fail("the checker found nothing")
