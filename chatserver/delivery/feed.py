"""What a subscriber follows: the log of a room, put into bytes its way.

A feed knows how far its live path has come, who is on it, and how events are encoded for those who
catch up. When they catch up, and how fast, is decided in `delivery/subscriber.py`, alike for all feeds.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from chatserver.errors import CLOSE_INTERNAL

if TYPE_CHECKING:
    from chatserver.delivery.logpages import LogPages
    from chatserver.delivery.subscriber import Subscriber
    from chatserver.room import Room


class Feed(ABC):
    """The chat.v1 frames of a room (`room.Room`), or one operation's (`streams.Stream`)."""

    __slots__ = ()

    @property
    @abstractmethod
    def room(self) -> "Room":
        """Whose log it is."""

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
        """A page of what comes after the seq `after`, in chunks of frames, each with its last seq.

        Take it from `pages` where others may want the same, so that it is made and kept once. Raises
        `StoreUnavailable` if it is worth another try; anything else ends the feed for this subscriber.
        """

    def hold(self) -> None:
        """Somebody follows, live or not: the room stays in memory."""
        self.room.followers += 1

    def release(self) -> None:
        """Somebody follows no longer."""
        self.room.followers -= 1

    def fail(self, subscriber: "Subscriber", error: Exception) -> None:
        """Events could not be encoded: tell the subscriber, which was let go and gets nothing more."""
        subscriber.pipe.close(CLOSE_INTERNAL, "replay failed")
