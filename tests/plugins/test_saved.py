"""Saved messages: private, as they stand, bounded, and the same at every door and on all devices."""

import asyncio
from typing import Any

import pytest

from chatserver import ChatError
from chatserver.testing.clock import FakeClock
from chatserver.testing.running import Answer, Person, running

PATH = "/api/v1/saved"
LIST = "{ savedMessages { id at message { body room { name } } } }"


async def save(by: Person, message: str) -> Answer:
    return await by.http("POST", PATH, {"message": message})


async def listed(by: Person, place: str = "") -> Any:
    answer = await by.http("GET", PATH + place)
    assert answer.status == 200, answer.body
    return answer.json


async def ids(by: Person) -> list[str]:
    return [each["id"] for each in (await listed(by))["saved"]]


def error(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["error"]["code"]


async def test_the_last_saved_comes_first_as_it_stands_now_and_for_nobody_else() -> None:
    async with running("saved", clock=FakeClock()) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        lounge = await ada.create_room("Lounge", members=[bob])
        one, two, three = [(await ada.post(lounge, text)).id for text in ("one", "two", "three")]
        for message in (two, three, one):
            made = await save(bob, message)
            assert (made.status, made.json["id"]) == (200, message)
            await chat.clock.advance(1.0)
        again = (await save(bob, two)).json  # keeps its place
        assert again["message"]["body"] == "two"
        await chat.service.messages.edit(ada.user, lounge, three, "the third")
        await chat.service.messages.delete(ada.user, lounge, two)
        found = (await listed(bob))["saved"]
        assert [each["id"] for each in found] == [one, three, two]
        assert found[2]["at"] == again["at"] < found[1]["at"]
        assert [each["message"]["body"] for each in found] == ["one", "the third", ""]
        assert found[2]["message"]["deleted"] is True
        assert found[0]["room_name"] == "Lounge"
        assert found[0]["message"]["author"]["name"] == "ada"
        assert await ids(ada) == []
        assert (await bob.http("DELETE", f"{PATH}?message={one}")).status == 204
        assert (await bob.http("DELETE", f"{PATH}?message={one}")).status == 204
        assert await ids(bob) == [three, two]


async def test_what_one_may_not_read_any_more_is_only_gone() -> None:
    async with running("saved") as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        secret = await ada.create_room("Secret", kind="private", members=[bob])
        ended = await ada.create_room("Ended", members=[bob])
        hidden = (await ada.post(secret, "hidden")).id
        over = (await ada.post(ended, "over")).id
        for message in (hidden, over):
            assert (await save(bob, message)).status == 200
        await chat.service.rooms.kick(ada.user, secret, bob.id)
        await chat.service.rooms.delete(ada.user, ended)
        for each in (await listed(bob))["saved"]:
            assert set(each) == {"id", "at"}
        for message in (hidden, over, "nothing-3", f"{secret.id}-99", f"{secret.id}-1"):
            assert error(await save(bob, message)) == (404, "message.not_found")
        assert (await bob.call("saved.drop", message=hidden)) == {"dropped": True}
        assert await ids(bob) == [over]


async def test_pages_and_bad_input() -> None:
    async with running("saved", clock=FakeClock()) as chat:
        ada = await chat.user("ada")
        lounge = await ada.create_room("Lounge")
        messages = [(await ada.post(lounge, str(n))).id for n in range(5)]
        for message in messages:
            await save(ada, message)
            await chat.clock.advance(1.0)
        first = await ada.call("saved.list", limit=2)
        assert [each["id"] for each in first["saved"]] == messages[:2:-1]
        rest = await listed(ada, f"?after={first['after']}&limit=3")
        assert [each["id"] for each in rest["saved"]] == messages[2::-1] and "after" not in rest
        assert await ada.call("saved.ids") == {"messages": sorted(messages)}
        for limit in ("0", "51", "x", "1.5", "²"):
            assert error(await ada.http("GET", f"{PATH}?limit={limit}"))[1] == "request.invalid"
        for body in ({}, {"message": ""}, {"message": "x" * 101}, {"message": 5}, []):
            assert error(await ada.http("POST", PATH, body)) == (400, "request.invalid")
        assert error(await ada.http("DELETE", PATH)) == (400, "request.invalid")
        for method in ("GET", "POST", "DELETE"):
            assert error(await chat.http(method, PATH, {})) == (401, "auth.required")
        for op, fields in (("list", {"limit": 51}), ("save", {"message": ""}), ("ids", {"x": 1})):
            with pytest.raises(ChatError) as refused:
                await ada.call(f"saved.{op}", **fields)
            assert refused.value.code == "request.invalid"


async def test_each_user_has_so_many_and_no_more() -> None:
    async with running("saved", settings={"plugin.saved.per_user": 3}) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        lounge = await ada.create_room("Lounge", members=[bob])
        messages = [(await ada.post(lounge, str(n))).id for n in range(4)]
        answers = await asyncio.gather(*(save(ada, message) for message in messages))
        refused = [answer for answer in answers if answer.status != 200]
        assert refused and len(await ids(ada)) <= 3
        for answer in refused:
            detail = answer.json["error"]["detail"]
            assert error(answer) == (409, "limit.count")
            assert detail == {"field": "saved", "reason": "count", "most": 3}
        assert (await save(bob, messages[0])).status == 200  # has a list of their own


async def test_a_deleted_account_takes_its_list_along() -> None:
    async with running("saved") as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        message = (await ada.post(await ada.create_room("Lounge", members=[bob]), "tea")).id
        for by in (ada, bob):
            await save(by, message)
        await chat.service.removal.delete("bob")

        async def left() -> bool:
            rows = await chat.service.store.scan("plugin/saved", "")
            return [key for key, _ in rows] == [f"{ada.id}/{message}"]

        async with asyncio.timeout(60):
            while not await left():
                await asyncio.sleep(0.01)


async def test_over_graphql() -> None:
    async with running("saved", "graphql") as chat:
        ada = await chat.user("ada")
        message = (await ada.post(await ada.create_room("Lounge"), "tea")).id

        async def ask(query: str) -> Any:
            answer = (await ada.http("POST", "/graphql", {"query": query})).json
            assert "errors" not in answer, answer
            return answer["data"]

        given = f'input: {{ messageId: "{message}" }}'
        saved = await ask(f"mutation {{ saveMessage({given}) {{ savedMessage {{ id }} }} }}")
        assert saved == {"saveMessage": {"savedMessage": {"id": message}}}
        (found,) = (await ask(LIST))["savedMessages"]
        assert found["message"] == {"body": "tea", "room": {"name": "Lounge"}}
        for was in (True, False):
            dropped = await ask(f"mutation {{ unsaveMessage({given}) {{ messageId wasSaved }} }}")
            assert dropped == {"unsaveMessage": {"messageId": message, "wasSaved": was}}
        assert await ask(LIST) == {"savedMessages": []}
        answer = await ada.http(
            "POST", "/graphql", {"query": "{ savedMessages(first: 51) { id } }"}
        )
        assert answer.json["errors"][0]["extensions"]["code"] == "request.invalid"


async def test_a_page_of_long_messages_fits_into_a_connection() -> None:
    small = {"limits.buffer_soft_bytes": 20_000, "limits.buffer_hard_bytes": 40_000}
    async with running("saved", settings=small) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        for number in range(5):
            long = await ada.post(room, f"{number} " + "x" * 7_900)
            assert (await save(ada, long.id)).status in (200, 201)
        found, after = "", ""
        while after is not None:
            given = await ada.call("saved.list", after=after)
            assert len(given["saved"]) <= 2
            found += "".join(each["message"]["body"][0] for each in given["saved"])
            after = given.get("after")
        assert sorted(found) == list("01234")
