"""Faults 23 and 24: hostile GraphQL documents and floods of subscriptions, while others talk.

Each excessive request is refused. Nobody else is told of an error, waits for long, or loses anything.
"""

import asyncio
from collections.abc import Iterator
from itertools import cycle, pairwise
from pathlib import Path

import httpx
import pytest

from tests.faults import trial
from tests.faults.client import ANSWER_SECONDS
from tests.faults.figures import record, record_trial
from tests.faults.fleet import Fleet
from tests.faults.scale import IS_LONG, SCALE
from tests.faults.server import ChatServer
from tests.graphql.speaker import EVENTS, Speaker
from tests.graphql.test_limits import HOSTILE

DOCUMENTS, FLOODS = "23 hostile GraphQL documents", "24 floods of GraphQL subscriptions"
SENDERS = 4  # connections at once
TOO_LARGE = "request.too_large"  # of a body that is not even read
TIMES = 20 if IS_LONG else 1  # that each sends every document
FLOODERS = 20 if IS_LONG else 5
SUBSCRIPTIONS = 1000  # that each asks for at once
ALLOWED = 100  # as it comes, for one connection
FLOOD_SECONDS = 10 if IS_LONG else 1
MOST_GROWTH = 64 << 20

pytestmark = pytest.mark.parametrize("seed", SCALE.seeds)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ChatServer]:
    settings: dict[str, object] = {
        "plugins__enabled": "sqlite,password,metrics,graphql",
        "limits__operations_burst": 1_000_000,  # so that each document is looked at
    }
    with ChatServer(tmp_path, store="sqlite", **settings) as server:
        yield server
        assert server.errors() == []


def check(outcome: trial.Outcome, fleet: Fleet, fault: str, seed: int) -> None:
    longest = max(fleet.history.waits())
    record_trial(outcome.row(fault, "SQLite", seed))
    record(fault, "another's longest wait for an answer", f"{longest:.2f} s")
    assert outcome.findings == []
    assert outcome.complaints == []
    assert outcome.connections == 1
    assert longest < ANSWER_SECONDS, "answered at the first try"


async def send_documents(server: ChatServer, token: str) -> list[str]:
    """The documents that were not refused with the expected code."""
    wrong = []
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=60) as client:
        for _, (name, (text, code)) in zip(range(TIMES * len(HOSTILE)), cycle(HOSTILE.items())):
            answer = await client.post("/graphql", json={"query": text})
            if _code(answer) not in (code, TOO_LARGE):
                wrong.append(f"{name}: {answer.text}")
    return wrong


def _code(answer: httpx.Response) -> str:
    said = answer.json()
    code: str = (
        said["error"]["code"] if "error" in said else said["errors"][0]["extensions"]["code"]
    )
    return code


async def test_hostile_documents_are_refused_while_others_talk(
    server: ChatServer, seed: int
) -> None:
    async with Fleet(server, SCALE, seed) as fleet:
        token = server.register("hostile")
        growths = []

        async def send_all() -> None:
            before = server.memory()
            wrong = await asyncio.gather(*(send_documents(server, token) for _ in range(SENDERS)))
            growths.append(server.memory() - before)
            assert wrong == [[]] * SENDERS

        outcome = await trial.run(fleet, send_all)
    check(outcome, fleet, DOCUMENTS, seed)
    assert max(growths) < MOST_GROWTH
    record(
        DOCUMENTS, "documents, each refused with its code", f"{SENDERS * TIMES * len(HOSTILE):,}"
    )
    record(DOCUMENTS, "memory grew by", f"{max(growths) / (1 << 20):.1f} MiB")


async def flood(server: ChatServer, token: str, room: str) -> int:
    """Number of refused subscriptions; the others got every event while they were open."""
    async with Speaker(server.port) as speaker:
        await speaker.init(token)
        names = [str(number) for number in range(SUBSCRIPTIONS)]
        with speaker.at_once():
            for name in names:
                speaker.subscribe(name, EVENTS, room=room)
        codes = [await speaker.error_code(name) for name in names[ALLOWED:]]
        assert set(codes) == {"graphql.operations"}
        await asyncio.sleep(FLOOD_SECONDS)
        for name in (names[0], names[ALLOWED - 1]):
            seqs = await speaker.seqs(name, 3)
            assert all(later == earlier + 1 for earlier, later in pairwise(seqs))
    return len(codes)


async def test_floods_of_subscriptions_cost_nobody_else_anything(
    server: ChatServer, seed: int
) -> None:
    async with Fleet(server, SCALE, seed) as fleet:
        tokens = [server.register(f"flooder{number}") for number in range(FLOODERS)]
        room = fleet.rooms[0]
        for token in tokens:
            server.post(f"/api/v1/rooms/{room}/join", token)
        refused, growths = [], []

        async def flood_all() -> None:
            before = server.memory()
            refused.extend(await asyncio.gather(*(flood(server, t, room) for t in tokens)))
            growths.append(server.memory() - before)

        outcome = await trial.run(fleet, flood_all)
    check(outcome, fleet, FLOODS, seed)
    assert max(growths) < MOST_GROWTH
    record(FLOODS, "subscriptions refused", f"{sum(refused):,}")
    record(FLOODS, "subscriptions that began", f"{FLOODERS * ALLOWED:,}")
    record(FLOODS, "memory grew by", f"{max(growths) / (1 << 20):.1f} MiB")
