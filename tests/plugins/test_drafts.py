"""Drafts: the same on all devices of one person, for nobody else, and never brought back by a device that is behind."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from chatserver import ChatError, RoomKind
from chatserver.hooks.expiring import ExpiringSpace
from chatserver.testing.clock import FakeClock
from chatserver.testing.running import Answer, Person, running
from tests.faults.server import ChatServer, http
from tests.plugins.devices import device
from tests.plugins.nodes import two_nodes
from tests.waiting import until

PATH = "/api/v1/drafts"
DAY = 86400.0


async def save(by: Person, room: str, body: str, **more: object) -> Answer:
    return await by.http("PUT", PATH, {"room": room, "body": body} | more)


async def saved(by: Person, room: str, body: str, **more: object) -> Any:
    """The draft that is saved by this."""
    answer = await save(by, room, body, **more)
    assert answer.status == 200, answer.body
    assert answer.json["saved"] is True
    return answer.json["draft"]


async def listed(by: Person, place: str = "") -> Any:
    answer = await by.http("GET", PATH + place)
    assert answer.status == 200, answer.body
    return answer.json


async def bodies(by: Person) -> list[str]:
    return [each["body"] for each in (await listed(by))["drafts"]]


def error(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["error"]["code"]


async def test_a_draft_of_each_room_and_thread_is_on_all_devices_and_for_nobody_else() -> None:
    async with running("drafts", clock=FakeClock(1_800_000_000.0)) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        lounge = await ada.create_room("Lounge", members=[bob])
        root = (await ada.post(lounge, "tea?" + "!" * 300)).id
        async with device(chat, bob, "drafts") as told, device(chat, ada, "drafts") as others:
            first = await saved(bob, lounge.id, "half a te", reply_to=root)
            quote = {
                "id": root,
                "author": {"id": ada.id, "name": "ada"},
                "body": "tea?" + "!" * 196,
            }
            assert first == {
                "room": lounge.id,
                "body": "half a te",
                "revision": "1800000000000",
                "at": "2027-01-15T08:00:00.000Z",
                "reply_to": root,
                "reply": quote,
            }
            reply = await bob.call("drafts.save", room=lounge.id, thread=root, body="and cake")
            assert reply["saved"] is True
            assert reply["draft"]["thread"] == root
            assert await listed(bob) == {"drafts": [first, reply["draft"]]}
            assert await bob.call("drafts.list") == {"drafts": [first, reply["draft"]]}
            assert await bob.call("drafts.get", room=lounge.id) == {"draft": first}
            assert await listed(bob, f"?room={lounge.id}&thread={root}") == reply["draft"]
            none = {"room": lounge.id, "body": "", "revision": ""}
            assert await listed(ada, f"?room={lounge.id}") == none
            assert await listed(ada) == {"drafts": []}
            place = {"room": lounge.id, "thread": None}
            wanted = [
                place | {"revision": first["revision"]},
                place | {"thread": root, "revision": reply["draft"]["revision"]},
            ]
            await until(lambda: told == wanted)
            assert others == []


async def test_a_device_that_is_behind_changes_nothing_and_is_told_what_stands() -> None:
    async with running("drafts", clock=FakeClock()) as chat:
        ada = await chat.user("ada")
        room = (await ada.create_room("Lounge")).id
        first = await saved(ada, room, "one", base="")
        second = await saved(ada, room, "two", base=first["revision"])
        assert second["revision"] > first["revision"]  # though the clock stands still
        for base in ("", first["revision"], "1"):
            for body in ("old", ""):
                behind = await save(ada, room, body, base=base)
                assert behind.json == {"saved": False, "draft": second}
        assert await saved(ada, room, "two") == second  # nothing has changed
        third = await saved(ada, room, "three")  # without a base: the last one counts
        assert await listed(ada) == {"drafts": [third]}


async def test_a_draft_that_was_removed_is_not_brought_back_by_a_save_from_before() -> None:
    async with running("drafts", clock=FakeClock()) as chat:
        ada = await chat.user("ada")
        room = (await ada.create_room("Lounge")).id
        first = await saved(ada, room, "one", base="")
        gone = await saved(ada, room, "  \n", base=first["revision"])
        assert gone["body"] == ""
        for base in ("", first["revision"]):
            late = await save(ada, room, "one", base=base)
            assert late.json == {"saved": False, "draft": gone}
        assert (await listed(ada))["drafts"] == [gone]  # devices see that it is
        again = await saved(ada, room, "anew", base=gone["revision"])
        assert (await ada.http("DELETE", f"{PATH}?room={room}")).status == 204
        assert (await ada.http("DELETE", f"{PATH}?room={room}")).status == 204
        assert await bodies(ada) == [""]
        assert (await save(ada, room, "x", base=again["revision"])).json["saved"] is False
        await chat.clock.advance(7 * DAY)
        assert await listed(ada) == {"drafts": []}
        assert (await save(ada, room, "x", base=again["revision"])).json["saved"] is False
        await saved(ada, room, "x", base="")


async def test_of_two_devices_at_the_same_time_one_is_told_that_it_is_behind() -> None:
    async with running("drafts") as chat:
        ada = await chat.user("ada")
        room = (await ada.create_room("Lounge")).id
        base = ""
        for _ in range(5):
            answers = await asyncio.gather(
                *(save(ada, room, f"{base}{each}", base=base) for each in range(4))
            )
            (winner,) = [each.json["draft"] for each in answers if each.json["saved"]]
            assert await bodies(ada) == [winner["body"]]
            base = winner["revision"]


async def test_of_two_saves_that_saw_the_same_draft_one_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running("drafts") as chat:
        ada = await chat.user("ada")
        room = (await ada.create_room("Lounge")).id
        first = await saved(ada, room, "one")
        get, looked = ExpiringSpace.get, 0

        async def together(self: ExpiringSpace, key: str) -> bytes | None:
            """The first two look before either writes."""
            nonlocal looked
            found = await get(self, key)
            if key.startswith(ada.id):
                looked += 1
                await until(lambda: looked >= 2)
            return found

        monkeypatch.setattr(ExpiringSpace, "get", together)
        based = [save(ada, room, body, base=first["revision"]) for body in ("two", "three")]
        answers = [each.json for each in await asyncio.gather(*based)]
        assert sorted(each["saved"] for each in answers) == [False, True]
        assert answers[0]["draft"] == answers[1]["draft"]
        looked = 0
        last = await asyncio.gather(*(saved(ada, room, body) for body in ("four", "five")))
        assert len({each["revision"] for each in last}) == 2
        newest = max(last, key=lambda each: int(each["revision"]))
        assert (await listed(ada))["drafts"] == [newest]


async def test_of_two_nodes_one_saves_and_the_other_is_told_what_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with two_nodes(monkeypatch, "drafts") as nodes:
        ada = await nodes[0].user("ada")
        room = (await ada.create_room("Lounge")).id
        base = ""
        for number in range(5):
            answers = await asyncio.gather(
                *(
                    node.http(
                        "PUT",
                        PATH,
                        {"room": room, "body": f"{number} {each}", "base": base},
                        ada.token,
                    )
                    for each, node in enumerate(nodes)
                )
            )
            (winner,) = [each.json["draft"] for each in answers if each.json["saved"]]
            assert [each.json["draft"] for each in answers] == [winner, winner]
            base = winner["revision"]
        for node in nodes:
            shown = await node.http("GET", PATH, token=ada.token)
            assert shown.json == {"drafts": [winner]}


async def test_drafts_of_rooms_that_one_may_not_read_are_not_shown_but_can_be_removed() -> None:
    async with running("drafts") as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        secret = await ada.create_room("Secret", kind="private", members=[bob])
        ended = await ada.create_room("Ended", members=[bob])
        hidden = (await ada.post(secret, "hidden")).id
        lounge = await ada.create_room("Lounge", members=[bob])
        mine = await saved(bob, lounge.id, "mine", reply_to=hidden)
        assert "reply" not in mine  # it is in another room
        for room in (secret, ended):
            await saved(bob, room.id, "a draft")
        await chat.service.rooms.kick(ada.user, secret, bob.id)
        await chat.service.rooms.delete(ada.user, ended)
        (only,) = (await listed(bob))["drafts"]
        assert only == mine
        for room_id in (secret.id, ended.id, "nowhere", "a/b"):
            assert error(await save(bob, room_id, "more")) == (404, "room.not_found")
            assert error(await bob.http("GET", f"{PATH}?room={room_id}"))[0] == 404
        rows = await chat.service.store.scan("expiring/drafts", f"{bob.id}/")
        kept = {key.split("/")[1] for key, _ in rows}
        assert kept == {secret.id, lounge.id}  # of the room that is gone nothing is left
        await chat.service.rooms.invite(ada.user, secret, bob.id)
        assert sorted(await bodies(bob)) == ["a draft", "mine"]
        await chat.service.rooms.kick(ada.user, secret, bob.id)
        assert (await bob.http("DELETE", f"{PATH}?room={secret.id}")).status == 204
        await chat.service.rooms.invite(ada.user, secret, bob.id)
        assert sorted(await bodies(bob)) == ["", "mine"]


async def test_a_reply_shows_nothing_of_a_message_that_is_deleted_or_none() -> None:
    async with running("drafts") as chat:
        ada = await chat.user("ada")
        lounge = await ada.create_room("Lounge")
        message = (await ada.post(lounge, "a secret")).id
        made = await saved(ada, lounge.id, "x", reply_to=message)
        assert made["reply"]["body"] == "a secret"
        await chat.service.messages.delete(ada.user, lounge, message)
        (found,) = (await listed(ada))["drafts"]
        assert found["reply"] == made["reply"] | {"body": ""}
        for none in (f"{lounge.id}-99", "x"):
            assert "reply" not in await saved(ada, lounge.id, "x", reply_to=none)


async def test_threads_are_those_of_the_room() -> None:
    async with running("drafts") as chat:
        ada = await chat.user("ada")
        lounge, other = await ada.create_room("Lounge"), await ada.create_room("Other")
        root = (await ada.post(lounge, "root")).id
        posted = f"/api/v1/rooms/{lounge.id}/messages"
        given = {"client_id": "r", "body": "reply", "thread": root}
        reply = (await ada.http("POST", posted, given)).json["id"]
        await saved(ada, lounge.id, "x", thread=root)
        for room, thread in ((other.id, root), (lounge.id, f"{lounge.id}-99"), (lounge.id, "x")):
            refused = await save(ada, room, "x", thread=thread)
            assert error(refused) == (404, "message.not_found")
        nested = await save(ada, lounge.id, "x", thread=reply)
        assert nested.json["error"]["detail"] == {"field": "thread", "reason": "nested"}


async def test_bad_input_is_refused() -> None:
    async with running("drafts", settings={"limits.message_chars": 10}) as chat:
        ada = await chat.user("ada")
        room = (await ada.create_room("Lounge")).id
        await saved(ada, room, "x" * 10)
        long = await save(ada, room, "x" * 11)
        assert error(long) == (413, "limit.size")
        assert long.json["error"]["detail"] == {"field": "body", "reason": "long", "most": 10}
        assert await bodies(ada) == ["x" * 10]
        wrong: list[object] = [
            {},
            [],
            {"room": room},
            {"room": "", "body": "x"},
            {"room": "x" * 101, "body": "x"},
            {"room": room, "body": 5},
            {"room": room, "body": "x", "thread": ""},
            {"room": room, "body": "x", "reply_to": "x" * 101},
            {"room": room, "body": "x", "base": 5},
            *({"room": room, "body": "x", "base": base} for base in ("x", "-1", "1" * 19, "1\n")),
        ]
        for body in wrong:
            assert error(await ada.http("PUT", PATH, body)) == (400, "request.invalid")
        for query in ("limit=0", "limit=51", "limit=x", "thread=x", "after=" + "x" * 251, "room="):
            assert error(await ada.http("GET", f"{PATH}?{query}")) == (400, "request.invalid")
        assert error(await ada.http("DELETE", PATH)) == (400, "request.invalid")
        for method in ("GET", "PUT", "DELETE"):
            assert error(await chat.http(method, PATH, {})) == (401, "auth.required")
        for op, fields in (("list", {"limit": 51}), ("save", {"room": room}), ("get", {})):
            with pytest.raises(ChatError) as refused:
                await ada.call(f"drafts.{op}", **fields)
            assert refused.value.code == "request.invalid"


async def test_the_oldest_goes_for_a_new_one_and_what_was_removed_goes_first() -> None:
    settings = {"plugin.drafts.per_user": 3}
    async with running("drafts", settings=settings, clock=FakeClock()) as chat:
        ada = await chat.user("ada")
        rooms = [(await ada.create_room(str(number))).id for number in range(5)]
        for number in (1, 0, 2):
            await saved(ada, rooms[number], str(number))
            await chat.clock.advance(1.0)
        await saved(ada, rooms[2], "")
        await saved(ada, rooms[3], "3")
        assert sorted(await bodies(ada)) == ["0", "1", "3"]
        await chat.clock.advance(1.0)
        await saved(ada, rooms[1], "1 again")
        async with device(chat, ada, "drafts") as told:
            await saved(ada, rooms[4], "4")
            assert sorted(await bodies(ada)) == ["1 again", "3", "4"]
            gone = {"room": rooms[0], "thread": None, "revision": ""}
            await until(lambda: gone in told)
        await asyncio.gather(*(save(ada, room, "at once") for room in rooms))
        assert len(await bodies(ada)) <= 3


async def test_drafts_expire_so_many_days_after_their_last_change() -> None:
    settings = {"plugin.drafts.keep_days": 2}
    async with running("drafts", settings=settings, clock=FakeClock()) as chat:
        ada = await chat.user("ada")
        room, other = [(await ada.create_room(name)).id for name in ("Lounge", "Other")]
        await saved(ada, room, "one")
        await saved(ada, other, "other")
        await chat.clock.advance(1.5 * DAY)
        await saved(ada, room, "two")
        await chat.clock.advance(DAY)
        assert await bodies(ada) == ["two"]
        await chat.clock.advance(DAY)
        assert await bodies(ada) == []


async def test_pages_hold_so_many_and_fit_into_a_connection() -> None:
    small = {"limits.buffer_soft_bytes": 20_000, "limits.buffer_hard_bytes": 40_000}
    async with running("drafts", settings=small) as chat:
        ada = await chat.user("ada")
        rooms = [(await ada.create_room(str(number))).id for number in range(5)]
        for number, room in enumerate(rooms):
            await saved(ada, room, f"{number} " + "x" * 7_900)
        found, after, pages = "", "", 0
        while after is not None:
            given = await ada.call("drafts.list", after=after)
            assert 1 <= len(given["drafts"]) <= 2
            found += "".join(each["body"][0] for each in given["drafts"])
            after, pages = given.get("after"), pages + 1
        assert (sorted(found), pages) == (list("01234"), 3)
        first = await listed(ada, "?limit=1")
        assert len(first["drafts"]) == 1
        assert len((await listed(ada, f"?limit=1&after={first['after']}"))["drafts"]) == 1


async def test_a_deleted_account_takes_its_drafts_along() -> None:
    async with running("drafts") as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        room = (await ada.create_room("Lounge", members=[bob])).id
        for by in (ada, bob):
            await saved(by, room, "mine")
        await chat.service.removal.delete("bob")

        async def left() -> bool:
            rows = await chat.service.store.scan("expiring/drafts", "")
            return [key for key, _ in rows] == [f"{ada.id}/{room}/"]

        await until(left)


async def test_staff_of_the_server_read_no_drafts() -> None:
    async with running("drafts") as chat:
        owner, bob = await chat.user("owner"), await chat.user("bob")
        room = (await bob.create_room("Lounge", kind=RoomKind.PUBLIC)).id
        await saved(bob, room, "for me alone")
        for place in ("", f"?room={room}", f"?after={bob.id}", f"?room={bob.id}/{room}"):
            answer = await owner.http("GET", PATH + place)
            assert b"for me alone" not in answer.body


async def test_over_graphql() -> None:
    async with running("drafts", "graphql", clock=FakeClock()) as chat:
        ada = await chat.user("ada")
        lounge = await ada.create_room("Lounge")
        root = (await ada.post(lounge, "tea")).id

        async def ask(query: str, **variables: object) -> Any:
            body = {"query": query, "variables": variables}
            return (await ada.http("POST", "/graphql", body)).json

        shown = "roomId threadId body replyToId revision at cursor"
        saving = f"mutation ($input: SaveDraftInput!) {{ saveDraft(input: $input) {{ saved draft {{ {shown} }} }} }}"
        of_room = {"roomId": lounge.id, "body": "tea?", "replyToId": root, "base": ""}
        first = (await ask(saving, input=of_room))["data"]["saveDraft"]
        assert first["saved"] is True
        assert first["draft"]["at"]
        assert {
            name: first["draft"][name] for name in ("roomId", "threadId", "body", "replyToId")
        } == {
            "roomId": lounge.id,
            "threadId": None,
            "body": "tea?",
            "replyToId": root,
        }
        assert (await ask(saving, input=of_room | {"body": "x"}))["data"]["saveDraft"] == {
            "saved": False,
            "draft": first["draft"],
        }
        given = {"roomId": lounge.id, "threadId": root, "body": "cake"}
        second = (await ask(saving, input=given))["data"]["saveDraft"]
        pages = f"query ($after: String) {{ drafts(first: 1, after: $after) {{ {shown} }} }}"
        assert (await ask(pages))["data"]["drafts"] == [first["draft"]]
        rest = await ask(pages, after=first["draft"]["cursor"])
        assert rest["data"]["drafts"] == [second["draft"]]
        one = f"query ($room: ID!, $thread: ID) {{ draft(roomId: $room, threadId: $thread) {{ {shown} }} }}"
        found = await ask(one, room=lounge.id, thread=root)
        assert found["data"]["draft"] == second["draft"]
        for query, variables, code in (
            (one, {"room": "nowhere"}, "room.not_found"),
            (saving, {"input": given | {"roomId": "nowhere"}}, "room.not_found"),
            (saving, {"input": given | {"base": "x"}}, "request.invalid"),
            ("{ drafts(first: 51) { body } }", {}, "request.invalid"),
        ):
            refused = await ask(query, **variables)
            assert refused["errors"][0]["extensions"]["code"] == code


def test_drafts_outlast_a_killed_server_and_are_in_no_log(tmp_path: Path) -> None:
    enabled = "sqlite,password,metrics,audit,drafts"
    with ChatServer(tmp_path, plugins__enabled=enabled) as server:
        ada = server.register("ada")
        room = server.post("/api/v1/rooms", ada, {"name": "Lounge"})["id"]
        given = {"room": room, "body": "unspeakable"}
        headers = {"Authorization": f"Bearer {ada}"}
        draft = http.put(server.url + PATH, json=given, headers=headers).json()["draft"]
        server.kill()
        server.start()
        assert server.get(PATH, ada).json()["drafts"] == [draft]
        for path in tmp_path.rglob("*"):
            if path.is_file() and path.suffix in (".log", ".jsonl", ".ndjson"):
                assert b"unspeakable" not in path.read_bytes()
