"""Claims: what a plugin guards is refused while it is not there, and its name is told."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from chatserver.errors import ChatError
from chatserver.hooks.actions import React, RoomJoin
from chatserver.model import ServerRole, User
from chatserver.roomlog.room import Room
from chatserver.service.service import Service
from chatserver.testing.running import Chat, Person, running
from tests.waiting import until

GUARD = """
from chatserver import RoomJoin, hookimpl

class Plugin:
    def __init__(self, config):
        pass

    @hookimpl
    async def startup(self, context):
        self.context = context

    @hookimpl
    async def check_message(self, draft):
        return None
"""


def settings(folder: Path, data: str, *on: str) -> dict[str, object]:
    (folder / "guard.py").write_text(GUARD)
    (folder / "data").mkdir(exist_ok=True)
    return {
        "plugins.folder": str(folder),
        "plugins.enabled": ["sqlite", "password", *on],
        "server.data": str(folder / data),
    }


def guard(chat: Chat) -> Any:
    return next(each.instance for each in chat._server._plugins.all if each.name == "guard")


async def refusal(service: Service, user: User, room: Room, number: str) -> str:
    """The code with which a message is refused, and the plugin that is named; "" if it passes."""
    try:
        await service.messages.post(user, room, number, "Hello")
    except ChatError as error:
        return f"{error.code} {error.detail.get('plugin')}"
    return ""


async def test_what_a_plugin_guards_is_refused_while_it_is_away(tmp_path: Path) -> None:
    async with running(settings=settings(tmp_path, "data", "guard")) as chat:
        ada = await chat.user("ada")
        guarded, other = await ada.create_room("Guarded"), await ada.create_room("Other")
        await guard(chat).context.claim("message", guarded.id)
        await guard(chat).context.claim(RoomJoin)
        await guard(chat).context.claim(RoomJoin)
        await ada.post(guarded, "while it is there")

    async with running(settings=settings(tmp_path, "data")) as chat:
        service = chat.service
        user = await service.accounts.get(ada.id)
        guarded = await service.rooms.get(guarded.id)
        other = await service.rooms.get(other.id)
        assert await refusal(service, user, guarded, "1") == "plugin.absent guard"
        assert await refusal(service, user, other, "2") == ""
        page = await service.history.page(user, guarded, None, 10)
        (message,) = page.messages
        with pytest.raises(ChatError, match=r"plugin\.absent"):
            await service.messages.edit(user, guarded, message.id, "changed")
        await service.messages.react(user, guarded, message.id, "🙂")  # nobody claims it
        bob = await chat.user("bob")
        with pytest.raises(ChatError, match=r"plugin\.absent.*guard"):
            await bob.join(other)
        claims = await service.claims.list("guard")
        assert {(claim.action, claim.room) for claim in claims} == {
            ("message", guarded.id),
            ("RoomJoin", None),
        }
        assert len(await service.claims.release("guard", RoomJoin)) == 1
        await bob.join(other)
        assert await refusal(service, user, guarded, "3") == "plugin.absent guard"
        assert len(await service.claims.release("guard")) == 1
        assert await refusal(service, user, guarded, "4") == ""
        assert not service.hooks.active.messages_are_checked

    async with running(settings=settings(tmp_path, "data")) as chat:
        assert await chat.service.claims.list() == []


async def test_a_plugin_that_is_back_guards_again_and_lets_go(tmp_path: Path) -> None:
    async with running(settings=settings(tmp_path, "data", "guard")) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Guarded")
        await guard(chat).context.claim("message", room.id)
    async with running(settings=settings(tmp_path, "data", "guard")) as chat:
        user = await chat.service.accounts.get(ada.id)
        room = await chat.service.rooms.get(room.id)
        assert await refusal(chat.service, user, room, "1") == ""
        await guard(chat).context.release("message")  # of all rooms: there is no such claim
        assert len(await chat.service.claims.list()) == 1
        await guard(chat).context.release("message", room.id)
        assert await chat.service.claims.list() == []


async def test_another_node_learns_of_a_claim(tmp_path: Path) -> None:
    """Two services on one store: a command releases what the other's users run into."""
    async with running(settings=settings(tmp_path, "data")) as chat:
        service = chat.service
        ada = await chat.user("ada")
        room = await ada.create_room("Guarded")
        key = "guard/message/"
        raw = b'{"plugin":"guard","action":"message","room":null,"at":"2026-01-01T00:00:00.000Z"}'
        await service.store.put("claims", key, raw)
        await service.changes.announce("claims", "guard")
        await service.changes.look()
        await until(lambda: service.hooks.active.messages_are_checked)
        assert await refusal(service, ada.user, room, "1") == "plugin.absent guard"
        await service.store.delete("claims", key)
        await until(lambda: not service.hooks.active.messages_are_checked)
        assert await refusal(service, ada.user, room, "2") == ""


