"""The key that encrypts backups: 32 random bytes, from the environment or a file."""

import base64
import binascii
import hmac
from pathlib import Path

from chatserver.config import BackupConfig
from chatserver.copies.backup.errors import BackupError

KEY_BYTES = 32
HOW = "expected 32 random bytes in base64 or hexadecimal, such as `openssl rand -base64 32` prints"


class Key:
    """The secret from which each backup's keys are derived (HKDF-SHA256, RFC 5869)."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def __repr__(self) -> str:
        return "Key(***)"

    @property
    def id(self) -> str:
        """An identifier that distinguishes keys and reveals nothing else about them."""
        return self.derive(b"", b"id")[:8].hex()

    def derive(self, salt: bytes, purpose: bytes) -> bytes:
        """A 32-byte key for one purpose in the backup with this salt."""
        extracted = hmac.digest(salt or bytes(32), self._secret, "sha256")
        return hmac.digest(extracted, b"chatserver backup " + purpose + b"\x01", "sha256")


def configured_key(config: BackupConfig) -> Key | None:
    """The configured key; None if backups are not encrypted. Raises `BackupError`."""
    if config.key:
        return read_key(config.key, "backup.key")
    if config.key_file:
        return key_from_file(config.key_file)
    return None


def key_from_file(path: str) -> Key:
    """The key in a file. Raises `BackupError`."""
    try:
        text = Path(path).read_text(encoding="ascii")
    except OSError as error:
        raise BackupError(f"backup.key_file: {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BackupError(f"backup.key_file: {path}: {HOW}") from None
    return read_key(text, f"backup.key_file: {path}")


def read_key(text: str, where: str) -> Key:
    """The key written in `text`. Raises `BackupError`, whose message does not show the text."""
    for decode in (bytes.fromhex, _base64):
        try:
            secret = decode(text.strip())
        except ValueError:
            continue
        if len(secret) == KEY_BYTES:
            return Key(secret)
    raise BackupError(f"{where}: {HOW}")


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError from error
