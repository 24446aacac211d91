"""Turning plugins on and off, and giving them new settings, while users write: nothing is lost, or passes unchecked."""

import asyncio
import json
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from chatserver import StoreUnavailable
from chatserver.errors import CLOSE_REJECTED, ChatError
from chatserver.hooks import lifecycle
from chatserver.switching.control import Asked, ask
from chatserver.testing.running import Chat, Person, running
from tests.forking import ran
from tests.switching.served import OPERATOR, Site, refused, served
from tests.waiting import until

MESSAGES, RELOADS = 200, 20


async def test_messages_during_reloads_are_each_checked_once_and_none_is_lost(
    tmp_path: Path,
) -> None:
    async with served(tmp_path, "whole") as site:
        ada = await site.user("ada")
        room = await ada.create_room("Lounge")
        words = [f"word{number}" for number in range(RELOADS)]

        async def write() -> None:
            for number in range(MESSAGES):
                await ada.post(room, f"message {number}")

        writing = [asyncio.create_task(write()) for _ in range(1)]
        olds = []
        for word in words:
            site.write("whole", word=word)
            olds.append(site.instance())
            done = await site.switch("reload")
            assert [list(each.left) for each in done.nodes] == [[]]
            with refused("message.refused", word):
                await ada.post(room, word)
        await asyncio.gather(*writing)
        page = await site.service.history.page(ada.user, room, None, 100)
        events = await site.service.history.events(ada.user, room, 0, 1000)
        bodies = [each.body for each in events.events if hasattr(each, "body")]
        assert bodies == [f"message {number}" for number in range(MESSAGES)]
        assert page.messages[-1].body == f"message {MESSAGES - 1}"
        assert all(old.ended for old in olds)
        (counter,) = [each for each in site.server.measures if each.name == "whole_checked_total"]
        assert sum(counter.values.values()) == MESSAGES + RELOADS  # type: ignore[union-attr]


async def test_the_settings_in_use_are_shown_without_secrets(tmp_path: Path) -> None:
    async with served(tmp_path, "whole") as site:
        site.write("whole", word="two", api_token="another secret")

        async def settings() -> dict[str, tuple[str, str | None]]:
            found = await site.server.coordinator.settings("whole", OPERATOR)
            return {each.key: (each.value, each.default) for each in found.settings}

        assert (await settings())["word"] == ('"one"', '"one"')  # the file was not read again yet
        await site.switch("reload")
        shown = await settings()
        assert shown["word"] == ('"two"', '"one"')
        assert "secret" not in str(shown)
        assert shown["api_token"][0] == '"***"'
        with refused("request.not_found"):
            await site.server.coordinator.settings("nothing", OPERATOR)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"wrod": "x"}, r"plugin\.whole\.wrod"),
        ({"word": "x" * 21}, r"plugin\.whole\.word"),
        ({"fail": "made"}, "plugin whole: not made"),
        ({"fail": "start"}, "plugin whole: startup: not started"),
    ],
)
async def test_the_old_instance_stays_if_the_new_one_is_not_possible(
    tmp_path: Path, settings: dict[str, str], problem: str
) -> None:
    async with served(tmp_path, "whole", "graphql") as site:
        ada = await site.user("ada")
        room = await ada.create_room("Lounge")
        old, before = site.instance(), site.server.engine.set
        site.write("whole", **settings)
        with refused("plugin.invalid", problem):
            await site.switch("reload")
        assert site.server.engine.set is before
        assert not old.ended
        with refused("message.refused", "one"):
            await ada.post(room, "one")
        assert (await site.http("GET", "/whole")).body == b"one"
        assert site.instance() is old
        site.write("whole", word="two")
        await site.switch("reload")  # nobody is held up by the failure
        assert (await site.http("GET", "/whole")).body == b"two"


async def test_a_mistake_elsewhere_in_the_file_changes_nothing(tmp_path: Path) -> None:
    async with served(tmp_path, "whole") as site:
        site.file.write_text("[server]\nprot = 1\n")
        with refused("plugin.invalid", r"chat\.toml.*server\.prot"):
            await site.switch("reload")
        assert (await site.http("GET", "/whole")).body == b"one"


