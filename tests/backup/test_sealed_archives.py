"""Archives that are encrypted with the key of backups."""

import gzip
from pathlib import Path

import pytest

from chatserver.copies.archive.errors import ArchiveError, Corrupted
from chatserver.copies.archive.files import new_file, old_file
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.sealedfile import CHUNK_BYTES, MAGIC, ArchiveSeal
from tests.backup.machine import Machine, read
from tests.backup.seed import shown

KEY, OTHER = Key(bytes(range(32))), Key(bytes(range(1, 33)))


def written(path: Path, content: bytes) -> bytes:
    with new_file(path, ArchiveSeal(KEY)) as file:
        for start in range(0, len(content), 10_000):
            file.write(content[start : start + 10_000])
    return path.read_bytes()


def content_of(path: Path, key: Key | None = KEY) -> bytes:
    with old_file(path, ArchiveSeal(key)) as file:
        return file.data.read()


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
@pytest.mark.parametrize(
    "size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 5 * CHUNK_BYTES]
)
def test_what_was_sealed_is_opened(tmp_path: Path, name: str, size: int) -> None:
    content = (b"secret %d " * (size // 9 + 1))[:size]
    raw = written(tmp_path / name, content)
    assert raw.startswith(MAGIC) and b"secret" not in raw
    assert content_of(tmp_path / name) == content
    assert content_of(tmp_path / name, Key(bytes(32), [KEY])) == content, "with an older key"
    for key in (None, OTHER):
        with pytest.raises(ArchiveError, match=f"sealed with the backup key {KEY.id}"):
            content_of(tmp_path / name, key)


def test_a_file_that_is_cut_off_or_changed_anywhere_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    raw = written(path, b"x" * (3 * CHUNK_BYTES))
    chunk = CHUNK_BYTES + 16
    ends = [len(raw) - 1, len(MAGIC) + 24 + chunk, len(MAGIC) + 24 + 2 * chunk, len(MAGIC) + 24, 60]
    for end in ends:
        path.write_bytes(raw[:end])
        with pytest.raises(Corrupted):
            content_of(path)
    for at in range(len(MAGIC) + 8, len(raw), 9973):
        path.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        with pytest.raises(Corrupted):
            content_of(path)
    first, second = (
        slice(len(MAGIC) + 24 + n * chunk, len(MAGIC) + 24 + (n + 1) * chunk) for n in (0, 1)
    )
    path.write_bytes(raw[: first.start] + raw[second] + raw[first] + raw[second.stop :])
    with pytest.raises(Corrupted):
        content_of(path)
    path.write_bytes(raw + b"x")
    with pytest.raises(Corrupted):
        content_of(path)


def test_an_archive_in_clear_is_read_with_a_key_as_well(tmp_path: Path) -> None:
    for name, raw in (("a", b"clear"), ("b", gzip.compress(b"clear")), ("c", b"")):
        (tmp_path / name).write_bytes(raw)
        assert content_of(tmp_path / name) == raw.replace(gzip.compress(b"clear"), b"clear")


def test_exported_sealed_and_imported(machine: Machine) -> None:
    machine.fill()
    key = machine.folder / "backup.key"
    key.write_text("07" * 32)
    given = f"--set=backup.key_file={key}"
    for name in ("chat.jsonl", "chat.jsonl.gz"):
        path = machine.folder / name
        assert machine.run("export", "--sealed", "--to", str(path), given).exit_code == 0
        assert path.read_bytes().startswith(MAGIC)
        fresh = machine.folder / f"fresh of {name}"
        refused = machine.run("import", str(path), data=fresh)
        assert refused.exit_code == 1 and "is sealed with the backup key" in refused.stderr
        assert not fresh.exists()
        filled = machine.run("import", str(path), given, data=fresh)
        assert (filled.exit_code, filled.stderr) == (0, "")
        assert read(fresh) == shown(read(machine.data))
    piped = machine.run("export", "--sealed", "--to", "-", given)
    assert piped.stdout_bytes.startswith(MAGIC)
    (machine.folder / "piped").write_bytes(piped.stdout_bytes)
    assert (
        machine.run(
            "import", str(machine.folder / "piped"), given, data=machine.folder / "p"
        ).exit_code
        == 0
    )
    unkeyed = machine.run("export", "--sealed", "--to", str(machine.folder / "none"))
    assert unkeyed.exit_code == 1 and "backup.key_file: required" in unkeyed.stderr
    assert not (machine.folder / "none").exists()
    assert machine.run("export", "--sealed", "--plain").exit_code == 2
