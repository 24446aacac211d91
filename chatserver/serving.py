"""A process that serves: from its start until it is told to stop, or another one takes over."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from functools import partial

from loguru import logger

from chatserver import logging
from chatserver.app import CLOSE_SECONDS, LEAVE_SECONDS, STOP_SECONDS, THREAD_SECONDS, Server
from chatserver.cluster.workers.place import Place, of_worker
from chatserver.config import Config, Loaded
from chatserver.errors import StartupError
from chatserver.handover.listeners import Listeners
from chatserver.handover.predecessor import STOPPED, Predecessor
from chatserver.handover.restarting import Restarting
from chatserver.handover.systemd import notify
from chatserver.interfaces import Store
from chatserver.process.collector import Collector
from chatserver.process.descriptors import raise_limit, warn_if_few
from chatserver.process.folders import DataFolder
from chatserver.process.running_config import noted
from chatserver.process.stopping import LoopErrors, Stop
from chatserver.process.watchdog import Watchdog
from chatserver.runtime.cancelling import cancel
from chatserver.tracing.ids import name_traces
from chatserver.version import __version__
from chatserver.web.gate import SPARE_DESCRIPTORS

DEVELOPMENT = "this is a development server, which restarts by itself when its code changes"
IN_MEMORY = "its store keeps nothing: a new process would start empty"


def run(
    loaded: Loaded,
    *,
    dev: bool = False,
    place: Place | None = None,
    predecessor: Predecessor | None = None,
) -> int:
    """Serve until one of `stop_signals`, then drain; returns the exit status. Raises `StartupError`.

    A worker (`place`) also ends, and drains, when its parent does. With a `predecessor` this process takes
    over from that one; it may itself be replaced by a new one (SIGUSR2).
    """
    if place is not None:
        loaded = of_worker(loaded, place.number)
    writer = logging.setup(loaded.config.logging, version=__version__)
    descriptors = raise_limit()
    if place is not None:
        logger.configure(extra={"worker": place.number})  # on the console all are mixed
    else:
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)  # until it can be replaced
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            if place is not None:
                runner.run(_serve_as_worker(place, loaded, descriptors))
            else:
                runner.run(_serve_alone(loaded, dev, predecessor, descriptors))
            if not runner.run(_end_all()):
                writer.close()
                os._exit(0)  # the runner would wait for them for ever
    finally:
        Stop.ended()
        writer.close()
    return 0


async def _serve_as_worker(place: Place, loaded: Loaded, descriptors: int) -> None:
    """Serve until told to stop. SIGUSR2 leaves more time than SIGTERM, as other processes serve meanwhile.

    SIGUSR1 tells that this worker has taken the place of another, so that commands shall find this one.
    """
    LoopErrors().watch()
    stop, owner = _stop(loaded.config), asyncio.Event()
    if place.owner:
        owner.set()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, owner.set)
    loop.add_signal_handler(signal.SIGUSR2, stop.leave, _leave_seconds(loaded.config))
    loop.add_reader(place.parent, stop.now)
    warn_if_few(descriptors, loaded.config.limits, SPARE_DESCRIPTORS)
    server = _made(loaded, place)
    heartbeats = place.heartbeats()
    with closing(DataFolder(server.data, place.lock)) as folder:

        async def own(owned: AsyncExitStack) -> None:
            await owner.wait()
            await owned.enter_async_context(_found(server, loaded))
            folder.note()

        async with server.opened(folder=folder):
            port = server.listen(descriptors)
            heartbeats.serve()
            async with _attended(server, loaded, port), AsyncExitStack() as owned:
                owning = asyncio.create_task(own(owned), name="owning")
                await stop.wait()
                await cancel([owning])
                await heartbeats.drain()
                heartbeats.close()
            loop.remove_reader(place.parent)
            if stop.replaced:
                folder.close()  # the parent that goes on holds it
            await server.drain(
                LEAVE_SECONDS if stop.replaced else STOP_SECONDS, hurry=not stop.replaced
            )
    logger.info("stopped")


async def _serve_alone(
    loaded: Loaded, dev: bool, predecessor: Predecessor | None, descriptors: int
) -> None:
    """Serve by this process alone, until it is told to stop or a new process has taken over."""
    LoopErrors().watch()
    stop = _stop(loaded.config)
    warn_if_few(descriptors, loaded.config.limits, SPARE_DESCRIPTORS)
    server = _made(loaded)
    in_turn = server.store.is_private()
    restarting = Restarting(server.data, in_turn=in_turn)
    listeners: Listeners | None = None

    async def own(owned: AsyncExitStack) -> None:
        """The data folder and the port are this process's."""
        await owned.enter_async_context(_found(server, loaded))
        await restarting.listen()
        folder.note()
        notify("READY=1")

    async with AsyncExitStack() as stack:
        if predecessor is not None:
            stack.push_async_callback(predecessor.end)
            Server(
                loaded
            ).prepare()  # what is wrong with routes or the page, the other should not stop for
            await predecessor.built(stop)
        folder = predecessor.folder(server.data) if predecessor else DataFolder(server.data)
        stack.callback(folder.close)
        stack.push_async_callback(restarting.end)
        while True:
            async with server.opened(folder=folder):
                if predecessor is not None:
                    predecessor.goes_on_if(stop)  # before this process takes connections
                if listeners is None:
                    bequest = predecessor.bequest if predecessor else None
                    listeners = Listeners(loaded.config, bequest=bequest)
                    stack.callback(listeners.close)
                port = server.listen(descriptors, listeners)
                restarting.serve(
                    listeners.handed_over(str(server.data), folder.fileno()),
                    partial(_leave, server, stop),
                    partial(_release, listeners, folder),
                    refusal=DEVELOPMENT if dev else "" if server.keeps else IN_MEMORY,
                )
                async with (
                    _attended(server, loaded, port, dev=dev),
                    AsyncExitStack() as owned,
                ):
                    if predecessor is None:
                        await own(owned)
                    elif not stop.is_asked:
                        await predecessor.serves(partial(own, owned), stop.now)
                    await stop.wait()
                    if predecessor is not None:
                        await predecessor.end()
                    goes_on = predecessor is not None and predecessor.goes_on
                    if not stop.replaced:
                        restarting.give_up()
                    if not stop.replaced and not goes_on:
                        notify("STOPPING=1")
                if goes_on or (stop.replaced and in_turn):
                    await server.drain(STOP_SECONDS, hurry=in_turn)
                elif stop.replaced:
                    await server.drain(LEAVE_SECONDS, hurry=False)
                else:
                    await server.drain()
            Stop.ended()
            if goes_on:
                raise StartupError(STOPPED)
            if not await restarting.left(stop):
                break
            logger.warning("process {} serves again", os.getpid())
            stop, predecessor = _stop(loaded.config), None
            server = Server(loaded, before=server.engine.set.plugins)
    logger.info("stopped")


