"""The pages about plugins: their examples are written out and used, the reference of hooks is complete."""

import asyncio
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import httpx
import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from chatserver.app import Server
from chatserver.authoring.advice import advice
from chatserver.config import load
from chatserver.errors import ChatError
from chatserver.hooks.loading import (
    GROUP,
    Plugins,
    discover,
    hook_names,
    load_class,
    survey,
)
from chatserver.hooks.specs import Hooks
from chatserver.model import RoomKind
from chatserver.testing.clock import FakeClock
from chatserver.testing.running import running
from chatserver_plugins.memory import MemoryStore
from tests.docs.pages import ROOT, Block, blocks
from tests.waiting import until

ENTRY = ROOT / "docs/plugins.md"
FOLDER = ROOT / "docs/plugins"
# Pages whose blocks are tried here; each other page has a test of its own.
PAGES = [
    ENTRY,
    *(
        FOLDER / f"{name}.md"
        for name in (
            "actions",
            "authenticators",
            "backup-targets",
            "buses",
            "claims",
            "consumers",
            "hooks",
            "inspecting",
            "jobs",
            "page",
            "publishing",
            "requests",
            "settings",
            "stores",
            "testing",
        )
    ),
]
HOOKS = FOLDER / "reference/hooks.md"
PASSWORD = "correct horse battery"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with every file of the pages in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plugins/memory").mkdir(parents=True)
    shutil.copy(ROOT / "plugins/memory/store.py", tmp_path / "plugins/memory")
    for block in shown("sh"):
        subprocess.run(["sh", "-ec", block.text], check=True)
    for block in shown("python") + shown("toml") + shown("js"):
        match block.info:
            case [_, name]:
                path = tmp_path / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text)
    return tmp_path


def shown(language: str) -> list[Block]:
    return [block for page in PAGES for block in blocks(page) if block.language == language]


def server(folder: Path, *plugins: str, **settings: object) -> Server:
    given = {
        "server.data": str(folder / "data"),
        "server.port": 0,
        "logging.folder": "",
        "plugins.folder": "local",
        "plugins.enabled": ["memory", *plugins],
    }
    return Server(load(overrides=given | settings, environ={}))


def test_every_block_is_tried() -> None:
    for block in (block for page in PAGES for block in blocks(page)):
        known = block.language in ("sh", "toml") or len(block.info) == 2
        assert known, f"{block}: nobody tries this block"


def test_the_entry_leads_to_every_page_and_the_reference_to_all_of_its() -> None:
    index = FOLDER / "reference.md"
    for page, folder in ((ENTRY, FOLDER), (index, FOLDER / "reference")):
        links = re.findall(r"\]\(([\w/-]+\.md)(?:#[\w-]+)?\)", page.read_text(encoding="utf-8"))
        linked = {(page.parent / link).resolve() for link in links}
        assert set(folder.glob("*.md")) - linked == set(), page.name


def test_no_file_is_shown_on_two_pages() -> None:
    names = [block.info[1] for page in PAGES for block in blocks(page) if len(block.info) == 2]
    assert len(names) == len(set(names))


def test_the_configurations_load(folder: Path) -> None:
    examples = [block.text for block in shown("toml") if len(block.info) == 1]
    assert examples
    for text in examples:
        (folder / "chat.toml").write_text(text)
        Plugins(load("chat.toml", environ={}).config, folder / "data").calls()


async def test_the_first_plugin_refuses_shouting(folder: Path) -> None:
    async with server(folder, "password", "calm").opened() as opened:
        service = opened.service
        user, _ = await service.accounts.register("ada", PASSWORD)
        room = await service.rooms.create(user, RoomKind.PUBLIC, "Lounge")
        await service.messages.post(user, room, "1", "Hello")
        with pytest.raises(ChatError, match="shout"):
            await service.messages.post(user, room, "2", "HELLO")


async def test_the_gatekeeper_asks_for_staff(folder: Path) -> None:
    async with server(folder, "password", "gatekeeper").opened() as opened:
        service = opened.service
        owner, _ = await service.accounts.register("ada", PASSWORD)
        member, _ = await service.accounts.register("bob", PASSWORD)
        await service.rooms.create(owner, RoomKind.PUBLIC, "Lounge")
        await service.rooms.create(member, RoomKind.PRIVATE, "Corner")
        with pytest.raises(ChatError, match="Ask an administrator"):
            await service.rooms.create(member, RoomKind.PUBLIC, "Lounge")


