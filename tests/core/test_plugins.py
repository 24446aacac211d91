"""A plugin that is broken refuses to start or is contained, and is named. The files are in broken/."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from tornado.httpclient import AsyncHTTPClient

from chatserver import StartupError
from chatserver.app import Server
from chatserver.config import Loaded, load
from chatserver.errors import ChatError
from chatserver.hooks.guard import PluginFailed
from chatserver.hooks.loading import discover, survey
from chatserver.hooks.types import Draft, LoginAttempt, Refusal
from chatserver.model import RoomKind, User
from chatserver.process.watchdog import Watchdog
from chatserver.roomlog.room import Room
from chatserver.runtime.measure import Counter
from tests.core.hooking import DRAFT, USER, errors, hooks_of

BROKEN = Path(__file__).parent / "broken"


def loaded(data: Path, *enabled: str, **settings: object) -> Loaded:
    """A server with these plugins; a setting's name is its path with __ for the dots."""
    overrides: dict[str, object] = {
        "server.port": 0,
        "server.data": str(data),
        "logging.folder": "",
        "plugins.folder": str(BROKEN),
        "plugins.enabled": list(enabled),
        "plugins.deadline_seconds": 0.2,
    }
    return load(
        environ={},
        overrides=overrides | {name.replace("__", "."): each for name, each in settings.items()},
    )


async def start(loaded: Loaded) -> None:
    async with Server(loaded).opened() as server:
        server.listen()
        await server.drain()


# -- refused at start ------------------------------------------------------------------------------

REFUSED = {
    "bad_hook_name": "there is no hook check_mesage (did you mean check_message?)",
    "bad_optional_hook": "there is no hook check_mesage",
    "bad_argument": "draught",
    "wrong_colour": "on_event must be async def",
    "wrong_colour_renamed": "on_event must be async def",
    "async_register": "register_routes must be a plain function",
    "yields": "check_message must not yield",
    "wrapper": "check_message: wrappers are not supported",
    "no_actions": "check_action must say which: @hookimpl(actions=(RoomJoin, …))",
    "stray_actions": "check_message must have no actions",
    "one_namespace": "data is a sequence of namespaces, such as ('tasks',)",
    "stray_data": "on_event must have no data: it gets no message",
    "stray_matching": "on_event must match no text: it gets no message",
    "unknown_action": "check_action: <class 'chatserver.hooks.types.Draft'> is no action",
    "missing_decorator": "decorate it with @hookimpl",
    "raises_at_import": "cannot be imported: RuntimeError('broken on purpose')",
    "exits_at_import": "cannot be imported: SystemExit(0)",
    "no_class": "has no attribute 'Plugin'",
    "not_a_class": "5 is not a class",
    "raises_at_construction": "broken on purpose",
    "bad_config_class": "its Config must derive from chatserver.Settings",
    "raises_at_startup": "startup: broken on purpose",
    "hangs_at_startup": "startup did not finish within",
    "second_store": "both provide a store",
    "registers_nothing": "register_routes did not return a list",
    "registers_garbage": "register_health_checks returned str, not HealthCheck",
    "empty_route": "/nothing answers nothing",
    "bad_message_data": "its name must begin with bad_message_data",
    "bad_event_kind": "its name must begin with bad_event_kind.",
    "takes_route": "/health is an address of the server itself",
}


@pytest.mark.parametrize("plugin", list(REFUSED))
async def test_a_broken_plugin_refuses_to_start_by_its_name(tmp_path: Path, plugin: str) -> None:
    with (
        mock.patch("chatserver.hooks.lifecycle.STARTUP_SECONDS", 0.2),
        pytest.raises(StartupError) as caught,
    ):
        await start(loaded(tmp_path, "memory", "password", plugin))
    assert plugin in str(caught.value)
    assert REFUSED[plugin] in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"limit": "many"}, "plugin.with_settings.limit: expected a whole number, got 'many'"),
        ({"limti": 5}, "plugin.with_settings.limti: unknown key (did you mean limit?)"),
    ],
)
async def test_bad_settings_refuse_to_start_with_their_path(
    tmp_path: Path, settings: dict[str, object], text: str
) -> None:
    named = {f"plugin__with_settings__{name}": value for name, value in settings.items()}
    with pytest.raises(StartupError) as caught:
        await start(loaded(tmp_path, "memory", "password", "with_settings", **named))
    assert text in str(caught.value)


