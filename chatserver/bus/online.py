"""Who is online: users with a connection to this node, and what other nodes say of theirs. No I/O.

Nodes say what changes, and every few seconds a sum over all their users. A node that computes another
sum asks, and is sent all users in parts, each of which replaces what was known of it. So what a bus
loses, repeats or reorders is right again within seconds; a node that falls silent is forgotten.
"""

import secrets
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from zlib import crc32

from chatserver.bus.frames import Ask, Beat, Moved, OnlineItem, Part

LINGER_SECONDS = 5.0  # who loads a page anew, or moves to another node, has not gone
BEAT_SECONDS = 5.0
EXPIRY_SECONDS = 20.0  # a node that says nothing for so long is forgotten
PARTS = 256  # of all users of a node; one has room in a frame up to some 70,000 users
MOVED_USERS = 100  # in one item: some 2,400 bytes
EVERYBODY = "*"  # asked by a node that knows of no other yet


class Users:
    """Some users, in parts, and a sum that is the same wherever they are the same."""

    def __init__(self) -> None:
        self.parts: list[set[str]] = [set() for _ in range(PARTS)]
        self.sum = 0
        self.heard_at = 0.0

    def put(self, user: str, is_on: bool) -> bool:
        """Have the user, or not; True if that is something new."""
        part = self.parts[_part_of(user)]
        if (user in part) is is_on:
            return False
        (part.add if is_on else part.discard)(user)
        self.sum ^= int.from_bytes(blake2b(user.encode(), digest_size=6).digest())
        return True


class Online:
    """The users of all nodes, as far as this one knows. Times are of any clock that only goes on."""

    def __init__(self) -> None:
        self.node = secrets.token_hex(8)
        self.changed: set[str] = set()  # who came or went, for who wants to know; emptied by them
        self._here = Users()
        self._leaving: dict[str, float] = {}  # until when those stay who have no connection
        self._elsewhere: dict[str, Users] = {}
        self._nodes_of: dict[str, int] = {}  # at how many nodes each user is
        self._unsaid: dict[str, bool] = {}
        self._doubtful = {EVERYBODY}  # nodes to be asked
        self._asked = False
        self._next_beat = self._next_telling = 0.0

    def __contains__(self, user: str) -> bool:
        return user in self._nodes_of

    # -- this node ---------------------------------------------------------------------------------

    def arrived(self, user: str) -> None:
        """The user has a connection to this node."""
        self._leaving.pop(user, None)
        self._put(user, True)

    def left(self, user: str, now: float) -> None:
        """The user's last connection to this node is gone; they stay for a while."""
        self._leaving[user] = now + LINGER_SECONDS

    def turn(self, now: float) -> list[OnlineItem]:
        """Let go of those whose time is over; what is to be said to other nodes now."""
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
        """What is to be said when nobody is connected any more, as the node stops."""
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
        """Another node has said something."""
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
