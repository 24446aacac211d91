"""Losing increments that were written beside a backup is noticed and reported."""

import asyncio
import os
import shutil
import signal
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.backup import increments
from chatserver.copies.backup.errors import BackupError, BrokenIncrements
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.ledger import FILE, Ledger, read_ledger, write_ledger
from chatserver.copies.backup.moment import choose, reach
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.restore import restore
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.backup.shipper import Shipper
from chatserver.copies.backup.take import BackupSettings, take
from chatserver.runtime.measure import Measures
from chatserver_plugins.sqlite import SqlitePlugin
from tests.backup.conftest import KEY
from tests.backup.machine import Machine, read
from tests.backup.planting import rewritten
from tests.backup.seed import contents, seed, sent

KEYS = pytest.mark.parametrize("key", [None, KEY], ids=["plain", "encrypted"])


@pytest.fixture(autouse=True)
def all_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Records are compared in every round."""
    monkeypatch.setattr("chatserver.copies.backup.shipper.SHARE", 1e9)


async def shipped(store: Any, shelf: Shelf, key: Key | None, rounds: int = 3) -> list[Any]:
    """A backup with so many rounds beside it, in one file each; the contents after each."""
    await seed(store, rooms=1, messages=3)
    await take(store, shelf, BackupSettings(part_bytes=1 << 20, key=key))
    found = [await contents(store)]
    for _ in range(rounds):
        shipper = Shipper(store, shelf, key, 1.0, Measures())
        head = (await store.heads(["room0"]))["room0"]
        await store.append(sent("room0", [head + 1]))
        await shipper.round()
        await shipper.end()
        found.append(await contents(store))
    return found


@KEYS
async def test_a_new_backup_has_a_ledger_and_each_round_renews_it(
    key: Key | None, empty: Callable[[str], Any], shelf: Shelf
) -> None:
    async with empty("memory") as store:
        path, manifest = await take(store, shelf, BackupSettings(part_bytes=1 << 20, key=key))
        salt = bytes.fromhex(manifest.salt)
        assert manifest.ledger and read_ledger(path, key, salt) == Ledger({})
        shipper = Shipper(store, shelf, key, 1.0, Measures())
        await shipper.round()
        [file] = increments.files(path)
        first = read_ledger(path, key, salt)
        assert first == Ledger({file.name: increments.frames_in(file)}, first.until)
        assert first.until == (await reach(Backup(path, key))).until
        await shipper.round()
        await shipper.end()
        last = read_ledger(path, key, salt)
        assert last.frames == {file.name: increments.frames_in(file)} != first.frames
        assert not list(path.glob(".ledger-*"))


@KEYS
async def test_an_incomplete_restore_goes_as_far_as_it_is_whole(
    key: Key | None, empty: Callable[[str], Any], shelf: Shelf
) -> None:
    async with empty("memory") as store:
        after = await shipped(store, shelf, key)
    [path] = shelf.all()
    files = increments.files(path)
    files[1].unlink()
    with pytest.raises(
        BrokenIncrements, match=f"{files[1]}: the file is truncated or missing: it has 0 of "
    ):
        await reach(Backup(path, key))
    backup = choose(shelf.folder, key, None, incomplete=True)
    async with empty("memory") as fresh:
        await restore(backup, fresh)
        assert await contents(fresh) == after[1], "what follows a gap is not whole"
    assert str(files[1]) in backup.lost
    shutil.rmtree(path / increments.FOLDER)
    (path / FILE).unlink()
    backup = Backup(path, key, incomplete=True)
    async with empty("memory") as fresh:
        await restore(backup, fresh)
        assert await contents(fresh) == after[0]
    assert backup.lost == f"{path / FILE}: the ledger is missing"


@KEYS
async def test_a_last_file_cut_anywhere_is_found(
    key: Key | None, empty: Callable[[str], Any], shelf: Shelf
) -> None:
    async with empty("memory") as store:
        await shipped(store, shelf, key, rounds=2)
    [path] = shelf.all()
    file = increments.files(path)[-1]
    whole = file.read_bytes()
    for size in range(0, len(whole), 7):
        file.write_bytes(whole[:size])
        with pytest.raises(ArchiveError, match=file.name):
            await reach(Backup(path, key))
    file.write_bytes(whole)
    assert (await reach(Backup(path, key))).closed


async def test_a_crash_between_a_frame_and_the_ledger_is_no_loss(
    empty: Callable[[str], Any], shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All moments of a round at which it can be cut off, frame by frame and byte by byte."""
    async with empty("memory") as store:
        await shipped(store, shelf, KEY, rounds=0)
        [path] = shelf.all()
        shipper = Shipper(store, shelf, KEY, 1.0, Measures())
        await shipper.round()
        [file] = increments.files(path)
        ledger, size = (path / FILE).read_bytes(), file.stat().st_size
        until = (await reach(Backup(path, KEY))).until
        await store.append(sent("room0", [(await store.heads(["room0"]))["room0"] + 1]))
        await shipper.round()
        await shipper.end()
    whole = file.read_bytes()
    (path / FILE).write_bytes(ledger)  # as it was until the round was through
    for cut in range(size, len(whole), 5):
        file.write_bytes(whole[:cut])
        assert (await reach(Backup(path, KEY))).until >= until


