"""WebSocket connections of plugins: let in, bounded, counted and ended as those at /ws."""

import asyncio
import gc
from typing import Any

import pytest

from chatserver.web.plugin_sockets import PluginSocket, PluginUpgrade
from tests.protocol.client import ANSWER_SECONDS, BINARY, Client, Refused
from tests.protocol.conftest import Start
from tests.protocol.running import Running
from tests.protocol.test_plugin_routes import ENABLED, counter, gauge, plugin
from tests.waiting import until


@pytest.fixture
def server(start: Start) -> Running:
    return start(ENABLED)


def door(server: Running, **options: Any) -> Client:
    return Client(server.port, **{"path": "/door", "subprotocol": "one", **options})


async def test_frames_go_both_ways(server: Running) -> None:
    async with door(server, path="/door?a=1", token="t") as client:
        assert client.upgrade["sec-websocket-protocol"] == "one"
        assert client.hello == {"sys": "hello", "token": "t", "query": {"a": "1"}}
        assert (await client.ok("echo", text="Hello"))["text"] == "Hello"
        client.frame(BINARY, b"12345")
        assert await client.notice() == {"sys": "binary", "size": 5}
        assert gauge(server.server, "websocket_connections_active") == 1
    await until(lambda: plugin(server).log == ["closed None"])
    await until(lambda: gauge(server.server, "websocket_connections_active") == 0)


async def test_the_upgrade_is_let_go_while_the_connection_stands(server: Running) -> None:
    async with door(server) as client:
        await client.ok("echo")
        gc.collect()
        assert (count(PluginUpgrade), count(PluginSocket)) == (0, 1)
    await until(lambda: plugin(server).log == ["closed None"])
    await until(lambda: count(PluginSocket) == 0)


def count(kind: type[object]) -> int:
    return sum(isinstance(each, kind) for each in gc.get_objects())


async def test_other_requests_to_the_same_address_are_not_upgrades(server: Running) -> None:
    assert (await server.http("GET", "/door")).json()["path"] == "/door"
    answer = await server.http("POST", "/door", headers={"Upgrade": "websocket"})
    assert answer.json()["error"]["code"] == "auth.required"
    answer = await server.http("GET", "/door/socket")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "request.invalid")
    answer = await server.http("POST", "/door/socket")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_the_door_chooses_among_the_subprotocols(server: Running) -> None:
    async with door(server, subprotocol="three, one, two") as client:
        assert client.upgrade["sec-websocket-protocol"] == "two"
    for offered in ("three", None):
        async with door(server, subprotocol=offered) as client:
            assert "sec-websocket-protocol" not in client.upgrade
            assert await client.closed() == 4406
            assert client.received == []
    async with door(server, path="/door/socket", subprotocol=None) as client:
        await client.ok("echo")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", ""])
async def test_a_foreign_origin_is_not_upgraded(server: Running, origin: str) -> None:
    with pytest.raises(Refused) as refusal:
        async with door(server, headers={"Origin": origin}):
            pass
    assert (refusal.value.status, refusal.value.code) == (403, "request.origin")
    assert plugin(server).seen == []


async def test_a_cookie_comes_only_with_an_origin(server: Running) -> None:
    cookie = {"Cookie": "chat_session=c"}
    with pytest.raises(Refused) as refusal:
        async with door(server, headers=cookie):
            pass
    assert (refusal.value.status, refusal.value.code) == (403, "request.origin")
    own = {"Origin": f"http://127.0.0.1:{server.port}"}
    async with door(server, headers=cookie | own) as client:
        assert client.hello["token"] == "c"
        assert plugin(server).seen[-1].has_cookie is True


async def test_an_address_has_only_so_many_of_all_doors_together(start: Start) -> None:
    server = start(ENABLED | {"limits.connections_per_address": 2})
    async with door(server), Client(server.port):
        async with door(server) as third:
            assert await third.closed() == 4454
            assert third.received == []
        async with Client(server.port) as third:
            assert await third.closed() == 4454


async def test_a_frame_may_be_so_large(server: Running) -> None:
    async with door(server) as client:
        client.text(b'"%s"' % (b"x" * 65536))
        assert await client.closed() == 1009
    await until(lambda: plugin(server).log == ["closed 1009"])


async def test_a_plugins_fault_closes_that_socket_alone(server: Running) -> None:
    async with door(server) as other:
        async with door(server) as client:
            client.begin("fail")
            client.begin("echo")
            assert await client.closed() == 4400
        await until(lambda: plugin(server).log == ["closed 4400"])
        async with door(server, path="/door?way=fails") as client:
            assert await client.closed() == 4400
            assert client.received == []
        await other.ok("echo")
    errors = server.take_errors()
    assert len(errors) == 2
    assert all("plugin doors" in error for error in errors)


async def test_a_plugin_closes_with_its_own_code(server: Running) -> None:
    async with door(server) as client:
        client.begin("close", code=4409)
        assert await client.closed() == 4409
    await until(lambda: plugin(server).log == ["closed 4409"])


async def fill(server: Running, client: Client) -> None:
    """Make the plugin send until more waits than the soft bound, but less than the hard one."""
    async with asyncio.timeout(ANSWER_SECONDS):
        while gauge(server.server, "chatserver_connections_lagging") < 1:
            client.begin("flood", count=1)
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("slow_seconds", [0.5, 60.0])
async def test_a_client_that_does_not_read_is_closed(start: Start, slow_seconds: float) -> None:
    """After a while below the hard bound, at once beyond it."""
    limits = {"limits.slow_seconds": slow_seconds, "limits.buffer_soft_bytes": 100_000}
    server = start(ENABLED | limits)
    async with door(server) as client, door(server) as other:
        client.pause()
        if slow_seconds < 1:
            await fill(server, client)
        else:
            client.begin("flood", count=300)
        await until(lambda: counter(server.server, "chatserver_connections_dropped_total") == 1)
        client.resume()
        assert await client.closed() == 4408
        await until(lambda: counter(server.server, "chatserver_websocket_closed_total") == 1)
        assert (
            counter(server.server, "websocket_errors_total") == 0
        )  # it may be a phone out of reach
        other.begin("flood", count=10)
        await other.ok("echo")


async def test_a_client_that_reads_again_in_time_stays(start: Start) -> None:
    server = start(ENABLED | {"limits.slow_seconds": 60.0, "limits.buffer_soft_bytes": 100_000})
    async with door(server) as client:
        client.pause()
        await fill(server, client)
        client.resume()
        await until(lambda: gauge(server.server, "chatserver_connections_lagging") == 0)
        assert plugin(server).log == ["drained"]
        await client.ok("echo")


async def test_draining_settles_and_closes_with_4301(start: Start) -> None:
    server = start(ENABLED | {"server.drain_seconds": 0.5})
    async with door(server) as client:
        late = client.begin("slow")
        await client.ok("echo")
        drained = asyncio.create_task(server.run(lambda node: node.drain()))
        assert await client.notice() == {"sys": "drain", "after_ms": 500}
        assert (await late)["ok"] == "late"
        assert await client.closed() == 4301
        await drained
    assert plugin(server).log == ["closed 4301"]


async def test_a_socket_that_does_not_settle_is_closed_in_time(start: Start) -> None:
    server = start(ENABLED | {"delivery.append_seconds": 0.1})
    async with door(server) as client:
        client.begin("slow")
        await client.ok("echo")
        await server.run(lambda node: node.drain())
        assert await client.closed() == 4301
