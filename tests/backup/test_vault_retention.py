"""Which files beside the backups stay, here and on a target: never one goes that a kept backup needs."""

import asyncio
import random
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chatserver.cluster.installation import epoch
from chatserver.copies.archive.errors import ArchiveError, Corrupted
from chatserver.copies.backup import clearing
from chatserver.copies.backup.clearing import clear_vault
from chatserver.copies.backup.errors import BackupError
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.vault import FOLDER, PLAIN
from tests.backup.conftest import Opened
from tests.backup.files_world import KEY, SKEW_SECONDS, Crashing, World
from tests.backup.seed import seed

STEPS = (
    *("upload", "upload", "purge", "backup", "ship", "ship", "rotate", "clear", "clear"),
    *("copy", "copy", "copy", "restart", "lose"),
)
CONTENTS = tuple(f"content {number}".encode() for number in range(5))


Worlds = Callable[[], Any]


@pytest.fixture
def world(
    empty: Callable[[str], Opened], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Worlds:
    monkeypatch.setattr(clearing, "SKEW_SECONDS", SKEW_SECONDS)

    @asynccontextmanager
    async def opened(lock_days: float = 0.0) -> AsyncIterator[World]:
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(empty("memory"))
            await seed(store, rooms=1, messages=2)
            made = World(store, await epoch(store), tmp_path / "backups", Crashing(lock_days))
            try:
                yield made
            finally:
                await made.shipper.end()

    return opened


async def crash_while_clearing(world: World, number: int) -> None:
    real, left = Path.unlink, number

    def unlink(path: Path, missing_ok: bool = False) -> None:
        nonlocal left
        left -= path.is_relative_to(world.vault.folder)
        if left == 0:
            raise OSError("it crashed")
        real(path, missing_ok)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "unlink", unlink)
        try:
            await clear_vault(world.shelf, KEY)
        except BackupError as error:
            assert "it crashed" in str(error)


@pytest.mark.parametrize("seed_", range(12))
async def test_no_file_goes_that_a_kept_backup_needs_whatever_crashes(
    seed_: int, world: Worlds
) -> None:
    choose = random.Random(seed_)
    async with world() as it:
        for _ in range(60):
            match choose.choice(STEPS):
                case "upload":
                    await it.upload(choose.choice(CONTENTS))
                case "purge":
                    await it.purge(choose.randrange(100))
                case "backup":
                    await it.backup()
                case "ship":
                    await it.ship()
                case "rotate":
                    it.rotate(choose.randint(1, 3))
                case "clear":
                    await crash_while_clearing(it, choose.choice((0, 0, 1, 2)))
                case "copy":
                    it.target.left = choose.choice((-1, choose.randint(1, 40)))
                    try:
                        await it.copy()
                    except ArchiveError as error:
                        assert "it crashed" in str(error)
                        it.mirror(1, choose.randint(1, 5))
                    it.target.left = -1
                case "restart":
                    await it.shipper.end()
                    it.start()
                case "lose" if not choose.randrange(3):
                    await it.lose_machine()
            await it.check()
        while it.blobs:
            await it.purge(0)
        await it.ship()
        await it.backup()
        await it.ship()
        await it.copy()
        it.rotate(1)
        await clear_vault(it.shelf, KEY)
        it.mirror(1, 1)
        await it.copy()
        assert it.vault.files() == {}
        assert it.target.files() == set()


async def test_a_content_that_comes_again_counts_as_new(world: Worlds) -> None:
    async with world() as it:
        name = await it.upload(b"again")
        await it.ship()
        await it.backup()
        await it.ship()
        await it.purge(0)
        await it.backup()
        it.rotate(1)
        await it.upload(b"again")
        await it.ship()
        assert await clear_vault(it.shelf, KEY) == 0
        await it.check()
        assert name in it.vault.files()


