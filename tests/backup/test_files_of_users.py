"""Files that users sent over tus, bit for bit behind the ways out of an installation and into another one."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.backup.users_files import (
    FileServer,
    Place,
    carry_by_archive,
    disk_place,
    files_of,
    gridfs_place,
)
from tests.servers import Mongod


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Place]:
    """Settings of a new, empty place of a kind."""

    def make(kind: str) -> Place:
        if kind == "disk":
            return disk_place(tmp_path)
        mongod: Mongod = request.getfixturevalue("mongod")
        return gridfs_place(mongod)

    return make


@pytest.mark.parametrize(("source", "target"), [("disk", "gridfs"), ("gridfs", "disk")])
def test_an_archive_brings_every_file_to_another_place(
    source: str, target: str, place: Callable[[str], Place], tmp_path: Path
) -> None:
    carry_by_archive(place(source), place(target), tmp_path)


def test_files_move_to_another_place_beside_the_server(
    place: Callable[[str], Place], tmp_path: Path
) -> None:
    disk, gridfs = place("disk"), place("gridfs")
    with FileServer(tmp_path, disk) as chat:
        ada = chat.register("ada")
        sent = files_of(chat, ada)
        chat.stop()
        both = {"plugins.enabled": "sqlite,password,metrics,uploads,attachments,disk_blobs,gridfs"}
        both |= {"blobs.place": "gridfs", "blobs.former": "disk_blobs"}
        for key, value in (gridfs | both).items():
            if key != "plugin":
                chat.change(key, value)
        chat.start()
        sent.append(chat.send(ada, sent[0].room, "between.txt", b"between"))
        assert [chat.shown(ada, each) for each in sent] == [each.content for each in sent]
        move = ("blobs", "move", "--from", "disk_blobs", "--to", "gridfs")
        assert "Moved 3 files" in chat.command(*move)
        assert "Moved 0 files" in chat.command(*move)
        chat.stop()
        chat.change("blobs.former", "")
        shutil.rmtree(tmp_path / str(disk["plugin.disk_blobs.path"]))
        chat.start()
        sent.append(chat.send(ada, sent[0].room, "later.txt", b"later"))
        assert [chat.shown(ada, each) for each in sent] == [each.content for each in sent]
        assert chat.errors() == []


@pytest.mark.parametrize("sealed", [True, False])
def test_a_backup_brings_every_file_back(
    sealed: bool, place: Callable[[str], Place], tmp_path: Path
) -> None:
    backups = tmp_path / "backups"
    given = {"backup__folder": backups}
    if sealed:
        (tmp_path / "key").write_text("00" * 32)
        given["backup__key_file"] = tmp_path / "key"
    with FileServer(tmp_path / "old", place("disk"), **given) as old:
        ada = old.register("ada")
        sent = files_of(old, ada)
        assert "4 files (3.5 MB new)" in old.command("backup")
        sent.append(old.send(ada, sent[0].room, "later.txt", b"later"))
        assert "5 files (0.0 MB new)" in old.command("backup")
    contents = [path.read_bytes() for path in (backups / "files").glob("*/*/*")]
    assert len(contents) == 4, "the same content is there once"
    assert any(sent[0].content[:1000] in each for each in contents) is not sealed
    assert "5 files" in old.command("backup", "verify")
    for path in (tmp_path / "old" / "data", tmp_path / str(old.place["plugin.disk_blobs.path"])):
        shutil.rmtree(path)
    new = FileServer(tmp_path / "new", place("gridfs"), **given)
    assert "5 of 5 files are in their place" in new.command("restore", str(backups))
    with new:
        token = new.login("ada")
        for each in sent:
            assert new.shown(token, each) == each.content, each.name
        sent.append(new.send(token, sent[0].room, "after.txt", b"after"))
        assert new.shown(token, sent[-1]) == b"after"
        assert new.errors() == []
    damaged = max((backups / "files").rglob("*"), key=lambda path: path.stat().st_size)
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:-1000] + bytes(1000))
    for said in ("large.bin", "large.bin"):
        with pytest.raises(subprocess.CalledProcessError) as caught:
            new.command("backup", "verify")
        assert said in caught.value.stderr
        damaged.unlink(missing_ok=True)


def test_a_target_has_the_files_too(place: Callable[[str], Place], tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    given = {"backup__folder": tmp_path / "backups", "backup__targets": f"file://{other}"}
    with FileServer(tmp_path / "old", place("disk"), **given) as old:
        ada = old.register("ada")
        sent = files_of(old, ada)
        old.command("backup")
        old.command("backup", "copy")
    for path in (tmp_path / "old" / "data", tmp_path / "backups"):
        shutil.rmtree(path)
    assert "4 files" in old.command("backup", "verify", f"file://{other}")
    new = FileServer(tmp_path / "new", place("disk"), **given)
    assert "4 of 4 files are in their place" in new.command("restore", f"file://{other}")
    with new:
        token = new.login("ada")
        for each in sent:
            assert new.shown(token, each) == each.content, each.name
