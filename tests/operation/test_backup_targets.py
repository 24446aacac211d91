"""Backups on real targets: a folder, OpenSSH's sshd, and SeaweedFS with and without object lock."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError

from chatserver.cluster.installation import epoch
from chatserver.copies.backup import job
from chatserver.copies.backup.moment import choose
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.targets.guarded import TargetFailed
from chatserver.copies.targets.keeping import Keeper
from chatserver.copies.targets.reading import fetch, fetch_manifests
from chatserver.interfaces import Store
from chatserver.testing.running import running as serving
from chatserver_plugins.sqlite import SqlitePlugin
from tests.backup.machine import PATIENT, read
from tests.backup.seed import Contents, contents, seed
from tests.faults.proxy import Network
from tests.operation.places import (
    KEY,
    KINDS,
    LOCK_DAYS,
    NOT_LOCKED,
    Place,
    Writer,
    guarded,
    make_place,
    mirror_of,
    running,
)
from tests.operation.target_servers import ADMIN, SERVER, SeaweedS3, Sshd
from tests.tools import need_root
from tests.waiting import until

ROOT = Path(__file__).parents[2]


class Result(NamedTuple):
    """The end of a command. `output` has standard error, too."""

    exit_code: int
    stdout: str
    output: str


SERVERS = {"sftp": "sshd", "s3": "weed", "s3 locked": "weed"}


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
    wanted = SERVERS.get(kind)
    server = request.getfixturevalue(wanted) if wanted else None
    return make_place(kind, tmp_path, server, server)


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Store]:
    store = SqlitePlugin(PATIENT, folder / "data" / "sqlite").provide_store()
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def writing(folder: Path, messages: int = 30) -> AsyncIterator[Writer]:
    """A filled store, whose backups go to `folder / "backups"`."""
    async with opened(folder) as store:
        await seed(store, messages=messages)
        await epoch(store)
        writer = Writer(store, Shelf(folder / "backups"))
        try:
            yield writer
        finally:
            await writer.shipper.end()


def run(place: Place, folder: Path, *arguments: str) -> Result:
    """A command on a machine that has the configuration, the key and the URL."""
    data = [f"--set=server.data={folder / 'data'}", f"--set=backup.folder={folder / 'backups'}"]
    command = [sys.executable, "-m", "chatserver", *arguments, *data, *place.options()]
    environ = os.environ | {"TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)
    return Result(done.returncode, done.stdout, done.stdout + done.stderr)


async def restored(place: Place, folder: Path, *options: str) -> Contents:
    """What an empty machine has after a restore from the target."""
    return await asyncio.to_thread(restored_there, place, folder, *options)


def restored_there(place: Place, folder: Path, *options: str) -> Contents:
    folder.mkdir()
    result = run(place, folder, "restore", place.url, *options)
    assert result.exit_code == 0, result.output
    assert not list(folder.glob("chatserver-download-*"))
    return read(folder / "data")


@pytest.mark.parametrize("kind", KINDS)
async def test_an_empty_machine_gets_all_back_from_the_target_alone(
    place: Place, tmp_path: Path
) -> None:
    mirror = mirror_of(place, Shelf(tmp_path / "backups"))
    async with writing(tmp_path) as writer:
        await writer.backup()
        await writer.change()
        await mirror.round()
        middle = await contents(writer.store)
        # A moment without a fraction covers its whole second.
        moment = datetime.now(UTC).isoformat(timespec="milliseconds")
        for _ in range(3):
            await asyncio.sleep(0.01)
            await writer.change()
            await mirror.round()
        assert mirror.pending == 0
        wanted = await contents(writer.store)
    assert await restored(place, tmp_path / "latest") == wanted
    logs, _ = await restored(place, tmp_path / "then", "--at", moment)
    assert logs == middle[0]

    verified = await asyncio.to_thread(run, place, tmp_path, "backup", "verify", place.url)
    assert verified.exit_code == 0, verified.output
    assert f"sealed with the present key {KEY.id}" in verified.output
    listed = await asyncio.to_thread(run, place, tmp_path, "backup", "list", place.url, "--json")
    (row,) = json.loads(listed.stdout)
    assert row["key"] == KEY.id
    one = (
        place.url.replace("?", f"/{Path(row['backup']).name}?")
        if "?" in place.url
        else (f"{place.url}/{Path(row['backup']).name}")
    )
    assert (await asyncio.to_thread(run, place, tmp_path, "backup", "verify", one)).exit_code == 0


async def readable(place: Place) -> bool:
    """Whether the target has a backup. Raises `ArchiveError` if it has one that is not whole."""
    target = guarded(place)
    with tempfile.TemporaryDirectory() as folder:
        await fetch_manifests(target, Path(folder))
        if not Shelf(Path(folder)).all():
            await target.close()
            return False
        backup = choose(Path(folder), KEY, None)
        await fetch(target, backup)
        await target.close()
        await asyncio.to_thread(backup.check_files)
        async for _ in backup.increments():
            """Reading checks them."""
    return True


@pytest.mark.parametrize("kind", KINDS)
async def test_a_target_is_whole_after_each_object(place: Place, tmp_path: Path) -> None:
    """Cut after every single object, what is there is an earlier state, or no backup at all."""
    target = guarded(place)
    mirror = mirror_of(place, Shelf(tmp_path / "backups"))
    mirror._target = target
    states, stored = [], 0
    real = target.put

    async def put(name: str, *given: Any) -> None:
        nonlocal stored
        await real(name, *given)
        stored += 1
        states.append((name.rpartition("/")[2], await readable(place)))

    target.put = put  # type: ignore[method-assign]
    async with writing(tmp_path, messages=3) as writer:
        await writer.backup(1 << 20)
        await writer.change()
        await mirror.round()
        await writer.change()
        await mirror.round()
    names = [name for name, _ in states]
    first = names.index("manifest.json")
    assert [whole for _, whole in states] == [False] * first + [True] * (len(states) - first)
    assert names[first - 1] == "ledger.json"
    assert [name.startswith("ledger") for name in names[first + 1 :]] == [False, True]


@pytest.mark.parametrize("kind", ["sftp", "s3"])
@pytest.mark.parametrize("fault", ["cut", "stalled", "slow"])
async def test_a_bad_network_is_reported_and_caught_up_with(
    place: Place, tmp_path: Path, network: Network, fault: str
) -> None:
    proxy = network.proxy(place.server.port)
    shelf = Shelf(tmp_path / "backups")
    mirror = mirror_of(place.behind(proxy), shelf, seconds=20.0 if fault == "slow" else 1.0)
    async with writing(tmp_path) as writer:
        await writer.backup()
        with running(mirror):
            await until(lambda: mirror.succeeded and not mirror.failing)
            match fault:
                case "cut":
                    mirror.failing = ""
                    await writer.change()
                    for _ in range(3):
                        proxy.reset()
                        await asyncio.sleep(0.05)
                case "stalled":
                    everyone = set(range(65536))
                    proxy.hold(lambda: everyone)
                    await writer.change()
                    await until(lambda: mirror.failing)
                    assert "no answer within" in mirror.failing or "imeout" in mirror.failing
                    await writer.change()  # what is local goes on
                    assert writer.shipper._shipped > mirror.until
                case _:
                    proxy.delay(0.15)
                    await writer.change()
            if fault != "slow":
                proxy.heal()
            await until(lambda: mirror.until >= writer.shipper._shipped and not mirror.failing)
        wanted = await contents(writer.store)
    assert await restored(place, tmp_path / "new") == wanted


@pytest.mark.parametrize("kind", ["sftp", "s3"])
async def test_a_server_killed_in_the_middle_of_an_upload_gets_the_rest_later(
    place: Place, tmp_path: Path
) -> None:
    shelf = Shelf(tmp_path / "backups")
    mirror = mirror_of(place, shelf, seconds=5.0)
    async with writing(tmp_path, messages=200) as writer:
        await writer.backup(20_000)
        with running(mirror):
            await until(lambda: any(copy.pending > 0 for copy in mirror._copies.values()))
            await asyncio.sleep(0.05)
            await asyncio.to_thread(place.server.kill)
            await until(lambda: mirror.failing)
            await writer.change()
            await asyncio.to_thread(place.server.start)
            await until(lambda: mirror.until >= writer.shipper._shipped and not mirror.failing)
        wanted = await contents(writer.store)
    assert await restored(place, tmp_path / "new") == wanted


@pytest.mark.parametrize("kind", ["sftp"])
async def test_a_full_target_is_named_and_filled_once_there_is_room(
    place: Place, tmp_path: Path
) -> None:
    assert place.folder is not None
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place.folder)]
    await asyncio.to_thread(subprocess.run, mount, check=True)
    shelf = Shelf(tmp_path / "backups")
    mirror = mirror_of(place, shelf)
    try:
        async with writing(tmp_path) as writer:
            await writer.backup(300_000)
            await writer.backup(300_000)
            with running(mirror):
                await until(lambda: mirror.failing)
                assert "the target is full" in mirror.failing
                assert len(shelf.all()) == 2
                await writer.change()
                more = ["mount", "-o", "remount,size=64m", str(place.folder)]
                await asyncio.to_thread(subprocess.run, more, check=True)
                await until(lambda: mirror.until >= writer.shipper._shipped and not mirror.failing)
            wanted = await contents(writer.store)
        assert await restored(place, tmp_path / "new") == wanted
    finally:
        await asyncio.to_thread(subprocess.run, ["umount", "-l", str(place.folder)], check=True)


def damage(place: Place, part: str) -> None:
    """Change a byte of an object of the target, as a bad disk or an intruder would."""
    if place.folder is not None:
        (path,) = place.folder.glob(f"*/{part}")
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        return
    client = place.server.client(ADMIN)
    (key,) = [key for key in place.s3_objects() if key.endswith(part)]
    data = bytearray(client.get_object(Bucket=place.bucket(), Key=key)["Body"].read())
    data[len(data) // 2] ^= 1
    client.put_object(Bucket=place.bucket(), Key=key, Body=bytes(data))


def lose(place: Place, part: str) -> None:
    if place.folder is not None:
        (path,) = place.folder.glob(f"*/{part}")
        path.unlink()
        return
    (key,) = [key for key in place.s3_objects() if key.endswith(part)]
    place.server.client(SERVER).delete_object(Bucket=place.bucket(), Key=key)


@pytest.mark.parametrize("kind", KINDS)
async def test_damaged_and_lost_objects_are_named_and_stored_again(
    place: Place, tmp_path: Path
) -> None:
    mirror = mirror_of(place, Shelf(tmp_path / "backups"), check_seconds=0.001)
    async with writing(tmp_path) as writer:
        await writer.backup()
        await writer.change()
        await mirror.round()
        await mirror.round()
        assert mirror.checked
        await asyncio.to_thread(damage, place, "records-00001")
        said = await asyncio.to_thread(run, place, tmp_path, "backup", "verify", place.url)
        assert said.exit_code == 1
        assert "records-00001: the target returns damaged bytes" in said.output
        with pytest.raises(
            TargetFailed, match=r"records-00001: the target does not return what was"
        ):
            await mirror.round()
        await mirror.round()

        await asyncio.to_thread(lose, place, "config-00001")
        with pytest.raises(TargetFailed, match="config-00001: the target does not return what was"):
            await mirror.round()
        await mirror.round()
        wanted = await contents(writer.store)
    assert await restored(place, tmp_path / "new") == wanted


@pytest.mark.parametrize("kind", ["s3 locked"])
async def test_locked_backups_outlive_a_stolen_key(place: Place, tmp_path: Path) -> None:
    """With the server's key, an intruder deletes and overwrites everything: the state before can be restored."""
    mirror = mirror_of(place, Shelf(tmp_path / "backups"))
    async with writing(tmp_path) as writer:
        await writer.backup()
        await writer.change()
        await mirror.round()
        wanted = await contents(writer.store)
    intruder = place.server.client(SERVER)
    # S3 dates versions by the second.
    await asyncio.sleep(1.1)
    moment = datetime.now(UTC)
    await asyncio.sleep(1.1)
    for number, key in enumerate(place.s3_objects()):
        (version,) = intruder.list_object_versions(Bucket=place.bucket(), Prefix=key)["Versions"][
            :1
        ]
        with pytest.raises(ClientError, match="AccessDenied"):
            intruder.delete_object(Bucket=place.bucket(), Key=key, VersionId=version["VersionId"])
        if number % 2:
            intruder.put_object(Bucket=place.bucket(), Key=key, Body=b"gone")
        else:
            intruder.delete_object(Bucket=place.bucket(), Key=key)
    with pytest.raises(AssertionError):
        await restored(place, tmp_path / "now")
    as_of = f"&as_of={moment.isoformat(timespec='milliseconds').replace('+00:00', 'Z')}"
    then = place._replace(url=place.url + as_of)
    assert await restored(then, tmp_path / "then") == wanted


