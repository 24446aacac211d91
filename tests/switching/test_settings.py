"""Settings of plugins that owners and operators change while the server runs, and that a restart keeps."""

import json
from pathlib import Path
from typing import Any

import pytest

from chatserver.errors import ChatError
from chatserver.hooks.types import Actor
from chatserver.service.switches import SettingsChange, Switched
from chatserver.testing.running import Answer, Person
from tests.switching.served import Site, refused, served
from tests.switching.test_switching import told
from tests.waiting import until

ADA = Actor(user="u-ada")


async def change(site: Site, by: Actor = ADA, plugin: str = "dials", **values: object) -> Switched:
    return await site.server.coordinator.switch("set", plugin, by, SettingsChange(settings=values))


async def reset(site: Site, *names: str, by: Actor = ADA, plugin: str = "dials") -> Switched:
    return await site.server.coordinator.switch("set", plugin, by, SettingsChange(reset=names))


async def dials(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = (await site.http("GET", "/dials")).json
    return found


async def views(site: Site, by: Actor = ADA) -> dict[str, Any]:
    found = await site.server.coordinator.settings("dials", by)
    return {each.key: each for each in found.settings}


def problems(error: ChatError) -> dict[str, str]:
    found: Any = error.detail["problems"]
    return {each["setting"]: each["reason"] for each in found}


async def wrong(site: Site, by: Actor = ADA, **values: object) -> dict[str, str]:
    """What is wrong with these values, by setting; nothing has changed."""
    before, was = await dials(site), site.instance("dials")
    with pytest.raises(ChatError) as caught:
        await change(site, by, **values)
    assert caught.value.code == "plugin.invalid"
    assert (caught.value.detail["field"], caught.value.detail["reason"]) == ("settings", "values")
    assert site.instance("dials") is was
    assert await dials(site) == before
    return problems(caught.value)


async def test_new_values_are_in_use_at_once_and_after_a_restart(tmp_path: Path) -> None:
    async with served(tmp_path, "dials", store="sqlite") as site:
        text = site.file.read_text()
        done = await change(site, word="two", words=["a", "b"], count=4)
        assert (list(done.changed), done.kept) == (["count", "word", "words"], "configured")
        assert (await dials(site))["words"] == ["a", "b"]
        done = await change(site, word="two", count=5)
        assert list(done.changed) == ["count"]
        assert site.file.read_text() == text  # the operator's own is left alone
    async with served(tmp_path, "dials", store="sqlite") as site:
        found = await dials(site)
        assert (found["word"], found["words"], found["count"]) == ("two", ["a", "b"], 5)
        for do in ("reload", "off", "on"):
            await site.switch(do, "dials")  # type: ignore[arg-type]
        assert (await dials(site))["word"] == "two"
        assert list((await reset(site, "word", "count")).changed) == ["count", "word"]
        assert (await dials(site))["word"] == "one"
    async with served(tmp_path, "dials", store="sqlite") as site:
        found = await dials(site)
        assert (found["word"], found["words"], found["count"]) == ("one", ["a", "b"], 3)


async def test_a_reset_leads_to_the_file_and_only_then_to_the_default(tmp_path: Path) -> None:
    file = {"plugin.dials": {"word": "filed", "count": 2}}
    async with served(tmp_path, "dials", sections=file) as site:
        await change(site, word="stored")
        word = (await views(site))["word"]
        assert (word.source, word.is_stored, word.usual) == ("store", True, "filed")
        await reset(site, "word")
        word = (await views(site))["word"]
        assert (word.source, word.is_stored, word.current) == ("file", False, "filed")
        assert (await dials(site))["word"] == "filed"
        assert (await views(site))["loud"].source == "default"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"count": 0}, {"count": "value"}),
        ({"count": "3"}, {"count": "value"}),
        ({"count": True}, {"count": "value"}),
        ({"pause_seconds": 0}, {"pause_seconds": "value"}),
        ({"mood": "sad", "word": "x" * 21}, {"mood": "value", "word": "value"}),
        ({"words": ["a", "b", "c", "d"]}, {"words": "value"}),
        ({"words": ["a", 1]}, {"words": "value"}),
        ({"word": None}, {"word": "value"}),
        ({"wrod": "x"}, {"wrod": "unknown"}),
        ({"table": {"a": [1]}}, {"table": "table"}),
        ({"signs": {"a": ""}}, {"signs": "value"}),
        ({"signs": {"A": "x"}}, {"signs": "value"}),
        ({"posts": "many"}, {"posts": "value"}),
        ({"posts": {"a": "many"}}, {"posts": "value"}),
        ({"mood": "lively"}, {"mood": "rule"}),
        ({"list_file": "/etc/passwd"}, {"list_file": "operator"}),
        ({"receiver": "elsewhere", "count": 0}, {"receiver": "operator", "count": "value"}),
    ],
)
async def test_a_wrong_value_is_named_and_nothing_changes(
    tmp_path: Path, values: dict[str, object], expected: dict[str, str]
) -> None:
    async with served(tmp_path, "dials") as site:
        assert await wrong(site, **values) == expected
        await change(site, mood="lively", loud=True, limit=None, pause_seconds=1)


