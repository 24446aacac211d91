"""The nodes of an installation, and which of them are alive."""

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime

from chatserver.cluster.nodes import (
    BEAT_SECONDS,
    NodeRecord,
    raw_records,
    read,
)
from chatserver.interfaces import Store
from chatserver.status.report import NodeReport

POLL_SECONDS = 0.5
FRESH_SECONDS = 1.5 * BEAT_SECONDS  # a record of this age needs no second look
WAIT_SECONDS = 2.5 * BEAT_SECONDS


async def nodes(store: Store, wait: float = WAIT_SECONDS) -> list[NodeReport]:
    """All nodes. A node is alive if its record is fresh, or changes within `wait` seconds.

    So a node with a wrong clock is not taken for a dead one, at the cost of a wait.
    """
    first = dict(await raw_records(store))
    doubtful = {key for key, record in first.items() if not _is_fresh(read(key, record))}
    alive, newest = first.keys() - doubtful, first
    deadline = time.monotonic() + wait
    while doubtful and time.monotonic() < deadline:
        await asyncio.sleep(POLL_SECONDS)
        newest = dict(await raw_records(store))
        changed = {key for key in doubtful if key in newest and newest[key] != first[key]}
        alive |= changed
        doubtful = {
            key for key in doubtful - changed if key in newest
        }  # one may have ended in order
    return [_report(read(key, record), key in alive) for key, record in newest.items()]


def _is_fresh(record: NodeRecord) -> bool:
    try:
        written = datetime.fromisoformat(record.at).timestamp()
    except ValueError:
        return False
    return abs(time.time() - written) < FRESH_SECONDS


def _report(record: NodeRecord, alive: bool) -> NodeReport:
    return NodeReport(
        node=record.node,
        alive=alive,
        version=record.version,
        roles=record.roles,
        state=record.state,
        started=record.started,
        at=record.at,
        address=record.address,
        internal=record.internal,
        bus=record.bus,
        connections=record.connections,
    )


def live(found: Sequence[NodeReport]) -> list[NodeReport]:
    """The nodes that are alive."""
    return [node for node in found if node.alive]
