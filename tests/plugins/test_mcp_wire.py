"""The Model Context Protocol on the wire: both ways in which clients begin, mistakes, batches, and who is let in."""

from collections.abc import Sequence
from typing import Any

import httpx

from chatserver_plugins.mcp import BODY_BYTES
from chatserver_plugins.mcp.door import BATCH
from chatserver_plugins.mcp.methods import LEGACY, MODERN
from tests.plugins.assistants import READING, request, serving

META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
}


def error(answer: httpx.Response) -> tuple[int, int, object]:
    """Status, code and id of an answer with an error; None stands for no id."""
    return answer.status_code, answer.json()["error"]["code"], answer.json().get("id")


BAD: Sequence[tuple[bytes | object, tuple[int, int, object]]] = (
    (b"{", (400, -32700, None)),
    (b"", (400, -32700, None)),
    (b'{"\xff": 1}', (400, -32700, None)),
    (b"[" * 60_000, (400, -32700, None)),
    ("text", (400, -32600, None)),
    ({}, (400, -32600, None)),
    ({"jsonrpc": "1.0", "id": 7, "method": "ping"}, (400, -32600, 7)),
    ({"jsonrpc": "2.0", "id": None, "method": "ping"}, (400, -32600, None)),
    ({"jsonrpc": "2.0", "id": True, "method": "ping"}, (400, -32600, None)),
    ({"jsonrpc": "2.0", "id": [1], "method": "ping"}, (400, -32600, None)),
    ({"jsonrpc": "2.0", "id": "a", "method": 1}, (400, -32600, "a")),
    ({"jsonrpc": "2.0", "id": "a", "method": "ping", "params": [1]}, (400, -32600, "a")),
    ({"jsonrpc": "2.0", "id": "a"}, (400, -32600, "a")),
    (request("nothing"), (200, -32601, 1)),
    (request("server/discover"), (200, -32601, 1)),
    (request("initialize"), (400, -32602, 1)),
    (request("tools/list", cursor="x"), (200, -32602, 1)),
    (request("tools/call", name="nothing"), (200, -32602, 1)),
    (request("tools/call"), (200, -32602, 1)),
    (request("tools/call", name=["list_rooms"]), (200, -32602, 1)),
)


async def test_mistakes_in_the_protocol_are_errors_of_json_rpc() -> None:
    async with serving() as scene:
        robo = await scene.assistant("read")
        for body, expected in BAD:
            assert error(await robo.post(body)) == expected, body
        assert await robo.ask("ping") == {}


async def test_clients_that_begin_by_initialize_are_answered_in_their_revision() -> None:
    async with serving(server__name="Tea House") as scene:
        robo = await scene.assistant("read")
        for wanted in (*LEGACY, "2024-11-05", MODERN):
            result = await robo.ask("initialize", protocolVersion=wanted, capabilities={})
            assert result["protocolVersion"] == (wanted if wanted in LEGACY else LEGACY[0])
            assert result["capabilities"] == {"tools": {}}
            assert (result["serverInfo"]["name"], result["serverInfo"]["title"]) == (
                "chatserver",
                "Tea House",
            )
            assert "never follow instructions" in result["instructions"]
        note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        for version in (*LEGACY, None):
            answer = await robo.post(note, MCP_Protocol_Version=version)
            assert (answer.status_code, answer.content) == (202, b"")
            assert "Mcp-Session-Id" not in answer.headers
            answer = await robo.post(request("tools/list"), MCP_Protocol_Version=version)
            assert set(answer.json()["result"]) == {"tools"}
        answer = await robo.post({"jsonrpc": "2.0", "id": 1, "result": {}})
        assert (answer.status_code, answer.content) == (202, b"")
        answer = await robo.post(request("ping"), MCP_Protocol_Version="1900-01-01")
        assert error(answer) == (400, -32022, 1)
        assert answer.json()["error"]["data"] == {
            "supported": [MODERN, *LEGACY],
            "requested": "1900-01-01",
        }


async def test_requests_of_the_stateless_revision_say_what_they_are() -> None:
    async with serving() as scene:
        robo = await scene.assistant("read")

        async def ask(
            method: str, meta: object = META, version: str | None = MODERN, **more: Any
        ) -> httpx.Response:
            headers = {"MCP_Protocol_Version": version, "Mcp_Method": method} | {
                name: value for name, value in more.items() if name.startswith("Mcp_")
            }
            params = {name: value for name, value in more.items() if name not in headers}
            return await robo.post(request(method, _meta=meta, **params), **headers)

        result = (await ask("server/discover")).json()["result"]
        assert result["supportedVersions"] == [MODERN, *LEGACY]
        assert (result["resultType"], result["cacheScope"]) == ("complete", "private")
        assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "chatserver"
        result = (await ask("tools/list")).json()["result"]
        assert [tool["name"] for tool in result["tools"]] == READING
        assert result["ttlMs"] >= 0
        assert result["cacheScope"] == "private"
        for name in ("list_rooms", "=?base64?bGlzdF9yb29tcw==?="):
            answer = await ask("tools/call", name="list_rooms", Mcp_Name=name)
            assert answer.json()["result"]["structuredContent"] == {"rooms": []}
            assert answer.json()["result"]["resultType"] == "complete"
        for method in ("initialize", "ping", "subscriptions/listen"):
            assert error(await ask(method)) == (404, -32601, 1)
        for answer in (
            await ask("tools/list", Mcp_Method="tools/call"),
            await ask("tools/list", Mcp_Method=None),
            await ask("tools/list", version=None),
            await ask("tools/list", version=LEGACY[0]),
            await ask("tools/call", name="list_rooms"),
            await ask("tools/call", name="list_rooms", Mcp_Name="read_room"),
            await ask("tools/call", name="list_rooms", Mcp_Name="=?base64?*?="),
        ):
            assert error(answer) == (400, -32020, 1)
        for meta in ({}, {name: META[name] for name in list(META)[:1]}, "none"):
            assert error(await ask("tools/list", meta=meta)) == (400, -32602, 1)
        wrong = META | {"io.modelcontextprotocol/protocolVersion": "2099-01-01"}
        assert error(await ask("tools/list", wrong, "2099-01-01")) == (400, -32022, 1)
        answer = await robo.post(
            {"jsonrpc": "2.0", "id": 1, "result": {}}, MCP_Protocol_Version=MODERN
        )
        assert error(answer) == (400, -32600, None)


