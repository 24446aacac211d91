"""Private rooms that take requests to join: who finds them, who asks, who answers, and what nobody learns."""

import asyncio
from typing import Any

import pytest

from chatserver import ChatError, RoomKind, RoomRole, ServerRole
from chatserver.testing.clock import FakeClock
from chatserver.testing.running import Answer, Chat, Person, running

NAME, PATH = "join_requests", "/api/v1/join-requests"
DAY = 86_400.0


class Scene:
    """Ada owns a private room that takes requests, Bob asks, Cyd is a member, Dan somebody else."""

    def __init__(self, chat: Chat, people: list[Person], room: Any) -> None:
        self.chat, self.room = chat, room
        self.ada, self.bob, self.cyd, self.dan = people

    async def ask(self, by: Person | None = None, note: str = "") -> Answer:
        body = {"room": self.room.id, "note": note}
        return await (by or self.bob).http("POST", PATH, body)

    async def answer(self, by: Person, of: Person, *, accept: bool) -> Answer:
        body = {"room": self.room.id, "user": of.id, "accept": accept}
        return await by.http("POST", f"{PATH}/answers", body)

    async def set_open(self, by: Person, *, to: bool) -> Answer:
        return await by.http("PUT", f"{PATH}/rooms", {"room": self.room.id, "open": to})

    async def askers(self, by: Person | None = None) -> list[str]:
        answer = await (by or self.ada).http("GET", f"{PATH}?room={self.room.id}")
        assert answer.status == 200, answer.body
        return [each["user"]["username"] for each in answer.json["requests"]]

    async def found(self, by: Person) -> list[dict[str, Any]]:
        answer = await by.http("GET", f"{PATH}/rooms")
        assert answer.status == 200, answer.body
        rooms: list[dict[str, Any]] = answer.json["rooms"]
        return rooms


async def scene_in(chat: Chat) -> Scene:
    people = [await chat.user(name) for name in ("ada", "bob", "cyd", "dan")]
    ada, _, cyd, _ = people
    room = await ada.create_room("Secret garden", kind=RoomKind.PRIVATE, members=[cyd])
    scene = Scene(chat, people, room)
    assert (await scene.set_open(ada, to=True)).status == 200
    return scene


