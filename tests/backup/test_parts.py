"""Streams as files: they come back as they were, in bounded files, and nothing of a secret shows."""

import errno
import io
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatserver.copies.archive.errors import Corrupted
from chatserver.copies.backup.errors import BackupError
from chatserver.copies.backup.key import Key, key_from_file, read_key
from chatserver.copies.backup.manifest import Counts, Manifest, Part, read_manifest, write_manifest
from chatserver.copies.backup.parts import PartsWriter, check_part, read_parts
from chatserver.copies.backup.seal import seal_for
from tests.backup.conftest import KEY

SALT = bytes(16)


def write(folder: Path, pieces: list[bytes], key: Key | None, part_bytes: int) -> list[Part]:
    writer = PartsWriter(folder, "events", seal_for(key, SALT, "events"), part_bytes)
    for piece in pieces:
        writer.write(piece)
    return writer.close()


@settings(max_examples=60, deadline=None)
@given(
    pieces=st.lists(st.binary(max_size=3000), max_size=8),
    part_bytes=st.integers(100, 3000),
    encrypted=st.booleans(),
)
def test_any_bytes_come_back(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes], part_bytes: int, encrypted: bool
) -> None:
    folder, key = tmp_path_factory.mktemp("parts"), KEY if encrypted else None
    parts = write(folder, pieces, key, part_bytes)
    assert b"".join(read_parts(folder, parts, seal_for(key, SALT, "events"))) == b"".join(pieces)
    for part in parts:
        assert (folder / part.name).stat().st_size == part.size <= part_bytes


def test_nothing_can_be_read_without_the_key(tmp_path: Path) -> None:
    parts = write(tmp_path, [b"a secret message " * 10], KEY, 1 << 20)
    assert b"secret" not in (tmp_path / parts[0].name).read_bytes()
    for seal in (
        seal_for(Key(bytes(32)), SALT, "events"),
        seal_for(KEY, bytes([1] * 16), "events"),
        seal_for(KEY, SALT, "records"),
        seal_for(None, SALT, "events"),
    ):
        with pytest.raises(Corrupted):
            list(read_parts(tmp_path, parts, seal))


def test_a_failing_disk_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [part] = write(tmp_path, [b"x" * 100], None, 1 << 20)

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("chatserver.copies.backup.parts._opened", lambda folder, part: Failing())
    said = f"{tmp_path / part.name}: Input/output error"
    with pytest.raises(Corrupted, match=said):
        list(read_parts(tmp_path, [part], seal_for(None, SALT, "events")))
    with pytest.raises(Corrupted, match=said):
        check_part(tmp_path, part)


@pytest.mark.parametrize("text", [bytes(range(32)).hex(), f" {bytes(range(32)).hex()}\n"])
def test_a_key_in_hexadecimal(text: str) -> None:
    assert read_key(text, "here").id == KEY.id


def test_a_key_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")
    assert key_from_file(str(tmp_path / "key")).id == KEY.id


@pytest.mark.parametrize("text", ["", "hunter2", "00" * 31, "00" * 33, "!" * 44])
def test_an_invalid_key_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(BackupError, match=r"backup\.key: expected 32 random bytes") as caught:
        read_key(text, "backup.key")
    assert not text or text not in str(caught.value)
    assert "hunter" not in repr(KEY)


def test_a_key_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=r"backup.key_file: .*/none: No such file"):
        key_from_file(str(tmp_path / "none"))


def manifest(key: Key | None, **fields: Any) -> Manifest:
    given: dict[str, Any] = {
        "server": "9.9",
        "name": "chatserver-20261125T100000Z",
        "begun": "2026-11-25T10:00:00.000Z",
        "ended": "2026-11-25T10:00:01.000Z",
        "seconds": 1.0,
        "counts": Counts(rooms=1, events=2, records=3),
        "salt": SALT.hex(),
        "key": key.id if key else None,
        "streams": {"events": [Part("events-00001", 5, "00")]},
    }
    return Manifest(**(given | fields))


@pytest.mark.parametrize("key", [None, KEY])
def test_a_manifest_comes_back(tmp_path: Path, key: Key | None) -> None:
    write_manifest(tmp_path, manifest(key), key)
    assert read_manifest(tmp_path, key) == manifest(key)


@pytest.mark.parametrize(
    ("given_key", "text"), [(None, "is encrypted: give its key"), (Key(bytes(32)), "another key")]
)
def test_a_wrong_key_is_called_that(tmp_path: Path, given_key: Key | None, text: str) -> None:
    write_manifest(tmp_path, manifest(KEY), KEY)
    with pytest.raises(BackupError, match=text):
        read_manifest(tmp_path, given_key)


def test_a_manifest_rewritten_without_the_key_is_found(tmp_path: Path) -> None:
    changed = manifest(KEY, seconds=2.0)
    write_manifest(tmp_path, manifest(KEY), KEY)
    proof = (tmp_path / "manifest.json").read_bytes().split(b"\n")[1]
    line = msgspec.json.encode(changed)
    (tmp_path / "manifest.json").write_bytes(line + b"\n" + proof + b"\n")
    with pytest.raises(Corrupted, match="checksum"):
        read_manifest(tmp_path, KEY)


def test_a_newer_backup_is_refused_with_the_version_that_wrote_it(tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest(None, version=3), None)
    with pytest.raises(
        BackupError, match=r"version 3, .* up to 2: use chatserver 9\.9, which wrote it"
    ):
        read_manifest(tmp_path, None)
