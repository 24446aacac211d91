"""This node's end of the bus: announces this node's news, and takes in that of other nodes.

Delivery does not depend on the bus: events whose news it loses are found when heads are compared.
"""

import asyncio
from collections.abc import Callable, Iterable

from chatserver.cluster.bus.announcer import Announcer, is_private
from chatserver.cluster.bus.arrivals import Arrivals, Decode
from chatserver.cluster.bus.envelopes import (
    AnyItem,
    Ask,
    Beat,
    Envelopes,
    Events,
    Head,
    InRoom,
    Moved,
    NotOurs,
    OfCompanions,
    OfEverybody,
    OfMention,
    OfRoom,
    OfUser,
    Part,
    UserChanged,
    Written,
)
from chatserver.cluster.bus.hints import Hints
from chatserver.cluster.bus.online import Online
from chatserver.delivery.hub import Hub
from chatserver.delivery.notices import PluginNotice, ReadMoved, TypingNow
from chatserver.interfaces import Bus
from chatserver.roomlog.cache import RoomCache
from chatserver.runtime.ages import OutageAge
from chatserver.runtime.measure import Measures


class Exchange:
    """Exchanges frames with other nodes; exists only if there is a bus. Takes part from `open` to `close`."""

    def __init__(
        self,
        bus: Bus,
        announcer: Announcer,
        hints: Hints,
        arrivals: Arrivals,
        cache: RoomCache,
        hub: Hub,
        online: Online,
        measures: Measures,
    ) -> None:
        self._bus, self._announcer = bus, announcer
        self._hints, self._arrivals = hints, arrivals
        self._cache, self._hub, self._online = cache, hub, online
        self._envelopes: Envelopes | None = None  # while open
        self._on_heads: Callable[[Iterable[str]], None] | None = None
        self._on_read: Callable[[str, ReadMoved], None] | None = None
        self._received = measures.counter(
            "chatserver_bus_frames_received_total", "Frames received over the bus", ("kind",)
        )
        self._unknown = measures.counter(
            "chatserver_bus_items_unknown_total", "Items of kinds that this version does not know"
        )
        measures.gauge(
            "chatserver_bus_connected", "1 if frames arrive", lambda: float(bus.is_connected())
        )
        outage = OutageAge()
        measures.gauge(
            "chatserver_bus_outage_seconds",
            "Time since a scrape first saw that no frames arrive; 0: they do",
            lambda: outage.seconds(up=bus.is_connected()),
        )

    async def open(self, key: bytes, epoch: str) -> None:
        """Open the bus for the installation with this epoch. Raises `StartupError`."""
        seal = None if is_private(self._bus) else key
        self._envelopes = Envelopes(seal, epoch, self._online.node)
        self._announcer.open(self._envelopes)
        await self._bus.open(self._receive, self._hints.compare)

    async def close(self) -> None:
        """Send the waiting items, then close the bus."""
        if self._envelopes is None:
            return
        await self._announcer.close()
        self._envelopes = None
        await self._bus.close()
        await self._hints.close()
        await self._arrivals.close()

    def watch_heads(self, watcher: Callable[[Iterable[str]], None]) -> None:
        """Call `watcher` with the rooms in which other nodes wrote, followed here or not."""
        self._on_heads = watcher

    def watch_events(self, watcher: Callable[[str, Decode], bool]) -> None:
        """See `Arrivals.watch`. The heads of which it was told are not those that `watch_heads` is called with."""
        self._arrivals.watch(watcher)

    def watch_reads(self, watcher: Callable[[str, ReadMoved], None]) -> None:
        """Call `watcher` with each user (id) who has read further on another node."""
        self._on_read = watcher

    def _receive(self, data: bytes) -> None:
        if self._envelopes is None:
            return
        try:
            frame = self._envelopes.unpack(data)
        except NotOurs:
            self._received.add(labels=("foreign",))
            return
        if frame.node == self._online.node:
            self._received.add(labels=("own",))
            return
        self._received.add(labels=("taken",))
        if frame.unknown:
            self._unknown.add(frame.unknown)
        for item in frame.items:
            self._take_item(frame.node, item)

    def _take_item(self, node: str, item: AnyItem) -> None:
        match item:
            case Written(at, runs):
                self._arrivals.take_written(at, runs)
                for run in runs:
                    self._take_head(run.room, run.last)
            case Head(room, seq):
                self._take_head(room, seq)
            case Events():
                self._arrivals.take(item)
            case UserChanged(user):
                self._hints.user(user)
            case InRoom(news):
                self._tell_room(news.room, news)
            case OfRoom(room, news):
                self._tell_room(room, news)
            case OfUser(user, news) | OfMention(user, news):
                self._hub.tell_user_here(user, news)
                if isinstance(news, ReadMoved) and self._on_read is not None:
                    self._on_read(user, news)
            case OfCompanions(user, news):
                self._hub.tell_companions_here(user, news)
            case OfEverybody(roles, news):
                self._hub.tell_everybody_here(news, roles)
            case Moved() | Beat() | Ask() | Part():
                self._online.heard(node, item, asyncio.get_running_loop().time())

    def _take_head(self, room: str, seq: int) -> None:
        self._hints.head(room, seq)
        if self._on_heads is not None and not self._arrivals.head(room, seq):
            self._on_heads((room,))

    def _tell_room(self, room: str, news: TypingNow | PluginNotice) -> None:
        found = self._cache.known(room)
        if found is not None:
            self._hub.tell_room_here(found, news)
