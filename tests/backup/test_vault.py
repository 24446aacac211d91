"""The vault of files beside the backups: each content once, sealed, and removed when no backup needs it."""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chatserver import Blobs, Store
from chatserver.blobs.carrying import Damaged, Lost
from chatserver.blobs.service import BlobService
from chatserver.cluster.installation import epoch
from chatserver.config.sections import BlobsConfig
from chatserver.copies.archive.errors import Corrupted
from chatserver.copies.backup import clearing
from chatserver.copies.backup import vault as vaults
from chatserver.copies.backup.clearing import clear_vault
from chatserver.copies.backup.errors import BackupError
from chatserver.copies.backup.keeping import Keeping, Refill
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.restore import restore
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.backup.take import BackupSettings, take
from chatserver.copies.backup.vault import CHUNK_BYTES, Vault, name_of, sealed_bytes
from chatserver.copies.backup.verify import verify
from chatserver.runtime.measure import Measures
from chatserver.testing.blobs import given
from tests.backup.seed import seed
from tests.blobs.memory import MemoryBlobs
from tests.waiting import until

Empty = Callable[[str], Any]
KEY, NEXT = Key(bytes(range(32))), Key(bytes(32), [Key(bytes(range(32)))])
CONTENTS = (b"", b"x", bytes(CHUNK_BYTES), os.urandom(2 * CHUNK_BYTES + 7))


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def read(vault: Vault, content: bytes) -> bytes:
    async with aclosing(vault.read(sha256(content))) as parts:
        return b"".join([part async for part in parts])


@pytest.mark.parametrize("key", [KEY, None], ids=["sealed", "plain"])
async def test_what_was_put_is_read(key: Key | None, tmp_path: Path) -> None:
    vault = Vault(tmp_path, key)
    for content in CONTENTS:
        parts = [content[start : start + 300_001] for start in range(0, len(content), 300_001)]
        await vault.put(sha256(content), given(parts))
        assert await read(vault, content) == content
        path = vault.folder / name_of(sha256(content), key)
        assert path.stat().st_mode & 0o777 == 0o600
        assert (sha256(content) in str(path)) is (key is None)
        assert path.stat().st_size == sealed_bytes(len(content), key)
        assert vault.has(sha256(content), len(content))
    with pytest.raises(Damaged, match="it is not in the backup"):
        await read(vault, b"another")


@pytest.mark.parametrize("key", [KEY, None], ids=["sealed", "plain"])
async def test_each_change_is_found(key: Key | None, tmp_path: Path) -> None:
    vault, content = Vault(tmp_path, key), os.urandom(CHUNK_BYTES + 100)
    await vault.put(sha256(content), given([content]))
    path = vault.folder / name_of(sha256(content), key)
    whole = path.read_bytes()
    for place in (0, 20, 30, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(Damaged):
            await read(vault, content)
    for changed in (whole[:-1], whole + b"x", whole[:CHUNK_BYTES], b"", whole + whole[16:]):
        path.write_bytes(changed)
        with pytest.raises(Damaged):
            await read(vault, content)
    other = b"other"
    await vault.put(sha256(other), given([other]))
    path.write_bytes((vault.folder / name_of(sha256(other), key)).read_bytes())
    with pytest.raises(Damaged):
        await read(vault, content)


async def test_files_of_an_old_key_are_read_and_new_ones_get_the_new_key(tmp_path: Path) -> None:
    await Vault(tmp_path, KEY).put(sha256(b"old"), given([b"old"]))
    vault = Vault(tmp_path, NEXT)
    assert await read(vault, b"old") == b"old"
    assert not vault.has(
        sha256(b"old"), 3
    )  # a backup with the new key has all of its files under it
    with pytest.raises(Damaged):
        await read(Vault(tmp_path, None), b"old")


async def test_a_put_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield bytes(3 * CHUNK_BYTES)
        raise Damaged("lost")

    vault = Vault(tmp_path, KEY)
    with pytest.raises(Damaged, match="lost"):
        await vault.put(sha256(b"x"), broken())
    assert [path for path in vault.folder.rglob("*") if path.is_file()] == []


async def test_a_file_that_is_renewed_meanwhile_stays(tmp_path: Path) -> None:
    vault = Vault(tmp_path, KEY)
    await vault.put(sha256(b"x"), given([b"x"]))
    path = vault.folder / name_of(sha256(b"x"), KEY)

    class Raced(Vault):
        @contextmanager
        def _locked(self) -> Iterator[None]:
            assert vault.renew(sha256(b"x"), 1)  # by another process, which had the lock before
            with super()._locked():
                yield

    os.utime(path, (0, 0))
    assert Raced(tmp_path, KEY).clear((), 1000.0) == 0
    assert path.exists()
    os.utime(path, (0, 0))
    assert vault.clear((), 1000.0) == 1
    assert not vault.renew(sha256(b"x"), 1)


async def test_what_vanishes_meanwhile_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = Vault(tmp_path, KEY)
    for content in (b"stays", b"goes"):
        await vault.put(sha256(content), given([content]))
    stays, goes = [vault.folder / name_of(sha256(each), KEY) for each in (b"stays", b"goes")]
    part = stays.with_name(".part-1")

    def vanishing(real: Callable[..., os.stat_result]) -> Callable[..., os.stat_result]:
        def stat(path: Path, **given: Any) -> os.stat_result:
            if path in (goes, part):
                path.unlink(missing_ok=True)  # by another process, after the folder was listed
            return real(path, **given)

        return stat

    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", vanishing(Path.stat))
        assert vault.files().keys() == {name_of(sha256(b"stays"), KEY)}
    assert not goes.exists()
    for path in (goes, part):
        path.parent.mkdir(exist_ok=True)
        path.touch()
        os.utime(path, (0, 0))
    os.utime(stays, (0, 0))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "lstat", vanishing(Path.lstat))
        assert vault.clear((), 1000.0) == 1
    assert vault.files() == {}


