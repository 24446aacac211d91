"""What goes wrong with a copy of an installation. The text names the place and what to do about it."""

from chatserver.errors import StartupError


class ArchiveError(StartupError):
    """It cannot be made, read, or be filled in."""


class Corrupted(ArchiveError):
    """It is not what was written: changed, cut off or incomplete."""