@pytest.mark.parametrize("kind", ["s3 locked"])
async def test_locks_are_renewed_for_what_stays_and_run_out_for_the_rest(
    place: Place, tmp_path: Path
) -> None:
    target, shelf = guarded(place), Shelf(tmp_path / "backups")
    mirror = mirror_of(place, shelf)
    async with writing(tmp_path) as writer:
        old = await writer.backup()
        await writer.change()
        new = await writer.backup()
        await writer.change()
        await mirror.round()
    now = datetime.now(UTC)
    locks = {name: await target.locked_until(name) for name in await target.list(new.name)}
    assert all(until is not None and until > now for until in locks.values())

    keeper = Keeper(target, KEY, keep_days=LOCK_DAYS * 0.7, keep_count=1)
    assert await keeper.keep([old.name, new.name], now) == []  # not due, and the old one is locked
    assert {name: await target.locked_until(name) for name in locks} == locks
    later = now + timedelta(days=LOCK_DAYS * 0.6)
    assert await keeper.keep([new.name], later) == []
    for name in await target.list(new.name):
        found = await target.locked_until(name)
        assert found is not None
        assert found > later + timedelta(days=LOCK_DAYS - 0.1)
    for name in await target.list(old.name):
        found = await target.locked_until(name)
        assert found is not None
        assert found < now + timedelta(days=LOCK_DAYS + 0.1)
    free = now + timedelta(days=LOCK_DAYS + 0.1)
    assert await keeper.keep([new.name], free) == [old.name]
    assert await target.list(old.name) == {}
    assert await target.list(new.name)
    await target.close()


