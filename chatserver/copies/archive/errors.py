"""Errors of copies of an installation. The text names the place and what to do about it."""

from chatserver.errors import StartupError


class ArchiveError(StartupError):
    """A copy cannot be made, read or filled in."""


class Corrupted(ArchiveError):
    """A copy is not as it was written: changed, truncated or incomplete."""
