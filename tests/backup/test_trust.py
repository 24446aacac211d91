"""With a key, backups that are not sealed with it are never continued, wherever they lie."""

import json
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chatserver import Store
from chatserver.copies.backup import increments
from chatserver.copies.backup.errors import BackupError, Unsealed
from chatserver.copies.backup.figures import BackupFigures
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.ledger import FILE as LEDGER
from chatserver.copies.backup.manifest import FILE
from chatserver.copies.backup.moment import choose, read_moment
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.backup.shipper import Shipper
from chatserver.copies.backup.take import BackupSettings, take
from chatserver.copies.backup.trust import Trust
from chatserver.runtime.measure import Measures
from tests.backup.conftest import KEY
from tests.backup.machine import Machine
from tests.backup.planting import rewritten
from tests.backup.seed import seed, sent
from tests.backup.test_job import figures

SECRET = "what nobody else may read"
OTHER = Key(bytes(32))
KEY_TEXT = bytes(range(32)).hex()


async def made(store: Store, shelf: Shelf, key: Key | None) -> Path:
    path, _ = await take(store, shelf, BackupSettings(part_bytes=1 << 20, key=key))
    return path


def planted(shelf: Shelf, source: Path, name: str) -> Path:
    """By somebody who can write to the folder, and has not the key."""
    path = shelf.folder / name
    shutil.copytree(source, path)
    rewritten(path, name=name, key=None, ended="2999-01-01T00:00:00.000Z")
    return path


async def say(store: Store, room: str = "room0") -> None:
    head = (await store.heads([room]))[room]
    [event] = sent(room, [head + 1])
    await store.append([type(event)(**{**fields(event), "body": SECRET})])


def fields(event: Any) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__struct_fields__}


def in_clear(path: Path) -> bool:
    """Whether changes beside a backup can be read without the key."""
    try:
        return any(increments.read(path, None, bytes.fromhex(manifest_of(path)["salt"])))
    except BackupError:
        return True
    except Exception:  # it does not open
        return False


def manifest_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((path / FILE).read_bytes().partition(b"\n")[0])
    return found


@pytest.mark.parametrize("other", [None, OTHER], ids=["plain", "another key"])
async def test_changes_go_on_beside_the_newest_that_is_sealed_with_the_key(
    other: Key | None, empty: Callable[[str], Any], shelf: Shelf, logged: list[str]
) -> None:
    async with empty("memory") as store:
        await seed(store, rooms=1, messages=3)
        ours = await made(store, shelf, KEY)
        newer = await made(store, shelf, other)
        shipper = Shipper(store, shelf, KEY, 1.0, Measures())
        for _ in range(2):
            await say(store)
            await shipper.round()
        await shipper.end()
    assert increments.files(ours) and not increments.files(newer)
    assert not in_clear(ours)
    [warned] = [line for line in logged if line.startswith("WARNING")]
    assert str(newer) in warned


@pytest.mark.parametrize("other", [None, OTHER], ids=["plain", "another key"])
async def test_without_one_of_ours_nothing_is_written_and_a_new_one_is_asked_for(
    other: Key | None, empty: Callable[[str], Any], shelf: Shelf
) -> None:
    asked: list[bool] = []
    async with empty("memory") as store:
        await seed(store, rooms=1, messages=3)
        foreign = await made(store, shelf, other)
        shipper = Shipper(store, shelf, KEY, 1.0, Measures(), lambda: asked.append(True))
        with pytest.raises(BackupError, match=f"{foreign}.*(not encrypted|another key)"):
            await shipper.round()
        assert asked and not increments.files(foreign)
        ours = await made(store, shelf, KEY)
        await shipper.round()
        await shipper.end()
    assert increments.files(ours) and not increments.files(foreign)


async def test_a_backup_planted_during_shipping_gets_no_changes(
    empty: Callable[[str], Any], shelf: Shelf, tmp_path: Path
) -> None:
    async with empty("memory") as store:
        await seed(store, rooms=1, messages=3)
        plain = await made(store, Shelf(tmp_path / "theirs"), None)
        ours = await made(store, shelf, KEY)
        shipper = Shipper(store, shelf, KEY, 1.0, Measures())
        await shipper.round()
        fake = planted(shelf, plain, "chatserver-29990101T000000Z")
        copy = shelf.folder / "chatserver-29990101T000001Z"
        shutil.copytree(ours, copy)  # sealed, but by the name of another
        await say(store)
        await shipper.round()
        await shipper.end()
    assert not increments.files(fake) and len(increments.files(copy)) == 1
    assert len(increments.files(ours)) == 1
    assert b"" != (ours / LEDGER).read_bytes() != (copy / LEDGER).read_bytes()


async def test_the_server_of_an_installation_that_gets_a_key_seals_from_then_on(
    empty: Callable[[str], Any], shelf: Shelf
) -> None:
    async with empty("memory") as store:
        await seed(store, rooms=1, messages=3)
        plain = await made(store, shelf, None)
        with pytest.raises(BackupError, match="not encrypted"):
            await Shipper(store, shelf, KEY, 1.0, Measures()).round()
        shipper = Shipper(store, shelf, None, 1.0, Measures())
        await shipper.round()
        await shipper.end()
        assert increments.files(plain), "without a key it is as before"


