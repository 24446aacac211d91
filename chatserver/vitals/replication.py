"""The store as this node sees it: whether it takes writes, how fast, and its replicas."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping

from loguru import logger

from chatserver.errors import StoreUnavailable
from chatserver.interfaces import Replica, Replication, Store
from chatserver.runtime.measure import Measures


class StoreWatch:
    """Asks the store every few seconds, and keeps the answers for the metrics."""

    def __init__(
        self, store: Store, measures: Measures, on_failure: Callable[[StoreUnavailable], None]
    ) -> None:
        self._store, self._on_failure = store, on_failure
        self._away_since: float | None = None
        self._seconds = math.nan  # of the last ping that succeeded
        self._replicas: list[Replica] = []
        self._era = ""
        measures.gauge(
            "chatserver_store_up",
            "1 if the store took a durable write at the last look",
            lambda: float(self._away_since is None),
        )
        measures.gauge(
            "chatserver_store_outage_seconds",
            "Time since the store stopped taking writes; 0: it takes them",
            lambda: 0.0 if self._away_since is None else time.monotonic() - self._away_since,
        )
        measures.gauge(
            "chatserver_store_write_seconds",
            "Time that a small durable write took at the last look",
            lambda: self._seconds,
        )
        measures.gauge(
            "chatserver_store_replicas",
            "Replicas of the store that work, besides the member that takes writes",
            lambda: sum(replica.up for replica in self._replicas),
        )
        measures.gauge(
            "chatserver_store_replica_up",
            "1 if this replica follows",
            lambda: {(replica.name,): float(replica.up) for replica in self._replicas},
            ("replica",),
        )
        measures.gauge(
            "chatserver_store_replica_lag_seconds",
            "Time by which a replica is behind; not shown if the store does not tell",
            self._lags,
            ("replica",),
        )
        self._failovers = measures.counter(
            "chatserver_store_failovers_total",
            "Times that this node saw another member take over the writes",
        )

    async def watch(self, seconds: float) -> None:
        """Look every `seconds` until cancelled."""
        while True:
            try:
                await self._look()
                self._away_since = None
            except StoreUnavailable as error:
                self._away_since = self._away_since or time.monotonic()
                self._on_failure(error)
            except Exception:  # a store of another author may have a broken `replication`
                logger.exception("the store cannot be watched")
            await asyncio.sleep(seconds)

    async def _look(self) -> None:
        began = time.perf_counter()
        await self._store.ping()
        self._seconds = time.perf_counter() - began
        ask = getattr(self._store, "replication", None)
        found: Replication | None = await ask() if ask is not None else None
        if found is None:
            self._replicas = []
            return
        self._replicas = list(found.replicas)
        if self._era and found.era and found.era != self._era:
            self._failovers.add()
            logger.warning("the store failed over to another member")
        self._era = found.era or self._era

    def _lags(self) -> Mapping[tuple[str, ...], float]:
        return {(each.name,): each.lag for each in self._replicas if each.lag is not None}
