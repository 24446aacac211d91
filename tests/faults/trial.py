"""One fault in the middle of traffic, and its outcome in figures."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from itertools import pairwise
from typing import NamedTuple

from tests.faults import checker
from tests.faults.figures import Trial
from tests.faults.fleet import Fleet
from tests.faults.scale import SCALE

SETTLE_SECONDS = 60.0

Fault = Callable[[], Awaitable[None]]  # returns when it is over


class Outcome(NamedTuple):
    """Observations of the clients and the servers. Times in seconds."""

    acknowledged: int
    findings: list[str]
    gap: float  # the longest without an acknowledgement, from the fault on
    caught_up: float  # from its end until all that was sent by then was everywhere
    memory: int  # bytes of the largest node afterwards
    refusals: list[float]  # how long each send waited that was refused
    resumes: list[float]  # from the loss of each connection to being live again
    complaints: list[str]  # what users would have been told
    connections: int  # the most of one client

    def row(self, fault: str, store: str, seed: int, *, control: bool = False) -> Trial:
        """As the table shows it."""
        return Trial(
            fault=fault,
            store=store,
            seed=seed,
            acknowledged=self.acknowledged,
            findings=len(self.findings),
            gap=self.gap,
            caught_up=self.caught_up,
            memory=self.memory,
            is_control=control,
        )


async def run(fleet: Fleet, fault: Fault, *, seconds: float = SCALE.seconds) -> Outcome:
    """Traffic, the fault, traffic again, each for `seconds`; then everything is compared."""
    async with fleet.traffic():
        await asyncio.sleep(seconds)
        when, caught_up = await strike(fleet, fault)
        await asyncio.sleep(seconds)
    await fleet.settled(SETTLE_SECONDS)
    return await outcome(fleet, when, caught_up)


async def run_in_turn(fleet: Fleet, faults: Mapping[str, Fault]) -> dict[str, Outcome]:
    """One fault after the other in the same traffic; then everything is compared, once for all."""
    async with fleet.traffic():
        await asyncio.sleep(SCALE.seconds)
        struck = {name: await strike(fleet, fault) for name, fault in faults.items()}
        await asyncio.sleep(SCALE.seconds)
    await fleet.settled(SETTLE_SECONDS)
    starts = [when for when, _ in struck.values()]
    whole = await outcome(fleet, starts[0], 0)
    # Each is given what was acknowledged until the next; what was before all belongs to the first.
    spans = pairwise([0, *starts[1:], math.inf])
    return {
        name: whole._replace(
            acknowledged=len([e for e in fleet.history.acknowledged() if start <= e.t < end]),
            gap=fleet.history.pause(when, end),
            caught_up=caught_up,
        )
        for (name, (when, caught_up)), (start, end) in zip(struck.items(), spans, strict=True)
    }


async def strike(fleet: Fleet, fault: Fault) -> tuple[float, float]:
    """The beginning of the fault, and the time from its end until all earlier sends had reached all."""
    when = fleet.history.now()
    await fault()
    over = fleet.history.now()
    under_way = fleet.under_way()
    async with asyncio.timeout(SETTLE_SECONDS):
        while under_way & fleet.under_way():
            await asyncio.sleep(0.01)
        await fleet.caught_up()
    return when, fleet.history.now() - over


async def outcome(fleet: Fleet, when: float, caught_up: float) -> Outcome:
    """The outcome of a fleet that has settled, after a fault at `when`."""
    clients = fleet.clients
    memory = max(server.memory() for server in fleet.servers)
    logs = await fleet.stored()
    return Outcome(
        acknowledged=len(fleet.history.acknowledged()),
        findings=checker.check(fleet.history.operations, logs, fleet.heard()),
        gap=fleet.history.pause(when),
        caught_up=caught_up,
        memory=memory,
        refusals=[seconds for client in clients for seconds in client.refusal_seconds],
        resumes=[seconds for client in clients for seconds in client.resume_seconds],
        complaints=[told for client in clients for told in client.complaints],
        connections=max(client.connections for client in clients),
    )
