"""`chatserver backup` and `chatserver restore`, as an operator types them."""

import asyncio
import json
import os
import re
import signal
import tempfile
import time

import pytest

from chatserver import MessagePosted
from chatserver.copies.backup.reading import Backup
from tests.backup.conftest import KEY
from tests.backup.machine import Machine, ended, read
from tests.faults.disk import no_file_grows_over
from tests.faults.server import ChatServer
from tests.protocol.running import PASSWORD, Running
from tests.servers import mongod_program

pytestmark = pytest.mark.long

KEY_TEXT = bytes(range(32)).hex()
SQLITE = {"plugins.enabled": ["sqlite", "password"]}


def test_made_listed_verified_restored(machine: Machine) -> None:
    machine.fill()
    made = machine.run("backup")
    assert (made.exit_code, made.stderr) == (0, "")
    [path] = machine.shelf.all()
    assert made.stdout.startswith(f"{path}: ") and "not encrypted" in made.stdout
    assert "verified" not in machine.run("backup", "list").stdout.partition("\n\n")[2]
    verified = machine.run("backup", "verify", str(path))
    assert (verified.exit_code, verified.stderr) == (0, "")
    listed = machine.run("backup", "list").stdout
    assert path.name in listed and " events of " in listed
    assert 'name = "Lounge"' in Backup(path, None).configuration()

    fresh = machine.folder / "fresh"
    restored = machine.run("restore", str(path), data=fresh)
    assert (restored.exit_code, restored.stderr) == (0, "")
    assert restored.stdout.startswith("Restored ")
    assert read(fresh) == read(machine.data)
    assert machine.run("jobs", data=fresh).exit_code == 0
    again = machine.run("restore", str(path), data=fresh)
    assert again.exit_code == 1 and "not empty: a server has used it" in again.stderr


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_encrypted_with_a_key_from_the_environment(machine: Machine) -> None:
    machine.fill()
    assert "encrypted" in machine.run("backup", CHATSERVER_BACKUP__KEY=KEY_TEXT).stdout
    [path] = machine.shelf.all()
    text = b"".join(each.read_bytes() for each in path.iterdir())
    assert KEY_TEXT.encode() not in text and "日本語".encode() not in text
    assert KEY_TEXT not in Backup(path, KEY).configuration()
    for environ, said in (
        ({}, "is encrypted: give its key"),
        ({"CHATSERVER_BACKUP__KEY": "00" * 32}, "encrypted with another key"),
    ):
        refused = machine.run("backup", "verify", str(path), **environ)
        assert refused.exit_code == 1 and said in refused.stderr
    assert machine.run("backup", "--no-rotate", "--plain").exit_code == 0
    plain = machine.shelf.all()[-1]
    for command in (("backup", "verify"), ("restore", str(machine.shelf.folder))):
        refused = machine.run(*command, CHATSERVER_BACKUP__KEY=KEY_TEXT)
        assert refused.exit_code == 1
        assert (
            f"{plain}: the backup is not encrypted, so anybody may have changed it"
            in refused.stderr
        )
    key = machine.folder / "key"
    key.write_text(KEY_TEXT)
    whole = machine.run("backup", "verify", str(path), CHATSERVER_BACKUP__KEY_FILE=str(key))
    assert whole.exit_code == 0


def test_without_the_key_none_is_made_beside_an_encrypted_one(machine: Machine) -> None:
    machine.fill()
    assert machine.run("backup", CHATSERVER_BACKUP__KEY=KEY_TEXT).exit_code == 0
    refused = machine.run("backup")
    assert refused.exit_code == 1
    assert "it is encrypted, and no key is configured for another one" in refused.stderr
    [path] = machine.shelf.all()
    (path / "manifest.json").write_text("{")
    assert machine.run("backup").exit_code == 0  # whatever the broken one was


