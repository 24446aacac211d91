"""The ledger of erasures, beside the backups: who was erased must not come back with a backup of before.

    erasures/NAME.json      one line of JSON for each erasure; NAME is made of the id of the account

A restore reads it, and has all of them erased again before a server may start on the store. A line says an id, a time
and what became of the messages. With a key it is authenticated, as otherwise whoever can write to the folder could have
accounts erased. A file never changes; the same names are on targets.
"""

import hashlib
import hmac
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from chatserver.copies.archive.errors import Corrupted
from chatserver.copies.backup.errors import BackupError
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.owner import Owner, hand_over_new, reason
from chatserver.interfaces import Store
from chatserver.privacy.erasures import DUE, SPACE, Erasure, encode
from chatserver.privacy.rewriting import Erased
from chatserver.service.directory import USERS, decode_user

FOLDER = "erasures"
SUFFIX = ".json"
PURPOSE = b"erasures"  # of the key that lines are sealed with
NAME_DIGITS = 32


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """An erasure: the id of the account, when it was asked for (Unix time), what became of its messages."""

    user: str
    at: float
    mode: Erased

    @property
    def file(self) -> str:
        """The name of its file: another one for each account and mode."""
        digest = hashlib.sha256(self.user.encode()).hexdigest()[:NAME_DIGITS]
        return f"{digest}-{self.mode.value}{SUFFIX}"


class Line(Entry, frozen=True, kw_only=True):
    """An entry with its seal: an HMAC-SHA256 by the key with this id, or a SHA-256 if `key` is empty."""

    key: str
    seal: str


_decode = msgspec.json.Decoder(Line).decode


class ErasureLedger:
    """The ledger in a folder of backups. New lines are sealed with `key`; lines of older keys count, too."""

    def __init__(self, backups: Path, key: Key | None, owner: Owner | None = None) -> None:
        self.folder = backups / FOLDER
        self._key, self._owner = key, owner

    def note(self, entry: Entry) -> None:
        """Add an erasure, durably; nothing if it is there. Blocks. Raises `BackupError`."""
        place = self.folder / entry.file
        try:
            if place.exists():
                return
            hand_over_new(self.folder, self._owner)
            draft = place.with_name(f".{entry.file}.{os.getpid()}")
            with draft.open("wb") as file:
                file.write(sealed(entry, self._key))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(place)
            if self._owner is not None:
                os.chown(place, *self._owner)
            _sync(self.folder)
        except OSError as error:
            raise BackupError(f"{place}: {reason(place, error)}") from error

    def files(self) -> dict[str, bytes]:
        """All lines by the names of their files. Blocks. Raises `BackupError`."""
        try:
            names = sorted(each.name for each in os.scandir(self.folder) if is_line(each.name))
            return {name: (self.folder / name).read_bytes() for name in names}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise BackupError(f"{self.folder}: {reason(self.folder, error)}") from error


def is_line(name: str) -> bool:
    """Whether a file of this name is a line of the ledger."""
    return name.endswith(SUFFIX) and not name.startswith(".")


def sealed(entry: Entry, key: Key | None) -> bytes:
    """The line of an entry."""
    line = Line(
        user=entry.user,
        at=entry.at,
        mode=entry.mode,
        key="" if key is None else key.id,
        seal=_seal(entry, key),
    )
    return msgspec.json.encode(line) + b"\n"


def opened(place: str, data: bytes, key: Key | None) -> Entry:
    """The entry of a line. Raises `Corrupted`, which names the place, if nobody with the key has written it."""
    try:
        line = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Corrupted(f"{place}: this is no line of a ledger of erasures: {error}") from error
    entry = Entry(user=line.user, at=line.at, mode=line.mode)
    by = None
    if key is not None:
        by = key.find(line.key)
        if by is None:
            raise Corrupted(
                f"{place}: it is not sealed with the key of the backups, so anybody may have written it: if it "
                "is right, erase the account again after the restore; move the file away"
            )
    if not hmac.compare_digest(line.seal, _seal(entry, by)) and not (key is None and line.key):
        raise Corrupted(f"{place}: it was changed")
    return entry


def newest(entries: Iterable[Entry]) -> list[Entry]:
    """One entry for each account: the one that leaves the least."""
    found: dict[str, Entry] = {}
    for entry in sorted(entries, key=lambda entry: entry.at):
        before = found.get(entry.user)
        if before is None or entry.mode is Erased.REDACT:
            found[entry.user] = entry
    return list(found.values())


async def have_erased_again(store: Store, entries: Sequence[Entry]) -> int:
    """Note in a store that is being restored whom a server has to erase again; returns how many the store knows."""
    known = 0
    for entry in newest(entries):
        raw = await store.get(USERS, entry.user)
        if raw is None:
            continue
        user = decode_user(raw)
        known += 1
        erasure = Erasure(
            mode=entry.mode,
            at=entry.at,
            username="" if user.deleted else user.username,
            noted=True,
            again=True,
        )
        await store.put(SPACE, f"{DUE}{entry.user}", encode(erasure))
    return known


def _seal(entry: Entry, key: Key | None) -> str:
    data = msgspec.json.encode((entry.user, entry.at, entry.mode))
    if key is None:
        return hashlib.sha256(data).hexdigest()
    return hmac.digest(key.derive(b"", PURPOSE), data, "sha256").hex()


def _sync(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


__all__ = ["FOLDER", "Entry", "ErasureLedger", "have_erased_again", "newest", "opened", "sealed"]
