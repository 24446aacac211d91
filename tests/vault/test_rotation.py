"""Rotation of master keys and data keys, and their destruction: while others write, cut off anywhere, and to the end."""

import asyncio
import random
from typing import Any

import msgspec
import pytest

from chatserver import IndexPage, StartupError, Store, cleared, index_places
from chatserver.testing.samples import posted
from chatserver_plugins.vault import caretaking, resealing, sealing
from chatserver_plugins.vault.keyring import SPACE, Keys
from chatserver_plugins.vault.scopes import index_room
from tests.vault.sealing import (
    MARKER,
    OTHER,
    Hand,
    Servers,
    Shared,
    caretaker,
    local,
    opened,
    sealed,
    written,
)

ROOMS = [f"r{number}" for number in range(4)]


@pytest.fixture
def inner() -> Any:
    return Shared()


async def fill(store: Store) -> None:
    for room in ROOMS:
        await store.append(written(room))
        await store.put("plugin/drafts", room, MARKER.encode())
        await store.put("user", room, room.encode())


async def check(store: Store) -> None:
    for room in ROOMS:
        assert (await store.read(room, 0, 100))[:11] == written(room)
        assert await store.get("plugin/drafts", room) == MARKER.encode()
        assert await store.get("user", room) == room.encode()


async def keys(inner: Store) -> dict[str, Keys]:
    found = await inner.scan(SPACE, "key/")
    return {key: msgspec.json.decode(value, type=Keys) for key, value in found}


async def in_clear(inner: Store) -> bool:
    logs = [await inner.read(room, 0, 100) for room in await inner.list_rooms("", 100)]
    records = [await inner.scan(space, "") for space in await inner.spaces()]
    return MARKER.encode() in msgspec.json.encode(
        [logs, [v for part in records for _, v in part if not sealing.is_sealed(v)]]
    ) or any(MARKER.encode() in value for part in records for _, value in part)


# -- the master key ------------------------------------------------------------------------------------


async def test_after_a_rotation_the_earlier_master_key_opens_nothing(inner: Store) -> None:
    hand = Hand()
    async with opened(sealed(inner)) as store:
        await fill(store)
    async with opened(sealed(inner, local(OTHER), local(), clock=hand)) as store:
        care = caretaker(store, hand)
        assert not (await care.status()).present
        await care.rotate_master()
        status = await care.status()
        assert status.present and status.masters == (local(OTHER).id,) and status.root == 2
        await check(store)
    async with opened(sealed(inner, local(OTHER))) as store:
        await check(store)
    with pytest.raises(StartupError, match=f"the master key {local(OTHER).id} is missing"):
        await sealed(inner).open()
    assert all(each.root == 2 for found in (await keys(inner)).values() for each in found.keys)


async def test_other_nodes_go_on_during_a_rotation_of_the_master_key(inner: Store) -> None:
    """Those that run have both keys. One that makes a data key by the earlier root key at the last moment loses nothing."""
    async with opened(sealed(inner)) as store:
        await fill(store)
    hand = Hand()
    first, second = (sealed(inner, local(OTHER), local(), clock=hand) for _ in range(2))
    async with opened(first), opened(second):
        added = []

        class Sleeping(Hand):
            async def sleep(self, seconds: float) -> None:
                await super().sleep(seconds)
                real = second.ring.newest_root
                second.ring.newest_root = lambda: asyncio.sleep(0, 1)  # type: ignore[method-assign,assignment]
                await second.append([posted("late", 1)])
                second.ring.newest_root = real  # type: ignore[method-assign]
                added.append(1)

        await caretaking.Caretaker(first, Servers(), Sleeping().sleep, hand).rotate_master()
        assert added
        hand.now += 10
        await check(second)
        await second.append([posted("new", 1)])
    async with opened(sealed(inner, local(OTHER))) as store:
        await check(store)
        assert await store.read("late", 0, 10) == [posted("late", 1)]
        assert await store.read("new", 0, 10) == [posted("new", 1)]


class Killed(Exception):
    """The process is gone."""


