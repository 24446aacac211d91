"""The vault: the files of users, beside the backups that need them, each content once.

    files/KEY/ab/NAME       KEY is the id of the backup key, or `plain`; ab are the first digits of NAME

NAME is the SHA-256 of the content, hidden by an HMAC if there is a key, so that nobody without it can tell whether a
known file is there. A file has a salt, then frames (`chunks.py`) sealed with a key of their own (`seal.py`). It gets its
name when it is durable, and never changes: so each backup copies only what is new.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import secrets
import stat
import time
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterator, Sequence
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from chatserver.blobs.carrying import Damaged
from chatserver.copies.archive.background import ahead
from chatserver.copies.archive.errors import Corrupted
from chatserver.copies.backup.chunks import HEADER_BYTES, Readable, frame, open_file, read_frame
from chatserver.copies.backup.errors import BackupError
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.owner import Owner, hand_over, hand_over_new, reason
from chatserver.copies.backup.parts import write_all
from chatserver.copies.backup.seal import SALT_BYTES, overhead, seal_for

FOLDER = "files"
PLAIN = "plain"
PART = ".part-"
DAMAGED = ".damaged-"  # begins the name of an empty file: the mark of a damaged one
LOCK = ".lock"  # held while files get their names, are renewed, marked or removed
_OPEN = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
CHUNK_BYTES = 1 << 20
ABSENT = "it is not in the backup"
STALE_SECONDS = 24 * 3600.0  # after which a part belongs to no command any more


class VaultReader(Protocol):
    """A vault to restore from: in a folder, or on a target."""

    def read(self, sha256: str) -> AsyncGenerator[bytes, None]:
        """The content, every byte checked. Raises `Damaged` if it is not there, or not whole."""

    async def close(self) -> None:
        """End what reads left open."""


class Vault:
    """The vault in a folder of backups. New files are sealed with `key`; it opens those of older keys, too."""

    def __init__(self, backups: Path, key: Key | None, owner: Owner | None = None) -> None:
        self.folder = backups / FOLDER
        self._key, self._owner = key, owner

    def has(self, sha256: str, size: int) -> bool:
        """Whether the content, of `size` bytes, is there, sealed with the present key; blocks.

        A file that was found damaged does not count, nor one of a wrong size, such as an empty one after a crash.
        """
        path = self.folder / name_of(sha256, self._key)
        try:
            found = path.stat()
        except OSError:
            return False
        is_whole = stat.S_ISREG(found.st_mode) and found.st_size == sealed_bytes(size, self._key)
        return is_whole and not _mark_of(path).exists()

    def has_file(self, sha256: str) -> bool:
        """Whether there is a file for the content, whole or damaged, sealed with the present key; blocks."""
        return (self.folder / name_of(sha256, self._key)).is_file()

    def demand_usable(self) -> None:
        """Make the folder if it is missing; blocks. Raises `BackupError` if no file could be kept there."""
        try:
            hand_over_new(self.folder, self._owner)
            with self._locked():
                """Whoever keeps a file takes this lock."""
        except OSError as error:
            raise BackupError(f"{self.folder}: {reason(self.folder, error)}") from error

    def renew(self, sha256: str, size: int) -> bool:
        """As `has`; a content that is there then counts as new for `clear`. Blocks. Raises `BackupError`.

        For a file of users that came after the newest backup, and whose content is that of an older file.
        """
        path = self.folder / name_of(sha256, self._key)
        if not self.has(sha256, size):
            return False
        try:
            with self._locked():
                os.utime(path)
        except FileNotFoundError:  # removed meanwhile
            return False
        except OSError as error:
            raise BackupError(f"{path}: {reason(path, error)}") from error
        return True

    async def put(self, sha256: str, parts: AsyncIterator[bytes]) -> int:
        """Keep a content; returns the bytes written. Raises what `parts` raises, and `BackupError`."""
        name = name_of(sha256, self._key)
        path = self.folder / name
        part = path.with_name(PART + secrets.token_hex(8))
        try:
            await asyncio.to_thread(hand_over_new, path.parent, self._owner)
            with await asyncio.to_thread(part.open, "xb", buffering=0) as file:
                await self._write(file, name, parts)
            await asyncio.to_thread(self._publish, part, path)
            return path.stat().st_size
        except OSError as error:
            raise BackupError(f"{path}: {reason(path, error)}") from error
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)

    async def reseal(self, sha256: str) -> int:
        """Keep a content under the present key that one of the keys sealed here; returns the bytes written.

        Raises `Damaged` if it is not here whole, and `BackupError`.
        """
        for key in keys_of(self._key):
            with contextlib.suppress(Damaged):
                async with aclosing(matching(sha256, self._parts(sha256, [key]))) as parts:
                    return await self.put(sha256, parts)
        raise Damaged(ABSENT)

    async def _write(self, file: BinaryIO, name: str, parts: AsyncIterator[bytes]) -> None:
        salt = secrets.token_bytes(SALT_BYTES)
        seal = seal_for(self._key, salt, f"{FOLDER}/{name}")
        await asyncio.to_thread(write_all, file, salt)
        waiting, number = bytearray(), 0

        def put(chunk: bytes, last: bool) -> None:
            write_all(file, frame(seal.close(number, last, chunk), last))

        async for part in parts:
            waiting += part
            while len(waiting) > CHUNK_BYTES:
                await asyncio.to_thread(put, bytes(waiting[:CHUNK_BYTES]), False)
                del waiting[:CHUNK_BYTES]
                number += 1
        await asyncio.to_thread(put, bytes(waiting), True)
        await asyncio.to_thread(os.fsync, file.fileno())

    def _publish(self, part: Path, path: Path) -> None:
        hand_over(part, self._owner)
        part.chmod(0o600)
        with self._locked():
            part.rename(path)
            _mark_of(path).unlink(missing_ok=True)
        descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self, sha256: str) -> AsyncGenerator[bytes, None]:
        """As `VaultReader.read`."""
        return matching(sha256, self._parts(sha256, keys_of(self._key)))

    async def close(self) -> None:
        """Nothing is open between two reads."""

    async def _parts(self, sha256: str, keys: Sequence[Key | None]) -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(ahead(self._chunks(sha256, keys))) as chunks:
                async for chunk in chunks:
                    yield chunk
        except Corrupted as error:
            raise Damaged(str(error)) from error

    def _chunks(self, sha256: str, keys: Sequence[Key | None]) -> Iterator[bytes]:
        for key in keys:
            name = name_of(sha256, key)
            try:
                with open_file(self.folder / name) as file:
                    yield from _opened(file, name, key)
                return
            except FileNotFoundError:
                continue
            except Corrupted as error:
                raise Corrupted(f"{self.folder / name}: {error}") from None
            except OSError as error:
                raise Corrupted(f"{self.folder / name}: {error.strerror}") from None
        raise Corrupted(ABSENT)

    def digest(self, name: str) -> bytes:
        """The SHA-256 of a file as it is on the disk, its content compared with its name; blocks.

        What another key sealed is not compared. Raises `Corrupted` if the content is another one, and `OSError`.
        """
        path = self.folder / name
        with open_file(path) as file:
            hashing = _Hashing(file)
            if not self.opens(name):
                while hashing.read(CHUNK_BYTES):
                    """`read` hashes it."""
                return hashing.digest()
            content, key = hashlib.sha256(), self.key_of(name)
            try:
                for chunk in _opened(hashing, name, key):
                    content.update(chunk)
                if name_of(content.hexdigest(), key) != name:
                    raise Corrupted("its content is that of another file")
            except Corrupted as error:
                raise Corrupted(f"{path}: the file is damaged on the disk: {error}") from None
        return hashing.digest()

    def mark_damaged(self, sha256: str) -> bool:
        """Mark the files of a content that are damaged, so that the next backup copies it again; blocks.

        Each stays until a whole one replaces it: as long as a backup needs it, the targets keep their copies. Returns
        whether there was one. Raises `OSError`, also if a file cannot be read.
        """
        marked = [self._mark_damaged(name_of(sha256, key)) for key in keys_of(self._key)]
        return any(marked)

    def _mark_damaged(self, name: str) -> bool:
        path = self.folder / name
        try:
            seen = path.stat()
            self.digest(name)
        except FileNotFoundError:
            return False
        except Corrupted:
            with self._locked():
                now = path.stat()
                if (now.st_ino, now.st_mtime_ns) != (seen.st_ino, seen.st_mtime_ns):
                    return False  # another process replaced it by a whole one
                _mark_of(path).touch(mode=0o600)
                hand_over(_mark_of(path), self._owner)
            return True
        return False

    def opens(self, name: str) -> bool:
        """Whether the file of this name is plain, or sealed with a key that is configured."""
        return name.startswith(f"{PLAIN}/") or self.is_of_our_keys(name)

    def key_of(self, name: str) -> Key | None:
        """The key that sealed the file of this name, which `opens` allows; None if it is plain."""
        return None if self._key is None else self._key.find(name.partition("/")[0])

    def files(self) -> dict[str, int]:
        """Names, as `name_of` makes them, and sizes of all files; blocks. Raises `BackupError`."""
        found: dict[str, int] = {}
        try:
            for path in self.folder.glob("*/*/*"):
                if not path.name.startswith("."):
                    with contextlib.suppress(FileNotFoundError):  # removed meanwhile
                        found[path.relative_to(self.folder).as_posix()] = path.stat().st_size
        except OSError as error:
            raise BackupError(f"{self.folder}: {reason(self.folder, error)}") from error
        return found

    def _folders(self) -> list[Path]:
        """The folders of the keys that this vault has."""
        return [self.folder / (PLAIN if key is None else key.id) for key in keys_of(self._key)]

    def is_of_our_keys(self, name: str) -> bool:
        """Whether a file of this name is plain if there is no key, else sealed with one that is configured."""
        return self.folder / name.partition("/")[0] in self._folders()

    def clear(self, needed: Collection[str], before: float) -> int:
        """Remove files that are not needed and older than this Unix time, which is that of the oldest backup.

        Newer ones may belong to changes that were shipped beside a backup. Returns their number; blocks. Raises
        `BackupError`.
        """
        removed = 0
        try:
            for path in [path for kept in self._folders() for path in kept.glob("*/*")]:
                is_part, is_mark = path.name.startswith(PART), path.name.startswith(DAMAGED)
                limit = time.time() - STALE_SECONDS if is_part else before
                file = path.with_name(path.name.removeprefix(DAMAGED))
                name = file.relative_to(self.folder).as_posix()
                if name not in needed and self._remove_older(path, limit):
                    removed += not (is_part or is_mark)
        except OSError as error:
            raise BackupError(f"{self.folder}: {reason(self.folder, error)}") from error
        return removed

    def _remove_older(self, path: Path, limit: float) -> bool:
        try:
            if path.lstat().st_mtime >= limit:
                return False
            with self._locked():
                if path.lstat().st_mtime >= limit:  # renewed meanwhile
                    return False
                path.unlink()
        except FileNotFoundError:  # removed meanwhile, or a part that has its name now
            return False
        return True

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep all other processes that share the folder from renewing and removing. Raises `OSError`."""
        lock = os.open(self.folder / LOCK, _OPEN, 0o600)
        try:
            if self._owner:
                os.fchown(lock, *self._owner)
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def vault_of(backup: Path, key: Key | None) -> Vault:
    """The vault beside a backup."""
    return Vault(backup.absolute().parent, key)