async def test_values_that_the_plugin_does_not_start_with_change_nothing(tmp_path: Path) -> None:
    async with served(tmp_path, "dials", store="sqlite") as site:
        await change(site, word="two")
        with refused("plugin.invalid", "it does not start"):
            await change(site, word="never", count=9)
        found = await dials(site)
        assert (found["word"], found["count"]) == ("two", 3)
    async with served(tmp_path, "dials", store="sqlite") as site:
        assert (await dials(site))["word"] == "two"


async def test_a_trial_finds_the_same_mistakes_and_changes_nothing(tmp_path: Path) -> None:
    async with served(tmp_path, "dials") as site:

        async def tried(**values: object) -> Switched:
            trial = SettingsChange(settings=values, dry_run=True)
            return await site.server.coordinator.switch("set", "dials", ADA, trial)

        was = site.instance("dials")
        assert list((await tried(word="two")).changed) == ["word"]
        with pytest.raises(ChatError) as caught:
            await tried(count=10)
        assert problems(caught.value) == {"count": "value"}
        assert site.instance("dials") is was
        assert not (await views(site))["word"].is_stored


async def test_environment_and_command_line_win_and_are_named(tmp_path: Path) -> None:
    environ = {"CHATSERVER_PLUGIN__DIALS__COUNT": "7"}
    options: dict[str, object] = {"plugin.dials.mood": "calm"}
    async with served(tmp_path, "dials", environ=environ, overrides=options) as site:
        assert await wrong(site, count=8, mood="calm") == {
            "count": "environment", "mood": "command_line",
        }  # fmt: skip
        shown = await views(site)
        assert (shown["count"].fixed, shown["count"].origin) == ("environment", *environ)
        assert (shown["mood"].fixed, shown["mood"].origin) == ("command_line", "command line")
        await change(site, word="two")
        found = await dials(site)
        assert (found["count"], found["word"]) == (7, "two")


async def test_a_value_that_the_environment_gives_later_wins_over_the_stored_one(
    tmp_path: Path,
) -> None:
    async with served(tmp_path, "dials", store="sqlite") as site:
        await change(site, count=5, word="two")
        await put(site, count=50)  # which is no matter
    environ = {"CHATSERVER_PLUGIN__DIALS__COUNT": "7"}
    async with served(tmp_path, "dials", store="sqlite", environ=environ) as site:
        found = await dials(site)
        assert (found["count"], found["word"]) == (7, "two")
        shown = (await views(site))["count"]
        assert (shown.source, shown.is_stored) == ("environment", True)
        assert list((await change(site, word="three")).changed) == ["word"]
        await reset(site, "count")
        assert not (await views(site))["count"].is_stored


async def test_secrets_can_be_replaced_and_are_never_sent(tmp_path: Path) -> None:
    async with served(tmp_path, "dials", "audit") as site:
        ada = await site.user("ada")
        path = "/api/v1/admin/plugins/dials/settings"
        assert setting((await ada.http("GET", path)), "api_token")["is_set"] is False
        given = {"do": "set", "settings": {"api_token": "quite secret", "word": "two"}}
        done = await ada.http("POST", "/api/v1/plugins/dials", given)
        assert done.status == 200
        assert b"quite secret" not in done.body
        shown = await ada.http("GET", path)
        assert b"quite secret" not in shown.body
        token = setting(shown, "api_token")
        assert (token["is_secret"], token["is_set"], token["current"]) == (True, True, None)
        assert (await dials(site))["api_token"] == "quite secret"
        given = {"do": "set", "settings": {"api_token": ["quite secret"]}}
        refusal = await ada.http("POST", "/api/v1/plugins/dials", given)
        assert (refusal.status, b"quite secret" in refusal.body) == (422, False)
        log = site.server._data / "audit" / "audit.log"
        await until(lambda: log.exists() and "plugin.set" in log.read_text())
        (line,) = [each for each in log.read_text().splitlines() if "plugin.set" in each]
        entry = json.loads(line)
        assert entry["settings"] == ["api_token", "word"]
        assert entry["by"] == ada.user.id
        assert "quite secret" not in line


def setting(answer: Answer, key: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in answer.json["settings"] if each["key"] == key)
    return found


