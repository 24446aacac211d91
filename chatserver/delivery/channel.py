"""The channel of a room: its listeners on this node, and its feed in chat.v1."""

from collections.abc import Hashable, Iterator, Sequence
from functools import partial

from loguru import logger

from chatserver.delivery.encoding import PLAIN, event_frames
from chatserver.delivery.outlet import Outlet, cut_off
from chatserver.delivery.streams import Encode, Group
from chatserver.delivery.subscriber import Feed, News, Subscriber
from chatserver.errors import CLOSE_INTERNAL
from chatserver.model import AnyEvent
from chatserver.roomlog.room import Advance, Room


class Channels:
    """The channels of the rooms that local connections follow."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._open: dict[str, Channel] = {}  # by room id, while it has followers

    def of(self, room: Room) -> "Channel":
        """The room's channel; a new one, to be followed at once, if nobody follows the room."""
        return self._open.get(room.id) or Channel(self._outlet, room, self._open)

    def existing(self, room: Room) -> "Channel | None":
        """The room's channel, if anybody follows it."""
        return self._open.get(room.id)

    def followers_with(self, member: str) -> set[Subscriber]:
        """The connections that follow a room which this user (id) is in."""
        return {
            subscriber
            for channel in self._open.values()
            if channel.room.role(member) is not None
            for subscriber in channel.followers()
        }


class Channel(Feed):
    """The listeners of one room: connections that speak chat.v1, and groups of streams in other forms.

    It is also the feed of connections that speak chat.v1.
    """

    __slots__ = ("_followed", "_outlet", "_room", "groups", "listeners")

    def __init__(self, outlet: Outlet, room: Room, followed: "dict[str, Channel]") -> None:
        """The channel is in `followed`, by the room's id, as long as it has followers."""
        self._outlet, self._room, self._followed = outlet, room, followed
        self.listeners: set[Subscriber] = set()  # connections on the live path
        self.groups: dict[Hashable, Group] = {}

    def hand_out(self, advance: Advance) -> None:
        """Push events to the listeners. Never raises: connections that miss some are closed."""
        try:
            self._push(advance.after, advance.events)
        except Exception:  # such as a lack of memory
            cut_off(self.listeners)

    def _push(self, after: int, events: Sequence[AnyEvent]) -> None:
        if self.groups:
            for group in list(self.groups.values()):
                group.wake()
        if not self.listeners:
            return
        if len(events) > 1:  # a node that was behind may read a text together with its replacement
            events = self._room.since(after, len(events)) or events
        chunks = event_frames(events, self._outlet.soft)
        # More bytes than a connection may buffer are read from the log, by each connection at its own pace.
        is_too_much = len(chunks) > 1
        packed = {PLAIN: chunks[0][0]}
        for listener in list(self.listeners):
            try:
                if is_too_much:
                    listener.skip_to_log(self, after)
                    continue
                frames = packed.get(listener.window_bits)
                if frames is None:
                    frames = packed[listener.window_bits] = self._pack(events, listener.window_bits)
                listener.push(frames)
            except Exception:
                cut_off({listener})
        if not is_too_much:
            self._outlet.deliveries.add(len(events) * len(self.listeners))

    def _pack(self, events: Sequence[AnyEvent], window_bits: int) -> bytes:
        return b"".join(pack for pack, _ in event_frames(events, self._outlet.hard, window_bits))

    def say(self, news: News, but: Subscriber | None) -> None:
        """Send a notice once to all live listeners but one."""
        for listener in list(self.listeners):
            if listener is not but:
                tell(listener, news)
        for group in list(self.groups.values()):
            group.tell(news, but)

    def followers(self) -> Iterator[Subscriber]:
        """The connections on the live path, in any form; one with several streams comes several times."""
        yield from self.listeners
        for group in self.groups.values():
            yield from (stream.subscriber for stream in group.streams)

    def group(self, key: Hashable, encode: Encode) -> Group:
        """The group of streams with this key; a new one if there is none.

        Streams with the same key must want the same payloads: the key identifies what `encode` does, and
        the rights it uses. The group exists as long as one of its streams is followed.
        """
        return self.groups.get(key) or Group(self._outlet, self, key, encode, self.groups)

    # -- as a feed -----------------------------------------------------------------------------

    @property
    def room(self) -> Room:
        return self._room

    @property
    def position(self) -> int:
        return self._room.head

    def add_follower(self) -> None:
        if self._followed.setdefault(self._room.id, self) is not self:
            raise RuntimeError("the room has another channel: ask `Channels.of` for it")
        self._room.add_follower()

    def drop_follower(self) -> None:
        self._room.drop_follower()
        if not self._room.followers:
            del self._followed[self._room.id]

    def add_listener(self, subscriber: Subscriber, after: int) -> None:
        self.listeners.add(subscriber)

    def drop_listener(self, subscriber: Subscriber) -> int | None:
        if subscriber not in self.listeners:
            return None
        self.listeners.discard(subscriber)
        return self._room.head

    async def frames(self, subscriber: Subscriber, after: int) -> list[tuple[bytes, int]]:
        bits = subscriber.window_bits
        return await self._outlet.pages.get(self._room, after, bits, partial(_frames, bits))


def tell(subscriber: Subscriber, news: News) -> None:
    """Send a notice to a connection; one that cannot be told is closed."""
    try:
        subscriber.hear(news)
    except Exception:
        logger.exception("a connection could not be told of something")
        subscriber.pipe.close(CLOSE_INTERNAL, "news could not be told")


async def _frames(bits: int, events: Sequence[AnyEvent], limit: int) -> list[tuple[bytes, int]]:
    return event_frames(events, limit, bits)
