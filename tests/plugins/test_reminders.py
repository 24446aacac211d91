"""Reminders come once, at their time, to one person alone, and tell nothing of what that person may not read."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from chatserver import ChatError, RoomKind
from chatserver.runtime.clock import text_of
from chatserver.testing.clock import FakeClock
from chatserver.testing.running import Answer, Chat, Person, running
from tests.faults.server import ChatServer
from tests.plugins.devices import device
from tests.waiting import until, wait_until

PATH = "/api/v1/reminders"
HOUR, DAY = 3600.0, 86400.0


def later(chat: Chat, seconds: float = HOUR) -> str:
    return text_of(chat.clock.now() + seconds)


async def remind(
    chat: Chat, by: Person, message: str, seconds: float = HOUR, **more: object
) -> Answer:
    return await by.http("POST", PATH, {"message": message, "at": later(chat, seconds)} | more)


async def change(by: Person, message: str, **changes: object) -> Answer:
    return await by.http("PATCH", f"{PATH}?message={message}", changes)


async def listed(by: Person, place: str = "") -> Any:
    answer = await by.http("GET", PATH + place)
    assert answer.status == 200, answer.body
    return answer.json


async def states(by: Person) -> list[tuple[str, str]]:
    return [(each["id"], each["state"]) for each in (await listed(by))["reminders"]]


def error(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["error"]["code"]


async def test_a_reminder_is_due_at_its_time_until_it_is_done() -> None:
    async with running("reminders", clock=FakeClock()) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        lounge = await ada.create_room("Lounge", members=[bob])
        message = (await ada.post(lounge, "tea at five")).id
        made = await remind(chat, bob, message, note="bring cake")
        assert made.status == 201
        assert (await listed(bob))["reminders"] == [made.json]
        shown = made.json
        assert (shown["id"], shown["at"], shown["state"]) == (message, later(chat), "waiting")
        assert (shown["note"], shown["room_name"]) == ("bring cake", "Lounge")
        assert shown["message"]["body"] == "tea at five"
        assert await listed(ada) == {"reminders": []}

        await chat.clock.advance(HOUR - 1)
        assert await states(bob) == [(message, "waiting")]
        await chat.clock.advance(1)
        assert await states(bob) == [(message, "due")]
        await chat.clock.advance(30 * DAY)
        assert await states(bob) == [(message, "due")]

        done = await change(bob, message, done=True)
        assert (done.status, done.json["state"], done.json["note"]) == (200, "done", "bring cake")
        await chat.clock.advance(7 * DAY - 1)
        assert await states(bob) == [(message, "done")]
        await change(bob, message, done=True)  # which does not keep it for longer
        await chat.clock.advance(1)
        assert await states(bob) == []


async def test_it_can_be_put_off_moved_and_taken_up_again() -> None:
    async with running("reminders", clock=FakeClock()) as chat:
        ada = await chat.user("ada")
        lounge = await ada.create_room("Lounge")
        message = (await ada.post(lounge, "tea")).id
        await remind(chat, ada, message, note="first")
        # Earlier, later, and by setting it again, which has no note.
        assert (await change(ada, message, at=later(chat, 60))).json["note"] == "first"
        await chat.clock.advance(60)
        assert await states(ada) == [(message, "due")]
        put_off = (await change(ada, message, at=later(chat, 2 * HOUR), note="")).json
        assert (put_off["state"], put_off["at"], "note" in put_off) == (
            "waiting",
            later(chat, 2 * HOUR),
            False,
        )
        again = await remind(chat, ada, message, 3 * HOUR)
        assert (again.status, again.json["at"]) == (200, later(chat, 3 * HOUR))
        await chat.clock.advance(2 * HOUR)
        assert await states(ada) == [(message, "waiting")]
        await chat.clock.advance(HOUR)
        assert await states(ada) == [(message, "due")]
        assert (await change(ada, message, note="then")).json["state"] == "due"
        await change(ada, message, done=True)
        at = (await change(ada, message, done=True)).json["at"]  # once more changes nothing
        assert at == later(chat, 0)
        again = await change(ada, message, at=later(chat, 8 * DAY))
        assert (again.json["state"], again.json["note"]) == ("waiting", "then")
        await chat.clock.advance(8 * DAY)
        assert await states(ada) == [(message, "due")]


async def test_due_ones_come_first_then_those_that_wait_then_those_that_are_done() -> None:
    async with running("reminders", clock=FakeClock()) as chat:
        ada = await chat.user("ada")
        lounge = await ada.create_room("Lounge")
        messages = [(await ada.post(lounge, str(n))).id for n in range(6)]
        for place, message in enumerate(messages):
            await remind(chat, ada, message, HOUR * (place + 1))
        await chat.clock.advance(4 * HOUR)
        await change(ada, messages[0], done=True)
        await chat.clock.advance(1)
        await change(ada, messages[1], done=True)
        wanted = [(messages[3], "due"), (messages[2], "due"), (messages[4], "waiting")]
        wanted += [(messages[5], "waiting"), (messages[1], "done"), (messages[0], "done")]
        assert await states(ada) == wanted
        first = await ada.call("reminders.list", limit=4)
        assert [each["id"] for each in first["reminders"]] == [id for id, _ in wanted[:4]]
        rest = await listed(ada, f"?after={first['after']}&limit=4")
        assert [each["id"] for each in rest["reminders"]] == [id for id, _ in wanted[4:]]
        assert "after" not in rest
        brief = (await ada.call("reminders.ids"))["reminders"]
        assert [(each["id"], each["state"]) for each in brief] == wanted
        assert all(set(each) == {"id", "at", "state"} for each in brief)


async def test_nothing_is_told_of_what_one_may_not_read_any_more_or_what_was_deleted() -> None:
    async with running("reminders", clock=FakeClock()) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        secret = await ada.create_room("Secret", kind=RoomKind.PRIVATE, members=[bob])
        lounge = await ada.create_room("Lounge", members=[bob])
        ended = await ada.create_room("Ended", members=[bob])
        hidden, deleted, edited, over = [
            (await ada.post(room, "a plan")).id for room in (secret, lounge, lounge, ended)
        ]
        for message in (hidden, deleted, edited, over):
            assert (await remind(chat, bob, message, note="look")).status == 201
        await chat.service.rooms.kick(ada.user, secret, bob.id)
        await chat.service.messages.delete(ada.user, lounge, deleted)
        await chat.service.messages.edit(ada.user, lounge, edited, "another plan")
        await chat.service.rooms.delete(ada.user, ended)
        await chat.clock.advance(HOUR)
        found = {each["id"]: each for each in (await listed(bob))["reminders"]}
        assert found[edited]["message"]["body"] == "another plan"
        for message in (hidden, deleted, over):
            assert found[message] == {
                "id": message,
                "at": later(chat, 0),
                "state": "due",
                "note": "look",
            }
        # It can be put off, done and removed nevertheless; another one cannot be set.
        off = (await change(bob, hidden, at=later(chat))).json
        assert (off["state"], "message" in off) == ("waiting", False)
        assert "message" not in (await change(bob, deleted, done=True)).json
        for message in (hidden, deleted, over, "nothing-3", f"{lounge.id}-99", f"{lounge.id}-1"):
            assert error(await remind(chat, bob, message)) == (404, "message.not_found")
            assert (await bob.http("DELETE", f"{PATH}?message={message}")).status == 204
        assert await states(bob) == [(edited, "due")]


async def test_devices_are_told_of_each_change_without_a_text() -> None:
    async with running("reminders", clock=FakeClock()) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        lounge = await ada.create_room("Lounge", members=[bob])
        message = (await ada.post(lounge, "tea")).id
        async with (
            device(chat, bob, "reminders") as phone,
            device(chat, bob, "reminders") as laptop,
            device(chat, ada, "reminders") as other,
        ):
            at = later(chat)
            await remind(chat, bob, message, note="mine")
            await chat.clock.advance(HOUR)
            await bob.call("reminders.change", message=message, done=True)
            assert await bob.call("reminders.remove", message=message) == {"removed": True}
            assert await bob.call("reminders.remove", message=message) == {"removed": False}
            wanted = [
                {"message": message, "state": state, "at": at}
                for state in ("waiting", "due", "done")
            ]
            wanted.append({"message": message, "state": None, "at": None})
            await until(lambda: phone == laptop == wanted)
            assert other == []


async def test_a_timer_that_comes_early_late_or_twice_reminds_once() -> None:
    """As after a crash in the middle of a change, or of a run."""
    async with running("reminders", clock=FakeClock()) as chat:
        ada = await chat.user("ada")
        message = (await ada.post(await ada.create_room("Lounge"), "tea")).id
        timers, key = chat._server.timers.of("reminders"), f"{ada.id}/{message}"
        await timers.set("reminders.come", f"{ada.id}/gone-1", chat.clock.now() + 1)
        await remind(chat, ada, message)
        await timers.set("reminders.come", key, chat.clock.now() + 60)
        await chat.clock.advance(HOUR - 2)
        assert await states(ada) == [(message, "waiting")]
        await chat.clock.advance(2)
        assert await states(ada) == [(message, "due")]
        await timers.set("reminders.come", key, chat.clock.now())
        await chat.clock.advance(60)
        assert await states(ada) == [(message, "due")]
        assert await timers.list("reminders.come") == []


async def test_of_changes_at_the_same_time_the_last_one_counts() -> None:
    async with running("reminders", clock=FakeClock()) as chat:
        ada = await chat.user("ada")
        message = (await ada.post(await ada.create_room("Lounge"), "tea")).id
        answers = await asyncio.gather(
            *(remind(chat, ada, message, 60.0 * n) for n in range(1, 6)),
        )
        assert sorted(answer.status for answer in answers) == [200, 200, 200, 200, 201]
        answers = await asyncio.gather(
            *(change(ada, message, at=later(chat, 60.0 * n)) for n in range(1, 9)),
            ada.http("DELETE", f"{PATH}?message={message}"),
            remind(chat, ada, message, 90.0),
        )
        assert {answer.status for answer in answers[:-2]} <= {200, 404}
        assert answers[-2].status == 204 and answers[-1].status in (200, 201)
        await remind(chat, ada, message, 120.0)
        ((_, shown),) = [(each["id"], each["at"]) for each in (await listed(ada))["reminders"]]
        timers = chat._server.timers.of("reminders")
        (due,) = await timers.list("reminders.come")
        assert text_of(due.at) == shown
        await chat.clock.advance(120)
        assert await states(ada) == [(message, "due")]


async def test_each_user_has_so_many_and_those_that_are_done_go_first() -> None:
    settings = {"plugin.reminders.per_user": 3}
    async with running("reminders", settings=settings, clock=FakeClock()) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        lounge = await ada.create_room("Lounge", members=[bob])
        messages = [(await ada.post(lounge, str(n))).id for n in range(6)]
        for message in messages[:3]:
            assert (await remind(chat, ada, message)).status == 201
        refused = await remind(chat, ada, messages[3])
        assert error(refused) == (409, "limit.count")
        detail = {"field": "reminders", "reason": "count", "most": 3}
        assert refused.json["error"]["detail"] == detail
        assert [id for id, _ in await states(ada)] == messages[:3]
        assert (await remind(chat, bob, messages[3])).status == 201
        assert (await remind(chat, ada, messages[0], 60)).status == 200  # takes no place

        for message in (messages[1], messages[0]):
            await change(ada, message, done=True)
            await chat.clock.advance(1)
        assert (await remind(chat, ada, messages[3])).status == 201  # in place of the second
        assert [id for id, _ in await states(ada)] == [messages[2], messages[3], messages[0]]
        answers = await asyncio.gather(*(remind(chat, ada, each) for each in messages[4:]))
        assert 409 in [answer.status for answer in answers]
        assert len(await states(ada)) <= 3


@pytest.mark.parametrize(
    "changes",
    [
        {"at": "tomorrow"},
        {"at": "2027-01-20T00:00:00"},  # of no zone
        {"at": "2200-01-01T00:00:00Z"},
        {"at": "2001-01-01T00:00:00Z"},
        {"at": "0001-01-01T00:00:00+14:00"},
        {"at": 5},
        {"note": "x" * 201},
        {"note": 5},
        {"done": "yes"},
        {"done": True, "at": "2027-06-01T00:00:00Z"},
    ],
)
async def test_a_wrong_request_is_refused(changes: Any) -> None:
    async with running("reminders", clock=FakeClock(1_800_000_000.0)) as chat:
        ada = await chat.user("ada")
        message = (await ada.post(await ada.create_room("Lounge"), "tea")).id
        if "done" not in changes:
            assert error(await remind(chat, ada, message, **changes)) == (400, "request.invalid")
            with pytest.raises(ChatError) as refused:
                await ada.call("reminders.set", **{"message": message, "at": later(chat)} | changes)
            assert refused.value.code == "request.invalid"
            assert await states(ada) == []
        made = (await remind(chat, ada, message, note="x" * 200)).json
        assert error(await change(ada, message, **changes)) == (400, "request.invalid")
        with pytest.raises(ChatError) as refused:
            await ada.call("reminders.change", message=message, **changes)
        assert refused.value.code == "request.invalid"
        assert (await listed(ada))["reminders"] == [made]


async def test_ids_and_pages_that_are_none_are_refused() -> None:
    async with running("reminders", clock=FakeClock()) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        message = (await ada.post(await ada.create_room("Lounge"), "tea")).id
        await remind(chat, ada, message)
        for limit in ("0", "51", "x", "1.5", "²"):
            assert error(await ada.http("GET", f"{PATH}?limit={limit}")) == (400, "request.invalid")
        for body in ({}, {"message": ""}, {"message": "x" * 101, "at": later(chat)}, []):
            assert error(await ada.http("POST", PATH, body)) == (400, "request.invalid")
        for method in ("PATCH", "DELETE"):
            assert error(await ada.http(method, PATH, {})) == (400, "request.invalid")
            assert error(await chat.http(method, PATH, {})) == (401, "auth.required")
        for method in ("GET", "POST"):
            assert error(await chat.http(method, PATH, {})) == (401, "auth.required")
        assert error(await change(bob, message, done=True)) == (404, "message.not_found")
        assert (await bob.http("DELETE", f"{PATH}?message={message}")).status == 204
        assert await states(ada) == [(message, "waiting")]
        for op, fields in (("list", {"limit": 51}), ("remove", {"message": ""}), ("ids", {"x": 1})):
            with pytest.raises(ChatError) as refused:
                await ada.call(f"reminders.{op}", **fields)
            assert refused.value.code == "request.invalid"


async def test_a_page_of_long_messages_fits_into_a_connection() -> None:
    small = {"limits.buffer_soft_bytes": 20_000, "limits.buffer_hard_bytes": 40_000}
    async with running("reminders", settings=small, clock=FakeClock()) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        for number in range(5):
            long = await ada.post(room, f"{number} " + "x" * 7_900)
            await remind(chat, ada, long.id, 60.0 * (number + 1))
        found, after = "", ""
        while after is not None:
            given = await ada.call("reminders.list", after=after)
            assert len(given["reminders"]) <= 2
            found += "".join(each["message"]["body"][0] for each in given["reminders"])
            after = given.get("after")
        assert found == "01234"


async def test_a_deleted_account_takes_its_reminders_along() -> None:
    async with running("reminders", clock=FakeClock()) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        message = (await ada.post(await ada.create_room("Lounge", members=[bob]), "tea")).id
        for by in (ada, bob):
            await remind(chat, by, message)
        await chat.service.removal.delete("bob")
        timers = chat._server.timers.of("reminders")

        async def left() -> bool:
            rows = await chat.service.store.scan("plugin/reminders", "")
            due = await timers.list("reminders.come")
            own = f"{ada.id}/{message}"
            return [key for key, _ in rows] == [own] == [each.key for each in due]

        await until(left)
        await chat.clock.advance(HOUR)
        assert await states(ada) == [(message, "due")]


async def test_over_graphql() -> None:
    async with running("reminders", "graphql", clock=FakeClock()) as chat:
        ada = await chat.user("ada")
        message = (await ada.post(await ada.create_room("Lounge"), "tea")).id

        async def ask(query: str, **given: object) -> Any:
            body = {"query": query, "variables": {"input": given}}
            return (await ada.http("POST", "/graphql", body)).json

        def mutation(name: str, kind: str, wanted: str) -> str:
            return f"mutation ($input: {kind}!) {{ {name}(input: $input) {{ {wanted} }} }}"

        shown = "reminder { id at state note message { body room { name } } }"
        setting = mutation("setReminder", "SetReminderInput", shown)
        changing = mutation("changeReminder", "ChangeReminderInput", shown)
        removing = mutation("removeReminder", "RemoveReminderInput", "messageId wasSet")
        made = await ask(setting, messageId=message, at=later(chat), note="cake")
        wanted = {
            "id": message,
            "at": later(chat),
            "state": "WAITING",
            "note": "cake",
            "message": {"body": "tea", "room": {"name": "Lounge"}},
        }
        assert made["data"]["setReminder"]["reminder"] == wanted
        await chat.clock.advance(HOUR)
        wanted |= {"state": "DUE", "at": later(chat, 0)}
        found = await ask(f"{{ reminders {{ {shown[11:-1]} }} }}")
        assert found["data"]["reminders"] == [wanted]
        done = await ask(changing, messageId=message, done=True)
        assert done["data"]["changeReminder"]["reminder"] == wanted | {"state": "DONE"}
        off = await ask(changing, messageId=message, at=later(chat), note="tart")
        reminder = off["data"]["changeReminder"]["reminder"]
        assert (reminder["state"], reminder["at"], reminder["note"]) == (
            "WAITING",
            later(chat),
            "tart",
        )
        for query, given, code in (
            (setting, {"messageId": "none-1", "at": later(chat)}, "message.not_found"),
            (setting, {"messageId": message, "at": "2001-01-01T00:00:00Z"}, "request.invalid"),
            (
                setting,
                {"messageId": message, "at": later(chat), "note": "x" * 201},
                "request.invalid",
            ),
            (changing, {"messageId": "none-1", "done": True}, "message.not_found"),
            ("{ reminders(first: 51) { id } }", {}, "request.invalid"),
        ):
            refused = await ask(query, **given)
            assert refused["errors"][0]["extensions"]["code"] == code
        for was in (True, False):
            removed = await ask(removing, messageId=message)
            assert removed["data"]["removeReminder"] == {"messageId": message, "wasSet": was}
        assert (await ask("{ reminders { id } }"))["data"]["reminders"] == []


def test_a_killed_server_reminds_when_it_is_back(tmp_path: Path) -> None:
    enabled = "sqlite,password,metrics,reminders"
    with ChatServer(tmp_path, plugins__enabled=enabled) as server:
        ada = server.register("ada")
        room = server.post("/api/v1/rooms", ada, {"name": "Lounge"})["id"]
        messages = [
            server.post(f"/api/v1/rooms/{room}/messages", ada, {"client_id": body, "body": body})
            for body in ("a", "b")
        ]
        due = time.time() + 8.0  # long enough for a busy machine to set both
        for message, at in zip(messages, (due, due + 3600.0), strict=True):
            server.post(PATH, ada, {"message": message["id"], "at": text_of(at)})
        server.kill()
        time.sleep(max(0.0, due - time.time()))  # the time comes while no server runs
        server.start()

        def found() -> list[str]:
            return [each["state"] for each in server.get(PATH, ada).json()["reminders"]]

        wait_until(lambda: found() == ["due", "waiting"])
        server.kill()
        server.start()
        assert found() == ["due", "waiting"]
