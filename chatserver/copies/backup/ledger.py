"""The ledger of a backup's increments: `ledger.json` in its folder, renewed by every round.

Like the manifest it has two lines: the number of frames of each increment file, as JSON, and an HMAC over
that line with the backup's key and salt. It is replaced atomically after the frames are on the disk, so
after a crash there may be more frames than it states, never fewer. Fewer frames, or a missing ledger, mean
a loss.
"""

import contextlib
import hashlib
import hmac
import os
from pathlib import Path

import msgspec

from chatserver.copies.archive.errors import Corrupted
from chatserver.copies.backup.errors import BackupError
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.owner import reason

FILE = "ledger.json"
_DRAFT = ".ledger-"
MOST_BYTES = 16 << 20


class Ledger(msgspec.Struct, frozen=True):
    """`frames` maps file names to numbers of frames; `until` is the time of the last round, or ""."""

    frames: dict[str, int]
    until: str = ""


def write_ledger(backup: Path, ledger: Ledger, key: Key | None, salt: bytes, writer: str) -> None:
    """Replace the ledger atomically and durably. `writer` names the draft file. Raises `BackupError`."""
    line = msgspec.json.encode(ledger)
    draft = backup / (_DRAFT + writer)
    try:
        with draft.open("xb") as file:
            file.write(line + b"\n" + _proof(line, key, salt) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.rename(backup / FILE)
        _sync(backup)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise BackupError(f"{backup / FILE}: {reason(backup, error)}") from error


def read_ledger(backup: Path, key: Key | None, salt: bytes) -> Ledger | None:
    """The ledger; None if there is none. Raises `Corrupted` if it is damaged or its HMAC is wrong."""
    data = ledger_bytes(backup)
    return None if data is None else parse_ledger(backup, data, key, salt)


def ledger_bytes(backup: Path) -> bytes | None:
    """The content of the ledger's file, unchecked; None if there is none. Raises `Corrupted`."""
    path = backup / FILE
    try:
        if path.stat().st_size > MOST_BYTES:
            raise Corrupted(f"{path}: the file is too large for a ledger")
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Corrupted(f"{path}: {error.strerror}") from None


def parse_ledger(backup: Path, data: bytes, key: Key | None, salt: bytes) -> Ledger:
    """The ledger with this content. Raises `Corrupted` if it is damaged or its HMAC is wrong."""
    path, lines = backup / FILE, data.split(b"\n")
    if (
        len(lines) != 3
        or lines[2]
        or not hmac.compare_digest(lines[1], _proof(lines[0], key, salt))
    ):
        raise Corrupted(f"{path}: the checksum is wrong")
    try:
        return msgspec.json.decode(lines[0], type=Ledger)
    except msgspec.MsgspecError:
        raise Corrupted(f"{path}: the file is damaged") from None


def clear_drafts(backup: Path) -> None:
    """Remove drafts that a crash left. Raises `OSError`."""
    for draft in backup.glob(f"{_DRAFT}*"):
        draft.unlink(missing_ok=True)


def _proof(line: bytes, key: Key | None, salt: bytes) -> bytes:
    """The HMAC of a line, for this backup. Without a key it guards against accidents only, like all seals."""
    secret = hashlib.sha256(salt).digest() if key is None else key.derive(salt, b"ledger")
    return hmac.digest(secret, line, "sha256").hex().encode()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
