"""This node's end of the bus: sends news of this node and receives that of other nodes.

Delivery does not depend on the bus: events whose news it loses are found when heads are compared. News is
gathered while the last frames are on their way, so that a message costs no more than an entry in a dict.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from loguru import logger

from chatserver.cluster.bus.envelopes import (
    AnyItem,
    Ask,
    Beat,
    Envelopes,
    Head,
    InRoom,
    Item,
    Moved,
    NotOurs,
    OfMention,
    OfUser,
    Part,
    UserChanged,
    encode,
)
from chatserver.cluster.bus.hints import Hints
from chatserver.cluster.bus.online import Online
from chatserver.delivery.hub import Hub
from chatserver.errors import BusUnavailable
from chatserver.interfaces import Bus
from chatserver.model import AnyEvent
from chatserver.roomlog.cache import RoomCache
from chatserver.runtime.cancelling import cancel_or_name
from chatserver.runtime.measure import Measures
from chatserver.service import Service
from chatserver.service.views import Mentioned

PACE_SECONDS = 0.005  # between two calls of the bus: under load one frame carries many hints
PUBLISH_SECONDS = 3.0
WAITING_ITEMS = 10_000  # gathered while frames are on their way; further ones are dropped
CLOSE_SECONDS = 1.0  # for sending the last hints


class Exchange:
    """Exchanges frames with other nodes; exists only if there is a bus. Sends nothing before `open`."""

    def __init__(
        self, bus: Bus, hints: Hints, cache: RoomCache, hub: Hub, online: Online, measures: Measures
    ) -> None:
        self._bus, self._hints, self._cache, self._hub = bus, hints, cache, hub
        self._online = online
        self._envelopes: Envelopes | None = None  # while open
        self._heads: dict[str, int] = {}
        self._items: list[bytes] = []
        self._on_heads: Callable[[Iterable[str]], None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._sent = measures.counter(
            "chatserver_bus_frames_sent_total", "Frames sent over the bus"
        )
        self._received = measures.counter(
            "chatserver_bus_frames_received_total", "Frames received over the bus", ("kind",)
        )
        self._unknown = measures.counter(
            "chatserver_bus_items_unknown_total", "Parts of frames that this version does not know"
        )
        self._dropped = measures.counter(
            "chatserver_bus_items_dropped_total", "Items that could not be sent to other nodes"
        )
        measures.gauge(
            "chatserver_bus_connected", "1 if frames arrive", lambda: float(bus.is_connected())
        )

    async def open(self, key: bytes, epoch: str) -> None:
        """Take part in the installation of this epoch. Raises `StartupError`."""
        self._envelopes = Envelopes(key, epoch, self._online.node)
        await self._bus.open(self._receive, self._hints.compare)

    async def close(self) -> None:
        """Send the items that still wait, then stop."""
        if self._envelopes is None:
            return
        if self._task is not None:
            await asyncio.wait([self._task], timeout=CLOSE_SECONDS)
        self._envelopes = None
        if self._task is not None:
            await cancel_or_name([self._task])
        await self._bus.close()
        await self._hints.close()

    # -- sending -----------------------------------------------------------------------------------

    def wrote(self, events: Sequence[AnyEvent]) -> None:
        """Announce events that this node wrote, durable by now and ascending in each room."""
        if self._envelopes is None:
            return
        heads = self._heads
        for event in events:
            heads[event.room] = event.seq
        self._wake()

    def user_changed(self, user: str) -> None:
        self.say(UserChanged(user))

    def tell_room(self, payload: Any) -> None:
        """Send a typing notice to the room's listeners on other nodes."""
        self.say(InRoom(payload))

    def tell_user(self, user: str, payload: Any) -> None:
        """Send a payload to the user's connections to other nodes."""
        kind = OfMention if isinstance(payload, Mentioned) else OfUser
        self.say(kind(user, payload))

    def say(self, item: Item) -> None:
        """Send an item to all other nodes."""
        if self._envelopes is not None:
            self._items.append(encode(item))
            self._wake()

    def _wake(self) -> None:
        if len(self._heads) + len(self._items) > WAITING_ITEMS:
            self._dropped.add(len(self._gathered()))
        if self._task is None:
            self._task = asyncio.create_task(self._send(), name="exchange")

    def _gathered(self) -> list[bytes]:
        items = [encode(Head(room, seq)) for room, seq in self._heads.items()] + self._items
        self._heads, self._items = {}, []
        return items

    async def _send(self) -> None:
        try:
            while (self._heads or self._items) and self._envelopes is not None:
                items = self._gathered()
                try:
                    await self._publish(list(self._envelopes.pack(items)))
                except (BusUnavailable, TimeoutError):
                    self._dropped.add(len(items))
                except Exception:
                    self._dropped.add(len(items))
                    logger.exception("the bus failed")
                await asyncio.sleep(PACE_SECONDS)
        finally:
            self._task = None

    async def _publish(self, frames: list[bytes]) -> None:
        async with asyncio.timeout(PUBLISH_SECONDS):
            await self._bus.publish(frames)
        self._sent.add(len(frames))

    # -- receiving ---------------------------------------------------------------------------------

    def tell_of_heads(self, told: Callable[[Iterable[str]], None]) -> None:
        """Have `told` called with the rooms in which other nodes wrote, followed here or not."""
        self._on_heads = told

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
            case Head(room, seq):
                self._hints.head(room, seq)
                if self._on_heads is not None:
                    self._on_heads((room,))
            case UserChanged(user):
                self._hints.user(user)
            case InRoom(news):
                found = self._cache.known(news.room)
                if found is not None:
                    self._hub.say_in_room(found, news)
            case OfUser(user, news) | OfMention(user, news):
                self._hub.say_to_user(user, news)
            case Moved() | Beat() | Ask() | Part():
                self._online.heard(node, item, asyncio.get_running_loop().time())


def give_bus(service: Service, bus: Bus, measures: Measures) -> None:
    """Connect a service to a bus, before the service is started."""
    recheck = partial(service.changes.recheck, "user")
    hints = Hints(service.store, service.room_cache, service.log, service.hub, recheck)
    online = service.presence.online
    exchange = Exchange(bus, hints, service.room_cache, service.hub, online, measures)
    service.exchange = service.hub.elsewhere = exchange
    service.changes.announced = exchange.user_changed
    service.presence.say = exchange.say
