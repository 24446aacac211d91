"""The copy on a target: its order, lies of the target, removal, locks, old keys. The target is in memory."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from chatserver import Store
from chatserver.config import BackupConfig
from chatserver.copies.backup.errors import BackupError
from chatserver.copies.backup.key import Key, configured_key
from chatserver.copies.backup.moment import choose
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.backup.shipper import OldKey, Shipper
from chatserver.copies.backup.take import BackupSettings, take
from chatserver.copies.targets import mirror as mirroring
from chatserver.copies.targets.guarded import TargetFailed
from chatserver.copies.targets.keeping import Keeper
from chatserver.copies.targets.mirror import Mirror, MirrorSettings
from chatserver.copies.targets.reading import fetch, fetch_manifests
from chatserver.runtime.measure import Measures
from tests.backup.conftest import KEY, Opened
from tests.backup.seed import seed, sent
from tests.backup.targets import MemoryTarget

NEW = Key(bytes(reversed(range(32))), [KEY])


class Course:
    """A store, its backups, and their copy."""

    def __init__(self, store: Store, shelf: Shelf, target: MemoryTarget) -> None:
        self.store, self.shelf, self.target = store, shelf, target
        self.shipper = Shipper(store, shelf, KEY, 1.0, Measures())
        settings = MirrorSettings(0.01, 0.0, 30, 0)
        self.mirror = Mirror(target.guarded(), shelf, KEY, settings)

    async def backup(self, key: Key = KEY) -> Path:
        return (await take(self.store, self.shelf, BackupSettings(part_bytes=20_000, key=key)))[0]

    async def change(self) -> None:
        head = (await self.store.heads(["room0"]))["room0"]
        await self.store.append(sent("room0", [head + 1]))
        await self.shipper.round()

    async def read(self, folder: Path) -> int:
        """Number of lines of increments that can be read from the target alone."""
        await asyncio.to_thread(folder.mkdir)
        target = self.target.guarded()
        await fetch_manifests(target, folder)
        backup = choose(folder, KEY, None)
        await fetch(target, backup)
        await asyncio.to_thread(backup.check_files)
        return sum([len(lines) async for lines in backup.increments()])


Working = Callable[[], AbstractAsyncContextManager[Course]]


@pytest.fixture
def working(empty: Callable[[str], Opened], shelf: Shelf) -> Working:
    """Opens a course with one backup and one increment, nothing of it copied yet."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Course]:
        async with empty("memory") as store:
            await seed(store, rooms=2, messages=5)
            course = Course(store, shelf, MemoryTarget())
            await course.backup()
            await course.change()
            try:
                yield course
            finally:
                await course.shipper.end()

    return opened


async def test_increments_go_before_their_ledger_and_the_manifest_is_last(working: Working) -> None:
    async with working() as course:
        await course.mirror.round()
        kinds = [call.rpartition("/")[2].partition("-")[0] for call in course.target.calls]
        assert kinds[-2:] == ["ledger.json", "manifest.json"]
        pieces = [n for n, call in enumerate(course.target.calls) if "/increments/" in call]
        assert pieces == list(range(len(kinds) - 2 - len(pieces), len(kinds) - 2))
        course.target.calls.clear()
        await course.change()
        await course.mirror.round()
        assert len(course.target.calls) == 2
        assert "/increments/" in course.target.calls[0]
        assert course.target.calls[1].endswith("/ledger.json")


async def test_what_the_ledger_does_not_name_yet_is_not_copied(
    working: Working, tmp_path: Path
) -> None:
    async with working() as course:
        await course.mirror.round()
        lines = await course.read(tmp_path / "a")
        (increment,) = course.shelf.all()[0].glob("increments/*")
        with increment.open("ab") as file:  # a frame under way
            file.write(b"\0\0\0\1")
        course.target.calls.clear()
        course.mirror._copies.clear()
        await course.mirror.round()
        assert [call.rpartition("/")[2] for call in course.target.calls] == ["ledger.json"]
        assert await course.read(tmp_path / "b") == lines


async def test_a_new_process_goes_on_where_the_last_one_stopped(working: Working) -> None:
    async with working() as course:
        await course.mirror.round()
        course.target.calls.clear()
        again = Mirror(course.target.guarded(), course.shelf, KEY, MirrorSettings(1, 0, 30, 0))
        await course.change()
        await again.round()
        assert len(course.target.calls) == 2


