"""Whom the name of a group mentions: its members in the room, within bounds, whatever becomes of the plugin."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from chatserver import MessageEdited, Room, RoomKind, ServerRole
from chatserver.service import mentions
from chatserver.service.texts import MENTIONS
from chatserver.testing.running import Chat, Person, running
from tests.plugins.test_groups import make
from tests.waiting import until


@asynccontextmanager
async def scene(*plugins: str) -> AsyncIterator[tuple[Chat, list[Person], Room]]:
    """A server with Olga, its owner, Ada, Ben and Cat, and a room of all but Cat; the group `team` is all but Olga."""
    async with running("groups", *plugins) as chat:
        people = [await chat.user(name) for name in ("olga", "ada", "ben", "cat")]
        olga, ada, ben, cat = people
        room = await ada.create_room("Lounge", members=[olga, ben])
        await make(olga, "team", ada, ben, cat)
        yield chat, people, room


async def test_members_in_the_room_are_mentioned_but_not_the_author() -> None:
    async with scene() as (_, (olga, ada, ben, cat), room):
        assert (await olga.post(room, "Tea, @Team?")).mentions == (ada.id, ben.id)
        assert (await ada.post(room, "Tea, @team.")).mentions == (ben.id,)
        assert (await ada.post(room, "mail@team, @teams, @ team")).mentions == ()
        await make(olga, "others", olga, ben)
        both = await ada.post(room, "@others, @cat, @team and @ben")
        assert both.mentions == (cat.id, ben.id, olga.id)
        assert (await olga.post(room, "@team in @room")).mentions == ("@room",)
        await cat.join(room)
        assert (await olga.post(room, "@team")).mentions == (ada.id, ben.id, cat.id)


async def test_an_edited_message_mentions_whom_it_names_then() -> None:
    async with scene() as (chat, (olga, ada, ben, _), room):
        posted = await olga.post(room, "Tea")
        seq = await chat.service.messages.edit(olga.user, room, posted.id, "Tea, @team")
        (event,) = await chat.service.store.read(room.id, seq - 1, 1)
        assert isinstance(event, MessageEdited) and event.mentions == (ada.id, ben.id)


async def test_a_mention_counts_as_one_by_name() -> None:
    async with scene("inbox") as (_chat, (olga, ada, ben, _), room):
        message = await olga.post(room, "Tea, @team?")
        for person, count in ((ada, 1), (ben, 1), (olga, 0)):
            found = await person.http("GET", f"/api/v1/rooms/{room.id}")
            assert found.json["mentions"] == count
        assert message.mentions_user(ben.id) and not message.mentions_user(olga.id)

        async def entries() -> list[tuple[str, str]]:
            found = (await ben.http("GET", "/api/v1/inbox")).json["entries"]
            return [(each["kind"], each["message"]["id"]) for each in found]

        await until(lambda: is_in(entries, ("mention", message.id)))


async def is_in(ask: Callable[[], Awaitable[Sequence[object]]], wanted: object) -> bool:
    return wanted in await ask()


async def test_a_user_counts_before_a_group_of_the_same_name() -> None:
    async with scene() as (chat, (olga, _ada, _ben, _), room):
        await chat.service.accounts.rename("cat", new="team")  # by an operator, who may
        (mentioned,) = (await olga.post(room, "@team")).mentions
        assert (await chat.service.accounts.get(mentioned)).username == "team"


async def test_who_blocks_the_author_is_not_mentioned() -> None:
    async with scene() as (_, (_olga, ada, ben, cat), room):
        await cat.join(room)
        assert (await ada.http("PUT", f"/api/v1/me/blocks/{cat.id}")).status < 300
        assert (await cat.post(room, "@team")).mentions == (ben.id,)


async def test_guests_and_private_rooms_are_no_exception() -> None:
    async with scene() as (chat, (_olga, ada, ben, cat), _):
        private = await ada.create_room("Two", kind=RoomKind.PRIVATE, members=[ben])
        assert (await ada.post(private, "@team @cat")).mentions == (cat.id, ben.id)
        guest = await chat.service.accounts.set_role("ben", ServerRole.GUEST)
        ben.user = guest
        assert (await ben.post(private, "@team @cat")).mentions == (ada.id,)


async def test_one_message_mentions_so_many_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mentions, "MANY_MOST", 2)
    async with scene() as (_, (olga, ada, ben, cat), room):
        await cat.join(room)
        await make(olga, "two", cat)
        assert (await olga.post(room, "@two, @team")).mentions == (cat.id, ada.id)
        by_name = await olga.post(room, "@team and @cat")
        assert by_name.mentions == (cat.id, ada.id, ben.id)


async def test_who_calls_many_again_and_again_is_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mentions, "LARGE", 2)
    async with scene() as (_, (olga, ada, ben, cat), room):
        await make(olga, "pair", ada, cat)
        for _each in range(mentions.LARGE_BURST + 1):  # two of them are in the room
            assert (await olga.post(room, "@team")).mentions == (ada.id, ben.id)
        await cat.join(room)
        for _each in range(mentions.LARGE_BURST):
            assert len((await olga.post(room, "@team")).mentions) == 3
        assert (await olga.post(room, "@team, and @ben")).mentions == (ben.id,)
        assert (await olga.post(room, "@pair")).mentions == (ada.id, cat.id)
        assert len((await ada.post(room, "@team")).mentions) == 2  # another person is not affected
        assert len((await ada.post(room, "@team @here")).mentions) == 2


async def test_groups_share_the_bounds_of_names_in_a_text() -> None:
    async with scene() as (_, (olga, ada, ben, _cat), room):
        some = " ".join(f"@nobody{number}" for number in range(MENTIONS - 1))
        assert (await olga.post(room, f"{some} @team")).mentions == (ada.id, ben.id)
        assert (await olga.post(room, f"{some} @nobody @team")).mentions == ()


async def test_texts_without_unknown_names_ask_for_no_groups(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with scene() as (chat, (olga, _ada, _ben, _), room):
        asked: list[Sequence[str]] = []
        find = chat.service.hooks.find_groups

        async def noted(user: Any, room: str, names: Sequence[str]) -> Any:
            asked.append(names)
            return await find(user, room, names)

        monkeypatch.setattr(chat.service.hooks, "find_groups", noted)
        for text in ("Tea", "@ada and @ben", "@here", "@room with @team"):
            await olga.post(room, text)
        assert asked == []
        await olga.post(room, "@ada @TEAM @here @none")
        assert asked == [["team", "none"]]


WITH_GROUPS = """
import asyncio