async def test_settings_of_no_plugin_refuse_to_start(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"plugin\.memroy: there is no plugin 'memroy'"):
        await start(loaded(tmp_path, "memory", "password", plugin__memroy__size=5))


@pytest.mark.parametrize(
    ("enabled", "text"),
    [
        (["password"], "no plugin provides a store"),
        (["memory"], "no plugin provides a check of passwords"),
        (["memory", "password", "memroy"], "there is no plugin 'memroy'"),
        (["memory", "password", "memory"], "'memory' is listed twice"),
        (["memory", "password", "no_real_bus"], "no_real_bus: provide_bus returned object, which"),
        (["memory", "password", "no_real_bus", "second_bus"], "both provide a bus"),
        (
            ["memory", "password", "no_real_blobs"],
            "no_real_blobs: provide_blobs returned object, which",
        ),
        (
            ["memory", "password", "no_blobs", "no_real_blobs", "second_blobs"],
            "no_real_blobs and second_blobs both provide a back end of blobs",
        ),
        (["no_real_store", "password"], "no_real_store: provide_store returned object, which has"),
    ],
)
async def test_a_wrong_selection_refuses_to_start(
    tmp_path: Path, enabled: list[str], text: str
) -> None:
    with pytest.raises(StartupError) as caught:
        await start(loaded(tmp_path, *enabled))
    assert text in str(caught.value)


@pytest.mark.parametrize(
    "path", ["/ws", "/", "/api/v1/rooms/abc/messages", "/static/app.js", "health"]
)
async def test_the_servers_own_addresses_are_taken(tmp_path: Path, path: str) -> None:
    enabled = ("memory", "password", "takes_route")
    with pytest.raises(StartupError, match="plugin takes_route"):
        await start(loaded(tmp_path, *enabled, plugin__takes_route__path=path))


async def test_another_plugins_address_is_taken(tmp_path: Path) -> None:
    enabled = ("memory", "password", "metrics", "takes_route")
    with pytest.raises(StartupError, match="plugin takes_route: /metrics is taken by metrics"):
        await start(loaded(tmp_path, *enabled, plugin__takes_route__path="/metrics"))