async def test_a_file_that_only_changes_of_an_older_backup_need_stays(world: Worlds) -> None:
    async with world() as it:
        await it.backup()
        await asyncio.sleep(2 * SKEW_SECONDS)
        name = await it.upload(b"for a while")
        await it.ship()
        await it.purge(0)
        await it.backup()
        await it.ship()
        assert await clear_vault(it.shelf, KEY) == 0
        await it.check()
        it.rotate(1)
        assert name in it.vault.files()
        assert await clear_vault(it.shelf, KEY) == 1


async def test_while_a_backup_cannot_be_read_nothing_is_removed(world: Worlds) -> None:
    async with world() as it:
        await it.upload(b"old")
        old = await it.backup()
        await it.purge(0)
        await it.backup()
        manifest = old / "manifest.json"
        whole = manifest.read_bytes()
        for broken in (whole[:-3], whole.replace(b"rooms", b"romos"), b""):
            manifest.write_bytes(broken)
            assert await clear_vault(it.shelf, KEY) == 0
        manifest.write_bytes(whole)
        await it.check()
        manifest.write_bytes(whole.replace(KEY.id.encode(), b"f" * len(KEY.id)))
        assert await clear_vault(it.shelf, KEY) == 1, "a backup with another key needs other files"


async def test_what_only_the_target_has_keeps_its_files_and_no_others(world: Worlds) -> None:
    async with world() as it:
        first = await it.upload(b"of a backup")
        await it.backup()
        shipped = await it.upload(b"of its changes")
        gone = await it.upload(b"of no backup there")
        await it.purge(2)
        await it.ship()
        await it.copy()
        it.target.objects[f"{FOLDER}/{gone}"] = b"x"
        other = f"{FOLDER}/{PLAIN}/ab/abcd"
        it.target.objects[other] = b"x"
        await it.lose_machine()
        for _ in range(2):
            await it.purge(0)
        await it.backup()
        await it.copy()
        assert it.target.files() == {first, shipped, other.removeprefix(f"{FOLDER}/")}
        it.mirror(1, 1)
        await it.copy()
        assert it.target.files() == {other.removeprefix(f"{FOLDER}/")}


async def test_a_damaged_file_is_named_and_the_rest_is_copied(world: Worlds) -> None:
    async with world() as it:
        name = await it.upload(b"x")
        old = await it.backup()
        await it.backup()
        await it.ship()
        path = it.vault.folder / name
        whole = path.read_bytes()
        path.write_bytes(whole[:-1])
        with pytest.raises(Corrupted, match=name):
            await it.copy()
        assert f"{old.name}/manifest.json" in it.target.objects
        assert it.target.files() == set()
        path.write_bytes(whole)
        await it.copy()
        assert it.target.files() == {name}


async def test_what_another_node_completed_on_the_target_keeps_its_files(
    world: Worlds, tmp_path: Path
) -> None:
    async with world() as it:
        other = World(it.store, await epoch(it.store), tmp_path / "other", it.target)
        await other.backup()
        await other.copy()
        await asyncio.sleep(1 - time.time() % 1)  # another backup of this second had the same name
        name = await it.upload(b"x")
        old = await it.backup()
        await it.copy()
        last = (f"{old.name}/manifest.json", f"{FOLDER}/{name}")  # in this order
        left = {each: it.target.objects.pop(each) for each in last}
        await other.copy()
        it.target.objects |= left
        await other.copy()
        assert it.target.files() == {name}


async def test_a_backup_that_was_away_for_a_moment_keeps_the_files_of_later_changes(
    world: Worlds,
) -> None:
    async with world() as it:
        first = await it.upload(b"of the backup")
        old = await it.backup()
        await it.ship()
        await it.copy()
        manifest = old / "manifest.json"
        whole = manifest.read_bytes()
        await it.backup()
        manifest.unlink()
        await it.copy()  # only the target has it now
        manifest.write_bytes(whole)
        later = it.target.files()
        shutil.rmtree(it.shelf.all()[-1])
        shipped = await it.upload(b"of its later changes")
        await it.ship()
        it.copying._keep_due = time.monotonic() + 3600
        it.copying._files_due = 0
        await it.copying.round()
        assert it.target.files() == later | {shipped} == {first, shipped}
        while it.blobs:
            await it.purge(0)
        await it.backup()
        it.rotate(1)
        it.vault.clear((), time.time() + 1)
        await it.copy()
        assert it.target.files() == {first, shipped}


