"""Settings that are tables with names, which owners and operators change while the server runs."""

import json
from pathlib import Path
from typing import Any

import pytest

from chatserver.errors import ChatError
from chatserver.hooks.types import Actor
from chatserver.service.switches import SettingsChange, SettingView
from tests.switching.served import OPERATOR, Site, refused, served
from tests.switching.test_settings import ADA, change, dials, put, reset, views
from tests.switching.test_switching import told

FILED = {
    "plugin.dials.posts.filed": {
        "uri": "https://robot:hush@one.example/in?token=hush",
        "secret": "a secret of the file",
        "per_minute": 30.0,
        "networks": ["10.0.0.0/8"],
        "ca_file": "/etc/hosts",
    }
}
NEW = {"uri": "https://two.example/", "secret": "quite secret"}


async def posts(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = (await dials(site))["posts"]
    return found


async def view(site: Site, key: str = "posts", by: Actor = ADA) -> SettingView:
    return (await views(site, by))[key]  # type: ignore[no-any-return]


async def wrong(site: Site, by: Actor = ADA, **values: object) -> list[tuple[str, str, str]]:
    """Table, key and reason of each problem with these values; nothing has changed."""
    before = await dials(site)
    with pytest.raises(ChatError) as caught:
        await change(site, by, **values)
    assert caught.value.code == "plugin.invalid"
    assert await dials(site) == before
    problems: Any = caught.value.detail["problems"]
    return [(each.get("entry", ""), each.get("field", ""), each["reason"]) for each in problems]


async def test_a_form_has_the_fields_of_each_table(tmp_path: Path) -> None:
    async with served(tmp_path, "dials") as site:
        form = (await view(site)).form
        assert (form.kind, form.names is not None and form.names.pattern) == (
            "tables",
            "^[a-z0-9][a-z0-9_-]{0,31}$",
        )
        fields = {field.key: field for field in form.fields}
        assert [*fields] == ["uri", "secret", "tags", "per_minute", "networks", "ca_file"]
        assert (fields["uri"].label, fields["uri"].form.max_length) == ("Address", 100)
        assert [key for key, field in fields.items() if field.is_secret] == ["uri", "secret"]
        assert [key for key, field in fields.items() if field.is_required] == ["uri", "secret"]
        assert [key for key, field in fields.items() if field.is_of_operator] == [
            "networks", "ca_file",
        ]  # fmt: skip
        assert (fields["per_minute"].default, fields["tags"].default) == (60.0, [])
        signs = (await view(site, "signs")).form
        assert (signs.kind, signs.names is not None, signs.values is not None) == (
            "map", True, True,
        )  # fmt: skip
        assert signs.values is not None and signs.values.min_length == 1


async def test_a_map_is_in_use_at_once_and_after_a_restart(tmp_path: Path) -> None:
    async with served(tmp_path, "dials", store="sqlite") as site:
        assert list((await change(site, signs={"a": "α", "b": "β"})).changed) == ["signs"]
        assert (await view(site, "signs")).current == {"a": "α", "b": "β"}
    async with served(tmp_path, "dials", store="sqlite") as site:
        assert (await dials(site))["signs"] == {"a": "α", "b": "β"}
        await change(site, signs={"b": "β"})
        assert (await dials(site))["signs"] == {"b": "β"}


async def test_tables_are_added_changed_and_removed_by_who_sees_no_secret(tmp_path: Path) -> None:
    async with served(tmp_path, "dials", store="sqlite", sections=FILED) as site:
        ada = await site.user("ada")
        path = "/api/v1/admin/plugins/dials/settings"

        async def current() -> dict[str, Any]:
            answer = await ada.http("GET", path)
            for secret in (b"hush", b"quite secret", b"secret of the file"):
                assert secret not in answer.body
            found: dict[str, Any] = next(
                each for each in answer.json["settings"] if each["key"] == "posts"
            )
            return found

        found = await current()
        assert found["secrets"] == {
            "filed": {"uri": "https://***@one.example/in?token=***", "secret": "***"}
        }
        assert found["current"] == {
            "filed": {
                "tags": [], "per_minute": 30.0, "networks": ["10.0.0.0/8"], "ca_file": "/etc/hosts",
            }
        }  # fmt: skip
        given = {"do": "set", "settings": {"posts": {"filed": {"per_minute": 5}, "new": NEW}}}
        done = await ada.http("POST", "/api/v1/plugins/dials", given)
        assert (done.status, done.json["changed"]) == (200, ["posts"])
        now = await posts(site)
        assert now["filed"] == {
            **FILED["plugin.dials.posts.filed"], "per_minute": 5.0, "tags": [],
        }  # fmt: skip
        assert (now["new"]["secret"], now["new"]["per_minute"]) == ("quite secret", 60.0)
        assert [*(await current())["current"]] == ["filed", "new"]
        # A secret of the configuration stays there, and one that was given here is kept.
        kept = await site.server.coordinator._records.kept("dials")
        assert kept is not None
        assert kept.settings == {"posts": {"filed": {"per_minute": 5.0}, "new": NEW}}
        given["settings"] = {"posts": {"filed": {}, "new": {"uri": "https://three.example/"}}}
        assert (await ada.http("POST", "/api/v1/plugins/dials", given)).status == 200
    FILED_LATER = {
        "plugin.dials.posts.filed": {**FILED["plugin.dials.posts.filed"], "secret": "another one"}
    }
    async with served(tmp_path, "dials", store="sqlite", sections=FILED_LATER) as site:
        now = await posts(site)
        assert (now["filed"]["secret"], now["filed"]["per_minute"]) == ("another one", 60.0)
        assert (now["new"]["uri"], now["new"]["secret"]) == (
            "https://three.example/",
            "quite secret",
        )
        await change(site, posts={"new": {}})
        assert [*await posts(site)] == ["new"]
        await reset(site, "posts")
        assert [*await posts(site)] == ["filed"]
        assert (await view(site)).usual == (await view(site)).current


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        ({"Two words": {**NEW, "uri": "x"}}, [("Two words", "", "name")]),
        ({"new": {}}, [("new", "uri", "required"), ("new", "secret", "required")]),
        ({"new": {**NEW, "secret": "short"}}, [("new", "secret", "value")]),
        ({"new": {**NEW, "uri": "http://x"}}, [("new", "uri", "rule")]),
        ({"new": {**NEW, "per_minute": "many"}}, [("new", "per_minute", "value")]),
        ({"new": {**NEW, "tags": ["odd", "b"]}}, [("new", "", "rule")]),
        ({"new": {**NEW, "wrod": 1}}, [("new", "", "rule")]),
        ({"new": {**NEW, "networks": ["10.0.0.0/8"]}}, [("new", "networks", "operator")]),
        ({"filed": {"networks": []}}, [("filed", "networks", "operator")]),
        ({"filed": {"ca_file": "/etc/passwd"}}, [("filed", "ca_file", "operator")]),
        (
            {"filed": {"per_minute": 0}, "new": {**NEW, "uri": "x"}},
            [("filed", "per_minute", "value"), ("new", "uri", "rule")],
        ),
        (dict.fromkeys("abcd", NEW), [("", "", "rule")]),
    ],
)
async def test_what_is_wrong_in_a_table_is_named(
    tmp_path: Path, tables: dict[str, object], expected: list[tuple[str, str, str]]
) -> None:
    async with served(tmp_path, "dials", sections=FILED) as site:
        assert await wrong(site, posts=tables) == expected
        await change(site, posts={"filed": {"networks": ["10.0.0.0/8"], "ca_file": "/etc/hosts"}})


