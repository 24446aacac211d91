"""Changes beside a backup: to the message, to the second, on every store, also after a crash."""

import asyncio
import errno
import os
import random
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chatserver import AnyEvent, Store
from chatserver.copies.archive.errors import Corrupted
from chatserver.copies.backup import increments
from chatserver.copies.backup.errors import BackupError
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.ledger import FILE as LEDGER
from chatserver.copies.backup.moment import choose, demand_reached, reach, read_moment
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.restore import restore
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.backup.shipper import Shipper
from chatserver.copies.backup.take import BackupSettings, take
from chatserver.copies.backup.verify import verify
from chatserver.runtime.clock import now_text
from chatserver.runtime.measure import Gauge, Measures
from chatserver.testing.samples import described, posted
from tests.backup.conftest import KEY, KINDS
from tests.backup.seed import contents, seed

NAMES = ("", "records_")  # of what, in figures
SEALED = BackupSettings(part_bytes=1 << 20, key=KEY)


@pytest.fixture(autouse=True)
def all_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records are compared in every round."""
    monkeypatch.setattr("chatserver.copies.backup.shipper.SHARE", 1e9)


@asynccontextmanager
async def shipping(store: Store, shelf: Shelf, key: Key | None = KEY) -> AsyncIterator[Shipper]:
    """A shipper whose rounds are made by hand, closed at the end."""
    shipper = Shipper(store, shelf, key, 1.0, Measures())
    try:
        yield shipper
    finally:
        await shipper.end()


async def say(store: Store, room: str, body: str, at: str | None = None) -> AnyEvent:
    """One more message in a room."""
    seq = (await store.heads([room])).get(room, 0) + 1
    said = posted(room, seq, body=body, at=at or now_text(), client_id=f"{room} {seq}")
    await store.append([said])
    return said


async def next_second() -> str:
    """Wait until the present second is over, and return it."""
    second = datetime.now(UTC).replace(microsecond=0)
    while datetime.now(UTC).replace(microsecond=0) == second:
        await asyncio.sleep(0.01)
    return second.isoformat().replace("+00:00", "Z")


async def restored(backup: Backup, store: Store, at: str | None = None) -> Any:
    moment = read_moment(at) if at else None
    if moment:
        await demand_reached(backup, moment)
    await restore(backup, store, moment=moment)
    return await contents(store)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_second_comes_back_to_the_message(
    kind: str, empty: Callable[[str], Any], shelf: Shelf
) -> None:
    async with empty(kind) as store:
        await seed(store, rooms=3, messages=5)
        path, _ = await take(store, shelf, SEALED)
        async with shipping(store, shelf) as shipper:
            await next_second()
            await say(store, "room0", "in time")
            await say(store, "new room", "in time")
            await store.put("read", "u1/room0", b"8")
            await store.delete("plugin/notes", "a.b.c")
            wanted = await contents(store)
            second = await next_second()
            await shipper.round()
            await say(store, "room0", "too late")
            await say(store, "newer room", "too late")
            await store.put("user", "late", b"{}")
            await shipper.round()
            latest = await contents(store)
    async with empty(kind) as fresh:
        assert await restored(Backup(path, KEY), fresh, second) == wanted
    async with empty(kind) as fresh:
        assert await restored(Backup(path, KEY), fresh) == latest


async def test_a_room_is_restored_up_to_the_first_later_event(
    empty: Callable[[str], Any], shelf: Shelf
) -> None:
    """Clocks of several nodes are not the same: a log's times may go back."""
    async with empty("memory") as store:
        await store.append([described("r", 1)])
        path, _ = await take(store, shelf, SEALED)
        day = "2999-01-01T10:00:"
        for second in ("01", "03", "02", "04"):
            await say(store, "r", second, f"{day}{second}.000Z")
        async with shipping(store, shelf) as shipper:
            await shipper.round()
    async with empty("memory") as fresh:
        await restore(Backup(path, KEY), fresh, moment=read_moment(f"{day}02Z"))
        assert [each.seq for each in await fresh.read("r", 0, 10)] == [1, 2]


async def test_after_a_crash_written_rounds_count_and_the_next_continues(
    empty: Callable[[str], Any], shelf: Shelf
) -> None:
    async with empty("memory") as store:
        await seed(store, rooms=2, messages=3)
        path, _ = await take(store, shelf, SEALED)
        async with shipping(store, shelf) as shipper:
            await say(store, "room0", "one")
            await shipper.round()
            wanted = await contents(store)
            [file] = increments.files(path)
            size, ledger = file.stat().st_size, (path / LEDGER).read_bytes()
            await say(store, "room0", "two")
            await shipper.round()
        file.write_bytes(file.read_bytes()[: size + 50])  # the frame with "two" was being written
        (path / LEDGER).write_bytes(ledger)
        assert not (await reach(Backup(path, KEY))).closed
        async with empty("memory") as fresh:
            assert await restored(Backup(path, KEY), fresh) == wanted
        await say(store, "room0", "three")
        async with shipping(store, shelf) as shipper:
            await shipper.round()
        assert len(increments.files(path)) == 2
        async with empty("memory") as fresh:
            assert await restored(Backup(path, KEY), fresh) == await contents(store)


