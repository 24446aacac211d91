"""The composition root: configuration, plugins, service, Tornado; start, drain, stop.

The process around a server, with its signals, is in `serving.py`.
"""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from loguru import logger

from chatserver.blobs.jobs import blob_jobs
from chatserver.blobs.plugin import PluginBlobs
from chatserver.cluster import installation
from chatserver.cluster.consumers import Consumers
from chatserver.cluster.expired import NAME as EXPIRED
from chatserver.cluster.expired import Sweep
from chatserver.cluster.jobs import Jobs
from chatserver.cluster.leases import Leases, node_name
from chatserver.cluster.nodes import Presentation
from chatserver.cluster.timers import Timers
from chatserver.cluster.workers.place import Place
from chatserver.cluster.wrappers import open_wrapped
from chatserver.config import Config, Loaded
from chatserver.delivery.notices import PluginsChanged
from chatserver.errors import StartupError
from chatserver.handover.listeners import Listeners
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.context import Context
from chatserver.hooks.expiring import ExpiringSpace
from chatserver.hooks.loading import Plugins
from chatserver.hooks.providing import Provided
from chatserver.hooks.records import Space, space_of
from chatserver.hooks.registering import Registry
from chatserver.hooks.targets import BackupScheme
from chatserver.hooks.types import GraphQLPart, Job
from chatserver.interfaces import Store
from chatserver.privacy.erasures import Erasure
from chatserver.process.descriptors import UNKNOWN
from chatserver.process.folders import DataFolder
from chatserver.process.store_note import Holding
from chatserver.runtime.clock import SYSTEM, Clock
from chatserver.runtime.measure import Measures
from chatserver.service.login.addresses import Addresses
from chatserver.service.overview import Disk, OverviewReport
from chatserver.service.plugin_messages import PluginMessages
from chatserver.service.service import Service
from chatserver.switching.control import Control
from chatserver.switching.coordinator import Coordinator
from chatserver.switching.engine import Engine
from chatserver.switching.parts import parts
from chatserver.switching.pluginset import Builder
from chatserver.tracing.ids import trace_id
from chatserver.tracing.store import traced_store
from chatserver.version import __version__
from chatserver.vitals import Vitals
from chatserver.web.doors import Doors
from chatserver.web.front import Front
from chatserver.web.gate import Gate
from chatserver.web.listening import bind, bind_internal, front, tls

if TYPE_CHECKING:
    from chatserver.copies.backup.shipper import Shipper
    from chatserver.copies.targets.mirrors import Mirrors

STOP_SECONDS = 20.0  # for open HTTP requests and sockets to end, after the drain
CLOSE_SECONDS = 60.0  # for plugins and the store, after that; then the process is killed
# For uploads and other requests to end while another process serves already: nobody waits for this one.
LEAVE_SECONDS = 300.0
LOOK_SECONDS = 10.0  # for each part of a report to staff, who wait for it
# The interpreter's switch interval: a driver's thread gets the lock from the loop after this time. With
# Python's default of 5 ms each batch, and each answer of the store, would wait that long.
THREAD_SECONDS = 0.0005


