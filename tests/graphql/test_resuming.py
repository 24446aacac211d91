"""The resuming client of plugins/graphql/clients, with Apollo, urql and by itself: nothing twice, nothing lost."""

import asyncio
import json
import re
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from chatserver import errors
from chatserver.web.websocket import frames
from chatserver_plugins.graphql import socket, wire
from tests.docs.pages import ROOT, blocks
from tests.faults.server import ForkedServer, http
from tests.graphql.asker import PATH
from tests.graphql.conftest import People, Start
from tests.graphql.node import Node
from tests.graphql.speaker import Speaker
from tests.graphql.test_restarts import send
from tests.graphql.test_subscriptions import token as token_of
from tests.protocol.running import Running
from tests.waiting import until

MODULES = ROOT / "plugins/graphql/clients"
PAGE = ROOT / "docs/graphql.md"
CLIENTS = ["apollo", "urql", "ws"]
EVENTS = """subscription Live($room: ID!, $after: Int, $epoch: String) {
  events: roomEvents(roomId: $room, after: $after, epoch: $epoch) {
    __typename
    ... on RoomLogEntry { seq roomId }
    ... on MessagePosted { message { id body } }
    ... on StreamGap { head epoch }
  }
}"""


@pytest.fixture
def resuming(clients: Path) -> Path:
    """The folder with the clients, the resuming one among them."""
    shutil.copytree(MODULES, clients, dirs_exist_ok=True)
    return clients


def node(folder: Path, client: str, url: str, token: str, query: str, **variables: object) -> Node:
    script = folder / f"resuming-{client}.mjs"
    return Node(script, f"{url}{PATH}", token, query, json.dumps(variables))


@contextmanager
def load(server: ForkedServer, token: str, room: str) -> Iterator[set[int]]:
    """Writes without a pause, each message until it is acknowledged; the seqs that were."""
    stop, acknowledged = threading.Event(), set()
    headers = {"Authorization": f"Bearer {token}"}

    def write(name: int) -> None:
        number = 0
        while not stop.is_set():
            body = {"client_id": f"{name}-{number}", "body": f"{name}-{number}"}
            url = f"{server.url}/api/v1/rooms/{room}/messages"
            try:
                answer = http.post(url, json=body, headers=headers)
            except httpx.TransportError:
                stop.wait(0.05)
                continue
            if answer.is_success:
                acknowledged.add(answer.json()["seq"])
                number += 1

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield acknowledged
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("client", CLIENTS)
async def test_nothing_is_told_twice_or_lost_across_kill_9_under_load(
    resuming: Path, tmp_path: Path, client: str
) -> None:
    enabled = "sqlite,password,graphql"
    with ForkedServer(tmp_path / "server", store="sqlite", plugins__enabled=enabled) as server:
        token = server.register("ada")
        room = server.room(token)
        async with node(
            resuming, client, server.url, token, EVENTS, room=room, after=0
        ) as follower:
            assert await follower.line() == {"started": True}
            seen = [await follower.line() for _ in range(2)]
            with load(server, token, room) as acknowledged:
                for _ in range(3):
                    seen += [await follower.line() for _ in range(50)]
                    await asyncio.to_thread(server.kill)
                    await asyncio.to_thread(server.start)
                seen += [await follower.line() for _ in range(50)]
            last = await asyncio.to_thread(send, server, token, room, "over")
            while seen[-1].get("seq") != last:
                seen.append(await follower.line())
            assert await follower.ended() == 0
    assert [line.get("seq") for line in seen] == list(range(1, last + 1))
    assert acknowledged <= set(range(1, last))
    assert len(acknowledged) > 150


