"""Every kind of registration comes with its plugin, takes its new settings, and goes with it."""

import json
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from chatserver.errors import ChatError
from chatserver.hooks.loading import hook_names
from chatserver.hooks.registering import BY_HOOK
from chatserver.switching.parts import DOORS, LOOKED_UP, parts
from chatserver.testing.running import Person
from tests.switching.plugins.whole import Plugin
from tests.switching.served import Site, served
from tests.waiting import until

QUERY = {"query": "{ whole }"}


async def seen(site: Site, ada: Person, room: Any) -> dict[str, Any]:
    """What a client and an operator see of the plugin, by kind of registration."""
    service = site.service
    refusal = "reaction passed"
    event = await ada.post(room, "message")
    try:
        await service.messages.react(ada.user, room, event.id, "🙂")
    except ChatError as error:
        refusal = error.text
    graphql = (await ada.http("POST", "/graphql", QUERY)).json
    page = (await site.http("GET", "/api/v1/page")).json["parts"]
    module = [await site.http("GET", path) for part in page for path in part["modules"]]
    methods = (await site.http("GET", "/api/v1/login/methods")).json["methods"]
    health = (await site.http("GET", "/health")).json["checks"]
    route = await site.http("GET", "/whole")
    shown = {each.name: each for each in site.server.measures}
    data = service.messages.data.kind("whole")
    return {
        "check_action": refusal,
        "register_routes": route.body.decode() if route.status == 200 else route.status,
        "register_operations": await word(ada),
        "register_health_checks": health.get("whole", {}).get("word"),
        "register_page": [each.status for each in module],
        "register_graphql": graphql.get("data", {}).get("whole") if "data" in graphql else None,
        "register_jobs": "whole.job" in [job.name for job, _ in await site.server.jobs.last_runs()],
        "register_timers": "whole.timer" in site.server.timers.names(),
        "register_consumers": "whole.consumer" in site.server.consumers.names(),
        "register_commands": await said(ada, room),
        "register_message_data": data is not None,
        "register_event_kinds": "whole.noted" in service.plugin_events._kinds,
        "register_token_kinds": service.accounts.tokens.kind_of("whole_1") is not None,
        "register_personal_data": "whole" in [each.name for each in service.privacy.parts],
        "register_login_methods": [each["label"] for each in methods if each["name"] == "whole"],
        "measures": shown["whole_word"].read() if "whole_word" in shown else None,  # type: ignore[union-attr]
    }


async def word(ada: Person) -> Any:
    try:
        return (await ada.call("whole.word"))["word"]
    except ChatError as error:
        return error.code


async def said(ada: Person, room: Any) -> str:
    try:
        return (await ada.command(room, "/whole")).text or ""
    except ChatError as error:
        return error.code


def with_word(word: str) -> dict[str, Any]:
    return {
        "check_action": word,
        "register_routes": word,
        "register_operations": word,
        "register_health_checks": word,
        "register_page": [200],
        "register_graphql": word,
        "register_jobs": True,
        "register_timers": True,
        "register_consumers": True,
        "register_commands": word,
        "register_message_data": True,
        "register_event_kinds": True,
        "register_token_kinds": True,
        "register_personal_data": True,
        "register_login_methods": [word],
        "measures": len(word),
    }


GONE = {
    "check_action": "reaction passed",
    "register_routes": 404,
    "register_operations": "request.unknown_op",
    "register_health_checks": None,
    "register_page": [],
    "register_graphql": None,
    "register_jobs": False,
    "register_timers": False,
    "register_consumers": False,
    "register_commands": "command.unknown",
    "register_message_data": False,
    "register_event_kinds": False,
    "register_token_kinds": False,
    "register_personal_data": False,
    "register_login_methods": [],
    "measures": None,
}


def test_every_registration_has_a_line_and_a_place() -> None:
    hooks = {name for name in hook_names() if name.startswith("register_")} - {"register_cli"}
    assert hooks == set(BY_HOOK)
    nothing: Any = mock.MagicMock()
    placed = {part.hook for part in parts(nothing, nothing, nothing, nothing, "")}
    of_its_own = {"register_graphql", "register_backup_schemes"}  # read by plugins; refused
    assert placed | set(DOORS) | set(LOOKED_UP) | of_its_own == hooks
    assert {name for name in vars(Plugin) if name.startswith("register_")} == hooks - {
        "register_backup_schemes"
    }