async def test_a_target_that_keeps_nothing_is_found_out(working: Working) -> None:
    async with working() as course:
        course.target.forgets = True
        with pytest.raises(TargetFailed, match=r"said that it stored \d+ bytes, and has nothing"):
            await course.mirror.round()


async def test_a_target_that_returns_old_bytes_is_found_out(working: Working) -> None:
    async with working() as course:
        await course.mirror.round()
        ledger = f"{course.shelf.all()[0].name}/ledger.json"
        course.target.old[ledger] = course.target.objects[ledger]
        await course.change()
        with pytest.raises(TargetFailed, match=r"ledger\.json"):
            await course.mirror.round()


async def test_a_target_that_lists_too_little_is_found_out(working: Working) -> None:
    async with working() as course:
        await course.mirror.round()
        name = f"{course.shelf.all()[0].name}/config-00001"
        course.target.hides.add(name)
        course.mirror._look_due = 0
        with pytest.raises(TargetFailed, match="config-00001: the target does not list it"):
            await course.mirror.round()
        course.target.hides.clear()
        await course.mirror.round()


async def test_a_damaged_backup_on_the_disk_is_not_copied(working: Working) -> None:
    async with working() as course:
        part = course.shelf.all()[0] / "records-00001"
        data = bytearray(part.read_bytes())
        data[-1] ^= 1
        part.write_bytes(data)
        with pytest.raises(BackupError.__mro__[1], match="records-00001: the checksum is wrong"):
            await course.mirror.round()
        assert not any(name.endswith("records-00001") for name in course.target.objects)
        assert not any(name.endswith("manifest.json") for name in course.target.objects)