def _made(loaded: Loaded, place: Place | None = None) -> Server:
    server = Server(loaded, place)
    if server.tracer is not None:
        name_traces(server.tracer)
    return server


def _stop(config: Config) -> Stop:
    stop = Stop(config.server.drain_seconds + STOP_SECONDS + CLOSE_SECONDS)
    stop.watch(stop_signals())
    return stop


def _leave(server: Server, stop: Stop) -> None:
    """Have another process take the connections, from now on, and this one end."""
    server.stop_accepting()
    stop.leave(_leave_seconds(server.config))


def _release(listeners: Listeners, folder: DataFolder) -> None:
    listeners.close()
    folder.close()


def _leave_seconds(config: Config) -> float:
    return config.server.drain_seconds + LEAVE_SECONDS + CLOSE_SECONDS


@asynccontextmanager
async def _attended(
    server: Server, loaded: Loaded, port: int, *, dev: bool = False
) -> AsyncIterator[None]:
    """A server that listens: watched over, with its background work."""
    collector = Collector()
    collector.start()  # looks through all there is, for which nobody waits yet: nothing for the watchdog to report
    watchdog = Watchdog(server.measures, server.plugin_packages())
    watchdog.start()
    sys.setswitchinterval(THREAD_SECONDS)
    host = loaded.config.server.host
    logger.info("chatserver {} serves http://{}:{}", __version__, host, port)
    if server.internal_port is not None:
        inner = loaded.config.server.internal_host
        logger.info("metrics and details of health at http://{}:{}", inner, server.internal_port)
    warn_of_trial(server.store, dev)
    if dev:
        logger.info("this is a development server: open http://localhost:{} and sign up", port)
    async with server.working():
        yield
    watchdog.stop()
    collector.stop()


@asynccontextmanager
async def _found(server: Server, loaded: Loaded) -> AsyncIterator[None]:
    """Commands of operators find this process, in place of one that it takes over from."""
    with noted(loaded):
        await server.control.start()
        try:
            yield
        finally:
            await server.control.stop()


def warn_of_trial(store: Store, dev: bool) -> None:
    """Warn of a store that is only for trying out, unless this is a development server."""
    for_trial = getattr(store, "for_trial", None)
    if not dev and for_trial is not None and (why := for_trial()):
        logger.warning("the store is for trying out: {}", why)


async def _end_all() -> bool:
    """Cancel all remaining tasks; False if some do not end."""
    left = await cancel(asyncio.all_tasks() - {asyncio.current_task()})
    for task in left:
        logger.error("left behind: {}", task.get_name())
    return not left


def stop_signals() -> list[signal.Signals]:
    """The signals that stop a server in order, also that of a closing terminal except under `nohup`."""
    found = [signal.SIGTERM, signal.SIGINT]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        found.append(signal.SIGHUP)
    return found


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    """uvloop if it is installed; it halves the loop's overhead for each system call."""
    if sys.platform == "win32":
        return None
    try:
        import uvloop
    except ImportError:
        return None
    factory: type[asyncio.AbstractEventLoop] = uvloop.Loop
    return factory


__all__ = ["run", "stop_signals"]
