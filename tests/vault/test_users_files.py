"""Files that users send to a server with the vault on: sealed where they are kept, and brought along by every copy."""

import json
import re
import secrets
import shutil
from pathlib import Path
from typing import Any

import pymongo
import pytest

from tests.backup.users_files import (
    FileServer,
    Place,
    Sent,
    disk_place,
    files_of,
    gridfs_place,
)
from tests.faults.server import http
from tests.forking import ran
from tests.servers import Mongod

MARKER = b"zugvogel in a file of a user " * 5


def sealed_place(folder: Path, place: Place | None = None) -> Place:
    """A place of files of an installation of its own, which seals."""
    found = place or disk_place(folder)
    key = folder / f"{secrets.token_hex(4)}.key"
    key.write_text(secrets.token_hex(32))
    return {**found, "plugin": f"{found['plugin']},vault", "plugin.vault.key_file": key}


@pytest.fixture
def backup(tmp_path: Path) -> dict[str, object]:
    """Settings of backups."""
    (tmp_path / "backup.key").write_text("00" * 32)
    return {"backup__folder": tmp_path / "backups", "backup__key_file": tmp_path / "backup.key"}


def in_files(folder: Path, server: FileServer, text: bytes) -> bool:
    place = folder / str(server.place["plugin.disk_blobs.path"])
    found = [path.read_bytes() for path in place.rglob("*") if path.is_file()]
    assert found, "the place is empty"
    return any(text in each for each in found)


def sent_by(chat: FileServer, token: str) -> list[Sent]:
    sent = files_of(chat, token)
    return [*sent, chat.send(token, sent[0].room, "marked.txt", MARKER)]


def check(chat: FileServer, token: str, sent: list[Sent]) -> None:
    for each in sent:
        assert chat.shown(token, each) == each.content, each.name
    large = sent[0]
    path = f"/api/v1/rooms/{large.room}/messages/{large.message}/files/{large.blob}"
    for first, last in ((0, 9), (65_530, 65_545), (3_000_000, 3_400_000), (3_499_990, 3_499_999)):
        headers = {"Authorization": f"Bearer {token}", "Range": f"bytes={first}-{last}"}
        part = http.get(chat.url + path, headers=headers)
        assert part.status_code == 206 and part.content == large.content[first : last + 1]
    assert chat.errors() == []


def test_files_are_sealed_and_those_of_before_are_shown(tmp_path: Path) -> None:
    place = disk_place(tmp_path)
    with FileServer(tmp_path, place) as chat:
        ada = chat.register("ada")
        sent = sent_by(chat, ada)
        assert in_files(tmp_path, chat, MARKER), "so the search finds what is there"
        chat.stop()
        for name, value in sealed_place(tmp_path, place).items():
            if name != "plugin":
                chat.change(name, value)
        enabled = "sqlite,password,metrics,uploads,attachments,disk_blobs,vault"
        chat.change("plugins.enabled", enabled)
        chat.start()
        new = b"written later: " + MARKER[::-1]
        sent.append(chat.send(ada, sent[0].room, "later.txt", new))
        assert not in_files(tmp_path, chat, new)
        check(chat, ada, sent)
        large = chat.send(ada, sent[0].room, "large.bin", sent[0].content[::-1])
        check(chat, ada, [large, *sent])


def test_a_backup_brings_sealed_files_back(tmp_path: Path, backup: dict[str, object]) -> None:
    with FileServer(tmp_path / "old", sealed_place(tmp_path), **backup) as old:
        ada = old.register("ada")
        sent = sent_by(old, ada)
        assert not in_files(tmp_path, old, MARKER)
        assert "5 files" in old.command("backup")
        assert "5 files" in old.command("backup", "verify")
    new = FileServer(tmp_path / "new", sealed_place(tmp_path), **backup)
    restored = new.command("restore", str(tmp_path / "backups"))
    assert "5 of 5 files are in their place" in restored
    with new:
        assert not in_files(tmp_path, new, MARKER)
        check(new, new.login("ada"), sent)
    # The same, into a new store beside the old files: their keys are in the backup.
    shutil.rmtree(tmp_path / "old" / "data")
    restored = old.command("restore", str(tmp_path / "backups"))
    assert "5 of 5 files are in their place" in restored
    old.command("blobs", "claim")
    with old:
        token = old.login("ada")
        sent.append(old.send(token, sent[0].room, "later.txt", b"later"))
        check(old, token, sent)