async def test_a_table_that_needs_the_operator_is_added_by_the_operator(tmp_path: Path) -> None:
    async with served(tmp_path, "dials") as site:
        assert await wrong(site, doors={"front": {"label": "x"}}) == [
            ("front", "path_file", "operator")
        ]
        keys = {"a": NEW}
        await change(site, OPERATOR, doors={"front": {"path_file": "/etc/hosts", "keys": keys}})
        await change(site, doors={"front": {"label": "Front"}})
        found = (await dials(site))["doors"]["front"]
        assert (found["path_file"], found["label"]) == ("/etc/hosts", "Front")
        assert found["keys"]["a"]["secret"] == "quite secret"


async def test_what_the_operator_changes_wins_over_the_file_and_stays(tmp_path: Path) -> None:
    async with served(tmp_path, "dials", sections=FILED) as site:
        await change(site, OPERATOR, posts={"filed": {"networks": []}})
        assert (await posts(site))["filed"]["networks"] == []
        await change(site, OPERATOR, posts={"filed": {"networks": ["192.0.2.0/24"]}})
        await change(site, posts={"filed": {"networks": ["192.0.2.0/24"], "tags": ["a"]}})
        found = (await posts(site))["filed"]
        assert (found["networks"], found["tags"]) == (["192.0.2.0/24"], ["a"])
        assert await wrong(site, posts={"filed": {"networks": ["10.0.0.0/8"]}}) == [
            ("filed", "networks", "operator")
        ]


