"""A backup made by root belongs to the server; if it cannot, its owner and the remedy are named."""

import asyncio
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chatserver.copies.backup import increments
from chatserver.copies.backup.errors import BackupError
from chatserver.copies.backup.job import BackupJob
from chatserver.copies.backup.owner import Owner, hand_over, owner_for, reason
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.backup.shipper import Shipper
from chatserver.copies.backup.take import BackupSettings, take
from chatserver.copies.backup.verify import note_verified
from chatserver.runtime.measure import Measures
from tests.backup.machine import Machine
from tests.backup.seed import seed
from tests.backup.test_job import loaded

NOBODY = 65534
IS_ROOT = os.geteuid() == 0
OTHER = Owner(NOBODY, NOBODY) if IS_ROOT else Owner(os.geteuid(), os.getegid())


@contextmanager
def as_the_server() -> Iterator[None]:
    """Run as the owner of the data; a process that is not root already does."""
    if IS_ROOT:
        os.setegid(NOBODY)
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if IS_ROOT:
            os.seteuid(0)
            os.setegid(0)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user can reach, unlike those of pytest."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def data(place: Path) -> Path:
    """A server's data folder."""
    folder = place / "data"
    folder.mkdir(mode=0o700)
    os.chown(folder, *OTHER)
    return folder


def owners(path: Path) -> set[int]:
    return {each.lstat().st_uid for each in (path, *path.rglob("*"))}


async def test_the_server_goes_on_with_a_first_backup_that_root_made(
    data: Path, empty: Callable[[str], Any]
) -> None:
    shelf = Shelf(data / "backups", owner_for(data / "backups", data))
    async with empty("memory") as store:
        await seed(store, rooms=1, messages=3)
        path, _ = await take(store, shelf, BackupSettings(part_bytes=1 << 20))
        note_verified(path)
        assert owners(shelf.folder) == {OTHER.uid}
        with as_the_server():
            own = Shelf(data / "backups")
            shipper = Shipper(store, own, None, 1.0, Measures())
            await shipper.round()
            await shipper.end()
            newer, _ = await take(store, own, BackupSettings(part_bytes=1 << 20))
            note_verified(path)
        assert increments.files(path) and newer.is_dir()


def test_a_backup_by_root_leaves_nothing_of_roots(data: Path, place: Path) -> None:
    """No lock of the folder or of the database is left if no server had made one before."""
    machine = Machine(place)
    machine.fill()
    hand_over(data, OTHER)
    (data / "sqlite/chat.db-lock").unlink()
    machine.shelf.folder = data / "backups"
    for command in (("backup",), ("backup", "verify"), ("jobs",)):
        assert machine.run(*command).exit_code == 0
    assert (data / "lock").exists() and (data / "sqlite/chat.db-lock").exists()
    assert owners(data) == {OTHER.uid}


def test_files_made_by_root_belong_to_the_owner_of_the_folder_or_the_data(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    missing = tmp_path / "missing"
    wanted = OTHER if OTHER.uid else None
    assert owner_for(data / "backups", data) == wanted
    assert owner_for(data, missing) == wanted
    assert owner_for(missing, missing) is None
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert owner_for(data, data) is None, "nobody else can give anything away"


def test_a_folder_of_root_is_reported_with_the_remedy(data: Path, place: Path) -> None:
    folder = place / "backups"
    folder.mkdir()
    shelf = Shelf(folder, OTHER)
    if IS_ROOT:
        assert shelf.out_of_reach().endswith(f"to {OTHER.user}: chown {OTHER.user}: {folder}")
        os.chown(folder, *OTHER)
    assert shelf.out_of_reach() == ""
    assert Shelf(folder).out_of_reach() == ""


def test_links_are_not_followed(data: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("")
    (data / "link").symlink_to(outside)
    mine = outside.stat().st_uid
    hand_over(data, OTHER)
    assert owners(data) == {OTHER.uid}
    assert owners(outside) == {mine}
    (data / ".lock").symlink_to(outside / "new")
    with pytest.raises(BackupError), Shelf(data).locked():
        pass
    assert not (outside / "new").exists()


def test_a_missing_right_is_refused_with_the_remedy(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = PermissionError(13, "Permission denied")
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    owner = Owner(data.stat().st_uid, 0).user
    assert reason(data / "backups/file", denied) == (
        f"Permission denied: {data} belongs to {owner}, and this process runs as 4711: "
        f"chown -R 4711: {data}"
    )
    assert reason(data, OSError(28, "No space left on device")) == "No space left on device"


async def test_a_server_says_at_once_that_its_folder_is_anothers(
    place: Path, empty: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the end of the minute that a newly started server waits."""
    config = loaded(place, verify=False)
    folder = place / "data/backups"
    folder.mkdir(parents=True)
    folder.chmod(0o500)
    monkeypatch.setattr("chatserver.copies.backup.job.START_SECONDS", 3600.0)
    real = os.access

    def access(path: Any, mode: int) -> bool:
        return real(path, mode, effective_ids=True)  # as a process that was started by that user

    monkeypatch.setattr("chatserver.copies.backup.shelf.os.access", access)
    async with empty("memory") as store:
        job = BackupJob(config, store, Measures())
        with (
            as_the_server(),
            pytest.raises(BackupError, match="backups: Permission denied") as said,
        ):
            await asyncio.wait_for(job.run(), 60)
    if not IS_ROOT:  # it belongs to who runs: there is nobody to give it back
        return
    assert re.search(
        r"belongs to root, and .* runs as \w+: chown -R \w+: \S*backups", str(said.value)
    )
