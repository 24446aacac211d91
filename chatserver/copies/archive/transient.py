"""Transient records. Copies leave them out: in another store they are useless or harmful."""

from chatserver.blobs.model import LOCKS, PLACES, UPLOADS
from chatserver.cluster.installation import META
from chatserver.cluster.leases import SPACE as LEASES
from chatserver.cluster.nodes import SPACE as NODES
from chatserver.cluster.wrappers import is_of_wrappers
from chatserver.service.changes import SPACE as CHANGED
from chatserver.service.login.flows import SPACE as LOGINS
from chatserver.service.login.resets import SPACE as RESETS
from chatserver.service.login.sessions import SPACE as NOTES
from chatserver.service.mail.meter import SPACE as MAILS

FILES = (
    UPLOADS,
    LOCKS,
    PLACES,
)  # of unfinished uploads, whose parts no copy has, and of the files' place
SESSIONS = "session/"  # prefix of keys in the space of a plugin that authenticates


def is_of_nodes(space: str, key: str) -> bool:
    """Whether the record belongs to an installation's nodes or its very store: a notice, a lease, a node's record, a key."""
    return space in (CHANGED, LEASES, NODES, META) or is_of_wrappers(space)


def is_transient(space: str, key: str) -> bool:
    """Whether the record belongs to the nodes, a session, a link, a pending sign-in or upload: a restore ends all of
    these.
    """
    if is_of_nodes(space, key) or space in (LOGINS, NOTES, RESETS, MAILS, *FILES):
        return True
    return space.startswith("plugin/") and key.startswith(SESSIONS)
