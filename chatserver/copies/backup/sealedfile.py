"""Archives that are encrypted with the key of backups: one stream of sealed chunks behind a head.

The head is MAGIC, the id of the key, and the salt from which the stream's own key is derived. Each chunk has
CHUNK_BYTES of the archive, compressed or not, but the last one, which may have less, and is there even if it has
none: so a file that was cut off anywhere is noticed.
"""

import io
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.seal import SALT_BYTES, TAG_BYTES, Encrypted

MAGIC = b"\x93chatserver sealed archive 1\n"
CHUNK_BYTES = 1 << 16
ID_BYTES = 8
STREAM = "archive"


class ArchiveSeal:
    """Seals archives with a key, and opens those that were sealed with it or with an older one."""

    def __init__(self, key: Key | None) -> None:
        """Without a key it only says of a sealed archive that it needs one."""
        self._key = key

    @contextmanager
    def sealing(self, file: BinaryIO) -> Iterator[BinaryIO]:
        """What is written here goes to the file sealed, and is complete when the block ends without an error."""
        assert self._key is not None
        salt = secrets.token_bytes(SALT_BYTES)
        file.write(MAGIC + bytes.fromhex(self._key.id) + salt)
        sink = _Sealing(file, Encrypted(self._key, salt, STREAM))
        yield cast(BinaryIO, sink)
        sink.finish()

    def opened(self, file: BinaryIO) -> io.BufferedReader | None:
        """The archive in a sealed file; None for one that is not sealed. Raises `ArchiveError`."""
        if not cast(io.BufferedReader, file).peek(len(MAGIC)).startswith(MAGIC):
            return None
        file.read(len(MAGIC))
        head = file.read(ID_BYTES + SALT_BYTES)
        id, salt = head[:ID_BYTES].hex(), head[ID_BYTES:]
        key = None if self._key is None else self._key.find(id)
        if key is None:
            raise ArchiveError(
                f"the archive is sealed with the backup key {id}, which is not configured (backup.key_file, "
                "backup.old_key_files)"
            )
        return io.BufferedReader(_Opening(file, Encrypted(key, salt, STREAM)), CHUNK_BYTES)


class _Sealing:
    def __init__(self, file: BinaryIO, seal: Encrypted) -> None:
        self._file, self._seal = file, seal
        self._number = 0
        self._waiting = bytearray()

    def write(self, data: bytes) -> int:
        self._waiting += data
        while len(self._waiting) > CHUNK_BYTES:
            self._write(bytes(self._waiting[:CHUNK_BYTES]), last=False)
            del self._waiting[:CHUNK_BYTES]
        return len(data)

    def flush(self) -> None:
        """Chunks are written when they are full."""

    def finish(self) -> None:
        self._write(bytes(self._waiting), last=True)

    def _write(self, data: bytes, *, last: bool) -> None:
        self._file.write(self._seal.close(self._number, last, data))
        self._number += 1


class _Opening(io.RawIOBase):
    """Reads what is sealed; raises `Corrupted` for a chunk that is changed, moved or missing."""

    def __init__(self, file: BinaryIO, seal: Encrypted) -> None:
        self._file, self._seal = cast(io.BufferedReader, file), seal
        self._number = 0
        self._left = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        while not self._left and not self._ended:
            sealed = self._file.read(CHUNK_BYTES + TAG_BYTES)
            self._ended = not self._file.peek(1)
            self._left = self._seal.open(self._number, self._ended, sealed)
            self._number += 1
        found = self._left[: len(buffer)]
        buffer[: len(found)] = found
        self._left = self._left[len(found) :]
        return len(found)