@pytest.mark.parametrize(
    ("name", "text"),
    [("database", "is a check of the server itself"), ("twice", "is taken by bad_health")],
)
async def test_a_health_checks_name_is_taken(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(StartupError, match=f"plugin bad_health: {name} {text}"):
        await start(
            loaded(tmp_path, "memory", "password", "bad_health", plugin__bad_health__name=name)
        )


async def test_a_plugin_that_is_fine_starts(tmp_path: Path) -> None:
    await start(loaded(tmp_path, "memory", "password", "with_settings"))


def test_the_list_of_plugins_has_the_problem_of_each(tmp_path: Path) -> None:
    rows = {row.name: row for row in survey(loaded(tmp_path, "memory", "password").config)}
    assert "broken on purpose" in rows["raises_at_import"].problem
    assert rows["with_settings"].problem == "not listed in plugins.enabled"
    assert rows["memory"].order == 1


def test_a_file_is_read_as_it_stands_however_soon_after_the_last_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    config = loaded(tmp_path, plugins__folder=str(tmp_path)).config
    file = tmp_path / "swift.py"
    seen = []
    for edition in ("one", "two"):
        file.write_text(f"class Plugin:\n    edition = '{edition}'\n")
        os.utime(file, (1_000_000_000, 1_000_000_000))
        seen.append(discover(config)["swift"].load().edition)
    assert seen == ["one", "two"]


# -- contained while running -------------------------------------------------------------------------


@asynccontextmanager
async def running(loaded: Loaded) -> AsyncIterator[tuple[Server, Room, User]]:
    async with Server(loaded).opened() as server:
        user = await server.service.accounts.add("user", "a long password")
        room = await server.service.rooms.create(user, RoomKind.PUBLIC, "room")
        yield server, room, user


MESSAGE_FAULTS = [
    ("check", "raises", "error"),
    ("check", "exits", "error"),
    ("check", "is cancelled", "error"),
    ("check", "hangs", "timeout"),
    ("check", "garbage", "garbage"),
    ("check", "garbage inside", "garbage"),
    ("change", "raises", "error"),
    ("change", "hangs", "timeout"),
    ("change", "garbage", "garbage"),
    ("change", "garbage inside", "garbage"),
    ("change", "lone surrogate", "garbage"),
]


@pytest.mark.parametrize(("hook", "way", "reason"), MESSAGE_FAULTS)
async def test_a_failing_check_fails_closed_and_is_named(
    tmp_path: Path, logged: list[str], hook: str, way: str, reason: str
) -> None:
    settings = {"plugin__bad_message_hook__hook": hook, "plugin__bad_message_hook__way": way}
    enabled = ("memory", "password", "bad_message_hook")
    async with running(loaded(tmp_path, *enabled, **settings)) as (server, room, user):
        messages = server.service.messages
        with pytest.raises(ChatError) as caught:
            await messages.post(user, room, "c1", "fail")
        assert caught.value.code == "plugin.failed"
        assert (await messages.post(user, room, "c1", "hello"))[1] is False
        assert any(f"plugin bad_message_hook: {hook}_message" in line for line in logged)
        assert errors(server.hooks) == {("bad_message_hook", f"{hook}_message", reason): 1}


@pytest.mark.parametrize("way", ["raises", "exits", "is cancelled", "hangs", "chat error"])
async def test_a_failing_observer_fails_alone_and_goes_on(
    tmp_path: Path, logged: list[str], way: str
) -> None:
    settings = {"plugin__bad_message_hook__hook": "observe", "plugin__bad_message_hook__way": way}
    enabled = ("memory", "password", "bad_message_hook")
    async with running(loaded(tmp_path, *enabled, **settings)) as (server, room, user):
        for client_id, body in (("c1", "fail"), ("c2", "hello"), ("c3", "fail")):
            await server.service.messages.post(user, room, client_id, body)
        await server.hooks.observers._observers["bad_message_hook"].close(5)
        assert sum(errors(server.hooks).values()) == 2
    assert sum("plugin bad_message_hook: on_event" in line for line in logged) == 2


async def test_a_plugin_that_fails_to_end_does_not_keep_others_from_it(
    tmp_path: Path, logged: list[str]
) -> None:
    ended = []
    with mock.patch(
        "chatserver_plugins.memory.store.MemoryStore.close", lambda store: noted(ended)
    ):
        await start(loaded(tmp_path, "memory", "password", "raises_at_shutdown"))
    assert ended == ["closed"]
    assert any("plugin raises_at_shutdown: shutdown failed" in line for line in logged)


async def noted(ended: list[str]) -> None:
    ended.append("closed")


async def test_a_broken_address_is_contained_and_named(tmp_path: Path, logged: list[str]) -> None:
    async with Server(loaded(tmp_path, "memory", "password", "bad_route")).opened() as server:
        port = server.listen()
        client = AsyncHTTPClient(force_instance=True)
        for path in ("raises", "hangs", "garbage", "garbage-inside"):
            answer = await client.fetch(f"http://127.0.0.1:{port}/{path}", raise_error=False)
            assert (answer.code, b"plugin.failed" in answer.body) == (503, True)
        client.close()
        await server.drain()
    named = [line for line in logged if "plugin bad_route: register_routes" in line]
    assert len(named) == 4


async def test_a_health_check_that_answers_garbage_is_an_error(tmp_path: Path) -> None:
    async with Server(loaded(tmp_path, "memory", "password", "bad_health")).opened() as server:
        client = AsyncHTTPClient(force_instance=True)
        url = f"http://127.0.0.1:{server.listen()}/health"
        answer = await client.fetch(url, raise_error=False)
        assert (answer.code, b'"garbage":{"status":"error"' in answer.body) == (503, True)
        client.close()
        await server.drain()


async def test_a_plugin_that_blocks_the_loop_is_named(tmp_path: Path, logged: list[str]) -> None:
    settings = {"plugin__bad_message_hook__way": "blocks", "plugins__deadline_seconds": 5.0}
    enabled = ("memory", "password", "bad_message_hook")
    async with running(loaded(tmp_path, *enabled, **settings)) as (server, room, user):
        watchdog = Watchdog(server.measures, server.plugin_packages())
        watchdog.start()
        await asyncio.sleep(0)
        await server.service.messages.post(user, room, "c1", "fail")
        watchdog.stop()
        counts = {measure.name: measure for measure in server.measures}
        blocked = counts["chatserver_loop_blocked_total"]
        assert isinstance(blocked, Counter)
        assert blocked.values == {("bad_message_hook",): 1}
    assert any("plugin bad_message_hook blocks the event loop at" in line for line in logged)


# -- dispatch ----------------------------------------------------------------------------------------


async def test_each_plugin_gets_the_draft_of_the_previous_one() -> None:
    def adding(text: str) -> Callable[..., Any]:
        async def change(draft: Draft) -> Draft:
            return Draft(room="elsewhere", body=draft.body + text, reply_to="other")

        return change

    hooks = hooks_of(*(("change_message", text, adding(text)) for text in "abc"))
    assert await hooks.change_message(DRAFT, USER) == Draft(room="r", body="helloabc")


async def test_the_first_refusal_stops() -> None:
    asked = []

    def answering(name: str, answer: Refusal | None) -> Callable[..., Any]:
        async def check(draft: Draft) -> Refusal | None:
            asked.append(name)
            return answer

        return check

    hooks = hooks_of(
        ("check_message", "a", answering("a", None)),
        ("check_message", "b", answering("b", Refusal("no"))),
        ("check_message", "c", answering("c", None)),
    )
    with pytest.raises(ChatError) as caught:
        await hooks.check_message(DRAFT, USER)
    assert (caught.value.code, caught.value.text, asked) == ("message.refused", "no", ["a", "b"])


async def test_order_is_that_of_the_configuration(tmp_path: Path) -> None:
    for enabled in (["shortcodes", "wordfilter", "audit"], ["audit", "wordfilter", "shortcodes"]):
        settings = {"plugin__wordfilter__words": ["bad"]}
        server = Server(loaded(tmp_path, "memory", "password", *enabled, **settings))
        calls = [call.plugin for hook in server.hooks.active.calls.values() for call in hook]
        listed = [each.name for each in server._plugins.all]
        assert listed == ["memory", "password", *enabled]
        for hook in server.hooks.active.calls.values():
            positions = [listed.index(call.plugin) for call in hook]
            assert positions == sorted(positions)
        assert set(enabled) <= set(calls)


@pytest.mark.virtual_time
async def test_a_plugin_that_hangs_is_given_up_in_time(logged: list[str]) -> None:
    async def hang(draft: Draft) -> None:
        await asyncio.Event().wait()

    hooks = hooks_of(("check_message", "slow", hang), deadline_seconds=0.05)
    with pytest.raises(PluginFailed):
        await hooks.check_message(DRAFT, USER)
    assert asyncio.get_running_loop().time() == pytest.approx(0.05)
    assert errors(hooks) == {("slow", "check_message", "timeout"): 1}


async def test_an_observers_queue_is_bounded_and_counts_what_it_drops() -> None:
    told = []
    gate = asyncio.Event()

    async def observe(attempt: LoginAttempt) -> None:
        await gate.wait()
        told.append(attempt.address)

    hooks = hooks_of(("on_login", "p", observe), observer_queue=10)
    for number in range(25):
        hooks.on_login(LoginAttempt(user=None, address=str(number), ok=False))
    assert errors(hooks) == {("p", "on_login", "queue_full"): 15}
    gate.set()
    await hooks.shutdown()
    assert told == [str(number) for number in range(10)]


@pytest.mark.virtual_time
async def test_events_that_an_observer_did_not_handle_at_the_end_are_counted(
    logged: list[str],
) -> None:
    async def observe(attempt: LoginAttempt) -> None:
        await asyncio.sleep(1)

    hooks = hooks_of(("on_login", "slow", observe), deadline_seconds=0.05, breaker_failures=1000)
    for number in range(100):
        hooks.on_login(LoginAttempt(user=None, address=str(number), ok=False))
    await hooks.shutdown()
    assert asyncio.get_running_loop().time() < 3
    assert any("plugin slow:" in line and "dropped at shutdown" in line for line in logged)
