"""Feeds: a subscriber follows the log of a room through a feed, which encodes it.

A feed knows the position of its live path, the listeners on it, and how to encode events for subscribers that
catch up. `delivery/subscriber.py` decides when and how fast these catch up, alike for all feeds.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from chatserver.errors import CLOSE_INTERNAL

if TYPE_CHECKING:
    from chatserver.delivery.logpages import LogPages
    from chatserver.delivery.subscriber import Subscriber
    from chatserver.roomlog.room import Room


class Feed(ABC):
    """The chat.v1 frames of a room (`room.Room`), or one operation's (`streams.Stream`)."""

    __slots__ = ()

    @property
    @abstractmethod
    def room(self) -> "Room":
        """The room whose log it is."""

    @property
    @abstractmethod
    def position(self) -> int:
        """The last seq on the live path. A subscriber that has all up to it may listen."""

    @abstractmethod
    def add_listener(self, subscriber: "Subscriber", after: int) -> None:
        """Put a subscriber on the live path; it has all up to `after`, which is not below `position`."""

    @abstractmethod
    def drop_listener(self, subscriber: "Subscriber") -> int | None:
        """Take a subscriber off the live path.

        Returns the last seq that was pushed to it; None if it was not on the live path.
        """

    @abstractmethod
    async def frames(
        self, subscriber: "Subscriber", pages: "LogPages", after: int
    ) -> list[tuple[bytes, int]]:
        """A page of the events after the seq `after`, in chunks of frames, each with its last seq.

        Take it from `pages` if others may want the same, so that it is made and cached once. Raises
        `StoreUnavailable` if another try may help; any other error ends the feed for this subscriber.
        """

    def hold(self) -> None:
        """Count a follower, live or not, for which the room stays in memory."""
        self.room.followers += 1

    def release(self) -> None:
        """Count a follower less."""
        self.room.followers -= 1

    def fail(self, subscriber: "Subscriber", error: Exception) -> None:
        """Tell a subscriber that events could not be encoded; it is off the feed and gets nothing more."""
        subscriber.pipe.close(CLOSE_INTERNAL, "replay failed")