async def test_what_a_damaged_backup_on_the_target_needs_stays(world: Worlds) -> None:
    async with world() as it:
        name = await it.upload(b"x")
        old = await it.backup()
        await it.ship()
        await it.copy()
        await it.lose_machine()
        await it.purge(0)
        await it.backup()
        for part in ("manifest.json", "files-00001"):
            whole = it.target.objects[f"{old.name}/{part}"]
            it.target.objects[f"{old.name}/{part}"] = whole[:-3] + b"xyz"
            it.mirror(1, 4)
            await it.copy()
            assert it.target.files() == {name}
            it.target.objects[f"{old.name}/{part}"] = whole


async def test_the_target_keeps_what_is_lost_beside_the_backups(world: Worlds) -> None:
    async with world() as it:
        names_ = {await it.upload(content) for content in CONTENTS}
        await it.backup()
        names_.add(await it.upload(b"that only the changes need"))
        await it.ship()
        await it.copy()
        await asyncio.to_thread(shutil.rmtree, it.vault.folder)
        it.mirror(1, 4)
        await it.copy()
        assert it.target.files() == names_


async def test_the_target_keeps_what_only_changes_need_and_is_lost_here(world: Worlds) -> None:
    async with world() as it:
        kept = {await it.upload(b"of the backup")}
        await it.backup()
        unneeded = f"{FOLDER}/{next(iter(kept))[:-1]}"
        for content in (b"shipped", b"shipped later"):
            kept.add(name := await it.upload(content))
            await it.ship()
            await it.copy()
            (it.vault.folder / name).unlink()
            it.target.objects[unneeded] = b"x"
            await it.copy()
            assert it.target.files() == kept


@pytest.mark.parametrize("during", [f"{FOLDER}/", "old/"], ids=["files", "old backup"])
async def test_a_backup_that_is_made_meanwhile_goes_first(
    during: str, world: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world() as it:
        named = {await it.upload(content) for content in CONTENTS}
        old = await it.backup()
        if during == "old/":
            during = f"{old.name}/"
            await it.backup()
        made: list[Path] = []
        real = it.target.put

        async def put(name: str, *given: Any) -> None:
            if name.startswith(during) and not made:
                made.append(await it.backup())
            await real(name, *given)

        monkeypatch.setattr(it.target, "put", put)
        await it.copy()
        calls = [call for call in it.target.calls if call.startswith("put ")]
        manifest = calls.index(f"put {made[0].name}/manifest.json")
        during_ = [n for n, call in enumerate(calls) if call.startswith(f"put {during}")]
        assert during_[0] < manifest < during_[1]
        assert it.target.files() == named
        for path in it.shelf.all():
            assert f"{path.name}/manifest.json" in it.target.objects
        assert it.copying.pending == 0


async def test_locks_of_files_are_renewed_while_the_target_keeps_more_backups(
    world: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(lock_days=10.0) as it:
        await it.upload(b"old")
        await it.backup()
        await it.copy()
        await it.purge(0)
        new = await it.upload(b"new")
        await it.backup()
        it.rotate(1)
        await clear_vault(it.shelf, KEY)
        shipped = await it.upload(b"shipped")
        await it.ship()
        await it.copy()
        assert len(it.target.files()) == 3
        later = datetime.now(UTC) + timedelta(days=6)
        vault = it.copying.files
        here = [Backup(path, KEY) for path in it.shelf.all()]
        await vault.keep(
            await it.copying._needs.of(here, it.vault.files(), await vault.names()), later
        )
        for name in (new, shipped):
            assert it.target.locks[f"{FOLDER}/{name}"] == later + timedelta(days=10)
        await vault.keep({new, shipped}, later + timedelta(days=12))
        assert it.target.files() == {new, shipped}