async def test_a_plugin_that_does_not_fit_is_named_and_stays_off(tmp_path: Path) -> None:
    async with served(tmp_path, "graphql", "whole") as site:
        with refused("plugin.invalid", "plugin twin: /whole is taken by whole"):
            await site.switch("on", "twin")
        with refused("request.not_found", "no plugin nobody"):
            await site.switch("on", "nobody")
        with refused("request.not_found", "twin is not on"):
            await site.switch("off", "twin")
        await site.switch("off")
        await site.switch("on", "twin")
        assert (await site.http("GET", "/whole")).body == b"twin"


async def test_an_old_call_is_awaited_and_named_if_it_hangs(tmp_path: Path) -> None:
    sections = {"plugins": {"drain_seconds": 0.2, "deadline_seconds": 60}}
    async with served(tmp_path, "whole", sections=sections) as site:
        ada = await site.user("ada")
        room = await ada.create_room("Lounge")
        old = site.instance()
        late = asyncio.create_task(ada.post(room, "wait"))
        await until(lambda: old.checked.values)
        done = await site.switch("reload")
        assert [list(each.left) for each in done.nodes] == [["calls of whole: 1"]]
        assert old.ended
        await ada.post(room, "the new instance answers")
        old.gate.set()
        await asyncio.wait([late])

        await site.switch("reload")
        old = site.instance()
        site.instance().checked.values.clear()
        late = asyncio.create_task(ada.post(room, "wait"))
        await until(lambda: old.checked.values)
        switching = asyncio.create_task(site.switch("off"))
        await until(lambda: "whole" not in site.service.hooks.plugins)
        assert not old.ended
        old.gate.set()
        done = await switching
        assert [list(each.left) for each in done.nodes] == [[]]
        assert (await late).body == "wait"
        assert old.ended


async def test_a_message_at_an_earlier_plugin_is_still_checked_by_the_old_instance(
    tmp_path: Path,
) -> None:
    sections = {"plugins": {"drain_seconds": 60, "deadline_seconds": 60}}
    async with served(tmp_path, "first", "whole", sections=sections) as site:
        ada = await site.user("ada")
        room = await ada.create_room("Lounge")
        old, first = site.instance(), site.instance("first")
        late = asyncio.create_task(ada.post(room, "wait first"))
        await until(lambda: first.is_waiting)
        switching = asyncio.create_task(site.switch("reload"))
        await until(lambda: site.instance() is not old)
        await ada.post(room, "Hello")
        done, _ = await asyncio.wait([switching], timeout=0.5)
        assert not done
        assert not old.ended
        first.gate.set()
        await late
        assert [list(each.left) for each in (await switching).nodes] == [[]]
        assert "checked wait first" in old.seen
        assert "checked Hello" in site.instance().seen
        assert old.ended


async def test_those_that_have_started_with_a_plugin_that_fails_are_ended(tmp_path: Path) -> None:
    async with served(tmp_path, "reader", "whole") as site:
        reader = site.instance("reader")
        site.write("whole", fail="start")
        with refused("plugin.invalid", "not started"):
            await site.switch("reload")
        assert site.instance("reader") is reader
        assert reader.log == ["start", "start", "end"]  # of this instance, and of the one made anew
        site.write("whole")
        assert list((await site.switch("reload")).with_it) == ["reader"]
        assert reader.log == ["start", "start", "end", "start", "end"]


async def test_a_new_instance_is_not_held_up_by_failures_of_the_old_one(tmp_path: Path) -> None:
    plugins = {"deadline_seconds": 0.05, "breaker_failures": 1, "breaker_seconds": 600}
    async with served(tmp_path, "whole", sections={"plugins": plugins}) as site:
        ada = await site.user("ada")
        room = await ada.create_room("Lounge")
        with refused("plugin.failed"):
            await ada.post(room, "wait")
        with refused("plugin.failed"):
            await ada.post(room, "Hello")
        await site.switch("reload")
        await ada.post(room, "Hello")


async def test_what_was_observed_before_reaches_the_old_instance(tmp_path: Path) -> None:
    async with served(tmp_path, "whole") as site:
        ada = await site.user("ada")
        room = await ada.create_room("Lounge")
        old = site.instance()
        old.slow = 0.1
        for number in range(5):
            await ada.post(room, f"{number}")
        await site.switch("off")
        assert old.seen.count("MessagePosted") == 5


async def test_a_process_does_not_follow_itself(tmp_path: Path) -> None:
    async with served(tmp_path, "whole") as site:
        await site.switch("reload")
        now = site.instance()
        await site.server.coordinator._recheck("whole")
        assert site.instance() is now


