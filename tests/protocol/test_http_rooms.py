"""Rooms, messages and the log over HTTP."""

import httpx

from tests.protocol.conftest import Start
from tests.protocol.running import Person, Running


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def room_of(person: Person, **fields: object) -> str:
    answer = await person.http("POST", "/api/v1/rooms", {"name": "Lounge", **fields})
    assert answer.status_code == 201, answer.text
    room: str = answer.json()["id"]
    return room


async def post(person: Person, room: str, number: int, **fields: object) -> httpx.Response:
    body = {"client_id": f"c{number}", "body": f"text {number}", **fields}
    return await person.http("POST", f"/api/v1/rooms/{room}/messages", body)


async def test_searching_page_by_page_in_a_room_and_in_all(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna, kind="private")
    word = f"word{anna.id}"
    for number in range(5):
        await post(anna, room, number, body=f"{word} {number}")
    for where in ("", f"&room={room}"):
        seen, before = list[str](), ""
        while before is not None:
            path = f"/api/v1/search?text={word}&limit=2{where}" + (before and f"&before={before}")
            page = (await anna.http("GET", path)).json()
            seen += [message["client_id"] for message in page["messages"]]
            before = page.get("cursor")
        assert seen == ["c4", "c3", "c2", "c1", "c0"]
    found = (await anna.http("GET", f"/api/v1/search?text={word}&room={room}&before=5")).json()
    assert [message["client_id"] for message in found["messages"]] == ["c1", "c0"]
    assert (await ben.http("GET", f"/api/v1/search?text={word}")).json() == {"messages": []}
    far = f"?text=x&before={'9' * 20}"
    for wrong in ("", "?text=", f"?text={'x' * 201}", "?text=x&limit=x", "?text=x&before=x", far):
        assert code(await ben.http("GET", f"/api/v1/search{wrong}")) == (400, "request.invalid")
    refused = await ben.http("GET", f"/api/v1/search?text=x&room={room}")
    assert code(refused) == (404, "room.not_found")
    assert code(await server.http("GET", "/api/v1/search?text=x")) == (401, "auth.required")


async def test_a_room_is_read_up_to_a_message_and_never_less(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna, members=[ben.id])
    path = f"/api/v1/rooms/{room}"
    for number in range(3):
        await post(ben, room, number)
    async with anna.connect() as other:
        await other.ok("sub", rooms={room: 6})
        for seq, now in ((5, 5), (4, 5), (99, 6)):
            assert (await anna.http("PUT", f"{path}/read", {"seq": seq})).json() == {"seq": now}
        told = [await other.event() for _ in range(2)]
        assert [(event["ev"], event["seq"]) for event in told] == [("read", 5), ("read", 6)]
    assert (await anna.http("GET", path)).json()["read"] == 6
    for wrong in ({}, {"seq": -1}, {"seq": "x"}):
        refused = await anna.http("PUT", f"{path}/read", wrong)
        assert code(refused) == (400, "request.invalid")


