"""Records that copies leave out, because they are of no use in another store, or do harm there."""

from chatserver.installation import META
from chatserver.leases import SPACE as LEASES
from chatserver.service.changes import SPACE as CHANGED

SESSIONS = "session/"  # prefix of keys in the space of a plugin that authenticates


def is_of_nodes(space: str, key: str) -> bool:
    """What the nodes of one installation tell each other, and the key they do it with."""
    return space in (CHANGED, LEASES, META)


def is_passing(space: str, key: str) -> bool:
    """Sessions as well: they end with a restore, and so does the epoch."""
    return is_of_nodes(space, key) or (space.startswith("plugin/") and key.startswith(SESSIONS))
