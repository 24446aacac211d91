"""What goes wrong with backups but for their content. The text names the file and what to do."""

from chatserver.archive.errors import ArchiveError, Corrupted


class BackupError(ArchiveError):
    """It cannot be made, read or restored."""


class Unsealed(BackupError):
    """It is plain, although there is a key: whoever can write to the folder may have put it there."""


class BrokenIncrements(Corrupted):
    """The backup itself may be whole; what came after it is changed, cut off or missing."""
