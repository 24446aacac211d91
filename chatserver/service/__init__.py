"""All rules live here. Every door (HTTP, WebSocket, GraphQL, command line) enters through `Service`.

    names.py, similar.py       rules for names of people; names that look alike
    directory.py               finding accounts
    accounts.py, founding.py   accounts and sessions; choosing the first owner
    owners.py, removal.py      keeping the last owner; deleting accounts
    attempts.py                telling plugins of attempts to sign in
    changes.py                 telling all nodes that a user's rights changed
    rights.py                  the rights of a user in a room: the only place where they are decided
    messages.py, texts.py      posting and changing messages; rules for texts
    rooms.py, membership.py, public.py   rooms, their members, the list of public rooms
    history.py, search.py      reading messages and events
    following.py, markers.py, presence.py, typing_now.py
                               following rooms, read markers, online users, typing notices
    inspection.py              looking at all data, for staff of the server
    views.py                   rooms and members as users see them

The service knows no door, no driver and no Tornado.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from loguru import logger

from chatserver.cluster.bus.online import Online
from chatserver.config import Config
from chatserver.copies.installation import bus_key, epoch
from chatserver.delivery.hub import Hub
from chatserver.errors import ChatError, StoreUnavailable
from chatserver.hooks.calls import HookCalls
from chatserver.interfaces import Authenticator, Store
from chatserver.model import AnyEvent, MessagePosted, User
from chatserver.roomlog.cache import RoomCache
from chatserver.roomlog.log import Log
from chatserver.runtime.cancelling import cancel_or_name
from chatserver.runtime.measure import Measures
from chatserver.runtime.rate import Rates
from chatserver.search.finder import Finder
from chatserver.search.indexer import LOOK_SECONDS as INDEX_SECONDS
from chatserver.search.indexer import Indexer
from chatserver.service.accounts import Accounts
from chatserver.service.changes import LOOK_SECONDS, Changes
from chatserver.service.following import Following
from chatserver.service.history import History
from chatserver.service.inspection import Inspection
from chatserver.service.messages import Messages
from chatserver.service.outage import Outage
from chatserver.service.presence import TURN_SECONDS, Presence
from chatserver.service.removal import Removal
from chatserver.service.rights import demand_staff
from chatserver.service.rooms import RoomService
from chatserver.service.search import Search
from chatserver.service.similar import LOOK_SECONDS as SIMILAR_SECONDS
from chatserver.service.typing_now import Typing
from chatserver.service.views import Mentioned

if TYPE_CHECKING:
    from chatserver.cluster.bus.exchange import Exchange


class Service:
    """All parts of the server that apply rules, made for one store."""

    def __init__(
        self,
        config: Config,
        store: Store,
        authenticator: Authenticator,
        hooks: HookCalls,
        measures: Measures,
    ) -> None:
        self.config, self.store, self.hooks = config, store, hooks
        limits = config.limits
        self.rates = Rates(
            limits.operations_per_second, limits.operations_burst, limits.anonymous_per_second
        )
        self.room_cache = RoomCache(store, config.delivery.rooms_loaded)
        self.hub = Hub(config, self.room_cache, measures)
        self.log = Log(
            store, self.room_cache, self.hub.publish, self._written, config.delivery, measures
        )
        self.outage = Outage(store)
        self.log.on_failure = self.outage.failed
        self.changes = Changes(store)
        self.changes.watch("turn", self._give_way)
        self.log.ask = partial(self.changes.announce, "turn")
        self.accounts = Accounts(store, authenticator, hooks, self.hub, self.changes, config)
        self.history = History(store, self.room_cache, config.limits)
        self.messages = Messages(self.log, self.history, self.accounts, hooks, config.limits)
        online = Online()
        self.rooms = RoomService(
            store,
            self.room_cache,
            self.log,
            self.hub,
            self.accounts,
            self.changes,
            config.limits,
            online,
        )
        self.removal = Removal(store, self.accounts, self.rooms)
        self.search = Search(Finder(store), self.rooms, self.history, self.accounts, config.limits)
        self.indexer = Indexer(store, self.room_cache, self.log.is_pressed)
        self.following = Following(self.rooms, self.log, config.limits)
        self.typing = Typing(self.hub)
        self.presence = Presence(self.hub, self.rooms, online)
        self.exchange: Exchange | None = None  # None without a bus
        self._processed = measures.counter(
            "messages_processed_total", "Events that became durable", ("type",)
        )
        self._on_news: Callable[[Iterable[str]], None] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Read the installation's epoch and begin to compare the heads of followed rooms."""
        self.following.epoch = await epoch(self.store)
        self._tasks = [
            self._repeated(self._compare_heads, self.config.delivery.repair_seconds),
            self._repeated(self.changes.look, LOOK_SECONDS),
            self._repeated(self.presence.turn, TURN_SECONDS),
        ]

    async def join(self) -> None:
        """Become a node: open the bus, if there is one, and begin to index. Raises `StartupError`."""
        if self.exchange is not None:
            await self.exchange.open(await bus_key(self.store), self.epoch)
        self._tasks += [
            self._repeated(self.indexer.look, INDEX_SECONDS),
            self._repeated(self.accounts.similar.look, SIMILAR_SECONDS),
        ]

    async def stop(self) -> None:
        await cancel_or_name(self._tasks)  # before the store closes, which they use
        await self.log.drain()
        await self.outage.stop()
        if self.exchange is not None:
            self.presence.end()
            await self.exchange.close()

    async def ping(self) -> Mapping[str, object]:
        """The health check of the store. Raises `StoreUnavailable`.

        A full disk may still take its small write and refuse those of messages.
        """
        await self.store.ping()
        if self.log.is_failing():
            raise StoreUnavailable
        return {}

    async def signed_in(self, token: str | None, address: str) -> User:
        """The user of a request's session token; counts one operation of theirs.

        Without a valid session the operation counts for the address. Raises `ChatError` auth.required,
        auth.invalid, limit.rate.
        """
        try:
            if token is None:
                raise ChatError("auth.required")
            user = await self.accounts.session(token)
        except ChatError as error:
            if error.code in ("auth.required", "auth.invalid"):
                self.rates.take(None, address)
            raise
        self.rates.take(user.id)
        return user

    def inspect(self, user: User, address: str) -> Inspection:
        """Read access to all data, regardless of the rights in rooms. Raises `ChatError` user.forbidden.

        For staff of the server only; `address` is the address of the user who looks.
        """
        demand_staff(user)
        return Inspection(self.store, self.accounts, self.hooks, user, address)

    def tell_of_news(self, told: Callable[[Iterable[str]], None]) -> None:
        """Have `told` called with the rooms in which this node wrote or, by the bus, another node did."""
        self._on_news = told
        if self.exchange is not None:
            self.exchange.tell_of_heads(told)

    @property
    def epoch(self) -> str:
        """The installation's epoch; seqs of another epoch mean nothing here."""
        return self.following.epoch

    def _written(self, events: Sequence[AnyEvent]) -> None:
        if self.exchange is not None:
            self.exchange.wrote(events)
        for tag, count in Counter(event.__struct_config__.tag for event in events).items():
            self._processed.add(count, (str(tag),))
        for event in events:
            if isinstance(event, MessagePosted) and event.mentions:
                self._tell_mentioned(event)
        if self._on_news is not None:
            self._on_news({event.room for event in events})
        if self.hooks.events_are_observed:
            for event in events:
                self.hooks.on_event(event)

    async def _give_way(self, name: str) -> None:
        if room := self.room_cache.known(name):
            self.log.give_way(room)

    def _tell_mentioned(self, event: MessagePosted) -> None:
        room = self.room_cache.known(event.room)
        news = Mentioned(room=event.room, seq=event.seq, message=event.id, author=event.author)
        for user in event.mentions:
            if user != event.author.id and room is not None and room.role(user) is not None:
                self.hub.tell_user(user, news)

    async def _compare_heads(self) -> None:
        """Bring other nodes' events to local followers, also if no hint announced them."""
        await self.log.refresh(self.room_cache.followed())

    def _repeated(
        self, action: Callable[[], Awaitable[None]], seconds: float
    ) -> asyncio.Task[None]:
        return asyncio.create_task(self._repeat(action, seconds), name=action.__qualname__)

    async def _repeat(self, action: Callable[[], Awaitable[None]], seconds: float) -> None:
        """Call `action` again and again, also after it failed."""
        while True:
            await asyncio.sleep(seconds)
            try:
                await action()
            except StoreUnavailable as error:
                self.outage.failed(error)
            except Exception:
                logger.exception("{} failed", action.__qualname__)


__all__ = ["Service"]
