"""Looks at the disks and the store in the background, and registers the metrics of vital signs.

A scrape reads the last look, so that a disk or a store that hangs cannot hold it up.
"""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from loguru import logger

from chatserver.config import Config
from chatserver.errors import StoreUnavailable
from chatserver.hooks.blobs import Blobs
from chatserver.interfaces import Store
from chatserver.runtime.cancelling import cancel_or_name
from chatserver.runtime.measure import Measures
from chatserver.vitals.certificate import chain_expiry
from chatserver.vitals.folders import Space, spaces, written_folders
from chatserver.vitals.memory import memory
from chatserver.vitals.replication import StoreWatch

LOOK_SECONDS = 10.0  # below Prometheus's usual 15 s: each scrape finds a new look


class Vitals:
    """The vital signs of one node."""

    def __init__(
        self,
        config: Config,
        data: Path,
        store: Store,
        measures: Measures,
        on_failure: Callable[[StoreUnavailable], None],
        blobs: Blobs | None = None,
    ) -> None:
        """`on_failure` is called with each failed answer of the store."""
        self._folders = written_folders(config, data, store, blobs)
        self._spaces: dict[str, Space] = {}
        self._disks: asyncio.Future[dict[str, Space]] | None = None  # a look that is under way
        self._store = StoreWatch(store, measures, on_failure)
        self._tasks: list[asyncio.Task[None]] = []
        measures.gauge(
            "chatserver_disk_free_bytes",
            "Free space of the disk that a folder of the server is on; none while the disk hangs",
            lambda: self._by_folder("free"),
            ("folder",),
        )
        measures.gauge(
            "chatserver_disk_size_bytes",
            "Size of the disk that a folder of the server is on",
            lambda: self._by_folder("size"),
            ("folder",),
        )
        measures.gauge(
            "chatserver_memory_used_bytes",
            "Memory in use where the limit applies: the control group's, or the machine's",
            lambda: memory().used,
        )
        measures.gauge(
            "chatserver_memory_limit_bytes",
            "Limit of memory: the control group's, as in a container, or what the machine has",
            lambda: memory().limit,
        )
        if certificate := config.server.tls_certificate:
            ends = _end_of(Path(certificate))  # of the one in use, which a renewal does not change
            measures.gauge(
                "chatserver_tls_certificate_expiry_timestamp_seconds",
                "Time at which the certificate ends that this node uses (server.tls_certificate)",
                lambda: ends,
            )

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._watch_disks(), name="disks"),
            asyncio.create_task(self._store.watch(LOOK_SECONDS), name="store watch"),
        ]

    async def stop(self) -> None:
        await cancel_or_name(self._tasks)

    async def _watch_disks(self) -> None:
        while True:
            # In a thread, as a network file system may hang; then only this one thread hangs, and the
            # metrics vanish, which alerts notice.
            look = asyncio.ensure_future(asyncio.to_thread(spaces, self._folders))
            try:
                done, _ = await asyncio.wait([look], timeout=LOOK_SECONDS)
                if not done:
                    self._spaces = {}
                    logger.warning(
                        "a disk hangs: one of {}", ", ".join(map(str, self._folders.values()))
                    )
                self._spaces = await look
            finally:
                look.cancel()  # nobody waits for it once the server stops
            await asyncio.sleep(LOOK_SECONDS)

    def _by_folder(self, field: str) -> Mapping[tuple[str, ...], float]:
        return {(name,): getattr(space, field) for name, space in self._spaces.items()}


def _end_of(certificate: Path) -> float:
    """The Unix time at which the certificate ends; 0 if it cannot be read, which the listener reports."""
    try:
        return chain_expiry(certificate)
    except (OSError, ValueError):
        return 0.0
