"""`chatserver export` and `chatserver import`, as an operator types them."""

import gzip
import signal
from pathlib import Path

from chatserver import MessagePosted
from tests.backup.machine import Machine, ended, read
from tests.backup.seed import shown
from tests.faults.server import ChatServer


def test_exported_and_imported(machine: Machine) -> None:
    machine.fill()
    path = machine.folder / "chat.jsonl.gz"
    made = machine.run("export", "--to", str(path))
    assert (made.exit_code, made.stderr) == (0, "")
    assert made.stdout.startswith("Exported ") and made.stdout.endswith(f"records to {path}.\n")
    assert path.stat().st_mode & 0o777 == 0o600, "there are hashes of passwords in it"
    fresh = machine.folder / "fresh"
    filled = machine.run("import", str(path), data=fresh)
    assert (filled.exit_code, filled.stderr) == (0, "")
    assert filled.stdout.startswith("Imported and verified ")
    assert read(fresh) == shown(read(machine.data))
    refused = machine.run("export", "--to", str(path))
    assert refused.exit_code == 1 and "the file exists already" in refused.stderr


def test_a_destination_that_cannot_be_is_named(machine: Machine) -> None:
    machine.fill()
    file = machine.folder / "file"
    file.write_text("")
    for path, said in (
        (machine.folder / "none" / "chat.jsonl", f"there is no folder {machine.folder / 'none'}"),
        (machine.folder, "this is a folder: name a new file in it"),
        (Path("/"), "this is a folder"),
        (file, "the file exists already"),
        (file / "chat.jsonl", "Not a directory"),
        (machine.folder / ("n" * 300), "File name too long"),
    ):
        refused = machine.run("export", "--to", str(path))
        assert refused.exit_code == 1
        assert f"{path}: {said}" in refused.stderr
    assert machine.run("export", "--to", "").exit_code == 1
    assert sorted(each.name for each in machine.folder.iterdir()) == ["data", "file"]
    into = machine.run("backup", "--set", f"backup.folder={file}", "--to", str(file))
    assert into.exit_code == 1 and f"{file}: Not a directory" in into.stderr


def test_an_archive_that_cannot_be_read_is_named_before_a_store_is_made(machine: Machine) -> None:
    fresh = machine.folder / "fresh"
    missing = machine.run("import", str(machine.folder / "none"), data=fresh)
    assert missing.exit_code == 1
    assert f"{machine.folder / 'none'}: No such file or directory" in missing.stderr
    assert not fresh.exists()


def test_through_a_pipe(machine: Machine) -> None:
    machine.fill()
    made = machine.run("export", "--to", "-")
    assert made.exit_code == 0 and "to standard output" in made.stderr
    piped = machine.folder / "piped"
    piped.write_bytes(made.stdout_bytes)
    assert machine.run("import", str(piped), data=machine.folder / "fresh").exit_code == 0
    assert read(machine.folder / "fresh") == shown(read(machine.data))


def test_a_pipe_that_is_closed_early(machine: Machine) -> None:
    machine.fill(messages=5000)
    process = machine.start("export", "--to", "-")
    assert process.stdout is not None and process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 1
    assert "standard output: Broken pipe" in said and "BrokenPipeError" not in said


def test_beside_a_server_whose_data_is_its_own(machine: Machine) -> None:
    path = machine.folder / "chat.jsonl"
    with ChatServer(machine.folder, store="sqlite") as chat:
        ada = chat.register("ada")
        room = chat.room(ada)
        body = {"body": "while it runs", "client_id": "1"}
        chat.post(f"/api/v1/rooms/{room}/messages", ada, body)
        status, said = machine.ended("export", "--to", str(path))
        assert status == 0, said
        refused, said = machine.ended("import", str(path))
        assert refused == 1 and "is in use by another server" in said
        assert chat.errors() == []
    fresh = machine.folder / "fresh"
    assert machine.run("import", str(path), data=fresh).exit_code == 0
    logs, _ = read(fresh)
    assert [each.body for each in logs[room] if isinstance(each, MessagePosted)] == [body["body"]]


def test_a_full_disk_is_reported_and_leaves_no_partial_file(machine: Machine) -> None:
    machine.fill(messages=5000)
    for name in ("chat.jsonl", "chat.jsonl.gz"):
        status, said = ended(machine.start("export", "--to", name, limit="200"))
        assert status == 1
        assert f"{name}: File too large" in said and "Traceback" not in said
    assert not list(machine.folder.glob("chat*"))


def test_killed_again_and_again_an_import_comes_to_its_end(machine: Machine) -> None:
    machine.fill(messages=1000)
    path = machine.folder / "chat.jsonl.gz"
    assert machine.run("export", "--to", str(path)).exit_code == 0
    fresh = machine.folder / "fresh"
    for number in (2, 17, 31):
        status = killed(machine, number, "import", str(path), data=fresh)
        assert status == -signal.SIGKILL, number
        used = machine.run("jobs", data=fresh)
        assert used.exit_code == 1
        assert f"being filled from the archive {archive_id(path)}" in used.stderr
    assert machine.run("import", str(path), data=fresh).exit_code == 0
    assert read(fresh) == shown(read(machine.data))
    assert machine.run("jobs", data=fresh).exit_code == 0


def killed(machine: Machine, number: int, *command: str, data: Path) -> int:
    """The exit status of a command that is killed at its write of this number."""
    module = ("tests.backup.dying", str(number))
    return machine.ended(*command, data=data, module=module)[0]


def archive_id(path: Path) -> str:
    with gzip.open(path) as file:
        return file.readline().decode().partition('"id":"')[2].partition('"')[0]