def _mark_of(path: Path) -> Path:
    return path.with_name(DAMAGED + path.name)


def name_of(sha256: str, key: Key | None) -> str:
    """The name of a content's file in the vault."""
    if key is None:
        return f"{PLAIN}/{sha256[:2]}/{sha256}"
    hidden = key.derive(bytes.fromhex(sha256), b"file").hex()
    return f"{key.id}/{hidden[:2]}/{hidden}"


def sealed_bytes(size: int, key: Key | None) -> int:
    """Size of the file of a content of `size` bytes."""
    frames = max(-(-size // CHUNK_BYTES), 1)
    return SALT_BYTES + size + frames * (HEADER_BYTES + overhead(key))


def keys_of(key: Key | None) -> tuple[Key | None, ...]:
    """The keys that open a vault's files, the present one first; None is that of plain files."""
    return (None,) if key is None else (key, *key.older)


class Opening:
    """Opens the frames of one file, in order."""

    def __init__(self, name: str, key: Key | None, salt: bytes) -> None:
        self._seal = seal_for(key, salt, f"{FOLDER}/{name}")
        self._number, self._ended = 0, False

    def chunk(self, sealed: bytes, last: bool) -> bytes:
        """The data of the next frame. Raises `Corrupted`."""
        if self._ended:
            raise Corrupted("the data continues after its end")
        data = self._seal.open(self._number, last, sealed)
        self._number, self._ended = self._number + 1, last
        return data

    def demand_ended(self) -> None:
        """Raises `Corrupted` if the last frame is missing."""
        if not self._ended:
            raise Corrupted("the file is truncated")


async def matching(sha256: str, parts: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The parts; raises `Damaged` after the last one if their content has another hash."""
    digest = hashlib.sha256()
    async with aclosing(parts):
        async for part in parts:
            await asyncio.to_thread(digest.update, part)
            yield part
    if digest.hexdigest() != sha256:
        raise Damaged("the file in the backup does not match its hash")


class _Hashing:
    """A file that hashes what is read from it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._digest = file, hashlib.sha256()

    def read(self, size: int, /) -> bytes:
        data = self._file.read(size)
        self._digest.update(data)
        return data

    def digest(self) -> bytes:
        return self._digest.digest()


def _opened(file: Readable, name: str, key: Key | None) -> Iterator[bytes]:
    opening = Opening(name, key, file.read(SALT_BYTES))
    while (found := read_frame(file)) is not None:
        yield opening.chunk(*found)
    opening.demand_ended()
