"""Presence of chosen members of a room, for one subscription.

The core watches once for each connection, for all its subscriptions to a room together. Each subscription
gets only the changes that are new to it.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import NamedTuple

from chatserver import ChatError, Feed, Room, Service, Subscriber
from chatserver_plugins.graphql.operations import Operation
from chatserver_plugins.graphql.telling import Teller


class UserPresence(NamedTuple):
    """A user who came online or went offline."""

    user_id: str
    online: bool


class PresenceWatch(Feed):
    """One subscription. It follows the room only to notice its loss, and ignores its events."""

    __slots__ = (
        "_channel",
        "_due",
        "_is_open",
        "_room",
        "_service",
        "_teller",
        "_told",
        "operation",
        "users",
    )

    def __init__(
        self,
        service: Service,
        room: Room,
        users: Collection[str],
        teller: Teller,
        operation: Operation,
    ) -> None:
        self._service, self._room, self._teller = service, room, teller
        self._channel = service.connections.channel(room)
        self.operation = operation
        self.users = frozenset(users)
        self._told: dict[str, bool] = {}
        self._due: dict[str, bool] = {}  # at most one thing of each user
        self._is_open = False  # once it was told something, be it that there is nobody

    def begin(self) -> None:
        """Send the present state, then each change. Raises `ChatError` limit.count."""
        watches = self.operation.listener.watches
        watches.add(self)
        now = self._watch()
        self.users &= now.keys()  # of others nothing is ever told
        self._due = {user: now[user] for user in self.users}
        self._told = dict(self._due)
        self._teller.tell(self._next)
        for watch in watches - {self}:  # the core counts the state as sent to the whole connection
            watch.take(now)

    def take(self, now: Mapping[str, bool]) -> None:
        """Send the changes that are new to this subscription."""
        users = self.users & now.keys()
        news = {user: now[user] for user in users if self._told.get(user) is not now[user]}
        if news:
            self._told |= news
            self._due |= news
            self._teller.tell(self._next)

    def leave(self) -> None:
        listener = self.operation.listener
        self._teller.leave()
        listener.watches.discard(self)
        if not any(watch.room is self._room for watch in listener.watches):
            self._service.presence.unwatch(listener, self._room)
        elif self._is_open:
            with suppress(ChatError):  # the room is lost, so the other watches are about to end too
                now = self._watch()
                for watch in listener.watches:
                    watch.take(now)
        listener.unfollow(self)

    def lose(self, error: ChatError) -> None:
        """End the subscription, as the user may no longer read the room."""
        self.operation.refuse(error)

    def _watch(self) -> dict[str, bool]:
        """Make the core watch all users that this connection watches in the room."""
        listener = self.operation.listener
        watches = [watch for watch in listener.watches if watch.room is self._room]
        users = dict.fromkeys(user for watch in watches for user in watch.users)
        return self._service.presence.watch_members(listener, self._room, [*users])

    def _next(self) -> list[UserPresence] | None:
        if self._is_open and not self._due:
            return None
        self._is_open = True
        due, self._due = self._due, {}
        return [UserPresence(user, online) for user, online in due.items()]

    # -- as a feed that never pushes -------------------------------------------------------------------

    @property
    def room(self) -> Room:
        return self._room

    @property
    def position(self) -> int:
        return 0  # no subscriber ever lags

    def add_listener(self, subscriber: Subscriber, after: int) -> None:
        """Do nothing, as nothing is pushed."""

    def drop_listener(self, subscriber: Subscriber) -> int | None:
        return None

    async def frames(self, subscriber: Subscriber, after: int) -> list[tuple[bytes, int]]:
        return []

    def add_follower(self) -> None:
        self._channel.add_follower()

    def drop_follower(self) -> None:
        self._channel.drop_follower()
