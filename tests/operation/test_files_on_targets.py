"""Files of users in backups on real targets, and back from there: OpenSSH's sshd, and SeaweedFS as S3."""

import asyncio
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from chatserver.cluster.installation import epoch
from chatserver.copies.backup import clearing
from chatserver.copies.backup.clearing import clear_vault
from chatserver.copies.targets.guarded import Guarded, TargetFailed
from chatserver_plugins.sqlite import SqlitePlugin
from tests.backup.files_world import KEY, SKEW_SECONDS, World
from tests.backup.machine import PATIENT
from tests.backup.seed import seed
from tests.backup.users_files import FileServer, disk_place, files_of
from tests.faults.proxy import Network
from tests.operation.places import Place, guarded, make_place
from tests.operation.target_servers import SeaweedS3, Sshd
from tests.tools import need_root
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
SERVERS = {"sftp": "sshd", "s3": "weed"}


@pytest.fixture(scope="module")
def weed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedS3]:
    weed = SeaweedS3(tmp_path_factory.mktemp("weed"))
    weed.start()
    yield weed
    weed.kill()


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    need_root()
    sshd = Sshd(tmp_path_factory.mktemp("sshd"))
    sshd.start()
    yield sshd
    sshd.kill()


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> Place:
    """A new, empty place of the test's `kind`."""
    server = request.getfixturevalue(SERVERS[kind])
    return make_place(kind, tmp_path, server, server)


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


def machine(folder: Path, place: Place, **settings: object) -> FileServer:
    """A server that copies its backups to the place."""
    settings |= {
        key.replace(".", "__"): value
        for key, value in place.settings.items()
        if key != "plugins.enabled"
    }
    settings |= {"backup__folder": folder / "backups", "backup__targets": place.url}
    files = disk_place(folder)
    files["plugin"] = "disk_blobs,s3,sftp"
    return FileServer(folder, files, **settings)


def stored(place: Place) -> set[str]:
    """Names of the files of users on the target."""
    if place.folder is not None:
        return {path.name for path in (place.folder / "files").rglob("*") if path.is_file()}
    return {name.rpartition("/")[2] for name in place.s3_objects() if "/files/" in name}


def remove(place: Place, name: str) -> None:
    if place.folder is not None:
        next((place.folder / "files").rglob(name)).unlink()
        return
    (key,) = [key for key in place.s3_objects() if key.endswith(name)]
    place.server.client().delete_object(Bucket=place.bucket(), Key=key)


def contents(folder: Path) -> int:
    """Number of files in the backups' folder."""
    return len([path for path in (folder / "backups" / "files").glob("*/*/*") if path.is_file()])


@pytest.mark.parametrize("kind", SERVERS)
def test_an_empty_machine_gets_the_files_that_the_backup_needs(
    place: Place, tmp_path: Path
) -> None:
    with machine(tmp_path / "old", place) as old:
        ada = old.register("ada")
        sent = files_of(old, ada)
        old.command("backup")
        old.command("backup", "copy")
        needed = stored(place)
        assert len(needed) == 3, "the same content is there once"
        sent_later = old.send(ada, sent[0].room, "later.bin", secrets.token_bytes(3_000_000))
        old.command("backup")
        old.command("backup", "copy")
        assert "5 files" in old.command("backup", "verify", place.url)
        assert old.errors() == []
    (later,) = stored(place) - needed
    first = min(path.name for path in (tmp_path / "old" / "backups").glob("chatserver-*"))
    shutil.rmtree(tmp_path / "old")
    one = place.url.replace("?", f"/{first}?") if "?" in place.url else f"{place.url}/{first}"
    remove(place, later)  # the first backup does not need it
    new = machine(tmp_path / "new", place)
    assert "4 of 4 files are in their place, 3 of them from" in new.command("restore", one)
    with new:
        token = new.login("ada")
        for each in sent:
            assert new.shown(token, each) == each.content, each.name
        assert new.shown(token, sent_later) == 404
        assert new.errors() == []
    with pytest.raises(subprocess.CalledProcessError) as caught:
        new.command("backup", "verify", place.url)
    assert "later.bin" in caught.value.stderr


