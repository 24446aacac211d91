"""What plugins observe of reading: on every node that learns of it, and only in the rooms that they name."""

from pathlib import Path

import pytest

from chatserver.errors import StartupError
from chatserver.hooks.guard import Call
from chatserver.hooks.types import ReadMark
from chatserver.model import MessagePosted, RoomKind
from chatserver.runtime.measure import Measures
from chatserver.service.service import Service
from chatserver.testing.running import running as served
from chatserver_plugins.memory import MemoryStore
from tests.core.buses import Wire
from tests.core.nodes import add_user, config, hook_calls, make_service, running
from tests.core.scene import scene
from tests.waiting import until


def noted(service: Service, monkeypatch: pytest.MonkeyPatch) -> list[ReadMark]:
    """The marks that plugins of this node are told of."""
    marks: list[ReadMark] = []
    monkeypatch.setattr(service.hooks, "on_read", marks.append)
    return marks


async def test_every_node_is_told_of_who_has_read_further(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene(Wire()) as world:
        here, there = [noted(each, monkeypatch) for each in (world.first, world.second)]
        await world.post(3)
        room = await world.first.rooms.get(world.room.id)
        for seq in (room.head - 1, room.head - 2, room.head - 1, room.head + 9):
            await world.first.rooms.mark_read(world.owner, room, seq)
        wanted = [
            ReadMark(user=world.owner.id, room=room.id, seq=seq)
            for seq in (room.head - 1, room.head)  # only what moves the position forward
        ]
        assert here == wanted
        await until(lambda: there == wanted)


async def test_who_joins_has_read_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene() as world:
        marks = noted(world.first, monkeypatch)
        await world.post(1)
        bob = await world.member("bob")
        assert marks == []
        room = await world.first.rooms.get(world.room.id)
        found = await world.first.rooms.read_marks(room, [bob.id, world.owner.id])
        assert found == {bob.id: room.members[bob.id].since, world.owner.id: 2}


async def test_members_are_there_since_their_newest_event_also_when_it_is_read_again() -> None:
    store = MemoryStore()
    async with running(make_service(store, config())) as first:
        ada, bob = [await add_user(first, name) for name in ("ada", "bob")]
        room = await first.rooms.create(ada, RoomKind.PUBLIC, "room")
        event, _ = await first.messages.post(ada, room, "c", "hello")
        assert isinstance(event, MessagePosted)
        await first.rooms.join(bob, room)
        since = {user: member.since for user, member in room.members.items()}
        assert since[ada.id] < event.seq < since[bob.id]
    async with running(make_service(store, config())) as second:
        found = await second.rooms.get(room.id)
        assert {user: member.since for user, member in found.members.items()} == since


async def test_a_plugin_is_told_of_the_rooms_that_it_names_at_the_moment() -> None:
    told: list[str] = []
    rooms: set[str] = set()

    async def on_read(mark: ReadMark) -> None:
        told.append(mark.room)

    async def all_of_them(mark: ReadMark) -> None:
        told.append("all")

    calls = [
        Call("some", on_read, ["mark"], rooms=rooms),
        Call("every", all_of_them, ["mark"]),
    ]
    hooks = hook_calls(config(), Measures(), {"on_read": calls})

    async def read(room: str) -> None:
        hooks.on_read(ReadMark(user="u", room=room, seq=1))
        for plugin in ("some", "every"):
            await hooks.observers.passed(plugin, 60.0)

    await read("r")
    rooms.add("r")
    await read("r")
    await read("other")
    rooms.clear()
    await read("r")
    assert sorted(told) == ["all", "all", "all", "all", "r"]
    await hooks.observers.close(1.0)


@pytest.mark.parametrize("given", [["r"], "r", 5])
async def test_rooms_that_are_no_set_refuse_to_start(tmp_path: Path, given: object) -> None:
    (tmp_path / "local").mkdir()
    (tmp_path / "local" / "reads.py").write_text(
        "import chatserver\n"
        "class Plugin:\n"
        f"    read_rooms = {given!r}\n"
        "    def __init__(self, config: chatserver.Settings) -> None: ...\n"
        "    @chatserver.hookimpl\n"
        "    async def on_read(self, mark): ...\n"
    )
    with pytest.raises(StartupError, match="plugin reads: read_rooms: expected a set"):
        async with served("reads", settings={"plugins.folder": str(tmp_path / "local")}):
            pass
