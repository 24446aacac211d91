"""What goes wrong with backups but for their content. The text names the file and what to do."""

from chatserver.archive.errors import ArchiveError


class BackupError(ArchiveError):
    """It cannot be made, read or restored."""
