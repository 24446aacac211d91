"""Places for backups on real servers, each as a URL and the settings it needs."""

import asyncio
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from chatserver.config import load
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.backup.shipper import Shipper
from chatserver.copies.backup.take import BackupSettings, at_text, take
from chatserver.copies.targets.enabled import enabled_schemes
from chatserver.copies.targets.guarded import Guarded
from chatserver.copies.targets.mirror import Mirror, MirrorSettings
from chatserver.copies.targets.urls import target_of
from chatserver.interfaces import Store
from chatserver.runtime.measure import Measures
from tests.backup.seed import sent
from tests.faults.proxy import Proxy
from tests.operation.target_servers import ADMIN, SECRET, SERVER, SeaweedS3, Sshd

KEY = Key(bytes(range(32)))
KEY_TEXT = bytes(range(32)).hex()
KINDS = ("file", "sftp", "s3", "s3 locked")
NOT_LOCKED = ("file", "sftp", "s3")
LOCK_DAYS = 3


class Place(NamedTuple):
    """A new, empty place on a target. `server` is the real server, if there is one."""

    kind: str
    url: str
    settings: Mapping[str, object]
    server: Any = None
    folder: Path | None = None  # of the files on the target, if they are files

    def behind(self, proxy: Proxy) -> "Place":
        """The same place, reached through a proxy."""
        if isinstance(self.server, Sshd):
            entry = self.server.known_hosts.read_text().splitlines()[0].split(" ", 1)[1]
            with self.server.known_hosts.open("a") as file:
                file.write(f"[127.0.0.1]:{proxy.port} {entry}\n")
        url = self.url.replace(f"127.0.0.1:{self.server.port}", f"127.0.0.1:{proxy.port}")
        return self._replace(url=url)

    def options(self) -> list[str]:
        """For the command line."""
        return [f"--set={key}={value}" for key, value in self.settings.items()]

    def bucket(self) -> str:
        return urlsplit(self.url).netloc

    def s3_objects(self) -> list[str]:
        """The keys in the bucket."""
        found = self.server.client().list_objects_v2(Bucket=self.bucket()).get("Contents", ())
        return [each["Key"] for each in found]


def make_place(kind: str, tmp_path: Path, weed: SeaweedS3 | None, sshd: Sshd | None) -> Place:
    """A new place of a kind."""
    name = f"test-{secrets.token_hex(6)}"
    base = {"plugins.enabled": "sqlite,password,s3,sftp", "backup.key": KEY_TEXT}
    if kind == "file":
        folder = tmp_path / name
        folder.mkdir()
        return Place(kind, f"file://{folder}", base, None, folder)
    if kind == "sftp":
        assert sshd is not None
        folder = sshd.root / name
        folder.mkdir()
        keys = {"plugin.sftp.key_file": str(sshd.key)}
        keys["plugin.sftp.known_hosts"] = str(sshd.known_hosts)
        return Place(kind, f"sftp://root@127.0.0.1:{sshd.port}{folder}", base | keys, sshd, folder)
    assert weed is not None
    locked = kind == "s3 locked"
    client = weed.client(ADMIN)
    client.create_bucket(Bucket=name, **({"ObjectLockEnabledForBucket": True} if locked else {}))
    keys = {"plugin.s3.access_key": SERVER, "plugin.s3.secret_key": SECRET}
    lock = f"&lock=compliance&lock_days={LOCK_DAYS}" if locked else ""
    return Place(kind, f"s3://{name}/deep/er?endpoint={weed.endpoint}{lock}", base | keys, weed)


def guarded(place: Place, seconds: float = 20.0) -> Guarded:
    """The place's target."""
    config = load(environ={}, overrides=dict(place.settings)).config
    return Guarded(target_of(place.url, enabled_schemes(config)), seconds)


def mirror_of(
    place: Place,
    shelf: Shelf,
    *,
    seconds: float = 20.0,
    check_seconds: float = 0.0,
    days: float = 30,
) -> Mirror:
    """A mirror that serves the place as a server does."""
    settings = MirrorSettings(0.05, check_seconds, days, 0)
    return Mirror(guarded(place, seconds), shelf, KEY, settings)


class Writer:
    """Makes backups of a store and ships changes, as a server does."""

    def __init__(self, store: Store, shelf: Shelf) -> None:
        self.store, self.shelf = store, shelf
        self.shipper = Shipper(store, shelf, KEY, 1.0, Measures())

    async def backup(self, part_bytes: int = 64 << 10) -> Path:
        path, _ = await take(self.store, self.shelf, BackupSettings(part_bytes=part_bytes, key=KEY))
        return path

    async def change(self, events: int = 3) -> None:
        """Write events and a record, and ship them."""
        head = (await self.store.heads(["room0"]))["room0"]
        written = sent("room0", range(head + 1, head + 1 + events))
        now = at_text(datetime.now(UTC))
        await self.store.append([msgspec.structs.replace(event, at=now) for event in written])
        await self.store.put("user", f"u{head}", b"{}")
        await self.shipper.round()


@contextmanager
def running(mirror: Mirror) -> Iterator["asyncio.Task[None]"]:
    """The mirror at work, as long as the block runs."""
    task = asyncio.ensure_future(mirror.run())
    try:
        yield task
    finally:
        task.cancel()