async def test_second_factors_stay_demanded(tmp_path: Path) -> None:
    async with served(tmp_path, "first") as site:
        with refused("plugin.fixed", "second factors"):
            await site.switch("off", "first")
        await site.switch("reload", "first")
        assert site.service.logins.methods.are_demanded


async def test_a_part_that_others_need_stays(tmp_path: Path) -> None:
    twin = {"plugin.twin": {"graphql": True, "path": "/twin"}}
    async with served(tmp_path, "graphql", "whole", "twin", sections=twin) as site:
        with refused("plugin.invalid", "Whole"):
            await site.switch("off", "whole")
        assert (await site.http("GET", "/whole")).body == b"one"


async def test_a_plugin_that_fails_to_end_is_gone_all_the_same(tmp_path: Path) -> None:
    async with served(tmp_path, "whole", sections={"plugin.whole": {"fail": "end"}}) as site:
        done = await site.switch("off")
        assert not done.on
        assert (await site.http("GET", "/whole")).status == 404


async def test_a_job_under_way_may_finish(tmp_path: Path) -> None:
    async with served(tmp_path, "whole", sections={"plugin.whole": {"fail": "slow"}}) as site:
        old = site.instance()
        await until(lambda: "job" in old.seen)
        await site.switch("off")
        assert "job done" in old.seen


async def test_a_job_that_takes_too_long_is_cancelled(tmp_path: Path) -> None:
    sections = {"plugin.whole": {"fail": "job"}, "plugins": {"drain_seconds": 0.2}}
    async with served(tmp_path, "whole", sections=sections) as site:
        await until(lambda: "job" in site.instance().seen)
        done = await site.switch("off")  # cancelled after its time
        assert not done.on
        assert "job/whole.job" not in {task.get_name() for task in asyncio.all_tasks()}


async def test_two_at_once_have_one_owner(tmp_path: Path) -> None:
    async with served(tmp_path, "whole") as site:
        one, other = await asyncio.gather(
            site.switch("reload"), site.switch("off"), return_exceptions=True
        )
        assert not isinstance(one, BaseException)
        assert isinstance(other, ChatError)
        assert (other.code, other.text) == (
            "plugin.busy",
            "root switches whole reload at the moment.",
        )
        await site.switch("off")


async def test_what_the_server_runs_on_stays(tmp_path: Path) -> None:
    async with served(tmp_path, "whole") as site:
        for plugin in ("memory", "password"):
            for do in ("off", "reload"):
                with refused("plugin.fixed", plugin):
                    await site.switch(do, plugin)  # type: ignore[arg-type]
        with refused("plugin.fixed", "sqlite"):
            await site.switch("on", "sqlite")


async def test_what_a_plugin_claims_is_refused_once_it_is_off(tmp_path: Path) -> None:
    async with served(tmp_path, "whole") as site:
        ada = await site.user("ada")
        room = await ada.create_room("Lounge")
        await site.instance().context.claim("message")
        done = await site.switch("off")
        assert list(done.guards) == ["message"]
        with refused("plugin.absent", "whole"):
            await ada.post(room, "Hello")
        await site.switch("on")
        await ada.post(room, "Hello")


GUARD = """
from chatserver import RoomJoin, RoomCreate, Settings, hookimpl

class Plugin:
    class Config(Settings, frozen=True, kw_only=True):
        claims: str = "all"
        fails: bool = False

    def __init__(self, config):
        self.config = config

    @hookimpl
    async def startup(self, context):
        if self.config.claims == "all":
            await context.claim(RoomJoin)
            await context.claim("message")
        elif self.config.claims == "some":
            await context.claim(RoomJoin, having="kept/", roles=["guest"])
        else:
            await context.release(RoomJoin)
            await context.claim(RoomCreate)
        if self.config.fails:
            raise RuntimeError("not today")
"""


def guarded(folder: Path) -> AbstractAsyncContextManager[Site]:
    (folder / "plugins").mkdir()
    (folder / "plugins/guard.py").write_text(GUARD)
    return served(folder, "guard", sections={"plugins": {"folder": str(folder / "plugins")}})


async def claimed(site: Site) -> list[tuple[str, str | None, tuple[str, ...]]]:
    found = await site.service.claims.list("guard")
    return sorted((claim.action, claim.having, claim.roles) for claim in found)


ALL = [("RoomJoin", None, ()), ("message", None, ())]