async def test_a_file_that_was_only_begun_is_in_the_ledger_and_drafts_go(
    empty: Callable[[str], Any], shelf: Shelf
) -> None:
    async with empty("memory") as store:
        await shipped(store, shelf, KEY, rounds=1)
    [path] = shelf.all()
    (path / ".ledger-00001-crashed").write_bytes(b"half")
    until = (await reach(Backup(path, KEY))).until
    Backup(path, KEY).new_increment().abandon()
    assert not list(path.glob(".ledger-*"))
    salt = bytes.fromhex(Backup(path, KEY).manifest.salt)
    ledger = read_ledger(path, KEY, salt)
    assert ledger is not None and ledger.until == until
    assert list(ledger.frames) == [file.name for file in increments.files(path)]
    increments.files(path)[1].unlink()
    with pytest.raises(BrokenIncrements, match="0 of 1 frames"):
        await reach(Backup(path, KEY))


def test_a_ledger_is_on_the_disk_before_it_replaces_the_last_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync, rename = os.fsync, Path.rename

    def synced(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def renamed(path: Path, target: Path) -> Path:
        done.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "rename", renamed)
    write_ledger(tmp_path, Ledger({}), KEY, b"salt", "a")
    assert done == ["file", "rename", "folder"]


async def test_a_ledger_that_cannot_be_written_fails_the_round(
    empty: Callable[[str], Any], shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the metrics would report a loss as shipped."""
    async with empty("memory") as store:
        await shipped(store, shelf, KEY, rounds=0)
        [path] = shelf.all()
        shipper = Shipper(store, shelf, KEY, 1.0, Measures())
        await shipper.round()
        before = (path / FILE).read_bytes()
        with monkeypatch.context() as broken:
            broken.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
            with pytest.raises(BackupError, match=f"{path / FILE}: full"):
                await shipper.round()
        assert (path / FILE).read_bytes() == before and not list(path.glob(".ledger-*"))
        await shipper.round()
        await shipper.end()
        assert (path / FILE).read_bytes() != before
        assert (await reach(Backup(path, KEY))).closed


async def test_a_backup_of_before_there_were_ledgers_gets_one_with_the_next_round(
    empty: Callable[[str], Any], shelf: Shelf
) -> None:
    async with empty("memory") as store:
        await shipped(store, shelf, KEY, rounds=1)
        [path] = shelf.all()
        rewritten(path, KEY, ledger=False)
        (path / FILE).unlink()
        await reach(Backup(path, KEY))
        shipper = Shipper(store, shelf, KEY, 1.0, Measures())
        await shipper.round()
        await shipper.end()
    shutil.rmtree(path / increments.FOLDER)
    with pytest.raises(BrokenIncrements, match="truncated or missing"):
        await reach(Backup(path, KEY))


def test_drafts_of_a_crash_are_removed_and_a_ledger_without_the_key_is_refused(
    tmp_path: Path,
) -> None:
    write_ledger(tmp_path, Ledger({"00001-aa": 3}, "now"), KEY, b"salt", "a")
    assert read_ledger(tmp_path, KEY, b"salt") == Ledger({"00001-aa": 3}, "now")
    for key, salt in ((None, b"salt"), (Key(bytes(32)), b"salt"), (KEY, b"other")):
        with pytest.raises(ArchiveError, match="the checksum is wrong"):
            read_ledger(tmp_path, key, salt)
    with (tmp_path / FILE).open("r+b") as file:
        file.truncate(1 << 30)
    with pytest.raises(ArchiveError, match="too large"):
        read_ledger(tmp_path, KEY, b"salt")


@pytest.mark.long
def test_commands_find_the_loss_say_it_and_go_on_when_told_to(machine: Machine) -> None:
    async def fill() -> None:
        store = SqlitePlugin(SqlitePlugin.Config(), machine.data / "sqlite").provide_store()
        await store.open()
        shipper = Shipper(store, machine.shelf, None, 1.0, Measures())
        await store.append(sent("room0", [(await store.heads(["room0"]))["room0"] + 1]))
        await shipper.round()
        await shipper.end()
        await store.close()

    machine.fill()
    before = read(machine.data)
    assert machine.run("backup").exit_code == 0
    asyncio.run(fill())
    [path] = machine.shelf.all()
    assert machine.run("backup", "verify").exit_code == 0
    shutil.rmtree(path / increments.FOLDER)
    fresh = machine.folder / "fresh"
    verified = machine.run("backup", "verify")
    assert verified.exit_code == 1
    assert "the file is truncated or missing: it has 0 of " in verified.stderr
    ended_at = Backup(path, None).manifest.ended
    assert f"complete until {ended_at}: `chatserver restore --incomplete`" in verified.stderr
    refused = machine.run("restore", str(path), data=fresh)
    assert refused.exit_code == 1 and "the file is truncated or missing" in refused.stderr
    assert not fresh.exists(), "nothing was begun"
    gone_on = machine.run("restore", "--incomplete", str(path), data=fresh)
    assert gone_on.exit_code == 0 and "Later changes are missing: " in gone_on.stderr
    assert f"as of {ended_at}" in gone_on.stdout
    assert read(fresh) == before


@pytest.mark.long
def test_a_node_killed_while_it_writes_leaves_complete_rounds(machine: Machine) -> None:
    """With kill -9, at any moment of a round."""
    machine.fill()
    assert machine.run("backup").exit_code == 0
    [path] = machine.shelf.all()
    for count in (3, 4, 9):
        module = ("tests.backup.shipping", str(count))
        status, _ = machine.ended("ship", module=module)
        assert status == -signal.SIGKILL
        assert machine.run("backup", "verify").exit_code == 0
    assert len(increments.files(path)) == 3