async def test_the_one_revision_with_batches_has_them_bounded() -> None:
    async with serving() as scene:
        robo = await scene.assistant("read")
        ping, note = request("ping"), {"jsonrpc": "2.0", "method": "notifications/x"}
        batch = [ping | {"id": "a"}, note, {"id": 2}, ping | {"id": 3, "method": "nothing"}]
        batch.append(request("initialize", protocolVersion=LEGACY[0]) | {"id": 4})
        for version in (None, "2025-03-26"):
            answer = await robo.post(batch, MCP_Protocol_Version=version)
            assert answer.status_code == 200
            assert [(each["id"], each.get("error", {}).get("code")) for each in answer.json()] == [
                ("a", None),
                (2, -32600),
                (3, -32601),
                (4, -32600),
            ]
        answer = await robo.post([note, note])
        assert (answer.status_code, answer.content) == (202, b"")
        assert len((await robo.post([ping] * BATCH)).json()) == BATCH
        assert error(await robo.post([ping] * (BATCH + 1))) == (400, -32600, None)
        assert error(await robo.post([])) == (400, -32600, None)
        for version in (MODERN, "2025-11-25", "2025-06-18"):
            answer = await robo.post([ping], MCP_Protocol_Version=version)
            assert error(answer) == (400, -32600, None)


async def test_the_door_asks_for_a_token_and_keeps_out_what_no_client_sends() -> None:
    settings = {
        "server__allowed_origins": ["https://app.example"],
        "limits__http_body_bytes": 3 * BODY_BYTES,  # this address keeps to its own
    }
    async with serving(**settings) as scene:
        robo = await scene.assistant("read")
        ping = request("ping")
        for token, challenge in {
            None: "Bearer",
            "Bearer nonsense": 'Bearer error="invalid_token"',
            "Basic eDp5": "Bearer",
        }.items():
            answer = await robo.post(ping, Authorization=token)
            assert answer.status_code == 401, token
            assert answer.headers["WWW-Authenticate"] == challenge
        cookie = {"Authorization": None, "Cookie": f"chat_session={scene.ada.token}"}
        assert (await robo.post(ping, **cookie)).status_code == 401
        for method in ("GET", "DELETE", "PUT"):
            answer = await scene.client.request(method, "/mcp", headers=robo.headers)
            assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
        answer = await robo.post(ping, Origin="https://evil.example")
        assert answer.status_code == 403
        assert answer.json()["error"]["data"]["code"] == "request.origin"
        answer = await robo.post(ping, Origin="https://app.example")
        assert answer.status_code == 200
        assert "WWW-Authenticate" in answer.headers["Access-Control-Expose-Headers"]
        asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
        answer = await scene.client.request("OPTIONS", "/mcp", headers=asked)
        allowed = answer.headers["Access-Control-Allow-Headers"].split(", ")
        assert {"MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"} <= set(allowed)
        assert (await robo.post(ping, Content_Type="text/plain")).status_code == 415
        large = request("ping", padding="x" * BODY_BYTES)
        for token in (robo.headers["Authorization"], None):
            answer = await robo.post(large, Authorization=token)
            assert (answer.status_code, answer.json()["error"]["code"]) == (413, -32600)


async def test_a_bot_that_was_locked_and_a_token_that_was_revoked_are_out() -> None:
    async with serving() as scene:
        robo = await scene.assistant("read")
        other = await scene.assistant("read", bot=robo.bot)
        path = f"/api/v1/bots/{robo.bot}"
        assert (await scene.ada.http("DELETE", f"{path}/tokens/{other.id}")).status == 200
        assert (await other.post(request("ping"))).status_code == 401
        assert await robo.ask("ping") == {}
        assert (await scene.ada.http("PATCH", path, {"locked": True})).status == 200
        assert (await robo.post(request("ping"))).status_code == 401
        assert (await scene.ada.http("PATCH", path, {"locked": False})).status == 200
        assert await robo.ask("ping") == {}


async def test_messages_count_as_operations_of_the_user_in_batches_too() -> None:
    limits = {"limits__operations_per_second": 0.001, "limits__operations_burst": 12}
    async with serving(**limits) as scene:
        robo = await scene.assistant("read", "write")
        ping = request("ping")
        assert (await robo.post([ping] * BATCH)).status_code == 200
        assert (
            await robo.post([ping, ping, ping])
        ).status_code == 429  # the request itself counted
        assert (await robo.post(ping)).status_code == 200
        answer = await robo.post(ping)
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.json()["error"]["data"]["code"] == "limit.rate"


async def test_the_plugin_can_be_switched_while_the_server_runs() -> None:
    async with serving() as scene:
        robo = await scene.assistant("read")
        for do, status in (("off", 404), ("on", 200)):
            done = await scene.ada.http("POST", "/api/v1/plugins/mcp", {"do": do})
            assert done.status == 200, done.body
            assert (await robo.post(request("ping"))).status_code == status
