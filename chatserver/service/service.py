"""The service of one node: all parts that apply rules, put together for one store."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial

from loguru import logger

from chatserver.blobs.service import BlobService
from chatserver.cluster.bus.announcer import Announcer
from chatserver.cluster.bus.arrivals import Arrivals
from chatserver.cluster.bus.exchange import Exchange
from chatserver.cluster.bus.hints import Hints
from chatserver.cluster.bus.keys import LOOK_SECONDS as KEY_SECONDS
from chatserver.cluster.bus.keys import Keys
from chatserver.cluster.bus.online import Online
from chatserver.cluster.installation import bus_key
from chatserver.cluster.spread import Spread
from chatserver.config import Config
from chatserver.delivery.hub import Hub
from chatserver.delivery.notices import Mentioned, ReadMoved
from chatserver.delivery.outlet import Outlet
from chatserver.errors import ChatError, StoreUnavailable
from chatserver.hooks.actions import Action
from chatserver.hooks.blobs import Blobs
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.mail import Mailer
from chatserver.hooks.types import ReadMark
from chatserver.interfaces import Authenticator, Bus, Store, Tracer
from chatserver.model import EVERYBODY, AnyEvent, MessagePosted, Scope, User
from chatserver.privacy.erasing import LogErasing
from chatserver.privacy.privacy import Privacy
from chatserver.privacy.rewriting import Erased
from chatserver.roomlog.cache import RoomCache
from chatserver.roomlog.log import Log
from chatserver.roomlog.traced_log import TracedLog
from chatserver.runtime.cancelling import cancel_or_name
from chatserver.runtime.clock import SYSTEM, Clock
from chatserver.runtime.measure import Measures
from chatserver.runtime.rate import Rates
from chatserver.search.cleaning import Cleaner
from chatserver.search.finder import Finder
from chatserver.search.indexer import LOOK_SECONDS as INDEX_SECONDS
from chatserver.search.indexer import Indexer
from chatserver.search.paced import Paced
from chatserver.service.accounts import Accounts
from chatserver.service.administration import Administration
from chatserver.service.attempts import Attempts
from chatserver.service.blocks import Blocks
from chatserver.service.changes import LOOK_SECONDS, Changes
from chatserver.service.claims import LOOK_SECONDS as CLAIMS_SECONDS
from chatserver.service.claims import Claims
from chatserver.service.cleanings import Cleanings
from chatserver.service.commands import Commands
from chatserver.service.connections import Connections
from chatserver.service.contexts import Contexts
from chatserver.service.expiry import Expiry
from chatserver.service.following import Following
from chatserver.service.history import History
from chatserver.service.inspection import Inspection
from chatserver.service.interactions import Interactions
from chatserver.service.live import Live
from chatserver.service.login.logins import SWEEP_SECONDS, Logins
from chatserver.service.login.own import own_methods
from chatserver.service.login.steps import Steps
from chatserver.service.mail.emails import Emails
from chatserver.service.mail.notices import Notices
from chatserver.service.mail.outbox import Outbox
from chatserver.service.mail.own import OwnEmails
from chatserver.service.mentions import Mentions
from chatserver.service.messages import Messages
from chatserver.service.notifying.notifying import Notifying
from chatserver.service.outage import Outage
from chatserver.service.overview import Overview
from chatserver.service.people import People
from chatserver.service.pins import Pins
from chatserver.service.plugin_events import PluginEvents
from chatserver.service.preferences import Preferences
from chatserver.service.presence import TICK_SECONDS, Presence
from chatserver.service.removal import Removal
from chatserver.service.replaced import ReplacedTexts
from chatserver.service.rights import demand_scope
from chatserver.service.rooms import RoomService
from chatserver.service.search import Search
from chatserver.service.similar import LOOK_SECONDS as SIMILAR_SECONDS
from chatserver.service.slow_mode import SlowMode
from chatserver.service.staff import Staff
from chatserver.service.statuses import Statuses
from chatserver.service.switches import Switches
from chatserver.service.threads import Threads
from chatserver.service.typing_now import Typing

TOLD_MEMBERS = 200  # most members of a room in which a mention of everybody is told to each; counts have it anyway


class Service:
    """All parts of the server that apply rules, made for one store."""

    def __init__(
        self,
        config: Config,
        store: Store,
        authenticator: Authenticator,
        hooks: HookCalls,
        measures: Measures,
        *,
        bus: Bus | None = None,
        blobs: Blobs | None = None,
        store_name: str = "?",
        tracer: Tracer | None = None,
        clock: Clock = SYSTEM,
        mailer: Mailer | None = None,
    ) -> None:
        """`store_name` is that of the plugin that stores, for the log."""
        self.config, self.store, self.hooks = config, store, hooks
        limits = config.limits
        self.rates = Rates(
            limits.operations_per_second, limits.operations_burst, limits.anonymous_per_second
        )
        self.room_cache = RoomCache(store, config.delivery.rooms_loaded)
        self._bus_keys = Keys(store, clock)
        announcer = self._announcer = (
            Announcer(bus, self.room_cache, self._bus_keys, clock, measures)
            if bus is not None
            else None
        )
        self.hub = Hub(Outlet(limits, self.room_cache.events, measures), announcer, measures)
        self.outage = Outage(store, store_name)
        self.changes = Changes(store, announcer)
        self.log = self._new_log(measures, tracer, clock)
        self.changes.watch("turn", self._give_way)
        self.administration = Administration(config.server.admin_networks)
        attempts = Attempts(hooks)
        self.claims = Claims(store, self.changes, hooks)
        steps = Steps(store, config, attempts, self.claims)
        self.accounts = Accounts(
            store,
            authenticator,
            hooks,
            self.hub,
            self.changes,
            config,
            self.administration,
            steps,
            attempts,
            clock,
        )
        server = config.server
        self.outbox = Outbox(mailer, measures, clock)
        self.emails = Emails(store, self.outbox, server.public_url, server.name)
        notices = Notices(
            store,
            self.accounts,
            self.emails,
            self.outbox,
            steps.methods,
            server.public_url,
            server.name,
        )
        self.own_emails = OwnEmails(self.accounts, self.emails, notices)
        steps.methods.begin(
            own_methods(store, self.accounts, self.emails, self.outbox, server.name)
        )
        self.staff = Staff(self.accounts, self.emails, notices, hooks, self.administration)
        self.logins = Logins(self.accounts, steps, config, hooks)
        self.history = History(store, self.room_cache, limits)
        online = Online()
        self.blocks = Blocks(store, self.accounts, self.hub, clock)
        self.rooms = RoomService(
            store,
            self.room_cache,
            self.log,
            self.hub,
            self.accounts,
            self.changes,
            limits,
            online,
            hooks,
            self.blocks,
            clock,
        )
        self.people = People(self.accounts, self.rooms, hooks)
        self.statuses = Statuses(self.accounts, self.people, hooks, self.hub, clock)
        self.contexts = Contexts(store)
        self.messages = Messages(
            store,
            self.log,
            self.room_cache,
            self.rooms,
            self.history,
            hooks,
            limits,
            self.contexts,
            self.blocks,
            Pins(store, limits, clock),
            Threads(store, self.history, limits),
            Mentions(self.accounts, self.blocks, hooks, online, limits),
            SlowMode(store, clock),
        )
        self.plugin_events = PluginEvents(self.log)
        self.interactions = Interactions(self.history, self.messages, hooks, self.contexts)
        self.commands = Commands(store, hooks, self.rooms, self.messages, self.accounts, limits)
        self.preferences = Preferences(store, self.hub)
        self.notifying = Notifying(hooks, self.rooms, self.history, self.preferences, self.blocks)
        self.search = Search(
            Finder(store),
            self.rooms,
            self.history,
            self.accounts,
            limits,
            hooks,
            self.messages.data,
        )
        spread = Spread(online.node, online.others)
        self.indexer = Indexer(store, self.room_cache, self.log.is_pressed, spread)
        cleanings = Cleanings(store, Cleaner(store, Paced(self.log.is_pressed)), clock)
        self.cleanings = cleanings
        self.replaced_texts = ReplacedTexts(store, self.log, cleanings)
        self.expiry = Expiry(store, self.room_cache, self.log, cleanings, self.changes, hooks)
        self.following = Following(store, self.rooms, self.log, self.hub.channels, limits)
        self.typing = Typing(self.hub)
        self.presence = Presence(self.rooms, online, announcer)
        self.blobs = BlobService(
            store, blobs, config.blobs, lambda: self.epoch, measures, allow=self._allow_of
        )
        self.privacy = Privacy(
            store,
            self.accounts,
            self.emails,
            self.preferences,
            self.blocks,
            self.blobs,
            server.name,
        )
        erasing = LogErasing(
            store,
            self.room_cache,
            self.log,
            self.hub,
            self.accounts,
            hooks,
            self.changes,
            cleanings,
        )
        self.removal = Removal(
            store,
            self.accounts,
            self.rooms,
            self.privacy.parts,
            erasing,
            self.blobs,
            clock,
            hooks,
            Erased(config.privacy.erased_messages),
        )
        self.connections = Connections(self.hub, self.presence, limits)
        self.switches = Switches(self.administration, self.claims)
        self.overview = Overview(self.administration)
        self.live = Live(self.rooms, self.log, self.connections)
        self.exchange = self._new_exchange(bus, online, clock, measures)
        self._processed = measures.counter(
            "messages_processed_total", "Events that became durable", ("type",)
        )
        self._on_news: Callable[[Sequence[AnyEvent]], None] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def _new_log(self, measures: Measures, tracer: Tracer | None, clock: Clock) -> Log:
        make = Log if tracer is None else partial(TracedLog, tracer)
        return make(
            self.store,
            self.room_cache,
            self.config.delivery,
            measures,
            deliver=self.hub.deliver,
            written=self._written,
            ask=partial(self.changes.announce, "turn"),
            on_failure=self.outage.failed,
            now=clock.text,
        )

    def _new_exchange(
        self, bus: Bus | None, online: Online, clock: Clock, measures: Measures
    ) -> Exchange | None:
        """The exchange with other nodes; None without a bus."""
        if bus is None or self._announcer is None:
            return None
        recheck = partial(self.changes.recheck, "user")
        hints = Hints(self.store, self.room_cache, self.log, self.hub, recheck, measures)
        arrivals = Arrivals(self.room_cache, self.log, self._bus_keys, clock, measures)
        exchange = Exchange(
            bus, self._announcer, hints, arrivals, self.room_cache, self.hub, online, measures
        )
        exchange.watch_reads(self._read_elsewhere)
        return exchange

    async def start(self) -> None:
        """Read the installation's epoch and claims, and begin to compare the heads of followed rooms."""
        await self.following.open()
        await self.claims.load()
        self._tasks = [
            self._repeated(self._compare_heads, self.config.delivery.repair_seconds),
            self._repeated(self.changes.look, LOOK_SECONDS),
            self._repeated(self.claims.load, CLAIMS_SECONDS),
            self._repeated(self.presence.tick, TICK_SECONDS),
        ]

    async def join(self) -> None:
        """Become a node: open the bus, if there is one, and begin to index. Raises `StartupError`."""
        if self.exchange is not None:
            await self._bus_keys.open(self.epoch)
            await self.exchange.open(await bus_key(self.store), self.epoch)
            self._tasks.append(self._repeated(self._bus_keys.look, KEY_SECONDS))
        self.outbox.start()
        self._tasks += [
            self._repeated(self.indexer.look, INDEX_SECONDS),
            self._repeated(self.accounts.similar.look, SIMILAR_SECONDS),
            self._repeated(self.logins.sweep, SWEEP_SECONDS),
            self._repeated(self.accounts.passwords.sweep_resets, SWEEP_SECONDS),
            self._repeated(self.emails.sweep, SWEEP_SECONDS),
        ]

    async def stop(self) -> None:
        await cancel_or_name(self._tasks)  # before the store closes, which they use
        await self.rooms.deletion.stop()
        await self.removal.stop()
        await self.outbox.stop()
        await self.commands.stop()
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

    async def signed_in(
        self, token: str | None, address: str, scope: Scope | tuple[Scope, ...] | None = None
    ) -> User:
        """The user of a request's token; counts one operation of theirs.

        `scope` is what a bot's token must be for, one of several if it is a tuple, None if the request is for people
        alone. Without a valid token the operation counts for the address. Raises `ChatError` auth.required, auth.invalid, auth.scope, limit.rate.
        """
        try:
            if token is None:
                raise ChatError("auth.required")
            user = await self.accounts.signed_in(token)
        except ChatError as error:
            if error.code in ("auth.required", "auth.invalid"):
                self.rates.take(None, address)
            raise
        self.rates.take(user.id)
        demand_scope(user, scope)
        return user

    def inspect(self, user: User, address: str) -> Inspection:
        """Read access to all data, regardless of the rights in rooms. For staff of the server only.

        `address` is the address of the user who looks. Raises `ChatError` user.forbidden, auth.address.
        """
        self.administration.demand(user, address)
        return Inspection(self.store, self.accounts, self.hooks, user, address)

    async def _allow_of(
        self, action: Action, user: str, clean: Callable[[Action], Action]
    ) -> Action:
        """The action of a user (id) as plugins want it; reads the account only if one of them asks."""
        if not self.hooks.wants(type(action)):
            return action
        return await self.hooks.allow(action, await self.accounts.get(user), clean=clean)

    def watch_news(
        self,
        here: Callable[[Sequence[AnyEvent]], None],
        elsewhere: Callable[[Iterable[str]], None],
        came: Callable[[str, Callable[[], Sequence[AnyEvent]]], bool] | None = None,
    ) -> None:
        """Call `here` with the events that this node wrote, and `elsewhere` with rooms in which another did, by the bus.

        Where the bus brings the events themselves, `came` is called first, with their room and a function that decodes
        them; if it returns True, `elsewhere` is not called for them.
        """
        self._on_news = here
        if self.exchange is not None:
            self.exchange.watch_heads(elsewhere)
            if came is not None:
                self.exchange.watch_events(came)

    @property
    def epoch(self) -> str:
        """The installation's epoch; seqs of another epoch mean nothing here."""
        return self.following.epoch

    def _written(self, events: Sequence[AnyEvent]) -> None:
        if self._announcer is not None:
            self._announcer.wrote(events)
        kinds: dict[str, int] = {}
        for event in events:
            kind = str(event.__struct_config__.tag)
            kinds[kind] = kinds.get(kind, 0) + 1
            if isinstance(event, MessagePosted) and event.mentions:
                self._tell_mentioned(event)
        for kind, count in kinds.items():
            self._processed.add(count, (kind,))
        if self._on_news is not None:
            self._on_news(events)
        if self.hooks.active.events_are_observed:
            for event in events:
                self.hooks.on_event(event)

    def _read_elsewhere(self, user: str, moved: ReadMoved) -> None:
        self.hooks.on_read(ReadMark(user=user, room=moved.room, seq=moved.seq))

    async def _give_way(self, name: str) -> None:
        if room := self.room_cache.known(name):
            self.log.give_way(room)

    def _tell_mentioned(self, event: MessagePosted) -> None:
        room = self.room_cache.known(event.room)
        news = Mentioned(room=event.room, seq=event.seq, message=event.id, author=event.author)
        mentioned: Iterable[str] = event.mentions
        if EVERYBODY in event.mentions and room is not None:
            mentioned = () if len(room.members) > TOLD_MEMBERS else list(room.members)
        for user in mentioned:
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
