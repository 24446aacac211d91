"""What goes wrong with a backup. The text names the file and what to do about it."""

from chatserver.errors import StartupError


class BackupError(StartupError):
    """It cannot be made, read or restored."""


class Corrupted(BackupError):
    """It is not what was written: changed, cut off, incomplete, or sealed with another key."""
