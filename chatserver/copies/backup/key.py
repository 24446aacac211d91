"""The key that encrypts backups: 32 random bytes, from the environment or a file."""

import base64
import binascii
import hmac
from collections.abc import Sequence
from pathlib import Path

from chatserver.config import BackupConfig
from chatserver.copies.backup.errors import BackupError

KEY_BYTES = 32
HOW = "expected 32 random bytes in base64 or hexadecimal, such as `openssl rand -base64 32` prints"


class Key:
    """The secret from which each backup's keys are derived (HKDF-SHA256, RFC 5869).

    `older` are keys that it replaced: they open the backups made with them, and seal nothing any more.
    """

    def __init__(self, secret: bytes, older: Sequence["Key"] = ()) -> None:
        self._secret, self.older = secret, tuple(older)

    def __repr__(self) -> str:
        return "Key(***)"

    @property
    def id(self) -> str:
        """An identifier that distinguishes keys and reveals nothing else about them."""
        return self.derive(b"", b"id")[:8].hex()

    def find(self, wanted: str) -> "Key | None":
        """This key or an older one, whichever has the id; None if neither has it."""
        return next((key for key in (self, *self.older) if key.id == wanted), None)

    def derive(self, salt: bytes, purpose: bytes) -> bytes:
        """A 32-byte key for one purpose in the backup with this salt."""
        extracted = hmac.digest(salt or bytes(32), self._secret, "sha256")
        return hmac.digest(extracted, b"chatserver backup " + purpose + b"\x01", "sha256")


def configured_key(config: BackupConfig) -> Key | None:
    """The configured key; None if backups are not encrypted. Raises `BackupError`."""
    older = [key_from_file(path, "backup.old_key_files") for path in config.old_key_files]
    if config.key:
        return read_key(config.key, "backup.key", older)
    if config.key_file:
        return key_from_file(config.key_file, older=older)
    return None


def key_from_file(path: str, setting: str = "backup.key_file", older: Sequence[Key] = ()) -> Key:
    """The key in a file. Raises `BackupError`."""
    try:
        text = Path(path).read_text(encoding="ascii")
    except OSError as error:
        raise BackupError(f"{setting}: {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BackupError(f"{setting}: {path}: {HOW}") from None
    return read_key(text, f"{setting}: {path}", older)


def read_key(text: str, where: str, older: Sequence[Key] = ()) -> Key:
    """The key written in `text`. Raises `BackupError`, whose message does not show the text."""
    for decode in (bytes.fromhex, _base64):
        try:
            secret = decode(text.strip())
        except ValueError:
            continue
        if len(secret) == KEY_BYTES:
            return Key(secret, older)
    raise BackupError(f"{where}: {HOW}")


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError from error