@pytest.mark.parametrize("client", CLIENTS)
async def test_events_before_the_first_delivery_survive_a_lost_connection(
    resuming: Path, tmp_path: Path, client: str
) -> None:
    enabled = "sqlite,password,metrics,graphql"
    with ForkedServer(tmp_path / "server", store="sqlite", plugins__enabled=enabled) as server:
        token = server.register("ada")
        room = server.room(token)
        async with node(resuming, client, server.url, token, EVENTS, room=room) as follower:
            assert await follower.line() == {"started": True}
            live = "chatserver_graphql_subscriptions 1"

            async def is_live() -> bool:
                return live in await asyncio.to_thread(metrics, server)

            await until(is_live)
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            first = await asyncio.to_thread(send, server, token, room, "first")
            last = await asyncio.to_thread(send, server, token, room, "over")
            assert (await follower.line())["seq"] == first
            assert (await follower.line())["seq"] == last
            assert await follower.ended() == 0


def keep(server: ForkedServer, copy: Path) -> None:
    """Copy its data, but for the sockets that a killed server leaves."""
    ignore = shutil.ignore_patterns("*.sock")
    shutil.copytree(server.folder / "data", copy, ignore=ignore)


def restart_on(server: ForkedServer, data: Path, epoch: str) -> None:
    """Start it on a copy of this data, as after a restore: positions mean something else."""
    shutil.rmtree(server.folder / "data")
    shutil.copytree(data, server.folder / "data")
    (path,) = (server.folder / "data").rglob("chat.db")
    with closing(sqlite3.connect(path)) as database, database:
        text = "UPDATE records SET value = ? WHERE space = 'meta' AND key = 'epoch'"
        assert database.execute(text, (epoch.encode(),)).rowcount == 1
    server.start()


def metrics(server: ForkedServer) -> str:
    return http.get(f"{server.url}/metrics").text


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_gap_is_told_and_the_subscription_goes_on_after_the_head(
    server: Running, people: People, resuming: Path, client: str
) -> None:
    (ada,) = await people("ada")
    room = await ada.make_room()
    url = f"http://127.0.0.1:{server.port}"
    given = {"room": room, "after": 1000}
    async with node(resuming, client, url, token_of(ada), EVENTS, **given) as follower:
        assert await follower.line() == {"started": True}
        assert await follower.line() == {"gap": 2, "room": room}
        await ada.post(room, "again")
        assert await follower.line() == {"seq": 3, "room": room}
        await ada.post(room, "over")
        assert await follower.line() == {"seq": 4, "room": room}
        assert await follower.ended() == 0


@pytest.mark.parametrize("client", CLIENTS)
async def test_seqs_of_another_installation_are_a_gap(
    resuming: Path, tmp_path: Path, client: str
) -> None:
    """The server comes back with another store, in which the room is longer than what was seen of it."""
    query = EVENTS.replace(", $epoch: String", "").replace(", epoch: $epoch", "")
    enabled = "sqlite,password,graphql"
    with ForkedServer(tmp_path / "server", store="sqlite", plugins__enabled=enabled) as server:
        token = server.register("ada")
        room = server.room(token)

        async def write(name: str, count: int) -> None:
            for number in range(count):
                await asyncio.to_thread(send, server, token, room, f"{name} {number}")

        await asyncio.to_thread(server.kill)
        keep(server, tmp_path / "early")
        await asyncio.to_thread(server.start)
        await write("other", 20)
        await asyncio.to_thread(server.kill)
        keep(server, tmp_path / "other")
        await asyncio.to_thread(restart_on, server, tmp_path / "early", "early")
        async with node(resuming, client, server.url, token, query, room=room, after=0) as follower:
            assert await follower.line() == {"started": True}
            await write("seen", 8)
            assert [(await follower.line())["seq"] for _ in range(10)] == list(range(1, 11))
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(restart_on, server, tmp_path / "other", "another")
            assert await follower.line() == {"gap": 22, "room": room}
            await write("new", 3)
            await asyncio.to_thread(send, server, token, room, "over")
            assert [(await follower.line())["seq"] for _ in range(4)] == [23, 24, 25, 26]
            assert await follower.ended() == 0


