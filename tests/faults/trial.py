"""One fault in the middle of traffic: what came of it, in figures."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from tests.faults import checker
from tests.faults.figures import Trial
from tests.faults.fleet import Fleet
from tests.faults.scale import SCALE

SETTLE_SECONDS = 60.0


class Outcome(NamedTuple):
    """What became of the clients and the servers. Times in seconds."""

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


async def run(
    fleet: Fleet, fault: Callable[[], Awaitable[None]], *, seconds: float = SCALE.seconds
) -> Outcome:
    """Traffic, the fault, traffic again, each for `seconds`; then everything is compared."""
    async with fleet.traffic():
        await asyncio.sleep(seconds)
        when = fleet.history.now()
        await fault()
        over = fleet.history.now()
        under_way = fleet.under_way()
        async with asyncio.timeout(SETTLE_SECONDS):
            while under_way & fleet.under_way():
                await asyncio.sleep(0.01)
            await fleet.caught_up()
        caught_up = fleet.history.now() - over
        await asyncio.sleep(seconds)
    await fleet.settled(SETTLE_SECONDS)
    return await outcome(fleet, when, caught_up)


async def outcome(fleet: Fleet, when: float, caught_up: float) -> Outcome:
    """What is to be said of a fleet that has settled, after a fault at `when`."""
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
