"""One connection's side of delivery: its frames to send, its feeds, and how it catches up.

A subscriber follows the log of a room through a feed, which encodes it. A connection that does not read falls
behind: its feeds leave the live path and are read from the log once it has drained. A client that comes back
gets missed events in the same way.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import msgspec
from loguru import logger

from chatserver.delivery.encoding import PLAIN, packed_frame, text_frame
from chatserver.delivery.outlet import Outlet, Pipe
from chatserver.errors import CLOSE_DRAINING, CLOSE_INTERNAL, CLOSE_SLOW, StoreUnavailable
from chatserver.model import User
from chatserver.roomlog.room import Room

RETRY_SECONDS = 1.0  # pause after the store failed in the middle of a replay


class Feed(ABC):
    """The chat.v1 frames of a room (`channel.Channel`), or one operation's (`streams.Stream`).

    A feed knows the position of its live path, the listeners on it, and how to encode events for subscribers
    that catch up. The subscriber decides when and how fast it catches up, alike for all feeds.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def room(self) -> Room:
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
    async def frames(self, subscriber: "Subscriber", after: int) -> list[tuple[bytes, int]]:
        """A page of the events after the seq `after`, in chunks of frames, each with its last seq.

        Pages that others may want, too, are made and cached once (`logpages.LogPages`). Raises
        `StoreUnavailable` if another try may help; any other error ends the feed for this subscriber.
        """

    @abstractmethod
    def add_follower(self) -> None:
        """Count a follower, live or not, for which the room is kept in memory and current."""

    @abstractmethod
    def drop_follower(self) -> None:
        """Count a follower less."""

    def fail(self, subscriber: "Subscriber", error: Exception) -> None:
        """Tell a subscriber that events could not be encoded; it is off the feed and gets nothing more."""
        subscriber.pipe.close(CLOSE_INTERNAL, "replay failed")


class News:
    """A notice that is in no log, sent to several connections and encoded once."""

    __slots__ = ("_frame", "payload")

    def __init__(self, payload: Any) -> None:
        self.payload = payload  # a struct of `notices.py`
        self._frame: bytes | None = None

    @property
    def frame(self) -> bytes:
        """The notice as a frame of chat.v1, empty if the protocol has none for it; made on first use."""
        if self._frame is None:
            has_name = type(self.payload).__struct_config__.tag is not None
            self._frame = text_frame(msgspec.json.encode(self.payload)) if has_name else b""
        return self._frame


