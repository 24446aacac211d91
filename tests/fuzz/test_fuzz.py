"""A short run of the fuzzer in each run of the suite. The long one is `python -m tests.fuzz`."""

import asyncio
from pathlib import Path
from random import Random

import pytest

from tests.fuzz.__main__ import attack, attacked, prepared
from tests.fuzz.findings import STALL, Findings

SECONDS = 20
STORE = "sqlite"

pytestmark = pytest.mark.long


def test_hostile_input_meets_no_500_no_traceback_and_no_silence(tmp_path: Path) -> None:
    """Long turns of the loop are left to the long run: a busy machine must not fail this one."""
    found = Findings()
    (tmp_path / "commands").mkdir()
    with attacked(tmp_path / "server", STORE) as server:
        target = prepared(server, tmp_path / "commands")
        asyncio.run(attack(target, Random().randrange(1 << 32), SECONDS, found))
        assert server.is_ready()
        assert server.stop() == 0
    found.read_log(tmp_path / "server/logs/error.log")
    assert {key: text for key, text in found.found.items() if not key.startswith(STALL)} == {}
    doors = {"http", "raw", "socket", "graphql", "graphql socket", "command"}
    assert set(found.cases) == doors | {"upload", "sign-in", "room command"}


def test_the_fuzzer_finds_planted_faults(tmp_path: Path) -> None:
    found = Findings()
    found.answered("http", 500, b"", "GET /")
    found.answered("http", 503, b"", "GET /")
    found.said("socket", b'{"re":1,"error":{"code":"server.internal"}}', "x")
    log = tmp_path / "error.log"
    log.write_text('{"message": "task failed", "stack": "Traceback"}\n')
    found.read_log(log)
    turns = tmp_path / "turns.jsonl"
    turns.write_text(
        '{"at": 5, "seconds": 0.2, "collector": 0.1, "generation": 1, "stack": "File \\"/x/plugins/a.py\\", line 3, in f"}\n'
        * 2
    )
    found.read_turns(turns, since=4)
    found.read_turns(turns, since=6)
    assert list(found.found) == [
        "http 500",
        "socket internal",
        "log: task failed",
        'stall: plugins/a.py", line 3 in f',
    ]
    assert found.stalls == [0.2, 0.2]