class Dying:
    """A store that lets so many writes through, then none."""

    def __init__(self, inner: Any, writes: int) -> None:
        self._inner, self.left = inner, writes

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        writes = ("put", "add", "swap", "delete", "replace", "drop_index", "append", "index")
        if name not in writes:
            return found

        async def write(*given: Any) -> Any:
            if not self.left:
                raise Killed
            self.left -= 1
            return await found(*given)

        return write


async def killed_everywhere(inner: Any, work: Any, check_after: Any) -> int:
    """Run `work` on the store, killed after each number of writes; then once more to its end."""
    for writes in range(1000):
        hand = Hand()
        dying = Dying(inner, writes)
        store = sealed(dying, local(OTHER), local(), clock=hand)  # type: ignore[arg-type]
        try:
            async with opened(store):
                await work(caretaker(store, hand))
        except Killed:
            await check_after()
            continue
        return writes
    raise AssertionError("it never ends")


async def test_a_rotation_of_the_master_key_killed_anywhere_goes_on(inner: Store) -> None:
    async with opened(sealed(inner)) as store:
        await fill(store)

    async def after() -> None:
        async with opened(sealed(inner, local(OTHER), local())) as store:
            await check(store)

    async def work(care: caretaking.Caretaker) -> None:
        await care.rotate_master()

    assert await killed_everywhere(inner, work, after) > 2
    async with opened(sealed(inner, local(OTHER))) as store:
        await check(store)
    assert len(await inner.scan(SPACE, "root/")) == 1


# -- data keys, and what was there before the vault ----------------------------------------------------


async def test_new_events_use_a_new_key_at_once_and_old_ones_are_sealed_anew(inner: Any) -> None:
    hand = Hand()
    async with (
        opened(sealed(inner, clock=hand)) as store,
        opened(sealed(inner, clock=hand)) as other,
    ):
        await fill(store)
        care = caretaker(store, hand)
        assert await care.seal(60) and (await care.status()).sealed
        assert await care.rotate_data() == 1
        assert not (await care.status()).sealed
        hand.now += 2
        await other.append([posted("r0", 12, body=MARKER)])
        assert sealing.number_of(sealing.seal_in(inner._rooms["r0"][11]) or b"") == 2
        assert sealing.number_of(sealing.seal_in(inner._rooms["r0"][2]) or b"") == 1
        await check(other)
        assert await care.seal(60)
        await check(other)
        await check(store)
        for room in ROOMS:
            numbers = {
                sealing.number_of(seal)
                for each in inner._rooms[room]
                if (seal := sealing.seal_in(each))
            }
            assert numbers == {2}
        status = await care.status()
        assert status.sealed and status.turn == 1
        assert status.destroyed == len(ROOMS) + 2
        for name, found in (await keys(inner)).items():
            # Neither the key by which words are found in the index is replaced, nor those of people.
            if name != "key/tokens" and not name.startswith("key/person/"):
                assert [bool(key.gone) for key in found.keys] == [True, False], name
                assert found.keys[0].wrapped == b""


async def test_what_was_there_before_the_vault_is_sealed(inner: Store) -> None:
    await fill(inner)
    await inner.index("r0", 8, [IndexPage("r0", 1, 0, MARKER.encode())])
    hand = Hand()
    async with opened(sealed(inner, clock=hand)) as store:
        assert await in_clear(inner)
        care = caretaker(store, hand)
        assert not (await care.status()).sealed
        assert await care.seal(60)
        await check(store)
        assert (await care.status()).sealed
    assert not await in_clear(inner)
    assert await inner.index_pages([("r0", 1, 0)]) == [None]


@pytest.mark.parametrize("before", ["clear", "sealed"])
async def test_the_sealing_killed_anywhere_goes_on(inner: Store, before: str) -> None:
    if before == "clear":
        await fill(inner)
    else:
        hand = Hand()
        async with opened(sealed(inner, clock=hand)) as store:
            await fill(store)
            await caretaker(store, hand).seal(60)
            await caretaker(store, hand).rotate_data()

    async def after() -> None:
        async with opened(sealed(inner, local(OTHER), local())) as store:
            await check(store)

    async def work(care: caretaking.Caretaker) -> None:
        assert await care.seal(60)

    assert await killed_everywhere(inner, work, after) > 5
    assert not await in_clear(inner)
    await after()


