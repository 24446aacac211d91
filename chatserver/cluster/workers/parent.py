"""Several workers on one machine behind one port: a parent that starts, watches and stops them.

Each worker is a process and a node like any other. The parent opens the sockets and keeps them, so that
connections wait while a worker restarts and are not refused.
"""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from loguru import logger

from chatserver import logging
from chatserver.app import STOP_SECONDS, Server, stop_signals
from chatserver.cluster.workers.heartbeats import BEAT_SECONDS, HeartbeatMonitor
from chatserver.cluster.workers.place import VARIABLE, Place
from chatserver.cluster.workers.steering import Steering
from chatserver.config import Config, Loaded
from chatserver.errors import StartupError
from chatserver.process.folders import DataFolder
from chatserver.version import __version__
from chatserver.web.listening import bind, bind_internal, bind_own

RETRY_SECONDS = 0.2  # before a worker that has ended is restarted …
LONGEST_RETRY_SECONDS = 5.0  # … and at most, if it ends again and again
HEALTHY_SECONDS = 10.0  # a worker that served this long did not fail at its start
GRACE_SECONDS = 15.0  # after the time for a drain; then a worker is killed


class Worker:
    """One worker, restarted when it ends."""

    def __init__(self, place: Place, command: Sequence[str]) -> None:
        self.number = place.number
        self._command = command
        self._files = (*place.sockets, place.own, place.parent)
        self._place = place
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._monitor: HeartbeatMonitor | None = None  # of the present process
        # Called when `takes_connections` may have changed.
        self.changed: Callable[[], None] = lambda: None

    @property
    def takes_connections(self) -> bool:
        return self._monitor is not None and self._monitor.takes_connections

    def beat(self) -> None:
        """Call this every `BEAT_SECONDS`."""
        if self._monitor is not None:
            self._monitor.beat()

    async def run(self) -> int:
        """Run the worker until it is stopped, or if it never starts. Returns the exit status."""
        pause, first = RETRY_SECONDS, True
        while True:
            started = time.monotonic()
            status, has_served = await self._live()
            if self._stopping.is_set():
                # The signal may have come before its handler was set; then there was nothing to drain.
                return 0 if status == -signal.SIGTERM else status
            if first and status > 0 and not has_served:
                return status  # the worker has logged the reason
            first = False
            if has_served and time.monotonic() - started > HEALTHY_SECONDS:
                pause = RETRY_SECONDS
            level = "ERROR" if status else "INFO"  # 0: an operator had this worker drain
            logger.log(
                level, "worker {} ended with status {} and is restarted", self.number, status
            )
            try:
                await asyncio.wait_for(self._stopping.wait(), pause)
                return 0
            except TimeoutError:
                pause = min(2 * pause, LONGEST_RETRY_SECONDS)

    async def _live(self) -> tuple[int, bool]:
        """Run one process to its end; returns its exit status, and whether it has served."""
        monitor = self._monitor = HeartbeatMonitor(self.number, lambda: self.changed())
        status = 1
        try:
            try:
                self._process = await self._start(monitor.worker_end)
            finally:
                monitor.close_worker_end()
            if self._stopping.is_set():
                self._signal(signal.SIGTERM)
            status = await self._process.wait()
        except OSError as error:  # such as no memory, or too many processes
            logger.error("worker {} cannot be started: {}", self.number, error)
        finally:
            monitor.close()
            self._monitor = None
            self.changed()
        return status, monitor.has_served

    async def _start(self, serving: int) -> asyncio.subprocess.Process:
        place = msgspec.json.encode(msgspec.structs.replace(self._place, serving=serving))
        return await asyncio.create_subprocess_exec(
            *self._command,
            pass_fds=(*self._files, serving),
            env=os.environ | {VARIABLE: place.decode()},
        )

    def stop(self) -> None:
        """Let the worker drain, and do not restart it."""
        self._stopping.set()
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        logger.warning("worker {} did not stop in time and is killed", self.number)
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            # `Process.send_signal` first polls the process. If it has ended, the poll takes the exit status
            # away from the task that waits for it.
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)


def run_workers(loaded: Loaded, count: int) -> int:
    """Serve with `count` workers until told to stop; returns the exit status. Raises `StartupError`."""
    writer = logging.setup(loaded.config.logging, version=__version__)
    try:
        check_shared(loaded)
        folder = DataFolder(Path(loaded.config.server.data).absolute())
        try:
            return asyncio.run(_serve(loaded.config, count))
        finally:
            folder.close()
    finally:
        writer.close()


def check_shared(loaded: Loaded) -> None:
    """Raises `StartupError` if the store is for one process only."""
    server = Server(loaded)
    if server.store.is_private():
        raise StartupError(
            "--workers: this store is for one process only. Several can share PostgreSQL, or a "
            "MongoDB with an address (plugin.mongo.uri)"
        )
    if server.service.exchange is None:
        seconds = loaded.config.delivery.repair_seconds
        logger.warning("workers without a bus see each other's events up to {} s late", seconds)


async def _serve(config: Config, count: int) -> int:
    shared, own = _listen(config, count)
    alive, parent = os.pipe()
    places = [
        Place(
            number,
            tuple(each.getsockname()[1] for each in own),
            tuple(each.fileno() for each in mine),
            its_own.fileno(),
            alive,
        )
        for number, (mine, its_own) in enumerate(zip(shared, own, strict=True), 1)
    ]
    workers = [Worker(place, [sys.executable, *sys.orig_argv[1:]]) for place in places]
    try:
        stop_seconds = config.server.drain_seconds + STOP_SECONDS + GRACE_SECONDS
        return await watch(workers, stop_seconds, Steering(shared))
    finally:
        os.close(parent)
        os.close(alive)
        for each in (*own, *(each for mine in shared for each in mine)):
            each.close()


def _listen(config: Config, count: int) -> tuple[list[list[socket.socket]], list[socket.socket]]:
    """Each worker's list of sockets for clients, and each worker's own socket."""
    # First bound unshared, as shared sockets would not notice another server at the port.
    for each in (*bind(config), *bind_internal(config)):
        each.close()
    shared = [bind(config, shared=True)]
    port = shared[0][0].getsockname()[1]
    shared += [bind(config, port, shared=True) for _ in range(count - 1)]
    return shared, [bind_own() for _ in range(count)]


async def watch(workers: Sequence[Worker], stop_seconds: float, steering: Steering) -> int:
    """Run all workers until told to stop, or until one refuses to start; returns the exit status."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in stop_signals():
        loop.add_signal_handler(number, stop.set)
    steered = asyncio.create_task(_steer(workers, steering))
    running = [asyncio.create_task(worker.run()) for worker in workers]
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([*running, stopped], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    for worker in workers:
        worker.stop()
    _, late = await asyncio.wait(running, timeout=stop_seconds)
    for worker, task in zip(workers, running, strict=True):
        if task in late:
            worker.kill()
    statuses = await asyncio.gather(*running)
    steered.cancel()
    return next((abs(status) for status in statuses if status), 0)


async def _steer(workers: Sequence[Worker], steering: Steering) -> None:
    """Direct new connections to the workers that take them."""

    def steer() -> None:
        steering.to([place for place, worker in enumerate(workers) if worker.takes_connections])

    for worker in workers:
        worker.changed = steer
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        for worker in workers:
            worker.beat()
        steer()
