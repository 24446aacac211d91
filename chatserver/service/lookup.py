"""Looking for members of a room by a part of their name: by page, each with a bounded amount of work."""

from bisect import bisect_right
from typing import NamedTuple

from chatserver.interfaces import Store
from chatserver.roomlog.room import Room
from chatserver.service.directory import NAMES, bare_name, folded_name

LOOKED_AT = 5000  # members at once: some milliseconds of the event loop
USERNAMES = 500  # looked at, that begin with the text
BEFORE_ALL = "0"  # less than each id, and yet not the beginning of the first page


class NamedMembers(NamedTuple):
    """Ids of members; `after`, if there may be further ones, is where the next page begins."""

    ids: list[str]
    after: str | None


async def members_named(
    store: Store, room: Room, text: str, after: str, limit: int
) -> NamedMembers:
    """Members whose user name begins with the text, on the first page, then those with it in their shown name.

    The latter by ascending id > `after`, of the next LOOKED_AT members; a page may have fewer than `limit`, or none.
    """
    beginning, wanted = folded_name(text), bare_name(text)
    rows = await store.scan(NAMES, beginning, "", USERNAMES) if beginning else []
    by_username = [id for _, raw in rows if (id := raw.decode()) in room.members][:limit]
    known = set(by_username)
    found = [] if after else by_username
    ids = room.members_by_id()
    start = bisect_right(ids, after)
    looked_at = ids[start : start + LOOKED_AT + 1]
    for place, id in enumerate(looked_at[:LOOKED_AT]):
        if id in known or wanted not in bare_name(room.members[id].user.name):
            continue
        if len(found) >= limit:
            return NamedMembers(found, looked_at[place - 1] if place else after or BEFORE_ALL)
        found.append(id)
    return NamedMembers(found, looked_at[LOOKED_AT - 1] if len(looked_at) > LOOKED_AT else None)
