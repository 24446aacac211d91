"""Errors of backups. The text names the file and the remedy."""

from chatserver.copies.archive.errors import ArchiveError, Corrupted


class BackupError(ArchiveError):
    """A backup cannot be made, read or restored."""


class Unsealed(BackupError):
    """The backup is plain although a key is configured: anyone with write access could have planted it."""


class BrokenIncrements(Corrupted):
    """An increment is changed, truncated or missing; the backup itself may be complete."""