async def test_a_target_away_is_logged_once_a_minute_and_caught_up_with(
    working: Working, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with working() as course:
        monkeypatch.setattr(mirroring, "FIRST_PAUSE_SECONDS", 0.001)
        monkeypatch.setattr(mirroring, "LONGEST_PAUSE_SECONDS", 0.001)
        failures, lines = [], []
        course.mirror.on_failure = lambda: failures.append(1)
        sink = logger.add(lines.append, level="INFO", format="{level} {message}")
        course.target.away = True
        pauses = [await course.mirror.attempt() for _ in range(20)]
        assert len(failures) == 20
        (line,) = [line for line in map(str, lines) if line.startswith("ERROR")]
        assert "backup target memory://" in line
        assert "backup target memory://: open: nobody is there" in line
        assert course.mirror.pending >= Backup(course.shelf.all()[0], KEY).manifest.bytes
        assert max(pauses) <= 0.001
        await course.change()  # what is local goes on
        course.target.away = False
        assert await course.mirror.attempt() == 0.01
        assert course.mirror.failing == ""
        assert "works again" in str(lines[-1])
        logger.remove(sink)
        assert await course.read(tmp_path / "a")


async def test_pauses_grow_up_to_a_minute(working: Working) -> None:
    async with working() as course:
        course.target.away = True
        pauses = [await course.mirror.attempt() for _ in range(12)]
        assert 0.5 <= pauses[0] <= 1.0
        assert 30.0 <= pauses[-1] <= 60.0


async def test_changes_of_the_newest_backup_overtake_older_backups(working: Working) -> None:
    async with working() as course:
        old = f"{course.shelf.all()[0].name}/"
        new = f"{(await course.backup()).name}/"
        await course.change()
        real = course.target.put
        raced: list[str] = []

        async def put(name: str, *given: Any) -> None:
            raced.append(name)
            if name.startswith(old) and len([each for each in raced if each.startswith(old)]) == 1:
                await course.change()
            await real(name, *given)

        course.target.put = put  # type: ignore[method-assign]
        await course.mirror.round()
        first = next(n for n, name in enumerate(raced) if name.startswith(old))
        assert all(name.startswith(new) for name in raced[:first])
        assert [name.startswith(new) for name in raced[first + 1 : first + 3]] == [True, True]


@pytest.mark.parametrize("elapsed", [0.4, 0.6])
async def test_locks_are_renewed_after_half_of_their_time(
    empty: Callable[[str], Opened], shelf: Shelf, elapsed: float
) -> None:
    async with empty("memory") as store:
        await seed(store, rooms=2, messages=5)
        course = Course(store, shelf, MemoryTarget(lock_days=10))
        await course.backup()
        await course.change()
        await course.mirror.round()
        await course.shipper.end()
    name = shelf.all()[0].name
    course.target.calls.clear()
    later = datetime.now(UTC) + timedelta(days=10 * elapsed)
    keeper = Keeper(course.target.guarded(), KEY, 0, 0)
    await keeper.keep([name], later)
    locked = [call for call in course.target.calls if call.startswith("lock ")]
    if elapsed < 0.5:
        assert locked == []
        return
    assert len(locked) == len(course.target.objects)
    assert locked[-1] == f"lock {name}/manifest.json"
    assert min(course.target.locks.values()) == later + timedelta(days=10)


async def test_an_old_backup_stays_until_its_last_lock_has_run_out(working: Working) -> None:
    async with working() as course:
        old = course.shelf.all()[0].name
        new = (await course.backup()).name
        await course.mirror.round()
        course.target.lock_days = 10
        now = datetime.now(UTC)
        course.target.locks[f"{old}/config-00001"] = now + timedelta(hours=1)
        keeper = Keeper(course.target.guarded(), KEY, 0, 1)
        assert await keeper.keep([old, new], now) == []
        assert f"{old}/manifest.json" in course.target.objects
        course.target.calls.clear()
        assert await keeper.keep([new], now + timedelta(hours=2)) == [old]
        deleted = [call for call in course.target.calls if call.startswith("delete ")]
        assert deleted[0] == f"delete {old}/manifest.json"


async def test_backups_that_are_not_ours_do_not_push_out_ours(working: Working) -> None:
    async with working() as course:
        await course.mirror.round()
        ours = course.shelf.all()[0].name
        foreign = "chatserver-20990101T000000Z"
        course.target.objects[f"{foreign}/manifest.json"] = b"{}\n\n"
        keeper = Keeper(course.target.guarded(), KEY, 0, 1)
        assert await keeper.keep([], datetime.now(UTC)) == []
        assert f"{ours}/manifest.json" in course.target.objects


async def test_unfinished_copies_of_older_backups_are_cleared(working: Working) -> None:
    async with working() as course:
        yesterday = datetime.now(UTC) - timedelta(days=1)
        name = f"chatserver-{yesterday:%Y%m%dT%H%M%SZ}"
        course.target.objects[f"{name}/config-00001"] = b"x"
        await course.mirror.round()
        assert not any(each.startswith(name) for each in course.target.objects)


async def test_an_old_key_opens_old_backups_and_seals_nothing(working: Working) -> None:
    async with working() as course:
        old = course.shelf.all()[0]
        assert Backup(old, NEW).key is KEY
        assert [len(lines) async for lines in Backup(old, NEW).increments()]
        with pytest.raises(BackupError, match="another key"):
            Backup(old, Key(bytes(reversed(range(32)))))
        hurried: list[int] = []
        shipper = Shipper(
            course.store, course.shelf, NEW, 1.0, Measures(), lambda: hurried.append(1)
        )
        with pytest.raises(OldKey):
            await shipper.round()
        assert hurried
        new = await course.backup(NEW)
        assert Backup(new, NEW).manifest.key == NEW.id != KEY.id
        await shipper.round()
        await shipper.end()
        with pytest.raises(BackupError, match="another key"):
            Backup(new, KEY)
        assert (await asyncio.to_thread(shipper._trust.look)).ours.keys() == {old, new}


def test_old_keys_are_read_from_their_files(tmp_path: Path) -> None:
    for name, byte in (("new", 1), ("old", 2)):
        (tmp_path / name).write_text(bytes([byte] * 32).hex())
    found = configured_key(
        BackupConfig(key_file=str(tmp_path / "new"), old_key_files=[str(tmp_path / "old")])
    )
    assert found is not None
    assert found.find(Key(bytes([2] * 32)).id) is found.older[0]
    assert found.find("ffffffffffffffff") is None
    with pytest.raises(BackupError, match=r"backup\.old_key_files: .*missing"):
        configured_key(
            BackupConfig(key_file=str(tmp_path / "new"), old_key_files=[str(tmp_path / "missing")])
        )
    with pytest.raises(ValueError, match="expected a present key"):
        BackupConfig(old_key_files=["old"])
