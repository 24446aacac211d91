"""What people say of themselves for a while: set by them alone, told to those who see them, over when it ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from chatserver.errors import ChatError
from chatserver.hooks.actions import ProfileChange
from chatserver.hooks.guard import Call
from chatserver.hooks.types import AccountChange, Actor
from chatserver.model import RoomKind, ServerRole, Status
from chatserver.runtime.clock import text_of
from chatserver.service.service import Service
from chatserver.service.statuses import BURST
from chatserver.testing.clock import FakeClock
from chatserver_plugins.memory import MemoryStore
from tests.core.buses import Wire
from tests.core.clients import Reader
from tests.core.nodes import add_user, config, make_service, running
from tests.core.scene import scene

pytestmark = pytest.mark.virtual_time
LUNCH = Status(emoji="🍜", text="at lunch")


@asynccontextmanager
async def one_node(calls: Any = None) -> AsyncIterator[tuple[Service, FakeClock]]:
    clock = FakeClock()
    async with running(make_service(MemoryStore(), config(), calls, clock=clock)) as service:
        yield service, clock


async def refusal(work: Any) -> ChatError:
    with pytest.raises(ChatError) as refused:
        await work
    return refused.value


def told(reader: Reader) -> list[dict[str, Any]]:
    return [frame for frame in reader.pipe.received if frame.get("ev") == "status"]


async def test_a_status_is_seen_until_its_time_is_over() -> None:
    async with one_node() as (service, clock):
        ada, bob = await add_user(service, "ada"), await add_user(service, "bob")
        room = await service.rooms.create(ada, RoomKind.PRIVATE, "room", members=[bob.id])
        until = text_of(clock.now() + 1800)
        set_ = await service.statuses.set(ada, Status(text=" in a\nmeeting ", until=until))
        meeting = Status(text="in a meeting", until=until)
        assert set_.status == meeting

        async def seen() -> list[Status | msgspec.UnsetType | None]:
            members = await service.rooms.members(bob, room)
            (member,) = [each for each in members.members if each.id == ada.id]
            (listed,) = [each for each in await service.accounts.list() if each.id == ada.id]
            by_name = await service.accounts.found(bob, "ada")
            assert by_name is not None
            asked = await service.statuses.of(bob, [ada.id, bob.id, ada.id, "nobody"])
            assert asked.users.keys() <= {ada.id}
            signed_in, _ = await service.accounts.login("ada", "a long password", "")
            return [
                *(member.status, listed.status, by_name.status),
                *((await service.accounts.get(ada.id)).status, signed_in.status),
                asked.users.get(ada.id, msgspec.UNSET),
            ]

        assert await seen() == [meeting] * 6
        await clock.advance(1800 - 1)
        assert await seen() == [meeting] * 6
        await clock.advance(1)
        assert await seen() == [msgspec.UNSET] * 6
        assert (await service.statuses.set(ada, Status())).status is msgspec.UNSET


async def test_a_status_without_an_end_stays_until_it_is_cleared() -> None:
    async with one_node() as (service, clock):
        ada = await add_user(service, "ada")
        await service.statuses.set(ada, LUNCH)
        await clock.advance(10 * 86_400)
        assert (await service.accounts.get(ada.id)).status == LUNCH
        assert (await service.statuses.set(ada, Status(text=" "))).status is msgspec.UNSET
        assert (await service.accounts.get(ada.id)).status is msgspec.UNSET


@pytest.mark.parametrize(
    "emoji",
    ["🍜", "❤️", "🏖️", "👩🏽‍💻", "🏳️‍🌈", "🇯🇵", "#️⃣", "☕", "🅰️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "™", "⏰"],
)
async def test_any_one_emoji_is_one(emoji: str) -> None:
    async with one_node() as (service, _):
        ada = await add_user(service, "ada")
        found = (await service.statuses.set(ada, Status(emoji=f" {emoji} "))).status
        assert found == Status(emoji=emoji)


@pytest.mark.parametrize(
    ("status", "field", "reason"),
    [
        (Status(emoji="admin"), "emoji", "emoji"),
        (Status(emoji="🍜🍜"), "emoji", "emoji"),
        (Status(emoji="7"), "emoji", "emoji"),
        (Status(emoji="🇯"), "emoji", "emoji"),
        (Status(emoji="🍜" + "\ufe0f" * 32), "emoji", "emoji"),
        (Status(text="x" * 101), "text", "length"),
        (Status(text="a\u202eb"), "text", "length"),
        (Status(emoji="🍜", text="\u2800"), "text", "length"),
        (Status(text="x", until="2001-01-01T00:00:00Z"), "until", "time"),
        (Status(text="x", until="2999-01-01"), "until", "time"),
        (Status(text="x", until="9999-12-31T23:59:59-10:00"), "until", "time"),
        (Status(text="x", until="soon"), "until", "time"),
    ],
)
async def test_what_is_no_status_is_refused(status: Status, field: str, reason: str) -> None:
    async with one_node() as (service, _):
        ada = await add_user(service, "ada")
        error = await refusal(service.statuses.set(ada, status))
        assert (error.code, error.detail) == (
            "request.invalid",
            {"field": field, "reason": reason},
        )
        assert (await service.accounts.get(ada.id)).status is msgspec.UNSET
        longest = Status(text="x" * 100)
        assert (await service.statuses.set(ada, longest)).status == longest


async def test_those_who_see_a_user_are_told_on_every_node() -> None:
    async with scene(Wire()) as built:
        bob, stranger = await built.member("bob"), await add_user(built.first, "stranger")
        own_device = Reader(built.second, built.owner)
        here, there = await built.reader(user=bob), Reader(built.second, bob)
        elsewhere = Reader(built.first, stranger)
        built.readers += [own_device, there, elsewhere]
        await there.follow(built.room.id, None)
        other = await built.first.rooms.create(stranger, RoomKind.PUBLIC, "other")
        await elsewhere.follow(other.id, None)
        await built.first.statuses.set(built.owner, LUNCH)
        news = {
            "ev": "status",
            "user": built.owner.id,
            "status": {"emoji": "🍜", "text": "at lunch"},
        }
        for reader in (own_device, here, there):
            await reader.pipe.until(lambda reader=reader: told(reader) != [])
            assert told(reader) == [news]
        await built.first.statuses.set(built.owner, LUNCH)  # nothing has changed
        await built.first.statuses.set(built.owner, Status())
        for reader in (own_device, here, there):
            await reader.pipe.until(lambda reader=reader: len(told(reader)) > 1)
            assert told(reader)[1:] == [{"ev": "status", "user": built.owner.id, "status": None}]
        assert told(elsewhere) == []


async def test_a_guest_is_told_of_those_in_their_rooms_alone() -> None:
    async with one_node() as (service, _):
        ada, bob = await add_user(service, "ada"), await add_user(service, "bob")
        guest = await add_user(service, "guest", ServerRole.GUEST)
        await service.rooms.create(ada, RoomKind.PRIVATE, "room", members=[guest.id])
        for user in (ada, bob, guest):
            await service.statuses.set(user, LUNCH)
        everybody = [ada.id, bob.id, guest.id]
        assert set((await service.statuses.of(bob, everybody)).users) == set(everybody)
        assert set((await service.statuses.of(guest, everybody)).users) == {ada.id, guest.id}
        many = [f"user{number}" for number in range(201)]
        assert (await refusal(service.statuses.of(bob, many))).code == "limit.count"


async def test_changes_of_a_status_have_a_rate_of_their_own() -> None:
    async with one_node() as (service, _):
        ada, bob = await add_user(service, "ada"), await add_user(service, "bob")
        for number in range(int(BURST)):
            await service.statuses.set(ada, Status(text=str(number)))
        error = await refusal(service.statuses.set(ada, Status(text="again")))
        assert error.code == "limit.rate" and error.after_ms
        assert (await service.accounts.get(ada.id)).status == Status(text=str(int(BURST) - 1))
        await service.statuses.set(bob, LUNCH)


async def test_plugins_change_refuse_and_are_told_of_a_status() -> None:
    asked: list[ProfileChange] = []
    heard: list[AccountChange] = []

    async def change_action(action: ProfileChange) -> ProfileChange:
        asked.append(action)
        status = action.status and msgspec.structs.replace(action.status, emoji="🫖")
        return msgspec.structs.replace(action, name="Somebody else", status=status)

    async def on_account(change: AccountChange) -> None:
        heard.append(change)

    calls = {
        "change_action": [Call("tea", change_action, ("action",), actions=(ProfileChange,))],
        "on_account": [Call("tea", on_account, ("change",))],
    }
    async with one_node(calls) as (service, _):
        ada = await add_user(service, "ada")
        changed = await service.statuses.set(ada, LUNCH, "192.0.2.1")
        assert asked == [ProfileChange(name="ada", status=LUNCH)]
        assert (changed.status, changed.name) == (Status(emoji="🫖", text="at lunch"), "ada")
        renamed = await service.accounts.change_name(changed, "Ada")
        assert asked[1] == ProfileChange(name="Ada", status=changed.status)
        assert (renamed.name, renamed.status) == ("Somebody else", changed.status)
        await asyncio.sleep(1)  # of virtual time
        by = Actor(user=ada.id, address="192.0.2.1")
        assert AccountChange(what="status", user=ada.id, by=by) in heard


async def test_nothing_of_a_status_outlasts_its_account() -> None:
    async with one_node() as (service, _):
        ada = await add_user(service, "ada")
        await service.statuses.set(ada, LUNCH)
        await service.removal.delete("ada")
        assert (await service.accounts.get(ada.id)).status is msgspec.UNSET
