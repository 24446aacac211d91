"""Reports of messages: who makes them, who sees them, and how they are settled, at every door and on every node."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from chatserver import ChatError, Room, RoomKind, RoomRole, ServerRole, hookimpl
from chatserver.testing.clock import FakeClock
from chatserver.testing.running import Answer, Chat, Person, running
from chatserver_plugins.memory import MemoryPlugin, MemoryStore
from chatserver_plugins.reports.book import DAY
from tests.waiting import until

PATH = "/api/v1/reports"
Ask = Callable[[Person], Awaitable[str]]


class Scene:
    """Olga owns the server, Rob the room; Ada reports what Mallory wrote there, Ben can read it as well."""

    olga: Person
    rob: Person
    ada: Person
    ben: Person
    mallory: Person
    room: Room
    message: str

    @classmethod
    async def set(cls, chat: Chat, kind: RoomKind = RoomKind.PUBLIC) -> "Scene":
        scene = cls()
        scene.olga, scene.rob, scene.ada, scene.ben, scene.mallory = [
            await chat.user(name) for name in ("olga", "rob", "ada", "ben", "mallory")
        ]
        others = (scene.ada, scene.ben, scene.mallory)
        scene.room = await scene.rob.create_room("Lounge", kind=kind, members=others)
        scene.message = (await scene.mallory.post(scene.room, "Buy this!")).id
        return scene

    async def report(self, by: Person, reason: str = "spam", **more: Any) -> Answer:
        body = {"room": self.room.id, "message": self.message, "reason": reason, **more}
        return await by.http("POST", PATH, body)

    async def queue(self, reader: Person, **query: str) -> list[dict[str, Any]]:
        asked = {"room": self.room.id, **query}
        answer = await reader.http("GET", f"{PATH}?{'&'.join(map('='.join, asked.items()))}")
        assert answer.status == 200, answer.body
        found: list[dict[str, Any]] = answer.json["reports"]
        return found


def code(answer: Answer) -> str:
    found: str = answer.json["error"]["code"]
    return found


async def settle(by: Person, report: str, **verdict: Any) -> Answer:
    return await by.http("POST", f"{PATH}/{report}/settle", verdict)


async def test_the_copy_outlives_an_edit_and_the_deletion_of_the_message() -> None:
    async with running("reports") as chat:
        scene = await Scene.set(chat)
        made = await scene.report(scene.ada, text=" It is for sale everywhere. ")
        assert (made.status, made.json) == (201, {"new": True})
        messages = chat.service.messages
        await messages.edit(scene.mallory.user, scene.room, scene.message, "Good morning")
        await scene.report(scene.ben, "harassment")
        await messages.delete(scene.mallory.user, scene.room, scene.message)
        (shown,) = await scene.queue(scene.rob)
        assert shown["body"] == "Buy this!" and shown["author"]["id"] == scene.mallory.id
        assert (shown["room_name"], shown["kind"], shown["count"]) == ("Lounge", "public", 2)
        said = [(each["by"]["name"], each["reason"], each["text"]) for each in shown["reports"]]
        assert said == [("ada", "spam", "It is for sale everywhere."), ("ben", "harassment", "")]
        assert shown["steps"] == ["delete", "ban"]
        assert (await scene.queue(scene.olga))[0]["steps"] == ["delete", "ban", "lock"]


async def test_a_second_report_of_the_same_person_changes_the_first() -> None:
    async with running("reports") as chat:
        scene = await Scene.set(chat)
        await scene.report(scene.ada)
        (first,) = await scene.queue(scene.rob)
        again = await scene.report(scene.ada, "illegal", text="Forbidden here")
        assert (again.status, again.json) == (200, {"new": False})
        (shown,) = await scene.queue(scene.rob)
        assert shown["count"] == 1 and shown["reports"][0]["reason"] == "illegal"
        assert shown["reports"][0]["at"] == first["reports"][0]["at"]
        (own,) = (await scene.ada.http("GET", f"{PATH}/own")).json["reports"]
        assert (own["reason"], own["state"]) == ("illegal", "open")


async def test_one_reports_what_one_can_read_and_did_not_write() -> None:
    async with running("reports") as chat:
        scene = await Scene.set(chat, RoomKind.PRIVATE)
        stranger = await chat.user("eve")
        assert code(await scene.report(stranger)) == "room.not_found"
        assert (
            code(await scene.report(scene.olga)) == "room.not_found"
        )  # staff, but not in the room
        own = await scene.report(scene.mallory)
        assert own.json["error"]["detail"] == {"field": "message", "reason": "own"}
        for body in ({"reason": "dull"}, {"text": "x" * 501}):
            answer = await scene.report(scene.ada, **body)  # type: ignore[arg-type]
            assert code(answer) == "request.invalid"
        scene.message += "0"
        assert code(await scene.report(scene.ada)) == "message.not_found"


async def test_a_message_in_a_direct_room_is_reported_to_staff_alone() -> None:
    async with running("reports") as chat:
        scene = await Scene.set(chat)
        scene.room = await chat.service.rooms.create(
            scene.mallory.user, RoomKind.DIRECT, None, members=[scene.ada.id]
        )
        scene.message = (await scene.mallory.post(scene.room, "I know where you live")).id
        assert (await scene.report(scene.ada, "harassment")).status == 201
        (shown,) = await scene.queue(scene.olga)
        assert (shown["room_name"], shown["kind"], shown["steps"]) == (None, "direct", ["lock"])
        for other in (scene.rob, scene.ada, scene.mallory):
            refused = await other.http("GET", f"{PATH}?room={scene.room.id}")
            assert code(refused) in ("room.not_found", "room.forbidden")
        # Not even staff deletes in a room that does not exist for them.
        assert code(await settle(scene.olga, shown["id"], steps=["delete"])) == "room.forbidden"
        assert (await settle(scene.olga, shown["id"], steps=["lock"])).status == 200
        assert (await chat.service.accounts.get(scene.mallory.id)).disabled


@pytest.mark.parametrize(
    ("who", "in_room", "anywhere"),
    [
        ("ada", "room.forbidden", "user.forbidden"),
        ("rob", None, "user.forbidden"),
        ("admin", None, "user.forbidden"),
        ("olga", None, None),
        ("eve", "room.forbidden", "user.forbidden"),  # may read the public room, is not in it
    ],
)
@pytest.mark.parametrize("door", ["http", "websocket", "graphql"])
async def test_the_queue_is_for_those_who_moderate(
    who: str, in_room: str | None, anywhere: str | None, door: str
) -> None:
    async with running("reports", "graphql") as chat:
        scene = await Scene.set(chat)
        await chat.user("eve")
        await chat.service.rooms.appoint(scene.rob.user, scene.room, scene.ben.id, RoomRole.ADMIN)
        user = await chat.service.accounts.by_name("ben" if who == "admin" else who)
        assert user is not None
        _, token = await chat.service.accounts.login(
            user.username, "correct horse battery staple", "127.0.0.1"
        )
        person = Person(chat, user, token)
        await scene.report(scene.ada)
        (case,) = await chat_cases(chat)
        for room, expected in ((None, anywhere), (scene.room.id, in_room)):
            for ask in asking(door, room, case):
                assert await ask(person) == (expected or "ok"), (door, room)


def asking(door: str, room: str | None, case: str) -> list[Ask]:
    """Ways to ask at a door for the list, the number and, of a room, a settlement; each answers with a code, or ok."""
    scope = f"?room={room}" if room else ""
    fields = {"room": room} if room else {}
    argument = f'(roomId: "{room}")' if room else ""

    async def http(person: Person, method: str, path: str, body: object = None) -> str:
        answer = await person.http(method, path, body)
        return "ok" if answer.status == 200 else code(answer)

    async def operation(person: Person, name: str, **given: Any) -> str:
        try:
            await person.call(f"reports.{name}", **given)
        except ChatError as error:
            return error.code
        return "ok"

    async def graphql(person: Person, query: str) -> str:
        answer = (await person.http("POST", "/graphql", {"query": query})).json
        found: str = answer["errors"][0]["extensions"]["code"] if "errors" in answer else "ok"
        return found

    mutation = f'mutation {{ settleReport(input: {{reportId: "{case}"}}) {{ report {{ id }} }} }}'
    every: dict[str, list[Ask]] = {
        "http": [
            lambda person: http(person, "GET", PATH + scope),
            lambda person: http(person, "GET", f"{PATH}/count{scope}"),
            lambda person: http(person, "POST", f"{PATH}/{case}/settle", {}),
        ],
        "websocket": [
            lambda person: operation(person, "list", **fields),
            lambda person: operation(person, "count", **fields),
            lambda person: operation(person, "settle", report=case),
        ],
        "graphql": [
            lambda person: graphql(person, f"{{ reports{argument} {{ reports {{ id }} }} }}"),
            lambda person: graphql(person, f"{{ openReports{argument} }}"),
            lambda person: graphql(person, mutation),
        ],
    }
    return every[door] if room else every[door][:2]


async def chat_cases(chat: Chat) -> list[str]:
    rows = await chat.service.store.scan("plugin/reports", "open/")
    return [json.loads(row)["id"] for _, row in rows]


async def test_nobody_sees_or_settles_reports_of_their_own_messages() -> None:
    async with running("reports") as chat:
        scene = await Scene.set(chat)
        scene.message = (await scene.rob.post(scene.room, "I own this room")).id
        await scene.report(scene.ada, "harassment")
        assert await scene.queue(scene.rob) == []
        assert (await scene.rob.http("GET", f"{PATH}/count?room={scene.room.id}")).json["open"] == 0
        (shown,) = await scene.queue(scene.olga)
        assert code(await settle(scene.rob, shown["id"])) == "reports.settled"
        assert (await settle(scene.olga, shown["id"])).status == 200
        assert await scene.queue(scene.rob, state="settled") == []


async def test_a_verdict_is_carried_out_with_the_rights_of_who_gives_it(tmp_path: Path) -> None:
    settings: Mapping[str, object] = {
        "plugin.audit.folder": str(tmp_path),
        "plugin.audit.flush_seconds": 0.01,
    }
    async with running("reports", "audit", settings=settings) as chat:
        scene = await Scene.set(chat)
        await scene.report(scene.ada)
        (shown,) = await scene.queue(scene.rob)
        assert code(await settle(scene.rob, shown["id"], steps=["lock"])) == "room.forbidden"
        verdict = {"steps": ["ban", "delete"], "note": "the third time", "ban_reason": "Spam"}
        settled = await settle(scene.rob, shown["id"], **verdict, ban_seconds=3600)
        assert settled.status == 200, settled.body
        ended = settled.json["settled"]
        assert (ended["by"]["name"], ended["steps"], ended["note"]) == (
            "rob",
            ["delete", "ban"],
            "the third time",
        )
        with pytest.raises(ChatError, match="no such message"):
            await chat.service.history.message(scene.room, scene.message)
        (ban,) = chat.service.rooms.bans.page(scene.rob.user, scene.room).bans
        assert (ban.user.id, ban.reason, ban.until is None) == (scene.mallory.id, "Spam", False)
        assert await scene.queue(scene.rob) == []
        (kept,) = await scene.queue(scene.rob, state="settled")
        assert kept["body"] == "Buy this!" and kept["steps"] == []
        assert code(await settle(scene.rob, shown["id"])) == "reports.settled"
        log = tmp_path / "audit.log"
        await until(lambda: '"decision"' in log.read_text())
        (line,) = [
            found
            for found in map(json.loads, log.read_text().splitlines())
            if found["kind"] == "decision"
        ]
        assert line.pop("at") and line.pop("address")
        assert line == {
            "kind": "decision",
            "room": scene.room.id,
            "message": scene.message,
            "user": scene.mallory.id,
            "plugin": "reports",
            "what": ["delete", "ban"],
            "by": scene.rob.id,
        }


async def test_what_cannot_be_done_leaves_the_report_open() -> None:
    async with running("reports") as chat:
        scene = await Scene.set(chat)
        scene.message = (await scene.olga.post(await joined(scene), "Staff writes")).id
        await scene.report(scene.ada)
        (shown,) = await scene.queue(scene.rob)
        refused = await settle(scene.rob, shown["id"], steps=["ban"])  # nobody bans staff
        assert code(refused) == "room.forbidden"
        assert [each["id"] for each in await scene.queue(scene.rob)] == [shown["id"]]
        await chat.service.messages.delete(scene.rob.user, scene.room, scene.message)
        assert (await settle(scene.rob, shown["id"], steps=["delete"])).status == 200


async def joined(scene: Scene) -> Room:
    await scene.olga.join(scene.room)
    return scene.room


async def test_reporters_are_told_once_that_somebody_looked_and_nothing_else() -> None:
    async with running("reports") as chat:
        scene = await Scene.set(chat)
        await scene.report(scene.ada)
        await scene.report(scene.ben)
        assert (await scene.ada.call("reports.seen")) == {"reports": []}
        (shown,) = await scene.queue(scene.rob)
        await settle(scene.rob, shown["id"], steps=["delete"], note="secret")
        for person in (scene.ada, scene.ben):
            (told,) = (await person.call("reports.seen"))["reports"]
            assert told["state"] == "settled" and told["message"] == scene.message
            assert "rob" not in str(told) and "secret" not in str(told)
            assert (await person.call("reports.seen")) == {"reports": []}
            (own,) = (await person.call("reports.own"))["reports"]
            assert own["state"] == "settled"
        assert (await scene.mallory.call("reports.own")) == {"reports": []}
        # The message is there no more; another one can be reported at any time.
        scene.message = (await scene.mallory.post(scene.room, "Buy that!")).id
        assert (await scene.report(scene.ada)).status == 201


async def test_staff_and_reporters_are_told_that_there_is_something_to_look_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with running("reports") as chat:
        scene = await Scene.set(chat)
        told: list[tuple[str, object]] = []
        hub = chat.service.hub
        monkeypatch.setattr(
            hub, "tell_everybody", lambda notice, roles: told.append((notice.name, set(roles)))
        )
        monkeypatch.setattr(hub, "tell_user", lambda user, notice: told.append((notice.name, user)))
        await scene.report(scene.ada)
        staff = ("queue", {ServerRole.OWNER, ServerRole.ADMIN})
        moderator = ("room", scene.rob.id)
        assert told == [staff, moderator]
        for reason in ("other", "spam", "other"):  # changes are not counted, so nobody is told
            await scene.report(scene.ada, reason)
        assert told == [staff, moderator]
        (shown,) = await scene.queue(scene.rob)
        await settle(scene.rob, shown["id"])
        assert told[2:] == [staff, ("settled", scene.ada.id)]
        told.clear()
        scene.message = (await scene.rob.post(scene.room, "I own the room")).id
        await scene.report(scene.ada)
        assert told == [staff]
        # Who opened a direct room owns it, and moderates nothing there.
        scene.room = await chat.service.rooms.create(
            scene.ada.user, RoomKind.DIRECT, None, members=[scene.mallory.id]
        )
        scene.message = (await scene.mallory.post(scene.room, "Buy this!")).id
        told.clear()
        await scene.report(scene.ada)
        assert told == [staff]


async def test_a_person_makes_so_many_reports_a_day() -> None:
    settings = {"plugin.reports.per_day": 3}
    async with running("reports", settings=settings, clock=FakeClock()) as chat:
        scene = await Scene.set(chat)
        ids = [(await scene.mallory.post(scene.room, str(number))).id for number in range(8)]

        async def made(message: str) -> Answer:
            body = {"room": scene.room.id, "message": message, "reason": "spam"}
            return await scene.ada.http("POST", PATH, body)

        answers = await asyncio.gather(*map(made, ids[:6]))
        assert sum(answer.status == 201 for answer in answers) <= 3
        for message in ids:
            await made(message)
        refused = await made(ids[7])
        assert refused.json["error"]["detail"] == {"field": "reports", "reason": "count", "most": 3}
        assert len(await scene.queue(scene.rob)) == 3
        (first, *_) = await scene.queue(scene.rob)
        assert (await made(first["message"])).status == 200  # changes one that is there
        assert (await scene.report(scene.ben)).status == 201  # another person is not affected
        await chat.clock.advance(DAY + 1)
        assert (await made(ids[7])).status == 201


async def test_open_and_settled_reports_are_bounded_and_settled_ones_end() -> None:
    settings = {
        "plugin.reports.most_open": 3,
        "plugin.reports.most_settled": 2,
        "plugin.reports.keep_days": 10,
    }
    async with running("reports", settings=settings, clock=FakeClock()) as chat:
        scene = await Scene.set(chat)
        for number in range(3):
            scene.message = (await scene.mallory.post(scene.room, f"message {number}")).id
            assert (await scene.report(scene.ada)).status == 201
            await chat.clock.advance(60)
        scene.message = (await scene.mallory.post(scene.room, "one more")).id
        full = await scene.report(scene.ada)
        assert full.json["error"]["detail"] == {"field": "reports", "reason": "open"}
        assert len((await scene.ada.call("reports.own"))["reports"]) == 3
        for each in await scene.queue(scene.rob):
            await settle(scene.rob, each["id"])
            await chat.clock.advance(60)
        assert (await scene.report(scene.ada)).status == 201
        await chat.clock.advance(3601)  # the job has run
        kept = [each["body"] for each in await scene.queue(scene.rob, state="settled")]
        assert kept == ["message 2", "message 1"]
        await chat.clock.advance(10 * DAY)
        assert await scene.queue(scene.rob, state="settled") == []
        assert await chat.service.store.scan("plugin/reports", "settled/") == []
        assert len(await scene.queue(scene.rob)) == 1  # an open one does not end


async def test_pages_go_on_where_the_one_before_ended() -> None:
    async with running("reports", clock=FakeClock()) as chat:
        scene = await Scene.set(chat)
        for number in range(5):
            scene.message = (await scene.mallory.post(scene.room, str(number))).id
            await scene.report(scene.ada)
            await chat.clock.advance(1)

        async def pages(state: str) -> list[list[str]]:
            found, after = [], ""
            while True:
                asked = {"room": scene.room.id, "state": state, "after": after, "limit": 2}
                page = await scene.rob.call("reports.list", **asked)
                found.append([each["body"] for each in page["reports"]])
                if page["after"] is None:
                    return found
                after = page["after"]

        assert await pages("open") == [["0", "1"], ["2", "3"], ["4"]]
        page = await scene.rob.call("reports.list", room=scene.room.id, limit=2)
        for each in page["reports"]:  # what is settled meanwhile moves nothing
            await settle(scene.rob, each["id"])
            await chat.clock.advance(1)
        rest = await scene.rob.call("reports.list", room=scene.room.id, after=page["after"])
        assert [each["body"] for each in rest["reports"]] == ["2", "3", "4"]
        assert await pages("settled") == [["1", "0"]]
        for query in ("limit=0", "limit=x", "state=other"):
            assert code(await scene.rob.http("GET", f"{PATH}?{query}")) == "request.invalid"


async def test_a_message_that_many_report_keeps_a_hundred_of_them() -> None:
    async with running("reports") as chat:
        scene = await Scene.set(chat)
        await scene.report(scene.ada)
        space, key = "plugin/reports", f"open/{scene.room.id}/{scene.message}"
        row = json.loads(await chat.service.store.get(space, key) or b"")
        row["reports"] *= 100
        await chat.service.store.put(space, key, json.dumps(row).encode())
        assert (await scene.report(scene.ben)).status == 201
        (shown,) = await scene.queue(scene.rob)
        assert shown["count"] == 100 and "ben" not in str(shown)


async def test_one_of_several_moderators_settles_a_report() -> None:
    async with running("reports") as chat:
        scene = await Scene.set(chat)
        await scene.report(scene.ada)
        (shown,) = await scene.queue(scene.rob)
        answers = await asyncio.gather(
            *(settle(each, shown["id"], note=each.id) for each in (scene.rob, scene.olga) * 3)
        )
        (winner,) = [answer for answer in answers if answer.status == 200]
        assert {code(each) for each in answers if each is not winner} == {"reports.settled"}
        (kept,) = await scene.queue(scene.rob, state="settled")
        assert kept["settled"] == winner.json["settled"]


async def test_what_a_crash_leaves_is_finished_by_the_next_one() -> None:
    async with running("reports") as chat:
        scene = await Scene.set(chat)
        await scene.report(scene.ada)
        space, key = "plugin/reports", f"open/{scene.room.id}/{scene.message}"
        row = json.loads(await chat.service.store.get(space, key) or b"")
        row["settled"] = {
            "by": {"id": scene.rob.id, "name": "rob"}, "at": row["at"], "steps": [], "note": "",
        }  # fmt: skip
        await chat.service.store.put(space, key, json.dumps(row).encode())
        assert await scene.queue(scene.rob) == []
        assert code(await settle(scene.rob, row["id"])) == "reports.settled"
        assert (await scene.report(scene.ben)).status == 201
        (kept,) = await scene.queue(scene.rob, state="settled")
        assert kept["id"] == row["id"]
        assert len((await scene.ada.call("reports.seen"))["reports"]) == 1
        (anew,) = await scene.queue(scene.rob)
        assert [each["by"]["name"] for each in anew["reports"]] == ["ben"]


async def test_reports_of_a_deleted_account_go_with_it() -> None:
    async with running("reports") as chat:
        scene = await Scene.set(chat)
        await scene.report(scene.ada)
        await scene.report(scene.ben)
        await chat.service.removal.delete("ada")

        async def is_gone() -> bool:
            return await reporters(scene) == ["ben"]

        await until(is_gone)
        space = chat.service.store
        for name in ("plugin/reports", "plugin/reports/expiring"):
            assert scene.ada.id not in str(await space.scan(name, ""))


async def test_of_a_deleted_room_staff_has_the_open_reports_alone() -> None:
    async with running("reports", clock=FakeClock()) as chat:
        scene = await Scene.set(chat)
        await scene.report(scene.ada)
        lasting = await scene.rob.create_room("Other", members=[scene.mallory, scene.ada])
        other = (await scene.mallory.post(lasting, "Buy that!")).id
        for message, room in ((scene.message, scene.room), (other, lasting)):
            settled = (await scene.mallory.post(room, "Buy this, too!")).id
            for reported in (settled, message):
                body = {"room": room.id, "message": reported, "reason": "spam"}
                await scene.ada.http("POST", PATH, body)
            (case,) = [
                each["id"]
                for each in await scene.queue(scene.olga, room=room.id)
                if each["message"] == settled
            ]
            await settle(scene.rob, case)
        await chat.service.rooms.delete(scene.rob.user, scene.room)

        async def shown(state: str) -> list[Any]:
            answer = await scene.olga.http("GET", f"{PATH}?state={state}")
            found: list[Any] = answer.json["reports"]
            return found

        assert [each["room"] for each in await shown("settled")] == [lasting.id]
        count = await scene.olga.http("GET", f"{PATH}/count")
        assert count.json["open"] == 2
        await chat.clock.advance(3601)

        async def are_gone() -> bool:
            rows = await chat.service.store.scan("plugin/reports", "settled/")
            return [lasting.id in key for key, _ in rows] == [True]

        await until(are_gone)
        # Who owned the room cannot hide what was reported by deleting it.
        assert {each["room"] for each in await shown("open")} == {scene.room.id, lasting.id}
        (left,) = (each for each in await shown("open") if each["room"] == scene.room.id)
        assert (left["body"], left["steps"]) == ("Buy this!", ["lock"])
        assert (await settle(scene.olga, left["id"], steps=["lock"])).status == 200
        assert [each["room"] for each in await shown("open")] == [lasting.id]
        await chat.clock.advance(3601)
        await until(are_gone)


async def reporters(scene: Scene) -> list[str]:
    (shown,) = await scene.queue(scene.rob)
    return [each["by"]["name"] for each in shown["reports"]]


class SharedStore(MemoryStore):
    """A store in memory that several nodes of a test have."""

    def is_private(self) -> bool:
        return False


async def test_nodes_share_the_queue_and_one_of_them_settles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = SharedStore()
    monkeypatch.setattr(MemoryPlugin, "provide_store", hookimpl(lambda self: store))
    async with running("reports") as one, running("reports") as two:
        scene = await Scene.set(one)
        rob, ben = [Person(two, each.user, each.token) for each in (scene.rob, scene.ben)]
        answers = await asyncio.gather(*(scene.report(each) for each in (scene.ada, ben)))
        assert [answer.status for answer in answers] == [201, 201]
        (here,), (there,) = await scene.queue(scene.rob), await scene.queue(rob)
        assert here == there and here["count"] == 2
        verdicts = [settle(each, here["id"], steps=["delete"]) for each in (scene.rob, rob)]
        assert sorted(each.status for each in await asyncio.gather(*verdicts)) == [200, 409]
        assert await scene.queue(scene.rob) == await scene.queue(rob) == []
        assert len((await ben.call("reports.seen"))["reports"]) == 1
        assert (await scene.ben.call("reports.seen")) == {"reports": []}