async def test_whoever_renews_waits_for_the_lock(tmp_path: Path) -> None:
    vault = Vault(tmp_path, KEY)
    await vault.put(sha256(b"x"), given([b"x"]))
    with vault._locked():
        renewing = asyncio.ensure_future(asyncio.to_thread(vault.renew, sha256(b"x"), 1))
        assert (await asyncio.wait([renewing], timeout=0.3))[0] == set()
    assert await renewing


def installation(store: Store, place: Blobs, known: str) -> BlobService:
    return BlobService(store, place, BlobsConfig(), lambda: known, Measures())


async def test_backups_share_files_until_none_needs_them(empty: Empty, tmp_path: Path) -> None:
    shelf, place = Shelf(tmp_path), MemoryBlobs()
    vault = Vault(tmp_path, KEY)
    keeping = Keeping(place, vault, pytest.fail)
    settings = BackupSettings(part_bytes=1 << 20, key=KEY)
    async with empty("memory") as store:
        await seed(store)
        files = installation(store, place, await epoch(store))
        first, second = [
            await files.take("u1", given([name]), name=name.decode()) for name in (b"1", b"2")
        ]
        for blob in (first, second):
            await files.refer(blob.id, "m")
        one, manifest = await take(store, shelf, settings, files=keeping)
        assert (manifest.files, manifest.lost_files) == (2, 0)
        assert manifest.file_bytes > 0
        await files.purge(first.id)
        third = await files.take("u1", given([b"3"]))
        _, manifest = await take(store, shelf, settings, files=keeping)
        assert manifest.files == 2
        names = {each: name_of(each.sha256, KEY) for each in (first, second, third)}
        assert vault.files().keys() == set(names.values())
        assert await clear_vault(shelf, KEY) == 0
        for name in names.values():
            os.utime(vault.folder / name, (0, 0))
        assert await clear_vault(shelf, KEY) == 0, "the first backup needs the first file"
        assert [each async for each in _lines(Backup(one, KEY))] == sorted(
            [names[first], names[second]]
        )
        shelf.rotate(datetime.now(UTC), 0, 1)
        assert await clear_vault(shelf, KEY) == 1
        assert vault.files().keys() == {names[second], names[third]}
        other = b"of a change that was shipped"
        await vault.put(sha256(other), given([other]))
        assert await clear_vault(shelf, KEY) == 0
        [left] = shelf.all()
        for path in left.iterdir():
            path.unlink() if path.is_file() else None
        assert await clear_vault(shelf, KEY) == 0, "without a backup nothing is removed"


async def _lines(backup: Backup) -> AsyncIterator[str]:
    for name in sorted(await backup.files()):
        yield name


