"""Announces to the other nodes what happens on this one, over the bus.

Announcements are gathered while the last frames are on their way, so that a message costs no more than an
entry in a dict. Nothing depends on them: events whose announcement is lost are found when heads are compared.
"""

import asyncio
from collections.abc import Awaitable, Collection, Iterable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, Protocol, runtime_checkable

from loguru import logger

from chatserver.cluster.bus.contents import plain
from chatserver.cluster.bus.envelopes import (
    Envelopes,
    Head,
    InRoom,
    Item,
    OfCompanions,
    OfEverybody,
    OfMention,
    OfRoom,
    OfUser,
    UserChanged,
    encode,
)
from chatserver.cluster.bus.keys import Keys
from chatserver.delivery.notices import Mentioned, TypingNow
from chatserver.errors import BusUnavailable
from chatserver.interfaces import Bus
from chatserver.model import AnyEvent, ServerRole
from chatserver.roomlog.cache import RoomCache
from chatserver.runtime.cancelling import cancel_or_name
from chatserver.runtime.clock import Clock
from chatserver.runtime.measure import Measures

PACE_SECONDS = 0.003  # between two calls of the bus: under load one frame carries many hints
PRIVATE_PACE_SECONDS = (
    0.001  # where frames are cheap, as nothing is encrypted and no server is in between
)
PUBLISH_SECONDS = 3.0
WAITING_ITEMS = 10_000  # gathered while frames are on their way; further ones are dropped
WAITING_EVENTS = 2000  # of further ones only the heads are announced
CONTENTS_FRAMES = 16  # with events, between two pauses; others are read from the store
CLOSE_SECONDS = 1.0  # for sending the last hints


@runtime_checkable
class PromptBus(Protocol):
    """A bus that may hand over frames without waiting."""

    def publish_now(self, frames: Sequence[bytes]) -> Awaitable[None] | None:
        """See `Bus.publish`; None if that is all, otherwise the rest is to be awaited."""


def is_private(bus: Bus) -> bool:
    """Whether nobody but the nodes can hear or write to the bus: see `Bus`."""
    return getattr(bus, "is_private", False)


