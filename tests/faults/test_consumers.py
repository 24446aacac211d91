"""kill -9 of the node that posts webhooks, in the middle of it: nothing is left out, little comes again."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.receiving import HookReceiver
from tests.faults.server import ChatServer, http
from tests.servers import Mongod
from tests.waiting import wait_until

MESSAGES = 150  # in each of two rooms
TAKEOVER_SECONDS = 15
PLUGINS = "password,metrics,webhooks"


@pytest.fixture(scope="module")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    mongod = Mongod(tmp_path_factory.mktemp("mongod"))
    mongod.start()
    yield mongod
    mongod.stop()


@pytest.fixture
def receiver() -> Iterator[HookReceiver]:
    with HookReceiver() as receiver:
        yield receiver


def post(server: ChatServer, token: str, room: str, first: int, count: int) -> None:
    for number in range(first, first + count):
        message = {"client_id": f"c{room}{number}", "body": f"text {number}"}
        server.post(f"/api/v1/rooms/{room}/messages", token, message)


def head(server: ChatServer, token: str, room: str) -> int:
    answer = http.get(
        f"{server.url}/api/v1/rooms/{room}", headers={"Authorization": f"Bearer {token}"}
    )
    found: int = answer.json()["head"]
    return found


def test_a_server_that_is_killed_goes_on_where_it_was(
    tmp_path: Path, receiver: HookReceiver
) -> None:
    settings = receiver.settings()
    server = ChatServer(tmp_path, store="sqlite", **settings, plugins__enabled=f"sqlite,{PLUGINS}")
    with server:
        token = server.register("ada")
        rooms = [server.room(token), server.room(token)]
        for room in rooms:
            post(server, token, room, 0, MESSAGES)
        wait_until(lambda: len(receiver.seqs[rooms[1]]) > MESSAGES / 3)
        server.kill()
        server.start()
        for room in rooms:
            post(server, token, room, MESSAGES, 10)
            last = head(server, token, room)
            wait_until(lambda: receiver.first(room)[-1:] == [last])  # noqa: B023
            assert receiver.first(room) == [*range(1, last + 1)]
            # Only the events posted in the second before the kill are repeated.
            assert len(receiver.seqs[room]) < 2 * last


def test_another_node_takes_over_from_one_that_is_killed(
    tmp_path: Path, receiver: HookReceiver, mongod: Mongod
) -> None:
    settings = receiver.settings() | {
        "plugin__mongo__uri": mongod.uri,
        "plugins__enabled": f"mongo,{PLUGINS}",
    }
    posting = ChatServer(tmp_path / "posting", server__roles="consumers,jobs", **settings)
    with posting, ChatServer(tmp_path / "serving", **settings) as serving:
        token = serving.register("ada")
        room = serving.room(token)
        traffic = threading.Thread(target=post, args=(serving, token, room, 0, MESSAGES))
        traffic.start()
        wait_until(lambda: len(receiver.seqs[room]) > MESSAGES / 3)
        # Counted when a batch is done.
        wait_until(lambda: posting.metric("chatserver_consumer_events_total") > 0)
        assert serving.metric("chatserver_consumer_events_total") == 0
        posting.kill()
        killed = time.monotonic()
        traffic.join()
        last = head(serving, token, room)
        wait_until(lambda: receiver.first(room)[-1:] == [last])
        assert time.monotonic() - killed < 4 * TAKEOVER_SECONDS
        assert receiver.first(room) == [*range(1, last + 1)]
        assert serving.metric("chatserver_consumer_events_total") > 0
