"""The manifest of a backup: `manifest.json`, sealed by its last line.

The file has two lines: the manifest as JSON, and an HMAC-SHA256 over it with the key, or with an empty key
if the backup is not encrypted.
"""

import hashlib
import hmac
import os
import re
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from chatserver.copies.archive.copying import Counts
from chatserver.copies.archive.errors import Corrupted
from chatserver.copies.backup.errors import BackupError, Unsealed
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.owner import reason

T = TypeVar("T")

FILE = "manifest.json"
FORMAT = "chatserver-backup"
VERSION = 2  # in version 1 a plain chunk's seal did not include the backup's salt
MOST_BYTES = 16 << 20
_HEX = re.compile("([0-9a-f]{2})+")


class Part(NamedTuple):
    """One file of a stream."""

    name: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The manifest. Times are RFC 3339, UTC, milliseconds. `streams` has the parts of each stream, in order.

    If `ledger` is true, the backup must have a ledger (`ledger.py`); older versions made none.
    """

    format: str = FORMAT
    version: int = VERSION
    server: str
    name: str
    begun: str
    ended: str
    seconds: float
    counts: Counts
    salt: str
    key: str | None
    streams: dict[str, list[Part]]
    ledger: bool = False
    files: int = 0  # of users, in the vault beside the backups; `file_bytes` were new there
    lost_files: int = 0
    file_bytes: int = 0

    @property
    def id(self) -> str:
        """The backup's id, unique even among backups of the same name or content."""
        digest = hashlib.sha256(self.salt.encode())
        for parts in self.streams.values():
            for part in parts:
                digest.update(part.sha256.encode())
        return digest.hexdigest()[:16]

    @property
    def bytes(self) -> int:
        return sum(part.size for parts in self.streams.values() for part in parts)


class _Head(msgspec.Struct):
    """Fields of every version, so that a manifest of a newer version is recognised."""

    format: str
    version: int
    server: str = "?"
    key: str | None = None


def is_backup(folder: Path) -> bool:
    """Whether the folder holds a complete backup. Raises `BackupError` if it cannot be read."""
    try:
        return (folder / FILE).is_file()
    except OSError as error:
        raise BackupError(f"{folder}: {reason(folder, error)}") from None


def write_manifest(folder: Path, manifest: Manifest, key: Key | None) -> None:
    """Write the manifest durably. Raises `OSError`."""
    line = msgspec.json.encode(manifest)
    with (folder / FILE).open("xb") as file:
        file.write(line + b"\n" + _proof(line, manifest.salt, key) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_manifest(folder: Path, key: Key | None) -> Manifest:
    """The manifest of a backup. Raises `BackupError`, and `Corrupted` if it was changed.

    With a key, plain backups are refused (`Unsealed`): anyone with write access could have planted one.
    """
    path = folder / FILE
    lines = _read(path).split(b"\n")
    if len(lines) != 3 or lines[2]:
        raise Corrupted(f"{path}: the file is damaged")
    head = _decoded(path, lines[0], _Head)
    if head.format != FORMAT:
        raise Corrupted(f"{path}: this is not the manifest of a backup")
    if head.version > VERSION:
        raise BackupError(
            f"{path}: the backup has version {head.version}, and this server reads versions up to "
            f"{VERSION}: use chatserver {head.server}, which wrote it"
        )
    key = key_of(folder, head.key, key)
    manifest = _decoded(path, lines[0], Manifest)
    if not _HEX.fullmatch(manifest.salt):
        raise Corrupted(f"{path}: the file is damaged")
    proof = _proof(lines[0], manifest.salt, key)
    if not hmac.compare_digest(lines[1], proof):
        raise Corrupted(f"{path}: the checksum is wrong")
    return manifest


def peek(folder: Path) -> Manifest:
    """A backup's manifest, its HMAC unchecked, to choose among backups. Raises `BackupError`."""
    path = folder / FILE
    return _decoded(path, _read(path).partition(b"\n")[0], Manifest)


def key_of(folder: Path, wanted: str | None, key: Key | None) -> Key | None:
    """The key with which the backup was sealed: `key` or one that it replaced. Raises `BackupError`."""
    path = folder / FILE
    if wanted is None and key is not None:
        raise Unsealed(
            f"{folder}: the backup is not encrypted, so anybody may have changed it: leave out the "
            "key (backup.key_file) to use it nevertheless"
        )
    if wanted is not None and key is None:
        raise BackupError(f"{path}: the backup is encrypted: give its key (backup.key_file)")
    if wanted is None or key is None:
        return None
    if (found := key.find(wanted)) is None:
        raise BackupError(f"{path}: the backup was encrypted with another key ({wanted})")
    return found


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Corrupted(f"{path}: the file is too large for a manifest")
        return path.read_bytes()
    except OSError as error:
        raise Corrupted(f"{path}: {reason(path, error)}") from None


def _decoded(path: Path, line: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.MsgspecError:
        raise Corrupted(f"{path}: the file is damaged") from None


def _proof(line: bytes, salt: str, key: Key | None) -> bytes:
    secret = b"" if key is None else key.derive(bytes.fromhex(salt), b"manifest")
    return hmac.digest(secret, line, "sha256").hex().encode()
