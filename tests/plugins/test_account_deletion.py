"""People delete their own accounts: who may, when it is done, what is left, and what a crash or a change of mind does."""

import time
from typing import Any

import pytest

from chatserver.testing.clock import FakeClock
from chatserver.testing.running import Answer, Chat, Person, running
from tests.waiting import until

NAME, PATH = "account_deletion", "/api/v1/me/deletion"
DAY = 86_400.0


def serving(**settings: object) -> Any:
    given = {f"plugin.{NAME}.{key}": value for key, value in settings.items()}
    return running(NAME, clock=FakeClock(), settings=given)


async def want(person: Person, username: str | None = None) -> Answer:
    return await person.http("POST", PATH, {"username": username or person.user.username})


async def at(person: Person) -> str | None:
    answer = await person.http("GET", PATH)
    assert answer.status == 200
    found: str | None = answer.json["at"]
    return found


async def is_gone(chat: Chat, person: Person) -> bool:
    return (await chat.service.accounts.get(person.id)).deleted


def error(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["error"]["code"]


async def test_an_account_is_deleted_after_its_days() -> None:
    async with serving() as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        room = await ada.create_room("Lounge", members=[bob])
        message = await bob.post(room, "what stays")
        answer = await want(bob)
        assert (answer.status, answer.json["seconds"]) == (202, 7 * DAY)
        assert await at(bob) == answer.json["at"]
        await chat.clock.advance(7 * DAY - 60)
        assert not await is_gone(chat, bob)
        await chat.clock.advance(120)
        assert await is_gone(chat, bob)
        assert (await bob.http("GET", PATH)).status == 401
        shown = await chat.service.messages.by_id(ada.user, message.id)
        assert shown.body == "what stays"
        assert room.role(bob.id) is None
        assert (await chat.user("bob")).id != bob.id  # the name is free


async def test_who_changes_their_mind_stays() -> None:
    async with serving() as chat:
        ada = await chat.user("ada")
        await want(ada)
        kept = await ada.http("DELETE", PATH)
        assert (kept.status, kept.json["at"]) == (200, None)
        assert await at(ada) is None
        await chat.clock.advance(8 * DAY)
        assert not await is_gone(chat, ada)
        assert (await ada.http("DELETE", PATH)).status == 200  # there is nothing to keep it from


async def test_of_two_wishes_the_first_counts() -> None:
    async with serving() as chat:
        await chat.user("ada")
        bob = await chat.user("bob")
        first = (await want(bob)).json["at"]
        await chat.clock.advance(DAY)
        assert (await want(bob)).json["at"] == first
        await chat.clock.advance(6 * DAY + 60)
        assert await is_gone(chat, bob)


async def test_without_days_it_is_done_at_once() -> None:
    async with serving(days=0) as chat:
        await chat.user("ada")
        bob = await chat.user("bob")
        assert (await want(bob)).json["seconds"] == 0
        await chat.clock.advance(2)
        assert await is_gone(chat, bob)


async def test_another_name_or_no_confirmation_deletes_nothing() -> None:
    async with serving() as chat:
        ada = await chat.user("ada")
        assert error(await want(ada, "bob")) == (400, "request.invalid")
        assert error(await ada.http("POST", PATH, {"name": "ada"})) == (400, "request.invalid")
        assert error(await ada.http("POST", PATH)) == (400, "request.invalid")
        chat.service.accounts.sessions._clock = lambda: time.time() + 700.0
        assert error(await want(ada)) == (403, "auth.confirm")
        assert await at(ada) is None


async def test_the_last_owner_stays() -> None:
    async with serving() as chat:
        ada = await chat.user("ada")  # the first one
        await want(ada)
        await chat.clock.advance(8 * DAY)
        assert not await is_gone(chat, ada)
        assert await at(ada) is None


async def test_who_was_renamed_meanwhile_is_deleted_all_the_same() -> None:
    async with serving() as chat:
        await chat.user("ada")
        bob = await chat.user("bob")
        await want(bob)
        await chat.service.accounts.rename("bob", "rob")
        other = await chat.user("bob")  # whoever has the old name now
        await chat.clock.advance(8 * DAY)
        assert await is_gone(chat, bob) and not await is_gone(chat, other)


async def test_a_deletion_that_a_crash_cut_off_is_finished(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving() as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        room = await ada.create_room("Lounge", members=[bob])
        await want(bob)
        joined = chat.service.rooms.joined

        async def crash(user: object) -> Any:
            raise RuntimeError("a crash")

        monkeypatch.setattr(chat.service.rooms, "joined", crash)
        await chat.clock.advance(7 * DAY + 60)
        assert await is_gone(chat, bob) and room.role(bob.id) is not None  # half of it is done
        monkeypatch.setattr(chat.service.rooms, "joined", joined)
        await chat.clock.advance(2 * DAY)
        assert room.role(bob.id) is None
        assert (await chat.user("bob")).id != bob.id  # the name is free


async def test_a_deletion_is_told_and_asked() -> None:
    told: list[str] = []
    async with serving() as chat:
        await chat.user("ada")
        bob = await chat.user("bob")
        chat.service.accounts.watch(lambda change: told.append(change.what))
        await want(bob)
        await bob.http("DELETE", PATH)
        await want(bob)
        await chat.clock.advance(8 * DAY)
        await until(lambda: "deleted" in told)
    assert [what for what in told if what in ("leaving", "staying", "deleted")] == [
        "leaving",
        "staying",
        "leaving",
        "deleted",
    ]


async def test_over_graphql() -> None:
    async with running(NAME, "graphql", clock=FakeClock()) as chat:
        ada = await chat.user("ada")

        async def graphql(query: str, variables: object = None) -> Any:
            answer = await ada.http("POST", "/graphql", {"query": query, "variables": variables})
            return answer.json

        ask = "mutation ($name: String!) { deleteMyAccount(input: {username: $name}) { deletion { at seconds } } }"
        answer = await graphql(ask, {"name": "ada"})
        stands = answer["data"]["deleteMyAccount"]["deletion"]
        assert stands["seconds"] == 7 * DAY and stands["at"] == await at(ada)
        found = await graphql("{ myDeletion { at } }")
        assert found["data"]["myDeletion"]["at"] == stands["at"]
        kept = await graphql("mutation { keepMyAccount { deletion { at } } }")
        assert kept["data"]["keepMyAccount"]["deletion"]["at"] is None