@pytest.mark.parametrize(("claims", "added"), [("some", []), ("none", [("RoomCreate", None, ())])])
async def test_a_failed_switch_leaves_what_the_old_instance_claims(
    tmp_path: Path, claims: str, added: list[tuple[str, str | None, tuple[str, ...]]]
) -> None:
    async with guarded(tmp_path) as site:
        ada, bob = await site.user("ada"), await site.user("bob")
        room = await ada.create_room("Lounge")
        site.write("guard", claims=claims, fails=True)
        with refused("plugin.invalid", "not today"):
            await site.switch("reload", "guard")
        assert await claimed(site) == [*added, *ALL]
        await site.switch("off", "guard")
        with refused("plugin.absent", "guard"):
            await bob.join(room)


async def test_a_failed_switch_leaves_whom_the_old_instance_claims_it_of(tmp_path: Path) -> None:
    async with guarded(tmp_path) as site:
        site.write("guard", claims="some")
        await site.switch("reload", "guard")
        before = await claimed(site)
        for claims in ("all", "none"):
            site.write("guard", claims=claims, fails=True)
            with refused("plugin.invalid", "not today"):
                await site.switch("reload", "guard")
            assert {*before} <= {*await claimed(site)}


async def test_a_switch_that_succeeds_leaves_what_the_new_instance_claims(tmp_path: Path) -> None:
    async with guarded(tmp_path) as site:
        site.write("guard", claims="some")
        await site.switch("reload", "guard")
        assert await claimed(site) == [("RoomJoin", "kept/", ("guest",)), ALL[1]]
        site.write("guard", claims="none")
        await site.switch("reload", "guard")
        assert await claimed(site) == [("RoomCreate", None, ()), ALL[1]]


async def test_claims_are_put_back_when_the_store_is_there_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store goes away after the new instance has started, and before it is used."""
    monkeypatch.setattr("chatserver.switching.coordinator.LOOK_SECONDS", 0.01)
    async with guarded(tmp_path) as site:
        store, start = site.service.store, lifecycle.start
        scan = store.scan

        async def away(*_: object, **__: object) -> None:
            raise StoreUnavailable

        async def then_it_is_away(*given: Any) -> None:
            await start(*given)
            for method in ("add", "get", "scan"):
                patch.setattr(store, method, away)

        site.write("guard", claims="none")
        with monkeypatch.context() as patch:
            patch.setattr(lifecycle, "start", then_it_is_away)
            with refused("store.unavailable"):
                await site.server.engine.switch("reload", "guard", {})
            assert await scan("claims", "guard/RoomJoin") == []
        await until(lambda: is_claimed(site))
        assert await claimed(site) == [("RoomCreate", None, ()), *ALL]


async def is_claimed(site: Site) -> bool:
    return ALL[0] in await claimed(site)


async def test_a_switch_is_remembered_until_the_configuration_says_the_same(
    tmp_path: Path,
) -> None:
    async with served(tmp_path, "whole", store="sqlite") as site:
        assert (await site.switch("off")).kept == "stored"
    async with served(tmp_path, "whole", store="sqlite") as site:
        assert (await site.http("GET", "/whole")).status == 404
        assert (await site.switch("on")).kept == "configured"
    async with served(tmp_path, "whole", store="sqlite") as site:
        assert (await site.http("GET", "/whole")).body == b"one"


async def test_owners_switch_over_http_and_others_do_not(tmp_path: Path) -> None:
    async with served(tmp_path, "whole") as site:
        ada, bob = await site.user("ada"), await site.user("bob")
        listed = (await ada.http("GET", "/api/v1/admin/plugins")).json["plugins"]
        assert [(each["name"], each["on"]) for each in listed][-1] == ("whole", True)
        assert "startup" in listed[-1]["hooks"]
        done = await ada.http("POST", "/api/v1/plugins/whole", {"do": "off"})
        assert (done.status, done.json["on"]) == (200, False)
        listed = (await ada.http("GET", "/api/v1/admin/plugins")).json["plugins"]
        assert listed[-1] == {
            "name": "whole", "on": False, "configured": True, "hooks": [], "claims": [],
            "powers": None, "secret_settings": [],
            "about": "A plugin with every kind of registration. Its setting word is seen in each of them.",
        }  # fmt: skip
        for who in (bob, None):
            asked: Person | Chat = who or site
            for method, path, body in (
                ("GET", "/api/v1/admin/plugins", None),
                ("POST", "/api/v1/plugins/whole", {"do": "on"}),
            ):
                assert (await asked.http(method, path, body)).status in (401, 403)
        assert (await site.http("GET", "/whole")).status == 404


async def test_a_server_without_a_file_reloads_what_it_was_given() -> None:
    async with running("shortcodes") as chat:
        ada = await chat.user("ada")
        done = await ada.http("POST", "/api/v1/plugins/shortcodes", {"do": "reload"})
        assert done.json["on"] is True


async def told(site: Site, *arguments: str, input: str = "") -> tuple[int, str]:
    """The exit status and output of `chatserver plugins …` on the server's machine."""
    options = ("--config", str(site.file))
    done = await asyncio.to_thread(ran, "plugins", *arguments, *options, input=input)
    return done.returncode, done.stdout + done.stderr


