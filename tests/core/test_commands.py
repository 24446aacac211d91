"""Commands of plugins: who may run them, what they are given, what their failures mean, and repeats."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import pytest

from chatserver import ChatError, Command, Rest, RoomKind, RoomRole, ServerRole, StartupError
from chatserver.hooks.arguments import check_command
from chatserver.roomlog.room import Room
from chatserver.runtime.measure import Counter
from chatserver.service.commands import CommandOutcome
from chatserver.service.commands.runs import UNDER_WAY
from chatserver.testing.running import Chat, Person, running
from tests.core.commanding.tryout import Plugin
from tests.waiting import until

FOLDER = str(Path(__file__).parent / "commanding")
EVERYTHING = '/everything "a b" 3 0.5 yes GREEN small @bob'


class Scene(NamedTuple):
    """A private room of `ada`, with `bob` in it; `eve` is outside. Ada owns the server."""

    chat: Chat
    plugin: Plugin
    ada: Person
    bob: Person
    eve: Person
    room: Room

    async def refused(self, person: Person, text: str) -> ChatError:
        with pytest.raises(ChatError) as caught:
            await person.command(self.room, text)
        return caught.value

    def errors(self) -> dict[tuple[str, ...], float]:
        counter = self.chat.service.hooks.guard._errors
        assert isinstance(counter, Counter)
        return counter.values


@asynccontextmanager
async def scene(**settings: object) -> AsyncIterator[Scene]:
    given = {name.replace("__", "."): value for name, value in settings.items()}
    given |= {"plugins.folder": FOLDER}
    async with running("tryout", settings=given) as chat:
        ada, bob, eve = [await chat.user(name) for name in ("ada", "bob", "eve")]
        room = await ada.create_room("Lounge", kind=RoomKind.PRIVATE, members=[bob])
        plugin = next(each.instance for each in chat._server._plugins.all if each.name == "tryout")
        yield Scene(chat, plugin, ada, bob, eve, room)


# -- arguments ---------------------------------------------------------------------------------------


async def test_arguments_come_in_their_types() -> None:
    async with scene() as s:
        outcome = await s.bob.command(s.room, f'{EVERYTHING} #lounge  all of  "the" rest\nhere ')
        (ran,) = s.plugin.ran
        assert ran.user == s.bob.user and ran.room is s.room
        given = ran.arguments
        assert type(given).__name__ == "Everything"
        assert (given.word, given.count, given.share, given.loud) == ("a b", 3, 0.5, True)
        assert (given.tea, given.size.name) == ("green", "SMALL")
        assert (given.user, given.room) == (s.bob.user, s.room)
        assert given.text == 'all of  "the" rest\nhere'
        assert outcome.text is not None and s.bob.id in outcome.text
        assert outcome.message is None and not outcome.repeated
        await s.bob.command(s.room, f"{EVERYTHING} {s.room.id}")
        assert s.plugin.ran[-1].arguments.text == "nothing"


@pytest.mark.parametrize(
    ("text", "argument", "reason"),
    [
        ("/everything", "word", "missing"),
        ('/everything "a b', "word", "quote"),
        ('/everything ok 3 0.5 yes green small @bob "#Lounge', "room", "quote"),
        ("/everything far-too-long-a-word", "word", "bounds"),
        ("/everything ok three", "count", "whole"),
        ("/everything ok 3.5", "count", "whole"),
        ("/everything ok " + "9" * 5000, "count", "whole"),
        ("/everything ok 0", "count", "bounds"),
        ("/everything ok 3 half", "share", "number"),
        ("/everything ok 3 nan", "share", "number"),
        ("/everything ok 3 inf", "share", "number"),
        ("/everything ok 3 1 maybe", "loud", "yes"),
        ("/everything ok 3 1 no white", "tea", "choice"),
        ("/everything ok 3 1 no black huge", "size", "choice"),
        ("/everything ok 3 1 no black large @nobody", "user", "user"),
        ("/everything ok 3 1 no black large bob nowhere", "room", "room"),
        ("/everything ok 3 1 no black large bob", "room", "missing"),
        ("/optional 1 @bob more", "more", "extra"),
        ("/quiet " + "x" * 999, "x" * 40, "extra"),
        ("/say", "text", "missing"),
        ("/say   \n", "text", "missing"),
    ],
)
async def test_a_wrong_argument_is_named(text: str, argument: str, reason: str) -> None:
    async with scene() as s:
        error = await s.refused(s.bob, text)
        assert error.code == "command.invalid"
        assert error.detail["argument"] == argument
        assert (error.detail["field"], error.detail["reason"]) == ("argument", reason)
        assert error.text.startswith(f"{argument}: ")
        assert s.plugin.ran == []


async def test_what_is_left_out_has_its_default() -> None:
    async with scene() as s:
        for text, count, user in (
            ("/optional", None, None),
            ("/optional 4", 4, None),
            ("/OPTIONAL　4　@bob", 4, s.bob.user),
        ):
            await s.ada.command(s.room, text)
            given = s.plugin.ran[-1].arguments
            assert (given.count, given.user) == (count, user)


async def test_a_struct_may_refuse_with_its_own_reason() -> None:
    async with scene() as s:
        error = await s.refused(s.bob, "/optional 13")
        assert (error.code, error.text) == ("command.invalid", "Not 13, please.")
        assert s.errors() == {}


async def test_users_and_rooms_that_one_may_not_know_are_not_found() -> None:
    async with scene() as s:
        secret = await s.ada.create_room("Secret", kind=RoomKind.PRIVATE)
        start = "/everything ok 3 1 no black large"
        for room in (secret.id, "#Secret"):
            assert (await s.refused(s.bob, f"{start} bob {room}")).detail["reason"] == "room"
        await s.ada.command(s.room, f"{start} bob #secret")
        accounts = s.chat.service.accounts
        guest = await accounts.set_role("bob", ServerRole.GUEST)
        for name, reason in (("@eve", "user"), ("@ada", "")):
            with pytest.raises(ChatError) as caught:
                await s.chat.service.commands.run(guest, s.room, f"/optional 1 {name} x", name)
            assert caught.value.detail["reason"] == (reason or "extra")
        await accounts.set_role("bob", ServerRole.MEMBER)
        await accounts.lock("eve", True)
        assert (await s.refused(s.ada, "/optional 1 @eve")).detail["reason"] == "user"


async def test_of_rooms_with_the_same_name_none_is_meant() -> None:
    async with scene() as s:
        await s.bob.create_room("Lounge")
        assert (await s.refused(s.bob, f"{EVERYTHING} #lounge")).detail["reason"] == "room"
        await s.ada.command(s.room, f"{EVERYTHING} #lounge")  # ada is in one of them


# -- names, and who may ------------------------------------------------------------------------------


async def test_an_unknown_command_suggests_a_close_one() -> None:
    async with scene() as s:
        error = await s.refused(s.bob, "/quite now")
        assert error.code == "command.unknown" and error.detail == {"command": "quite"}
        assert error.text == "There is no command /quite here. Did you mean /quiet?"
        for text in ("quiet", "/", "//quiet", "/ quiet", "／quiet", "/" + "x" * 5000):
            error = await s.refused(s.bob, text)
            assert error.code == "command.unknown" and len(error.text) < 100
        assert (await s.refused(s.bob, "/own")).text.count("owners") == 0  # not one of bob's


OFFERED = {
    # (server, room): what is offered of admins, owners, staff
    (ServerRole.MEMBER, RoomRole.MEMBER): set(),
    (ServerRole.MEMBER, RoomRole.ADMIN): {"admins"},
    (ServerRole.MEMBER, RoomRole.OWNER): {"admins", "owners"},
    (ServerRole.GUEST, RoomRole.OWNER): set(),
    (ServerRole.ADMIN, RoomRole.MEMBER): {"admins", "staff"},
    (ServerRole.OWNER, RoomRole.OWNER): {"admins", "owners", "staff"},
}


@pytest.mark.parametrize(("server", "role"), OFFERED)
async def test_a_command_is_for_its_role_and_above(server: ServerRole, role: RoomRole) -> None:
    async with scene() as s:
        await s.chat.service.rooms.appoint(s.ada.user, s.room, s.bob.id, role)
        user = await s.chat.service.accounts.set_role("bob", server)
        commands = s.chat.service.commands
        offered = {each.name for each in commands.available(user, s.room)}
        assert offered >= {"quiet", "anybody"} and "public" not in offered
        for name in ("admins", "owners", "staff"):
            if name in OFFERED[server, role]:
                assert name in offered
                await commands.run(user, s.room, f"/{name}", name)
                continue
            assert name not in offered
            with pytest.raises(ChatError) as caught:
                await commands.run(user, s.room, f"/{name}", name)
            assert caught.value.code == "command.forbidden"


async def test_a_role_lost_while_plugins_are_asked_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with scene() as s:
        rooms = s.chat.service.rooms
        await rooms.appoint(s.ada.user, s.room, s.bob.id, RoomRole.ADMIN)

        async def allow(action: Any, user: Any) -> Any:
            monkeypatch.undo()
            await rooms.appoint(s.ada.user, s.room, s.bob.id, RoomRole.MEMBER)
            return action

        monkeypatch.setattr(s.chat.service.hooks, "allow", allow)
        assert (await s.refused(s.bob, "/admins")).code == "command.forbidden"
        assert s.plugin.ran == []


async def test_readers_who_are_no_members_run_what_is_for_the_server() -> None:
    async with scene() as s:
        lobby = await s.ada.create_room("Lobby")
        commands = s.chat.service.commands
        assert {each.name for each in commands.available(s.eve.user, lobby)} == {"anybody"}
        await s.eve.command(lobby, "/anybody")
        with pytest.raises(ChatError, match=r"command\.forbidden"):
            await s.eve.command(lobby, "/quiet")


async def test_a_hidden_room_seems_not_to_exist() -> None:
    async with scene() as s:
        commands, eve = s.chat.service.commands, s.eve.user
        with pytest.raises(ChatError, match=r"room\.not_found"):
            commands.available(eve, s.room)
        with pytest.raises(ChatError, match=r"room\.not_found"):
            await commands.complete(eve, s.room, "/q")
        for text in ("/anybody", "/nothing", ""):
            assert (await s.refused(s.eve, text)).code == "room.not_found"


async def test_a_command_exists_in_its_kinds_of_rooms() -> None:
    async with scene() as s:
        lobby = await s.ada.create_room("Lobby")
        await s.ada.command(lobby, "/public")
        assert (await s.refused(s.ada, "/public")).code == "command.unknown"
        direct = await s.chat.service.rooms.create(
            s.ada.user, RoomKind.DIRECT, None, members=[s.bob.id]
        )
        offered = {each.name for each in s.chat.service.commands.available(s.ada.user, direct)}
        assert "quiet" in offered and not offered & {"public", "admins", "owners"}


async def test_the_list_tells_how_each_is_typed() -> None:
    async with scene() as s:
        rows = {each.name: each for each in s.chat.service.commands.available(s.ada.user, s.room)}
        assert list(rows) == sorted(rows)
        usage = "/everything word count share yes|no green|black small|large @user #room [text…]"
        assert rows["everything"].usage == usage
        assert rows["optional"].usage == "/optional [count] [@user]"
        assert rows["quiet"].usage == "/quiet" and rows["quiet"].about == "Tries quiet out."
        assert (rows["quiet"].who, rows["staff"].who) == ("room.member", "server.admin")


# -- answers -----------------------------------------------------------------------------------------


async def test_an_answer_to_the_room_is_a_message_of_its_user() -> None:
    async with scene() as s:
        head = s.room.head
        outcome = await s.bob.command(s.room, "/say hello there")
        page = await s.chat.service.history.page(s.ada.user, s.room)
        message = page.messages[-1]
        assert (message.body, message.author.id) == ("hello there", s.bob.id)
        assert outcome == CommandOutcome(message=message.id, seq=head + 1)


async def test_a_note_is_for_its_user_alone() -> None:
    async with scene() as s:
        head = s.room.head
        outcome = await s.bob.command(s.room, "/optional")
        assert outcome.text and s.room.head == head
        assert await s.bob.command(s.room, "/quiet") == CommandOutcome()
        long = await s.bob.command(s.room, "/long")
        assert long.text is not None and len(long.text) == 8000


async def test_a_message_of_a_command_meets_the_checks_of_all_messages() -> None:
    settings = {
        "plugins.folder": FOLDER,
        "plugin.wordfilter.words": ["bad"],
        "limits.message_chars": 100,
    }
    async with running("tryout", "wordfilter", settings=settings) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        with pytest.raises(ChatError, match=r"message\.refused"):
            await ada.command(room, "/say bad")
        with pytest.raises(ChatError, match=r"limit\.size"):
            await ada.command(room, "/say " + "x" * 100)
        with pytest.raises(ChatError, match=r"limit\.size"):
            await chat.service.commands.complete(ada.user, room, "/say " + "x" * 100)
        assert room.head == 2


# -- failures ----------------------------------------------------------------------------------------

BROKEN = {
    "raise": "error",
    "garbage": "garbage",
    "blank": "garbage",
    "surrogate": "garbage",
    "hang": "timeout",
}


@pytest.mark.parametrize("name", BROKEN)
async def test_a_failure_refuses_its_own_call_and_names_the_plugin(name: str) -> None:
    async with scene(plugins__deadline_seconds=0.1) as s:
        error = await s.refused(s.bob, f"/{name}")
        assert error.code == "plugin.failed"
        assert s.errors() == {("tryout", "register_commands", BROKEN[name]): 1}
        await s.bob.command(s.room, "/quiet")
        await s.ada.command(s.room, "/quiet")
        assert [each.user.id for each in s.plugin.ran] == [s.bob.id, s.ada.id]


async def test_an_error_for_the_user_is_an_answer() -> None:
    async with scene() as s:
        error = await s.refused(s.bob, "/refuse")
        assert (error.code, error.text) == ("command.invalid", "Not on Sundays.")
        assert s.errors() == {}


async def test_time_outs_of_one_user_stop_no_other() -> None:
    async with scene(plugins__deadline_seconds=0.05, plugins__breaker_failures=2) as s:
        for _ in range(3):
            assert (await s.refused(s.bob, "/hang")).code == "plugin.failed"
        assert (await s.refused(s.bob, "/quiet")).code == "plugin.failed"
        assert s.errors()["tryout", "register_commands", "circuit_open"] == 2
        await s.ada.command(s.room, "/quiet")


async def test_a_command_may_have_longer_than_the_others() -> None:
    async with scene(plugins__deadline_seconds=0.05) as s:
        waiting = asyncio.create_task(s.bob.command(s.room, "/wait"))
        assert (await s.refused(s.ada, "/hang")).code == "plugin.failed"
        s.plugin.go_on.set()
        assert (await waiting).text == "Done."


# -- repeats -----------------------------------------------------------------------------------------


async def test_a_repeat_runs_nothing() -> None:
    async with scene() as s:
        first = await s.bob.command(s.room, "/optional", "c1")
        again = await s.bob.command(s.room, "/optional", "c1")
        assert (again.text, again.repeated) == (first.text, True)
        assert len(s.plugin.ran) == 1
        await s.ada.command(s.room, "/optional", "c1")  # somebody else's
        assert len(s.plugin.ran) == 2
        with pytest.raises(ChatError, match=r"message\.client_id_reused"):
            await s.bob.command(s.room, "/optional 1", "c1")


async def test_a_repeat_of_a_call_under_way_awaits_it() -> None:
    async with scene() as s:
        first = asyncio.create_task(s.bob.command(s.room, "/wait", "c1"))
        await until(lambda: bool(s.plugin.ran))
        again = asyncio.create_task(s.bob.command(s.room, "/wait", "c1"))
        first.cancel()  # its connection is lost
        await asyncio.wait([first])
        s.plugin.go_on.set()
        assert (await again).text == "Done."
        assert len(s.plugin.ran) == 1


async def test_a_repeat_that_leaves_ends_nothing() -> None:
    async with scene() as s:
        first = asyncio.create_task(s.bob.command(s.room, "/wait", "c1"))
        await until(lambda: bool(s.plugin.ran))
        again = asyncio.create_task(s.bob.command(s.room, "/wait", "c1"))
        await asyncio.sleep(0)
        again.cancel()
        await asyncio.wait([again])
        s.plugin.go_on.set()
        assert (await first).text == "Done."


async def test_a_call_that_failed_may_be_made_again() -> None:
    async with scene() as s:
        for _ in range(2):
            with pytest.raises(ChatError, match=r"plugin\.failed"):
                await s.bob.command(s.room, "/raise", "c1")
        assert s.errors() == {("tryout", "register_commands", "error"): 2}


async def test_a_posted_message_is_found_by_another_node() -> None:
    async with scene() as here, scene() as there:
        first = await here.bob.command(here.room, "/say hello", "c1")
        store, commands = there.chat.service.store, there.chat.service.commands
        store.__dict__ = here.chat.service.store.__dict__
        room = await there.chat.service.rooms.get(here.room.id)
        again = await commands.run(here.bob.user, room, "/say hello", "c1")
        assert (again.message, again.seq, again.repeated) == (first.message, first.seq, True)
        other = await here.bob.create_room("Other")
        room = await there.chat.service.rooms.get(other.id)
        with pytest.raises(ChatError, match=r"message\.client_id_reused"):
            await commands.run(here.bob.user, room, "/say hello", "c1")
        assert (len(here.plugin.ran), len(there.plugin.ran)) == (1, 0)


async def test_calls_under_way_are_bounded_by_user() -> None:
    async with scene() as s:
        calls = [
            asyncio.create_task(s.bob.command(s.room, "/wait", str(number)))
            for number in range(UNDER_WAY)
        ]
        await until(lambda: len(s.plugin.ran) == UNDER_WAY)
        error = await s.refused(s.bob, "/quiet")
        assert error.code == "limit.rate" and error.after_ms
        await s.ada.command(s.room, "/quiet")
        s.plugin.go_on.set()
        await asyncio.gather(*calls)
        await s.bob.command(s.room, "/quiet")
        kept = s.chat.service.commands._runs._users[s.bob.id]
        assert len(kept) < UNDER_WAY


async def test_a_stop_does_not_wait_for_a_command() -> None:
    async with scene() as s:
        call = asyncio.create_task(s.bob.command(s.room, "/wait"))
        await until(lambda: bool(s.plugin.ran))
    await asyncio.wait([call])
    assert call.cancelled()


# -- completion --------------------------------------------------------------------------------------


async def suggested(s: Scene, text: str, person: Person | None = None) -> list[str]:
    user = (person or s.bob).user
    return [each.text for each in await s.chat.service.commands.complete(user, s.room, text)]


async def test_names_and_values_are_suggested() -> None:
    async with scene() as s:
        assert await suggested(s, "/qu") == ["/quiet "]
        assert await suggested(s, "/ow") == [] and await suggested(s, "/ow", s.ada) == ["/owners "]
        start = "/everything ok 3 1 "
        assert await suggested(s, start) == [f"{start}yes ", f"{start}no "]
        assert await suggested(s, f"{start}yes g") == [f"{start}yes green "]
        start += "yes green small "
        assert await suggested(s, f"{start}@a") == [f"{start}@ada "]
        assert await suggested(s, start) == [f"{start}@ada ", f"{start}@bob "]
        await s.bob.create_room("My room")
        assert await suggested(s, f"{start}@bob #m") == [f'{start}@bob "#My room" ']
        assert await suggested(s, f'{start}@bob "#My r') == [f'{start}@bob "#My room" ']
        for text in ("quiet", "/quiet x", "/nothing x", "/everything ok", "/owners ", "//qu"):
            assert await suggested(s, text) == []


async def test_a_plugin_suggests_first_within_bounds() -> None:
    async with scene() as s:
        found = await s.chat.service.commands.complete(s.bob.user, s.room, "/optional 1")
        assert [each.text for each in found][:2] == ['/optional "10 of" ', '/optional "11 of" ']
        assert len(found) <= 10 and all(len(each.about) <= 200 for each in found)
        assert await suggested(s, "/optional 1 @b") == ["/optional 1 @bob"]


@pytest.mark.parametrize("name", ["raise", "garbage", "hang"])
async def test_suggestions_that_fail_hurt_no_command(name: str) -> None:
    async with scene(plugins__breaker_failures=1) as s:
        with pytest.raises(ChatError, match=r"plugin\.failed"):
            await suggested(s, f"/{name} x")
        assert s.errors() == {("tryout", "complete_command", BROKEN[name]): 1}
        await s.bob.command(s.room, "/quiet")


# -- at start ----------------------------------------------------------------------------------------


async def run(invocation: Any) -> None: ...


def command(**changes: Any) -> Command:
    return Command(**{"name": "tea", "about": "Makes tea.", "run": run} | changes)


def fields(**kinds: Any) -> type[msgspec.Struct]:
    made = [(name, *(kind if isinstance(kind, tuple) else (kind,))) for name, kind in kinds.items()]
    return msgspec.defstruct("Fields", made, kw_only=True)


def test_a_command_that_can_be_offered_is() -> None:
    check_command(command())
    check_command(command(arguments=fields(a=str, b=(int | None, None), c=(str, ""))))


REFUSED: Mapping[str, dict[str, Any]] = {
    "name must be": {"name": "Tea"},
    "name must be 1 to 32": {"name": "t" * 33},
    "its name must be": {"name": "tea time"},
    "about must be": {"about": " "},
    "about must be a sentence": {"about": "x" * 201},
    "run must be async def": {"run": lambda invocation: None},
    "complete must be async def": {"complete": lambda completion: []},
    "who must be": {"who": "owner"},
    "deadline must be": {"deadline": 0.0},
    "at most 10": {"deadline": 11.0},
    "a: <class 'dict'> is no type": {"arguments": fields(a=dict)},
    "b has no default, but a before it": {"arguments": fields(a=(str, ""), b=str)},
    "'Tea' is no choice": {"arguments": fields(a=Literal["Tea"])},
    "a takes the rest": {"arguments": fields(a=Rest, b=str)},
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_command_that_nobody_could_type_is_refused(text: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        check_command(command(**REFUSED[text]))
    assert text in str(caught.value)


async def test_a_taken_name_and_a_wrong_command_refuse_to_start(tmp_path: Path) -> None:
    source = "import chatserver\n\n\nclass Plugin:\n    def __init__(self, config): ...\n\n"
    source += (
        "    @chatserver.hookimpl\n    def register_commands(self):\n        return [chatserver."
    )
    source += "Command(name=%s, about='x', run=self.run)]\n\n    async def run(self, it): ...\n"
    for name, text in (
        ("help", "plugin mine: help is taken by slash_commands"),
        ("Helps", "plugin mine: command Helps: its name must be"),
    ):
        (tmp_path / "mine.py").write_text(source % json.dumps(name))
        with pytest.raises(StartupError) as caught:
            async with running(
                "slash_commands", "mine", settings={"plugins.folder": str(tmp_path)}
            ):
                pass
        assert text in str(caught.value)
