"""Fault 29: the clock of one of two nodes jumps by an hour, and by ten years.

Time orders nothing, so nothing is lost or doubled; and nobody is signed out, on no node.
"""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.faults import trial
from tests.faults.figures import record_trial
from tests.faults.fleet import Fleet
from tests.faults.nodes import patient
from tests.faults.scale import IS_LONG, SCALE
from tests.faults.server import ChatServer, http
from tests.servers import Mongod

LIBRARY = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
HOUR, TEN_YEARS = 3600, 10 * 365 * 86400
RATE = 50  # libfaketime makes its node slow: where both write much to one room, it waits for long
JUMP_SECONDS = 3 if IS_LONG else 0.5

pytestmark = pytest.mark.parametrize("seed", SCALE.seeds)


class Clock:
    """The clock of one process. https://github.com/wolfcw/libfaketime"""

    def __init__(self, file: Path) -> None:
        if not LIBRARY.exists():
            (pytest.fail if os.environ.get("CI") else pytest.skip)("there is no libfaketime")
        self._file = file
        self.jump(0)
        self.environment = {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            # Look at the file once a second. At each question for the time, as it can too, it makes
            # the process slower by some times.
            "FAKETIME_CACHE_DURATION": "0",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def jump(self, seconds: int) -> None:
        """So far from the truth, within a second from now."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.replace(self._file)


def ahead(server: ChatServer) -> float:
    """Seconds that the server's clock is ahead of ours."""
    said = http.get(server.url + "/health").json()["timestamp"]
    return (datetime.fromisoformat(said) - datetime.now(UTC)).total_seconds()


async def test_a_jumping_clock_is_not_noticed(tmp_path: Path, database: Mongod, seed: int) -> None:
    settings = patient(database, tmp_path)
    clock = Clock(tmp_path / "clock")
    there = ChatServer(tmp_path / "there", environment=clock.environment, **settings)
    with ChatServer(tmp_path / "here", **settings) as here, there:
        async with Fleet(here, SCALE._replace(rate=RATE), seed, others=[there]) as fleet:
            tokens = [client.token for client in fleet.clients[:2]]

            async def jump() -> None:
                for seconds in (HOUR, -HOUR, TEN_YEARS, 0):
                    clock.jump(seconds)
                    async with asyncio.timeout(60):
                        while abs(await asyncio.to_thread(ahead, there) - seconds) > HOUR / 2:
                            await asyncio.sleep(0.05)
                    await asyncio.sleep(JUMP_SECONDS)
                    # A login looks through the user's other sessions for such as have expired.
                    await asyncio.to_thread(there.login, fleet.clients[0].name)

            outcome = await trial.run(fleet, jump)
        assert outcome.findings == []
        assert outcome.complaints == []
        assert outcome.connections == 1
        for server in (here, there):
            assert [server.get("/api/v1/me", token).status_code for token in tokens] == [200, 200]
            assert server.errors() == []
        record_trial(outcome.row("29 a clock jumps by an hour and ten years", "MongoDB", seed))