async def test_commands_reach_the_server_beside_any_store(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 30)  # longer than the address of a socket may be
    folder.mkdir()
    async with served(folder, "whole", "audit") as site:
        assert (site.server._data / "control.sock").stat().st_mode & 0o077 == 0
        assert await told(site, "reload", "whole") == (0, "whole is on\n")
        site.write("whole", word="two", wrod="x")
        status, output = await told(site, "reload", "whole")
        assert status == 1
        assert "plugin.whole.wrod" in output
        await site.instance().context.claim("message")
        status, output = await told(site, "off", "whole")
        assert status == 0
        assert output.splitlines() == [
            "whole is off",
            "refused from now on, as whole guards it: message; "
            "`chatserver plugins release whole` ends that",
            "the configuration says otherwise: the store remembers this switch at the next start",
        ]
        status, output = await told(site, "off", "memory")
        assert (status, "restart" in output) == (1, True)
        log = site.server._data / "audit" / "audit.log"
        await until(lambda: log.exists() and len(log.read_text().splitlines()) == 2)
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert [(line["kind"], line["plugin"]) for line in lines] == [
            ("plugin.reload", "whole"),
            ("plugin.off", "whole"),
        ]
        assert all(line["operator"] for line in lines)
    assert not (site.server._data / "control.sock").exists()


async def test_a_server_that_ends_before_it_answers_is_told(tmp_path: Path) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()

    server = await asyncio.start_unix_server(hang_up, tmp_path / "control.sock")
    answer = await asyncio.to_thread(ask, tmp_path, Asked("off", "whole", "root"))
    assert answer is not None
    assert (answer.done, answer.code) == (None, "server.draining")
    server.close()
    assert ask(tmp_path / "none", Asked("off", "whole", "root")) is None


async def test_clients_learn_that_plugins_have_changed(tmp_path: Path) -> None:
    async with served(tmp_path, "whole") as site:
        ada = await site.user("ada")
        request = HTTPRequest(
            f"ws://127.0.0.1:{site.port}/ws", headers={"Authorization": f"Bearer {ada.token}"}
        )
        socket = await websocket_connect(request, subprotocols=["chat.v1"])
        await socket.write_message(json.dumps({"op": "ping", "id": 1}))
        while "re" not in json.loads(await socket.read_message() or "{}"):
            pass
        await site.switch("off")
        async with asyncio.timeout(60):
            while json.loads(await socket.read_message() or "{}") != {"ev": "plugins.changed"}:
                pass
        socket.close()


async def test_connections_signed_in_by_a_plugins_tokens_end_with_the_plugin(
    tmp_path: Path,
) -> None:
    async with served(tmp_path, "whole") as site:
        ada = await site.user("ada")
        address = f"ws://127.0.0.1:{site.port}/ws"
        sockets = []
        for token in (ada.token, f"whole_{ada.id}"):
            request = HTTPRequest(address, headers={"Authorization": f"Bearer {token}"})
            sockets.append(await websocket_connect(request, subprotocols=["chat.v1"]))
            await sockets[-1].write_message(json.dumps({"op": "rooms", "id": 1}))
            while "re" not in json.loads(await sockets[-1].read_message() or "{}"):
                pass
        session, bot = sockets
        await site.switch("off")
        async with asyncio.timeout(60):
            while await bot.read_message() is not None:
                pass
        assert bot.close_code == CLOSE_REJECTED
        bot.close()  # else it complains when it is collected
        await session.write_message(json.dumps({"op": "ping", "id": 2}))
        async with asyncio.timeout(60):
            while json.loads(await session.read_message() or "{}").get("re") != 2:
                pass
        session.close()
