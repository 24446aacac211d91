"""Errors of copies of an installation. The text names the place and the remedy."""

from chatserver.errors import StartupError


class ArchiveError(StartupError):
    """A copy cannot be made, read or restored."""


class Corrupted(ArchiveError):
    """A copy was changed, truncated or is incomplete."""
