"""Backup targets: places away from the server for copies of its backups. The contract that plugins keep.

A plugin registers schemes of URLs with `register_backup_schemes`. `chatserver/copies/targets` decides what is
copied, when and in which order; a target only stores objects.
"""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import BinaryIO, Protocol

import msgspec

from chatserver.errors import StartupError


class TargetError(StartupError):
    """A call of a target failed. The text is shown to the operator, so it must not hold a secret."""


class BackupTarget(Protocol):
    """Stores objects by name. A name is ASCII: a folder, `/`, and a path below it.

    Every call may take long: the server gives each a time limit, cancels it after that, then calls `close` and
    `open` again. No two calls run at once, except reads. Every call may raise `TargetError` or `OSError`.
    """

    lock_days: float
    """Days for which an object must be locked against removal and change; 0 if the target has no locks."""

    remote: bool
    """Whether the objects leave this machine. Then they must be encrypted, unless the operator allows it."""

    async def open(self) -> None:
        """Connect, and check that the target can do what its URL asks for, such as locks."""

    async def close(self) -> None:
        """Disconnect. May be called repeatedly, and after a failed `open`. Raises nothing."""

    async def folders(self) -> list[str]:
        """The folders at the top that hold an object, in any order."""

    async def list(self, folder: str) -> dict[str, int]:
        """The objects in a folder at the top, with all below it: names and sizes in bytes."""

    async def size(self, name: str) -> int | None:
        """Size in bytes of an object; None if there is none. Asks the target, not a cache."""

    def read(self, name: str) -> AsyncIterator[bytes]:
        """The content of an object, in pieces of any size. Raises `TargetError` if there is none."""

    async def put(
        self, name: str, data: BinaryIO, size: int, sha256: bytes, until: datetime | None
    ) -> None:
        """Store an object of `size` bytes from `data`, replacing an older one atomically and durably.

        A reader sees the old object or the whole new one, also if this call is cut off. `sha256` is the digest of
        the content. `until`: lock the object up to then, with `lock_days`.
        """

    async def delete(self, name: str) -> None:
        """Remove an object; it need not exist."""

    async def locked_until(self, name: str) -> datetime | None:
        """The time up to which an object is locked; None if it is not. Only asked with `lock_days`."""

    async def lock(self, name: str, until: datetime) -> None:
        """Extend the lock of an object. Only called with `lock_days`."""


class BackupScheme(msgspec.Struct, frozen=True):
    """Targets whose URLs begin with `name://`.

    `make` makes a target from the whole URL, unopened. It raises `StartupError` or `ValueError` for a URL that is
    not valid.
    """

    name: str
    make: Callable[[str], BackupTarget]
