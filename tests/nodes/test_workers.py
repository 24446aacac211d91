"""`serve --workers`: several processes on one port, started, watched and stopped by a parent."""

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from chatserver.serving import stop_signals
from tests.faults import trial
from tests.faults.fleet import Fleet
from tests.faults.raw import Guest
from tests.faults.server import ChatServer, http
from tests.nodes.conftest import SMALL, sharing
from tests.servers import Mongod
from tests.waiting import wait_until

pytestmark = pytest.mark.long

SOON_SECONDS = 60.0


@pytest.fixture
def server(tmp_path: Path, on_mongo: dict[str, object]) -> Iterator[ChatServer]:
    """A server of two workers."""
    with ChatServer(tmp_path, workers=2, **on_mongo) as server:
        wait_until(lambda: up(server) == 2)
        yield server


@pytest.fixture(scope="module")
def lasting(replica_set: Mongod, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChatServer]:
    """The same, for tests that leave it alone."""
    with ChatServer(tmp_path_factory.mktemp("lasting"), workers=2, **sharing(replica_set)) as one:
        wait_until(lambda: up(one) == 2)
        yield one


def up(server: ChatServer) -> float:
    return server.metric("chatserver_worker_up")


def of_worker(server: ChatServer, number: int, name: str) -> float:
    return server.metric(name, worker=str(number))


def posted(server: ChatServer, room: str, token: str) -> list[str]:
    return [event["body"] for event in server.log(room, token) if event["ev"] == "message.posted"]


def test_workers_share_a_port_and_answer_for_each_other(lasting: ChatServer) -> None:
    server = lasting
    token = server.register("ada")
    room = server.room(token)
    for number in range(40):  # each on a connection of its own
        server.post(
            f"/api/v1/rooms/{room}/messages", token, {"client_id": f"{number}", "body": "hello"}
        )
    wait_until(lambda: len(posted(server, room, token)) == 40)
    shares: list[float] = []

    def are_told() -> bool:  # a worker that is busy for a second is left out of an answer
        name = "messages_processed_total"
        shares[:] = (server.metric(name, worker=each, type="message.posted") for each in "12")
        return sum(shares) == 40

    wait_until(are_told)
    assert all(share > 0 for share in shares), "one of them got nothing"
    wait_until(lambda: of_worker(server, 1, "process_resident_memory_bytes") > 0)
    text = http.get(server.url + "/metrics").text
    types = re.findall(r"^# TYPE (\S+)", text, re.M)
    assert len(types) == len(set(types)), "a family stands there twice"


def test_each_worker_has_files_of_its_own(lasting: ChatServer) -> None:
    for number in (1, 2):
        assert (lasting.folder / f"data/worker-{number}/lock").exists()
        log = (
            (lasting.folder / f"logs/worker-{number}/combined.log").read_text().rpartition("\n")[0]
        )
        assert {json.loads(line)["worker"] for line in log.splitlines()} == {number}


async def test_a_worker_that_dies_is_started_again_and_nothing_is_lost(server: ChatServer) -> None:
    def kill_one() -> None:
        victim = server.process.children()[0]
        victim.kill()
        wait_until(lambda: victim.pid not in [each.pid for each in server.process.children()])
        wait_until(lambda: len(server.process.children()) == 2 and up(server) == 2)

    async with Fleet(server, SMALL, 1) as fleet:
        outcome = await trial.run(fleet, lambda: asyncio.to_thread(kill_one), seconds=SMALL.seconds)
    assert outcome.findings == []
    assert outcome.acknowledged > 0
    assert outcome.complaints == []
    (error,) = server.errors()
    assert re.fullmatch(r"worker \d ended with status -9 and is restarted", error["message"])
    assert server.stop() == 0


async def test_workers_without_a_bus_have_one_of_their_own(
    tmp_path: Path, on_mongo: dict[str, object]
) -> None:
    """Heads are compared only once all is over; so what a worker misses, nobody there would get in time."""
    given = on_mongo | {
        "plugins__enabled": "mongo,password,metrics",
        "delivery__repair_seconds": 3600,
    }
    with ChatServer(tmp_path, workers=2, **given) as server:
        wait_until(lambda: up(server) == 2)

        def have_events() -> bool:
            name = "chatserver_bus_events_received_total"
            return all(server.metric(name, worker=each, kind="taken") > 0 for each in "12")

        def kill_one() -> None:
            wait_until(have_events)
            victim = server.process.children()[0]
            victim.kill()
            wait_until(lambda: victim.pid not in [each.pid for each in server.process.children()])
            wait_until(lambda: len(server.process.children()) == 2 and up(server) == 2)

        async with Fleet(server, SMALL, 1) as fleet:
            outcome = await trial.run(
                fleet, lambda: asyncio.to_thread(kill_one), seconds=SMALL.seconds
            )
        assert outcome.findings == [] and outcome.complaints == []
        assert outcome.acknowledged > 0
        assert server.metric("chatserver_bus_connected", worker="1") == 1