@pytest.mark.parametrize("kind", SERVERS)
def test_a_restore_goes_on_after_the_target_was_away(place: Place, tmp_path: Path) -> None:
    with machine(tmp_path / "old", place) as old:
        ada = old.register("ada")
        sent = files_of(old, ada)
        old.command("backup")
        old.command("backup", "copy")
    with Network() as network:
        proxy = network.proxy(place.server.port)
        new = machine(tmp_path / "new", place.behind(proxy), backup__target_timeout_seconds=20)
        files = Path(str(new.place["plugin.disk_blobs.path"]))
        proxy.delay(0.05)
        restore = _begin(new, "restore", place.behind(proxy).url)
        wait_until(lambda: _blobs(files) or restore.poll() is not None)
        assert restore.poll() is None
        proxy.reset()
        place.server.kill()
        place.server.start()
        proxy.delay(0)
        output, errors = restore.communicate()
        assert restore.returncode == 0, errors
        assert "4 of 4 files are in their place" in output
    with new:
        token = new.login("ada")
        assert [new.shown(token, each) for each in sent] == [each.content for each in sent]


@pytest.mark.parametrize("kind", SERVERS)
def test_an_interrupted_restore_does_not_fetch_again_what_is_in_its_place(
    place: Place, tmp_path: Path
) -> None:
    with machine(tmp_path / "old", place) as old:
        ada = old.register("ada")
        room = old.room(ada)
        sent = [
            old.send(ada, room, f"{number}.bin", secrets.token_bytes(200_000))
            for number in range(8)
        ]
        old.command("backup")
        old.command("backup", "copy")
    with Network() as network:
        proxy = network.proxy(place.server.port)
        new = machine(tmp_path / "new", place.behind(proxy))
        files = Path(str(new.place["plugin.disk_blobs.path"]))
        proxy.delay(0.05)
        restore = _begin(new, "restore", place.behind(proxy).url)
        wait_until(lambda: _blobs(files) > 1 or restore.poll() is not None)
        restore.kill()
        restore.communicate()
        there = _blobs(files)
        assert 1 < there < 8
        proxy.delay(0)
        again = new.command("restore", place.behind(proxy).url)
        assert f"8 of 8 files are in their place, {8 - there} of them from the backup" in again
    with new:
        token = new.login("ada")
        assert [new.shown(token, each) for each in sent] == [each.content for each in sent]


class Kept(NamedTuple):
    """The place as a target."""

    place: Place

    def guarded(self) -> Guarded:
        return guarded(self.place)


@asynccontextmanager
async def working(place: Place, folder: Path) -> AsyncIterator[World]:
    """An installation whose backups go to the place."""
    store = SqlitePlugin(PATIENT, folder / "data").provide_store()
    await store.open()
    try:
        await seed(store, rooms=1, messages=2)
        world = World(store, await epoch(store), folder / "backups", Kept(place))
        try:
            yield world
        finally:
            await world.shipper.end()
            await world.copying._target.close()
    finally:
        await store.close()


@pytest.mark.parametrize("kind", SERVERS)
async def test_files_go_with_the_last_backup_that_needs_them_though_the_target_dies_meanwhile(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clearing, "SKEW_SECONDS", SKEW_SECONDS)
    async with working(place, tmp_path) as it:
        old = [await it.upload(f"old {number}".encode()) for number in range(3)]
        stays = await it.upload(b"stays")
        await it.backup()
        shipped = await it.upload(b"of the changes")
        await it.ship()
        for _ in old:
            await it.purge(0)
        await it.purge(1)
        await it.backup()
        await it.ship()
        await it.copy()
        assert await asyncio.to_thread(stored, place) == names_of(*old, stays, shipped)

        it.rotate(1)
        assert await clear_vault(it.shelf, KEY) == 4
        await it.copy()
        assert await asyncio.to_thread(stored, place) == names_of(*old, stays, shipped), (
            "the target keeps both backups"
        )
        it.mirror(1, 1)
        target, deleted = it.copying._target, []
        real = target.delete

        async def delete(name: str) -> None:
            if name.startswith("files/"):
                deleted.append(name)
                if len(deleted) == 2:
                    await asyncio.to_thread(place.server.kill)
            await real(name)

        target.delete = delete  # type: ignore[method-assign]
        with pytest.raises(TargetFailed):
            await it.copy()
        await asyncio.to_thread(place.server.start)
        left = await asyncio.to_thread(stored, place)
        assert names_of(stays) < left < names_of(*old, stays, shipped)
        it.mirror(1, 1)
        await it.copy()
        assert await asyncio.to_thread(stored, place) == names_of(stays)


def names_of(*files: str) -> set[str]:
    return {name.rpartition("/")[2] for name in files}


def _blobs(folder: Path) -> int:
    """Number of pieces of files in a place of the plugin `disk_blobs`."""
    return len([path for path in folder.glob("??/*") if path.is_file()])


def _begin(server: FileServer, *arguments: str) -> "subprocess.Popen[str]":
    options = [f"--set={key}={value}" for key, value in server._settings.items()]
    data = f"--set=server.data={server.folder / 'data'}"
    command = [sys.executable, "-m", "chatserver", *arguments, data, *options]
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
