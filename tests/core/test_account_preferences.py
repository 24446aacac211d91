"""What users prefer of their clients, said on several devices and nodes."""

import asyncio

import pytest

from chatserver.copies.archive.transient import is_transient
from chatserver.errors import ChatError
from chatserver.interfaces import BUS_FRAME_BYTES
from chatserver.model import ServerRole
from chatserver.service.account_preferences import MOST, SPACE, VALUE_CHARS
from chatserver_plugins.memory import MemoryStore
from tests.core.buses import Wire
from tests.core.clients import Reader
from tests.core.nodes import FaultyStore, add_user, config, make_service, running
from tests.core.scene import scene
from tests.core.test_elsewhere import elsewhere, heard


async def test_a_change_keeps_the_other_keys_and_the_last_one_comes_last() -> None:
    async with running(make_service(MemoryStore(), config())) as service:
        ada, eve = [await add_user(service, name, ServerRole.MEMBER) for name in ("ada", "eve")]
        account = service.preferences.account
        await account.change(ada, {"page.theme": "dark", "page.density": "compact"})
        await account.change(ada, {"page.theme": "light", "page.none": None})
        assert list((await account.of(ada)).items()) == [
            ("page.density", "compact"),
            ("page.theme", "light"),
        ]
        assert await account.change(ada, {"page.density": None}) == {"page.theme": "light"}
        assert await account.of(eve) == {}
        assert (await service.preferences.page(ada)).account == {"page.theme": "light"}
        assert (await service.preferences.page(ada, after="x")).account == {}


@pytest.mark.parametrize(
    ("values", "code", "reason"),
    [
        ({"": "x"}, "request.invalid", "key"),
        ({"a b": None}, "request.invalid", "key"),
        ({"é": "x"}, "request.invalid", "key"),
        ({"k\n": "x"}, "request.invalid", "key"),
        ({"k" * 65: "x"}, "request.invalid", "key"),
        ({"k": "x" * (VALUE_CHARS + 1)}, "request.invalid", "length"),
        ({f"k{number}": "x" for number in range(MOST + 1)}, "limit.count", "count"),
        ({f"k{number}": "é" * VALUE_CHARS for number in range(40)}, "limit.size", "long"),
    ],
)
async def test_keys_texts_and_their_number_are_bounded(
    values: dict[str, str | None], code: str, reason: str
) -> None:
    async with running(make_service(MemoryStore(), config())) as service:
        ada = await add_user(service, "ada", ServerRole.MEMBER)
        with pytest.raises(ChatError) as caught:
            await service.preferences.account.change(ada, values)
        assert caught.value.code == code
        assert caught.value.detail == {"field": "preferences", "reason": reason}
        assert await service.preferences.account.of(ada) == {}


async def test_as_much_as_the_bounds_allow_is_kept() -> None:
    async with running(make_service(MemoryStore(), config())) as service:
        ada = await add_user(service, "ada", ServerRole.MEMBER)
        account = service.preferences.account
        await account.change(ada, {f"k{number}": "x" for number in range(MOST)})
        await account.change(ada, {"K-_." + "9" * 60: "x" * VALUE_CHARS, "k0": None})
        assert len(await account.of(ada)) == MOST


@pytest.mark.virtual_time
async def test_what_two_devices_say_at_once_counts_both() -> None:
    store = MemoryStore()
    slow = FaultyStore(store)
    async with (
        running(make_service(store, config())) as service,
        running(make_service(slow, config())) as other,
    ):
        ada = await add_user(service, "ada", ServerRole.MEMBER)
        for number in (1, 2):  # the first adds the record, the second changes it
            slow.arm([("late", 0.05)])  # it reads, and waits before it writes
            slower = other.preferences.account.change(ada, {f"slow{number}": "x", "both": "slow"})
            task = asyncio.create_task(slower)
            await asyncio.sleep(0.02)
            await service.preferences.account.change(ada, {f"fast{number}": "x", "both": "fast"})
            await task
        found = await service.preferences.account.of(ada)
        assert sorted(found) == ["both", "fast1", "fast2", "slow1", "slow2"]
        assert found["both"] == "slow"


@pytest.mark.virtual_time
async def test_they_are_known_to_the_users_other_devices() -> None:
    async with scene(Wire()) as built:
        reader = await elsewhere(built)
        account = built.first.preferences.account
        await account.change(built.owner, {"page.theme": "dark", "page.gone": None})
        told = await heard(reader, "account.preferences")
        assert told == {"ev": "account.preferences", "values": {"page.theme": "dark"}}
        reader.pipe.received.clear()
        await account.change(built.owner, {"page.theme": "dark"})  # nothing new, so nothing is told
        await account.change(built.owner, {"page.theme": None})
        told = await heard(reader, "account.preferences")
        assert told["values"] == {"page.theme": None}


@pytest.mark.virtual_time
async def test_a_change_that_is_larger_than_a_frame_of_the_bus_reaches_other_nodes() -> None:
    async with scene(Wire()) as built:
        reader: Reader = await elsewhere(built)
        values: dict[str, str | None] = {f"k{n}": "é" * VALUE_CHARS for n in range(12)}
        assert sum(len(str(text).encode()) for text in values.values()) > BUS_FRAME_BYTES
        await built.first.preferences.account.change(built.owner, values)
        got: dict[str, str | None] = {}

        def is_whole() -> bool:
            for frame in reader.pipe.received:
                if frame.get("ev") == "account.preferences":
                    got.update(frame["values"])
            return got == values

        await reader.pipe.until(is_whole, 5)


async def test_they_go_with_the_account_and_are_in_archives() -> None:
    store = MemoryStore()
    async with running(make_service(store, config())) as service:
        ada, eve = [await add_user(service, name, ServerRole.MEMBER) for name in ("ada", "eve")]
        for user in (ada, eve):
            await service.preferences.account.change(user, {"page.theme": "dark"})
        await service.removal.delete("ada")
        assert [key for key, _ in await store.scan(SPACE, "")] == [eve.id]
        assert not is_transient(SPACE, eve.id)