def error(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["error"]["code"]


def serving(**settings: object) -> Any:
    given = {f"plugin.{NAME}.{key}": value for key, value in settings.items()}
    return running(NAME, clock=FakeClock(), settings=given)


async def test_somebody_asks_and_is_let_in() -> None:
    async with serving() as chat:
        scene = await scene_in(chat)
        (room,) = await scene.found(scene.bob)
        assert (room["id"], room["name"]) == (scene.room.id, "Secret garden")
        assert room["member_count"] == 2 and "asked_at" not in room
        made = await scene.ask(note="I grow roses")
        assert made.status == 201 and made.json["asked_at"]
        assert (await scene.found(scene.bob)) == [made.json]
        assert (await scene.ask(note="again")).json == made.json  # the first one counts
        listed = await scene.ada.http("GET", PATH)
        (request,) = listed.json["requests"]
        assert (request["room_name"], request["note"]) == ("Secret garden", "I grow roses")
        assert request["user"]["username"] == "bob"
        assert (await scene.answer(scene.ada, scene.bob, accept=True)).status == 200
        assert scene.room.role(scene.bob.id) is RoomRole.MEMBER
        assert await scene.askers() == [] and await scene.found(scene.bob) == []
        await scene.bob.post(scene.room, "hello")
        # Answered twice, by two who run the room, is answered once.
        assert (await scene.answer(scene.ada, scene.bob, accept=False)).status == 200


async def test_who_is_refused_asks_again_only_days_later() -> None:
    async with serving(again_days=7) as chat:
        scene = await scene_in(chat)
        await scene.ask()
        await scene.answer(scene.ada, scene.bob, accept=False)
        assert scene.room.role(scene.bob.id) is None and await scene.askers() == []
        assert error(await scene.ask()) == (429, "limit.rate")
        assert (await scene.ask(scene.dan)).status == 201
        await chat.clock.advance(7 * DAY + 1)
        assert (await scene.ask()).status == 201


async def test_without_days_one_asks_again_at_once() -> None:
    async with serving(again_days=0) as chat:
        scene = await scene_in(chat)
        await scene.ask()
        await scene.answer(scene.ada, scene.bob, accept=False)
        assert (await scene.ask()).status == 201


async def test_a_request_is_withdrawn() -> None:
    async with serving() as chat:
        scene = await scene_in(chat)
        await scene.ask()
        place = f"{PATH}?room={scene.room.id}"
        assert (await scene.bob.http("DELETE", place)).status == 204
        assert await scene.askers() == []
        assert (await scene.bob.http("DELETE", place)).status == 204
        assert error(await scene.bob.http("DELETE", PATH)) == (400, "request.invalid")
        assert (await scene.ask()).status == 201


async def test_only_who_runs_the_room_opens_lists_and_answers() -> None:
    async with serving() as chat:
        scene = await scene_in(chat)
        await scene.ask()
        for person, code in ((scene.cyd, "room.forbidden"), (scene.dan, "room.not_found")):
            status = 403 if code == "room.forbidden" else 404
            assert error(await scene.set_open(person, to=False)) == (status, code)
            listed = await person.http("GET", f"{PATH}?room={scene.room.id}")
            assert error(listed) == (status, code)
            answered = await scene.answer(person, scene.bob, accept=True)
            assert error(answered) == (status, code)
            assert (await person.http("GET", PATH)).json["requests"] == []
        # Whoever asks is not in by that, and cannot let themselves in.
        answered = await scene.answer(scene.bob, scene.bob, accept=True)
        assert error(answered) == (404, "room.not_found")
        await chat.service.rooms.appoint(scene.ada.user, scene.room, scene.cyd.id, RoomRole.ADMIN)
        assert await scene.askers(scene.cyd) == ["bob"]
        assert (await scene.answer(scene.cyd, scene.bob, accept=True)).status == 200
        assert scene.room.role(scene.bob.id) is RoomRole.MEMBER


async def test_a_room_that_takes_no_requests_is_as_if_it_were_not_there() -> None:
    async with serving() as chat:
        scene = await scene_in(chat)
        unknown = await scene.bob.http("POST", PATH, {"room": "nothing", "note": ""})
        await scene.set_open(scene.ada, to=False)
        assert await scene.found(scene.bob) == []
        closed = await scene.ask()
        assert error(closed) == error(unknown) == (404, "room.not_found")
        assert closed.json == unknown.json
        await scene.set_open(scene.ada, to=True)
        archived = chat.service.rooms.archive
        await archived(scene.ada.user, scene.room, True)
        assert await scene.found(scene.bob) == []
        assert error(await scene.ask()) == (404, "room.not_found")
        await archived(scene.ada.user, scene.room, False)
        await chat.service.rooms.change(
            scene.ada.user, scene.room, None, None, kind=RoomKind.PUBLIC
        )
        assert await scene.found(scene.bob) == []  # it is found as any public one
        assert error(await scene.set_open(scene.ada, to=True)) == (400, "request.invalid")


async def test_the_banned_and_members_find_nothing_to_ask() -> None:
    async with serving() as chat:
        scene = await scene_in(chat)
        assert await scene.found(scene.cyd) == []
        assert error(await scene.ask(scene.cyd)) == (404, "room.not_found")
        await chat.service.rooms.invite(scene.ada.user, scene.room, scene.dan.id)
        await chat.service.rooms.bans.add(scene.ada.user, scene.room, scene.dan.id)
        assert await scene.found(scene.dan) == []
        assert error(await scene.ask(scene.dan)) == (404, "room.not_found")


async def test_guests_ask_for_nothing() -> None:
    async with serving() as chat:
        scene = await scene_in(chat)
        await chat.service.accounts.set_role("dan", ServerRole.GUEST)
        assert error(await scene.ask(scene.dan)) == (403, "user.forbidden")
        answer = await scene.dan.http("GET", f"{PATH}/rooms")
        assert error(answer) == (403, "user.forbidden")


async def test_who_came_in_otherwise_or_is_gone_does_not_wait_any_more() -> None:
    async with serving() as chat:
        scene = await scene_in(chat)
        await scene.ask(scene.bob)
        await scene.ask(scene.dan)
        await chat.service.rooms.invite(scene.ada.user, scene.room, scene.bob.id)
        assert await scene.askers() == ["dan"]
        await chat.service.removal.delete("dan")
        assert await scene.askers() == []


async def test_what_one_person_asks_is_bounded() -> None:
    async with serving(per_user=2, per_room=2) as chat:
        scene = await scene_in(chat)
        rooms = [scene.room]
        for number in range(3):
            room = await scene.ada.create_room(f"Room {number}", kind=RoomKind.PRIVATE)
            rooms.append(room)
            await scene.ada.http("PUT", f"{PATH}/rooms", {"room": room.id, "open": True})
        made = [await scene.bob.http("POST", PATH, {"room": room.id}) for room in rooms]
        assert [answer.status for answer in made] == [201, 201, 409, 409]
        assert made[-1].json["error"]["detail"] == {
            "field": "requests",
            "reason": "count",
            "most": 2,
        }
        assert (await scene.ask(scene.dan)).status == 201
        other = await chat.user("eve")
        full = await scene.ask(other)
        assert error(full) == (409, "limit.count")
        assert full.json["error"]["detail"]["reason"] == "room"
        assert len(await scene.askers()) == 2


async def test_pages_of_rooms_and_of_requests() -> None:
    async with serving() as chat:
        scene = await scene_in(chat)
        await scene.ask(scene.bob)
        await scene.ask(scene.dan)
        first = await scene.ada.http("GET", f"{PATH}?room={scene.room.id}&limit=1")
        after = first.json["after"]
        rest = await scene.ada.http("GET", f"{PATH}?room={scene.room.id}&limit=1&after={after}")
        names = [first.json["requests"][0], *rest.json["requests"]]
        assert {each["user"]["username"] for each in names} == {"bob", "dan"}
        assert "after" not in rest.json
        second = await scene.ada.create_room("Second", kind=RoomKind.PRIVATE)
        await scene.ada.http("PUT", f"{PATH}/rooms", {"room": second.id, "open": True})
        page = await scene.cyd.http("GET", f"{PATH}/rooms?limit=1")
        more = await scene.cyd.http("GET", f"{PATH}/rooms?limit=1&after={page.json['after']}")
        found = [*page.json["rooms"], *more.json["rooms"]]
        assert [each["id"] for each in found] == [second.id]  # Cyd is in the other
        for limit in ("0", "51", "x"):
            answer = await scene.ada.http("GET", f"{PATH}/rooms?limit={limit}")
            assert error(answer) == (400, "request.invalid")


async def test_who_asks_and_who_runs_the_room_are_told() -> None:
    async with serving() as chat:
        scene = await scene_in(chat)
        told: list[tuple[str, Any]] = []
        hub = chat.service.hub
        before = hub.tell_user
        hub.tell_user = lambda user, notice, **more: (  # type: ignore[method-assign]
            told.append((user, getattr(notice, "plugin", ""))),
            before(user, notice, **more),
        )[1]
        await scene.ask()
        own = [user for user, plugin in told if plugin == NAME]
        assert sorted(own) == sorted([scene.ada.id, scene.bob.id])  # not Cyd, a mere member


async def test_two_who_ask_at_once_make_one_request() -> None:
    async with serving() as chat:
        scene = await scene_in(chat)
        answers = await asyncio.gather(*(scene.ask() for _ in range(5)))
        assert sorted(each.status for each in answers) == [200, 200, 200, 200, 201]
        assert await scene.askers() == ["bob"]


async def test_over_chat_v1_and_graphql() -> None:
    async with running(NAME, "graphql", clock=FakeClock()) as chat:
        scene = await scene_in(chat)
        room = scene.room.id
        asked = await scene.bob.call("join_requests.ask", room=room, note="roses")
        assert asked["room"]["id"] == room
        (found,) = (await scene.bob.call("join_requests.rooms"))["rooms"]
        assert found["asked_at"]
        assert len((await scene.ada.call("join_requests.all"))["requests"]) == 1
        listed = await scene.ada.call("join_requests.list", room=room)
        assert listed["open"] and len(listed["requests"]) == 1
        await scene.bob.call("join_requests.withdraw", room=room)
        with pytest.raises(ChatError, match=r"room\.not_found"):
            await scene.dan.call("join_requests.list", room=room)

        async def graphql(person: Person, query: str, **variables: object) -> Any:
            body = {"query": query, "variables": variables}
            return (await person.http("POST", "/graphql", body)).json["data"]

        ask = 'mutation ($r: ID!) { askToJoin(input: {roomId: $r, note: "n"}) { room { name askedAt } } }'
        made = await graphql(scene.bob, ask, r=room)
        assert made["askToJoin"]["room"]["name"] == "Secret garden"
        shown = await graphql(
            scene.ada, "{ joinRequests { roomId roomName userId name username at note } }"
        )
        (request,) = shown["joinRequests"]
        assert (request["roomId"], request["username"], request["note"]) == (room, "bob", "n")
        rooms = await graphql(scene.dan, "{ joinableRooms { id memberCount askedAt topic } }")
        assert rooms["joinableRooms"] == [
            {"id": room, "memberCount": 2, "askedAt": None, "topic": ""}
        ]
        answer = (
            "mutation ($r: ID!, $u: ID!) { answerJoinRequest("
            "input: {roomId: $r, userId: $u, accept: true}) { roomId } }"
        )
        await graphql(scene.ada, answer, r=room, u=scene.bob.id)
        assert scene.room.role(scene.bob.id) is RoomRole.MEMBER
        close = (
            "mutation ($r: ID!) { openJoinRequests(input: {roomId: $r, open: false}) { roomId } }"
        )
        await graphql(scene.ada, close, r=room)
        assert await scene.found(scene.dan) == []
        await scene.ada.call("join_requests.open", room=room, open=True)
        await scene.dan.call("join_requests.ask", room=room)
        await scene.ada.call("join_requests.answer", room=room, user=scene.dan.id, accept=False)
        withdraw = "mutation ($r: ID!) { withdrawJoinRequest(input: {roomId: $r}) { roomId } }"
        await graphql(scene.dan, withdraw, r=room)


async def records_of(chat: Chat, prefix: str) -> list[str]:
    rows = await chat.service.store.scan(f"plugin/{NAME}", prefix)
    return [key for key, _ in rows]


async def test_who_never_asked_is_not_let_in_by_an_answer() -> None:
    async with serving() as chat:
        scene = await scene_in(chat)
        assert (await scene.answer(scene.ada, scene.dan, accept=True)).status == 200
        assert scene.room.role(scene.dan.id) is None
        assert (await scene.answer(scene.ada, scene.dan, accept=False)).status == 200
        assert (await scene.ask(scene.dan)).status == 201  # nor refused


async def test_an_answer_leaves_no_request_and_is_told() -> None:
    async with serving() as chat:
        scene = await scene_in(chat)
        await scene.ask(scene.bob)
        await scene.ask(scene.dan)
        told: list[str] = []
        hub = chat.service.hub
        before = hub.tell_user

        def tell(user: str, notice: object, **more: Any) -> None:
            if getattr(notice, "plugin", "") == NAME:
                told.append(user)
            before(user, notice, **more)  # type: ignore[arg-type]

        hub.tell_user = tell  # type: ignore[method-assign]
        await scene.answer(scene.ada, scene.bob, accept=True)
        await scene.answer(scene.ada, scene.dan, accept=False)
        assert {scene.bob.id, scene.dan.id} <= set(told)
        assert await records_of(chat, "room/") == await records_of(chat, "user/") == []


async def test_who_is_locked_out_waits_unseen() -> None:
    async with serving() as chat:
        scene = await scene_in(chat)
        await scene.ask(scene.bob)
        await chat.service.accounts.set_disabled(scene.ada.user, "bob", True)
        assert await scene.askers() == []
        await chat.service.accounts.set_disabled(scene.ada.user, "bob", False)
        assert await scene.askers() == ["bob"]


async def test_the_list_over_all_rooms_has_those_that_take_requests() -> None:
    async with serving() as chat:
        scene = await scene_in(chat)
        await scene.ask(scene.bob)
        await scene.set_open(scene.ada, to=False)
        assert (await scene.ada.http("GET", PATH)).json["requests"] == []
        assert await scene.askers() == ["bob"]  # in the room's own list it stands
        await scene.set_open(scene.ada, to=True)
        assert len((await scene.ada.http("GET", PATH)).json["requests"]) == 1


async def test_a_room_that_became_public_has_no_requests() -> None:
    async with serving() as chat:
        scene = await scene_in(chat)
        await scene.ask(scene.bob)
        await chat.service.rooms.change(
            scene.ada.user, scene.room, None, None, kind=RoomKind.PUBLIC
        )
        assert (await scene.ada.http("GET", PATH)).json["requests"] == []


async def test_what_a_crash_left_of_a_request_does_not_count() -> None:
    async with serving(per_user=1) as chat:
        scene = await scene_in(chat)
        left = f"user/{scene.bob.id}/gone"
        await chat.service.store.put(f"plugin/{NAME}", left, b"")
        assert (await scene.ask(scene.bob)).status == 201
        assert left not in await records_of(chat, "user/")
