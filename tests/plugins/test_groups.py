"""Groups of users: who makes, changes, leaves and removes them, who sees them, and what is refused, at every door."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chatserver import AccountChange, Actor, ChatError, ServerRole
from chatserver.testing.running import Answer, Chat, Person, running
from chatserver_plugins.groups import desk
from chatserver_plugins.groups.book import READ_AT_ONCE
from chatserver_plugins.groups.views import AT_ONCE
from tests.waiting import until

PATH = "/api/v1/groups"


async def make(by: Person, name: str = "design", *members: Person, title: str = "") -> Answer:
    given = {"name": name, "title": title, "members": [each.id for each in members]}
    return await by.http("POST", PATH, given)


async def names(reader: Person) -> list[str]:
    return [each["name"] for each in (await reader.http("GET", PATH)).json["groups"]]


async def members(reader: Person, name: str = "design") -> list[str]:
    found = (await reader.http("GET", f"{PATH}/{name}")).json["members"]
    return [each["username"] for each in found]


def error(answer: Answer) -> tuple[int, str, Any]:
    found = answer.json["error"]
    return answer.status, found["code"], found.get("detail")


@asynccontextmanager
async def scene(
    *plugins: str, **settings: Any
) -> AsyncIterator[tuple[Chat, Person, Person, Person]]:
    """A server with its owner Olga, and the members Ada and Ben."""
    given = {f"plugin.groups.{name}": value for name, value in settings.items()}
    async with running("groups", *plugins, settings=given) as chat:
        olga, ada, ben = [await chat.user(name) for name in ("olga", "ada", "ben")]
        yield chat, olga, ada, ben


async def guest(chat: Chat, person: Person) -> None:
    await chat.service.accounts.set_role(person.user.username, ServerRole.GUEST)


async def test_staff_makes_a_group_that_members_see_until_it_is_removed() -> None:
    async with scene() as (_, olga, ada, ben):
        made = await make(olga, "Design", ada, ben, title="  Design \n team ")
        assert made.status == 201
        listed = {
            "name": "design",
            "title": "Design team",
            "member_count": 2,
            "is_member": True,
            "may_change": False,
            "by": {"id": olga.id, "name": "olga"},
            "at": made.json["at"],
        }
        assert made.json["at"].endswith("Z")
        people = [
            {"id": each.id, "username": each.user.username, "name": each.user.name}
            for each in (ada, ben)
        ]
        assert made.json == {
            **listed, "is_member": False, "may_change": True, "members": people,
        }  # fmt: skip
        found = (await ada.http("GET", PATH)).json
        assert found == {"groups": [listed], "may_make": False, "most_members": 500}
        assert (await ada.http("GET", f"{PATH}/DESIGN")).json == {**listed, "members": people}
        assert (await olga.http("GET", PATH)).json["may_make"] is True
        removed = await olga.http("DELETE", f"{PATH}/design")
        assert (removed.status, removed.json) == (200, {})
        assert await names(ada) == []
        for answer in (
            await olga.http("GET", f"{PATH}/design"),
            await olga.http("DELETE", f"{PATH}/design"),
            await olga.http("PATCH", f"{PATH}/design", {"title": "x"}),
            await ada.http("POST", f"{PATH}/design/leave"),
        ):
            assert error(answer)[:2] == (404, "groups.not_found")


async def test_a_group_gets_another_title_and_other_members() -> None:
    async with scene() as (chat, olga, ada, ben):
        cat = await chat.user("cat")
        await make(olga, "design", ada, ben, title="Design")
        gone = [ada.id, "nobody"]
        given = {"title": "Drawing", "add": [cat.id, ben.id], "remove": gone}
        changed = await olga.http("PATCH", f"{PATH}/design", given)
        assert changed.status == 200
        assert (changed.json["title"], changed.json["member_count"]) == ("Drawing", 2)
        assert await members(olga) == ["ben", "cat"]
        both = {"add": [ada.id], "remove": [ada.id]}  # what is removed is not added
        await olga.http("PATCH", f"{PATH}/design", both)
        assert await members(olga) == ["ben", "cat"]
        kept = (await olga.http("PATCH", f"{PATH}/design", {})).json
        assert (kept["title"], kept["member_count"]) == ("Drawing", 2)
        assert (await olga.http("PATCH", f"{PATH}/design", {"title": " "})).json["title"] == ""


async def test_changes_at_the_same_time_are_all_made() -> None:
    async with scene() as (chat, olga, ada, ben):
        await make(olga)
        people = [ada, ben, *[await chat.user(f"user{number}") for number in range(4)]]
        answers = await asyncio.gather(
            *(olga.http("PATCH", f"{PATH}/design", {"add": [each.id]}) for each in people)
        )
        assert {answer.status for answer in answers} == {200}
        assert set(await members(olga)) == {each.user.username for each in people}


async def test_members_leave_by_themselves() -> None:
    async with scene() as (chat, olga, ada, ben):
        await make(olga, "design", ada, ben)
        await guest(chat, ben)
        for person in (ada, ben, ada):
            left = await person.http("POST", f"{PATH}/design/leave")
            assert (left.status, left.json) == (200, {})
        assert await members(olga) == []


async def test_others_than_staff_change_nothing() -> None:
    async with scene() as (_, olga, ada, ben):
        await make(olga, "design", ada)
        for answer in (
            await make(ada, "other"),
            await ada.http("PATCH", f"{PATH}/design", {"add": [ben.id]}),
            await ada.http("PATCH", f"{PATH}/design", {"remove": [ada.id]}),
            await ada.http("DELETE", f"{PATH}/design"),
        ):
            assert error(answer)[:2] == (403, "user.forbidden")
        assert await members(ben) == ["ada"] and await names(ben) == ["design"]


async def test_members_make_a_few_of_their_own_where_the_server_lets_them() -> None:
    async with scene(makers="members", most_by_member=2) as (chat, olga, ada, ben):
        for name in ("one", "two"):
            assert (await make(ada, name, ben)).json["may_change"] is True
        full = error(await make(ada, "three"))
        assert full == (409, "limit.count", {"field": "groups", "reason": "count", "most": 2})
        assert (await make(ben, "three")).status == 201  # another person is not affected
        for name in ("s1", "s2", "s3"):
            assert (await make(olga, name)).status == 201
        assert await names(ada) == ["one", "s1", "s2", "s3", "three", "two"]
        for answer in (
            await ada.http("PATCH", f"{PATH}/three", {"title": "mine"}),
            await ada.http("DELETE", f"{PATH}/s1"),
        ):
            assert error(answer)[:2] == (403, "user.forbidden")
        assert (await ada.http("PATCH", f"{PATH}/one", {"remove": [ben.id]})).status == 200
        assert (await ada.http("DELETE", f"{PATH}/two")).status == 200
        assert (await olga.http("DELETE", f"{PATH}/three")).status == 200
        assert (await ada.http("GET", PATH)).json["may_make"] is True
        await guest(chat, ada)
        for answer in (await make(ada, "more"), await ada.http("DELETE", f"{PATH}/one")):
            assert error(answer)[:2] == (403, "user.forbidden")


async def test_guests_see_no_groups() -> None:
    async with scene("graphql") as (chat, olga, ada, ben):
        await make(olga, "design", ada, ben)
        await guest(chat, ben)
        for path in (PATH, f"{PATH}/design"):
            assert error(await ben.http("GET", path))[:2] == (403, "user.forbidden")
        query = {"query": '{ userGroup(name: "design") { name members { id } } }'}
        (refused,) = (await ben.http("POST", "/graphql", query)).json["errors"]
        assert refused["extensions"]["code"] == "user.forbidden"
        assert (await chat.http("GET", PATH)).status == 401


async def test_a_name_is_given_once() -> None:
    async with scene() as (_, olga, ada, _ben):
        answers = await asyncio.gather(*(make(olga, "design") for _ in range(5)))
        assert sorted(each.status for each in answers) == [201, *[409] * 4]
        for name in ("design", "DESIGN", "ada", "Room", "here"):
            detail = {"field": "group", "reason": "taken", "name": name.lower()}
            assert error(await make(olga, name)) == (409, "groups.taken", detail)
        assert await names(ada) == ["design"]


@pytest.mark.parametrize("name", ["", "two words", "-x", "x.", "x" * 33, "@x", "a/b", "раint"])
async def test_other_names_are_refused(name: str) -> None:
    async with scene() as (_, olga, _ada, _ben):
        status, code, detail = error(await make(olga, name))
        assert (status, code) == (400, "request.invalid")
        assert detail in (None, {"field": "group", "reason": "form"})
        assert await names(olga) == []


async def test_a_user_takes_no_name_of_a_group() -> None:
    async with scene("bots") as (chat, olga, _ada, _ben):
        await make(olga, "design")
        account = {"username": "Design", "password": "correct horse battery staple"}
        for answer in (
            await chat.http("POST", "/api/v1/register", account),
            await olga.http("POST", "/api/v1/users", account),
            await olga.http("POST", "/api/v1/bots", {"username": "design"}),
        ):
            assert error(answer)[:2] == (409, "user.exists")
        assert (await olga.http("POST", "/api/v1/bots", {"username": "designs"})).status == 201
        # Who comes by another way of signing in cannot choose: the user's name counts then.
        admit = chat.service.accounts.admit_newcomer
        assert await admit("design", "Dora", "127.0.0.1", "oidc") == "Dora"
        with pytest.raises(ChatError, match=r"user\.exists"):
            await admit("design", "Dora", "127.0.0.1")
        await olga.http("DELETE", f"{PATH}/design")
        assert (await chat.http("POST", "/api/v1/register", account)).status == 201


async def test_what_does_not_fit_is_refused() -> None:
    async with scene() as (_, olga, ada, _ben):
        for title in ("x" * 101, "left \u202e right", "\u2800"):
            status, code, detail = error(await make(olga, title=title))
            assert (status, code, detail["field"]) == (400, "request.invalid", "group")
        unknown = {"name": "design", "members": [ada.id, "nobody"]}
        assert error(await olga.http("POST", PATH, unknown))[:2] == (404, "user.not_found")
        many = {"name": "design", "members": ["x"] * (AT_ONCE + 1)}
        assert error(await olga.http("POST", PATH, many))[:2] == (400, "request.invalid")
        for body in ({}, {"name": 5}, {"name": "design", "members": ada.id}):
            assert error(await olga.http("POST", PATH, body))[:2] == (400, "request.invalid")
        assert await names(olga) == []
        assert (await make(olga, title="x" * 100)).status == 201
        for body in ({"add": ["nobody"]}, {"add": [""]}, {"title": "\u2800"}, {"remove": 1}):
            refused = await olga.http("PATCH", f"{PATH}/design", body)
            assert refused.status in (400, 404), body
        assert await members(olga) == []


async def test_groups_and_their_members_are_bounded() -> None:
    async with scene(most=2, most_members=2) as (chat, olga, ada, ben):
        cat = await chat.user("cat")
        too_large = (409, "limit.count", {"field": "group", "reason": "count", "most": 2})
        assert error(await make(olga, "one", ada, ben, cat)) == too_large
        await make(olga, "one", ada, ben)
        assert error(await olga.http("PATCH", f"{PATH}/one", {"add": [cat.id]})) == too_large
        swapped = {"add": [cat.id], "remove": [ada.id]}
        assert (await olga.http("PATCH", f"{PATH}/one", swapped)).status == 200
        await make(olga, "two")
        full = (409, "limit.count", {"field": "groups", "reason": "count", "most": 2})
        assert error(await make(olga, "three")) == full
        assert error(await make(olga, "two"))[1] == "groups.taken"
        assert await names(olga) == ["one", "two"]


async def test_a_smaller_setting_keeps_what_there_is() -> None:
    async with scene(most_members=3) as (chat, olga, ada, ben):
        await make(olga, "design", olga, ada, ben)
        loaded = chat._server._plugins.all
        plugin = next(each.instance for each in loaded if each.name == "groups")
        plugin._desk._book.most_members = 1
        assert len(await members(olga)) == 3
        fewer = await olga.http("PATCH", f"{PATH}/design", {"title": "x", "remove": [ada.id]})
        assert fewer.json["member_count"] == 2


async def test_more_groups_than_are_read_at_once_are_all_listed() -> None:
    async with scene() as (chat, olga, ada, _ben):
        store = chat.service.store
        await make(olga, "g000")
        ((key, row),) = await store.scan("plugin/groups", "")
        for number in range(1, 2 * READ_AT_ONCE + 1):
            await store.put("plugin/groups", f"{key[:-3]}{number:03}", row)
        assert await names(ada) == [f"g{number:03}" for number in range(2 * READ_AT_ONCE + 1)]


async def test_who_is_deleted_is_in_no_group_any_more() -> None:
    async with scene() as (chat, olga, ada, ben):
        await make(olga, "design", ada, ben)
        await make(olga, "other", ben)
        await make(olga, "empty")
        await chat.service.removal.delete("ben", Actor())

        async def counts() -> list[int]:
            listed = (await ada.http("GET", PATH)).json["groups"]
            return [each["member_count"] for each in listed]

        await until(lambda: _is(counts, [1, 0, 0]))
        assert await members(ada) == ["ada"]


async def _is(ask: Any, wanted: object) -> bool:
    found: object = await ask()
    return found == wanted


async def test_whoever_made_it_is_named_as_today() -> None:
    async with scene() as (chat, olga, ada, ben):
        await chat.service.accounts.set_role("ben", ServerRole.ADMIN)
        await make(ben)
        await chat.service.accounts.change_name(ben.user, "Benjamin")
        (listed,) = (await ada.http("GET", PATH)).json["groups"]
        assert listed["by"] == {"id": ben.id, "name": "Benjamin"}
        await chat.service.removal.delete("ben", Actor())
        assert "Benjamin" not in (await ada.http("GET", f"{PATH}/design")).body.decode()
        assert (await olga.http("DELETE", f"{PATH}/design")).status == 200


async def test_staff_elsewhere_is_refused() -> None:
    settings = {"server.admin_networks": ["10.9.8.0/24"]}
    async with running("groups", settings=settings) as chat:
        olga = await chat.user("olga")
        assert error(await make(olga))[:2] == (403, "auth.address")


async def test_everybody_but_guests_is_told_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene() as (chat, olga, ada, ben):
        told: list[tuple[str, Any]] = []

        def tell(notice: Any, roles: Any) -> None:
            assert set(roles) == set(ServerRole) - {ServerRole.GUEST}
            told.append((notice.name, notice.payload))

        monkeypatch.setattr(chat.service.hub, "tell_everybody", tell)
        await make(olga, "design", ada, title="Design")
        await make(olga)  # refused
        await olga.http("PATCH", f"{PATH}/design", {"add": [ben.id]})
        await ben.http("POST", f"{PATH}/design/leave")
        await ben.http("POST", f"{PATH}/design/leave")
        await olga.http("DELETE", f"{PATH}/design")
        counts = [{"name": "design", "title": "Design", "member_count": n} for n in (1, 2, 1)]
        gone = {"name": "design", "title": None, "member_count": 0}
        assert told == [("changed", payload) for payload in (*counts, gone)]


async def test_plugins_learn_who_did_what() -> None:
    async with scene() as (chat, olga, ada, ben):
        heard: list[tuple[str, str, str | None]] = []

        def note(change: AccountChange) -> None:
            if change.item == "design":
                heard.append((change.what, change.user, change.by.user))

        chat.service.accounts.watch(note)
        await make(olga, "design", ada)
        await make(olga, "other", ada)
        await olga.http("PATCH", f"{PATH}/design", {"add": [ada.id, ben.id]})
        await olga.http("PATCH", f"{PATH}/design", {"title": "x", "remove": [ada.id, olga.id]})
        await olga.http("PATCH", f"{PATH}/design", {"title": "x"})
        await ben.http("POST", f"{PATH}/design/leave")
        await olga.http("DELETE", f"{PATH}/design")
        assert heard == [
            ("group_made", olga.id, olga.id),
            ("group_joined", ada.id, olga.id),
            ("group_joined", ben.id, olga.id),
            ("group_changed", olga.id, olga.id),
            ("group_left", ada.id, olga.id),
            ("group_left", ben.id, ben.id),
            ("group_removed", olga.id, olga.id),
        ]


async def test_nobody_keeps_the_server_busy_with_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "LISTS_BURST", 3.0)
    monkeypatch.setattr(desk, "LISTS_PER_SECOND", 1e-6)
    monkeypatch.setattr(desk, "CHANGES_BURST", 2.0)
    monkeypatch.setattr(desk, "CHANGES_PER_SECOND", 1e-6)
    async with scene() as (_, olga, ada, _ben):
        for name in ("one", "two"):
            assert (await make(olga, name, ada)).status == 201
        for answer in (
            await make(olga, "three"),
            await olga.http("PATCH", f"{PATH}/one", {"title": "x"}),
            await olga.http("DELETE", f"{PATH}/one"),
        ):
            assert error(answer)[:2] == (429, "limit.rate")
        for _ in range(3):
            assert await names(ada) == ["one", "two"]
        assert error(await ada.http("GET", PATH))[:2] == (429, "limit.rate")
        for name in ("one", "two"):
            assert (await ada.http("POST", f"{PATH}/{name}/leave")).status == 200
        assert await names(olga) == ["one", "two"]


async def test_every_door_does_the_same() -> None:
    async with scene("graphql") as (_, olga, ada, ben):
        made = await olga.call("groups.make", name="design", title="Design", members=[ada.id])
        assert (await olga.call("groups.list"))["groups"] == [
            {name: value for name, value in made.items() if name != "members"}
        ]
        assert await olga.call("groups.get", name="design") == made
        view = "{ name title memberCount isMember mayChange by { id name } at members { id } }"

        async def graphql(query: str) -> Any:
            return (await olga.http("POST", "/graphql", {"query": query})).json["data"]

        asked = await graphql(f'{{ userGroup(name: "design") {view} }}')
        assert asked["userGroup"] == {
            "name": "design",
            "title": "Design",
            "memberCount": 1,
            "isMember": False,
            "mayChange": True,
            "by": made["by"],
            "at": made["at"],
            "members": [{"id": ada.id}],
        }
        short = "{ groups { name memberCount } mayMake mostMembers }"
        assert await graphql(f"{{ userGroups {short} }}") == {
            "userGroups": {
                "groups": [{"name": "design", "memberCount": 1}],
                "mayMake": True,
                "mostMembers": 500,
            }
        }
        given = f'name: "two", title: "Two", memberIds: ["{ada.id}", "{olga.id}"]'
        added = await graphql(
            f"mutation {{ makeUserGroup(input: {{{given}}}) {{ group {{ name members {{ id }} }} }} }}"
        )
        two = {"name": "two", "members": [{"id": ada.id}, {"id": olga.id}]}
        assert added == {"makeUserGroup": {"group": two}}
        given = f'name: "two", title: null, addIds: ["{ben.id}"], removeIds: ["{ada.id}"]'
        changed = await graphql(
            f"mutation {{ changeUserGroup(input: {{{given}}}) {{ group {{ title members {{ id }} }} }} }}"
        )
        two = {"title": "Two", "members": [{"id": olga.id}, {"id": ben.id}]}
        assert changed == {"changeUserGroup": {"group": two}}
        left = await graphql('mutation { leaveUserGroup(input: {name: "two"}) { name } }')
        assert left == {"leaveUserGroup": {"name": "two"}}
        assert await members(olga, "two") == ["ben"]
        gone = await graphql('mutation { removeUserGroup(input: {name: "two"}) { name } }')
        assert gone == {"removeUserGroup": {"name": "two"}}
        changed = await olga.call("groups.change", name="design", title="", add=[ben.id])
        assert (changed["title"], changed["member_count"]) == ("", 2)
        assert await ben.call("groups.leave", name="design") == {}
        assert await members(olga) == ["ada"]
        assert await olga.call("groups.remove", name="design") == {}
        assert await names(olga) == []
