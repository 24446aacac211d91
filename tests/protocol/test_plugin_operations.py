"""Operations that plugins add to `chat.v1`."""

from pathlib import Path
from typing import Any

import pytest

from chatserver.errors import CLOSE_BAD_FRAME, StartupError
from tests.protocol.client import Client
from tests.protocol.conftest import Start
from tests.protocol.running import Running

ENABLED = {
    "plugins.folder": str(Path(__file__).parent / "plugins"),
    "plugins.enabled": ["memory", "password", "metrics", "ballots"],
}


@pytest.fixture
def server(start: Start) -> Running:
    return start(ENABLED)


def plugin(server: Running) -> Any:
    return next(each.instance for each in server.server._plugins.all if each.name == "ballots")


async def test_the_plugin_gets_the_user_and_typed_arguments(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        answer = await client.ok("ballots.vote", poll="7", choice=2)
        assert answer == {"user": anna.id, "vote": {"poll": "7", "choice": 2, "note": ""}}
        assert await client.ok("ballots.any", a=[1, {"b": None}]) == {"a": [1, {"b": None}]}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"poll": "7"}, "choice"),
        ({"poll": "7", "choice": 4}, "choice"),
        ({"poll": 7, "choice": 1}, "poll"),
        ({"poll": "7", "choice": 1, "more": 1}, "more"),
    ],
)
async def test_arguments_that_do_not_fit_are_refused(
    server: Running, fields: dict[str, Any], words: str
) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        error = await client.error("ballots.vote", **fields)
        assert error["code"] == "request.invalid"
        assert words in error["message"]


async def test_errors_and_faults(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        assert await client.code("ballots.refuse") == "room.forbidden"
        assert not server.take_errors()
        for _ in range(10):  # more than would open a breaker
            assert await client.code("ballots.fail") == "plugin.failed"
        assert await client.code("ballots.hang") == "plugin.failed"
        assert await client.ok("ballots.any") == {}
    errors = server.take_errors()
    assert len(errors) == 11
    assert all("plugin ballots: register_operations" in error for error in errors)


async def test_operations_are_done_in_order(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        client.say({"id": 1, "op": "ballots.wait"})
        client.say({"id": 2, "op": "rooms"})
        client.say({"id": 3, "op": "ballots.any"})
        await server.run(plugin(server).go)
        answers = [await client.answer() for _ in range(3)]
        assert [answer["re"] for answer in answers] == [1, 2, 3]
        assert answers[0]["ok"] == "waited"


async def test_what_no_plugin_adds_is_unknown(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect() as client:
        for op in ("ballots.other", "ballots", "other.vote"):
            assert await client.code(op) == "request.unknown_op"
        client.say({"id": 1, "op": 5})
        assert (await client.answer())["error"]["code"] == "request.unknown_op"
        client.say({"id": 1})
        assert (await client.answer())["error"]["code"] == "request.unknown_op"
        client.text(b'{"id": 1, "op": "ballots.any", "x": ' + b"[" * 20_000 + b"]" * 20_000 + b"}")
        assert await client.closed() == CLOSE_BAD_FRAME


async def test_nobody_calls_before_signing_in(server: Running) -> None:
    async with Client(server.port) as client:
        assert await client.code("ballots.any") == "auth.required"


async def test_a_call_counts_as_an_operation(start: Start) -> None:
    server = start(ENABLED | {"limits.operations_per_second": 0.001, "limits.operations_burst": 5})
    anna = await server.person("anna")
    async with anna.connect() as client:
        codes = [(await client.ask("ballots.any")).get("error", {}).get("code") for _ in range(9)]
    assert codes[0] is None
    assert codes[-1] == "limit.rate"


PLUGIN = """
from chatserver import Operation, hookimpl

class Plugin:
    def __init__(self, config):
        pass

    @hookimpl
    def register_operations(self, context):
        return [Operation(name=name, arguments=dict, run=len) for name in NAMES]
"""


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["vote"], "plugin mine: the operation vote does not begin with mine."),
        (["ballots.vote"], "plugin mine: the operation ballots.vote does not begin with mine."),
        (["mine.a", "mine.a"], "plugin mine: mine.a is taken by mine"),
    ],
)
def test_names_that_do_not_fit_refuse_to_start(
    start: Start, tmp_path: Path, names: list[str], words: str
) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "mine.py").write_text(f"NAMES = {names!r}\n{PLUGIN}")
    with pytest.raises(StartupError) as raised:
        start({"plugins.folder": str(folder), "plugins.enabled": ["memory", "password", "mine"]})
    assert words in str(raised.value)
