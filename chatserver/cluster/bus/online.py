"""Online users: those connected to this node, and those that other nodes report. No I/O.

Nodes report changes, and every few seconds a checksum over all their users. A node with another checksum asks
for the users and gets them in parts, each of which replaces its old content. So any loss, repetition or
reordering on the bus is corrected within seconds. A node that falls silent is forgotten.
"""

import secrets
from collections.abc import Collection, Iterable, Iterator
from hashlib import blake2b
from zlib import crc32

from chatserver.cluster.bus.envelopes import Ask, Beat, Moved, OnlineItem, Part

LINGER_SECONDS = 5.0  # a user who reloads a page, or moves to another node, stays online
BEAT_SECONDS = 5.0
EXPIRY_SECONDS = 20.0  # a node that is silent for this long is forgotten
PARTS = 256  # into which a node's users are split; with up to 70,000 users a part fits a frame
MOVED_USERS = 100  # in one item: some 2,400 bytes
EVERYBODY = "*"  # addresses all nodes, while a node knows no other yet


class Users:
    """A set of users, in parts, with a checksum: equal sets have equal checksums."""

    def __init__(self) -> None:
        self.parts: list[set[str]] = [set() for _ in range(PARTS)]
        self.sum = 0
        self.heard_at = 0.0

    def put(self, user: str, is_on: bool) -> bool:
        """Add or remove the user. Returns whether that changed the set."""
        part = self.parts[_part_of(user)]
        if (user in part) is is_on:
            return False
        (part.add if is_on else part.discard)(user)
        self.sum ^= int.from_bytes(blake2b(user.encode(), digest_size=6).digest())
        return True


class Online:
    """The online users of all known nodes. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self.node = secrets.token_hex(8)
        self.changed: set[str] = set()  # users who came or went; the reader empties it
        self._here = Users()
        self._leaving: dict[str, float] = {}  # users without a connection: when they go offline
        self._elsewhere: dict[str, Users] = {}
        self._nodes_of: dict[str, int] = {}  # number of nodes to which each user is connected
        self._unsaid: dict[str, bool] = {}
        self._doubtful = {EVERYBODY}  # nodes to ask for their users
        self._asked = False
        self._next_beat = self._next_telling = 0.0

    def __contains__(self, user: str) -> bool:
        return user in self._nodes_of

    def others(self) -> Collection[str]:
        """The names of the other nodes that have been heard lately."""
        return self._elsewhere.keys()

    # -- this node ---------------------------------------------------------------------------------

    def arrived(self, user: str) -> None:
        """Note that the user has a connection to this node."""
        self._leaving.pop(user, None)
        self._put(user, True)

    def left(self, user: str, now: float) -> None:
        """Note that the user has no connection left here; they stay online for LINGER_SECONDS."""
        self._leaving[user] = now + LINGER_SECONDS

    def tick(self, now: float) -> list[OnlineItem]:
        """Drop expired users and nodes. Returns the items to send to other nodes now."""
        self._let_go(now)
        items = list(self._news())
        if now >= self._next_beat:
            self._next_beat = now + BEAT_SECONDS
            items.append(Beat(self._here.sum))
        items += [Ask(node) for node in self._doubtful]
        self._doubtful.clear()
        if self._asked and now >= self._next_telling:
            self._asked, self._next_telling = False, now + BEAT_SECONDS
            items += [Part(number, list(part)) for number, part in enumerate(self._here.parts)]
        return items

    def end(self) -> list[OnlineItem]:
        """The items to send when the node stops and nobody is connected any more."""
        return [Part(number, []) for number, part in enumerate(self._here.parts) if part]

    def _put(self, user: str, is_on: bool) -> None:
        if self._here.put(user, is_on):
            self._unsaid[user] = is_on
            self._count(user, is_on)

    def _let_go(self, now: float) -> None:
        for user, until in list(self._leaving.items()):
            if until > now:
                break  # the others left later
            del self._leaving[user]
            self._put(user, False)
        for node, users in list(self._elsewhere.items()):
            if now - users.heard_at > EXPIRY_SECONDS:
                for part in users.parts:
                    self._take(users, list(part), False)
                del self._elsewhere[node]

    def _news(self) -> Iterator[OnlineItem]:
        for is_on in (True, False):
            users = [user for user, now_on in self._unsaid.items() if now_on is is_on]
            for start in range(0, len(users), MOVED_USERS):
                yield Moved(is_on, users[start : start + MOVED_USERS])
        self._unsaid.clear()

    # -- other nodes -------------------------------------------------------------------------------

    def heard(self, node: str, item: OnlineItem, now: float) -> None:
        """Handle an item from another node."""
        if isinstance(item, Ask):
            self._asked = self._asked or item.node in (self.node, EVERYBODY)
            return
        users = self._elsewhere.setdefault(node, Users())
        users.heard_at = now
        match item:
            case Beat(total):
                if total != users.sum:
                    self._doubtful.add(node)
            case Moved(is_on, moved):
                self._take(users, moved, is_on)
            case Part(number, told):
                self._take(users, users.parts[number].difference(told), False)
                self._take(users, told, True)

    def _take(self, users: Users, some: Iterable[str], is_on: bool) -> None:
        for user in some:
            if users.put(user, is_on):
                self._count(user, is_on)

    def _count(self, user: str, is_on: bool) -> None:
        count = self._nodes_of.pop(user, 0) + (1 if is_on else -1)
        if count:
            self._nodes_of[user] = count
        self.changed.add(user)


def _part_of(user: str) -> int:
    return crc32(user.encode()) % PARTS