@pytest.mark.parametrize(("from_sealed", "to_sealed"), [(True, False), (False, True), (True, True)])
def test_an_archive_brings_sealed_files_along(
    tmp_path: Path, from_sealed: bool, to_sealed: bool, backup: dict[str, object]
) -> None:
    source = sealed_place(tmp_path) if from_sealed else disk_place(tmp_path)
    target = sealed_place(tmp_path) if to_sealed else disk_place(tmp_path)
    archive = tmp_path / "chat.archive"
    with FileServer(tmp_path / "old", source, **backup) as old:
        sent = sent_by(old, old.register("ada"))
        assert "5 files" in old.command("export", "--to", str(archive))
    new = FileServer(tmp_path / "new", target, **backup)
    assert "5 files" in new.command("import", str(archive))
    with new:
        assert in_files(tmp_path, new, MARKER) is not to_sealed
        check(new, new.login("ada"), sent)


def test_files_are_copied_out_of_the_vault_and_into_another_one(tmp_path: Path) -> None:
    with FileServer(tmp_path / "old", sealed_place(tmp_path)) as old:
        sent = sent_by(old, old.register("ada"))
    for name, place in (("clear", disk_place(tmp_path)), ("other", sealed_place(tmp_path))):
        new = FileServer(tmp_path / name, place)
        configs = {}
        for side, server in (("from", old), ("to", new)):
            configs[side] = tmp_path / f"{side}-{name}.toml"
            data = server.folder / "data"
            configs[side].write_text(_toml({**server._settings, "server.data": data}))
        options = [each for side, path in configs.items() for each in (f"--{side}", str(path))]
        for _ in range(2):  # as is done beside servers, and then once more
            ran("move", *options, check=True)
            ran("blobs", "copy", *options, check=True)
        with new:
            assert in_files(tmp_path, new, MARKER) is (name == "clear")
            check(new, new.login("ada"), sent)


def _toml(settings: dict[str, object]) -> str:
    lines = []
    for key, value in settings.items():
        if key == "plugins.enabled":
            value = re.split(",", str(value))
        shown = value if isinstance(value, int | float | list | bool) else str(value)
        lines.append(f"{key} = {json.dumps(shown)}\n")
    return "".join(lines)


def test_a_move_to_another_place_seals_the_files_of_before(
    tmp_path: Path, replica_set: Mongod
) -> None:
    disk, gridfs = disk_place(tmp_path), gridfs_place(replica_set)

    with pymongo.MongoClient[dict[str, Any]](replica_set.uri) as client:
        chunks = client["chatserver"][f"{gridfs['plugin.gridfs.bucket']}.chunks"]

        def has_marker() -> bool:
            found = [each["data"] for each in chunks.find()]
            assert found
            return any(MARKER in each for each in found)

        with FileServer(tmp_path, disk) as chat:
            ada = chat.register("ada")
            sent = sent_by(chat, ada)
            chat.stop()
            place = sealed_place(tmp_path, gridfs)
            enabled = "sqlite,password,metrics,uploads,attachments,disk_blobs,gridfs,vault"
            both = {
                "plugins.enabled": enabled,
                "blobs.place": "gridfs",
                "blobs.former": "disk_blobs",
            }
            for name, value in {**place, **both}.items():
                if name != "plugin":
                    chat.change(name, value)
            chat.start()
            sent.append(chat.send(ada, sent[0].room, "between.txt", b"between"))
            move = ("blobs", "move", "--from", "disk_blobs", "--to", "gridfs")
            assert "Moved 4 files" in chat.command(*move)
            chat.stop()
            chat.change("blobs.former", "")
            shutil.rmtree(tmp_path / str(disk["plugin.disk_blobs.path"]))
            chat.start()
            assert not has_marker()
            check(chat, ada, sent)
        chunks.insert_one({"data": MARKER})
        assert has_marker(), "it would be found"