def test_a_folder_without_backups_is_an_error(machine: Machine) -> None:
    missing = machine.run("backup", "list")
    assert missing.exit_code == 1
    assert f"{machine.shelf.folder}: there is no such folder" in missing.stderr
    machine.shelf.folder.mkdir()
    none = machine.run("backup", "list")
    assert none.exit_code == 1 and "there is no backup in it" in none.stderr
    machine.fill()
    assert machine.run("backup").exit_code == 0
    [path] = machine.shelf.all()
    assert path.name in machine.run("backup", "list").stdout
    machine.shelf.folder = path
    inside = machine.run("backup", "list")
    assert inside.exit_code == 1 and f"{path}: this is a backup" in inside.stderr


def test_json_output_about_backups(machine: Machine) -> None:
    machine.fill()
    assert machine.run("backup").exit_code == 0
    assert machine.run("backup", CHATSERVER_BACKUP__KEY=KEY_TEXT).exit_code == 0
    plain, sealed = machine.shelf.all()
    verified = json.loads(machine.run("backup", "verify", "--json", str(plain)).stdout)
    manifest = Backup(plain, None).manifest
    assert verified == {
        "backup": str(plain),
        "begun": manifest.begun,
        "ended": manifest.ended,
        "seconds": manifest.seconds,
        "rooms": manifest.counts.rooms,
        "events": manifest.counts.events,
        "records": manifest.counts.records,
        "bytes": manifest.bytes,
        "key": None,
        "until": manifest.ended,
        "closed": True,
    }
    [first, second] = json.loads(machine.run("backup", "list", "--json").stdout)
    assert first["backup"] == str(plain) and first["events"] == manifest.counts.events
    assert first["verified"] > manifest.ended
    assert second["backup"] == str(sealed) and "is encrypted" in second["error"]


def test_old_backups_are_removed_when_a_new_one_is_made(machine: Machine) -> None:
    machine.fill()
    for year in (2001, 2002):
        (machine.shelf.folder / f"chatserver-{year}0101T000000Z").mkdir(parents=True)
    assert machine.run("backup", "--no-rotate").exit_code == 0
    assert len(machine.shelf.all()) == 3
    made = machine.run("backup", "--set=backup.keep_count=1")
    assert made.stdout.count(": removed") == 3
    assert len(machine.shelf.all()) == 1


def test_a_broken_one_is_named(machine: Machine) -> None:
    machine.fill()
    machine.run("backup")
    [path] = machine.shelf.all()
    part = path / "events-00001"
    part.write_bytes(part.read_bytes()[:-1])
    for command in (("backup", "verify"), ("restore",)):
        broken = machine.run(*command, str(path), data=machine.folder / "fresh")
        assert broken.exit_code == 1
        assert f"{part}: has " in broken.stderr
    for other in (machine.folder, machine.folder / "none"):
        none = machine.run("backup", "verify", str(other))
        assert none.exit_code == 1 and f"{other}: this is not a backup" in none.stderr


def test_there_is_no_backup_of_nothing_or_of_half_an_installation(machine: Machine) -> None:
    none = machine.run("backup")
    assert none.exit_code == 1 and "is it the right store?" in none.stderr
    assert not machine.data.exists(), "nothing is made where there was nothing"
    machine.fill(messages=5000)
    assert machine.run("backup").exit_code == 0
    [whole] = machine.shelf.all()
    fresh = machine.folder / "fresh"
    module = ("tests.backup.dying", "5")
    status, _ = machine.ended("restore", str(whole), data=fresh, module=module)
    assert status == -signal.SIGKILL
    half = machine.run("backup", data=fresh)
    assert half.exit_code == 1
    assert "the store is incomplete" in half.stderr
    assert "finish it with `chatserver restore`" in half.stderr
    assert machine.shelf.all() == [whole]