import chatserver

class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        self.members = {}
        self.asked = []

    @chatserver.hookimpl
    async def find_groups(self, user, room, names):
        self.asked.append((user.id, room, list(names)))
        if self.members == "hang":
            await asyncio.Event().wait()
        if isinstance(self.members, Exception):
            raise self.members
        return self.members
"""


@asynccontextmanager
async def two_plugins(
    folder: Path, **settings: object
) -> AsyncIterator[tuple[Chat, list[Any], Person, Person, Room]]:
    """A server with two plugins that know groups, with Ada and Ben in a room of theirs."""
    names = ("one", "two")
    for name in names:
        (folder / f"{name}.py").write_text(WITH_GROUPS)
    given = {"plugins.folder": str(folder), **settings}
    async with running(*names, settings=given) as chat:
        plugins = [each.instance for each in chat._server._plugins.all if each.name in names]
        ada, ben = await chat.user("ada"), await chat.user("ben")
        yield chat, plugins, ada, ben, await ada.create_room("Lounge", members=[ben])


async def test_all_plugins_are_asked_and_the_first_group_of_a_name_counts(tmp_path: Path) -> None:
    async with two_plugins(tmp_path) as (chat, (one, two), ada, ben, room):
        cat = await chat.user("cat")
        await cat.join(room)
        one.members = {"red": [cat.id], "unasked": [ben.id]}
        two.members = {"red": [ben.id], "blue": {ben.id}, "none": ()}
        assert (await ada.post(room, "@red")).mentions == (cat.id,)
        assert (await ada.post(room, "@red @blue @none")).mentions == (cat.id, ben.id)
        asked = [(ada.id, room.id, ["red"]), (ada.id, room.id, ["red", "blue", "none"])]
        assert one.asked == two.asked == asked
        one.members = None
        assert (await ada.post(room, "@red")).mentions == (ben.id,)


@pytest.mark.parametrize(
    "answer", ["hang", RuntimeError("broken"), 42, ["x"], {"red": 5}, {"red": "ben"}, {"red": [1]}]
)
async def test_a_plugin_that_fails_mentions_nobody_and_loses_no_message(
    tmp_path: Path, answer: object
) -> None:
    settings = {
        "plugins.deadline_seconds": 0.5,
        "plugins.breaker_failures": 2,
        "plugins.breaker_seconds": 600,
    }
    async with two_plugins(tmp_path, **settings) as (_, (one, two), ada, ben, room):
        one.members, two.members = answer, {"blue": [ben.id]}
        for _each in range(4):  # more often than the breaker takes
            event = await ada.post(room, "@red @blue")
            assert event.body == "@red @blue" and event.mentions == (ben.id,)
        assert len(two.asked) == 4
        if answer == "hang":
            assert len(one.asked) == 2  # the others were not kept waiting
