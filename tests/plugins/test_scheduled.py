"""Scheduled messages are posted once, at their time, with the rights that their author has then."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from chatserver import RoomKind
from chatserver.hooks.guard import PluginFailed
from chatserver.runtime.clock import text_of
from chatserver.service.service import Service
from chatserver.testing.clock import FakeClock
from chatserver.testing.running import PASSWORD, Answer, Chat, Person, running
from tests.faults.server import ChatServer
from tests.waiting import wait_until

PATH = "/api/v1/scheduled"
WEEK = 7 * 86400.0


def later(chat: Chat, seconds: float = WEEK) -> str:
    return text_of(chat.clock.now() + seconds)


async def schedule(
    chat: Chat, by: Person, where: Any, identity: str = "c", **changes: object
) -> Answer:
    given = {"client_id": identity, "room": where.id, "body": "Hello", "at": later(chat)}
    return await by.http("POST", PATH, given | changes)


async def waiting(person: Person) -> Any:
    answer = await person.http("GET", PATH)
    assert answer.status == 200
    return answer.json["scheduled"]


async def bodies(chat: Chat, by: Person, room: Any) -> list[str]:
    page = await chat.service.history.page(by.user, room)
    return [message.body for message in page.messages]


def error(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["error"]["code"]


async def test_a_message_is_posted_a_week_later_and_then_forgotten() -> None:
    async with running("scheduled", clock=FakeClock()) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        room = await ada.create_room("Lounge", kind=RoomKind.PRIVATE, members=[bob])
        first = await ada.post(room, "First")
        answer = await schedule(chat, bob, room, body="Second", reply_to=first.id)
        assert answer.status == 201
        (shown,) = await waiting(bob)
        assert shown == answer.json
        assert (shown["body"], shown["at"], shown["state"]) == ("Second", later(chat), "waiting")
        assert await waiting(ada) == []
        await chat.clock.advance(WEEK - 1)
        assert await bodies(chat, ada, room) == ["First"]
        await chat.clock.advance(1)
        page = await chat.service.history.page(ada.user, room)
        message = page.messages[-1]
        assert (message.body, message.author.id, message.reply_to) == ("Second", bob.id, first.id)
        assert message.at == text_of(chat.clock.now())
        assert await waiting(bob) == []


async def test_changed_and_cancelled_ones() -> None:
    async with running("scheduled", clock=FakeClock()) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        for client_id in ("moved", "worded", "gone"):
            assert (await schedule(chat, ada, room, client_id, body=client_id)).status == 201
        moved = await ada.http("PATCH", f"{PATH}?client_id=moved", {"at": later(chat, 60)})
        assert moved.status == 200 and moved.json["at"] == later(chat, 60)
        worded = await ada.http("PATCH", f"{PATH}?client_id=worded", {"body": "other words"})
        assert (worded.json["body"], worded.json["at"]) == ("other words", later(chat))
        assert (await ada.http("DELETE", f"{PATH}?client_id=gone")).status == 204
        assert [each["client_id"] for each in await waiting(ada)] == ["moved", "worded"]
        await chat.clock.advance(60)
        assert await bodies(chat, ada, room) == ["moved"]
        await chat.clock.advance(WEEK)
        assert await bodies(chat, ada, room) == ["moved", "other words"]
        for method, body in (("PATCH", {}), ("DELETE", None)):
            answer = await ada.http(method, f"{PATH}?client_id=gone", body)
            assert error(answer) == (404, "message.not_found")


async def test_a_repeated_request_schedules_one_message() -> None:
    async with running("scheduled", clock=FakeClock()) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        room = await ada.create_room("Lounge")
        await bob.join(room)
        answers = await asyncio.gather(*(schedule(chat, ada, room) for _ in range(5)))
        assert sorted(answer.status for answer in answers) == [200, 200, 200, 200, 201]
        assert (await schedule(chat, bob, room, body="Bob's")).status == 201
        await chat.clock.advance(WEEK)
        assert sorted(await bodies(chat, ada, room)) == ["Bob's", "Hello"]


async def test_a_client_id_of_another_message_is_told() -> None:
    async with running("scheduled", clock=FakeClock()) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        await chat.service.messages.post(ada.user, room, "c", "An earlier one")
        await schedule(chat, ada, room)
        await chat.clock.advance(WEEK)
        assert await bodies(chat, ada, room) == ["An earlier one"]
        (shown,) = await waiting(ada)
        assert shown["error"]["code"] == "message.client_id_reused"


async def test_a_timer_that_runs_twice_posts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running("scheduled", clock=FakeClock()) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        await schedule(chat, ada, room)
        post, failures = chat.service.messages.post, [1]

        async def fails_once(*given: Any) -> Any:
            done = await post(*given)
            if failures:
                failures.clear()
                raise RuntimeError("the server dies after the message was stored")
            return done

        monkeypatch.setattr(chat.service.messages, "post", fails_once)
        await chat.clock.advance(WEEK)
        assert await bodies(chat, ada, room) == ["Hello"]
        (shown,) = await waiting(ada)
        assert shown["state"] == "sending"
        for method, body in (("PATCH", {"body": "x"}), ("DELETE", None)):
            answer = await ada.http(method, f"{PATH}?client_id=c", body)
            assert error(answer) == (409, "scheduled.changed")
        await chat.clock.advance(60)
        assert await bodies(chat, ada, room) == ["Hello"]
        assert await waiting(ada) == []


async def test_a_timer_that_comes_too_early_waits_for_the_time_of_the_message() -> None:
    """As after a crash in the middle of a change."""
    async with running("scheduled", clock=FakeClock()) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        await schedule(chat, ada, room)
        timers = chat._server.timers.of("scheduled")
        await timers.set("scheduled.post", f"{ada.id}/c", chat.clock.now() + 60)
        await chat.clock.advance(WEEK - 1)
        assert await bodies(chat, ada, room) == []
        await chat.clock.advance(1)
        assert await bodies(chat, ada, room) == ["Hello"]


async def leaves(service: Service, who: Person, room: Any) -> None:
    await service.rooms.leave(who.user, room)


async def is_locked(service: Service, who: Person, room: Any) -> None:
    await service.accounts.lock("bob", True)


@pytest.mark.parametrize(
    ("kind", "happens", "code"),
    [
        (RoomKind.PRIVATE, leaves, "room.not_found"),
        (RoomKind.PUBLIC, leaves, "room.forbidden"),
        (RoomKind.PUBLIC, is_locked, "user.forbidden"),
    ],
)
async def test_one_who_may_not_post_any_more_is_told_why(
    kind: RoomKind, happens: Any, code: str
) -> None:
    async with running("scheduled", clock=FakeClock()) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        room = await ada.create_room("Lounge", kind=kind, members=[bob])
        assert (await schedule(chat, bob, room)).status == 201
        await happens(chat.service, bob, room)
        await chat.clock.advance(WEEK)
        assert await bodies(chat, ada, room) == []
        await chat.service.accounts.lock("bob", False)
        _, bob.token = await chat.service.accounts.login("bob", PASSWORD, "127.0.0.1")
        (shown,) = await waiting(bob)
        assert (shown["state"], shown["error"]["code"]) == ("failed", code)
        assert shown["error"]["text"]
        await chat.clock.advance(WEEK)
        assert await bodies(chat, ada, room) == []
        # Once the reason is gone, another time makes it wait again.
        await chat.service.rooms.invite(ada.user, room, bob.id)
        again = await bob.http("PATCH", f"{PATH}?client_id=c", {"at": later(chat)})
        assert (again.json["state"], again.json["error"]) == ("waiting", None)
        await chat.clock.advance(WEEK)
        assert await bodies(chat, ada, room) == ["Hello"]


async def test_nothing_is_posted_into_a_deleted_room() -> None:
    async with running("scheduled", clock=FakeClock()) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        room = await ada.create_room("Lounge", members=[bob])
        assert (await schedule(chat, bob, room)).status == 201
        await chat.service.rooms.delete(ada.user, room)
        await chat.clock.advance(WEEK)
        (shown,) = await waiting(bob)
        assert (shown["state"], shown["error"]["code"]) == ("failed", "room.not_found")
        again = await schedule(chat, bob, room, client_id="c2")
        assert (again.status, again.json["error"]["code"]) == (404, "room.not_found")


async def test_plugins_check_it_when_it_is_posted() -> None:
    settings = {"plugin.wordfilter.words": ["bad"]}
    async with running("scheduled", "wordfilter", settings=settings, clock=FakeClock()) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        await schedule(chat, ada, room, "bad", body="a bad word")
        await schedule(chat, ada, room, "good", body="a good word")
        await chat.clock.advance(WEEK)
        assert await bodies(chat, ada, room) == ["a good word"]
        (shown,) = await waiting(ada)
        assert shown["error"]["code"] == "message.refused"
        assert "not wanted here" in shown["error"]["text"]


async def test_a_failure_that_passes_is_waited_for_and_the_message_can_be_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running("scheduled", clock=FakeClock()) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        await schedule(chat, ada, room, "kept")
        await schedule(chat, ada, room, "cancelled")
        post = chat.service.messages.post

        async def fails(*given: Any) -> Any:
            raise PluginFailed

        monkeypatch.setattr(chat.service.messages, "post", fails)
        await chat.clock.advance(WEEK)
        assert {each["state"] for each in await waiting(ada)} == {"waiting"}
        assert (await ada.http("DELETE", f"{PATH}?client_id=cancelled")).status == 204
        monkeypatch.setattr(chat.service.messages, "post", post)
        await chat.clock.advance(60)
        assert await bodies(chat, ada, room) == ["Hello"]

        await schedule(chat, ada, room, "hopeless", at=later(chat, 10))
        monkeypatch.setattr(chat.service.messages, "post", fails)
        await chat.clock.advance(86400)
        (shown,) = await waiting(ada)
        assert (shown["state"], shown["error"]["code"]) == ("failed", "plugin.failed")


async def test_each_user_has_a_limit_also_for_requests_at_the_same_time() -> None:
    settings = {"plugin.scheduled.per_user": 3}
    async with running("scheduled", settings=settings, clock=FakeClock()) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        room = await ada.create_room("Lounge")
        await bob.join(room)
        answers = await asyncio.gather(
            *(schedule(chat, ada, room, str(n), body=f"{n}") for n in range(8))
        )
        kept = await waiting(ada)
        assert len(kept) <= 3
        assert [answer.status for answer in answers].count(201) == len(kept)
        for n in range(10, 10 + 3 - len(kept)):
            assert (await schedule(chat, ada, room, str(n), body=f"{n}")).status == 201
        kept = await waiting(ada)
        refused = await schedule(chat, ada, room, "one more")
        assert error(refused) == (409, "limit.count")
        assert (await schedule(chat, bob, room)).status == 201
        await ada.http("DELETE", f"{PATH}?client_id={kept[0]['client_id']}")
        assert (await schedule(chat, ada, room, "one more", body="more")).status == 201
        await chat.clock.advance(WEEK)
        wanted = [each["body"] for each in kept[1:]] + ["more", "Hello"]
        assert sorted(await bodies(chat, ada, room)) == sorted(wanted)


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"at": "tomorrow"}, 400, "request.invalid"),
        ({"at": "2200-01-01T00:00:00"}, 400, "request.invalid"),  # of no zone
        ({"at": "2200-01-01T00:00:00Z"}, 400, "request.invalid"),
        ({"at": "2001-01-01T00:00:00Z"}, 400, "request.invalid"),
        ({"at": "0001-01-01T00:00:00+14:00"}, 400, "request.invalid"),
        ({"at": 5}, 400, "request.invalid"),
        ({"body": " "}, 400, "request.invalid"),
        ({"body": "x" * 8001}, 413, "limit.size"),
        ({"room": "nowhere"}, 404, "room.not_found"),
        ({"client_id": ""}, 400, "request.invalid"),
        ({"client_id": "x" * 65}, 400, "request.invalid"),
    ],
)
async def test_a_wrong_request_is_refused(changes: Any, status: int, code: str) -> None:
    async with running("scheduled", clock=FakeClock(1_800_000_000.0)) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        assert error(await schedule(chat, ada, room, **changes)) == (status, code)
        assert await waiting(ada) == []
        await schedule(chat, ada, room)
        same = {name: value for name, value in changes.items() if name in ("at", "body")}
        if same:
            answer = await ada.http("PATCH", f"{PATH}?client_id=c", same)
            assert error(answer) == (status, code)
        (shown,) = await waiting(ada)
        assert (shown["body"], shown["at"]) == ("Hello", later(chat))


async def test_only_members_and_only_those_who_are_signed_in_schedule() -> None:
    async with running("scheduled", clock=FakeClock()) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        public = await ada.create_room("Lounge")
        private = await ada.create_room("Corner", kind=RoomKind.PRIVATE)
        assert error(await schedule(chat, bob, public)) == (403, "room.forbidden")
        assert error(await schedule(chat, bob, private)) == (404, "room.not_found")
        await schedule(chat, ada, public)
        assert error(await bob.http("DELETE", f"{PATH}?client_id=c")) == (404, "message.not_found")
        for method in ("GET", "POST", "PATCH", "DELETE"):
            assert error(await chat.http(method, PATH, {})) == (401, "auth.required")


async def test_a_deleted_account_takes_its_messages_along() -> None:
    async with running("scheduled", clock=FakeClock()) as chat:
        ada, bob = await chat.user("ada"), await chat.user("bob")
        room = await ada.create_room("Lounge", members=[bob])
        await schedule(chat, bob, room)
        await chat.service.removal.delete("bob")
        async with asyncio.timeout(60):
            while await chat.service.store.scan("plugin/scheduled", ""):
                await asyncio.sleep(0.01)
        await chat.clock.advance(WEEK)
        assert await bodies(chat, ada, room) == []


async def test_over_graphql() -> None:
    async with running("scheduled", "graphql", clock=FakeClock()) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")

        async def ask(text: str, **given: object) -> Any:
            body = {"query": text, "variables": {"input": given}}
            return (await ada.http("POST", "/graphql", body)).json

        shown = "scheduledMessage { clientId roomId body at replyTo error { code text } } repeated"
        made = await ask(
            f"mutation ($input: ScheduleMessageInput!) {{ scheduleMessage(input: $input) {{ {shown} }} }}",
            clientId="c",
            roomId=room.id,
            body="Hello",
            at=later(chat),
        )
        assert made["data"]["scheduleMessage"] == {
            "scheduledMessage": {
                "clientId": "c",
                "roomId": room.id,
                "body": "Hello",
                "at": later(chat),
                "replyTo": None,
                "error": None,
            },
            "repeated": False,
        }
        changed = await ask(
            "mutation ($input: ChangeScheduledMessageInput!) "
            "{ changeScheduledMessage(input: $input) { scheduledMessage { body at } } }",
            clientId="c",
            body="Hello again",
        )
        (payload,) = changed["data"].values()
        assert payload["scheduledMessage"] == {"body": "Hello again", "at": later(chat)}
        await schedule(chat, ada, room, "other", body="x")
        cancelled = await ask(
            "mutation ($input: CancelScheduledMessageInput!) "
            "{ cancelScheduledMessage(input: $input) { scheduledMessage { clientId } } }",
            clientId="other",
        )
        assert "errors" not in cancelled
        wrong = await ask(
            "mutation ($input: ScheduleMessageInput!) "
            "{ scheduleMessage(input: $input) { repeated } }",
            clientId="w",
            roomId=room.id,
            body="x",
            at="yesterday",
        )
        assert wrong["errors"][0]["extensions"]["code"] == "request.invalid"
        listed = await ask("{ scheduledMessages { clientId } }")
        assert listed["data"]["scheduledMessages"] == [{"clientId": "c"}]
        await chat.clock.advance(WEEK)
        assert await bodies(chat, ada, room) == ["Hello again"]
        assert (await ask("{ scheduledMessages { clientId } }"))["data"]["scheduledMessages"] == []


def test_a_killed_server_posts_it_when_it_is_back(tmp_path: Path) -> None:
    enabled = "sqlite,password,metrics,scheduled"
    with ChatServer(tmp_path, plugins__enabled=enabled) as server:
        ada = server.register("ada")
        room = server.post("/api/v1/rooms", ada, {"name": "Lounge"})["id"]
        due = time.time() + 8.0  # long enough for a busy machine to set both
        for client_id in ("a", "b"):
            given = {"client_id": client_id, "room": room, "body": client_id, "at": text_of(due)}
            server.post(PATH, ada, given)
        server.kill()
        time.sleep(max(0.0, due - time.time()))  # the time comes while no server runs
        server.start()
        wait_until(lambda: not server.get(PATH, ada).json()["scheduled"])
        server.kill()
        server.start()
        page = server.get(f"/api/v1/rooms/{room}/messages", ada).json()
        assert sorted(message["body"] for message in page["messages"]) == ["a", "b"]