async def test_owners_change_settings_over_http_and_others_do_not(tmp_path: Path) -> None:
    async with served(tmp_path, "dials") as site:
        ada, bob = await site.user("ada"), await site.user("bob")

        async def asked(who: Person, **fields: object) -> Answer:
            return await who.http("POST", "/api/v1/plugins/dials", fields)

        assert (await asked(bob, do="set", settings={"word": "two"})).status == 403
        refusal = await asked(ada, do="set", settings={"count": 10})
        assert refusal.status == 422
        assert refusal.json["error"]["detail"]["problems"] == [
            {"setting": "count", "reason": "value", "text": "expected a whole number from 1 to 9"}
        ]
        assert (await asked(ada, do="on", settings={"word": "two"})).status == 400
        assert (await asked(ada, do="set", settings={"word": "two"})).json["changed"] == ["word"]
        assert (await asked(ada, do="set", reset=["word"])).json["changed"] == ["word"]
        shown = setting(await ada.http("GET", "/api/v1/admin/plugins/dials/settings"), "word")
        assert shown["label"] == {"en": "Word", "ja": "言葉"}
        assert shown["description"] == {"en": "A word.", "ja": "一つの言葉。"}
        assert shown["form"] == {"kind": "text", "max_length": 20}


async def test_what_the_server_runs_on_and_second_factors_stay(tmp_path: Path) -> None:
    async with served(tmp_path, "first") as site:
        for plugin, name, value in (
            ("password", "session_days", 3.0),
            ("memory", "path", "x"),
        ):
            with refused("plugin.fixed", "restart"):
                await change(site, plugin=plugin, **{name: value})
        assert (await site.server.coordinator.settings("password", ADA)).fixed == "provides"
        with refused("plugin.fixed", "second factors"):
            await change(site, plugin="first", demands=False)
        assert site.service.logins.methods.are_demanded


async def test_a_plugin_that_is_off_gets_its_settings_first(tmp_path: Path) -> None:
    async with served(tmp_path, "whole", store="sqlite") as site:
        await change(site, word="two")
        with pytest.raises(ChatError) as caught:
            await change(site, count=10)
        assert problems(caught.value) == {"count": "value"}
        shown = await site.server.coordinator.settings("dials", ADA)
        assert not shown.is_on
        await site.switch("on", "dials")
        assert (await dials(site))["word"] == "two"


async def put(site: Site, **values: object) -> None:
    """Store values as another release has checked them."""
    kept = await site.server.coordinator._records.kept("dials")
    assert kept is not None
    kept.settings.update(values)
    await site.server.coordinator._records.keep(kept)


async def test_stored_settings_that_do_not_fit_any_more_stop_no_start(tmp_path: Path) -> None:
    """As after a release with other bounds, or without a setting."""
    async with served(tmp_path, "dials", store="sqlite") as site:
        await change(site, word="two", count=5)
        await put(site, gone="x")
    async with served(tmp_path, "dials", store="sqlite") as site:
        found = await dials(site)
        assert (found["word"], found["count"]) == ("two", 5)
        await put(site, count=50)
    async with served(tmp_path, "dials", store="sqlite") as site:
        assert (await dials(site))["count"] == 3
        shown = (await views(site))["count"]
        assert (shown.is_stored, shown.source, shown.current) == (True, "default", 3)
        await reset(site, "count")
        assert (await dials(site))["word"] == "two"
        kept = await site.server.coordinator._records.kept("dials")
        assert kept is not None and kept.settings == {"word": "two"}


async def test_too_much_is_refused(tmp_path: Path) -> None:
    async with served(tmp_path, "dials") as site:
        with refused("limit.size"):
            await change(site, words=["x" * 70_000])


async def test_operators_change_settings_by_a_command(tmp_path: Path) -> None:
    async with served(tmp_path, "dials", "whole") as site:
        lines = ("changed: count, list_file, word, words", "dials is on")
        done = await told(
            site, "set", "dials", "word=two", "words=a, b", "count=4", "list_file=/etc/hosts"
        )
        assert done == (0, "\n".join(lines) + "\n")
        found = await dials(site)
        assert (found["word"], found["words"], found["count"]) == ("two", ["a", "b"], 4)
        assert found["list_file"] == "/etc/hosts"
        status, output = await told(site, "set", "dials", "count=many", "wrod=x")
        assert status == 1
        assert "count: expected a whole number from 1 to 9" in output
        assert "wrod: there is no such setting" in output
        done = await told(site, "set", "dials", "count=5", "--dry-run")
        assert done == (0, "nothing is wrong; would change: count\ndials is on\n")
        done = await told(site, "set", "dials", "count=4")
        assert done[1].startswith("nothing changes")
        done = await told(site, "set", "dials", "--reset", "count", "--reset", "word")
        assert done == (0, "changed: count, word\ndials is on\n")
        assert (await dials(site))["count"] == 3
        done = await told(site, "set", "dials", "--ask", "api_token", input="from the input\n")
        assert done == (0, "changed: api_token\ndials is on\n")
        assert (await dials(site))["api_token"] == "from the input"
        status, output = await told(site, "set", "dials")
        assert (status, "Give at least one" in output) == (2, True)
        status, output = await told(site, "set", "dials", "count")
        assert (status, "expected KEY=VALUE" in output) == (2, True)