class Subscriber:
    """A connection that follows feeds. It speaks chat.v1 unless a subclass speaks another protocol.

    There is one for each connection, however many feeds it follows.
    """

    __slots__ = (
        "_behind",
        "_drained",
        "_first",
        "_lagging",
        "_more",
        "_more_size",
        "_outlet",
        "_task",
        "closed",
        "feeds",
        "on_lost",
        "pipe",
        "token",
        "user",
        "window_bits",
    )

    def __init__(
        self,
        outlet: Outlet,
        pipe: Pipe,
        on_lost: Callable[[Room], None],
        window_bits: int = PLAIN,
    ) -> None:
        """`on_lost` is called with a room when the right to read it may be lost.

        `window_bits` is that of the negotiated compression (RFC 7692), `PLAIN` for none.
        """
        self.pipe, self.on_lost = pipe, on_lost
        self.user: User | None = None  # None before sign-in
        self.token: str | None = None  # of the session it is signed in with
        self.feeds: set[Feed] = set()
        self.closed = False
        self.window_bits = window_bits
        self._outlet = outlet
        self._first = b""  # frames to be sent; mostly there are no more than these
        self._more: list[bytes] | None = None
        self._more_size = 0  # in bytes
        self._behind: dict[Feed, int] | None = None  # feed -> last seq sent
        self._task: asyncio.Task[None] | None = None
        self._drained: asyncio.Event | None = None
        self._lagging: asyncio.TimerHandle | None = None

    def sign_in(self, user: User, token: str) -> None:
        """The connection is this user's from now on; `token` is that of its session."""
        self.user, self.token = user, token

    # -- sending -------------------------------------------------------------------------------

    def push(self, frames: bytes) -> None:
        """Send frames at the end of this turn of the loop, in one write with others."""
        if not self._first:
            self._first = frames
            self._outlet.due(self)
            return
        if self._more is None:
            self._more = []
        self._more.append(frames)
        self._more_size += len(frames)
        if self._more_size > self._outlet.soft:
            self.flush()

    def say(self, payload: bytes) -> None:
        """Push one JSON text for this connection only."""
        self.push(packed_frame(payload, self.window_bits))

    def flush(self) -> None:
        data = self._first
        if not data:
            return
        self._first = b""
        if self._more is not None:
            data = b"".join((data, *self._more))
            self._more, self._more_size = None, 0
        if self.pipe.send(data) > self._outlet.soft:
            self._overflow()

    @property
    def is_lagging(self) -> bool:
        return self._lagging is not None

    # -- the server stops ------------------------------------------------------------------------

    is_socket = True

    def announce_drain(self, after_ms: int) -> None:
        self.say(b'{"sys":"drain","after_ms":%d}' % after_ms)

    def stop_reading(self) -> None:
        self.pipe.pause_reading()

    def send_away(self) -> None:
        self.flush()
        self.pipe.close(CLOSE_DRAINING, "the server is restarting")
        self.pipe.resume_reading()  # to read the client's close frame

    # -- other notices; subclasses send them in their own protocol ---------------------------------

    def hear(self, news: News) -> None:
        """Send a notice for the user, or for a room that is followed live."""
        if news.frame:
            self.push(news.frame)

    def on_lagging(self) -> None:
        """Tell a peer that does not read that nothing is pushed until it has read the waiting frames."""
        self.pipe.send(text_frame(b'{"sys":"lagging"}'))

    # -- following feeds -----------------------------------------------------------------------

    def follow(self, feed: Feed, after: int) -> None:
        """Follow a feed after the seq `after`: live at once, or after catching up with newer events."""
        self.unfollow(feed)
        feed.add_follower()
        self.feeds.add(feed)
        if after >= feed.position and not self.is_lagging:
            feed.add_listener(self, after)
        else:
            self._fall_behind(feed, after)
            self._catch_up()

    def unfollow(self, feed: Feed) -> None:
        if feed not in self.feeds:
            return
        self.feeds.discard(feed)
        feed.drop_listener(self)
        if self._behind:
            self._behind.pop(feed, None)
        feed.drop_follower()

    def leave(self, room: Room) -> None:
        """Unfollow all feeds of a room."""
        for feed in [feed for feed in self.feeds if feed.room is room]:
            self.unfollow(feed)

    def skip_to_log(self, feed: Feed, after: int) -> None:
        """Take the feed off the live path; events after the seq `after` are read from the log."""
        self._fall_behind(feed, after)
        self._catch_up()

    def lose(self, room: Room) -> None:
        """Stop following a room if the user has lost the right to read it."""
        try:
            self.on_lost(room)
        except Exception:
            logger.exception("the loss of a room could not be told")
            self.pipe.close(CLOSE_INTERNAL, "a room is lost")
            self.leave(room)

    def close(self) -> None:
        """Leave all feeds, as the connection is gone."""
        self.closed = True
        for feed in list(self.feeds):
            self.unfollow(feed)
        self._behind = None
        self._first, self._more, self._more_size = b"", None, 0
        if self._task is not None:
            self._task.cancel()
        if self._lagging is not None:
            self._lagging.cancel()

    # -- falling behind and catching up ------------------------------------------------------------

    def on_drained(self) -> None:
        """The pipe is empty again."""
        if self._lagging is not None:
            self._lagging.cancel()
            self._lagging = None
            self.pipe.resume_reading()
        if self._drained is not None:
            self._drained.set()
        if self._behind:
            self._catch_up()

    def _overflow(self) -> None:
        if self.pipe.buffered > self._outlet.hard:
            self._drop()
            return
        if self.is_lagging or self.closed:
            return
        self._lagging = asyncio.get_running_loop().call_later(self._outlet.slow_seconds, self._drop)
        self._outlet.fell_behind.add()
        self.pipe.pause_reading()
        for feed in self.feeds:
            last = feed.drop_listener(self)
            if last is not None:
                self._fall_behind(feed, last)
        self.on_lagging()

    def _drop(self) -> None:
        self._outlet.dropped.add()
        self.pipe.close(CLOSE_SLOW, "slow consumer")

    def _fall_behind(self, feed: Feed, after: int) -> None:
        """Note that the feed has to catch up after the seq `after`, the last one sent."""
        feed.drop_listener(self)
        if self._behind is None:
            self._behind = {}
        self._behind[feed] = after

    def _catch_up(self) -> None:
        if self._task is None and not self.is_lagging:
            self._task = asyncio.create_task(self._replay())

    async def _replay(self) -> None:
        try:
            while self._behind and not self.closed:
                feed = next(iter(self._behind))
                try:
                    await self._replay_feed(feed)
                except StoreUnavailable:
                    await asyncio.sleep(RETRY_SECONDS)
                except Exception as error:
                    logger.opt(exception=error).error("replay failed")
                    self.unfollow(feed)
                    feed.fail(self, error)
        finally:
            self._task = None

    async def _replay_feed(self, feed: Feed) -> None:
        while self._behind and feed in self._behind:
            after = self._behind[feed]
            if after >= feed.position:
                # Nothing is awaited between this check and joining the listeners.
                del self._behind[feed]
                feed.add_listener(self, after)
                return
            for frames, last in await feed.frames(self, after):
                # Meanwhile the feed may be unfollowed, or followed again from another position.
                if not self._behind or self._behind.get(feed) != after:
                    break
                self._behind[feed] = after = last
                if frames:
                    self.flush()  # so that waiting frames are not joined with a copy of the page
                    self.push(frames)
                    self.flush()
                    await self.until_drained()

    async def until_drained(self) -> None:
        """Wait until the peer has read all frames sent."""
        while self.pipe.buffered > 0 and not self.closed:
            if self._drained is None:
                self._drained = asyncio.Event()
            self._drained.clear()
            await self._drained.wait()