async def test_the_sealing_goes_on_where_its_time_was_up(
    inner: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resealing, "PAGE", 2)
    await fill(inner)
    hand = Hand()
    async with opened(sealed(inner, clock=hand)) as store:
        runs = 1
        while not await caretaker(store, hand).seal(0.0 if runs < 20 else 60):
            runs += 1
            await check(store)
        assert runs > 3
        await check(store)
    assert not await in_clear(inner)


class Interrupted:
    """A store of which each of some calls may be preceded by what somebody else does."""

    def __init__(self, inner: Any, meanwhile: Any) -> None:
        self._inner, self._meanwhile = inner, meanwhile
        self._busy = False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in ("swap", "replace", "put", "scan", "read"):
            return found

        async def call(*given: Any) -> Any:
            if not self._busy:
                self._busy = True
                await self._meanwhile()
                self._busy = False
            return await found(*given)

        return call


@pytest.mark.parametrize("seed", range(20))
async def test_what_others_change_during_the_sealing_is_kept(inner: Any, seed: int) -> None:
    """Any order of writes and steps of the sealing leaves what was written last."""
    chance = random.Random(seed)
    await fill(inner)
    hand = Hand()
    expected = {room: list(written(room)) for room in ROOMS}
    values = {room: MARKER.encode() for room in ROOMS}
    other = sealed(inner, clock=hand)

    async def write() -> None:
        room = chance.choice(ROOMS)
        if chance.random() < 0.7:
            return
        if chance.random() < 0.5:
            values[room] = f"{MARKER} {chance.random()}".encode()
            await other.put("plugin/drafts", room, values[room])
            return
        seq = chance.choice([3, 4, 10])
        await other.redact(room, [seq])
        expected[room][seq - 1] = cleared(expected[room][seq - 1])

    store = sealed(Interrupted(inner, write), clock=hand)  # type: ignore[arg-type]
    async with opened(other), opened(store):
        while not await caretaker(store, hand).seal(60):
            pass
        for room in ROOMS:
            assert await other.read(room, 0, 100) == expected[room]
            assert await other.get("plugin/drafts", room) == values[room]
    assert not await in_clear(inner)


# -- destroying ----------------------------------------------------------------------------------------


async def test_a_shredded_room_has_no_contents_and_goes_on(inner: Any) -> None:
    hand = Hand()
    async with (
        opened(sealed(inner, clock=hand)) as store,
        opened(sealed(inner, clock=hand)) as other,
    ):
        await fill(store)
        await other.read("r0", 0, 100)  # has its key in memory
        await store.index("r0", 8, [IndexPage("r0", 1, 0, b"page")])
        assert await caretaker(store, hand).shred("r0") == 2
        hand.now += 2
        for each in (store, other):
            assert await each.read("r0", 0, 100) == [cleared(event) for event in written("r0")]
            assert await each.read("r1", 0, 100) == written("r1")
            assert await each.index_pages([("r0", 1, 0)]) == [None]
        await other.append([posted("r0", 12, body="goes on")])
        assert (await store.read("r0", 11, 10)) == [posted("r0", 12, body="goes on")]


async def test_no_message_is_lost_by_a_node_that_does_not_know_of_the_shredding_yet(
    inner: Any,
) -> None:
    hand = Hand()
    async with (
        opened(sealed(inner, clock=hand)) as store,
        opened(sealed(inner, clock=hand)) as other,
    ):
        await fill(store)
        await other.append([posted("r0", 12, body="before")])

        class Sleeping(Hand):
            async def sleep(self, seconds: float) -> None:
                hand.now += seconds
                await other.append([posted("r0", 13, body="meanwhile")])

        await caretaking.Caretaker(store, Servers(), Sleeping().sleep, hand).shred("r0")
        found = await store.read("r0", 11, 10)
        assert found == [cleared(posted("r0", 12)), posted("r0", 13, body="meanwhile")]


async def test_a_destroyed_key_does_not_come_back_with_an_old_cache(inner: Any) -> None:
    hand = Hand()
    async with opened(sealed(inner, clock=hand)) as store:
        await fill(store)
        before = await inner.read("r0", 0, 100)
        await caretaker(store, hand).shred("r0")
    inner._rooms["r0"][:] = before
    async with opened(sealed(inner)) as store:
        assert await store.read("r0", 0, 100) == [cleared(event) for event in written("r0")]


