"""Clients that lose their node go on at another one, and miss nothing."""

import asyncio
from pathlib import Path

import pytest

from tests.faults import trial
from tests.faults.fleet import Fleet
from tests.faults.nodes import nodes
from tests.nodes.conftest import SMALL


@pytest.fixture(params=["mongo", "postgres without a bus"])
def settings(request: pytest.FixtureRequest) -> dict[str, object]:
    """The settings that the nodes share."""
    store, without, _ = request.param.partition(" without ")
    found: dict[str, object] = request.getfixturevalue(f"on_{store}")
    return found | {"plugins__enabled": f"{store},password,metrics"} if without else found


async def test_clients_resume_on_another_node(tmp_path: Path, settings: dict[str, object]) -> None:
    with nodes(tmp_path, 2, **settings) as (one, two):
        async with Fleet(one, SMALL, 1, others=[two]) as fleet:

            async def lose_the_other() -> None:
                await asyncio.to_thread(two.kill)
                await asyncio.to_thread(two.start)  # its clients are on the first one by then

            outcome = await trial.run(fleet, lose_the_other, seconds=SMALL.seconds)
        assert outcome.findings == []
        assert outcome.complaints == []
        assert outcome.acknowledged > 0
        assert outcome.connections > 1, "some have moved"
        assert one.stop() == 0
