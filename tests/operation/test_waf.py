"""The web application firewall of deploy/waf: what is legal passes, attacks do not reach the server."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from chatserver.web.api import ROUTES
from tests.faults.server import ChatServer
from tests.operation.waf.attacks import ATTACKS, request
from tests.operation.waf.calls import call_as_browsers_do, call_every_address, call_every_operation
from tests.operation.waf.sink import Sink
from tests.operation.waf.site import HOST, Site, send
from tests.operation.waf.texts import TEXTS
from tests.operation.waf.traffic import TextTraffic, Traffic
from tests.tools import ROOT
from tests.waiting import wait_until

HOOK_TOKEN = "t0ken-of-the-hook"
LEGAL_REQUESTS = 5000
ATTACKS_TRIED = 300
REFUSED = (
    0,
    400,
    403,
    404,
    405,
    413,
    414,
    501,
    505,
)  # by the firewall or nginx; 0: the connection was closed


class World(NamedTuple):
    """A server behind the firewall, with two users in a room."""

    server: ChatServer
    site: Site
    tokens: list[str]
    room: str


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    server = ChatServer(folder / "server", store="sqlite", server__trusted_proxies="127.0.0.1")
    server.start()
    try:
        tokens = [server.register("owner"), server.register("member")]
        room = server.room(tokens[0], "room", tokens[1])
        server.stop()
        hook = "plugin.webhooks.incoming.builds"
        server.change("plugins.enabled", "sqlite,password,metrics,slash_commands,graphql,webhooks")
        server.change("plugin.graphql.introspection", "all")
        server.change(f"{hook}.room", room)
        server.change(f"{hook}.token_sha256", sha256(HOOK_TOKEN.encode()).hexdigest())
        server.change(f"{hook}.name", "Builds")
        server.change(f"{hook}.per_minute", 60_000)
        server.start()
        with Site(folder / "site", server.port) as site:
            yield World(server, site, tokens, room)
    finally:
        server.kill()


def test_all_legal_requests_pass(world: World) -> None:
    traffic = Traffic(world.site.url, world.site.tls)
    hook = ("/hooks/builds", HOOK_TOKEN)

    async def run() -> None:
        async with traffic.opened():
            await call_every_address(traffic, world.tokens, world.room, hook)
            await call_every_operation(traffic, world.tokens, world.room)
            await call_as_browsers_do(traffic, 100)
            carried = TextTraffic(traffic, world.tokens[0], world.room, hook)
            await traffic.all([send for text in TEXTS for send in carried.sends(text)])

    asyncio.run(run())
    assert traffic.stopped == []
    seen = Counter(rule for entry in world.site.matches() for rule in entry["rules"])
    print(f"logged, but not blocked, by rule: {dict(seen)}")
    assert "949110" not in seen
    assert traffic.sent >= LEGAL_REQUESTS
    print(
        f"{traffic.sent} legal requests, by status: {dict(traffic.statuses)}; {dict(traffic.errors)}"
    )
    # The traffic was what it should be: every address and method, every operation.
    for _, handler, route in ROUTES:
        for method in handler.SUPPORTED_METHODS:
            if method.lower() in vars(handler):
                asked = world.server.metric(
                    "http_request_duration_seconds_count", method=method, route=route
                )
                assert asked, f"{method} {route}"
    assert fields_of_the_schema() <= traffic.operations


def fields_of_the_schema() -> set[str]:
    schema = (ROOT / "docs/schema/schema.graphql").read_text()
    schema = re.sub(r'"""(?s:.*?)"""', "", schema)
    found: set[str] = set()
    for kind in ("Query", "Mutation", "Subscription"):
        [body] = re.findall(rf"^type {kind} {{\n(.*?)^}}", schema, re.M | re.S)
        found |= set(re.findall(r"^  (\w+)", body, re.M))
    return found


def test_of_the_attacks_95_per_cent_do_not_reach_the_server(tmp_path: Path) -> None:
    assert len({attack.request for attack in ATTACKS}) >= ATTACKS_TRIED
    passed = []
    with Sink() as sink, Site(tmp_path / "site", sink.port) as site:
        assert send(site, request("GET", "/")) == 200 and len(sink.reached) == 1
        for attack in ATTACKS:
            before = len(sink.reached)
            status = send(site, attack.request)
            if len(sink.reached) > before:
                passed.append(attack.name)
            else:
                assert status in REFUSED, (status, attack.name)
    print(f"{len(ATTACKS) - len(passed)} of {len(ATTACKS)} attacks stopped; passed: {passed}")
    assert len(passed) <= 0.05 * len(ATTACKS), passed


def test_without_the_firewall_most_of_these_attacks_reach_the_server(tmp_path: Path) -> None:
    """A control: it is the firewall that stops them, not the site, nor the way they are sent."""
    with Sink() as sink, Site(tmp_path / "site", sink.port, firewall=False) as site:
        for attack in ATTACKS:
            send(site, attack.request)
        assert len(sink.reached) > 0.8 * len(ATTACKS)


def test_no_text_token_or_password_gets_into_a_log(world: World) -> None:
    secret = "canary7391"
    text = f"{secret}' OR 1=1-- <script>${{jndi:ldap://{secret}}} ../../etc/passwd"
    bearer = f"Authorization: Bearer 06h1w46y97wh380z0cja.{secret}"
    cookie = f"Cookie: chat_session=06h1w46y97wh380z0cja.{secret}"
    quoted = json.dumps(text)
    bodies = {
        f"/api/v1/rooms/{world.room}/messages": f'{{"client_id": "1 OR 1=1--", "body": {quoted}}}',
        "/hooks/builds": f'{{"id": "1 OR 1=1--", "text": {quoted}}}',
        "/api/v1/rooms": f'{{"kind": "1 OR 1=1--", "name": {quoted}, "topic": {quoted}}}',
        "/api/v1/login": f'{{"username": "1 OR 1=1--", "password": {quoted}}}',
        "/graphql": f'{{"operationName": "1 OR 1=1--", "query": {quoted}, "variables": {{"t": {quoted}}}}}',
        "/api/v1/register": f'{{"password": {quoted}, "name": {quoted}, "x": ',  # ends too soon
    }
    before = len(world.site.matches())
    for path, body in bodies.items():
        kind = "Content-Type: application/json"
        stopped = request("POST", f"{path}?a=/etc/passwd", kind, bearer, cookie, body=body.encode())
        assert send(world.site, stopped) in (400, 403), path
    wait_until(lambda: len(world.site.matches()) == before + len(bodies))
    entries = world.site.matches()[before:]
    assert all(entry["rules"] for entry in entries)
    assert secret not in world.site.logs
    assert (
        "1 OR 1=1--" in world.site.logs
    )  # what was matched is there, so that an operator can judge it


async def test_answers_that_never_end_and_sockets_are_not_held_back(world: World) -> None:
    owner, tls = world.tokens[0], world.site.tls
    bearer = {"Authorization": f"Bearer {owner}", "Host": HOST}
    subscription = f'subscription {{ roomEvents(roomId: "{world.room}") {{ ... on MessagePosted {{ body }} }} }}'
    path = f"/api/v1/rooms/{world.room}/messages"
    async with httpx.AsyncClient(
        base_url=world.site.url, verify=tls, headers=bearer, timeout=60
    ) as client:
        accept = {"Accept": "text/event-stream"}
        asked = {"query": subscription}
        async with client.stream("POST", "/graphql", json=asked, headers=accept) as stream:
            assert stream.status_code == 200
            lines = stream.aiter_lines()
            for number in range(3):  # each is received while the answer goes on
                new = {"client_id": f"stream-{number}", "body": f"live {number}"}
                assert (await client.post(path, json=new)).status_code == 201
                while f"live {number}" not in await anext(lines):
                    pass
    url = world.site.url.replace("https", "wss")
    heads = {"Sec-WebSocket-Protocol": "chat.v1", **bearer}
    socket = await websocket_connect(HTTPRequest(f"{url}/ws", headers=heads, ssl_options=tls))
    assert "hello" in str(await socket.read_message())
    # Frames are not inspected: what is written on a socket is for the server to judge.
    send_op = {"id": 1, "op": "send", "room": world.room, "client_id": "s", "body": "1' OR '1'='1"}
    await socket.write_message(json.dumps(send_op))
    while '"re":1' not in (answer := str(await socket.read_message())):
        pass
    assert '"ok"' in answer
    socket.close()


def test_an_upgrade_is_inspected_as_any_request(world: World) -> None:
    upgrade = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13")
    assert send(world.site, request("GET", "/ws?x=1%20OR%201%3D1--", *upgrade)) == 403
