"""Hooks answered by other processes: the examples in Python and Node, and services that misbehave."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from chatserver import ChatError, StartupError
from chatserver.runtime.measure import Counter
from chatserver.testing.running import Chat, running
from chatserver_plugins.remote.process import RESTART_SECONDS, RESTARTS, Process
from tests.servers import free_port
from tests.waiting import until

EXAMPLES = Path(__file__).parents[2] / "docs/examples/remote"
SECRET = "a secret of some length"
PASS = {"answer": "pass"}


def settings(name: str, uri: str, **more: object) -> dict[str, object]:
    key = f"plugin.remote.services.{name}"
    given = {"uri": uri, "secret": SECRET, **more}
    return {f"{key}.{each}": value for each, value in given.items()}


def remote(chat: Chat) -> Any:
    return next(each.instance for each in chat._server._plugins.all if each.name == "remote")


async def is_up(chat: Chat) -> None:
    await until(lambda: all(service.is_up for service in remote(chat).services))


async def refusal(action: Any) -> str:
    with pytest.raises(ChatError) as raised:
        await action
    return str(raised.value)


async def test_the_example_in_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMOTE_SECRET", SECRET)
    port = free_port()
    command = [sys.executable, str(EXAMPLES / "moderation.py"), "127.0.0.1", str(port), "casino"]
    given = settings("moderation", f"http://127.0.0.1:{port}/", command=command, seconds=30)
    async with running("remote", settings=given) as chat:
        await is_up(chat)
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        assert (await ada.post(room, "Hello (c)")).body == "Hello ©"
        said = await refusal(ada.post(room, "Visit the Casino"))
        assert said == "message.refused: We do not talk about casino here."
        said = await refusal(ada.create_room("Casino"))
        assert said == "action.refused: We do not talk about casino here."
        pid = remote(chat).services[0].pid
        assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_the_example_in_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = shutil.which("node")
    if node is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("node is not installed")
    monkeypatch.setenv("REMOTE_SECRET", SECRET)
    path = tmp_path / "s.sock"
    command = [node, str(EXAMPLES / "moderation.mjs"), str(path), "casino"]
    given = settings("moderation", f"unix:{path}", command=command, seconds=30)
    async with running("remote", settings=given) as chat:
        await is_up(chat)
        ada = await chat.user("ada")
        room = await ada.create_room("Casino")  # this one asks for messages alone
        await ada.post(room, "Hello")
        said = await refusal(ada.post(room, "Visit the Casino"))
        assert said == "message.refused: We do not talk about casino here."


Answering = Callable[[str, dict[str, Any]], Any]


class Fake:
    """A service in this process. `answer(hook, arguments)` gives a JSON value, bytes, or a status."""

    def __init__(self, answer: Answering, **hello: Any) -> None:
        self.answer = answer
        self.hello = {"protocol": 1, "hooks": ["check_message"], **hello}
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def handle(self, request: HTTPServerRequest) -> Any:
        asked = msgspec.json.decode(request.body)
        self.asked.append((asked["hook"], asked["arguments"]))
        if asked["hook"] == "hello":
            return self.hello
        found = self.answer(asked["hook"], asked["arguments"])
        return await found if asyncio.iscoroutine(found) else found

    def count(self, hook: str) -> int:
        return sum(each == hook for each, _ in self.asked)


@asynccontextmanager
async def serving(fake: Fake, port: int) -> AsyncIterator[None]:
    class Handler(RequestHandler):
        async def post(self) -> None:
            answer = await fake.handle(self.request)
            if isinstance(answer, int):
                self.set_status(answer)
            else:
                self.finish(answer if isinstance(answer, bytes) else msgspec.json.encode(answer))

    server = HTTPServer(Application([(r"/.*", Handler)], log_function=lambda handler: None))
    sockets = bind_sockets(port, "127.0.0.1")
    server.add_sockets(sockets)
    try:
        yield
    finally:
        server.stop()
        await server.close_all_connections()


@asynccontextmanager
async def with_fake(
    fake: Fake, on_failure: str = "refuse", seconds: float = 30
) -> AsyncIterator[Chat]:
    port = free_port()
    given = settings("fake", f"http://127.0.0.1:{port}/", seconds=seconds)
    given |= {"plugin.remote.on_failure": on_failure, "plugins.deadline_seconds": 60.0}
    async with serving(fake, port), running("remote", settings=given) as chat:
        await is_up(chat)
        yield chat


@pytest.mark.parametrize(
    "answer",
    [
        500,
        401,
        b"",
        b"not JSON",
        b"\xff",
        {},
        [],
        {"answer": "yes"},
        {"answer": "refuse"},
        {"answer": "refuse", "reason": 5},
        {"answer": "replace", "fields": {"body": "x"}},
        {"refuse": True},
        True,
    ],
)
async def test_whatever_is_no_answer_is_a_failure(answer: Any) -> None:
    fake = Fake(lambda hook, given: answer)
    async with with_fake(fake) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        assert "plugin.failed" in await refusal(ada.post(room, "Hello"))
        assert fake.count("check_message") == 1
        assert failures(chat) == 1
    async with with_fake(fake, on_failure="pass") as chat:
        ada = await chat.user("ada")
        await ada.post(await ada.create_room("Lounge"), "Hello")


@pytest.mark.parametrize(
    ("hook", "answer", "body"),
    [
        ("change_message", {"answer": "replace", "fields": {"body": "other"}}, "other"),
        ("change_message", {"answer": "replace", "fields": {}}, "Hello"),
        ("change_message", PASS, "Hello"),
        ("change_message", {"answer": "replace", "fields": {"room": "x"}}, None),
        ("change_message", {"answer": "replace", "fields": {"body": 5}}, None),
        ("change_message", {"answer": "refuse", "reason": "x"}, None),
    ],
)
async def test_what_may_be_replaced(hook: str, answer: Any, body: str | None) -> None:
    fake = Fake(lambda hook, given: answer, hooks=[hook])
    async with with_fake(fake) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        if body is None:
            assert "plugin.failed" in await refusal(ada.post(room, "Hello"))
        else:
            assert (await ada.post(room, "Hello")).body == body
        (given,) = [given for asked, given in fake.asked if asked == hook]
        assert given["draft"]["body"] == "Hello"
        assert given["user"]["username"] == "ada"


async def test_actions_are_asked_by_name_and_their_names_changed() -> None:
    def answer(hook: str, given: dict[str, Any]) -> Any:
        if hook == "change_action":
            return {"answer": "replace", "fields": {"name": given["action"]["name"].title()}}
        return PASS

    fake = Fake(answer, hooks=["change_action", "check_action"], actions=["RoomCreate"])
    async with with_fake(fake) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("a quiet place")
        assert room.description is not None and room.description.name == "A Quiet Place"
        bob = await chat.user("bob")
        await bob.join(room)  # it does not want these
        await bob.post(room, "Hello")
        assert [hook for hook, _ in fake.asked] == ["hello", "change_action", "check_action"]
        assert fake.asked[2][1]["action"]["action"] == "RoomCreate"
        assert fake.asked[2][1]["action"]["name"] == "A Quiet Place"


async def test_rooms_are_left_out_and_searches_changed() -> None:
    def answer(hook: str, given: dict[str, Any]) -> Any:
        if hook == "filter_rooms":
            hidden = [room["id"] for room in given["rooms"] if room["name"] == "hidden"]
            return {"answer": "replace", "fields": {"hidden": hidden}}
        if hook == "filter_search" and given["query"]["text"] == "forbidden":
            return {"answer": "refuse", "reason": "no"}
        return {"answer": "replace", "fields": {"text": "tea"}} if hook != "hello" else PASS

    async with with_fake(Fake(answer, hooks=["filter_rooms", "filter_search"])) as chat:
        ada = await chat.user("ada")
        shown, hidden = await ada.create_room("shown"), await ada.create_room("hidden")
        await ada.post(shown, "tea")
        await ada.post(hidden, "tea")
        assert [room["id"] for room in (await ada.call("rooms"))["rooms"]] == [shown.id]
        found = await ada.call("search", text="coffee")
        assert [message["room"] for message in found["messages"]] == [shown.id]
        assert "action.refused: no" in await refusal(ada.call("search", text="forbidden"))


async def test_users_are_left_out() -> None:
    def answer(hook: str, given: dict[str, Any]) -> Any:
        if hook == "hello":
            return PASS
        hidden = [user["id"] for user in given["users"] if user["name"] == "bob"]
        return {"answer": "replace", "fields": {"hidden": hidden}}

    async with with_fake(Fake(answer, hooks=["filter_users"])) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        room = await ada.create_room("tea")
        await bob.join(room)
        members = (await ada.call("members", room=room.id))["members"]
        assert [member["id"] for member in members] == [ada.id]


@pytest.mark.parametrize("fields", [{"hidden": 5}, {"hidden": [5]}, {"rooms": []}])
async def test_rooms_are_left_out_by_ids_alone(fields: Any) -> None:
    fake = Fake(lambda hook, given: {"answer": "replace", "fields": fields}, hooks=["filter_rooms"])
    async with with_fake(fake) as chat:
        ada = await chat.user("ada")
        await ada.create_room("tea")
        assert "plugin.failed" in await refusal(ada.call("rooms"))


async def test_events_are_told_to_who_wants_their_kind() -> None:
    fake = Fake(lambda hook, given: PASS, hooks=["on_event"], event_kinds=["message.posted"])
    async with with_fake(fake) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        await ada.post(room, "one")
        await ada.post(room, "two")
        await until(lambda: fake.count("on_event") == 2)
        told = [given["event"]["body"] for hook, given in fake.asked if hook == "on_event"]
        assert told == ["one", "two"]


async def test_a_service_that_is_away_costs_nobody_a_wait_and_is_asked_again_when_it_is_back() -> (
    None
):
    port = free_port()
    fake = Fake(lambda hook, given: PASS)
    given = settings("fake", f"http://127.0.0.1:{port}/", seconds=30)
    async with running("remote", settings=given) as chat:
        service = remote(chat).services[0]
        assert not service.is_up
        # Nobody knows what it wants, so nothing passes that it might refuse.
        assert "plugin.failed" in await refusal(chat.user("ada"))
        async with serving(fake, port):
            await until(lambda: service.is_up)
            ada = await chat.user("ada")
            room = await ada.create_room("Lounge")
            await ada.post(room, "Hello")
        for _ in range(3):  # the first of them finds out
            assert "plugin.failed" in await refusal(ada.post(room, "Hello"))
        assert not service.is_up
        await ada.create_room("Another")  # which it never wanted to see
        async with serving(fake, port):
            await until(lambda: service.is_up)
            await ada.post(room, "Hello again")


async def test_silence_is_a_failure() -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    fake = Fake(lambda hook, given: never())
    async with with_fake(fake, seconds=0.5) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        assert "plugin.failed" in await refusal(ada.post(room, "Hello"))


@pytest.mark.parametrize(
    "hello",
    [
        {"protocol": 2},
        {"hooks": ["check_message", "check_everything"]},
        {"hooks": "check_message"},
    ],
)
async def test_who_says_hello_in_another_way_stays_away(hello: dict[str, Any]) -> None:
    port = free_port()
    fake = Fake(lambda hook, given: PASS, **hello)
    given = settings("fake", f"http://127.0.0.1:{port}/", seconds=30)
    async with serving(fake, port), running("remote", settings=given) as chat:
        await until(lambda: fake.count("hello") >= 2)
        assert not remote(chat).services[0].is_up
        assert (await chat.http("GET", "/health/ready")).status == 200


async def test_a_process_is_restarted_three_times_in_an_hour() -> None:
    now = 0.0
    process = Process("short", [sys.executable, "-c", "print('hello')"], lambda: now)
    process.start()
    await until(lambda: process.given_up)
    assert len(process._started) == RESTARTS + 1
    await process.stop()
    now = RESTART_SECONDS + 1
    assert process._may_start()


async def test_a_process_that_cannot_start_is_no_error_of_the_server() -> None:
    given = settings("fake", "unix:/nowhere.sock", command=["/nowhere/program"], seconds=0.5)
    async with running("remote", settings=given | {"plugin.remote.on_failure": "pass"}) as chat:
        ada = await chat.user("ada")
        await ada.post(await ada.create_room("Lounge"), "Hello")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (settings("fake", "ftp://x"), "uri: expected http://…"),
        (settings("Fake Name", "unix:/x"), "a name has 1 to 32 of a-z 0-9 _ -, got 'Fake Name'"),
        (settings("fake", "https://x", ca_file="/nowhere"), "services.fake.ca_file"),
    ],
)
async def test_settings_that_cannot_be_right(given: dict[str, object], words: str) -> None:
    with pytest.raises(StartupError, match=words):
        async with running("remote", settings=given):
            pass


def failures(chat: Chat) -> float:
    name = "chatserver_hook_errors_total"
    found = next(each for each in chat._server.measures if each.name == name)
    assert isinstance(found, Counter)
    return sum(value for key, value in found.values.items() if key[0] == "remote")
