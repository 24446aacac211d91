"""One connection's side of delivery: its frames to send, its feeds, and how it catches up.

A connection that does not read falls behind: its feeds leave the live path and are read from the log once it
has drained. A client that comes back gets missed events in the same way.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from loguru import logger

from chatserver.delivery.encoding import PLAIN, packed_frame, text_frame
from chatserver.delivery.feed import Feed
from chatserver.errors import CLOSE_DRAINING, CLOSE_INTERNAL, CLOSE_SLOW, StoreUnavailable
from chatserver.model import User
from chatserver.roomlog.room import Room

if TYPE_CHECKING:
    from chatserver.delivery.hub import Hub

RETRY_SECONDS = 1.0  # pause after the store failed in the middle of a replay


class Pipe(Protocol):
    """A connection as delivery sees it."""

    @property
    def buffered(self) -> int:
        """Bytes that wait because the peer does not read."""

    def send(self, frames: bytes) -> None:
        """Send complete frames, now or as soon as the peer reads. Never raises."""

    def close(self, code: int, reason: str) -> None:
        """Close after the buffered frames; later frames are dropped. Never raises."""

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class News:
    """A notice that is in no log, sent to several connections and encoded once."""

    __slots__ = ("_frame", "payload")

    def __init__(self, payload: Any) -> None:
        self.payload = payload  # a struct of `service/views.py`
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
        "_hub",
        "_lagging",
        "_pending",
        "_size",
        "_task",
        "closed",
        "feeds",
        "on_lost",
        "pipe",
        "token",
        "user",
        "window_bits",
    )

    def __init__(self, hub: "Hub", pipe: Pipe, on_lost: Callable[[Room], None]) -> None:
        self.pipe, self.on_lost = pipe, on_lost
        self.user: User | None = None  # None before sign-in
        self.token: str | None = None  # of the session it is signed in with
        self.feeds: set[Feed] = set()
        self.closed = False
        self.window_bits = PLAIN  # of the compression that was negotiated, if any
        self._hub = hub
        self._pending: list[bytes] = []
        self._size = 0
        self._behind: dict[Feed, int] | None = None  # feed -> last seq sent
        self._task: asyncio.Task[None] | None = None
        self._drained: asyncio.Event | None = None
        self._lagging: asyncio.TimerHandle | None = None

    # -- sending -------------------------------------------------------------------------------

    def push(self, frames: bytes) -> None:
        """Send frames at the end of this turn of the loop, in one write with others."""
        pending = self._pending
        if not pending:
            self._hub.due(self)
        pending.append(frames)
        self._size += len(frames)
        if self._size > self._hub.soft:
            self.flush()

    def say(self, payload: bytes) -> None:
        """Push one JSON text for this connection only."""
        self.push(packed_frame(payload, self.window_bits))

    def flush(self) -> None:
        pending = self._pending
        if not pending:
            return
        data = pending[0] if len(pending) == 1 else b"".join(pending)
        pending.clear()
        self._size = 0
        self.pipe.send(data)
        if self.pipe.buffered > self._hub.soft:
            self._overflow()

    @property
    def is_lagging(self) -> bool:
        return self._lagging is not None

    # -- the server stops ------------------------------------------------------------------------

    is_socket = True

    def announce_drain(self, after_ms: int) -> None:
        self.say(b'{"sys":"drain","after_ms":%d}' % after_ms)

    def hold(self) -> None:
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
        feed.hold()
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
        feed.release()

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
            for feed in [feed for feed in self.feeds if feed.room is room]:
                self.unfollow(feed)

    def close(self) -> None:
        """Leave all feeds, as the connection is gone."""
        self.closed = True
        for feed in list(self.feeds):
            self.unfollow(feed)
        self._behind = None
        self._pending.clear()
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
        if self.pipe.buffered > self._hub.hard:
            self._drop()
            return
        if self.is_lagging or self.closed:
            return
        self._lagging = asyncio.get_running_loop().call_later(self._hub.slow_seconds, self._drop)
        self._hub.fell_behind.add()
        self.pipe.pause_reading()
        for feed in self.feeds:
            last = feed.drop_listener(self)
            if last is not None:
                self._fall_behind(feed, last)
        self.on_lagging()

    def _drop(self) -> None:
        self._hub.dropped.add()
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
            for frames, last in await feed.frames(self, self._hub.pages, after):
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