async def test_keys_that_were_read_just_before_a_change_are_not_kept(inner: Any) -> None:
    """Else a node would go on with a key that is destroyed a little later, and what it writes would be lost."""
    hand = Hand()
    slow: Any = sealed(inner, clock=hand)

    class Slow:
        """Its answers come after another node has renewed the key, and this one has noticed."""

        busy = False

        def __getattr__(self, name: str) -> Any:
            return getattr(inner, name)

        async def get_many(self, space: str, keys: Any) -> Any:
            found = await inner.get_many(space, keys)
            if "key/room/r0" in keys and not self.busy:
                self.busy = True
                await first.ring.renew("room/r0")
                await first.ring.change_state(lambda state: state)
                await slow.ring.look()
            return found

    async with opened(sealed(inner, clock=hand)) as first:
        await fill(first)
        slow = sealed(Slow(), clock=hand)  # type: ignore[arg-type]
        async with opened(slow):
            await slow.append([posted("r0", 12, body="the first may have the earlier key")])
            await slow.append([posted("r0", 13, body="the second has not")])
            await first.ring.destroy("room/r0", lambda key: key.number < 2)
            await first.ring.change_state(lambda state: state)
            hand.now += 2
            assert await slow.read("r0", 12, 1) == [posted("r0", 13, body="the second has not")]


class Stalled:
    """A store whose writes of new data keys take until the rotation is over; then the node is killed, or lives on."""

    def __init__(self, inner: Any, rotate: Any, *, killed: bool) -> None:
        self._inner, self._rotate, self._killed = inner, rotate, killed
        self.is_dead = False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in ("add", "swap"):
            return found

        async def write(space: str, key: str, *values: bytes) -> Any:
            if self._rotate is None or not key.startswith("key/"):
                return await found(space, key, *values)
            rotate, self._rotate = self._rotate, None
            await rotate()
            done = await found(space, key, *values)
            if self._killed:
                raise Killed
            return done

        return write


@pytest.mark.parametrize("scope", ["new", "all keys destroyed"])
@pytest.mark.parametrize("killed", [True, False])
async def test_a_node_killed_at_the_end_of_a_rotation_of_the_master_key_leaves_no_useless_key(
    inner: Any, scope: str, killed: bool
) -> None:
    """It has wrapped a data key by the earlier root key, and writes it when that is gone already."""
    hand, both, head = Hand(), (local(OTHER), local()), 1
    async with opened(sealed(inner)) as store:
        await fill(store)
        if scope != "new":
            await store.append([posted("late", 1)])
            await store.ring.destroy("room/late", lambda key: True)
            head = 2
    async with opened(sealed(inner, *both, clock=hand)) as store:
        care = caretaker(store, hand)
        slow: Any = Stalled(inner, care.rotate_master, killed=killed)
        # The third has the earlier root key in memory.
        other, third = sealed(slow, *both, clock=hand), sealed(inner, *both, clock=hand)
        async with opened(third):
            await other.open()
            try:
                await other.append([posted("late", head, body="of the slow node")])
            except Killed:
                assert killed
            else:
                assert not killed
                head += 1
            late = (await keys(inner))["key/room/late"].keys[-1]
            assert late.root == (1 if killed else 2)
            hand.now += 10
            for each in (third, store):
                await each.append([posted("late", head, body="goes on")])
                head += 1
            await check(third)
            left = (await keys(inner))["key/room/late"].keys
            assert {each.root for each in left if not each.gone} == {2}
            await care.rotate_master()
    async with opened(sealed(inner, local(OTHER))) as store:
        await check(store)
        said = [] if killed else ["of the slow node"]
        if scope != "new":
            said.insert(0, "")
        read: Any = await store.read("late", 0, 10)
        assert [each.body for each in read] == [*said, "goes on", "goes on"]


