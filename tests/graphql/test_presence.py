"""Subscriptions to who is online: at first all, then changes, and only of members of a room of mine."""

from collections.abc import Iterator
from unittest import mock

import pytest

from chatserver.cluster.bus import online
from chatserver.service import presence
from chatserver_plugins.graphql.watching import PresenceWatch, UserPresence
from tests.graphql.asker import Asker
from tests.graphql.conftest import People
from tests.graphql.speaker import EVENTS, Speaker
from tests.graphql.test_sse import stream
from tests.graphql.test_subscriptions import in_room, remove, token
from tests.protocol.running import Running

WATCH = """subscription ($room: ID!, $users: [ID!]!) {
  presence(roomId: $room, userIds: $users) { userId online } }"""
NAMED = """subscription ($room: ID!, $users: [ID!]!) {
  presence(roomId: $room, userIds: $users) { user { username } online } }"""


@pytest.fixture(autouse=True)
def quick() -> Iterator[None]:
    """A user who disconnects is offline at once. The server is a thread of this process."""
    with mock.patch.object(online, "LINGER_SECONDS", 0.0):
        yield


async def told(speaker: Speaker, name: str) -> dict[str, bool]:
    found = (await speaker.data(name))["presence"]
    return {each["userId"]: each["online"] for each in found}


async def watching(speaker: Speaker, name: str, room: str, *askers: Asker) -> dict[str, bool]:
    """Begin to watch; returns the state at that time."""
    speaker.subscribe(name, WATCH, room=room, users=[asker.id for asker in askers])
    return await told(speaker, name)


async def test_it_begins_with_all_and_goes_on_with_changes(server: Running, people: People) -> None:
    ada, bob, cid = await people("ada", "bob", "cid")
    room = await ada.make_room("Attic", "PRIVATE", bob.id)
    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        now = await watching(speaker, "1", room, ada, bob, cid, ada)
        assert now == {ada.id: True, bob.id: False}  # cid is no member
        async with Speaker(server.port) as theirs, Speaker(server.port) as others:
            await others.init(token(cid))
            await theirs.init(token(bob))
            assert await told(speaker, "1") == {bob.id: True}
        assert await told(speaker, "1") == {bob.id: False}


async def test_a_subscription_to_nobody_has_a_result_too(server: Running, people: People) -> None:
    ada, cid = await people("ada", "cid")
    room = await ada.make_room()
    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        assert await watching(speaker, "1", room, cid) == {}
        assert await watching(speaker, "2", room) == {}


async def test_presence_has_the_users_for_members_only(server: Running, people: People) -> None:
    ada, bob = await people("ada", "bob")
    room = await ada.make_room("Attic", "PRIVATE", bob.id)
    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        speaker.subscribe("mine", "subscription { userEvents { __typename } }")
        speaker.subscribe("room", EVENTS, room=room)
        speaker.subscribe("1", NAMED, room=room, users=[bob.id])
        expected = {"user": {"username": bob.username}, "online": False}
        assert (await speaker.data("1"))["presence"] == [expected]
        async with Speaker(server.port) as theirs:
            await theirs.init(token(bob))
            assert (await speaker.data("1"))["presence"] == [expected | {"online": True}]
        await speaker.silent("mine")
        await speaker.silent("room")


async def test_subscribers_in_a_room_each_get_their_own_selection(
    server: Running, people: People
) -> None:
    ada, bob, cid = await people("ada", "bob", "cid")
    room = await ada.make_room("Attic", "PRIVATE", bob.id, cid.id)
    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        await watching(speaker, "bob", room, bob)
        await watching(speaker, "cid", room, cid)
        await watching(speaker, "both", room, bob, cid)
        async with Speaker(server.port) as bobs, Speaker(server.port) as cids:
            await bobs.init(token(bob))
            assert await told(speaker, "bob") == await told(speaker, "both") == {bob.id: True}
            speaker.complete("both")
            await cids.init(token(cid))
            assert await told(speaker, "cid") == {cid.id: True}
            await speaker.silent("bob")
            await speaker.silent("both")
            speaker.complete("cid")
        assert await told(speaker, "bob") == {bob.id: False}
        await speaker.silent("cid")


async def test_a_user_without_the_right_to_read_the_room_learns_nothing(
    server: Running, people: People
) -> None:
    ada, bob, cid = await people("ada", "bob", "cid")
    room = await ada.make_room("Attic", "PRIVATE", bob.id)
    async with Speaker(server.port) as speaker:
        await speaker.init(token(cid))
        for name in (room, "nowhere"):
            speaker.subscribe(name, WATCH, room=name, users=[ada.id, bob.id])
            assert await speaker.error_code(name) == "room.not_found"