@pytest.mark.parametrize("kind", NOT_LOCKED)
async def test_old_backups_and_single_pieces_go(place: Place, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "backups")
    mirror = mirror_of(place, shelf)
    target = guarded(place)
    async with writing(tmp_path) as writer:
        old = await writer.backup()
        for _ in range(3):
            await writer.change()
            await mirror.round()
        pieces = [name for name in await target.list(old.name) if "/increments/" in name]
        assert len(pieces) == 3
        new = await writer.backup()
        await writer.change()
        await mirror.round()
        pieces = [name for name in await target.list(old.name) if "/increments/" in name]
        assert len(pieces) == 1
        wanted = await contents(writer.store)
    keeper = Keeper(target, KEY, keep_days=0, keep_count=1)
    assert await keeper.keep([old.name, new.name], datetime.now(UTC)) == [old.name]
    assert await target.list(old.name) == {}
    assert new.name in await target.folders()
    await target.close()
    assert await restored(place, tmp_path / "new") == wanted


@pytest.mark.parametrize("kind", ["s3"])
def test_a_bucket_without_the_wanted_locks_is_refused(place: Place, tmp_path: Path) -> None:
    targets = f"--set=backup.targets={place.url}&lock=compliance"
    result = run(place, tmp_path, "check", "--connect", "--set=server.port=0", targets)
    assert result.exit_code == 1
    assert "the bucket has no object lock, which the URL asks for" in result.output
    targets = f"--set=backup.targets={place.url}"
    result = run(place, tmp_path, "check", "--connect", "--set=server.port=0", targets)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("kind", ["sftp"])