async def test_no_door_takes_a_plain_one_where_there_is_a_key(
    empty: Callable[[str], Any], shelf: Shelf
) -> None:
    async with empty("memory") as store:
        path = await made(store, shelf, None)
    with pytest.raises(Unsealed, match="anybody may have changed it"):
        Backup(path, KEY)
    for place in (path, shelf.folder):
        for moment in (None, read_moment("2999-01-01T00:00:00Z")):
            with pytest.raises(Unsealed):
                choose(place, KEY, moment)


async def test_planted_backups_do_not_displace_ours_at_removal(
    empty: Callable[[str], Any], shelf: Shelf, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    async with empty("memory") as store:
        ours = [await made(store, shelf, KEY) for _ in range(3)]
        plain = await made(store, Shelf(tmp_path / "theirs"), None)
    fakes = [planted(shelf, plain, f"chatserver-2999010{day}T000000Z") for day in range(1, 6)]
    is_ours = Trust(shelf, KEY).is_ours
    assert shelf.rotate(now, 0, 2, is_ours) == ours[:1]
    later = now + timedelta(days=100)
    assert shelf.rotate(later, 30, 0, is_ours) == ours[1:2], "the newest of ours stays"
    assert shelf.all() == [ours[2], *fakes]


async def test_backups_from_before_the_key_are_removed_by_age_and_count(
    empty: Callable[[str], Any], shelf: Shelf
) -> None:
    """They still contain messages that were deleted since."""
    now = datetime.now(UTC)
    async with empty("memory") as store:
        plain = [await made(store, shelf, None) for _ in range(3)]
        ours = [await made(store, shelf, KEY)]
        is_ours = Trust(shelf, KEY).is_ours
        assert shelf.rotate(now, 0, 3, is_ours) == [], "three of ours are not there yet"
        ours += [await made(store, shelf, KEY) for _ in range(2)]
        assert shelf.rotate(now, 0, 3, is_ours) == plain
        plain = [await made(store, shelf, None)]
        later = now + timedelta(days=31)
        assert shelf.rotate(later, 30, 0, is_ours) == [*ours[:2], *plain]
    assert shelf.all() == ours[2:]


def test_a_file_among_backups_does_not_stop_the_removal_of_others(shelf: Shelf) -> None:
    shelf.folder.mkdir()
    (shelf.folder / "chatserver-20010101T000000Z").symlink_to(shelf.folder.parent)
    (shelf.folder / "chatserver-20010102T000000Z").write_bytes(b"x")
    (shelf.folder / "chatserver-20013131T000000Z").mkdir()
    (shelf.folder / "chatserver-20010103T000000Z").mkdir()
    gone = shelf.rotate(datetime.now(UTC), 30, 0)
    assert [path.name[-9:] for path in gone] == ["01T000000Z"[1:], "02T000000Z"[1:]]
    assert shelf.folder.parent.is_dir()


async def test_figures_count_ours_and_tell_of_the_others(
    empty: Callable[[str], Any], shelf: Shelf, tmp_path: Path
) -> None:
    measures = Measures()
    async with empty("memory") as store:
        plain = await made(store, Shelf(tmp_path / "theirs"), None)
        ours = await made(store, shelf, KEY)
    planted(shelf, plain, "chatserver-29990101T000000Z")
    BackupFigures(shelf, KEY, measures)
    shown = figures(measures)
    assert (shown["chatserver_backups"], shown["chatserver_backups_foreign"]) == (1, 1)
    assert shown["last_success_timestamp_seconds"] < time.time() + 1
    assert shown["size_bytes"] == Backup(ours, KEY).manifest.bytes


def rewrite(file: Path, content: bytes) -> None:
    """At another change time than before: the system's clock of files goes by milliseconds."""
    before = file.stat().st_ctime_ns
    while file.stat().st_ctime_ns == before:
        file.write_bytes(content)


async def test_a_manifest_that_changes_is_proven_again(
    empty: Callable[[str], Any], shelf: Shelf
) -> None:
    async with empty("memory") as store:
        path = await made(store, shelf, KEY)
    trust = Trust(shelf, KEY)
    assert trust.is_ours(path)
    sealed = (path / FILE).read_bytes()
    other = b"0" if sealed[-2:-1] != b"0" else b"1"
    rewrite(path / FILE, sealed[:-2] + other + b"\n")
    assert not trust.is_ours(path)
    rewrite(path / FILE, sealed)
    assert list(trust.look().ours) == [path]
    shutil.rmtree(path)
    assert trust.look() == ({}, {})


@pytest.mark.long
def test_the_command_counts_only_backups_sealed_with_the_key(machine: Machine) -> None:
    machine.fill()
    for _ in range(3):
        assert machine.run("backup", "--no-rotate").exit_code == 0
    plain = machine.shelf.all()
    sealed = machine.run("backup", "--set=backup.keep_count=2", CHATSERVER_BACKUP__KEY=KEY_TEXT)
    assert sealed.exit_code == 0 and ": removed" not in sealed.stdout
    sealed = machine.run("backup", "--set=backup.keep_count=2", CHATSERVER_BACKUP__KEY=KEY_TEXT)
    assert sealed.stdout.count(": removed") == 3
    assert not set(plain) & set(machine.shelf.all())
