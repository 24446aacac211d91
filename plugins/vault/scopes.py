"""The names under which data keys are kept: of places (rooms, indexes, spaces of records), and of people."""

from chatserver import AnyEvent
from chatserver_plugins.vault import sealing
from chatserver_plugins.vault.keyring import PERSON

# Spaces of records that say what somebody has written, and whose keys are `USER` or begin with `USER/`.
WRITTEN_BY = frozenset(
    ("expiring/drafts", "plugin/profiles", "plugin/reminders", "plugin/scheduled")
)


def room_scope(room: str) -> str:
    return f"room/{room}"


def index_scope(room: str) -> str:
    return f"index/{room}"


def records_scope(space: str) -> str:
    return f"records/{space}"


def person_scope(user: str) -> str:
    """The scope of a user's key; "" if nobody (""), as then there is none."""
    return f"{PERSON}{user}" if user else ""


def record_scopes(space: str, key: str) -> tuple[str, str]:
    """The scope of a record's space, and that of whoever has written the record."""
    writer = key.partition("/")[0] if space in WRITTEN_BY else ""
    return records_scope(space), person_scope(writer)


def event_scopes(event: AnyEvent) -> tuple[str, str]:
    """The scope of an event's room, and that of whoever has written it."""
    return room_scope(event.room), person_scope(sealing.writer_of(event))


def index_room(room: str) -> str:
    """The name under which the inner store keeps the sealed index of a room.

    Another name than the room's own: so the index that was made before the vault was turned on is not taken for it,
    and a new one is made. No room has such a name.
    """
    return f"\x01index/{room}"
