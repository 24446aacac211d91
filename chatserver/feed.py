"""What a subscriber follows: the log of a room, put into bytes its way.

A feed knows how far its live path has come, who is on it, and how events are encoded for those who
catch up. That they do, and when, is `subscriber.py`'s matter, and the same for all feeds.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from chatserver.errors import CLOSE_INTERNAL

if TYPE_CHECKING:
    from chatserver.logpages import LogPages
    from chatserver.rooms import Room
    from chatserver.subscriber import Subscriber


class Feed(ABC):
    """The chat.v1 frames of a room (`rooms.Room`), or one operation's (`streams.Stream`)."""

    __slots__ = ()

    @property
    @abstractmethod
    def room(self) -> "Room":
        """Whose log it is."""

    @property
    @abstractmethod
    def position(self) -> int:
        """The seq that the live path was handed last. Who has got that far may listen."""

    @abstractmethod
    def add_listener(self, subscriber: "Subscriber", after: int) -> None:
        """Put on the live path one who has all up to `after`, which is not below `position`."""

    @abstractmethod
    def drop_listener(self, subscriber: "Subscriber") -> int | None:
        """Take off the live path; the seq that was pushed to it last, None if it was not there."""

    @abstractmethod
    async def frames(
        self, subscriber: "Subscriber", pages: "LogPages", after: int
    ) -> list[tuple[bytes, int]]:
        """A page of what comes after a seq, for who catches up, in chunks each with its last seq.

        What others want as well should come from `pages`, so that it is made and held once.

        Raises `StoreUnavailable` if it is worth another try; anything else ends the feed.
        """

    def hold(self) -> None:
        """Somebody follows, live or not: the room stays in memory."""
        self.room.followers += 1

    def release(self) -> None:
        """Somebody follows no longer."""
        self.room.followers -= 1

    def fail(self, subscriber: "Subscriber", error: Exception) -> None:
        """Events could not be encoded: say so to who has been let go, as nothing more comes."""
        subscriber.pipe.close(CLOSE_INTERNAL, "replay failed")
