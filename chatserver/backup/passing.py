"""Records that are of no use after a restore, and are left out of every copy."""

from chatserver.installation import META
from chatserver.leases import SPACE as LEASES
from chatserver.service.changes import SPACE as CHANGED

SESSIONS = "session/"  # prefix of keys in the space of a plugin that authenticates


def is_passing(space: str, key: str) -> bool:
    """Sessions end with a restore, and so does the epoch; what nodes tell each other, and the key
    they do it with, is nothing to others.
    """
    return space in (CHANGED, LEASES, META) or (
        space.startswith("plugin/") and key.startswith(SESSIONS)
    )
