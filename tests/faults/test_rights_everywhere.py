"""Fault 26: revoked, banned, removed, demoted on one node: in force on the other within a second.

Nothing tells one node of the other; there is no bus.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from tests.faults.figures import record
from tests.faults.nodes import nodes
from tests.faults.raw import Guest
from tests.faults.scale import IS_LONG
from tests.faults.server import ChatServer, http
from tests.servers import Mongod

FAULT = "26 rights taken on another node"
MOST_SECONDS = 1.0 if IS_LONG else 60.0  # the machine of a short run may be busy
TIMES = 10 if IS_LONG else 2  # at different moments of what nodes do now and again


class Cluster(NamedTuple):
    """Two nodes. `owner` acts on the first; it owns the server and all rooms."""

    here: ChatServer
    there: ChatServer
    owner: str


@pytest.fixture(scope="module")
def cluster(database: Mongod, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    settings = {"plugin__mongo__uri": database.uri, "plugin__mongo__database": "rights"}
    with nodes(tmp_path_factory.mktemp("rights"), 2, **settings) as (here, there):
        yield Cluster(here, there, here.register("owner"))
        assert here.errors() == there.errors() == []


class Victim:
    """An admin of a private room who is connected to the other node."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster, self.name = cluster, name
        self.token = cluster.here.register(name)
        self.id = self.there("GET", "/me").json()["id"]
        wanted = {"name": "private", "kind": "private", "members": [self.id]}
        self.room = self.owner("POST", "/rooms", wanted)["id"]
        self.owner("PUT", f"/rooms/{self.room}/members/{self.id}", {"role": "admin"})

    def owner(self, method: str, path: str, body: object = None) -> Any:
        """Send a request of the owner to the first node, and return the answer."""
        return _ask(self.cluster.here, method, path, self.cluster.owner, body).json()

    def there(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Send a request of the victim to the other node, and return the answer."""
        return _ask(self.cluster.there, method, path, self.token, body)


def _ask(server: ChatServer, method: str, path: str, token: str, body: object) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return http.request(method, f"{server.url}/api/v1{path}", json=body, headers=headers)


class Case(NamedTuple):
    """How a right is taken, how to see whether it is still there, and how the socket ends."""

    take: Callable[[Victim], object]
    holds: Callable[[Victim], bool]
    closed: tuple[int, ...] = ()


CASES = {
    "revoked": Case(
        lambda victim: _ask(victim.cluster.here, "POST", "/logout", victim.token, {}),
        lambda victim: victim.there("GET", "/me").status_code == 200,
        (4451,),
    ),
    "banned": Case(
        lambda victim: victim.owner("PUT", f"/users/{victim.name}", {"disabled": True}),
        lambda victim: victim.there("GET", "/me").status_code == 200,
        (4451, 4452),
    ),
    "removed": Case(
        lambda victim: victim.owner("DELETE", f"/rooms/{victim.room}/members/{victim.id}"),
        lambda victim: victim.there("GET", f"/rooms/{victim.room}/messages").status_code == 200,
    ),
    "demoted": Case(
        lambda victim: victim.owner(
            "PUT", f"/rooms/{victim.room}/members/{victim.id}", {"role": "member"}
        ),
        lambda victim: victim.there("GET", f"/rooms/{victim.room}").json()["role"] == "admin",
    ),
}


async def ended(guest: Guest) -> tuple[float, int | None]:
    code = await guest.close_code()
    return time.monotonic(), code


def lost_at(victim: Victim, case: Case) -> float:
    """When the right is seen to be gone."""
    deadline = time.monotonic() + 60
    while case.holds(victim):
        assert time.monotonic() < deadline, "it is never in force"
        time.sleep(0.02)
    return time.monotonic()


@pytest.mark.parametrize("kind", CASES)
async def test_it_is_in_force_on_the_other_node(cluster: Cluster, kind: str) -> None:
    case, waits = CASES[kind], []
    for number in range(TIMES):
        victim = await asyncio.to_thread(Victim, cluster, f"{kind}{number}")
        guest = await Guest.enter(cluster.there, victim.token)
        followed = await guest.ask(op="sub", rooms={victim.room: None})
        assert followed["ok"]["rooms"][victim.room]["state"] == "live"
        assert await asyncio.to_thread(case.holds, victim)
        closing = asyncio.create_task(ended(guest))
        await asyncio.to_thread(case.take, victim)
        taken = time.monotonic()
        waits.append(await asyncio.to_thread(lost_at, victim, case) - taken)
        if case.closed:
            at, code = await closing
            assert code in case.closed
            waits.append(at - taken)
        closing.cancel()
        guest.drop()
    record(FAULT, f"{kind}: longest until it was in force", f"{max(waits):.2f} s")
    assert max(waits) < MOST_SECONDS


async def test_a_write_is_refused_at_once(cluster: Cluster) -> None:
    """A write through any node is checked against every change stored before it."""
    victim = await asyncio.to_thread(Victim, cluster, "writer")

    def change() -> int:
        return victim.there("PATCH", f"/rooms/{victim.room}", {"topic": "mine"}).status_code

    def post(number: int) -> int:
        said = {"client_id": f"m{number}", "body": "hello"}
        return victim.there("POST", f"/rooms/{victim.room}/messages", said).status_code

    assert await asyncio.to_thread(change) == 200
    await asyncio.to_thread(CASES["demoted"].take, victim)
    assert await asyncio.to_thread(post, 1) == 201
    assert await asyncio.to_thread(change) == 403
    await asyncio.to_thread(CASES["removed"].take, victim)
    assert await asyncio.to_thread(post, 2) == 404


async def test_a_removed_member_hears_no_later_event(cluster: Cluster) -> None:
    victim = await asyncio.to_thread(Victim, cluster, "listener")
    guest = await Guest.enter(cluster.there, victim.token)
    await guest.ask(op="sub", rooms={victim.room: None})
    await asyncio.to_thread(CASES["removed"].take, victim)
    said = {"client_id": "secret", "body": "not for them"}
    await asyncio.to_thread(victim.owner, "POST", f"/rooms/{victim.room}/messages", said)
    heard = []
    while not heard or heard[-1].get("ev") != "room.removed":
        heard.append(await guest.heard())
    assert [frame for frame in heard if "not for them" in str(frame)] == []
    answer = await guest.ask(op="history", room=victim.room)
    assert answer["error"]["code"] == "room.not_found"
    guest.drop()
