"""Lasting connections of any door: sockets and streams, from their sign-in to their end."""

from collections.abc import Hashable, Iterator

from chatserver.config import LimitsConfig
from chatserver.delivery.hub import Connection, Hub
from chatserver.delivery.outlet import Outlet
from chatserver.delivery.streams import Encode, Group
from chatserver.delivery.subscriber import Feed, Subscriber
from chatserver.errors import ChatError
from chatserver.model import User
from chatserver.roomlog.room import Room
from chatserver.service.presence import Presence


class Connections:
    """The connections of this node, for the doors that make them."""

    def __init__(self, hub: Hub, presence: Presence, limits: LimitsConfig) -> None:
        self._hub, self._presence, self._limits = hub, presence, limits

    @property
    def outlet(self) -> Outlet:
        """The first argument of a `Subscriber`: the way out that all connections share."""
        return self._hub.outlet

    def __len__(self) -> int:
        return self._hub.connections()

    def __iter__(self) -> Iterator[Connection]:
        return iter(self._hub.everybody())

    def add(self, connection: Connection) -> None:
        """Count a connection, and end it when the server stops."""
        self._hub.add(connection)

    def discard(self, connection: Connection) -> None:
        """A connection that was added, but is no subscriber, is gone."""
        self._hub.discard(connection)

    def demand_room(self, user: User) -> None:
        """Raises `ChatError` limit.count if the user has as many connections as they may."""
        if len(self._hub.of_user(user.id)) >= self._limits.connections_per_user:
            raise ChatError("limit.count", "You have as many connections as you may.")

    def sign_in(self, subscriber: Subscriber, user: User, token: str) -> None:
        """A connection is this user's from now on, by the session of `token`.

        It gets the user's notices, counts as one of their connections, and ends with the session. Raises
        `ChatError` limit.count if the user has as many connections as they may.
        """
        self.demand_room(user)
        if self._hub.sign_in(subscriber, user, token):
            self._presence.arrived(user.id)

    def remove(self, subscriber: Subscriber) -> None:
        """The connection of a subscriber is gone; it leaves all its feeds."""
        was_last = self._hub.remove(subscriber)
        self._presence.forget(subscriber)
        if was_last and subscriber.user is not None:
            self._presence.left(subscriber.user.id)

    def channel(self, room: Room) -> Feed:
        """The room's feed in chat.v1. Other feeds of the room count their followers in it."""
        return self._hub.channels.of(room)

    def group(self, room: Room, key: Hashable, encode: Encode) -> Group:
        """The room's group of streams with this key; a new one, to be followed at once, if there is none.

        Streams with the same key must want the same payloads: the key identifies what `encode` does, and
        the rights it uses. The group exists as long as one of its streams is followed.
        """
        return self._hub.channels.of(room).group(key, encode)
