"""Following several rooms while they change: the events that the connection gets."""

import asyncio

from chatserver.app import Server
from chatserver.model import User
from chatserver.roomlog.room import Room
from tests.protocol.client import ANSWER_SECONDS
from tests.protocol.conftest import Start
from tests.protocol.running import Running


class SlowRoom:
    """One room of a running server, found only when it is let go."""

    def __init__(self, running: Running, room: str) -> None:
        rooms = running.server.service.rooms
        find = rooms.get
        self._running, self._reached, self._go = running, asyncio.Event(), asyncio.Event()

        async def get(name: str, user: User | None = None) -> Room:
            if name == room:
                self._reached.set()
                await self._go.wait()
            return await find(name, user)

        rooms.get = get  # type: ignore[method-assign]

    async def reached(self) -> None:
        async def wait(server: Server) -> None:
            await asyncio.wait_for(self._reached.wait(), ANSWER_SECONDS)

        await self._running.run(wait)

    async def let_go(self) -> None:
        async def go(server: Server) -> None:
            self._go.set()

        await self._running.run(go)


async def test_a_member_removed_while_subscribing_hears_nothing(start: Start) -> None:
    running = start()
    anna, ben = await running.people("anna", "ben")
    async with anna.connect() as owner, ben.connect() as member:
        secret = await owner.ok("create", kind="private", name="secret", members=[ben.id])
        other = await owner.ok("create", kind="public", name="other")
        slow = SlowRoom(running, other["id"])
        wanted = member.begin("sub", rooms={secret["id"]: None, other["id"]: None})
        await slow.reached()
        await owner.ok("kick", room=secret["id"], user=ben.id)
        await slow.let_go()
        answer = (await wanted)["ok"]["rooms"]
        assert answer[secret["id"]]["state"] == "error"
        assert answer[secret["id"]]["error"]["code"] == "room.not_found"
        assert answer[other["id"]]["state"] == "live"
        await owner.ok("send", room=secret["id"], client_id="1", body="without ben")
        await member.ok("ping")
        heard = [event for event in member.received if event.get("room") == secret["id"]]
        assert all(event["ev"] in ("room.added", "room.removed") for event in heard)


async def test_rooms_beyond_those_kept_in_memory_are_followed_all_the_same(start: Start) -> None:
    running = start({"delivery.rooms_loaded": 2})
    anna = await running.person("anna")
    async with anna.connect() as client:
        rooms = [(await client.ok("create", name=f"room {n}"))["id"] for n in range(6)]
        await client.ok("sub", rooms=dict.fromkeys(rooms))
        for room in rooms:
            sent = await client.ok("send", room=room, client_id=room, body="hello")
            event = await asyncio.wait_for(client.events.get(), ANSWER_SECONDS)
            while event["ev"] != "message.posted":
                event = await asyncio.wait_for(client.events.get(), ANSWER_SECONDS)
            assert (event["room"], event["seq"]) == (room, sent["seq"])


async def test_following_rooms_again_counts_them_once(start: Start) -> None:
    running = start({"limits.subscriptions": 2})
    anna = await running.person("anna")
    async with anna.connect() as client:
        rooms = [(await client.ok("create", name=f"room {n}"))["id"] for n in range(3)]
        for _ in range(2):
            await client.ok("sub", rooms=dict.fromkeys(rooms[:2]))
        answer = await client.ask("sub", rooms={rooms[2]: None})
        assert answer["error"]["code"] == "limit.count"


async def test_a_flood_of_typing_reaches_nobody(server: Running) -> None:
    anna, ben = await server.people("anna", "ben")
    async with anna.connect() as typing, ben.connect() as other:
        room = (await typing.ok("create", name="flooded"))["id"]
        await other.ok("sub", rooms={room: None})
        for _ in range(300):
            typing.say({"op": "typing", "room": room})
        await typing.ok("send", room=room, client_id="1", body="done")
        heard = []
        while not heard or heard[-1] != "message.posted":
            heard.append((await asyncio.wait_for(other.events.get(), ANSWER_SECONDS))["ev"])
        assert 1 <= heard.count("typing") <= 10