async def test_the_doorkeeper_guards_also_while_it_is_off(folder: Path) -> None:
    async with server(folder, "password", "doorkeeper").opened() as opened:
        service, store = opened.service, opened.store
        owner, _ = await service.accounts.register("ada", PASSWORD)
        member, _ = await service.accounts.register("bob", PASSWORD)
        room = await service.rooms.create(owner, RoomKind.PUBLIC, "Lounge")
        with pytest.raises(ChatError, match="Only staff"):
            await service.rooms.join(member, room)
        claims = await service.claims.list()
        assert [(claim.plugin, claim.action) for claim in claims] == [("doorkeeper", "RoomJoin")]
        raw = await store.scan("claims", "")
    async with server(folder, "password").opened() as opened:
        service = opened.service
        for key, value in raw:  # as in a store that outlives its server
            await opened.store.put("claims", key, value)
        await service.claims.load()
        owner, _ = await service.accounts.register("ada", PASSWORD)
        member, _ = await service.accounts.register("bob", PASSWORD)
        room = await service.rooms.create(owner, RoomKind.PUBLIC, "Lounge")
        with pytest.raises(ChatError, match=r"plugin\.absent.*doorkeeper"):
            await service.rooms.join(member, room)
        await service.claims.release("doorkeeper")
        await service.rooms.join(member, room)


async def test_the_tally_counts_and_keeps_its_secret(folder: Path) -> None:
    settings = {"plugin.tally.token": "a long secret"}
    async with server(folder, "password", "tally", **settings).opened() as opened:
        port = opened.listen()
        service = opened.service
        user, _ = await service.accounts.register("ada", PASSWORD)
        room = await service.rooms.create(user, RoomKind.PUBLIC, "Lounge")
        for number in range(3):
            await service.messages.post(user, room, str(number), "Hello")
        url = f"http://127.0.0.1:{port}/tally"

        async def is_counted() -> bool:
            return await get(url, "a long secret") == (200, {user.id: 3})

        await until(is_counted)
        assert await get(url, "another secret") == (403, {})
        counter = next(m for m in opened.measures if m.name == "tally_messages_total")
        assert getattr(counter, "values") == {(): 3}  # noqa: B009 - a gauge has none
        await opened.drain()


async def test_the_scribe_copies_messages_in_their_order(folder: Path) -> None:
    copy = folder / "data/scribe/messages"
    async with server(folder, "password", "scribe").opened() as opened, opened.working():
        service = opened.service
        user, _ = await service.accounts.register("ada", PASSWORD)
        room = await service.rooms.create(user, RoomKind.PUBLIC, "Lounge")
        for number in range(3):
            await service.messages.post(user, room, str(number), f"Hello {number}")
        await until(lambda: copy.exists() and copy.read_text().count("\n") >= 3)
    lines = [json.loads(line) for line in copy.read_text().splitlines()]
    assert [line["body"] for line in lines] == ["Hello 0", "Hello 1", "Hello 2"]


async def test_the_almanac_writes_the_date_once_a_day(folder: Path) -> None:
    clock = FakeClock(datetime(2027, 1, 31, 12, tzinfo=UTC).timestamp())
    local = {"plugins.folder": "local"}
    async with running("almanac", "slash_commands", settings=local, clock=clock) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        await ada.command(room, "/invite @almanac")
        for _ in range(2):
            await clock.advance(86400)
        page = await chat.service.history.page(ada.user, room)
        said = [message.body for message in page.messages]
        assert said == ["Today is 2027-02-01.", "Today is 2027-02-02."]


async def test_the_coin_is_tossed_by_who_may_read_the_room(folder: Path) -> None:
    async with running("coin", settings={"plugins.folder": "local"}) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        room = await ada.create_room("Lounge", kind=RoomKind.PRIVATE)
        sides = {(await ada.call("coin.toss", room=room.id))["side"] for _ in range(40)}
        assert sides == {"heads", "tails"}
        with pytest.raises(ChatError, match=r"room\.not_found"):
            await bob.call("coin.toss", room=room.id)