def test_a_host_with_another_key_is_refused(place: Place, tmp_path: Path) -> None:
    other = tmp_path / "other"
    words = place.server.key.with_suffix(".pub").read_text().split()
    other.write_text(f"[127.0.0.1]:{place.server.port} {words[0]} {words[1]}\n")
    changed = place._replace(
        settings=dict(place.settings) | {"plugin.sftp.known_hosts": str(other)}
    )
    targets = f"--set=backup.targets={place.url}"
    result = run(changed, tmp_path, "check", "--connect", "--set=server.port=0", targets)
    assert result.exit_code == 1
    assert "the host's key is not the one in plugin.sftp.known_hosts" in result.output
    assert run(place, tmp_path, "check", "--connect", "--set=server.port=0", targets).exit_code == 0


@pytest.mark.parametrize("kind", ["s3"])
async def test_a_download_that_was_cut_off_goes_on(
    place: Place, tmp_path: Path, network: Network
) -> None:
    """The second run fetches only the parts that the first did not."""
    mirror = mirror_of(place, Shelf(tmp_path / "backups"))
    async with writing(tmp_path, messages=200) as writer:
        await writer.backup(20_000)
        await mirror.round()
        wanted = await contents(writer.store)
    await asyncio.to_thread(lose, place, "records-00001")
    empty = tmp_path / "new"
    empty.mkdir()
    first = await asyncio.to_thread(run, place, empty, "restore", place.url)
    assert first.exit_code == 1
    assert "records-00001: it is missing" in first.output
    assert "the same command goes on there" in first.output
    (folder,) = empty.glob("chatserver-download-*/chatserver-*")
    times = {path: path.stat().st_mtime_ns for path in folder.glob("config-*")}
    assert times
    copy = next(iter(mirror._copies.values()))
    copy.forget([f"{copy.name}/records-00001"])
    await mirror.round()
    kept = next(iter(times))
    second = await asyncio.to_thread(run, place, empty, "restore", place.url)
    assert second.exit_code == 0, second.output
    assert not kept.exists()
    assert await asyncio.to_thread(read, empty / "data") == wanted