class Announcer:
    """The sending side of a bus. Sends nothing before `open`."""

    def __init__(
        self, bus: Bus, cache: RoomCache, keys: Keys, clock: Clock, measures: Measures
    ) -> None:
        self._bus, self._cache, self._keys, self._clock = bus, cache, keys, clock
        self._prompt_bus = bus if isinstance(bus, PromptBus) else None
        self._is_private = is_private(bus)
        self._pace = PRIVATE_PACE_SECONDS if self._is_private else PACE_SECONDS
        self._envelopes: Envelopes | None = None  # while open
        self._heads: dict[str, int] = {}
        self._written: dict[str, list[int]] = {}  # the seqs of this node's events, by room
        self._count = 0  # number of these seqs
        self._items: list[bytes] = []
        self._timer: asyncio.Handle | None = None  # to the next call of the bus
        self._task: asyncio.Task[None] | None = None  # while such a call takes its time
        self._due = 0.0  # by the loop's time: when the bus may be called again
        self._sent = measures.counter(
            "chatserver_bus_frames_sent_total", "Frames sent over the bus"
        )
        self._sent_events = measures.counter(
            "chatserver_bus_events_sent_total", "Events sent along with their announcement"
        )
        self._dropped = measures.counter(
            "chatserver_bus_items_dropped_total", "Items that could not be sent to other nodes"
        )

    def open(self, envelopes: Envelopes) -> None:
        """Begin to send."""
        self._envelopes = envelopes

    async def close(self) -> None:
        """Send the items that still wait, then stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                while self._task is not None or self._timer is not None:
                    if self._timer is not None:
                        self._timer.cancel()
                        self._send()
                    if self._task is not None:
                        await asyncio.wait([self._task])
        self._envelopes = None
        if self._task is not None:
            await cancel_or_name([self._task])
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def wrote(self, events: Sequence[AnyEvent]) -> None:
        """Announce events that this node wrote, durable by now and ascending in each room."""
        if self._envelopes is None:
            return
        heads = self._heads
        for event in events:
            heads[event.room] = event.seq
            self._written.setdefault(event.room, []).append(event.seq)
        self._count += len(events)
        if self._count > WAITING_EVENTS:
            self._written, self._count = {}, 0
        self._wake()

    def user_changed(self, user: str) -> None:
        self.say(UserChanged(user))

    def tell_room(self, room: str, payload: Any) -> None:
        """Send a payload to the room's listeners on other nodes."""
        self.say(InRoom(payload) if isinstance(payload, TypingNow) else OfRoom(room, payload))

    def tell_user(self, user: str, payload: Any) -> None:
        """Send a payload to the user's connections to other nodes."""
        kind = OfMention if isinstance(payload, Mentioned) else OfUser
        self.say(kind(user, payload))

    def tell_companions(self, user: str, payload: Any) -> None:
        """Send a payload to those on other nodes who see the user."""
        self.say(OfCompanions(user, payload))

    def tell_everybody(self, payload: Any, roles: Collection[ServerRole]) -> None:
        """Send a payload to all connections to other nodes, or to those of users with one of these roles."""
        self.say(OfEverybody(list(roles), payload))

    def say(self, item: Item) -> None:
        """Send an item to all other nodes."""
        if self._envelopes is not None:
            self._items.append(encode(item))
            self._wake()

    def _wake(self) -> None:
        if len(self._heads) + len(self._items) > WAITING_ITEMS:
            self._dropped.add(len(self._gathered()))
        if self._task is None and self._timer is None:
            loop = asyncio.get_running_loop()
            wait = self._due - loop.time()
            self._timer = (
                loop.call_later(wait, self._send) if wait > 0 else loop.call_soon(self._send)
            )

    def _gathered(self) -> list[bytes]:
        """The waiting items, encoded; events come before the heads of their rooms."""
        items = [*self._contents()]
        items += [encode(Head(room, seq)) for room, seq in self._heads.items()]
        items += self._items
        self._heads, self._items = {}, []
        self._written, self._count = {}, 0
        return items

    def _contents(self) -> Iterable[bytes]:
        """Items with the events. Heads that these say, too, are taken out of those that wait."""
        written = ((room, self._standing(room, seqs)) for room, seqs in self._written.items())
        now = self._clock.now()
        if self._is_private:
            for item, heads in islice(plain(written, now), CONTENTS_FRAMES):
                for room, seq in heads.items():
                    if self._heads.get(room) == seq:
                        del self._heads[room]
                yield item
        elif (key := self._keys.newest) is not None:
            yield from islice(key.seal(written, now), CONTENTS_FRAMES)

    def _standing(self, name: str, seqs: Sequence[int]) -> list[AnyEvent]:
        """The events as they stand by now, without texts that were replaced; none if they are not in memory any more."""
        room = self._cache.known(name)
        events = room.since(seqs[0] - 1, seqs[-1] - seqs[0] + 1) if room is not None else None
        wanted = set(seqs)
        found = [event for event in events or () if event.seq in wanted]
        self._sent_events.add(len(found))
        return found

    def _send(self) -> None:
        """Send what waits. Nothing is scheduled behind it, as that would wake an idle loop."""
        self._timer, envelopes = None, self._envelopes
        assert envelopes is not None  # it is open
        items = self._gathered()
        if not items:  # they were dropped meanwhile
            return
        frames = list(envelopes.pack(items))
        try:
            rest = self._publish(frames)
        except Exception as error:
            self._lost(items, error)
        else:
            if rest is not None:
                self._task = asyncio.create_task(
                    self._finish(rest, frames, items), name="announcer"
                )
                return
            self._sent.add(len(frames))
        self._due = asyncio.get_running_loop().time() + self._pace

    def _publish(self, frames: Sequence[bytes]) -> Awaitable[None] | None:
        if self._prompt_bus is not None:
            return self._prompt_bus.publish_now(frames)
        return self._bus.publish(frames)

    async def _finish(
        self, rest: Awaitable[None], frames: Sequence[bytes], items: Sequence[bytes]
    ) -> None:
        """Wait until the bus has taken all frames, which have these items, and begin again if others wait."""
        try:
            async with asyncio.timeout(PUBLISH_SECONDS):
                await rest
            self._sent.add(len(frames))
        except Exception as error:
            self._lost(items, error)
        finally:
            self._task = None
            self._due = asyncio.get_running_loop().time() + self._pace
            if self._heads or self._items:
                self._wake()

    def _lost(self, items: Sequence[bytes], error: Exception) -> None:
        self._dropped.add(len(items))
        if not isinstance(error, BusUnavailable | TimeoutError):
            logger.opt(exception=error).error("the bus failed")
