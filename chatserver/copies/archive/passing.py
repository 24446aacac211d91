"""Transient records, which copies leave out as they are useless or harmful in another store."""

from chatserver.cluster.installation import META
from chatserver.cluster.leases import SPACE as LEASES
from chatserver.service.changes import SPACE as CHANGED

SESSIONS = "session/"  # prefix of keys in the space of a plugin that authenticates


def is_of_nodes(space: str, key: str) -> bool:
    """Whether the record belongs to the nodes of one installation: notices, leases, their key."""
    return space in (CHANGED, LEASES, META)


def is_passing(space: str, key: str) -> bool:
    """Whether the record is one of the nodes', or a session: sessions end with a restore."""
    return is_of_nodes(space, key) or (space.startswith("plugin/") and key.startswith(SESSIONS))