@pytest.mark.parametrize("begins", ["on", "off"])
async def test_every_registration_follows_its_plugin(tmp_path: Path, begins: str) -> None:
    at_first = ("graphql", "whole") if begins == "on" else ("graphql",)
    async with served(tmp_path, *at_first) as site:
        ada = await site.user("ada")
        room = await ada.create_room("Lounge")
        if begins == "off":
            assert await seen(site, ada, room) == GONE
            done = await site.switch("on")
            assert (done.on, done.kept, list(done.with_it)) == (True, "stored", ["graphql"])
        assert await seen(site, ada, room) == with_word("one")
        old = site.instance()
        site.write("whole", word="second")
        done = await site.switch("reload")
        assert [(each.problem, list(each.left)) for each in done.nodes] == [("", [])]
        assert old.ended
        assert site.instance() is not old
        assert await seen(site, ada, room) == with_word("second")
        now = site.instance()
        done = await site.switch("off")
        assert not done.on
        assert now.ended
        assert await seen(site, ada, room) == GONE
        await site.switch("on")
        assert await seen(site, ada, room) == with_word("second")
        assert site.instance().started


async def test_work_by_time_and_by_events_goes_on_with_the_new_instance(tmp_path: Path) -> None:
    async with served(tmp_path, "whole") as site:
        ada = await site.user("ada")
        room = await ada.create_room("Lounge")
        old = site.instance()
        await until(lambda: "job" in old.seen and any("consumed" in each for each in old.seen))
        await site.switch("reload")
        new = site.instance()
        event = await ada.post(room, "Hello")
        await new.context.timers.set("whole.timer", "k", 0.0)
        await until(lambda: {f"consumed {event.seq}", "timer k"} <= set(new.seen))
        assert "MessagePosted" in new.seen
        assert "job" not in new.seen  # it ran, and its next run is due in an hour
        assert f"consumed {event.seq}" not in old.seen
        await site.switch("off")
        await ada.post(room, "nobody reads this")
        assert "off whole" in new.seen
        for work in ("job/whole.job", "timer/whole.timer", "consumer/whole.consumer"):
            assert await site.server._leases.holder(work) == ""  # another node may take it


async def test_a_counter_goes_on_and_a_gauge_is_the_new_one(tmp_path: Path) -> None:
    async with served(tmp_path, "whole") as site:
        ada = await site.user("ada")
        room = await ada.create_room("Lounge")
        await ada.post(room, "1")
        await site.switch("reload")
        await ada.post(room, "2")
        shown: dict[str, Any] = {each.name: each for each in site.server.measures}
        assert shown["whole_checked_total"].values == {("one",): 2}
        await site.switch("off")
        assert "whole_checked_total" not in {each.name for each in site.server.measures}
        switches: dict[str, Any] = {each.name: each for each in site.server.measures}
        counted = switches["chatserver_plugin_switches_total"].values
        assert counted == {("whole", "reload", "ok"): 1, ("whole", "off", "ok"): 1}


async def test_open_sockets_of_the_changed_schema_are_sent_away(tmp_path: Path) -> None:
    async with served(tmp_path, "graphql", "whole") as site:
        ada = await site.user("ada")
        request = HTTPRequest(
            f"ws://127.0.0.1:{site.port}/graphql",
            headers={"Authorization": f"Bearer {ada.token}"},
        )
        socket = await websocket_connect(request, subprotocols=["graphql-transport-ws"])
        await socket.write_message(json.dumps({"type": "connection_init"}))
        assert json.loads(await socket.read_message() or "")["type"] == "connection_ack"
        await site.switch("off")
        while await socket.read_message() is not None:
            pass
        assert socket.close_code == 4301  # as at a restart: clients come back
        socket.close()
        assert (await ada.http("POST", "/graphql", {"query": "{ __typename }"})).status == 200
