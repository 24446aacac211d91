"""The suite that the commands of every plugin must pass. Needs pytest and pytest-tornasync.

    class TestMyCommands(CommandContract):
        plugin = "kudos"
        settings = {"plugins.folder": "local"}
        samples = {"thank": "/thank @bob the cake", "thanks": "/thanks"}

`samples` has a text for each command, which `ada` can run in any kind of room where the command exists. She owns the
server and the room; `bob` is in the room, `eve` is not.
"""

from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from itertools import product
from typing import ClassVar, NamedTuple

from chatserver import ChatError, Command, Room, RoomKind, RoomRole, ServerRole
from chatserver.runtime.ids import new_id
from chatserver.testing.running import Chat, Person, running

SUGGESTIONS = 10
# Behind a command's name; what people and programs send by mistake or on purpose.
ODD = (
    *(
        "",
        "x",
        "0",
        "-1",
        "99999999999999999999",
        "yes",
        "@",
        "#",
        "@nobody",
        "#nowhere",
        "@bob @bob",
    ),
    *('"', '"a b', '""', "“", "\\", "\0", "\u202e", "a\nb", "日本語", "🙂", "e\u0301" * 99),
    *("x " * 999, "x" * 7000, "{}", "%s", "../../etc/passwd", "<script>", "' OR 1=1 --"),
)


class Scene(NamedTuple):
    """A server with the plugin, and its people."""

    chat: Chat
    ada: Person
    bob: Person

    def command(self, name: str) -> Command:
        return next(each for each in self.chat.service.commands.all() if each.name == name)

    async def room(
        self, kind: RoomKind = RoomKind.PUBLIC, bobs_role: RoomRole = RoomRole.OWNER
    ) -> Room:
        """A room of ada's with bob; in a direct room nobody has a role. As an owner, bob stays when ada leaves."""
        is_direct = kind is RoomKind.DIRECT
        rooms, ada, bob = self.chat.service.rooms, self.ada.user, self.bob.id
        room = await rooms.create(ada, kind, None if is_direct else "Lounge", members=[bob])
        if not is_direct:
            await rooms.appoint(ada, room, bob, bobs_role)
        return room


class CommandContract:
    """Subclass it; name the plugin, and give a sample of each command."""

    plugin: ClassVar[str]
    settings: ClassVar[Mapping[str, object]] = {}
    samples: ClassVar[Mapping[str, str]]

    async def test_each_command_has_a_sample(self) -> None:
        async with self._scene() as scene:
            assert {each.name for each in scene.chat.service.commands.all()} == set(self.samples)
        for name, text in self.samples.items():
            assert text.partition(" ")[0] == f"/{name}"

    async def test_each_sample_is_answered_in_each_kind_of_room(self) -> None:
        async with self._scene() as scene:
            for kind, (name, text) in product(RoomKind, self.samples.items()):
                room = await scene.room(kind)
                if kind in scene.command(name).rooms:
                    await scene.ada.command(room, text)
                else:
                    code = await _code_of(scene.ada.command(room, text))
                    assert code == "command.unknown"

    async def test_a_command_is_offered_to_those_who_may_run_it(self) -> None:
        async with self._scene() as scene:
            commands = scene.chat.service.commands
            for on_server, role in product(ServerRole, RoomRole):
                user = await scene.chat.service.accounts.set_role("bob", on_server)
                bob = Person(scene.chat, user, scene.bob.token)
                for name, text in self.samples.items():
                    room = await scene.room(bobs_role=role)
                    if RoomKind.PUBLIC not in scene.command(name).rooms:
                        continue
                    is_offered = name in [each.name for each in commands.available(user, room)]
                    code = await _code_of(bob.command(room, text))
                    assert is_offered == (code != "command.forbidden"), (name, on_server, role)

    async def test_odd_arguments_break_nothing(self) -> None:
        async with self._scene() as scene:
            commands, ada = scene.chat.service.commands, scene.ada
            for name, text in self.samples.items():
                room = await scene.room()
                for odd in ODD:
                    if room.role(ada.id) is None:  # the command was to leave
                        room = await scene.room()
                    for typed in (f"/{name} {odd}", f"{text} {odd}"):
                        completing = commands.complete(ada.user, room, typed)
                        assert await _code_of(completing) != "plugin.failed", typed
                        run = ada.command(room, typed)
                        assert await _code_of(run) != "plugin.failed", typed

    async def test_a_repeat_runs_once(self) -> None:
        async with self._scene() as scene:
            for kind, (name, text) in product(RoomKind, self.samples.items()):
                if kind not in scene.command(name).rooms:
                    continue
                room, call = await scene.room(kind), new_id()
                first = await scene.ada.command(room, text, call)
                head = room.head
                try:
                    again = await scene.ada.command(room, text, call)
                except ChatError:  # the command took away the right to run it
                    continue
                assert again.repeated and again.text == first.text
                assert (again.message, room.head) == (first.message, head)

    async def test_suggestions_continue_what_is_typed(self) -> None:
        async with self._scene() as scene:
            room = await scene.room()
            for text in self.samples.values():
                for end in range(1, len(text) + 1):
                    typed = text[:end]
                    found = await scene.chat.service.commands.complete(scene.ada.user, room, typed)
                    assert len(found) <= max(SUGGESTIONS, len(self.samples))
                    head = typed.rpartition(" ")[0] or "/"
                    assert all(each.text.startswith(head) and each.label for each in found)

    @asynccontextmanager
    async def _scene(self) -> AsyncIterator[Scene]:
        async with running(self.plugin, settings=self.settings) as chat:
            ada, bob, eve = [await chat.user(name) for name in ("ada", "bob", "eve")]
            await eve.create_room("Elsewhere")
            yield Scene(chat, ada, bob)


async def _code_of(call: Awaitable[object]) -> str:
    """The code of the error of a call, "" without one."""
    try:
        await call
    except ChatError as error:
        return error.code
    return ""
