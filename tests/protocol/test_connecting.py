"""From the upgrade to the first operation, and what ends a connection before that."""

import asyncio

import pytest

from tests.protocol.client import Client, Refused
from tests.protocol.conftest import Start
from tests.protocol.running import Running
from tests.waiting import until


async def test_the_server_says_hello_first(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        assert client.received[0] is client.hello
        assert client.hello["sys"] == "hello"
        assert set(client.hello) == {"sys", "heartbeat_ms", "max_frame", "server", "name", "epoch"}
        assert client.hello["max_frame"] == 65536
        assert client.hello["heartbeat_ms"] == 25000
        assert client.hello["server"].startswith("chatserver/")
        assert client.upgrade["sec-websocket-protocol"] == "chat.v1"
        assert "sec-websocket-extensions" not in client.upgrade


async def test_a_bearer_header_signs_in(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        assert "rooms" in await client.ok("rooms")
        # `auth` with a session of the same user changes nothing.
        assert (await client.ok("auth", token=anna.token))["user"] == anna.user


async def test_a_page_signs_in_by_its_cookie(server: Running) -> None:
    anna = await server.person("anna")
    headers = {
        "Cookie": f"other=1; chat_session={anna.token}",
        "Origin": f"http://127.0.0.1:{server.port}",
    }
    async with Client(server.port, headers=headers) as client:
        assert "rooms" in await client.ok("rooms")


async def test_auth_signs_in(server: Running) -> None:
    anna = await server.person("anna")
    async with Client(server.port) as client:
        for op in ("rooms", "sub", "send", "create", "search"):
            fields: dict[str, object] = {
                "sub": {"rooms": {"x": None}},
                "send": {"room": "x", "client_id": "1", "body": "x"},
                "search": {"text": "x"},
            }.get(op, {})
            assert await client.code(op, **fields) == "auth.required"
        answer = await client.ok("auth", token=anna.token)
        assert answer == {"user": anna.user, "epoch": client.hello["epoch"]}
        assert "rooms" in await client.ok("rooms")


@pytest.mark.parametrize("token", ["", "nonsense", "x" * 4096, "$gt", "a b\u0000ü"])
async def test_auth_with_an_invalid_token_ends_the_connection(server: Running, token: str) -> None:
    async with Client(server.port) as client:
        assert await client.code("auth", token=token) == "auth.invalid"
        assert await client.closed() == 4451


async def test_a_header_that_is_no_session_leaves_time_for_auth(server: Running) -> None:
    anna = await server.person("anna")
    async with Client(server.port, "nonsense") as client:
        assert await client.code("rooms") == "auth.required"
        await client.ok("auth", token=anna.token)


async def test_a_connection_is_one_user_s(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    async with anna.connect() as client:
        assert await client.code("auth", token=ben.token) == "request.invalid"
        assert (await client.ok("auth", token=anna.token))["user"] == anna.user


async def test_a_client_that_does_not_sign_in_in_time_is_closed(start: Start) -> None:
    server = start({"limits.auth_seconds": 1.5})
    anna = await server.person("anna")
    async with Client(server.port) as stranger, Client(server.port) as known:
        await known.ok("auth", token=anna.token)
        assert await stranger.closed() == 4401
        await asyncio.sleep(0.1)
        await known.ok("ping")


async def test_the_epoch_is_the_installation_s(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    async with anna.connect() as first, ben.connect() as second:
        assert first.hello["epoch"] == second.hello["epoch"] != ""


async def test_a_client_may_name_no_subprotocol(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect(subprotocol=None) as client:
        assert "sec-websocket-protocol" not in client.upgrade
        await client.ok("ping")


async def test_the_version_is_chosen_from_those_offered(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect(subprotocol="chat.v2, chat.v1") as client:
        assert client.upgrade["sec-websocket-protocol"] == "chat.v1"


async def test_a_version_that_is_not_spoken(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect(subprotocol="chat.v0") as client:
        assert await client.closed() == 4453
        assert client.received == []


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://127.0.0.1:{port}.evil.example",
        "https://127.0.0.1",
        "",
    ],
)
async def test_a_foreign_origin_is_not_upgraded(server: Running, origin: str) -> None:
    anna = await server.person("anna")
    headers = {"Origin": origin.format(port=server.port)}
    for options in ({"headers": headers}, {"headers": {**headers, "Cookie": "chat_session=x"}}):
        with pytest.raises(Refused) as refusal:
            async with anna.connect(**options):
                pass
        assert (refusal.value.status, refusal.value.code) == (403, "request.origin")


async def test_a_cookie_without_an_origin_is_not_upgraded(server: Running) -> None:
    anna = await server.person("anna")
    with pytest.raises(Refused) as refusal:
        async with Client(server.port, headers={"Cookie": f"chat_session={anna.token}"}):
            pass
    assert (refusal.value.status, refusal.value.code) == (403, "request.origin")


async def test_a_plain_request_is_told_the_purpose_of_the_address(server: Running) -> None:
    answer = await server.http("GET", "/ws")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "request.invalid")


async def test_a_user_has_only_so_many_connections(start: Start) -> None:
    server = start({"limits.connections_per_user": 2})
    anna, ben = await server.people("anna", "ben")
    async with anna.connect() as first, anna.connect(), Client(server.port) as late:
        async with anna.connect() as third:
            assert await third.closed() == 4454
        late.begin("auth", token=anna.token)
        assert await late.closed() == 4454
        async with ben.connect() as other:
            await other.ok("ping")
        await first.ok("ping")


async def test_an_address_has_only_so_many_connections(start: Start) -> None:
    server = start({"limits.connections_per_address": 2})
    anna = await server.person("anna")
    async with anna.connect() as first:
        async with anna.connect():
            async with anna.connect() as third:
                assert await third.closed() == 4454
            await first.ok("ping")
        await until(lambda: _is_let_in(anna.connect()))  # once the end of the second is noticed


async def test_a_network_of_ipv6_counts_as_one_address(start: Start) -> None:
    settings = {"limits.connections_per_address": 2, "server.trusted_proxies": ["127.0.0.1"]}
    server = start(settings)
    anna = await server.person("anna")

    def at(address: str) -> Client:
        return anna.connect(headers={"X-Forwarded-For": address})

    async with at("2001:db8::1"), at("2001:db8::2"):
        async with at("2001:db8::3") as third:
            assert await third.closed() == 4454
        async with at("2001:db8:0:1::1") as elsewhere:
            await elsewhere.ok("ping")


async def _is_let_in(client: Client) -> bool:
    async with client:
        return bool(client.hello)