async def test_changes_beside_two_copies_have_different_keys(
    empty: Callable[[str], Any], shelf: Shelf, tmp_path: Path
) -> None:
    """With the same key, the ciphertext of one would reveal the other."""
    async with empty("memory") as store:
        await seed(store, rooms=1, messages=3)
        path, _ = await take(store, shelf, SEALED)
        copied = Shelf(tmp_path / "copied")
        shutil.copytree(shelf.folder, copied.folder)
        for each in (shelf, copied):
            async with shipping(store, each) as shipper:
                await shipper.round()
    [one], [other] = increments.files(path), increments.files(copied.folder / path.name)
    assert one.name != other.name
    one.write_bytes(other.read_bytes())
    with pytest.raises(Corrupted, match="does not match the key"):
        await reach(Backup(path, KEY))


async def test_a_backup_of_before_is_gone_on_with(
    empty: Callable[[str], Any], shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names of files were numbers alone."""
    async with empty("memory") as store:
        await seed(store, rooms=1, messages=3)
        path, _ = await take(store, shelf, SEALED)
        with monkeypatch.context() as before:
            before.setattr("chatserver.copies.backup.increments.NAME", "{number:05}")
            async with shipping(store, shelf) as shipper:
                await shipper.round()
        assert [file.name for file in increments.files(path)] == ["00001"]
        await say(store, "room0", "hello")
        async with shipping(store, shelf) as shipper:
            await shipper.round()
        assert [file.name[:6] for file in increments.files(path)] == ["00001", "00002-"]
        async with empty("memory") as fresh:
            assert await restored(Backup(path, KEY), fresh) == await contents(store)


async def test_a_full_disk_costs_nothing_that_was_there_and_is_over_when_there_is_room(
    empty: Callable[[str], Any], shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with empty("memory") as store:
        await seed(store, rooms=1, messages=3)
        path, _ = await take(store, shelf, SEALED)
        async with shipping(store, shelf) as shipper:
            await shipper.round()
            wanted = await contents(store)
            await say(store, "room0", "hello")

            def full(descriptor: int) -> None:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

            with monkeypatch.context() as broken:
                broken.setattr("chatserver.copies.backup.increments.os.fsync", full)
                with pytest.raises(BackupError, match=r"00001-\w+: No space left on device"):
                    await shipper.round()
            async with empty("memory") as fresh:
                assert await restored(Backup(path, KEY), fresh) == wanted
            await shipper.round()
        async with empty("memory") as fresh:
            assert await restored(Backup(path, KEY), fresh) == await contents(store)


async def test_a_new_backup_takes_over_without_a_moment_that_neither_has(
    empty: Callable[[str], Any], shelf: Shelf
) -> None:
    async with empty("memory") as store:
        await seed(store, rooms=2, messages=3)
        first, _ = await take(store, shelf, SEALED)
        async with shipping(store, shelf) as shipper:
            await shipper.round()
            await next_second()
            await say(store, "room0", "between")
            wanted = await contents(store)
            second = await next_second()
            last, _ = await take(store, shelf, SEALED)
            await shipper.round()
            await say(store, "room0", "after")
            await shipper.round()
        latest = await contents(store)
    assert (await reach(Backup(first, KEY))).closed
    found = choose(shelf.folder, KEY, read_moment(second))
    assert found.folder == first
    async with empty("memory") as fresh:
        assert await restored(found, fresh, second) == wanted
    found = choose(shelf.folder, KEY, None)
    assert found.folder == last
    async with empty("memory") as fresh:
        assert await restored(found, fresh) == latest


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])
async def test_fifty_corruptions_of_increments_are_all_found(
    key: Key | None, empty: Callable[[str], Any], shelf: Shelf, tmp_path: Path
) -> None:
    async with empty("memory") as store:
        await seed(store, rooms=1, messages=3)
        path, _ = await take(store, shelf, BackupSettings(part_bytes=1 << 20, key=key))
        for _ in range(3):
            async with shipping(store, shelf, key) as shipper:
                for number in range(4):
                    await say(store, "room0", f"message {number}")
                    await shipper.round()
    names = [file.name for file in increments.files(path)]
    assert len(names) == 3
    missed = []
    for number in range(50):
        chance, broken = random.Random(number), tmp_path / "broken"
        shutil.copytree(path, broken)
        if number % 5 == 0:
            file = broken / "increments" / chance.choice(names)
            file.write_bytes(file.read_bytes()[: chance.randrange(file.stat().st_size)])
        elif number % 5 == 1:
            (broken / "increments" / chance.choice(names)).unlink()
        else:
            file = broken / "increments" / chance.choice(names)
            data = bytearray(file.read_bytes())
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            file.write_bytes(data)
        try:
            async with empty("memory") as scratch:
                await verify(Backup(broken, key), scratch)
            missed.append(number)
        except Corrupted as error:
            assert str(broken) in str(error)
        shutil.rmtree(broken)
    assert not missed


async def test_a_moment_that_the_backup_does_not_have_is_refused(
    empty: Callable[[str], Any], shelf: Shelf
) -> None:
    async with empty("memory") as store:
        await seed(store, rooms=1, messages=3)
        path, _ = await take(store, shelf, SEALED)
    backup = Backup(path, KEY)
    with pytest.raises(BackupError, match="choose one from before 2001-01-01"):
        await demand_reached(backup, read_moment("2001-01-01T00:00:00Z"))
    with pytest.raises(BackupError, match=f"changes end at {backup.manifest.ended}: leave out"):
        await demand_reached(backup, read_moment("2999-01-01T00:00:00Z"))
    with pytest.raises(BackupError, match="all backups in this folder are later than 2001-01-01"):
        choose(shelf.folder, KEY, read_moment("2001-01-01T00:00:00Z"))


@pytest.mark.parametrize("text", ["yesterday", "2026-11-25", "2026-11-25T10:00:00", "10:00Z"])
def test_an_invalid_moment_is_refused(text: str) -> None:
    with pytest.raises(BackupError, match=f"--at {text}: expected a time"):
        read_moment(text)


def test_a_moment_in_another_zone() -> None:
    assert read_moment("2026-11-25T10:00:00+09:00") == (
        "2026-11-25T01:00:00.000Z",
        "2026-11-25T01:00:00.999Z",
    )
    assert len(set(read_moment("2026-11-25T10:00:00.5Z"))) == 1


async def test_a_missing_backup_or_another_key_is_reported_until_there_is_a_backup(
    empty: Callable[[str], Any], shelf: Shelf
) -> None:
    async with empty("memory") as store:
        await seed(store, rooms=1, messages=3)
        async with shipping(store, shelf) as shipper:
            with pytest.raises(BackupError, match="no backup yet"):
                await shipper.round()
            await take(store, shelf, BackupSettings(part_bytes=1 << 20, key=Key(bytes(32))))
            with pytest.raises(BackupError, match="another key"):
                await shipper.round()
            path, _ = await take(store, shelf, SEALED)
            await shipper.round()
        assert increments.files(path)


async def test_the_figures_say_how_far_events_and_records_have_come(
    empty: Callable[[str], Any], shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    measures = Measures()

    def shown() -> tuple[float, float]:
        found = {each.name: each.read() for each in measures if isinstance(each, Gauge)}
        events, records = (f"chatserver_backup_{it}shipped_timestamp_seconds" for it in NAMES)
        return found[events], found[records]

    async with empty("memory") as store:
        await seed(store, rooms=1, messages=3)
        await take(store, shelf, SEALED)
        shipper = Shipper(store, shelf, KEY, 0.05, measures)
        assert shown() == (0, 0)
        await shipper.round()
        first, records = shown()
        assert first == records > 0
        monkeypatch.setattr("chatserver.copies.backup.shipper.SHARE", 1e-9)  # records took long
        await shipper.round()
        await asyncio.sleep(0.01)  # times are in milliseconds
        await shipper.round()
        assert shown()[1] < shown()[0], "they were not looked at since"
        running = asyncio.create_task(shipper.run())
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.wait([running])
        assert shown() == (0, 0), "another node keeps it up to date now"


async def test_before_the_first_backup_nothing_is_wrong(
    empty: Callable[[str], Any], shelf: Shelf, logged: list[str]
) -> None:
    async with empty("memory") as store:
        running = asyncio.create_task(Shipper(store, shelf, KEY, 0.05, Measures()).run())
        deadline = time.monotonic() + 60
        while not logged and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.wait([running])
    [line] = logged
    assert line.startswith("WARNING") and "there is no backup yet" in line


async def test_it_goes_on_by_itself_and_ends_in_order(
    empty: Callable[[str], Any], shelf: Shelf
) -> None:
    async with empty("memory") as store:
        await seed(store, rooms=1, messages=3)
        path, _ = await take(store, shelf, SEALED)
        running = asyncio.create_task(Shipper(store, shelf, KEY, 0.05, Measures()).run())
        said = await say(store, "room0", "hello")
        deadline = time.monotonic() + 30
        while (await reach(Backup(path, KEY))).until < said.at and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        running.cancel()
        await asyncio.wait([running])
        found = await reach(Backup(path, KEY))
        assert found.closed and found.until >= said.at
