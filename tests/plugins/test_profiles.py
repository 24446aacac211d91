"""Profiles: what people say about themselves, at every door, who sees and clears it, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from chatserver import ChatError, ServerRole
from chatserver.testing.running import Answer, Person, running
from chatserver_plugins.profiles import desk
from chatserver_plugins.profiles.desk import ASKED, BURST
from tests.waiting import until

OWN = "/api/v1/me/profile"
SAID = {
    "title": "Gardener",
    "pronouns": "she/her",
    "about": "Roses.\nAnd tulips.",
    "time_zone": "Europe/Berlin",
}


async def say(by: Person, **fields: object) -> Answer:
    return await by.http("PATCH", OWN, fields)


async def of(reader: Person, *others: Person) -> dict[str, Any]:
    answer = await reader.call("profiles.of", users=[each.id for each in others])
    found: dict[str, Any] = answer["profiles"]
    return found


def refusal(answer: Answer) -> tuple[int, str, Any]:
    error = answer.json["error"]
    return answer.status, error["code"], (error.get("detail") or {}).get("field")


async def test_what_one_says_is_seen_at_every_door_and_changed_field_by_field() -> None:
    async with running("profiles", "graphql") as chat:
        ada, ben = await chat.user("ada"), await chat.user("ben")
        assert await of(ben, ada) == {ada.id: {"username": "ada"}}
        answer = await say(ada, **{**SAID, "title": "  Gardener "})
        assert (answer.status, answer.json) == (200, SAID)
        assert await of(ben, ada, ben) == {
            ada.id: {"username": "ada", **SAID},
            ben.id: {"username": "ben"},
        }
        path = f"/api/v1/profiles?users={ada.id}"
        assert (await ben.http("GET", path)).json["profiles"][ada.id]["title"] == "Gardener"
        assert await ada.call("profiles.change", title="") == {
            name: said for name, said in SAID.items() if name != "title"
        }
        query = "{ me { profile { title pronouns about timeZone } } }"
        answer = await ada.http("POST", "/graphql", {"query": query})
        assert answer.json["data"]["me"]["profile"] == {
            "title": "",
            "pronouns": "she/her",
            "about": "Roses.\nAnd tulips.",
            "timeZone": "Europe/Berlin",
        }
        change = (
            'mutation { updateProfileDetails(input: {timeZone: "", title: "Cook"}) '
            "{ profile { title timeZone } } }"
        )
        answer = await ada.http("POST", "/graphql", {"query": change})
        told = answer.json["data"]["updateProfileDetails"]["profile"]
        assert told == {"title": "Cook", "timeZone": ""}


async def test_a_profile_of_which_nothing_is_left_is_no_record() -> None:
    async with running("profiles") as chat:
        ada = await chat.user("ada")
        await say(ada, **SAID)
        assert [key for key, _ in await chat.service.store.scan("plugin/profiles", "")] == [ada.id]
        await say(ada, **dict.fromkeys(SAID, ""))
        assert await chat.service.store.scan("plugin/profiles", "") == []


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"title": "x" * 101}, "title"),
        ({"title": "left \u202e right"}, "title"),
        ({"title": "\u2800"}, "title"),
        ({"pronouns": "x" * 41}, "pronouns"),
        ({"about": "x" * 1001}, "about"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"title": 5}, None),
    ],
)
async def test_what_is_refused_names_its_field(
    fields: dict[str, object], named: str | None
) -> None:
    async with running("profiles") as chat:
        ada = await chat.user("ada")
        assert refusal(await say(ada, **fields)) == (400, "request.invalid", named)
        with pytest.raises(ChatError, match=r"request\.invalid"):
            await ada.call("profiles.change", **fields)
        assert await of(ada, ada) == {ada.id: {"username": "ada"}}


async def test_the_longest_that_fits_is_taken() -> None:
    async with running("profiles") as chat:
        ada = await chat.user("ada")
        longest = {"title": "x" * 100, "pronouns": "y" * 40, "about": "z" * 1000}
        assert (await say(ada, **longest)).json == longest


async def test_many_are_asked_for_at_once_but_not_too_many() -> None:
    async with running("profiles") as chat:
        ada = await chat.user("ada")
        path = f"/api/v1/profiles?users={','.join(['x'] * ASKED)}"
        assert (await ada.http("GET", path)).json == {"profiles": {}}
        answer = await ada.http("GET", f"{path},x")
        assert refusal(answer)[:2] == (409, "limit.count"), answer.body
        assert refusal(await ada.http("GET", "/api/v1/profiles"))[:2] == (400, "request.invalid")


async def test_a_guest_sees_those_with_whom_they_share_a_room() -> None:
    async with running("profiles") as chat:
        ada, eve, gus = [await chat.user(name) for name in ("ada", "eve", "gus")]
        for each in (ada, eve):
            await say(each, title="Cook")
        await chat.service.accounts.set_role("gus", ServerRole.GUEST)
        await ada.create_room("Lounge", members=[gus])
        assert list(await of(gus, ada, eve, gus)) == [ada.id, gus.id]


async def test_staff_clears_what_others_say_and_nobody_else_does() -> None:
    async with running("profiles", "graphql") as chat:
        olga, ada, ben = [await chat.user(name) for name in ("olga", "ada", "ben")]  # olga owns it
        await say(ada, **SAID)
        path = f"/api/v1/users/{ada.id}/profile"
        assert refusal(await ben.http("DELETE", path))[:2] == (403, "user.forbidden")
        with pytest.raises(ChatError, match=r"user\.forbidden"):
            await ben.call("profiles.clear", user=ada.id)
        assert await of(ben, ada) == {ada.id: {"username": "ada", **SAID}}
        assert (await olga.http("DELETE", path)).status == 200
        assert await of(ben, ada) == {ada.id: {"username": "ada"}}
        missing = await olga.http("DELETE", "/api/v1/users/nobody/profile")
        assert refusal(missing)[:2] == (404, "user.not_found")
        await say(ada, **SAID)
        assert await ada.call("profiles.clear", user=ada.id) == {}
        assert await of(ben, ada) == {ada.id: {"username": "ada"}}


JUDGE = """
import json
import msgspec
import chatserver

