"""Faults 4, 5 and 6: the primary of three mongods is killed, frozen, or cut off from the others.

Another one takes over, soon; nothing acknowledged is lost or doubled. Each also with a store that
does not wait for a majority, where the checker must find the loss.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.faults import trial
from tests.faults.figures import record_trial
from tests.faults.fleet import Fleet
from tests.faults.members import Member, Members
from tests.faults.scale import IS_LONG, SCALE
from tests.faults.server import PLUGINS, SHIPPED, ChatServer

STORE = "MongoDB, three members"
FREEZE_SECONDS = 20 if IS_LONG else 4  # an election is due after 2
ISOLATED_SECONDS = 3.0
CUT_SECONDS = 0.5  # from when on the others got nothing from it, in the controls

pytestmark = pytest.mark.parametrize("seed", SCALE.seeds)


async def kill(members: Members, primary: Member) -> None:
    await asyncio.to_thread(primary.kill)


async def freeze(members: Members, primary: Member) -> None:
    primary.freeze()
    await asyncio.sleep(FREEZE_SECONDS)
    primary.thaw()


async def isolate_and_kill(members: Members, primary: Member) -> None:
    """Clients reach it as before, and it goes on to take writes until it finds out."""
    await asyncio.to_thread(members.isolate, primary)
    await asyncio.sleep(ISOLATED_SECONDS)
    await asyncio.to_thread(primary.kill)


class Fault(NamedTuple):
    name: str
    happens: Callable[[Members, Member], Awaitable[None]]
    most_gap: float  # seconds without an acknowledgement, in a long run


FAULTS = {
    "kill": Fault("4 kill -9 of the primary", kill, 4.0),
    "freeze": Fault("5 the primary frozen", freeze, 15.0),
    "isolate": Fault("6 the primary cut off, then killed", isolate_and_kill, 15.0),
}


def server(folder: Path, members: Members, store: str = "mongo") -> ChatServer:
    settings = SHIPPED | {
        f"plugin__{store}__uri": members.uri,
        f"plugin__{store}__database": folder.name[-60:],
        "plugins__folder": PLUGINS,
    }
    return ChatServer(folder, store=store, **settings)


@pytest.mark.parametrize("kind", FAULTS)
async def test_another_one_takes_over(
    tmp_path: Path, members: Members, kind: str, seed: int
) -> None:
    fault = FAULTS[kind]

    async def fail() -> None:
        await fault.happens(members, await asyncio.to_thread(members.primary))

    with server(tmp_path, members) as node:
        async with Fleet(node, SCALE, seed) as fleet:
            outcome = await trial.run(fleet, fail)
        assert outcome.findings == []
        assert not IS_LONG or outcome.gap < fault.most_gap
        assert outcome.connections == 1, "sockets are kept"
        record_trial(outcome.row(fault.name, STORE, seed))


@pytest.mark.parametrize("kind", FAULTS if IS_LONG else ["isolate"])
async def test_control_without_a_majority_it_is_lost(
    tmp_path: Path, members: Members, kind: str, seed: int
) -> None:
    """Messages that the other members had no time to copy are lost."""
    fault = FAULTS[kind]

    async def cut_and_fail() -> None:
        primary = await asyncio.to_thread(members.primary)
        await asyncio.to_thread(members.isolate, primary)
        await asyncio.sleep(CUT_SECONDS)
        await fault.happens(members, primary)  # the others may have chosen another one by now

    with server(tmp_path, members, "weak_mongo") as node:
        async with Fleet(node, SCALE, seed) as fleet:
            outcome = await trial.run(fleet, cut_and_fail, seconds=1)
        lost = [line for line in outcome.findings if "acknowledged and lost" in line]
        assert lost
        record_trial(outcome.row(f"{fault.name}, control: w:1", STORE, seed, control=True))