async def test_a_removed_member_gets_no_more_presence(server: Running, people: People) -> None:
    ada, bob, cid = await people("ada", "bob", "cid")
    room = await ada.make_room("Attic", "PRIVATE", bob.id, cid.id)
    other = await ada.make_room("Cellar", "PRIVATE", bob.id, cid.id)
    async with Speaker(server.port) as speaker:
        await speaker.init(token(bob))
        await watching(speaker, "1", room, cid)
        await watching(speaker, "2", room, ada, cid)
        await watching(speaker, "other", other, cid)
        await remove(ada, room, bob)
        assert await speaker.error_code("1") == "room.forbidden"
        assert await speaker.error_code("2") == "room.forbidden"
        async with Speaker(server.port) as theirs:
            await theirs.init(token(cid))
            assert await told(speaker, "other") == {cid.id: True}
        await speaker.silent("1")
        await in_room(ada, room, bob)
        assert cid.id in await watching(speaker, "1", room, cid)


async def test_a_member_who_leaves_is_told_of_no_more(server: Running, people: People) -> None:
    ada, bob, cid = await people("ada", "bob", "cid")
    room = await ada.make_room("Attic", "PRIVATE", bob.id, cid.id)
    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        await watching(speaker, "1", room, bob, cid)
        await remove(ada, room, bob)
        async with Speaker(server.port) as bobs, Speaker(server.port) as cids:
            await bobs.init(token(bob))
            await cids.init(token(cid))
            assert await told(speaker, "1") == {cid.id: True}


async def test_a_connection_watches_so_many_and_no_more(server: Running, people: People) -> None:
    ada, bob, cid = await people("ada", "bob", "cid")
    room = await ada.make_room("Attic", "PRIVATE", bob.id, cid.id)
    other = await ada.make_room("Cellar", "PRIVATE", bob.id, cid.id)
    with mock.patch.object(presence, "WATCHED_USERS", 2):
        async with Speaker(server.port) as speaker:
            await speaker.init(token(ada))
            await watching(speaker, "1", room, ada, bob)
            speaker.subscribe("2", WATCH, room=room, users=[cid.id])
            assert await speaker.error_code("2") == "limit.count"
            speaker.subscribe("2", WATCH, room=other, users=[cid.id])
            assert await speaker.error_code("2") == "limit.count"
            async with Speaker(server.port) as theirs:
                await theirs.init(token(bob))
                assert await told(speaker, "1") == {bob.id: True}  # it goes on
            await told(speaker, "1")
            await watching(speaker, "2", other, ada, bob)  # the same users count once
            speaker.complete("2")
            speaker.complete("1")
            await watching(speaker, "3", other, bob, cid)


async def test_it_works_over_server_sent_events(server: Running, people: People) -> None:
    ada, bob = await people("ada", "bob")
    room = await ada.make_room("Attic", "PRIVATE", bob.id)
    async with stream(ada, WATCH, room=room, users=[bob.id]) as events:

        async def online() -> bool:
            event = await events.event()
            assert event is not None and event.id is None
            (one,) = event.data["data"]["presence"]
            assert one["userId"] == bob.id
            found: bool = one["online"]
            return found

        assert not await online()
        async with Speaker(server.port) as theirs:
            await theirs.init(token(bob))
            assert await online()
        assert not await online()
    async with stream(Asker(server), WATCH, room=room, users=[bob.id]) as events:
        event = await events.event()
        assert event is not None
        assert event.data["errors"][0]["extensions"]["code"] == "auth.required"


def test_a_change_during_a_resolver_is_sent_once_in_its_latest_state() -> None:
    service, teller, operation = mock.Mock(), mock.Mock(), mock.Mock()
    operation.listener.watches = set()
    service.presence.watch_members.return_value = {"a": False, "b": True}
    watch = PresenceWatch(service, mock.Mock(), ["a", "b", "stranger"], teller, operation)
    watch.begin()
    (next,) = teller.tell.call_args.args
    assert sorted(next()) == [("a", False), ("b", True)]
    assert next() is None
    for is_online in (True, False, True):
        watch.take({"a": is_online, "b": True, "stranger": True})
    assert next() == [UserPresence("a", True)]
    assert next() is None