class Server:
    """One node: everything between a configuration and an open port."""

    def __init__(
        self,
        loaded: Loaded,
        place: Place | None = None,
        clock: Clock = SYSTEM,
        before: Plugins | None = None,
    ) -> None:
        """Load and check the plugins; opens nothing. Raises `StartupError`.

        `place` is given for a worker, which inherits its sockets from its parent. `before` are the plugins
        of an earlier server of this process, whose code is used again.
        """
        self._place, self._clock = place, clock
        self.config: Config = loaded.config
        self._data = Path(self.config.server.data).absolute()
        # A worker's folder is in that of all.
        plugins = Plugins(
            self.config,
            self._data,
            before,
            self.config.plugins.enabled,
            shared=self._data.parent if place else None,
        )
        calls = plugins.calls()
        self.provided = Provided(calls)
        tracer = self.tracer = self.provided.tracer()
        self.measures = Measures(None if tracer is None else trace_id(tracer))
        self.hooks = HookCalls(calls, self.config.plugins, self.measures, tracer)
        self.store = self.provided.store()
        if tracer is not None:
            self.store = traced_store(self.store, tracer)
        authenticator = self.provided.authenticator(self._records)
        bus = self.provided.bus() or (place.bus() if place is not None else None)
        self.blobs = self.provided.blobs(self.config.blobs.place, self.config.blobs.former)
        mailer = self.provided.mailer()
        if mailer is not None and not self.config.server.public_url:
            raise StartupError("server.public_url: required, links in mails begin with it")
        self.service = Service(
            self.config,
            self.store,
            authenticator,
            self.hooks,
            self.measures,
            bus=bus,
            blobs=self.blobs,
            store_name=self.store_plugin,
            tracer=tracer,
            clock=clock,
            mailer=mailer,
        )
        self._leases = Leases(
            self.store,
            node_name(),
            alone=self.store.is_private(),
            on_failure=self.service.outage.failed,
        )
        changes = self.service.changes
        self.timers = Timers(
            self.store,
            self.hooks.guard,
            self._leases,
            self.measures,
            clock,
            self.config.plugins.timers,
            announce=None if self.store.is_private() else partial(changes.announce, "timer"),
        )
        changes.watch("timer", self.timers.look_again)
        jobs = [
            *self._backups(loaded),
            *blob_jobs(self.service.blobs),
            (EXPIRED, Sweep(self.store, clock).job()),
            ("rooms", self.service.rooms.deletion.job()),
            ("rooms", self.service.preferences.watchers.job()),
            ("rooms", self.service.replaced_texts.job()),
            ("accounts", self.service.removal.job()),
            ("accounts", Addresses(self.store, self.config.privacy.address_days, clock).job()),
        ]
        guard = self.hooks.guard
        self.jobs = Jobs(jobs, self.store, guard, self._leases, self.measures, clock)
        self.consumers = Consumers([], self.store, guard, self._leases, self.measures)
        found = parts(
            self.service, self.jobs, self.timers, self.consumers, self.config.server.public_url
        )
        builder = Builder(self._data, Registry(guard), self.measures, self._new_context)
        self.engine = Engine(
            loaded,
            builder.first(self.config, plugins, self.hooks.active),
            builder,
            self.hooks,
            found,
            self.service.claims,
            self.measures,
            self._switched,
        )
        self.engine.take_first()
        self.coordinator = Coordinator(
            self.engine, self.store, self.service.changes, self._leases.node
        )
        self._presentation = Presentation(
            self.store,
            self._leases.node,
            self.config.server.roles,
            self._data,
            on_failure=self.service.outage.failed,
            bus=None if bus is None else bus.is_connected,
            connections=self.service.hub.connections,
        )
        self._keep_erasures()
        self._ship = self._shipper()
        self._mirrors = self._targets()
        self._vitals = Vitals(
            self.config,
            self._data,
            self.store,
            self.measures,
            self.service.outage.failed,
            self.blobs,
        )
        self.control = Control(self._data, self.coordinator)
        self.service.switches.engine = self.coordinator
        self.service.overview.look_now = self._look
        self._gate: Gate | None = None
        self._doors: Doors | None = None  # set once it listens
        self._fronts: list[Front] = []
        self._port = 0  # set once it listens
        self.internal_port: int | None = None  # set once it listens for operators
        self.keeps = True  # False once a store is open that keeps nothing

    @asynccontextmanager
    async def opened(
        self, *, beside: bool = False, folder: DataFolder | None = None
    ) -> AsyncIterator["Server"]:
        """Open the store and start the plugins; nothing listens yet.

        With `beside`, also while a server runs on the same data folder, if the store allows it. `folder` is
        the data folder if the caller has locked it.
        """
        async with AsyncExitStack() as stack:  # undoes each step, even if undoing another fails
            if folder is None and (not beside or self.store.is_private()):
                stack.callback(DataFolder(self._data).close)
            holding = await self.holding()
            self.keeps = holding is None or holding.is_lasting
            if holding is None and not beside:
                self._warn_of_other_data()
            if beside or self.config.server.migrate == "by_command":
                await demand_up_to_date(self.provided.store())
            stack.push_async_callback(self.store.close)
            await open_wrapped(self.store)
            if holding is not None:
                holding.note()
            await installation.enter(self.store)  # before a plugin writes anything
            if self.blobs is not None and not beside:  # no command shows or takes files
                stack.push_async_callback(self.blobs.close)
                await self.blobs.open()
            stack.push_async_callback(self.hooks.shutdown)
            await self.hooks.startup(self.context)
            stack.push_async_callback(self.service.stop)
            await self.service.start()
            if not beside:
                if number := await self.service.removal.replay():
                    logger.info("{} accounts of a restored store are erased again", number)
                await self.service.blobs.look()
                stack.push_async_callback(self._presentation.stop)
                await self.service.join()
                stack.push_async_callback(self.coordinator.stop)
                await self.coordinator.begin()
            yield self

    @property
    def data(self) -> Path:
        """The data folder of this process."""
        return self._data

    @property
    def store_plugin(self) -> str:
        """The name of the plugin that stores."""
        (call,) = self.hooks.active.calls["provide_store"]
        return call.plugin

    @property
    def bus_plugin(self) -> str:
        """The name of the plugin that provides the bus, "" without one."""
        return next((call.plugin for call in self.hooks.active.calls["provide_bus"]), "")

    @property
    def periodic(self) -> int:
        """Number of jobs and timers that run on this node, if it has their leases."""
        return len(self.jobs) + len(self.timers) if "jobs" in self.config.server.roles else 0

    async def holding(self) -> Holding | None:
        """The note of the store that the data folder holds, if there is one. Raises `StartupError`.

        Asked before the store is opened, with the folder locked.
        """
        if not self.store.is_private():
            return None
        holding = Holding(self._data, self.store_plugin)
        await holding.demand(self.config, self.provided.store())
        return holding

    def _warn_of_other_data(self) -> None:
        """Warn if the data folder holds another store than the one in use: it may have been forgotten."""
        if holder := Holding(self._data, self.store_plugin).holder(self.config):
            logger.warning("server.data: {} holds data of {}, unused now", self._data, holder)

    def prepare(self, descriptors: int = UNKNOWN) -> None:
        """Make everything for answering: routes, schemas, the page, the certificate. Raises `StartupError`.

        Opens nothing, and may be called without an open store. `descriptors` is the number of files and
        sockets that this process may have open.
        """
        if self.config.backup.every_hours or self.config.backup.ship_seconds:
            from chatserver.copies.backup.configured import demand_sealed

            demand_sealed(self.store, self.config.backup)
        gate = self._gate = Gate(self.config, self.service, self.measures, descriptors, self.tracer)
        self._doors = Doors(gate)
        self._addresses_now = self.engine.open_doors(self._doors)
        self._tls = tls(self.config)

    def listen(self, descriptors: int = UNKNOWN, listeners: Listeners | None = None) -> int:
        """Accept connections; returns the port. Raises `StartupError`.

        With `listeners`, at copies of these sockets, which stay open when the server stops.
        """
        self.prepare(descriptors)
        gate, doors = self._gate, self._doors
        assert gate is not None and doors is not None
        sockets, internal = self._sockets(listeners)
        public = front(self._addresses_now.public, gate, self._tls)
        doors.add(public)
        public.add_sockets(sockets)
        self._fronts = [public]
        own = [self._place.own_listener()] if self._place else []
        if internal or own:
            inner = front(self._addresses_now.inner, gate, None)
            doors.add(inner, inside=True)
            inner.add_sockets([*internal, *own])
            self._fronts.append(inner)
        self.internal_port = internal[0].getsockname()[1] if internal else None
        gate.heartbeat.start()
        self._port = sockets[0].getsockname()[1]
        return self._port

    def _sockets(
        self, listeners: Listeners | None
    ) -> tuple[list[socket.socket], list[socket.socket]]:
        """The sockets for clients, and those for operators."""
        if self._place is not None:
            return self._place.listeners(), self._place.internal_listeners()
        if listeners is None:
            return bind(self.config), bind_internal(self.config)
        (public,), (internal,) = listeners.public, listeners.internal
        return [each.dup() for each in public], [each.dup() for each in internal]

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Run the background work of this node's roles: jobs, consumers, increments of the newest backup."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._leases.stop)
            if "jobs" in self.config.server.roles:
                stack.push_async_callback(self.jobs.stop)
                self.jobs.start()
                stack.push_async_callback(self.timers.stop)
                self.timers.start()
                if self._ship is not None:
                    stack.push_async_callback(self._ship.stop)
                    self._ship.start(self._leases)
                if self._mirrors is not None:
                    stack.push_async_callback(self._mirrors.stop)
                    self._mirrors.start(self._leases)
            if "consumers" in self.config.server.roles:
                stack.push_async_callback(self.consumers.stop)
                self.consumers.start()
                self._wake_consumers()
            stack.push_async_callback(self._vitals.stop)
            self._vitals.start()
            self._leases.start()  # after the tasks that need leases
            self._presentation.start(*self._addresses())
            yield

    def _switched(self) -> None:
        """The plugins have changed."""
        if self.consumers.are_started:
            self._wake_consumers()
        self.service.hub.tell_everybody_here(PluginsChanged())

    def _wake_consumers(self) -> None:
        """Let new events wake the consumers, once there are any."""
        if self.consumers:
            self.service.watch_news(self.consumers.heard, self.consumers.wake, self.consumers.came)

    def _addresses(self) -> tuple[str, str]:
        """HOST:PORT of the main listener and of the internal one, "" without it."""
        server = self.config.server
        inner = "" if self.internal_port is None else f"{server.internal_host}:{self.internal_port}"
        return f"{server.host}:{self._port}", inner

    def stop_accepting(self) -> None:
        """Take no further connections; those that wait at an inherited port are for another process."""
        for each in self._fronts:
            each.stop()

    async def drain(self, leave: float | None = None, *, hurry: bool = True) -> None:
        """Move the clients away, finish the work under way, close the port.

        With `leave`, another process takes the connections from now on: requests that are here are answered
        as usual, for at most so many seconds, and nobody is told that the server stops. Unless in a `hurry`,
        clients without a request under way may send one more.
        """
        if self._gate is None:
            return
        if leave is None:
            self._gate.begin_draining()
        else:
            self.stop_accepting()
            self._gate.begin_leaving()
        self._presentation.drain()
        logger.info("draining {} connections", self.service.hub.connections())
        await self.service.hub.drain(self.config.server.drain_seconds, self._settled)
        await self.service.log.drain()
        self.stop_accepting()
        try:
            async with asyncio.timeout(STOP_SECONDS if leave is None else leave):
                for each in self._fronts:
                    if leave is None:
                        await each.close_all_connections()
                    else:
                        await each.close_all_connections(leave, next_too=not hurry)
                await self.service.hub.gone()
        except TimeoutError:
            logger.warning("{} connections are cut", self.service.hub.connections())
        self._gate.heartbeat.stop()

    async def _settled(self) -> None:
        """Wait until all messages sent so far are answered, at most `append_seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.config.delivery.append_seconds):
                await self.service.log.drain()

    def plugin_packages(self) -> list[tuple[str, str]]:
        return [(plugin.name, type(plugin.instance).__module__) for plugin in self._plugins.all]

    @property
    def _plugins(self) -> Plugins:
        return self.engine.set.plugins

    def context(self, plugin: str) -> Context:
        """The parts of this server for the plugin of this name."""
        return self.engine.set.context(plugin)

    def backup_schemes(self) -> list[BackupScheme]:
        """The kinds of backup targets. Raises `StartupError`."""
        self.engine.collect(["register_backup_schemes"])
        return [scheme for _, scheme in self.engine.set.items["register_backup_schemes"]]

    def _backups(self, loaded: Loaded) -> list[tuple[str, Job]]:
        """The job that makes backups, if this server makes any, and the metrics of backups."""
        if not self.config.backup.every_hours:
            return []
        from chatserver.copies.backup.job import NAME, BackupJob

        job = BackupJob(loaded, self.store, self.measures, self._leases.node, self.blobs)
        return [(NAME, job.job())]

    def _keep_erasures(self) -> None:
        """Have erasures noted beside the backups."""
        from chatserver.copies.backup.configured import erasures_of
        from chatserver.copies.backup.erasures import Entry

        ledger = erasures_of(self.config)

        async def keep(user: str, erasure: Erasure) -> None:
            entry = Entry(user=user, at=erasure.at, mode=erasure.mode)
            writing = asyncio.ensure_future(asyncio.to_thread(ledger.note, entry))
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:  # a thread goes on, and the folder may be gone then
                await writing
                raise

        self.service.removal.keep = keep

    def _shipper(self) -> "Shipper | None":
        """The shipper, which keeps the newest backup up to date, if it is configured."""
        if not self.config.backup.ship_seconds:
            return None
        from chatserver.copies.backup.job import NAME
        from chatserver.copies.backup.shipper import configured_shipper

        def hurry() -> None:
            self.jobs.hurry(NAME)

        return configured_shipper(self.config, self.store, self.measures, hurry, self.blobs)

    def _targets(self) -> "Mirrors | None":
        """The copies of all backups on other machines, if any are configured."""
        if not self.config.backup.targets:
            return None
        from chatserver.copies.targets.mirrors import Mirrors, mirrors_of

        return Mirrors(mirrors_of(self.config, self.backup_schemes()), self.measures)

    async def _look(self) -> OverviewReport:
        """The report for staff of the server; reads only."""
        from chatserver.status.collect import Collector

        status = await Collector(self, LOOK_SECONDS, is_open=True).look("")
        disk = shutil.disk_usage(self._data)
        return OverviewReport(status=status, disk=Disk(free=disk.free, total=disk.total))

    def _records(self, plugin: str) -> Space:
        return Space(self.store, space_of(plugin))

    def _new_context(
        self, plugin: str, measures: Measures, graphql: Sequence[GraphQLPart]
    ) -> Context:
        return Context(
            data=self._data / plugin,
            records=self._records(plugin),
            expiring=ExpiringSpace(self.store, plugin, self._clock),
            timers=self.timers.of(plugin),
            clock=self._clock,
            measures=measures,
            version=__version__,
            service=self.service,
            messages=PluginMessages(plugin, self.service),
            blobs=PluginBlobs(self.service.blobs, plugin),
            graphql=graphql,
            worker=self._place.number if self._place else 0,
            worker_ports=self._place.ports if self._place else (),
            plugin=plugin,
            public_url=self.config.server.public_url,
        )


async def demand_up_to_date(store: Store) -> None:
    """Raises `StartupError` if opening the store would change its schema, or make a store.

    `store` is one of its own, as none is opened that was asked. It is asked before the store is locked,
    as asking takes no lock. What another process may do in
    between changes no answer: versions only grow, and a newer one is refused by opening.
    """
    if steps := await store.plan():
        raise StartupError(
            f"its schema is not up to date ({steps[0]}): is it the right store? One that no server has "
            "started on is empty. If it is the right one, start a server that migrates, or "
            "`chatserver migrate` first"
        )


@asynccontextmanager
async def opened(loaded: Loaded) -> AsyncIterator[Server]:
    """A server that is open but does not listen, for commands."""
    async with Server(loaded).opened(beside=True) as server:
        yield server


__all__ = ["Server", "opened"]
