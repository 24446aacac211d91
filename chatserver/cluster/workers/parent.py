"""Several workers on one machine behind one port: a parent that starts, watches and stops them.

Each worker is a process and a node like any other. The parent opens the sockets and keeps them, so that
connections wait while a worker restarts and are not refused.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec
from loguru import logger

from chatserver import logging
from chatserver.app import CLOSE_SECONDS, LEAVE_SECONDS, STOP_SECONDS, Server
from chatserver.cluster.workers.heartbeats import BEAT_SECONDS, HeartbeatMonitor
from chatserver.cluster.workers.lanes import Lane
from chatserver.cluster.workers.place import VARIABLE, Place, folder_of
from chatserver.cluster.workers.steering import Steering
from chatserver.config import Config, Loaded
from chatserver.errors import StartupError
from chatserver.handover.bequest import Bequest
from chatserver.handover.listeners import Listeners
from chatserver.handover.predecessor import Predecessor
from chatserver.handover.restarting import Restarting
from chatserver.handover.systemd import notify
from chatserver.process.folders import DataFolder
from chatserver.process.own_command import own_command
from chatserver.process.stopping import Stop
from chatserver.runtime.cancelling import cancel
from chatserver.serving import stop_signals
from chatserver.version import __version__

RETRY_SECONDS = 0.2  # before a worker that has ended is restarted …
LONGEST_RETRY_SECONDS = 5.0  # … and at most, if it ends again and again
HEALTHY_SECONDS = 10.0  # a worker that served this long did not fail at its start
GRACE_SECONDS = 15.0  # after the time for a drain; then a worker is killed


class Worker:
    """One worker, restarted when it ends."""

    def __init__(self, place: Place, command: Sequence[str]) -> None:
        self.number = place.number
        self._command = command
        self._files = (
            *(*place.sockets, *place.internal, place.own, place.parent, place.lock),
            *(place.hear, *place.tell),
        )
        self._place = place
        self._owns_told = False  # whether the present process knows that it has the place
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._monitor: HeartbeatMonitor | None = None  # of the present process
        # Called when `takes_connections` may have changed.
        self.changed: Callable[[], None] = lambda: None
        self.served = asyncio.Event()  # set once it has served
        self.refusal = ""  # the reason why it refused to start

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
                return 0 if status in (-signal.SIGTERM, -signal.SIGUSR2) else status
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
        monitor = self._monitor = HeartbeatMonitor(self.number, self._heard)
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
            self.refusal = monitor.refusal
            self.changed()
        return status, monitor.has_served

    async def _start(self, serving: int) -> asyncio.subprocess.Process:
        self._owns_told = self._place.owner
        place = msgspec.json.encode(msgspec.structs.replace(self._place, serving=serving))
        return await asyncio.create_subprocess_exec(
            *self._command,
            pass_fds=(*self._files, serving),
            env=os.environ | {VARIABLE: place.decode()},
        )

    def _heard(self) -> None:
        if self.takes_connections:
            self.served.set()
        self._tell()
        self.changed()

    def own(self) -> None:
        """The worker of the predecessor leaves: this one has its place and its folder."""
        self._place = msgspec.structs.replace(self._place, owner=True)
        self._tell()

    def _tell(self) -> None:
        """Tell the process that it has the place, once it serves and so knows the signal."""
        if self._place.owner and not self._owns_told and self.takes_connections:
            self._owns_told = True
            self._signal(signal.SIGUSR1)

    def stop(self, *, leave: bool = False) -> None:
        """Let the worker drain, and do not restart it. It may `leave` slowly if another has its place."""
        self._stopping.set()
        serves = self._monitor is not None and self._monitor.has_served  # so it knows SIGUSR2
        self._signal(signal.SIGUSR2 if leave and serves else signal.SIGTERM)

    def kill(self) -> None:
        logger.warning("worker {} did not stop in time and is killed", self.number)
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            # `Process.send_signal` first polls the process. If it has ended, the poll takes the exit status
            # away from the task that waits for it.
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)


def run_workers(loaded: Loaded, count: int, predecessor: Predecessor | None = None) -> int:
    """Serve with `count` workers until told to stop; returns the exit status. Raises `StartupError`.

    With a `predecessor`, they take over from its workers.
    """
    writer = logging.setup(loaded.config.logging, version=__version__)
    try:
        check_shared(loaded)
        data = Path(loaded.config.server.data).absolute()
        return asyncio.run(_serve(loaded.config, data, count, predecessor))
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


async def _serve(config: Config, data: Path, count: int, predecessor: Predecessor | None) -> int:
    stop = Stop(config.server.drain_seconds + STOP_SECONDS + GRACE_SECONDS + CLOSE_SECONDS)
    stop.watch(stop_signals())
    bequest = None
    with ExitStack() as stack:
        if predecessor is not None:
            bequest = predecessor.bequest
            await predecessor.built(stop)
        folder = predecessor.folder(data) if predecessor else DataFolder(data)
        stack.callback(folder.close)
        folders = _folders(data, count, bequest)
        for each in folders:
            stack.callback(each.close)
        listeners = Listeners(config, count, bequest)
        stack.callback(listeners.close)
        alive, parent = os.pipe()
        stack.callback(os.close, alive)
        stack.callback(os.close, parent)
        lanes = [Lane.new() for _ in range(count)]
        for lane in lanes:
            stack.callback(lane.close)
        workers = _workers(listeners, folders, lanes, alive, owners=predecessor is None)
        locks = [each.fileno() for each in folders]
        given = listeners.handed_over(str(data), folder.fileno(), locks)
        sockets = [
            [*public, *internal]
            for public, internal in zip(listeners.public, listeners.internal, strict=True)
        ]
        steering = Steering(sockets, inherited=bequest is not None)
        release = partial(_release, listeners, [folder, *folders])
        parting = Parting(Restarting(data, in_turn=False), given, folder, predecessor, release)
        return await watch(workers, config.server.drain_seconds, steering, parting, stop)


def _folders(data: Path, count: int, bequest: Bequest | None) -> list[DataFolder]:
    """The locked data folder of each worker."""
    inherited: dict[int, int] = {}
    if bequest is not None and bequest.data == str(data):
        inherited = dict(enumerate(bequest.locks, 1))
    return [
        DataFolder(folder_of(data, number), inherited.get(number)) for number in range(1, count + 1)
    ]


def _workers(
    listeners: Listeners,
    folders: Sequence[DataFolder],
    lanes: Sequence[Lane],
    alive: int,
    *,
    owners: bool,
) -> list[Worker]:
    ports = tuple(each.getsockname()[1] for each in listeners.own)
    groups = zip(listeners.public, listeners.internal, listeners.own, folders, strict=True)
    return [
        Worker(
            Place(
                number,
                ports,
                tuple(each.fileno() for each in public),
                tuple(each.fileno() for each in internal),
                own.fileno(),
                alive,
                folder.fileno(),
                lanes[number - 1].hear.fileno(),
                tuple(lane.tell.fileno() for lane in lanes if lane is not lanes[number - 1]),
                owners,
            ),
            own_command(),
        )
        for number, (public, internal, own, folder) in enumerate(groups, 1)
    ]


class Parting(NamedTuple):
    """The parent among the processes that replace each other."""

    restarting: Restarting
    bequest: Bequest
    folder: DataFolder
    predecessor: Predecessor | None
    release: Callable[[], None]  # of all that a new process has inherited


def _release(listeners: Listeners, folders: Sequence[DataFolder]) -> None:
    listeners.close()
    for each in folders:
        each.close()


async def watch(
    workers: Sequence[Worker],
    drain_seconds: float,
    steering: Steering,
    parting: Parting,
    stop: Stop,
) -> int:
    """Run all workers until told to stop, or until one refuses to start; returns the exit status.

    Raises `StartupError` if told to stop before it took the place of the predecessor.
    """
    stop_seconds = drain_seconds + STOP_SECONDS + GRACE_SECONDS
    leave_seconds = drain_seconds + LEAVE_SECONDS + GRACE_SECONDS
    restarting, predecessor = parting.restarting, parting.predecessor
    steered: list[asyncio.Task[None]] = []

    def steer() -> None:
        if not stop.replaced:
            steered.append(asyncio.create_task(_steer(workers, steering)))

    async def own() -> None:
        """The data folder and the port are this process's."""
        for worker in workers:
            worker.own()
        await restarting.listen()
        parting.folder.note()
        steer()
        notify("READY=1")

    def leave() -> None:
        """Direct no connections any more, at once, as another process does."""
        for each in steered:
            each.cancel()
        for worker in workers:
            worker.changed = lambda: None
        stop.leave(leave_seconds + CLOSE_SECONDS)

    async def all_serve() -> None:
        for worker in workers:
            await worker.served.wait()
        if stop.is_asked:
            return
        restarting.serve(parting.bequest, leave, parting.release)
        if predecessor is not None:
            await predecessor.serves(own, stop.now)
        else:
            notify("READY=1")

    if predecessor is None:
        parting.folder.note()
        await restarting.listen()
        steer()
    running = [asyncio.create_task(worker.run()) for worker in workers]
    ready, stopped = asyncio.create_task(all_serve()), asyncio.create_task(stop.wait())
    await asyncio.wait([*running, stopped], return_when=asyncio.FIRST_COMPLETED)
    goes_on = predecessor is not None and predecessor.goes_on
    if goes_on:
        await cancel([ready])
    if not stop.replaced:
        restarting.give_up()
        if not goes_on:
            notify("STOPPING=1")
    for worker in workers:
        worker.stop(leave=stop.replaced or (goes_on and worker.served.is_set()))
    _, late = await asyncio.wait(running, timeout=leave_seconds if stop.replaced else stop_seconds)
    for worker, task in zip(workers, running, strict=True):
        if task in late:
            worker.kill()
    statuses = await asyncio.gather(*running)
    Stop.ended()
    await restarting.left(stop)
    await restarting.end()
    await cancel([*steered, ready, stopped])
    if predecessor is not None:
        refused = [f"worker {each.number}: {each.refusal}" for each in workers if each.refusal]
        if refused:
            predecessor.failed(refused[0])
        await predecessor.end()
        if goes_on and not refused:
            predecessor.goes_on_if(stop)
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