@pytest.mark.parametrize("client", CLIENTS)
async def test_the_end_of_the_session_is_the_end(
    server: Running, people: People, resuming: Path, client: str
) -> None:
    (ada,) = await people("ada")
    room = await ada.make_room()
    url = f"http://127.0.0.1:{server.port}"
    async with node(resuming, client, url, token_of(ada), EVENTS, room=room, after=0) as follower:
        assert await follower.line() == {"started": True}
        assert [(await follower.line())["seq"] for _ in range(2)] == [1, 2]
        headers = {"Authorization": f"Bearer {token_of(ada)}"}
        await server.http("POST", "/api/v1/logout", headers=headers)
        error = await follower.line()
        assert error == {"error": "4403"} or "4403" in error["error"]
        assert await follower.ended() == 0


@pytest.mark.parametrize(
    ("query", "says"),
    [
        (EVENTS.replace("after: $after, ", ""), "roomEvents resumes by a variable"),
        (EVENTS.replace("seq ", ""), "to resume, select ... on RoomLogEntry { seq }"),
    ],
)
async def test_a_document_that_cannot_resume_is_refused(
    server: Running, people: People, resuming: Path, query: str, says: str
) -> None:
    (ada,) = await people("ada")
    room = await ada.make_room()
    url = f"http://127.0.0.1:{server.port}"
    run = [*("node", "resuming-ws.mjs", f"{url}{PATH}"), token_of(ada), query]
    given = json.dumps({"room": room, "after": 0})
    done = await asyncio.to_thread(
        subprocess.run, [*run, given], cwd=resuming, capture_output=True, text=True, timeout=60
    )
    assert says in done.stdout + done.stderr


# -- close codes -----------------------------------------------------------------------------------

ROW = re.compile(
    r"^\| (\d{4}) \| [^|]+ \| (comes back|stops)[^|]* \| (comes back|stops)[^|]* \|$", re.M
)
SENT = {
    *wire.CLOSES,
    wire.TRY_AGAIN_LATER,
    socket.TOO_MANY_CONNECTIONS,
    errors.CLOSE_DRAINING,
    errors.CLOSE_SLOW,
    *(code for code, _ in socket.TRANSLATED.values()),
    *(frames.PROTOCOL_ERROR, frames.INVALID_DATA, frames.TOO_BIG),
    *(frames.POLICY_VIOLATION, frames.INTERNAL_ERROR),
}


async def test_the_page_tells_for_each_close_code_which_clients_come_back(resuming: Path) -> None:
    rows = {int(code): (ours, alone) for code, ours, alone in ROW.findall(PAGE.read_text())}
    assert rows.keys() == SENT
    async with Node(resuming / "codes.mjs", *sorted(rows)) as tried:
        for _ in rows:
            found = await tried.line()
            said = rows[found["code"]]
            did = ("comes back" if found[who] else "stops" for who in ("resuming", "alone"))
            assert (found["code"], *said) == (found["code"], *did)


async def test_a_mistake_of_the_server_is_told_as_one(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = start()
    ada = await server.person("ada")

    def fail(text: bytes) -> wire.Message:
        raise RuntimeError("a mistake")

    async with Speaker(server.port) as speaker:
        await speaker.init(ada.token)
        monkeypatch.setattr(wire, "parse", fail)
        speaker.say({"type": "ping"})
        assert await speaker.closed() == wire.FAILED
    assert server.take_errors()


# -- the modules -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["resuming.js", "resuming.d.ts"])
async def test_a_server_hands_it_out(server: Running, name: str) -> None:
    answer = await server.http("GET", f"{PATH}/clients/{name}")
    assert answer.status_code == 200
    assert answer.content == (MODULES / name).read_bytes()
    kind = {"resuming.js": "text/javascript", "resuming.d.ts": "text/plain"}[name]
    assert answer.headers["Content-Type"] == f"{kind}; charset=utf-8"


def test_the_wiring_of_the_page_has_the_types_it_should(resuming: Path) -> None:
    (wiring,) = [block for block in blocks(PAGE) if block.language == "ts"]
    (resuming / "wiring.ts").write_text(wiring.text)
    options = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022"]
    modules = ["--module", "nodenext", "--moduleResolution", "nodenext"]
    done = subprocess.run(
        ["npx", "--no-install", "tsc", *options, *modules, "wiring.ts"],
        cwd=resuming,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