def test_workers_end_with_their_parent(server: ChatServer) -> None:
    workers = server.process.children()
    server.process.kill()
    server.process.wait()
    _, alive = psutil.wait_procs(workers, timeout=SOON_SECONDS)
    assert alive == []


def test_a_terminal_that_closes_has_all_drain(server: ChatServer) -> None:
    for each in (server.process, *server.process.children()):
        each.send_signal(signal.SIGHUP)
    assert server.process.wait(SOON_SECONDS) == 0
    assert server.errors() == []


def test_a_worker_that_hangs_does_not_hold_up_the_others(server: ChatServer) -> None:
    workers = server.process.children()
    workers[0].send_signal(signal.SIGSTOP)
    server.process.send_signal(signal.SIGTERM)
    workers[1].wait(SOON_SECONDS)
    assert server.process.is_running()
    workers[0].send_signal(signal.SIGCONT)
    assert server.process.wait(SOON_SECONDS) == 0


async def test_a_worker_that_drains_gets_no_new_connections(server: ChatServer) -> None:
    token = server.register("ada")
    worker = server.process.children()[0]
    with ExitStack() as guests:  # they answer nothing, so that to drain takes long
        while min(of_worker(server, each, "websocket_connections_active") for each in (1, 2)) == 0:
            guests.callback((await Guest.enter(server, token)).drop)
        worker.send_signal(signal.SIGTERM)
        logs = [server.folder / f"logs/worker-{each}/combined.log" for each in (1, 2)]
        wait_until(lambda: any("draining" in log.read_text() for log in logs))
        wait_until(lambda: [ready(server) for _ in range(20)] == [200] * 20)
        assert worker.is_running(), "it drains no more"
    worker.wait(SOON_SECONDS)
    wait_until(lambda: up(server) == 2)
    wait_until(lambda: are_both_asked(server))
    assert server.errors() == []


def test_a_worker_that_stands_still_gets_no_connections_until_it_continues(
    server: ChatServer,
) -> None:
    worker = server.process.children()[0]
    worker.send_signal(signal.SIGSTOP)
    log = server.folder / "logs/combined.log"
    wait_until(lambda: "stands still: new connections go to the others" in log.read_text())
    assert [ready(server) for _ in range(40)] == [200] * 40
    worker.send_signal(signal.SIGCONT)
    wait_until(lambda: "runs again" in log.read_text())
    wait_until(lambda: are_both_asked(server))


def ready(server: ChatServer) -> int:
    return http.get(server.url + "/health/ready").status_code


def are_both_asked(server: ChatServer) -> bool:
    """Whether each worker gets some of these requests."""
    name = "http_request_duration_seconds_count"
    before = [of_worker(server, each, name) for each in (1, 2)]
    for _ in range(20):
        ready(server)
    after = [of_worker(server, each, name) for each in (1, 2)]
    # Reading the figures asks each worker as well, about twice between two readings: a third request is ours.
    return min(now - then for now, then in zip(after, before, strict=True)) >= 3


def serve(folder: Path, *, port: int = 0, **settings: object) -> subprocess.CompletedProcess[str]:
    given = {key.replace("__", "."): value for key, value in settings.items()}
    options = [f"--set={key}={value}" for key, value in given.items()]
    where = ["--port", str(port), "--data", str(folder / "data"), "--set=logging.folder="]
    return subprocess.run(
        [sys.executable, "-m", "chatserver", "serve", "--workers", "2", *where, *options],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=60,
    )


@pytest.mark.parametrize("store", ["mongo", "sqlite", "memory"])
def test_a_store_for_one_process_alone_is_refused(tmp_path: Path, store: str) -> None:
    done = serve(tmp_path, plugins__enabled=f"{store},password,metrics")
    assert done.returncode == 1
    assert "--workers: this store is for one process only" in done.stderr


def test_workers_that_refuse_to_start_end_the_server(tmp_path: Path) -> None:
    unreachable = {"uri": "mongodb://127.0.0.1:1", "start_seconds": 0, "timeout_ms": 100}
    done = serve(tmp_path, **{f"plugin__mongo__{key}": each for key, each in unreachable.items()})
    assert done.returncode == 1
    assert "plugin.mongo.uri: no server listens at" in done.stderr


def test_workers_told_to_ignore_a_closed_terminal_continue() -> None:
    assert signal.SIGHUP in stop_signals()
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert signal.SIGHUP not in stop_signals()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_port_or_a_folder_that_is_taken_is_refused(
    tmp_path: Path, lasting: ChatServer, replica_set: Mongod
) -> None:
    elsewhere = {"plugin__mongo__uri": replica_set.uri}
    same_data = serve(lasting.folder, **elsewhere)
    assert same_data.returncode == 1
    assert "is in use by another server" in same_data.stderr
    same_port = serve(tmp_path, port=lasting.port, **elsewhere)
    assert same_port.returncode == 1
    assert f"cannot listen on 127.0.0.1:{lasting.port}" in same_port.stderr
