"""Following rooms: checks the right to read, and from which position events can be served."""

from collections.abc import Callable, Mapping

import msgspec

from chatserver.cluster import installation
from chatserver.config import LimitsConfig
from chatserver.delivery.channel import Channels
from chatserver.delivery.subscriber import Feed, Subscriber
from chatserver.errors import ChatError
from chatserver.interfaces import Store
from chatserver.protocol import ErrorBody, error_body
from chatserver.roomlog.log import Log
from chatserver.roomlog.room import Room
from chatserver.service.rights import Right, demand
from chatserver.service.rooms import RoomService


class Followed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The outcome of following one room. `count` events are replayed before it is live."""

    state: str  # live, replay, gap; or error
    head: int
    count: int | None = None
    error: ErrorBody | None = None


class Following:
    """Adds connections to the listeners of rooms."""

    def __init__(
        self,
        store: Store,
        rooms: RoomService,
        log: Log,
        channels: Channels,
        limits: LimitsConfig,
    ) -> None:
        self._store, self._rooms, self._log = store, rooms, log
        self._channels, self._limits = channels, limits
        self.epoch = ""  # of the installation; known once `open` was awaited

    async def open(self) -> None:
        """Read the epoch of the installation from its store."""
        self.epoch = await installation.epoch(self._store)

    async def follow(
        self, subscriber: Subscriber, wanted: Mapping[str, int | None], epoch: str | None
    ) -> dict[str, Followed]:
        """Follow each room from the last seq seen, or from now on if that is None.

        `epoch` is the epoch of those seqs, None for the present one. Raises the first `ChatError` if no
        room may be followed. Missed events are pushed after this has returned, not before.
        """
        together = {feed.room.id for feed in subscriber.feeds} | wanted.keys()
        if len(together) > self._limits.subscriptions:
            raise ChatError("limit.count", "This connection has reached its limit of rooms.")
        held: dict[str, Room] = {}
        refused: dict[str, ChatError] = {}
        try:
            for name, after in wanted.items():
                try:
                    held[name] = await self._hold(subscriber, name, after)
                except ChatError as error:
                    refused[name] = error
            return self._place_all(subscriber, wanted, epoch, held, refused)
        finally:
            for room in held.values():
                room.release()

    async def follow_feed(
        self,
        subscriber: Subscriber,
        room: str,
        after: int | None,
        epoch: str | None,
        feed: Callable[[Room], Feed],
    ) -> Followed:
        """Follow one room through a feed that `feed` makes of it; otherwise like `follow`.

        `feed` is called if the position can be served, and its result is followed with nothing awaited in
        between. Raises `ChatError` if the room may not be followed.
        """
        if len(subscriber.feeds) >= self._limits.subscriptions:
            raise ChatError("limit.count", "This connection has reached its limit of streams.")
        held = await self._hold(subscriber, room, after)
        try:
            return self._place(subscriber, held, after, epoch, feed)
        finally:
            held.release()

    async def _hold(self, subscriber: Subscriber, name: str, after: int | None) -> Room:
        """The room, held in memory, and refreshed from the store if `after` is beyond the known head."""
        room = await self._rooms.get(name, subscriber.user)
        room.hold()
        try:
            _demand_read(subscriber, room)
            if after is not None and after > room.head:
                await self._log.refresh([room])
        except BaseException:
            room.release()
            raise
        return room

    def _place_all(
        self,
        subscriber: Subscriber,
        wanted: Mapping[str, int | None],
        epoch: str | None,
        held: Mapping[str, Room],
        refused: dict[str, ChatError],
    ) -> dict[str, Followed]:
        answers: dict[str, Followed] = {}
        for name, after in wanted.items():
            try:
                if name in refused:
                    raise refused[name]
                answers[name] = self._place(subscriber, held[name], after, epoch, self._channels.of)
            except ChatError as error:
                refused[name] = error
                answers[name] = Followed(state="error", head=0, error=error_body(error))
        if refused and len(refused) == len(wanted):
            raise next(iter(refused.values()))
        return answers

    def _place(
        self,
        subscriber: Subscriber,
        room: Room,
        after: int | None,
        epoch: str | None,
        feed: Callable[[Room], Feed],
    ) -> Followed:
        """Start following. Awaits nothing, so that the rights, the head in the answer and the place agree."""
        _demand_read(subscriber, room)  # the right may have been lost since the first check
        answer = _position(room, after, epoch in (None, self.epoch))
        if answer.state in ("live", "replay"):
            subscriber.follow(feed(room), answer.head if after is None else after)
        return answer


def _demand_read(subscriber: Subscriber, room: Room) -> None:
    if subscriber.user is None:
        raise ChatError("auth.required")
    demand(subscriber.user, room, Right.READ)


def _position(room: Room, after: int | None, same_epoch: bool) -> Followed:
    if after is None or (after == room.head and same_epoch):
        return Followed(state="live", head=room.head)
    if after > room.head or not same_epoch or after < room.kept_from - 1:
        return Followed(state="gap", head=room.head)
    return Followed(state="replay", head=room.head, count=room.head - after)