async def test_making_listing_and_showing_rooms(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    made = await anna.http(
        "POST", "/api/v1/rooms", {"name": "Lounge", "kind": "private", "members": [ben.id]}
    )
    assert made.status_code == 201
    room = made.json()
    assert (
        (room["name"], room["kind"], room["role"], room["joined"])
        == (
            "Lounge",
            "private",
            "owner",
            True,
        )
        if "joined" in room
        else True
    )
    assert room["head"] == 3  # the room, anna, ben
    shown = await ben.http("GET", f"/api/v1/rooms/{room['id']}")
    assert shown.status_code == 200
    assert (room["read"], shown.json()["read"]) == (2, 3)  # each from where they came in
    assert {**shown.json(), "role": "owner", "read": 2} == room
    listed = (await ben.http("GET", "/api/v1/rooms")).json()["rooms"]
    assert [entry["head"] for entry in listed if entry["id"] == room["id"]] == [3]


async def test_public_rooms_are_listed_to_those_who_may_join(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna)
    entry = next(
        entry
        for entry in (await ben.http("GET", "/api/v1/rooms")).json()["rooms"]
        if entry["id"] == room
    )
    assert entry["joined"] is False
    assert code(await post(ben, room, 1)) == (403, "room.forbidden")
    joined = await ben.http("POST", f"/api/v1/rooms/{room}/join")
    assert joined.status_code == 200 and joined.json()["role"] == "member"
    assert (await post(ben, room, 1)).status_code == 201
    left = await ben.http("POST", f"/api/v1/rooms/{room}/leave")
    assert (left.status_code, left.json()) == (200, {})
    assert code(await post(ben, room, 2)) == (403, "room.forbidden")


async def test_public_rooms_come_in_pages_without_those_one_is_in(start: Start) -> None:
    server = start()
    anna, ben = await server.people("anna", "ben")
    made = sorted([await room_of(anna) for _ in range(9)])
    for room in made[2:6]:
        await ben.http("POST", f"/api/v1/rooms/{room}/join")
    hidden = await room_of(anna, kind="private")

    async def rooms(query: str) -> tuple[list[str], str | None]:
        answer = await ben.http("GET", f"/api/v1/rooms{query}")
        assert answer.status_code == 200
        body = answer.json()
        assert all(entry["head"] for entry in body["rooms"])
        assert body.get("more", False) == ("after" in body)
        return [entry["id"] for entry in body["rooms"]], body.get("after")

    whole = [*made[2:6], *made[:2], *made[6:]]
    assert await rooms("") == (whole, None)
    found, after = await rooms("?limit=2")
    assert found == made[2:4], "also those one is in"
    while after is not None:
        page, after = await rooms(f"?limit=2&after={after}")
        assert len(page) <= 2
        found += page
    assert found == whole
    assert (await rooms(f"?limit=2&after={made[1]}"))[0] == made[6:8], "as older clients ask"
    assert await rooms(f"?after={made[8]}") == ([], None)
    assert hidden not in whole
    for wrong in ("0", "-1", "x"):
        answer = await ben.http("GET", f"/api/v1/rooms?limit={wrong}")
        assert code(answer) == (400, "request.invalid")
    async with ben.connect() as client:
        answer = await client.ok("rooms", limit=5)
        assert [entry["id"] for entry in answer["rooms"]] == whole[:5]
        answer = await client.ok("rooms", limit=5, after=answer["after"])
        assert [entry["id"] for entry in answer["rooms"]] == whole[5:]
        assert "after" not in answer
        assert await client.code("rooms", limit=0) == "request.invalid"


async def test_a_direct_room_exists_once(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    first = await anna.http("POST", "/api/v1/rooms", {"kind": "direct", "members": [ben.id]})
    again = await ben.http("POST", "/api/v1/rooms", {"kind": "direct", "members": [anna.id]})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"]
    assert (first.json()["name"], again.json()["name"]) == ("ben", "anna")


async def test_posting_is_idempotent(server: Running) -> None:
    anna = await server.person("anna")
    room = await room_of(anna)
    first = await post(anna, room, 1)
    again = await post(anna, room, 1, body="another text")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert set(first.json()) == {"id", "seq", "at"}
    page = (await anna.http("GET", f"/api/v1/rooms/{room}/messages")).json()
    assert [message["body"] for message in page["messages"]] == ["text 1"]
    other = await room_of(anna)
    assert code(await post(anna, other, 1)) == (409, "message.client_id_reused")


async def test_a_message_has_the_fields_of_the_contract(server: Running) -> None:
    anna = await server.person("anna")
    room = await room_of(anna)
    first = (await post(anna, room, 1)).json()
    second = (await post(anna, room, 2, reply_to=first["id"])).json()
    await anna.http(
        "POST", f"/api/v1/rooms/{room}/messages/{second['id']}/reactions", {"emoji": "👍"}
    )
    page = (await anna.http("GET", f"/api/v1/rooms/{room}/messages")).json()
    assert page["head"] == second["seq"] + 1
    assert page["messages"] == [
        {
            "id": first["id"],
            "room": room,
            "seq": first["seq"],
            "author": {"id": anna.id, "name": "anna"},
            "at": first["at"],
            "body": "text 1",
            "client_id": "c1",
            "reactions": {},
        },
        {
            "id": second["id"],
            "room": room,
            "seq": second["seq"],
            "author": {"id": anna.id, "name": "anna"},
            "at": second["at"],
            "body": "text 2",
            "client_id": "c2",
            "reply_to": first["id"],
            "reactions": {"👍": [anna.id]},
        },
    ]


async def test_pages_of_messages_go_back_from_the_newest(server: Running) -> None:
    anna = await server.person("anna")
    room = await room_of(anna)
    seqs = [(await post(anna, room, number)).json()["seq"] for number in range(60)]

    async def page(query: str) -> list[int]:
        answer = await anna.http("GET", f"/api/v1/rooms/{room}/messages{query}")
        assert answer.status_code == 200 and answer.json()["head"] == seqs[-1]
        return [message["seq"] for message in answer.json()["messages"]]

    assert await page("") == seqs[-50:]
    assert await page("?limit=3") == seqs[-3:]
    assert await page(f"?before={seqs[10]}&limit=4") == seqs[6:10]
    assert await page(f"?before={seqs[2]}") == seqs[:2]
    assert await page("?before=0") == []
    assert await page("?limit=9007199254740992") == seqs
    for query in (
        "limit=0",
        "limit=-1",
        "limit=x",
        "before=1.5",
        "before=",
        "before=１",
        "limit=1e3",
    ):
        answer = await anna.http("GET", f"/api/v1/rooms/{room}/messages?{query}")
        assert code(answer) == (400, "request.invalid")


async def test_the_log_is_read_from_a_seq_on(server: Running) -> None:
    anna = await server.person("anna")
    room = await room_of(anna)
    for number in range(5):
        await post(anna, room, number)

    async def events(query: str) -> list[tuple[int, str]]:
        answer = (await anna.http("GET", f"/api/v1/rooms/{room}/events{query}")).json()
        assert answer["head"] == 7
        return [(event["seq"], event["ev"]) for event in answer["events"]]

    everything = [(1, "room.changed"), (2, "member.joined")] + [
        (seq, "message.posted") for seq in range(3, 8)
    ]
    assert await events("") == everything
    assert await events("?after=0") == everything
    assert await events("?after=1&limit=2") == everything[1:3]
    assert await events("?after=7") == []
    assert await events("?after=1000") == []


async def test_messages_are_changed_and_deleted(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna, members=[ben.id])
    sent = (await post(anna, room, 1)).json()
    path = f"/api/v1/rooms/{room}/messages/{sent['id']}"
    assert code(await ben.http("PATCH", path, {"body": "mine"})) == (403, "room.forbidden")
    edited = await anna.http("PATCH", path, {"body": "better"})
    assert edited.json() == {"seq": sent["seq"] + 1}
    assert code(await ben.http("DELETE", path)) == (403, "room.forbidden")
    reacted = await ben.http("POST", f"{path}/reactions", {"emoji": "🎉"})
    assert reacted.json() == {"seq": sent["seq"] + 2}
    taken = await ben.http("DELETE", f"{path}/reactions", params={"emoji": "🎉"})
    assert taken.json() == {"seq": sent["seq"] + 3}
    deleted = await anna.http("DELETE", path)
    assert deleted.json() == {"seq": sent["seq"] + 4}
    assert code(await anna.http("DELETE", path)) == (404, "message.not_found")
    page = (await anna.http("GET", f"/api/v1/rooms/{room}/messages")).json()
    assert [(message["deleted"], message["body"]) for message in page["messages"]] == [(True, "")]


async def test_members_are_invited_appointed_and_removed(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna, kind="private")
    members = f"/api/v1/rooms/{room}/members"
    assert (await anna.http("POST", members, {"user": ben.id})).status_code == 201
    listed = (await ben.http("GET", members)).json()["members"]
    assert [(member["id"], member["name"], member["role"]) for member in listed] == [
        (anna.id, "anna", "owner"),
        (ben.id, "ben", "member"),
    ]
    assert code(await ben.http("PUT", f"{members}/{ben.id}", {"role": "owner"})) == (
        403,
        "room.forbidden",
    )
    assert (await anna.http("PUT", f"{members}/{ben.id}", {"role": "admin"})).json() == {"seq": 4}
    assert (await anna.http("DELETE", f"{members}/{ben.id}")).json() == {}
    assert code(await ben.http("GET", members)) == (404, "room.not_found")
    assert code(await anna.http("DELETE", f"{members}/{ben.id}")) == (404, "user.not_found")
    assert code(await anna.http("POST", members, {"user": "nobody"})) == (404, "user.not_found")


async def test_a_list_of_members_says_who_is_online(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    room = await room_of(anna, members=[ben.id])
    path = f"/api/v1/rooms/{room}/members"
    async with ben.connect() as client:
        by_http = (await anna.http("GET", path)).json()
        by_socket = await client.ok("members", room=room)
    online = {member["id"]: member["online"] for member in by_http["members"]}
    assert online == {anna.id: False, ben.id: True}
    assert by_socket == by_http


async def test_a_room_is_described_anew(server: Running) -> None:
    anna = await server.person("anna")
    room = await room_of(anna)
    changed = await anna.http("PATCH", f"/api/v1/rooms/{room}", {"topic": "tea"})
    assert (changed.json()["name"], changed.json()["topic"]) == ("Lounge", "tea")
    changed = await anna.http("PATCH", f"/api/v1/rooms/{room}", {"name": "Kitchen"})
    assert (changed.json()["name"], changed.json()["topic"]) == ("Kitchen", "tea")


async def test_a_room_one_may_not_see_is_answered_as_one_that_is_not_there(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    private = await room_of(anna, kind="private")
    message = (await post(anna, private, 1)).json()["id"]
    requests: list[tuple[str, str, object]] = [
        ("GET", "", None),
        ("PATCH", "", {"name": "x"}),
        ("POST", "/join", None),
        ("POST", "/leave", None),
        ("GET", "/members", None),
        ("POST", "/members", {"user": ben.id}),
        ("PUT", f"/members/{anna.id}", {"role": "member"}),
        ("DELETE", f"/members/{anna.id}", None),
        ("GET", "/messages", None),
        ("POST", "/messages", {"client_id": "x", "body": "x"}),
        ("PATCH", f"/messages/{message}", {"body": "x"}),
        ("DELETE", f"/messages/{message}", None),
        ("POST", f"/messages/{message}/reactions", {"emoji": "x"}),
        ("DELETE", f"/messages/{message}/reactions?emoji=x", None),
        ("GET", "/events", None),
        ("GET", "/events?after=1", None),
    ]
    for method, path, body in requests:
        answers = [
            await ben.http(method, f"/api/v1/rooms/{room}{path}", body)
            for room in (private, "0" * 20)
        ]
        assert code(answers[0]) == (404, "room.not_found"), path
        assert answers[0].text == answers[1].text
        assert _comparable(answers[0]) == _comparable(answers[1])
    assert private not in (await ben.http("GET", "/api/v1/rooms")).text


def _comparable(answer: httpx.Response) -> dict[str, str]:
    return {
        name: value
        for name, value in answer.headers.items()
        if name not in ("date", "x-request-id")
    }


async def test_users_are_not_added_to_more_rooms_than_the_limit_of_invitations(
    start: Start,
) -> None:
    server = start({"limits.invited_rooms_per_user": 2})
    anna, ben, cara = await server.people("anna", "ben", "cara")
    new = {"name": "more", "kind": "private", "members": [cara.id]}
    for maker in (anna, ben):
        assert (await maker.http("POST", "/api/v1/rooms", new)).status_code == 201
    direct = {"kind": "direct", "members": [cara.id]}
    for body in (new, direct):
        answer = await anna.http("POST", "/api/v1/rooms", body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "limit.count")


async def test_a_user_at_the_limit_of_rooms_finds_a_direct_room_again(start: Start) -> None:
    server = start({"limits.rooms_per_user": 1})
    anna, ben = await server.people("anna", "ben")
    direct = {"kind": "direct", "members": [ben.id]}
    rooms = {(await anna.http("POST", "/api/v1/rooms", direct)).json()["id"] for _ in range(2)}
    assert len(rooms) == 1


async def test_a_browser_gets_a_long_list_in_fewer_bytes(server: Running) -> None:
    anna = await server.person("anna")
    browser = {"Cookie": f"chat_session={anna.token}"}

    async def listed(place: str = "", **headers: str) -> httpx.Response:
        return await server.http("GET", f"/api/v1/rooms{place}", headers=headers)

    short = await listed("?limit=1", **browser)  # whatever rooms other tests have left
    assert "content-encoding" not in short.headers
    for number in range(40):
        await room_of(anna, name=f"Room {number}", kind="private")
    packed = await listed(**browser)
    assert packed.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["vary"]
    plain = await listed(Authorization=f"Bearer {anna.token}")
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json() and len(packed.json()["rooms"]) >= 40
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 5
    refused = await listed(**browser, **{"Accept-Encoding": "gzip;q=0, br"})
    assert "content-encoding" not in refused.headers and refused.json() == plain.json()