@pytest.mark.parametrize("kind", ["s3"])
async def test_a_drill_loses_the_local_backups_too_and_restores_from_the_target(
    place: Place, tmp_path: Path
) -> None:
    arguments = ("--messages=2000", "--moments=1", f"--target={place.url}")
    ship = "--set=backup.ship_seconds=1"
    result = await asyncio.to_thread(run, place, tmp_path, "drill", *arguments, ship)
    assert result.exit_code == 0, result.output
    assert (
        f"Restored from {place.url.partition('?')[0]}, without the local backups." in result.stdout
    )
    assert result.stdout.count("| right before a round |") == 2
    target = guarded(place)
    assert [name for name in await target.folders() if await target.list(name)] == []
    await target.close()


@pytest.mark.parametrize("kind", ["file"])
async def test_an_old_key_restores_from_the_target(place: Place, tmp_path: Path) -> None:
    mirror = mirror_of(place, Shelf(tmp_path / "backups"))
    async with writing(tmp_path) as writer:
        await writer.backup()
        await writer.change()
        await mirror.round()
        wanted = await contents(writer.store)
    (tmp_path / "old.key").write_text(str(place.settings["backup.key"]))
    settings = dict(place.settings) | {
        "backup.key": "ab" * 32,
        "backup.old_key_files": str(tmp_path / "old.key"),
    }
    rotated = place._replace(settings=settings)
    assert await restored(rotated, tmp_path / "new") == wanted
    verified = await asyncio.to_thread(run, rotated, tmp_path, "backup", "verify", place.url)
    assert f"sealed with an old key {KEY.id}" in verified.output
    others = place._replace(settings=dict(place.settings) | {"backup.key": "ab" * 32})
    refused = await asyncio.to_thread(run, others, tmp_path, "backup", "verify", place.url)
    assert refused.exit_code == 1
    assert f"the backup was encrypted with another key ({KEY.id})" in refused.output


@pytest.mark.parametrize("kind", ["file"])
async def test_commands_copy_and_list_targets(place: Place, tmp_path: Path) -> None:
    """The other target is away: it is named, and the first is served nevertheless."""
    async with writing(tmp_path) as writer:
        wanted = await contents(writer.store)
    away = tmp_path / "away"
    targets = f"--set=backup.targets={place.url},file://{away}"
    made = await asyncio.to_thread(run, place, tmp_path, "backup")
    assert made.exit_code == 0, made.output
    copied = await asyncio.to_thread(run, place, tmp_path, "backup", "copy", targets)
    assert copied.exit_code == 1
    assert f"file://{away}: open: there is no such folder" in copied.output
    listed = await asyncio.to_thread(run, place, tmp_path, "backup", "list", "--json", targets)
    local, there, missing = json.loads(listed.stdout)
    assert there["newest"] == Path(local["backup"]).name
    assert there["until"] >= local["ended"]
    assert there["error"] == ""
    assert "there is no such folder" in missing["error"]
    away.mkdir()
    again = await asyncio.to_thread(run, place, tmp_path, "backup", "copy", targets)
    assert again.exit_code == 0, again.output
    assert await restored(place._replace(url=f"file://{away}"), tmp_path / "new") == wanted


@pytest.mark.parametrize("kind", ["sftp", "s3"])
async def test_the_powers_that_its_plugin_declares_suffice(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "START_SECONDS", 0.0)
    settings = dict(place.settings) | {"backup.every_hours": 24, "backup.targets": [place.url]}
    del settings["plugins.enabled"]
    if is_bucket := isinstance(place.server, SeaweedS3):
        settings["plugin.s3.blobs"] = (
            f"s3://{place.bucket()}/blobs?endpoint={place.server.endpoint}"
        )

    def copied() -> bool:
        if is_bucket:
            return any("manifest" in name for name in place.s3_objects())
        assert place.folder is not None
        return any(place.folder.rglob("manifest*"))

    async def parts() -> AsyncIterator[bytes]:
        yield b"a file"

    async with serving(place.kind, settings=settings) as chat:
        ada = await chat.user("ada")
        if is_bucket:
            await chat.service.blobs.take(ada.id, parts())
        await until(copied)