async def test_the_doorbell_is_heard_by_all_its_doors(folder: Path) -> None:
    async with server(folder, "password", "doorbell").opened() as opened:
        port = opened.listen()
        service = opened.service
        user, token = await service.accounts.register("ada", PASSWORD)
        room = await service.rooms.create(user, RoomKind.PUBLIC, "Lounge")
        signed_in = {"Authorization": f"Bearer {token}"}
        url = f"http://127.0.0.1:{port}/doorbell"
        async with httpx.AsyncClient(headers=signed_in) as http:
            async with (
                http.stream("GET", url) as stream,
                connected(port, "doorbell.v1", signed_in) as socket,
            ):
                lines = stream.aiter_lines()
                assert await anext(lines) == ": listening"
                for _ in range(2):
                    answer = await http.post(url, params={"room": room.id})
                    assert answer.status_code == 204
                assert await anext(lines) == ""
                assert await anext(lines) == "data: ada"
                assert await socket.read_message() == "ada"
                await socket.write_message("Hello?")
                while await socket.read_message() is not None:
                    pass
                assert socket.close_code == 4400
            assert (await http.post(url, params={"room": "none"})).status_code == 404
        async with connected(port, "doorbell.v1", {}) as nobody:
            assert await nobody.read_message() is None
            assert (nobody.close_code, nobody.close_reason) == (4401, "auth.required")
        page = await service.history.page(user, room)
        assert [message.body for message in page.messages] == ["Ding dong!", "Ding dong!"]
        await opened.drain()


async def test_the_sizes_are_for_staff(folder: Path) -> None:
    async with server(folder, "password", "sizes").opened() as opened:
        url = f"http://127.0.0.1:{opened.listen()}/sizes"
        service = opened.service
        owner, owners = await service.accounts.register("ada", PASSWORD)
        _, members = await service.accounts.register("bob", PASSWORD)
        room = await service.rooms.create(owner, RoomKind.PRIVATE, "Lounge")
        async with httpx.AsyncClient() as http:
            answer = await http.get(url, headers={"Authorization": f"Bearer {owners}"})
            assert answer.json() == {room.id: 2}
            answer = await http.get(url, headers={"Authorization": f"Bearer {members}"})
            assert answer.json()["error"]["code"] == "user.forbidden"
        await opened.drain()


@asynccontextmanager
async def connected(
    port: int, protocol: str, headers: dict[str, str]
) -> AsyncIterator[WebSocketClientConnection]:
    request = HTTPRequest(f"ws://127.0.0.1:{port}/doorbell", headers=headers)
    socket = await websocket_connect(request, subprotocols=[protocol])
    yield socket
    socket.close()


async def get(url: str, token: str) -> tuple[int, Any]:
    def fetch() -> tuple[int, Any]:
        request = urllib.request.Request(url, headers={"X-Token": token})
        try:
            with urllib.request.urlopen(request) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    return await asyncio.to_thread(fetch)


async def test_the_authenticator_accepts_the_password(folder: Path) -> None:
    settings = {"plugin.one_password.password": PASSWORD}
    async with server(folder, "one_password", **settings).opened() as opened:
        accounts = opened.service.accounts
        user, token = await accounts.register("ada", PASSWORD)
        assert await accounts.session(token) == user
        _, second = await accounts.login("ada", PASSWORD, "127.0.0.1")
        for name, password in (("ada", "another password"), ("nobody", PASSWORD)):
            with pytest.raises(ChatError, match=r"auth\.invalid"):
                await accounts.login(name, password, "127.0.0.1")
        for asked in (None, user.id):
            sessions = await accounts.list_sessions(asked, "", 9)
            assert len(sessions) == 2
            assert await accounts.list_sessions(asked, sessions[0].id, 9) == sessions[1:]
        assert await accounts.list_sessions("another", "", 9) == []
        await accounts.logout(token)
        with pytest.raises(ChatError, match=r"auth\.invalid"):
            await accounts.session(token)
        assert await accounts.session(second) == user
        await accounts.passwords.set("ada", PASSWORD)
        with pytest.raises(ChatError, match=r"auth\.invalid"):
            await accounts.session(second)


