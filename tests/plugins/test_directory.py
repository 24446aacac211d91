"""The directory: who is here, at every door; whom it is for, who is in it, and how it follows accounts."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from chatserver import Actor, ChatError, ServerRole
from chatserver.testing.clock import FakeClock
from chatserver.testing.running import Answer, Chat, Person, running
from chatserver_plugins.directory import desk
from chatserver_plugins.directory.desk import BURST, PAGE
from chatserver_plugins.directory.keeping import EVERY
from tests.waiting import until

PATH = "/api/v1/directory"
SPACE = "plugin/directory"
INVALID = (400, "request.invalid")
OPERATOR = Actor(operator="root")


async def page(by: Person, text: str = "", **place: object) -> Any:
    return await by.call("directory.people", text=text, **place)


async def names(by: Person, text: str = "") -> list[str]:
    """The user names on the first page."""
    return [each["username"] for each in (await page(by, text))["people"]]


async def lists(by: Person, expected: Sequence[str], text: str = "") -> None:
    """Until these are on the first page, in this order: accounts are indexed a moment after they change."""
    await until(lambda: _lists(by, expected, text))


async def _lists(by: Person, expected: Sequence[str], text: str) -> bool:
    return await names(by, text) == list(expected)


async def named(chat: Chat, username: str, name: str) -> None:
    await chat.service.accounts.add(username, "correct horse battery staple", name)


def error(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["error"]["code"]


async def graphql(by: Person, arguments: str) -> Any:
    fields = "nodes { id username } edges { cursor node { name } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
    query = f"{{ directory{arguments} {{ {fields} }} }}"
    answer = (await by.http("POST", "/graphql", {"query": query})).json
    return (
        answer["errors"][0]["extensions"]["code"]
        if "errors" in answer
        else answer["data"]["directory"]
    )


async def test_every_door_shows_the_same_people_page_by_page() -> None:
    async with running("directory", "graphql") as chat:
        ada = await chat.user("ada")
        await named(chat, "ben", "Ben Quist")
        await named(chat, "carl", "Quist")
        await lists(ada, ["ada", "ben", "carl"])
        first = await page(ada, limit=2)
        assert [each["name"] for each in first["people"]] == ["ada", "Ben Quist"]
        assert set(first["people"][0]) == {"id", "username", "name"}
        rest = await page(ada, limit=2, after=first["after"])
        assert [each["username"] for each in rest["people"]] == ["carl"]
        assert "after" not in rest
        assert (await ada.http("GET", f"{PATH}?limit=2")).json == first
        assert (await ada.http("GET", f"{PATH}?limit=2&after={first['after']}")).json == rest
        # Who begins with it comes first, whatever the user names.
        found = (await ada.http("GET", f"{PATH}?text=quist")).json
        assert [each["username"] for each in found["people"]] == ["carl", "ben"]

        one = await graphql(ada, "(first: 2)")
        assert [each["username"] for each in one["nodes"]] == ["ada", "ben"]
        assert [each["node"]["name"] for each in one["edges"]] == ["ada", "Ben Quist"]
        cursors = [each["cursor"] for each in one["edges"]]
        assert one["pageInfo"] == {
            "hasNextPage": True,
            "hasPreviousPage": False,
            "startCursor": cursors[0],
            "endCursor": first["after"],
        }
        two = await graphql(ada, f'(after: "{cursors[1]}", text: "")')
        assert [each["username"] for each in two["nodes"]] == ["carl"]
        assert two["pageInfo"]["hasNextPage"] is False
        assert two["pageInfo"]["hasPreviousPage"] is True
        none = await graphql(ada, '(text: "nobody")')
        assert (none["nodes"], none["pageInfo"]["endCursor"]) == ([], None)


FOUND = {
    "zoe": ["zo"],  # without accents
    "ZOË L": ["zo"],
    "last zoe": ["zo"],  # words in any order
    "oe": [],  # not within a word
    "@zo": ["zo"],  # the user name
    "k.l": ["hana.k.last"],
    "last": ["zo", "hana.k.last"],
    "last hana": ["hana.k.last"],
    "佐藤": ["hana.k.last"],
    "花子": ["hana.k.last"],
    "佐藤花": ["hana.k.last"],  # without the blank
    "佐藤 花": ["hana.k.last"],
    "じょん": ["john"],  # katakana and hiragana, and half the width
    "ｽﾐｽ": ["john"],
    "ジョンスミス": ["john"],
    "(sales": ["john"],
    "   ": ["ada", "zo", "john", "hana.k.last"],
}


async def test_people_are_found_by_the_beginnings_of_words() -> None:
    async with running("directory") as chat:
        ada = await chat.user("ada")
        await named(chat, "zo", "Zoë Last")
        await named(chat, "hana.k.last", "佐藤 花子")
        await named(chat, "john", "ジョン・スミス (Sales)")
        await lists(ada, ["ada", "zo", "john", "hana.k.last"])
        assert {text: await names(ada, text) for text in FOUND} == FOUND


async def test_it_follows_accounts() -> None:
    async with running("directory") as chat:
        ada = await chat.user("ada")
        await chat.user("ben")
        accounts = chat.service.accounts
        await lists(ada, ["ada", "ben"])
        await accounts.rename("ben", name="Zed")
        await lists(ada, ["ben"], "zed")
        assert await names(ada, "ben") == ["ben"], "the user name stays"
        await accounts.lock("ben", True, OPERATOR)
        assert await names(ada, "zed") == [], "at once"

        async def has_no_record() -> bool:
            return not await chat.service.store.scan(SPACE, "n/zed")

        await until(has_no_record)
        assert await names(ada) == ["ada"]
        await accounts.lock("ben", False, OPERATOR)
        await lists(ada, ["ada", "ben"])
        await accounts.retire("ben", OPERATOR)
        await lists(ada, ["ada"])

        async def is_forgotten() -> bool:
            rows = await chat.service.store.scan(SPACE, "")
            return all("zed" not in f"{key}{value!r}".lower() for key, value in rows)

        await until(is_forgotten)
        await accounts.add_bot("robo", "Robo", OPERATOR)
        await lists(ada, ["ada", "robo"])
        assert [each.get("bot") for each in (await page(ada))["people"]] == [None, True]
        await ada.http("PUT", "/api/v1/me/status", {"emoji": "🍜", "text": "at lunch"})
        assert (await page(ada, "ada"))["people"][0]["status"]["text"] == "at lunch"


async def test_what_happened_while_it_was_off_is_caught_up_with() -> None:
    clock = FakeClock()
    async with running("directory", clock=clock) as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        await lists(ada, ["ada", "ben"])
        store = chat.service.store
        for key, _ in await store.scan(SPACE, ""):
            if ben.id not in key:
                await store.delete(SPACE, key)
        await lists(ada, ["ben"])
        await clock.advance(EVERY)
        await lists(ada, ["ada", "ben"])


@pytest.mark.parametrize(
    ("who", "members", "guests"),
    [("everyone", True, True), ("members", True, False), ("staff", False, False)],
)
async def test_whom_it_is_for_is_a_setting(who: str, members: bool, guests: bool) -> None:
    settings = {"plugin.directory.who": who}
    async with running("directory", "graphql", settings=settings) as chat:
        ada, ben, gus = [await chat.user(name) for name in ("ada", "ben", "gus")]
        await chat.service.accounts.set_role("gus", ServerRole.GUEST)
        await lists(ada, ["ada", "ben", "gus"])
        for person, is_admitted in ((ben, members), (gus, guests)):
            answer = await person.http("GET", PATH)
            assert answer.status == (200 if is_admitted else 403)
            if not is_admitted:
                assert error(answer) == (403, "user.forbidden")
                assert await graphql(person, "") == "user.forbidden"
                with pytest.raises(ChatError, match=r"user\.forbidden"):
                    await page(person)
        if guests:
            assert await names(gus) == ["gus"], "they know nobody else"
            await ben.create_room("Lounge", members=[gus])
            assert await names(gus) == ["ben", "gus"]


async def test_who_is_hidden_by_a_plugin_is_not_in_it(tmp_path: Path) -> None:
    (tmp_path / "veil.py").write_text(
        "import chatserver\n\n\n"
        "class Plugin:\n"
        "    powers = chatserver.Powers()\n\n"
        "    def __init__(self, config: chatserver.Settings) -> None:\n"
        "        pass\n\n"
        "    @chatserver.hookimpl\n"
        "    async def filter_users(self, users):\n"
        "        return [user.id for user in users if user.name.startswith('ghost')]\n"
    )
    settings = {"plugins.folder": str(tmp_path)}
    async with running("directory", "veil", "graphql", settings=settings) as chat:
        ada = await chat.user("ada")
        for number in range(5):
            await chat.user(f"ghost{number}")
        await chat.user("zoe")
        await lists(ada, ["ada", "zoe"])
        pages = [await page(ada, limit=2)]
        while (after := pages[-1].get("after")) is not None:
            pages.append(await page(ada, limit=2, after=after))
        shown = [[each["username"] for each in part["people"]] for part in pages]
        assert shown == [["ada"], [], [], ["zoe"]]
        assert "ghost" not in json.dumps(pages)
        connection = await graphql(ada, f'(first: 2, after: "{pages[0]["after"]}")')
        assert connection["nodes"] == []
        assert connection["pageInfo"]["hasNextPage"] is True
        assert connection["pageInfo"]["endCursor"] == pages[1]["after"]
        assert await names(ada, "ghost1") == []


async def test_each_person_has_a_bounded_number_of_pages_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(desk, "PER_SECOND", 1e-6)
    async with running("directory") as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        answers = [await ada.http("GET", PATH) for _ in range(int(BURST) + 1)]
        assert [answer.status for answer in answers] == [200] * int(BURST) + [429]
        assert error(answers[-1]) == (429, "limit.rate")
        assert (await ben.http("GET", PATH)).status == 200


WRONG: list[tuple[str, str | int]] = [
    ("limit", PAGE + 1),
    ("limit", 0),
    ("after", "x"),
    ("after", ".0"),
    ("after", "x.99"),
    ("text", "x" * 101),
]


async def test_what_is_wrong_is_refused_at_every_door() -> None:
    async with running("directory", "graphql") as chat:
        ada = await chat.user("ada")
        for name, value in WRONG:
            assert error(await ada.http("GET", f"{PATH}?{name}={value}")) == INVALID
            argument = f"({ {'limit': 'first'}.get(name, name) }: {json.dumps(value)})"
            assert await graphql(ada, argument) == "request.invalid"
            with pytest.raises(ChatError, match=r"request\.invalid"):
                await ada.call("directory.people", **{name: value})
        assert error(await ada.http("GET", f"{PATH}?limit=x")) == INVALID
        assert error(await chat.http("GET", PATH)) == (401, "auth.required")


async def test_a_place_goes_on_where_somebody_was_that_is_renamed_or_gone() -> None:
    async with running("directory") as chat:
        ada = await chat.user("ada")
        for name in ("ben", "carl", "dora"):
            await chat.user(name)
        await lists(ada, ["ada", "ben", "carl", "dora"])
        after = (await page(ada, limit=2))["after"]
        await chat.service.removal.delete("ben", OPERATOR)
        await lists(ada, ["ada", "carl", "dora"])
        again = await page(ada, after=after)
        assert [each["username"] for each in again["people"]] == ["ada", "carl", "dora"]
