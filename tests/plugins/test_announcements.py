"""Announcements: who makes them, what everybody reads and is told, at every door."""

from typing import Any

import pytest

from chatserver import ChatError
from chatserver.testing.clock import FakeClock
from chatserver.testing.running import Answer, Chat, Person, running

PATH = "/api/v1/announcement"
CLEAR = "clearAnnouncement { announcement { id } }"
FUTURE = 4_105_069_140.0  # 2100-01-31T08:59:00Z


async def people(chat: Chat) -> tuple[Person, Person]:
    """The owner of the server, and somebody else."""
    return await chat.user("olga"), await chat.user("ada")


async def announce(by: Person, text: str, **more: Any) -> Answer:
    return await by.http("PUT", PATH, {"text": text, **more})


async def read(by: Person) -> Any:
    answer = await by.http("GET", PATH)
    assert answer.status == 200, answer.body
    return answer.json["announcement"]


async def ask(by: Person, query: str) -> tuple[Any, str]:
    """The data, and the code of the first error."""
    answer = (await by.http("POST", "/graphql", {"query": query})).json
    errors = answer.get("errors", [])
    return answer.get("data"), errors[0]["extensions"]["code"] if errors else ""


def reason(answer: Answer) -> tuple[str, str, str]:
    error = answer.json["error"]
    return error["code"], error["detail"]["field"], error["detail"]["reason"]


async def test_everybody_reads_the_last_announcement_until_it_is_removed() -> None:
    async with running("announcements") as chat:
        olga, ada = await people(chat)
        assert await read(ada) is None
        made = await announce(olga, "  We move tonight. ")
        assert made.status == 200
        shown = await read(ada)
        assert shown == made.json["announcement"]
        assert (shown["text"], shown["tone"], shown["until"]) == ("We move tonight.", "info", None)
        assert shown["by"] == olga.id
        again = await announce(olga, "We have moved.", tone="warning")
        assert again.json["announcement"]["id"] != shown["id"]
        assert (await read(ada))["tone"] == "warning"
        assert (await olga.http("DELETE", PATH)).status == 204
        assert await read(ada) is None
        assert (await olga.http("DELETE", PATH)).status == 204


async def test_an_announcement_ends_by_itself() -> None:
    clock = FakeClock(FUTURE)
    async with running("announcements", clock=clock) as chat:
        olga, ada = await people(chat)
        end = "2100-01-31T10:00:00+01:00"
        assert (await announce(olga, "Soon", until=end)).status == 200
        assert (await read(ada))["until"] == "2100-01-31T09:00:00.000Z"
        await clock.advance(60)
        assert await read(ada) is None
        assert reason(await announce(olga, "Late", until=end)) == (
            "request.invalid",
            "until",
            "past",
        )
        for text in ("tomorrow", "2100-02-01T10:00:00", "9999-12-31T23:59:59-12:00", ""):
            found = reason(await announce(olga, "When?", until=text))
            assert found == ("request.invalid", "until", "form"), text


async def test_a_text_has_1_to_500_characters() -> None:
    async with running("announcements") as chat:
        olga, _ = await people(chat)
        assert reason(await announce(olga, " \n ")) == ("request.invalid", "announcement", "empty")
        assert reason(await announce(olga, "x" * 501)) == ("limit.size", "announcement", "long")
        assert (await announce(olga, f" {'語' * 500} ")).status == 200
        assert len((await read(olga))["text"]) == 500
        for body in ({}, {"text": 1}, {"text": "a", "tone": "loud"}):
            answer = await olga.http("PUT", PATH, body)
            assert answer.json["error"]["code"] == "request.invalid"
        assert len((await read(olga))["text"]) == 500


async def test_staff_alone_announces_at_every_door() -> None:
    async with running("announcements", "graphql") as chat:
        olga, ada = await people(chat)
        assert (await announce(ada, "Mine")).json["error"]["code"] == "user.forbidden"
        assert (await ada.http("DELETE", PATH)).json["error"]["code"] == "user.forbidden"
        assert (await chat.http("GET", PATH)).json["error"]["code"] == "auth.required"
        for operation, arguments in (("announce", {"text": "Mine"}), ("clear", {})):
            with pytest.raises(ChatError) as refused:
                await ada.call(f"announcements.{operation}", **arguments)
            assert refused.value.code == "user.forbidden"
        mutations = ('announce(input: {text: "Mine"}) { announcement { id } }', CLEAR)
        for mutation in mutations:
            assert (await ask(ada, f"mutation {{ {mutation} }}"))[1] == "user.forbidden"
        assert await read(ada) is None

        assert (await olga.call("announcements.announce", text="By socket"))["announcement"]["id"]
        assert (await ada.call("announcements.current"))["announcement"]["text"] == "By socket"
        assert await olga.call("announcements.clear") == {"announcement": None}
        until = "2100-01-31T09:00:00Z"
        given = f'{{text: "By GraphQL", tone: WARNING, until: "{until}"}}'
        asked = (
            f"mutation {{ announce(input: {given}) {{ announcement {{ text tone until by }} }} }}"
        )
        shown = (await ask(olga, asked))[0]["announce"]["announcement"]
        assert shown["text"] == "By GraphQL" and shown["tone"] == "WARNING"
        assert shown["until"].startswith("2100-01-31T09:00:00") and shown["by"] == olga.id
        assert (await ask(ada, "{ announcement { text at } }"))[0]["announcement"]["at"]
        assert (await ask(olga, f"mutation {{ {CLEAR} }}"))[0] == {
            "clearAnnouncement": {"announcement": None}
        }
        assert (await ask(ada, "{ announcement { id } }"))[0] == {"announcement": None}


async def test_those_who_are_connected_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running("announcements") as chat:
        olga, _ = await people(chat)
        told: list[Any] = []
        hub = chat.service.hub
        monkeypatch.setattr(
            hub, "tell_everybody", lambda notice, roles: told.append((notice.payload, roles))
        )
        made = (await announce(olga, "😀" * 500)).json["announcement"]
        await olga.http("DELETE", PATH)
        first, last = told
        assert first[0]["announcement"].id == made["id"] and not first[1]
        assert last == ({"announcement": None}, ())