class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        self.noted = []

    @chatserver.hookimpl(actions=(chatserver.DetailsChange,))
    async def change_action(self, action, user):
        return msgspec.structs.replace(action, title=action.title.replace("Boss", "Lead"))

    @chatserver.hookimpl(actions=(chatserver.DetailsChange,))
    async def check_action(self, action, user):
        if action.about == "no" or action.account != user.id and user.username == "ben":
            return chatserver.Refusal("no")

    @chatserver.hookimpl
    async def on_account(self, change):
        if change.what == "profile":
            self.noted.append([change.user, change.by.user])

    @chatserver.hookimpl
    def register_routes(self, context):
        async def show(request):
            return chatserver.Reply(body=json.dumps(self.noted).encode())
        return [chatserver.Route(path="/noted", get=show)]
"""


async def test_plugins_change_and_refuse_what_is_said_and_the_audit_log_names_who(
    tmp_path: Path,
) -> None:
    (tmp_path / "judge.py").write_text(JUDGE)
    settings = {"plugins.folder": str(tmp_path)}
    async with running("profiles", "judge", settings=settings) as chat:
        ben, ada = await chat.user("ben"), await chat.user("ada")  # the first one owns the server
        assert (await say(ada, title="Boss", pronouns="they")).json["title"] == "Lead"
        assert refusal(await say(ada, about="no"))[1] == "action.refused"
        path = f"/api/v1/users/{ada.id}/profile"
        assert refusal(await ben.http("DELETE", path))[1] == "action.refused"
        assert (await of(ben, ada))[ada.id]["pronouns"] == "they"

        async def is_noted() -> bool:
            noted: object = (await ada.http("GET", "/noted")).json
            return noted == [[ada.id, ada.id]]

        await until(is_noted)


async def test_words_that_are_not_wanted_are_refused_in_each_field() -> None:
    words = {"plugin.wordfilter.words": ["bad"]}
    async with running("profiles", "wordfilter", settings=words) as chat:
        ada = await chat.user("ada")
        for field in ("title", "pronouns", "about"):
            answer = await say(ada, **{field: "so bad"})
            assert refusal(answer)[:2] == (422, "action.refused"), field
        assert (await say(ada, title="so good")).status == 200


async def test_changes_are_bounded_and_the_same_again_costs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(desk, "PER_SECOND", 1e-9)  # none comes back, however long the test takes
    async with running("profiles") as chat:
        ada = await chat.user("ada")
        for number in range(int(BURST)):
            assert (await say(ada, title=f"Cook {number}")).status == 200
        assert (await say(ada, title=f"Cook {int(BURST) - 1}")).status == 200
        answer = await say(ada, title="Once more")
        assert refusal(answer)[:2] == (429, "limit.rate")
        assert (await of(ada, ada))[ada.id]["title"] == f"Cook {int(BURST) - 1}"


async def test_the_profile_goes_with_the_account() -> None:
    async with running("profiles") as chat:
        ben, ada = await chat.user("ben"), await chat.user("ada")
        await say(ada, **SAID)
        await chat.service.removal.delete("ada")

        async def is_gone() -> bool:
            return await chat.service.store.scan("plugin/profiles", "") == []

        await until(is_gone)
        assert await of(ben, ada) == {}
