"""Records that are of no use after a restore, and are left out of every copy."""

from chatserver.leases import SPACE as LEASES
from chatserver.service.changes import SPACE as CHANGED

SESSIONS = "session/"  # prefix of keys in the space of a plugin that authenticates


def is_passing(space: str, key: str) -> bool:
    """Sessions end with a restore; what nodes tell each other is of no use to others."""
    return space in (CHANGED, LEASES) or (space.startswith("plugin/") and key.startswith(SESSIONS))