async def test_a_late_key_is_kept_while_its_root_key_is_there(inner: Any) -> None:
    """Others may be using it: so it is wrapped anew, until the last look of the rotation."""
    hand = Hand()
    both = (local(OTHER), local())
    async with opened(sealed(inner)) as store:
        await fill(store)
    async with (
        opened(sealed(inner, *both, clock=hand)) as store,
        opened(sealed(inner, *both, clock=hand)) as other,
    ):
        sleeps = []

        async def sleep(seconds: float) -> None:
            hand.now += seconds
            sleeps.append(await store.ring.stored_state())
            if len(sleeps) == 2:  # the others know by now that all is done
                real = other.ring.newest_root
                other.ring.newest_root = lambda: asyncio.sleep(0, 1)  # type: ignore[method-assign,assignment]
                await other.ring._made(["room/late"])
                other.ring.newest_root = real  # type: ignore[method-assign]
                await other.append([posted("late", 1)])
                assert await store.read("late", 0, 1) == [posted("late", 1)]

        await caretaking.Caretaker(store, Servers(), sleep, hand).rotate_master()
        assert [state.root for state, _ in sleeps] == [0, 2]
    async with opened(sealed(inner, local(OTHER))) as store:
        assert await store.read("late", 0, 1) == [posted("late", 1)]
        await check(store)


# -- the search index ----------------------------------------------------------------------------------

INDEXED = 300  # events: 40 pages and more, of segments of several sizes


def pages_of(room: str) -> list[IndexPage]:
    return [IndexPage(*place, repr(place).encode()) for place in index_places(room, INDEXED)]


async def fill_index(store: Store) -> None:
    for room in ("r0", "r1"):
        await store.index(room, INDEXED, pages_of(room))


async def check_index(store: Store) -> None:
    for room in ("r0", "r1"):
        assert await store.indexed([room]) == {room: INDEXED}
        found = await store.index_pages([*index_places(room, INDEXED)])
        assert found == [page.data for page in pages_of(room)]


async def index_keys(inner: Any) -> list[bool]:
    """Whether each key of the index of a room was destroyed; and that no page has another key than the newest."""
    found = (await keys(inner))["key/index/r0"].keys
    numbers = {
        int.from_bytes(page.data[4:6], "big")
        for room, pages in inner._index.items()
        for page in pages.values()
        if room == index_room("r0")
    }
    assert numbers == {found[-1].number}
    return [bool(key.gone) for key in found]


@pytest.mark.parametrize("seconds", [0.0, 60.0])
async def test_the_index_is_sealed_with_a_new_key(
    inner: Any, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resealing, "INDEX_PAGES", 10)
    hand = Hand()
    async with (
        opened(sealed(inner, clock=hand)) as store,
        opened(sealed(inner, clock=hand)) as other,
    ):
        await fill(store)
        await fill_index(store)
        care = caretaker(store, hand)
        assert await care.seal(600)
        assert await index_keys(inner) == [False]
        await care.rotate_data()
        hand.now += 2
        new = IndexPage("r0", 8, 0, b"of another node")
        runs = 1
        while not await caretaker(store, hand).seal(seconds):
            runs += 1
            await check_index(store if runs % 2 else other)
            assert runs < 60, "it begins again and again"
        assert runs > 8 if not seconds else runs == 1
        assert await index_keys(inner) == [True, False]
        await check_index(other)
        await other.index("r0", INDEXED + 8, [new])
        assert await store.index_pages([("r0", 8, 0)]) == [b"of another node"]
    async with opened(sealed(inner)) as store:
        assert await store.index_pages([("r0", 8, 0)]) == [b"of another node"]


async def test_the_sealing_of_the_index_killed_anywhere_goes_on(
    inner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resealing, "INDEX_PAGES", 10)
    hand = Hand()
    async with opened(sealed(inner, clock=hand)) as store:
        await fill(store)
        await fill_index(store)
        await caretaker(store, hand).seal(600)
        await caretaker(store, hand).rotate_data()

    async def after() -> None:
        async with opened(sealed(inner, local(OTHER), local())) as store:
            await check_index(store)
            await check(store)

    async def work(care: caretaking.Caretaker) -> None:
        assert await care.seal(600)

    assert await killed_everywhere(inner, work, after) > 5
    await after()
    assert await index_keys(inner) == [True, False]
