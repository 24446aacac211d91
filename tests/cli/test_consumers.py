"""`chatserver consumers`: lag, dead letters, and having them and others handled again."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.faults.receiving import HookReceiver
from tests.faults.server import ForkedServer, http
from tests.waiting import wait_until

NAME = "webhooks.tickets"


@pytest.fixture
def receiver() -> HookReceiver:
    """Nothing listens there yet."""
    return HookReceiver()


def test_dead_letters_are_listed_and_tried_again(
    tmp_path: Path, run: Run, receiver: HookReceiver
) -> None:
    given = receiver.settings(attempts=1) | {"plugins__enabled": "sqlite,password,metrics,webhooks"}
    server = ForkedServer(tmp_path / "server", **given)
    keys = {key.replace("__", "."): value for key, value in given.items()}
    keys["server.data"] = str(server.folder / "data")
    sets = [f"--set={key}={value}" for key, value in keys.items()]

    def rows(*command: str) -> list[dict[str, object]]:
        result = run("consumers", *command, "--json", *sets)
        assert result.exit_code == 0, result.output
        return [json.loads(line) for line in result.stdout.splitlines()]

    with server:
        room = server.room(server.register("ada"))
        wait_until(lambda: server.metric("chatserver_consumer_dead_letters_total") == 2)
        assert run("consumers", "list", *sets).exit_code == 1  # the file is the server's
        assert server.stop() == 0
        assert rows("list") == [{"name": NAME, "node": "", "lag": 0, "dead": 2}]
        assert [(row["room"], row["seq"]) for row in rows("dead", NAME)] == [(room, 1), (room, 2)]
        assert NAME in run("consumers", "list", *sets).output
        assert room in run("consumers", "dead", NAME, *sets).output
        discarded = run("consumers", "discard", NAME, "--room", room, "--seq", "2", *sets)
        assert discarded.stdout == f"{NAME}: 1 dead letter discarded.\n"
        nothing = run("consumers", "discard", NAME, "--room", room, "--seq", "2", *sets)
        assert nothing.exit_code == 1
        assert f"{NAME} has no dead letter 2 in {room}." in nothing.stderr
        retried = run("consumers", "retry", NAME, "--room", room, *sets)
        assert retried.stdout == f"{NAME} retries its dead letters.\n"
        with receiver:
            server.start()
            wait_until(lambda: receiver.seqs[room] == [1])
            # The lag is found after all requests were carried out: the letter is forgotten then.
            wait_until(
                lambda: "chatserver_consumer_lag_events{" in http.get(f"{server.url}/metrics").text
            )
            assert server.stop() == 0
            assert rows("dead", NAME) == []
            replayed = run("consumers", "replay", NAME, "--room", room, "--from", "2", *sets)
            assert replayed.stdout == f"{NAME} repeats events from 2 on in {room}.\n"
            server.start()
            wait_until(lambda: receiver.seqs[room] == [1, 2])
            assert server.stop() == 0


def test_an_unknown_consumer_is_refused(tmp_path: Path, run: Run) -> None:
    sets = [f"--set=server.data={tmp_path}", "--set=plugins.enabled=memory,password"]
    for command in ("replay", "dead", "retry", "discard"):
        every = ["--all"] if command == "discard" else []
        result = run("consumers", command, "nobody", *every, *sets)
        assert result.exit_code == 1
        assert "There is no consumer 'nobody' (there are: none)." in result.stderr


@pytest.mark.parametrize("given", [(), ("--seq=3",), ("--all", "--room=r"), ("--all", "--seq=3")])
def test_discarding_requires_a_selection(given: tuple[str, ...], run: Run) -> None:
    result = run("consumers", "discard", "p.sink", *given)
    assert result.exit_code == 2
    assert "--room ID" in result.stderr