async def test_what_is_stored_of_another_shape_stops_no_start(tmp_path: Path) -> None:
    """As after a release in which the setting was another one."""
    async with served(tmp_path, "dials", store="sqlite", sections=FILED) as site:
        await change(site, word="two")
        await put(site, posts="of another shape")
    async with served(tmp_path, "dials", store="sqlite", sections=FILED) as site:
        assert [*await posts(site)] == ["filed"]


async def test_a_stored_table_that_does_not_fit_is_named_with_its_source(tmp_path: Path) -> None:
    async with served(tmp_path, "dials", sections=FILED) as site:
        await change(site, word="two")
        await put(site, posts={"filed": {"per_minute": 0}})
        with refused("plugin.invalid", r"store: plugin\.dials\.posts\.filed\.per_minute: expected"):
            await site.switch("reload", "dials")


async def test_tables_of_the_file_that_do_not_fit_are_not_shown(tmp_path: Path) -> None:
    file = {"plugin.dials.posts.filed": {"uri": "x", "secret": "a secret of the file"}}
    async with served(tmp_path, "whole", sections=file) as site:
        found = await view(site)
        assert (found.current, found.secrets, found.value) == ({}, {}, "")
        await change(site, posts={"new": NEW})
        assert [*(await view(site)).current] == ["new"]


async def test_secrets_of_tables_within_tables_are_not_shown(tmp_path: Path) -> None:
    async with served(tmp_path, "dials") as site:
        keys = {"a": NEW}
        await change(site, OPERATOR, doors={"front": {"path_file": "/etc/hosts", "keys": keys}})
        found = await view(site, "doors")
        assert found.current == {"front": {"path_file": "/etc/hosts", "label": ""}}
        assert "quite secret" not in repr(found)
        fields = {field.key: field for field in found.form.fields}
        assert (fields["keys"].form.kind, fields["keys"].is_of_operator) == ("table", True)
        assert await wrong(site, doors={"front": {"keys": {}}}) == [("front", "keys", "operator")]


async def test_operators_give_tables_as_json(tmp_path: Path) -> None:
    async with served(tmp_path, "dials") as site:
        given = {"new": {**NEW, "networks": ["10.0.0.0/8"], "per_minute": 7}}
        done = await told(site, "set", "dials", f"posts={json.dumps(given)}", 'signs={"a": "α"}')
        assert done == (0, "changed: posts, signs\ndials is on\n")
        assert (await posts(site))["new"]["networks"] == ["10.0.0.0/8"]
        status, output = await told(site, "set", "dials", 'posts={"new": {"per_minute": 0}}')
        assert (status, "posts.new.per_minute: expected a number above 0" in output) == (1, True)
        status, output = await told(site, "set", "dials", "posts=many")
        assert (status, "posts: expected a table" in output) == (1, True)
        assert "quite secret" not in output


async def test_a_table_of_the_environment_is_fixed(tmp_path: Path) -> None:
    environ = {
        "CHATSERVER_PLUGIN__DIALS__POSTS__ENV__URI": "https://env.example/",
        "CHATSERVER_PLUGIN__DIALS__POSTS__ENV__SECRET": "of the environment",
    }
    async with served(tmp_path, "dials", environ=environ) as site:
        found = await view(site)
        assert (found.fixed, found.source, [*found.current]) == (
            "environment", "environment", ["env"],
        )  # fmt: skip
        with pytest.raises(ChatError, match="it is given by CHATSERVER_PLUGIN__DIALS__POSTS__ENV"):
            await change(site, posts={})


async def test_stored_tables_whose_secret_has_gone_from_the_file_stop_no_start(
    tmp_path: Path,
) -> None:
    async with served(tmp_path, "dials", store="sqlite", sections=FILED) as site:
        await change(site, posts={"filed": {"per_minute": 5}})
    async with served(tmp_path, "dials", store="sqlite") as site:
        assert await posts(site) == {}
        found = await view(site)
        assert (found.is_stored, found.source, found.current) == (True, "default", {})


async def test_a_trial_of_tables_changes_nothing(tmp_path: Path) -> None:
    async with served(tmp_path, "dials") as site:
        trial = SettingsChange(settings={"posts": {"new": NEW}}, dry_run=True)
        done = await site.server.coordinator.switch("set", "dials", ADA, trial)
        assert list(done.changed) == ["posts"]
        assert await posts(site) == {}
