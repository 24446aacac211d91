"""Subscriptions: all that happened, in order, from wherever a client was; and their ends."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatserver import PluginNotice, ServerRole, StoreUnavailable
from chatserver.app import Server
from chatserver_plugins.graphql.many import StreamGap
from chatserver_plugins.graphql.notices import Waiting
from tests.graphql.asker import Asker
from tests.graphql.conftest import PLUGINS, People, Start
from tests.graphql.speaker import EVENTS, Speaker
from tests.protocol.running import Running

LOCAL = Path(__file__).parent / "local"
SIZES = """subscription ($room: ID!, $after: Int) { roomEvents(roomId: $room, after: $after) {
  ... on RoomLogEntry { seq } ... on MessagePosted { message { size } } } }"""
VIEWERS = """subscription ($room: ID!) { roomEvents(roomId: $room) {
  ... on MessagePosted { message { viewer } } } }"""
MINE = """subscription { userEvents { __typename
  ... on RoomAdded { roomId room { name } }
  ... on RoomRemoved { roomId deleted }
  ... on ReadMoved { roomId seq }
  ... on PreferencesChanged { roomId preferences { favourite section muted unread watched } }
  ... on AccountPreferencesChanged { changes { key value } }
  ... on Mentioned { roomId messageId seq author { name username } }
  ... on StatusChanged { userId status { emoji text until } }
  ... on BlockChanged { userId blocked }
  ... on PluginNotice { plugin name payload }
  ... on StreamGap { head epoch } } }"""
SET_STATUS = """mutation ($input: SetStatusInput!) {
  setStatus(input: $input) { user { status { emoji text until } } } }"""


def token(asker: Asker) -> str:
    assert asker.person is not None
    return asker.person.token


async def delete(ada: Asker, room: str) -> None:
    text = "mutation ($input: RoomInput!) { deleteRoom(input: $input) { roomId seq } }"
    done = await ada.ask(text, input={"roomId": room})
    assert done["deleteRoom"]["roomId"] == room


async def in_room(ada: Asker, room: str, bob: Asker) -> None:
    await ada.ask(
        "mutation ($input: MemberInput!) { inviteMember(input: $input) { room { id } } }",
        input={"roomId": room, "userId": bob.id},
    )


async def remove(ada: Asker, room: str, bob: Asker) -> None:
    await ada.ask(
        "mutation ($input: MemberInput!) { removeMember(input: $input) { room { id } } }",
        input={"roomId": room, "userId": bob.id},
    )


async def fill(ada: Asker, room: str, count: int, characters: int = 100) -> None:
    """`count` messages of so many characters."""

    async def send(server: Server) -> None:
        user = await server.service.accounts.get(ada.id)
        found = await server.service.rooms.get(room)
        post = server.service.messages.post
        for start in range(0, count, 5000):  # as many as may wait for the store
            numbers = range(start, min(count, start + 5000))
            await asyncio.gather(
                *(post(user, found, f"fill-{n}", "x" * characters) for n in numbers)
            )

    await ada.server.run(send)


# -- where they begin ------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [0, 1, 2, 5, 699, 700, 702])
async def test_it_goes_on_after_any_seq(server: Running, people: People, after: int) -> None:
    (ada,) = await people("ada")
    room = await ada.make_room()
    for number in range(3):
        await ada.post(room, f"{number}")
    await fill(ada, room, 697)
    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        speaker.subscribe("1", EVENTS, room=room, after=after)
        assert await speaker.seqs("1", 702 - after) == list(range(after + 1, 703))
        await ada.post(room, "live")
        assert (await speaker.room_event("1"))["message"] == {"body": "live"}
        await speaker.silent("1")


async def test_without_a_seq_it_begins_now(server: Running, people: People) -> None:
    (ada,) = await people("ada")
    room = await ada.make_room()
    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        speaker.subscribe("1", EVENTS, room=room)
        await speaker.run("{ __typename }")
        await ada.post(room, "live")
        assert await speaker.seqs("1", 1) == [3]


@pytest.mark.parametrize(("after", "epoch"), [(4, None), (10**6, None), (0, "other"), (2, "other")])
async def test_a_position_that_cannot_be_served_is_a_gap(
    server: Running, people: People, after: int, epoch: str | None
) -> None:
    (ada,) = await people("ada")
    room = await ada.make_room()
    await ada.post(room, "Hello")
    async with Speaker(server.port) as speaker:
        acknowledged = await speaker.init(token(ada))
        speaker.subscribe("1", EVENTS, room=room, after=after, epoch=epoch)
        known = acknowledged["payload"]["epoch"]
        gap = {"__typename": "StreamGap", "head": 3, "epoch": known}
        assert await speaker.room_event("1") == gap
        assert (await speaker.of("1"))["type"] == "complete"
        speaker.subscribe("1", EVENTS, room=room, after=gap["head"], epoch=known)
        await speaker.ping()
        await ada.post(room, "Again")
        assert await speaker.seqs("1", 1) == [4]


async def test_a_client_that_does_not_read_misses_nothing(start: Start) -> None:
    server = start({"limits.buffer_soft_bytes": 65536, "limits.buffer_hard_bytes": 1 << 20})
    ada = Asker(server, await server.person("ada"))
    room = await ada.make_room()
    async with Speaker(server.port) as speaker, Speaker(server.port) as other:
        for each in (speaker, other):
            await each.init(token(ada))
            each.subscribe("1", EVENTS, room=room, after=0)
            await each.seqs("1", 2)
        speaker.pause()
        await fill(ada, room, 3000, 4000)  # more than the buffers of the system take
        assert await other.seqs("1", 3000) == list(range(3, 3003))

        async def behind(server: Server) -> float:
            return sum(server.service.hub.outlet.fell_behind.values.values())

        assert await server.run(behind) > 0
        speaker.resume()
        assert await speaker.seqs("1", 3000) == list(range(3, 3003))


# -- how they end ----------------------------------------------------------------------------------


async def test_a_removed_member_is_told_and_hears_no_more(server: Running, people: People) -> None:
    ada, bob = await people("ada", "bob")
    room = await ada.make_room("Attic", "PRIVATE", bob.id)
    other = await ada.make_room("Cellar", "PRIVATE", bob.id)
    async with Speaker(server.port) as speaker:
        await speaker.init(token(bob))
        speaker.subscribe("1", EVENTS, room=room, after=0)
        speaker.subscribe("2", EVENTS, room=room, after=0)
        speaker.subscribe("other", EVENTS, room=other, after=0)
        await speaker.seqs("1", 3)
        await speaker.seqs("other", 3)
        await remove(ada, room, bob)
        assert (await speaker.room_event("1"))["__typename"] == "MemberLeft"
        assert await speaker.error_code("1") == "room.forbidden"
        await speaker.seqs("2", 4)
        assert await speaker.error_code("2") == "room.forbidden"
        await ada.post(room, "secret")
        await ada.post(other, "for all")
        assert (await speaker.room_event("other"))["message"] == {"body": "for all"}
        await speaker.silent("1")
        await speaker.silent("2")
        speaker.subscribe("1", EVENTS, room=room, after=0)
        assert await speaker.error_code("1") == "room.not_found"
        await in_room(ada, room, bob)
        speaker.subscribe("1", EVENTS, room=room, after=4)
        assert await speaker.seqs("1", 2) == [5, 6]


async def test_a_role_that_does_not_read_ends_them(server: Running, people: People) -> None:
    ada, bob = await people("ada", "bob")
    room = await ada.make_room()
    async with Speaker(server.port) as speaker:
        await speaker.init(token(bob))
        speaker.subscribe("1", EVENTS, room=room, after=0)
        await speaker.seqs("1", 2)

        async def demote(server: Server) -> None:
            await server.service.accounts.set_role(bob.username, ServerRole.GUEST)

        await server.run(demote)
        assert await speaker.error_code("1") == "room.forbidden"


async def test_the_end_of_the_session_ends_the_socket(server: Running, people: People) -> None:
    ada, bob, cid = await people("ada", "bob", "cid")
    room = await ada.make_room()
    async with (
        Speaker(server.port) as out,
        Speaker(server.port) as password,
        Speaker(server.port) as disabled,
    ):
        for speaker, asker in ((out, ada), (password, bob), (disabled, cid)):
            await speaker.init(token(asker))
            speaker.subscribe("1", EVENTS, room=room, after=1)
            await speaker.seqs("1", 1)
        await ada.server.http(
            "POST", "/api/v1/logout", headers={"Authorization": f"Bearer {token(ada)}"}
        )
        assert await out.closed() == 4403

        async def change(server: Server) -> None:
            await server.service.accounts.passwords.set(bob.username, "another password")
            owner = await server.service.accounts.get(bob.id)
            actor = type(owner)(
                id=owner.id,
                username=owner.username,
                name=owner.name,
                role=ServerRole.OWNER,
                at=owner.at,
            )
            await server.service.accounts.set_disabled(actor, cid.username, True)

        await server.run(change)
        assert await password.closed() == 4403
        assert await disabled.closed() == 4403


async def test_a_server_that_stops_settles_and_says_come_back(start: Start) -> None:
    server = start({"plugins.folder": str(LOCAL), "plugins.enabled": [*PLUGINS, "slow"]})
    person = await server.person("ada")
    async with Speaker(server.port) as speaker:
        await speaker.init(person.token)
        speaker.subscribe("slow", "{ slow(seconds: 0.3) }")
        await speaker.ping()
        draining = asyncio.ensure_future(server.run(lambda server: server.drain()))
        assert await speaker.data("slow") == {"slow": 0.3}
        assert await speaker.closed() == 4301
        await draining


# -- executed once ---------------------------------------------------------------------------------


def with_slow(start: Start) -> Running:
    return start({"plugins.folder": str(LOCAL), "plugins.enabled": [*PLUGINS, "slow"]})


def slow(server: Server) -> Any:
    return next(plugin.instance for plugin in server._plugins.all if plugin.name == "slow")


async def test_the_same_selection_is_executed_once(start: Start) -> None:
    server = start()
    ada, bob = (Asker(server, person) for person in await server.people("ada", "bob"))
    room = await ada.make_room()
    other = EVENTS.replace("Events(", "Other(", 1).replace("\n", " ").replace("$room", "$id")
    literal = EVENTS.replace("$room: ID!, ", "").replace("roomId: $room", f'roomId: "{room}"')
    async with Speaker(server.port) as one, Speaker(server.port) as two:
        await one.init(token(ada))
        await two.init(token(bob))
        one.subscribe("1", EVENTS, room=room, after=0)
        two.subscribe("a longer id", other, id=room, after=1)
        two.subscribe("3", literal)
        two.subscribe("4", EVENTS.replace("body", "id"), room=room)
        await one.seqs("1", 2)
        await two.seqs("a longer id", 1)
        await two.run("{ __typename }")

        async def groups(server: Server) -> list[int]:
            loaded = server.service.room_cache.known(room)
            assert loaded is not None
            channel = server.service.hub.channels.existing(loaded)
            assert channel is not None
            return sorted(len(group.streams) for group in channel.groups.values())

        assert await server.run(groups) == [1, 3]
        text = (await server.http("GET", "/metrics")).text
        assert "chatserver_graphql_subscriptions 4" in text
        assert "chatserver_graphql_groups 2" in text
        assert "chatserver_graphql_group_largest 3" in text
        await ada.post(room, 'Hello "all"\n')
        for speaker, name in ((one, "1"), (two, "a longer id"), (two, "3")):
            assert (await speaker.room_event(name))["message"]["body"] == 'Hello "all"\n'


async def test_users_with_different_results_are_in_different_groups(start: Start) -> None:
    server = with_slow(start)
    ada, bob = (Asker(server, person) for person in await server.people("ada", "bob"))
    room = await ada.make_room()
    async with Speaker(server.port) as one, Speaker(server.port) as two:
        for speaker, asker in ((one, ada), (two, bob)):
            await speaker.init(token(asker))
            speaker.subscribe("1", VIEWERS, room=room)
            await speaker.run("{ __typename }")
        await ada.post(room, "Hello")
        for speaker, asker in ((one, ada), (two, bob)):
            event = await speaker.room_event("1")
            assert event == {"message": {"viewer": asker.username}}


async def test_resolvers_that_take_their_time_keep_the_order(start: Start) -> None:
    server = with_slow(start)
    ada = Asker(server, await server.person("ada"))
    room = await ada.make_room()
    async with Speaker(server.port) as one, Speaker(server.port) as two:
        for speaker, after in ((one, 0), (two, 2)):
            await speaker.init(token(ada))
            speaker.subscribe("1", SIZES, room=room, after=after)
        await fill(ada, room, 300)
        assert await one.seqs("1", 302) == list(range(1, 303))
        assert await two.seqs("1", 300) == list(range(3, 303))
        for _ in range(10):
            await ada.post(room, "live", client_id=None)
        await one.silent("2")


async def test_a_store_that_is_away_delays_them(start: Start) -> None:
    server = with_slow(start)
    ada = Asker(server, await server.person("ada"))
    room = await ada.make_room()

    async def fail(server: Server, error: Exception | None) -> None:
        slow(server).fails = error

    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        speaker.subscribe("1", SIZES, room=room, after=2)
        await speaker.run("{ __typename }")
        await server.run(lambda server: fail(server, StoreUnavailable()))
        await ada.post(room, "Hello")
        await asyncio.sleep(0.2)
        await speaker.silent("1")
        await server.run(lambda server: fail(server, None))
        assert await speaker.room_event("1") == {"seq": 3, "message": {"size": 5}}


async def test_an_event_that_cannot_be_resolved_is_a_result_with_an_error(start: Start) -> None:
    server = with_slow(start)
    ada = Asker(server, await server.person("ada"))
    room = await ada.make_room()

    async def fail(server: Server) -> None:
        slow(server).fails = RuntimeError("a secret")

    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        speaker.subscribe("1", SIZES, room=room, after=2)
        await speaker.run("{ __typename }")
        await server.run(fail)
        await ada.post(room, "Hello")
        frame = await speaker.of("1")
        assert frame["type"] == "next"
        (error,) = frame["payload"]["errors"]
        assert error["extensions"]["code"] == "server.internal"
        assert "secret" not in str(frame)
        await remove_errors(server)


async def remove_errors(server: Running) -> None:
    assert server.take_errors()


# -- what concerns the user ------------------------------------------------------------------------


async def test_the_user_is_told(server: Running, people: People) -> None:
    ada, bob = await people("ada", "bob")
    async with Speaker(server.port) as speaker:
        await speaker.init(token(bob))
        speaker.subscribe("1", MINE)
        await speaker.run("{ __typename }")

        async def told() -> dict[str, Any]:
            event: dict[str, Any] = (await speaker.data("1"))["userEvents"]
            return event

        room = await ada.make_room("Attic", "PRIVATE", bob.id)
        added = {"__typename": "RoomAdded", "roomId": room, "room": {"name": "Attic"}}
        assert await told() == added
        sent = await ada.post(room, f"Hello @{bob.username} and @{ada.username}")
        assert await told() == {
            "__typename": "Mentioned",
            "roomId": room,
            "messageId": sent["id"],
            "seq": sent["seq"],
            "author": {"name": "ada", "username": ada.username},
        }
        everybody = await ada.post(room, "And @room")
        assert (await told())["messageId"] == everybody["id"]
        await bob.ask(
            "mutation ($input: MarkReadInput!) { markRead(input: $input) { seq } }",
            input={"roomId": room, "seq": 4},
        )
        assert await told() == {"__typename": "ReadMoved", "roomId": room, "seq": 4}
        prefers = "preferences { favourite section muted unread watched }"
        changed = await bob.ask(
            "mutation ($input: SetRoomPreferencesInput!)"
            f"{{ setRoomPreferences(input: $input) {{ room {{ {prefers} }} }} }}",
            input={"roomId": room, "favourite": True, "section": "Tea"},
        )
        now = {
            "favourite": True,
            "section": "Tea",
            "muted": False,
            "unread": False,
            "watched": False,
        }
        assert changed == {"setRoomPreferences": {"room": {"preferences": now}}}
        told_now = {"__typename": "PreferencesChanged", "roomId": room, "preferences": now}
        assert await told() == told_now
        listed = await bob.ask(f"{{ rooms(first: 100) {{ nodes {{ id {prefers} }} }} }}")
        nothing = {
            "favourite": False,
            "section": "",
            "muted": False,
            "unread": False,
            "watched": False,
        }
        for node in listed["rooms"]["nodes"]:
            assert node["preferences"] == (now if node["id"] == room else nothing)
        until = "2040-01-02T12:00:00.000Z"
        lunch = {"emoji": "🍜", "text": "at lunch", "until": until}
        changed = await bob.ask(SET_STATUS, input=lunch)
        assert changed == {"setStatus": {"user": {"status": lunch}}}
        status: dict[str, Any] = {"__typename": "StatusChanged", "userId": bob.id}
        assert await told() == {**status, "status": lunch}
        speaker.subscribe(
            "2", "subscription ($room: ID!) { typing(roomId: $room) { roomId } }", room=room
        )
        await speaker.run("{ __typename }")
        away = {"emoji": "", "text": "away", "until": None}
        await ada.ask(SET_STATUS, input={"text": " away "})
        assert await told() == {**status, "userId": ada.id, "status": away}
        shown = "{ me { status { text } } room(id: $room) { members { nodes { user { status { text } } } } } }"
        found = await ada.ask(f"query ($room: ID!) {shown}", room=room)
        assert found["me"]["status"] == {"text": "away"}
        statuses = [each["user"]["status"]["text"] for each in found["room"]["members"]["nodes"]]
        assert sorted(statuses) == ["at lunch", "away"]
        assert await ada.ask(SET_STATUS, input={}) == {"setStatus": {"user": {"status": None}}}
        assert await told() == {**status, "userId": ada.id, "status": None}
        dark = {"key": "page.theme", "value": "dark"}
        given = [dark, {"key": "page.none"}]
        chosen = await bob.ask(
            "mutation ($input: SetPreferencesInput!)"
            "{ setPreferences(input: $input) { preferences { key value } } }",
            input={"preferences": given},
        )
        assert chosen == {"setPreferences": {"preferences": [dark]}}
        changes = {"__typename": "AccountPreferencesChanged", "changes": [dark]}
        assert await told() == changes
        assert await bob.ask("{ myPreferences { key value } }") == {"myPreferences": [dark]}
        dora = (await people("dora"))[0]
        for name, blocked in (("blockUser", True), ("unblockUser", False)):
            mutation = f"mutation ($input: UserInput!) {{ {name}(input: $input) {{ userId }} }}"
            done = await bob.ask(mutation, input={"userId": dora.id})
            assert done == {name: {"userId": dora.id}}
            news = {"__typename": "BlockChanged", "userId": dora.id, "blocked": blocked}
            assert await told() == news
            listed = (await bob.ask("{ myBlocks { id name username } }"))["myBlocks"]
            row = {"id": dora.id, "name": "dora", "username": dora.username}
            assert listed == ([row] if blocked else [])

        async def tell(server: Server) -> None:
            said = PluginNotice(plugin="coin", name="tossed", payload={"side": [1]})
            server.service.hub.tell_everybody(said)

        await server.run(tell)
        said = {"plugin": "coin", "name": "tossed", "payload": {"side": [1]}}
        assert await told() == {"__typename": "PluginNotice", **said}
        await remove(ada, room, bob)
        removed = {"__typename": "RoomRemoved", "roomId": room, "deleted": False}
        assert await told() == removed
        gone = await ada.make_room("Attic", "PRIVATE", bob.id)
        assert (await told())["roomId"] == gone
        await delete(ada, gone)
        assert await told() == {"__typename": "RoomRemoved", "roomId": gone, "deleted": True}
        speaker.complete("1")
        await ada.make_room("Cellar", "PRIVATE", bob.id)
        await speaker.silent("1")


async def test_the_notices_of_plugins_for_a_room_reach_those_who_follow_it(
    server: Running, people: People
) -> None:
    ada, bob, cora = await people("ada", "bob", "cora")
    room = await ada.make_room("Attic", "PRIVATE", bob.id)
    other = await ada.make_room("Cellar", "PRIVATE", bob.id)
    text = """subscription ($room: ID!) { roomNotices(roomId: $room) {
      __typename ... on PluginNotice { plugin name payload } ... on StreamGap { roomId head } } }"""

    def tossed(side: int) -> PluginNotice:
        return PluginNotice(plugin="coin", name="tossed", payload={"side": side})

    async def tell(server: Server) -> None:
        rooms, hub = server.service.rooms, server.service.hub
        hub.tell_room(await rooms.get(other), tossed(9))
        hub.tell_user(bob.id, tossed(9))
        for side in range(50):
            hub.tell_room(await rooms.get(room), tossed(side))

    async with Speaker(server.port) as speaker, Speaker(server.port) as stranger:
        await stranger.init(token(cora))
        stranger.subscribe("1", text, room=room)
        assert await stranger.error_code("1") == "room.not_found"
        await speaker.init(token(bob))
        speaker.subscribe("1", text, room=room)
        await speaker.run("{ __typename }")
        await ada.post(room, "Among us")  # an event is no notice
        await server.run(tell)
        for side in range(50):
            said = {"plugin": "coin", "name": "tossed", "payload": {"side": side}}
            told = (await speaker.data("1"))["roomNotices"]
            assert told == {"__typename": "PluginNotice", **said}
        await remove(ada, room, bob)
        assert await speaker.error_code("1") == "room.forbidden"


def test_notices_that_wait_too_long_are_left_out_and_that_is_told() -> None:
    class BusyTeller:
        is_busy = True

        def tell(self, next: Callable[[], object | None]) -> None:
            self.next = next

    teller, gap = BusyTeller(), StreamGap(None, "epoch", "room")
    waiting = Waiting(teller, gap, 3)  # type: ignore[arg-type]
    for number in range(3):
        waiting.take(number)
    assert [teller.next() for _ in range(4)] == [0, 1, 2, None]
    for number in range(5):
        waiting.take(number)
    assert [teller.next() for _ in range(3)] == [gap, 4, None]


async def test_those_who_follow_a_deleted_room_see_its_end(server: Running, people: People) -> None:
    ada, bob = await people("ada", "bob")
    room = await ada.make_room("Attic", "PRIVATE", bob.id)
    text = """subscription ($room: ID!) { roomEvents(roomId: $room) {
      __typename ... on RoomChanged { name topic deleted } } }"""
    async with Speaker(server.port) as speaker:
        await speaker.init(token(bob))
        speaker.subscribe("1", text, room=room)
        await speaker.run("{ __typename }")
        await delete(ada, room)
        last = {"__typename": "RoomChanged", "name": None, "topic": "", "deleted": True}
        assert await speaker.data("1") == {"roomEvents": last}
        assert await speaker.error_code("1") == "room.not_found"


async def test_who_only_visits_a_room_that_becomes_private_sees_it_go(
    server: Running, people: People
) -> None:
    ada, bob, cora = await people("ada", "bob", "cora")
    room = await ada.make_room("Attic", "PUBLIC", bob.id)
    text = """subscription ($room: ID!) { roomEvents(roomId: $room) {
      __typename ... on RoomChanged { kind } ... on MessagePosted { message { body } } } }"""
    watch = "subscription ($room: ID!, $of: [ID!]!) { presence(roomId: $room, userIds: $of) { online } }"
    port = server.port
    async with Speaker(port) as member, Speaker(port) as visitor, Speaker(port) as watcher:
        for speaker, asker in ((member, bob), (visitor, cora)):
            await speaker.init(token(asker))
            speaker.subscribe("1", text, room=room)
            await speaker.run("{ __typename }")
        await watcher.init(token(cora))
        watcher.subscribe("1", watch, room=room, of=[bob.id])
        assert await watcher.data("1") == {"presence": [{"online": True}]}
        change = (
            "mutation ($input: ChangeRoomInput!) { changeRoom(input: $input) { room { kind } } }"
        )
        done = await ada.ask(change, input={"roomId": room, "kind": "PRIVATE"})
        assert done["changeRoom"]["room"] == {"kind": "PRIVATE"}
        told = {"roomEvents": {"__typename": "RoomChanged", "kind": "PRIVATE"}}
        assert await visitor.data("1") == await member.data("1") == told
        for speaker in (visitor, watcher):
            assert await speaker.error_code("1") == "room.forbidden"
        await ada.post(room, "Among us")
        assert (await member.data("1"))["roomEvents"]["message"] == {"body": "Among us"}
        assert await ada.code(change, input={"roomId": room, "kind": "DIRECT"}) == "request.invalid"
        assert await bob.code(change, input={"roomId": room, "kind": "PUBLIC"}) == "room.forbidden"


async def test_the_order_is_kept_where_one_thing_takes_longer(
    server: Running, people: People
) -> None:
    ada, bob = await people("ada", "bob")
    async with Speaker(server.port) as speaker:
        await speaker.init(token(bob))
        speaker.subscribe("1", MINE)
        await speaker.run("{ __typename }")
        rooms = [await ada.make_room(f"Room {n}", "PRIVATE", bob.id) for n in range(20)]
        found = [(await speaker.data("1"))["userEvents"]["roomId"] for _ in rooms]
        assert Counter(found) == Counter(rooms)
        assert found == rooms
