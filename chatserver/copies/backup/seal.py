"""Seals: each chunk of a stream carries a proof that it is unchanged and at its place in its stream.

Encrypted: AES-256-GCM, as in the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015,
"Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance"). The nonce is the chunk's
number and a flag on the last one; every stream has its own key, so no nonce is used twice. Changed,
moved, repeated or missing chunks are refused, and so is a stream without its end. Plain: SHA-256 over the
backup's salt, the stream, number, last and data, which guards against accidents only.
"""

import hashlib
import hmac
from typing import Any, Protocol

from chatserver.copies.archive.errors import Corrupted
from chatserver.copies.backup.errors import BackupError
from chatserver.copies.backup.key import Key
from chatserver.hooks.dependencies import how_to_install

SALT_BYTES = 16
_PLACE_BYTES = 12  # a nonce of AES-GCM: number (11 bytes), flag of the last chunk (1 byte)
DIGEST_BYTES = 32
TAG_BYTES = 16  # of AES-GCM


class Seal(Protocol):
    """Makes and checks the chunks of one stream."""

    def close(self, number: int, last: bool, data: bytes) -> bytes:
        """Seal the chunk with this number (0, 1, …)."""

    def open(self, number: int, last: bool, sealed: bytes) -> bytes:
        """The data of a sealed chunk. Raises `Corrupted` if `close` did not make it for this place."""


class Plain:
    """Detects accidental damage; does not encrypt."""

    def __init__(self, salt: bytes, stream: str) -> None:
        self._start = salt + stream.encode()

    def close(self, number: int, last: bool, data: bytes) -> bytes:
        return self._digest(number, last, data) + data

    def open(self, number: int, last: bool, sealed: bytes) -> bytes:
        digest, data = sealed[:DIGEST_BYTES], sealed[DIGEST_BYTES:]
        if not hmac.compare_digest(digest, self._digest(number, last, data)):
            raise Corrupted("the checksum is wrong")
        return data

    def _digest(self, number: int, last: bool, data: bytes) -> bytes:
        return hashlib.sha256(self._start + _place(number, last) + data).digest()


class Encrypted:
    """Encrypts the data, and detects deliberate changes."""

    def __init__(self, key: Key, salt: bytes, stream: str) -> None:
        self._cipher = _cipher(key.derive(salt, stream.encode()))

    def close(self, number: int, last: bool, data: bytes) -> bytes:
        sealed: bytes = self._cipher.encrypt(_place(number, last), data, None)
        return sealed

    def open(self, number: int, last: bool, sealed: bytes) -> bytes:
        from cryptography.exceptions import InvalidTag

        try:
            data: bytes = self._cipher.decrypt(_place(number, last), sealed, None)
        except (InvalidTag, ValueError):  # ValueError: shorter than the tag
            raise Corrupted("the data does not match the key") from None
        return data


def seal_for(key: Key | None, salt: bytes, stream: str) -> Seal:
    return Plain(salt, stream) if key is None else Encrypted(key, salt, stream)


def overhead(key: Key | None) -> int:
    """Number of bytes by which a sealed chunk is longer than its data."""
    return DIGEST_BYTES if key is None else TAG_BYTES


def _place(number: int, last: bool) -> bytes:
    return number.to_bytes(_PLACE_BYTES - 1, "big") + bytes((last,))


def _cipher(key: bytes) -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError:
        raise BackupError(
            f"backup.key: encryption needs a library: {how_to_install('backup')}"
        ) from None
    return AESGCM(key)
