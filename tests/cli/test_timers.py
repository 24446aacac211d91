"""`chatserver timers`: what is set, dead letters, and having them tried again."""

import asyncio
import json
from pathlib import Path

import pytest

from chatserver.app import Server
from chatserver.cluster.timers.records import DeadTimer, Pending, TimerRecords
from chatserver.config import load
from tests.cli.conftest import Run

NAME = "scheduled.post"


@pytest.fixture
def sets(tmp_path: Path) -> list[str]:
    """The options for an installation on SQLite that has one key set, and two dead letters."""
    given = {
        "server.data": str(tmp_path / "data"),
        "plugins.enabled": ["sqlite", "password", "scheduled"],
        "logging.folder": "",
    }

    async def fill() -> None:
        async with Server(load(environ={}, overrides=given)).opened() as server:
            records = TimerRecords(server.store, NAME)
            await records.set(Pending(id="1", key="set", at=4e9, next=4e9))
            for key in ("a", "b"):
                await records.set(Pending(id=key, key=key, at=1e9, next=1e9, payload=b"p"))
                found = await records.get(key)
                assert found is not None
                letter = DeadTimer(
                    key=key, at=1e9, payload=b"p", attempts=9, error="room.not_found", given_up="x"
                )
                await records.bury(found, letter)

    asyncio.run(fill())
    return [f"--data={given['server.data']}", "--set=plugins.enabled=sqlite,password,scheduled"]


def rows(run: Run, *command: str) -> list[dict[str, object]]:
    result = run("timers", *command)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_dead_letters_are_listed_tried_again_and_discarded(run: Run, sets: list[str]) -> None:
    (state,) = rows(run, "list", "--json", *sets)
    assert state == {"name": NAME, "node": "", "pending": 1, "late": 0.0, "dead": 2}
    letters = rows(run, "dead", NAME, "--json", *sets)
    assert [(each["key"], each["attempts"]) for each in letters] == [("a", 9), ("b", 9)]
    assert NAME in run("timers", "list", *sets).output
    assert "room.not_found" in run("timers", "dead", NAME, *sets).output
    retried = run("timers", "retry", NAME, "--key", "a", *sets)
    assert retried.stdout == f"{NAME} retries 1 dead letter.\n"
    discarded = run("timers", "discard", NAME, "--all", *sets)
    assert discarded.stdout == f"{NAME}: 1 dead letter discarded.\n"
    (state,) = rows(run, "list", "--json", *sets)
    assert (state["pending"], state["dead"]) == (2, 0)
    assert isinstance(state["late"], float) and state["late"] < 3600  # due since it was retried
    nothing = run("timers", "retry", NAME, *sets)
    assert nothing.exit_code == 1 and "has no dead letter" in nothing.stderr


def test_unknown_timers_and_half_a_selection_are_refused(run: Run, sets: list[str]) -> None:
    for command in (("dead",), ("retry",), ("discard", "--all")):
        result = run("timers", command[0], "nobody", *command[1:], *sets)
        assert result.exit_code == 1
        assert f"There is no timer 'nobody' (there are: {NAME})." in result.stderr
    for given in ((), ("--all", "--key", "a")):
        assert run("timers", "discard", NAME, *given).exit_code == 2