async def test_a_new_key_takes_along_what_the_place_has_lost(
    empty: Empty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clearing, "SKEW_SECONDS", 0.0)
    shelf, place = Shelf(tmp_path), MemoryBlobs()
    lost: list[Lost] = []
    async with empty("memory") as store:
        await seed(store)
        files = installation(store, place, await epoch(store))
        kept, damaged = [await files.take("u1", given([n])) for n in (b"kept", b"damaged")]
        for blob in (kept, damaged):
            await files.refer(blob.id, "m")

        async def backup(key: Key) -> tuple[int, int]:
            keeping = Keeping(place, Vault(tmp_path, key), lost.append)
            settings = BackupSettings(part_bytes=1 << 20, key=key)
            manifest = (await take(store, shelf, settings, files=keeping))[1]
            return manifest.files, manifest.lost_files

        assert await backup(KEY) == (2, 0)
        place.contents.clear()
        (tmp_path / "files" / name_of(damaged.sha256, KEY)).write_bytes(b"x")
        assert await backup(NEXT) == (1, 1)
    assert [each.blob for each in lost] == [damaged.id]
    shelf.rotate(datetime.now(UTC), 0, 1)
    for path in (tmp_path / "files").glob("*/*/*"):
        os.utime(path, (0, 0))
    assert await clear_vault(shelf, NEXT) == 2
    assert await read(Vault(tmp_path, NEXT), b"kept") == b"kept"
    assert Vault(tmp_path, NEXT).files().keys() == {name_of(kept.sha256, NEXT)}