async def test_a_node_that_was_cut_off_learns_of_a_claim_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The note of it was there and is removed, while this node could not read it."""
    monkeypatch.setattr("chatserver.service.service.CLAIMS_SECONDS", 0.01)
    async with running(settings=settings(tmp_path, "data")) as chat:
        service = chat.service
        ada = await chat.user("ada")
        room = await ada.create_room("Guarded")
        raw = b'{"plugin":"guard","action":"message","room":null,"at":"2026-01-01T00:00:00.000Z"}'
        await service.store.put("claims", "guard/message/", raw)
        await until(lambda: service.hooks.active.messages_are_checked)
        assert await refusal(service, ada.user, room, "1") == "plugin.absent guard"
        await service.store.delete("claims", "guard/message/")
        await until(lambda: not service.hooks.active.messages_are_checked)
        assert await refusal(service, ada.user, room, "2") == ""


async def test_only_actions_that_exist_can_be_claimed() -> None:
    async with running() as chat:
        with pytest.raises(
            ValueError, match="there is no action messages; there are message, Register"
        ):
            await chat.service.claims.add("guard", "messages")
        await chat.service.claims.add("guard", React)
        assert [claim.action for claim in await chat.service.claims.list()] == ["React"]


async def test_a_claim_of_some_users_refuses_them_alone(tmp_path: Path) -> None:
    async with running(settings=settings(tmp_path, "data", "guard")) as chat:
        context = guard(chat).context
        ada, bob, carol = [await chat.user(name) for name in ("ada", "bob", "carol")]
        room = await ada.create_room("Guarded", members=(bob, carol))
        await context.claim("message", room.id)
        await context.claim("message", room.id, having="kept/", roles=(ServerRole.OWNER,))
        await context.records.put(f"kept/{bob.id}", b"x")
        await context.records.put("kept", b"no user's")
        await context.records.put(f"other/{carol.id}", b"under another name")
        (claim,) = await chat.service.claims.counted(await chat.service.claims.list())
        assert (claim.users, claim.roles, claim.is_more) == (1, ("owner",), False)

    async with running(settings=settings(tmp_path, "data")) as chat:
        service = chat.service
        room = await service.rooms.get(room.id)
        store = service.store

        async def refused(person: Person, number: str) -> str:
            return await refusal(service, person.user, room, number)

        assert await refused(ada, "1") == "plugin.absent guard"  # the owner of the server
        assert await refused(bob, "2") == "plugin.absent guard"
        assert await refused(carol, "3") == ""
        await store.put("plugin/guard", f"kept/{carol.id}", b"")
        await store.delete("plugin/guard", f"kept/{bob.id}")
        assert await refused(bob, "4") == ""
        assert await refused(carol, "5") == "plugin.absent guard"


async def test_of_two_absent_plugins_each_refuses_its_own_users(tmp_path: Path) -> None:
    async with running(settings=settings(tmp_path, "data")) as chat:
        service = chat.service
        people = [await chat.user(name) for name in ("ada", "bob", "carol")]
        room = await people[0].create_room("Lounge", members=people[1:])
        for plugin, person in zip(("one", "two"), people, strict=False):
            await service.claims.add(plugin, "message", having="")
            await service.store.put(f"plugin/{plugin}", person.id, b"x")
        await service.claims.load()
        found = [await refusal(service, each.user, room, each.id) for each in people]
        assert found == ["plugin.absent one", "plugin.absent two", ""]


async def test_the_last_claim_of_an_action_counts(tmp_path: Path) -> None:
    async with running(settings=settings(tmp_path, "data")) as chat:
        claims = chat.service.claims
        await claims.add("guard", RoomJoin)
        (first,) = await claims.list()
        await claims.add("guard", RoomJoin)
        assert await claims.list() == [first], "not a new one"
        await asyncio.gather(
            claims.add("guard", RoomJoin, having="kept/"),
            claims.add("guard", RoomJoin, having="kept/"),
        )
        (some,) = await claims.list()
        assert (some.having, some.is_of_some, first.is_of_some) == ("kept/", True, False)


async def test_users_are_counted_up_to_a_bound(tmp_path: Path) -> None:
    async with running(settings=settings(tmp_path, "data")) as chat:
        service = chat.service
        await service.claims.add("guard", RoomJoin, having="kept/")
        for number in range(1001):
            await service.store.put("plugin/guard", f"kept/{number}", b"x")
        listed = await service.claims.list()
        found = [
            (claim.users, claim.is_more)
            for most in (1000, 1001, None)
            for claim in await service.claims.counted(listed, most)
        ]
        assert found == [(1000, True), (1001, False), (1001, False)]


async def test_without_an_absent_plugin_no_record_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(settings=settings(tmp_path, "data", "guard")) as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Guarded")
        await guard(chat).context.claim("message", having="kept/")
        read = []
        get = chat.service.store.get

        async def noted(space: str, key: str) -> bytes | None:
            read.append(space)
            return await get(space, key)

        monkeypatch.setattr(chat.service.store, "get", noted)
        await ada.post(room, "Hello")
        assert "plugin/guard" not in read


async def test_a_claim_of_a_role_alone_refuses_no_others(tmp_path: Path) -> None:
    async with running(settings=settings(tmp_path, "data")) as chat:
        service = chat.service
        ada, bob = await chat.user("ada"), await chat.user("bob")
        room = await ada.create_room("Lounge", members=(bob,))
        await service.claims.add("guard", "message", roles=[ServerRole.OWNER])
        await service.claims.load()
        assert await refusal(service, ada.user, room, "1") == "plugin.absent guard"
        assert await refusal(service, bob.user, room, "2") == ""


async def test_a_plugin_spares_only_users_of_whom_it_does_not_claim_the_action(
    tmp_path: Path,
) -> None:
    async with running(settings=settings(tmp_path, "data")) as chat:
        claims, ada = chat.service.claims, await chat.user("ada")
        bob = await chat.user("bob")

        async def spared(person: Person) -> bool:
            return await claims.spares("guard", RoomJoin, person.user)

        assert not await spared(bob), "it claims nothing, so nobody knows whom it is about"
        await claims.add("guard", React, roles=[ServerRole.GUEST])
        await claims.add("other", RoomJoin, roles=[ServerRole.GUEST])
        assert not await spared(bob), "these are other claims"
        await claims.add("guard", RoomJoin, roles=[ServerRole.OWNER])
        assert (await spared(ada), await spared(bob)) == (False, True)
        await claims.add("guard", RoomJoin)
        assert not await spared(bob), "it claims it of everybody"


async def test_a_claim_that_is_there_is_announced_to_nobody(tmp_path: Path) -> None:
    async with running(settings=settings(tmp_path, "data")) as chat:
        service = chat.service
        await service.claims.add("guard", RoomJoin)
        before = await service.store.scan("changed", "")
        assert before
        await service.claims.add("guard", RoomJoin)
        assert await service.store.scan("changed", "") == before