def test_a_backup_on_a_disk_that_is_only_read_is_whole_all_the_same(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.fill()
    assert machine.run("backup").exit_code == 0
    [path] = machine.shelf.all()
    (path / "verified").mkdir()  # as much as a file that cannot be written, for root too
    verified = machine.run("backup", "verify")
    assert verified.exit_code == 0 and f"{path}: complete" in verified.stdout
    assert (
        f"the verification is not noted in the backup: {path}/verified: Is a directory"
        in verified.stderr
    )


def test_a_verification_without_disk_space_reports_that(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.fill(messages=5000)
    assert machine.run("backup").exit_code == 0
    monkeypatch.setattr("chatserver.copies.archive.patience.PATIENCE_SECONDS", 0.1)
    with no_file_grows_over(500_000):
        full = machine.run("backup", "verify")
    assert full.exit_code == 1
    assert re.search(r"the scratch store .* cannot hold all data: .*: set TMPDIR", full.stderr)
    monkeypatch.setattr(tempfile, "tempdir", str(machine.folder / "none"))
    none = machine.run("backup", "verify")
    assert none.exit_code == 1 and "no folder can be made below TMPDIR: No such" in none.stderr


def test_told_to_stop_it_removes_its_scratch_store(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.fill(messages=20_000)
    assert machine.run("backup").exit_code == 0
    scratch = machine.folder / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    process = machine.start("backup", "verify", *machine.options(machine.data))
    while process.poll() is None and not list(scratch.iterdir()):
        time.sleep(0.01)
    process.terminate()
    status, said = ended(process)
    assert status == 128 + signal.SIGTERM and "Traceback" not in said
    assert not list(scratch.iterdir()), "all messages are in it, and not encrypted"


def test_an_unreadable_file_is_named(machine: Machine) -> None:
    machine.fill()
    assert machine.run("backup").exit_code == 0
    [path] = machine.shelf.all()
    (path / "increments").write_text("")
    broken = machine.run("backup", "verify")
    assert broken.exit_code == 1 and f"{path}/increments: Not a directory" in broken.stderr
    (path / "increments").unlink()
    (path / "increments" / "00001").mkdir(parents=True)
    broken = machine.run("backup", "verify")
    assert broken.exit_code == 1 and f"{path}/increments/00001: Is a directory" in broken.stderr


def test_sessions_end_with_a_restore_and_accounts_stay(machine: Machine) -> None:
    with Running(machine.data, SQLITE) as server:
        [ada] = asyncio.run(server.people("ada"))
        made = asyncio.run(ada.http("POST", "/api/v1/rooms", {"name": "Lounge", "kind": "public"}))
        epoch = server.server.service.epoch
    room = made.json()["id"]
    assert machine.run("backup").exit_code == 0
    fresh = machine.folder / "fresh"
    assert machine.run("restore", str(machine.shelf.all()[0]), data=fresh).exit_code == 0
    with Running(fresh, SQLITE) as server:
        old = asyncio.run(server.http("GET", "/api/v1/me", headers=bearer(ada.token)))
        assert old.status_code == 401
        login = {"username": ada.username, "password": PASSWORD}
        answer = asyncio.run(server.http("POST", "/api/v1/login", login))
        assert answer.status_code == 200
        headers = bearer(answer.json()["token"])
        found = asyncio.run(server.http("GET", f"/api/v1/rooms/{room}", headers=headers))
        assert found.json()["name"] == "Lounge"
        assert server.server.service.epoch != epoch
        assert not server.take_errors()


@pytest.mark.parametrize("store", ["sqlite", "mongo"])
def test_beside_a_server_whose_data_is_its_own(machine: Machine, store: str) -> None:
    """SQLite, and a private mongod."""
    if store == "mongo":
        mongod_program()
    chat = ChatServer(machine.folder, store=store)
    with chat:
        ada = chat.register("ada")
        room = chat.room(ada)
        body = {"body": "while it runs", "client_id": "1"}
        chat.post(f"/api/v1/rooms/{room}/messages", ada, body)
        status, said = machine.ended("backup", f"--set=plugins.enabled={store},password")
        assert status == 0, said
        chat.post(f"/api/v1/rooms/{room}/messages", ada, body | {"client_id": "2"})
        assert chat.errors() == []
    [path] = machine.shelf.all()
    fresh = machine.folder / "fresh"
    assert machine.run("restore", str(path), data=fresh).exit_code == 0
    logs, _ = read(fresh)
    assert [each.body for each in logs[room] if isinstance(each, MessagePosted)] == [body["body"]]


def test_only_the_server_can_copy_its_memory_store(machine: Machine) -> None:
    with Running(machine.data):
        status, said = machine.ended("backup", "--set=plugins.enabled=memory,password")
    assert status == 1 and "only the server itself can read" in said


def test_a_full_disk_is_reported_and_leaves_no_partial_file(machine: Machine) -> None:
    machine.fill(messages=5000)
    assert machine.ended("backup")[0] == 0
    status, said = ended(machine.start("backup", limit="200"))
    assert status == 1
    assert "File too large" in said and "Traceback" not in said
    assert len(machine.shelf.all()) == 1
    assert not list(machine.shelf.folder.glob(".partial*"))
    assert machine.run("backup", "verify", str(machine.shelf.all()[0])).exit_code == 0


def test_a_damaged_database_is_reported_and_leaves_no_partial_backup(machine: Machine) -> None:
    machine.fill(messages=5000)
    file = machine.data / "sqlite" / "chat.db"
    with file.open("r+b") as opened:
        opened.seek(file.stat().st_size // 2)
        opened.write(bytes(range(256)) * 1024)
    status, said = machine.ended("backup")
    assert status == 1
    assert "malformed" in said and "Traceback" not in said
    assert machine.shelf.all() == [] and not list(machine.shelf.folder.glob(".partial*"))


def test_a_restore_on_a_full_disk_continues_when_there_is_room(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.fill(messages=5000)
    assert machine.run("backup").exit_code == 0
    [backup] = machine.shelf.all()
    fresh = machine.folder / "fresh"
    monkeypatch.setattr("chatserver.copies.archive.patience.PATIENCE_SECONDS", 0.1)
    with no_file_grows_over(500_000):
        full = machine.run("restore", str(backup), data=fresh)
    assert full.exit_code == 1
    assert "The store is not available at the moment: " in full.stderr
    status, said = machine.ended("serve", data=fresh)
    assert status == 1 and "is being filled from" in said, "half an installation serves nobody"
    assert machine.run("restore", str(backup), data=fresh).exit_code == 0
    assert read(fresh) == read(machine.data)


def test_a_restore_killed_again_and_again_comes_to_its_end(machine: Machine) -> None:
    machine.fill(messages=1000)
    assert machine.run("backup").exit_code == 0
    assert machine.run("backup").exit_code == 0
    first, second = machine.shelf.all()
    fresh = machine.folder / "fresh"
    for number in (2, 12, 25):
        module = ("tests.backup.dying", str(number))
        status, _ = machine.ended("restore", str(first), data=fresh, module=module)
        assert status == -signal.SIGKILL, number
    other = machine.run("restore", str(second), data=fresh)
    assert other.exit_code == 1
    assert f"being filled from the backup {first.name} " in other.stderr
    restored = machine.run("restore", str(first), data=fresh)
    assert (restored.exit_code, restored.stderr) == (0, "")
    assert read(fresh) == read(machine.data)


def test_killed_at_any_moment_it_leaves_nothing_that_looks_complete(machine: Machine) -> None:
    machine.fill(messages=20_000)
    begun = time.monotonic()
    assert machine.ended("backup")[0] == 0
    took = time.monotonic() - begun
    cut_short = 0
    for part in range(1, 8):
        before = len(machine.shelf.all())
        killed = machine.start("backup")
        time.sleep(took * part / 8)
        os.kill(killed.pid, signal.SIGKILL)
        killed.communicate()
        cut_short += len(machine.shelf.all()) == before
    assert cut_short, "none was killed before its end"
    assert machine.ended("backup")[0] == 0
    assert not list(machine.shelf.folder.glob(".partial*")), "the next one clears up"
    for path in machine.shelf.all():
        assert machine.run("backup", "verify", str(path)).exit_code == 0