def flipped(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


class Beside:
    """Two files of users in a place, and backups of them with KEY."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.shelf, self.place = store, Shelf(folder), MemoryBlobs()
        self.vault, self.lost = Vault(folder, KEY), list[Lost]()

    async def upload(self) -> None:
        files = installation(self.store, self.place, await epoch(self.store))
        self.blobs = [await files.take("u1", given([each])) for each in (b"one", b"another")]
        for blob in self.blobs:
            await files.refer(blob.id, "m")

    def path(self, which: int) -> Path:
        return self.vault.folder / name_of(self.blobs[which].sha256, KEY)

    async def backup(self) -> tuple[Path, tuple[int, int]]:
        keeping = Keeping(self.place, self.vault, self.lost.append)
        settings = BackupSettings(part_bytes=1 << 20, key=KEY)
        path, manifest = await take(self.store, self.shelf, settings, files=keeping)
        return path, (manifest.files, manifest.lost_files)


async def test_a_file_of_a_wrong_size_is_copied_again(empty: Empty, tmp_path: Path) -> None:
    async with empty("memory") as store:
        await seed(store)
        it = Beside(store, tmp_path)
        await it.upload()
        keeping = Keeping(it.place, it.vault, it.lost.append)
        for copied in (it.backup, lambda: keeping.look(store)):
            await it.backup()
            for path, data in ((it.path(0), b""), (it.path(1), it.path(1).read_bytes()[:-1])):
                path.write_bytes(data)
            await copied()
            assert await read(it.vault, b"one") == b"one"
            assert await read(it.vault, b"another") == b"another"
    assert it.lost == []


async def test_a_damaged_file_that_verifying_finds_is_copied_again(
    empty: Empty, tmp_path: Path
) -> None:
    async with empty("memory") as store:
        await seed(store)
        it = Beside(store, tmp_path)
        await it.upload()
        path, _ = await it.backup()
        whole, damaged = it.path(0).read_bytes(), flipped(it.path(1).read_bytes())
        it.path(1).write_bytes(damaged)
        async with empty("memory") as scratch:
            with pytest.raises(Corrupted, match=f"{it.blobs[1].id}.*the next backup copies"):
                await verify(Backup(path, KEY), scratch, vault=it.vault)
        assert it.path(0).read_bytes() == whole
        assert it.path(1).read_bytes() == damaged
        assert it.vault.clear(it.vault.files(), time.time() + 1) == 0, "the mark stays, too"
        assert await it.backup() == (it.shelf.all()[-1], (2, 0))
        assert await read(it.vault, b"another") == b"another"
        assert list(it.vault.folder.rglob(".damaged-*")) == []
        async with empty("memory") as scratch:
            await verify(Backup(path, KEY), scratch, vault=it.vault)


@pytest.mark.parametrize("change", [lambda _: b"", flipped])
async def test_while_a_file_is_damaged_everywhere_here_it_stays_needed(
    change: Callable[[bytes], bytes], empty: Empty, tmp_path: Path
) -> None:
    async with empty("memory") as store:
        await seed(store)
        it = Beside(store, tmp_path)
        await it.upload()
        await it.backup()
        whole = it.path(0).read_bytes()
        it.path(0).write_bytes(change(whole))
        it.vault.mark_damaged(it.blobs[0].sha256)
        kept = it.place.contents.copy()
        it.place.contents.clear()
        path, counts = await it.backup()
        assert counts == (2, 0)
        assert [each.blob for each in it.lost] == [it.blobs[0].id]
        assert await Backup(path, KEY).files() == it.vault.files().keys(), "the targets keep it"
        it.path(0).write_bytes(whole)  # its size is right again, and the mark is wrong
        await it.backup()
        assert it.vault.has(it.blobs[0].sha256, it.blobs[0].size)
        it.path(0).write_bytes(b"")
        it.place.contents |= kept
        await it.backup()
        assert await read(it.vault, b"one") == b"one"


async def test_only_what_is_damaged_is_marked(tmp_path: Path, monkeypatch: Any) -> None:
    vault = Vault(tmp_path, NEXT)
    for key in (KEY, NEXT):
        await Vault(tmp_path, key).put(sha256(b"x"), given([b"x"]))
    new, old = [vault.folder / name_of(sha256(b"x"), key) for key in (NEXT, KEY)]
    assert not vault.mark_damaged(sha256(b"x"))
    assert not vault.mark_damaged(sha256(b"another"))
    whole = new.read_bytes()
    new.write_bytes(flipped(whole))

    def unreadable(path: Path) -> Any:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(vaults, "open_file", unreadable)
        with pytest.raises(OSError, match="Input/output"):
            vault.mark_damaged(sha256(b"x"))

    class Raced(Vault):
        @contextmanager
        def _locked(self) -> Iterator[None]:
            replacing = new.with_name(".part-1")
            replacing.write_bytes(whole)
            replacing.rename(new)  # by another process, which had the lock before
            with super()._locked():
                yield

    assert not Raced(tmp_path, NEXT).mark_damaged(sha256(b"x"))
    assert new.read_bytes() == whole
    new.write_bytes(flipped(whole))
    assert vault.mark_damaged(sha256(b"x"))
    assert (vault.has(sha256(b"x"), 1), Vault(tmp_path, KEY).has(sha256(b"x"), 1)) == (False, True)
    assert old.exists()
    await vault.reseal(sha256(b"x"))
    assert vault.has(sha256(b"x"), 1)
    assert await read(vault, b"x") == b"x"


async def test_verifying_and_restoring_tell_of_lost_files(empty: Empty, tmp_path: Path) -> None:
    shelf, place = Shelf(tmp_path), MemoryBlobs()
    vault, settings = Vault(tmp_path, None), BackupSettings(part_bytes=1 << 20)
    lost: list[Lost] = []
    async with empty("memory") as store:
        await seed(store)
        files = installation(store, place, await epoch(store))
        whole, gone, later = [await files.take("u1", given([n])) for n in (b"1", b"22", b"333")]
        for blob in (whole, gone):
            await files.refer(blob.id, "plugin:it:m")
        del place.contents[gone.pieces[0].key]
        del place.contents[later.pieces[0].key]  # nothing refers to it
        path, manifest = await take(
            store, shelf, settings, files=Keeping(place, vault, lost.append)
        )
        assert (manifest.files, manifest.lost_files) == (1, 2)
        assert [(each.blob, each.rooms) for each in lost] == [(gone.id, ("plugin:it:m",))]
    backup = Backup(path, None)
    lost.clear()
    async with empty("memory") as scratch:
        await verify(backup, scratch, vault=vault, on_lost=lost.append)
    assert [each.blob for each in lost] == [gone.id]
    new = MemoryBlobs()
    lost.clear()
    async with empty("memory") as fresh:
        refill = Refill(new, vault, lost.append)
        await restore(backup, fresh, refill=refill)
        assert (refill.files, refill.new, refill.lost, refill.is_foreign) == (3, 1, 1, False)
        again = installation(fresh, new, await epoch(fresh))
        assert [part async for part in again.read(await again.get(whole.id))] == [b"1"]
        await again.take("u1", given([b"the place is the restored installation's"]))
    assert [each.blob for each in lost] == [gone.id]
    (vault.folder / name_of(whole.sha256, None)).unlink()
    async with empty("memory") as scratch:
        with pytest.raises(Corrupted, match=f"{whole.id}.*it is not in the backup"):
            await verify(backup, scratch, vault=vault)


async def test_a_vault_that_takes_no_file_is_named_though_nothing_is_new(
    empty: Empty, tmp_path: Path
) -> None:
    keeping = Keeping(MemoryBlobs(), Vault(tmp_path, KEY), pytest.fail)
    async with empty("memory") as store:
        await keeping.look(store)
        (tmp_path / "files/.lock").unlink()
        (tmp_path / "files/.lock").mkdir()
        with pytest.raises(BackupError, match="files: Is a directory"):
            await keeping.look(store)


async def test_new_files_follow_beside_the_newest_backup(empty: Empty, tmp_path: Path) -> None:
    place, vault = MemoryBlobs(), Vault(tmp_path, KEY)
    async with empty("memory") as store:
        files = installation(store, place, await epoch(store))
        blob = await files.take("u1", given([b"new"]))
        running = asyncio.create_task(Keeping(place, vault, pytest.fail).run(store))
        await until(lambda: asyncio.to_thread(vault.has, blob.sha256, blob.size))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert await read(vault, b"new") == b"new"