async def test_the_file_bus_carries_events(folder: Path) -> None:
    shared = MemoryStore()
    settings = {"plugin.file_bus.path": str(folder / "bus"), "delivery.repair_seconds": 60.0}
    nodes = [
        server(folder / name, "password", "file_bus", **settings | {"plugins.folder": "local"})
        for name in ("one", "two")
    ]
    for node in nodes:
        node.service.store.__dict__ = shared.__dict__
    async with nodes[0].opened() as one, nodes[1].opened() as two:
        user, _ = await one.service.accounts.register("ada", PASSWORD)
        room = await one.service.rooms.create(user, RoomKind.PUBLIC, "Lounge")
        there = await two.service.rooms.get(room.id)
        there.add_follower()
        await one.service.messages.post(user, room, "1", "Hello")
        await until(lambda: there.head >= room.head)


def test_no_plugin_on_the_pages_does_what_plugin_check_warns_of(folder: Path) -> None:
    sources = discover(load(overrides={"plugins.folder": "local"}, environ={}).config)
    for path in sorted((folder / "local").glob("*.py")):
        source = sources[path.stem]
        assert advice(path.stem, load_class(source), source.distribution) == []


def test_the_package_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    ((name, value),) = project["entry-points"][GROUP].items()
    module, _, kind = value.partition(":")
    (folder / module).mkdir()
    source = (folder / "local/calm.py").read_text().replace("class Plugin:", f"class {kind}:")
    (folder / module / "__init__.py").write_text(source)
    monkeypatch.syspath_prepend(str(folder))
    info = folder / f"{module}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {value}\n")
    assert EntryPoint(name, value, GROUP) in entry_points(group=GROUP)
    row = next(row for row in survey(load(environ={}).config) if row.name == name)
    assert (row.distribution, row.version) == (project["name"], project["version"])
    assert row.hooks == ["check_message"]
    assert row.problem == "not listed in plugins.enabled"


def test_the_tests_on_the_page_pass(folder: Path) -> None:
    path = os.pathsep.join([str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")])
    options = ["-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestRemovedIn10Warning"]
    tests = ["test_calm.py", "test_shelf.py", "test_one_password.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path.rstrip(os.pathsep)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("hook", hook_names())
def test_every_hook_is_documented_with_its_arguments(hook: str) -> None:
    section = HOOKS.read_text().partition(f"### `{hook}`\n")[2].partition("\n#")[0]
    arguments = list(inspect.signature(getattr(Hooks, hook)).parameters)
    found = re.search(rf"def {hook}\((.*?)\)", section, re.DOTALL)
    assert found, "the page has no signature"
    assert [argument.partition(":")[0].strip() for argument in found[1].split(",")] == arguments
    answers = {
        "when it runs": r"\bRuns\b",
        "what it returns": r"\bReturn\b|return value",
        "what an error does": r"\b[Ee]rror\b",
    }
    for question, words in answers.items():
        assert re.search(words, section), f"the docstring does not say {question}"


@pytest.mark.parametrize("hook", hook_names())
def test_every_hook_has_a_plugin_that_comes_with_the_server_or_an_example(hook: str) -> None:
    rows = survey(load(environ={}).config)
    shipped = [row for row in rows if row.distribution == "pluggable-chatserver"]
    examples = (ROOT / "docs/examples").glob("*/chatserver_*/*.py")
    assert any(hook in row.hooks for row in shipped) or any(
        f"def {hook}(" in path.read_text() for path in examples
    )


def test_every_rule_stands_in_the_table() -> None:
    rules = (FOLDER / "hooks.md").read_text()
    table = re.findall(r"^\| `(\w+)` \|.*\| `(?:def` or `async )?(?:async )?def` \|", rules, re.M)
    for hook in hook_names():
        assert any(hook.startswith(word) for word in table), hook


def test_every_shown_plugin_has_described_settings(folder: Path) -> None:
    rows = survey(load(overrides={"plugins.folder": "local"}, environ={}).config)
    local = [row for row in rows if row.distribution.startswith("local")]
    assert len(local) == 16
    assert all(row.problem == "not listed in plugins.enabled" for row in local)
