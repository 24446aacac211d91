"""What a sealed store keeps in its inner store, and whom it lets in."""

import asyncio
import base64
import inspect
import re
from functools import partial
from typing import Any
from zlib import crc32

import msgspec
import pytest
from msgspec import structs

from chatserver import (
    AnyEvent,
    Ban,
    IndexPage,
    MemberLeft,
    MessageEdited,
    PluginEvent,
    RoomKind,
    StartupError,
    Store,
    StoreUnavailable,
    UserRef,
    cleared,
)
from chatserver.testing.samples import described, event, posted
from chatserver_plugins.vault.keyring import MADE_AT_ONCE, MARKS, SPACE, Keys, record_key
from chatserver_plugins.vault.scopes import index_room
from chatserver_plugins.vault.store import OPTIONAL, SealedStore
from tests.vault.sealing import (
    MARKER,
    OTHER,
    Hand,
    Shared,
    caretaker,
    local,
    opened,
    sealed,
    written,
)


@pytest.fixture
def inner() -> Any:
    return Shared()


async def everything(inner: Store) -> bytes:
    """All that a store has, as text, with what is base64 in it."""
    rooms = await inner.list_rooms("", 100)
    found: list[Any] = [await inner.read(room, 0, 100) for room in rooms]
    found += [await inner.scan(space, "") for space in await inner.spaces()]
    found += [page.data for pages in inner._index.values() for page in pages.values()]  # type: ignore[attr-defined]
    return msgspec.json.encode(found) + b"".join(
        base64.b64decode(msgspec.json.encode(each).strip(b'"'))
        for each in found
        if type(each) is bytes
    )


async def fill(store: Store) -> None:
    await store.append([*written("r"), *written("q")])
    await store.put("plugin/drafts", "u1/r", MARKER.encode())
    await store.add("user", "u1", MARKER.encode())
    await store.swap("user", "u1", MARKER.encode(), MARKER.encode() * 2)
    await store.put_many("read", {"u1/r": MARKER.encode()})  # type: ignore[attr-defined]
    await store.put("meta", "bus_key", MARKER.encode())
    await store.index("r", 8, [IndexPage("r", 1, 0, MARKER.encode())])


async def test_no_content_is_in_the_inner_store(inner: Store) -> None:
    async with opened(sealed(inner)) as store:
        await fill(store)
        found = await store.read("r", 0, 100)
        assert found == written("r")
        assert msgspec.json.encode(found) == msgspec.json.encode(written("r")), "to the byte"
        assert await store.get("user", "u1") == MARKER.encode() * 2
        assert await store.index_pages([("r", 1, 0)]) == [MARKER.encode()]
        assert MARKER.encode() not in await everything(inner)
        # Nor would it be in a copy of the store without the vault, which says nothing of its own keys either.
        assert await store.spaces() == ["meta", "plugin/drafts", "read", "user"]
        assert await store.scan(MARKS, "") == await store.scan(SPACE, "") == []
    assert MARKER.encode() in msgspec.json.encode(written("r")), "the marker would be found"


async def test_places_and_people_stay_in_clear(inner: Store) -> None:
    async with opened(sealed(inner)) as store:
        await store.append(written("r"))
    for clear, stored in zip(written("r"), await inner.read("r", 0, 100), strict=True):
        assert type(stored) is type(clear)
        for name in (
            "room",
            "seq",
            "at",
            "author",
            "id",
            "client_id",
            "mentions",
            "thread",
            "kind",
            "message",
            "user",
        ):
            assert getattr(stored, name, None) == getattr(clear, name, None)


async def test_no_two_seals_are_alike(inner: Store) -> None:
    async with opened(sealed(inner)) as store:
        await store.append([posted("r", seq, body="the same") for seq in range(1, 200)])
        for number in range(200):
            await store.put("s", f"{number}", b"the same")
    events: list[Any] = await inner.read("r", 0, 200)
    assert len({each.data_text[4:20] for each in events}) == 199
    assert len({value[6:18] for _, value in await inner.scan("s", "")}) == 200


def _swapped(first: Any, second: Any) -> tuple[Any, Any]:
    """Two events of one kind, each with the contents of the other."""
    names = [
        name
        for name in ("body", "data", "data_text", "name", "payload", "ban")
        if hasattr(first, name)
    ]
    one = {name: getattr(first, name) for name in names}
    other = {name: getattr(second, name) for name in names}
    return msgspec.structs.replace(first, **other), msgspec.structs.replace(second, **one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (posted("r", 1, body="a"), posted("r", 2, body="b")),
        (described("r", 1, name="a"), described("r", 2, name="b")),
        (
            event(MessageEdited, "r", 1, message="r-1", body="a"),
            event(MessageEdited, "r", 2, message="r-1", body="b"),
        ),
        (
            event(PluginEvent, "r", 1, type="poll.closed", payload=1),
            event(PluginEvent, "r", 2, type="poll.closed", payload=2),
        ),
        (
            event(MemberLeft, "r", 1, user=UserRef("u2", "B"), ban=Ban(reason="a")),
            event(MemberLeft, "r", 2, user=UserRef("u2", "B"), ban=Ban(reason="b")),
        ),
    ],
    ids=lambda each: type(each).__name__,
)
async def test_a_seal_at_another_place_is_refused(
    inner: Any, one: AnyEvent, other: AnyEvent
) -> None:
    async with opened(sealed(inner)) as store:
        await store.append([one, other])
        inner._rooms["r"][:] = _swapped(*inner._rooms["r"])
        for after in (0, 1):
            with pytest.raises(StoreUnavailable) as caught:
                await store.read("r", after, 1)
            assert f"the seal of event r/{after + 1} does not match" in caught.value.reason


async def test_a_seal_of_another_room_author_or_kind_is_refused(inner: Any) -> None:
    async with opened(sealed(inner)) as store:
        await store.append([posted("r", 1, body="a"), posted("q", 1, body="b")])
        log = inner._rooms
        log["r"][0], log["q"][0] = _swapped(log["r"][0], log["q"][0])
        with pytest.raises(StoreUnavailable):
            await store.read("r", 0, 1)
        log["r"][0], log["q"][0] = _swapped(log["r"][0], log["q"][0])
        assert await store.read("r", 0, 1) == [posted("r", 1, body="a")]
        stored = log["r"][0]
        log["r"][0] = msgspec.structs.replace(stored, author=UserRef("u9", "Eve"))
        with pytest.raises(StoreUnavailable):
            await store.read("r", 0, 1)
        log["r"][0] = event(
            MessageEdited, "r", 1, message="r-1", body="", data_text=stored.data_text
        )
        with pytest.raises(StoreUnavailable):
            await store.read("r", 0, 1)


async def test_a_record_or_page_at_another_place_or_damaged_is_refused(inner: Any) -> None:
    async with opened(sealed(inner)) as store:
        await store.put("s", "a", b"of a")
        await store.put("t", "a", b"of another space")
        value, other = await inner.get("s", "a"), await inner.get("t", "a")
        for space, key, planted in (
            ("s", "b", value),
            ("s", "a", other),
            ("s", "a", value[:-1]),
            ("s", "a", value[:4]),
        ):
            await inner.put(space, key, planted)
            with pytest.raises(StoreUnavailable) as caught:
                await store.get(space, key)
            assert f"record {space}/{key}" in caught.value.reason
        await store.index("r", 8, [IndexPage("r", 1, 0, b"one"), IndexPage("r", 2, 0, b"two")])
        pages = inner._index[index_room("r")]
        pages[1, 0] = pages[2, 0]
        with pytest.raises(StoreUnavailable):
            await store.index_pages([("r", 1, 0)])


async def test_every_bit_of_a_seal_counts(inner: Any) -> None:
    async with opened(sealed(inner)) as store:
        await store.append([posted("r", 1, body="hello")])
        stored = inner._rooms["r"][0]
        raw = base64.b64decode(stored.data_text)
        for bit in range(len(raw) * 8):
            changed = bytearray(raw)
            changed[bit // 8] ^= 1 << bit % 8
            text = base64.b64encode(changed).decode()
            inner._rooms["r"][0] = msgspec.structs.replace(stored, data_text=text)
            with pytest.raises(StoreUnavailable):
                await store.read("r", 0, 1)
        inner._rooms["r"][0] = msgspec.structs.replace(stored, data_text="no base64!")
        with pytest.raises(StoreUnavailable):
            await store.read("r", 0, 1)


async def test_the_length_of_an_index_page_is_that_of_many(inner: Any) -> None:
    async with opened(sealed(inner)) as store:
        pages = [IndexPage("r", slot, 0, bytes(slot)) for slot in range(1, 600)]
        await store.index("r", 8, pages)
        assert await store.index_pages([("r", slot, 0) for slot in range(1, 600)]) == [
            page.data for page in pages
        ]
        assert len({len(page.data) for page in inner._index[index_room("r")].values()}) == 3


async def test_places_of_words_follow_from_a_key_of_the_installation(inner: Store) -> None:
    words = [f"word {number}".encode() for number in range(200)]
    async with opened(sealed(inner)) as store, opened(sealed(inner)) as other:
        first = [store.hash_token(word) for word in words]
        assert [other.hash_token(word) for word in words] == first
        assert len(set(first)) == len(words)
    async with opened(sealed(inner, local(OTHER), local())) as store:
        assert [store.hash_token(word) for word in words] == first, "after a start"
        await caretaker(store, Hand()).rotate_master()
        await caretaker(store, Hand()).rotate_data()
        await caretaker(store, Hand()).seal(60)
    async with opened(sealed(inner, local(OTHER))) as store:
        assert [store.hash_token(word) for word in words] == first, "after rotations"
    async with opened(sealed(Shared())) as store:  # another installation
        alike = sum(store.hash_token(word) % 4 == crc32(word) % 4 for word in words)
        assert [store.hash_token(word) for word in words] != first
        assert 20 < alike < 100
    with pytest.raises(StoreUnavailable):
        sealed(inner).hash_token(b"word")


# -- before the vault was there ------------------------------------------------------------------------


async def test_what_was_written_before_the_vault_is_read_as_it_stands(inner: Store) -> None:
    old = [
        *written("r"),
        posted("r", 12, body="\x01not a seal", data_text=""),
        posted("r", 13, data={"vault": 1}),
    ]
    await inner.append(old)
    await inner.put("s", "k", b"\xf5 clear")
    async with opened(sealed(inner)) as store:
        await store.append([posted("r", 14, body="new")])
        assert await store.read("r", 0, 100) == [*old, posted("r", 14, body="new")]
        assert await store.get("s", "k") == b"\xf5 clear"
        assert not await store.swap("s", "k", b"other", b"x")
        assert await store.swap("s", "k", b"\xf5 clear", b"sealed now")
        assert b"sealed now" not in (await inner.get("s", "k") or b"")
        assert await store.indexed(["r"]) == {}


# -- keys ----------------------------------------------------------------------------------------------


async def test_a_store_opens_with_its_master_key_alone(inner: Store) -> None:
    async with opened(sealed(inner)) as store:
        await store.append(written("r"))
    with pytest.raises(StartupError) as caught:
        async with opened(sealed(inner, local(OTHER))):
            pass
    assert f"the master key {local().id} is missing" in str(caught.value)
    assert local(OTHER).id in str(caught.value), "the one that is configured"
    async with opened(sealed(inner, local(OTHER), local())) as store:  # as an earlier one
        assert await store.read("r", 0, 100) == written("r")
    reader = sealed(inner, local(OTHER))
    with pytest.raises(StartupError, match="is missing"):
        await reader.open_to_read()


async def test_a_damaged_or_missing_root_key_is_named(inner: Store) -> None:
    async with opened(sealed(inner)) as store:
        await store.append(written("r"))
    ((key, root),) = await inner.scan(SPACE, "root/")
    await inner.put(SPACE, key, root.replace(b'"wrapped":"', b'"wrapped":"AAAA'))
    with pytest.raises(StartupError, match="the wrapped root key was damaged or changed"):
        await sealed(inner).open()
    await inner.delete(SPACE, key)
    with pytest.raises(StartupError, match="its root key is missing"):
        await sealed(inner).open()
    assert await inner.scan(SPACE, "root/") == [], "none is made in its place"


async def test_a_missing_or_planted_data_key_is_named(inner: Store) -> None:
    async with opened(sealed(inner)) as store:
        await store.append([posted("r", 1), posted("q", 1)])
    kept = await inner.get(SPACE, "key/room/r")
    assert kept is not None
    await inner.delete(SPACE, "key/room/r")
    async with opened(sealed(inner)) as store:
        with pytest.raises(StoreUnavailable) as caught:
            await store.read("r", 0, 10)
        assert "data key 1 is missing in the store (room/r)" in caught.value.reason
        assert await store.read("q", 0, 10) == [posted("q", 1)]
    await inner.put(SPACE, "key/room/r", await inner.get(SPACE, "key/room/q") or b"")
    async with opened(sealed(inner)) as store:
        with pytest.raises(StoreUnavailable) as caught:
            await store.read("r", 0, 10)
        assert "data key 1 of room/r was damaged or changed" in caught.value.reason
    await inner.put(SPACE, "key/room/r", kept)
    async with opened(sealed(inner)) as store:
        assert await store.read("r", 0, 10) == [posted("r", 1)]


async def test_two_nodes_that_begin_at_once_have_the_same_keys(inner: Store) -> None:
    stores = [sealed(inner) for _ in range(5)]
    await asyncio.gather(*(store.open() for store in stores))
    await asyncio.gather(
        *(store.append([posted(f"r{number}", 1)]) for number, store in enumerate(stores)),
        *(store.put("s", f"{number}", b"v") for number, store in enumerate(stores)),
    )
    for store in stores:
        for number in range(5):
            assert await store.read(f"r{number}", 0, 10) == [posted(f"r{number}", 1)]
            assert await store.get("s", f"{number}") == b"v"
    assert len(await inner.scan(SPACE, "root/")) == 1


@pytest.mark.parametrize("renewed", [False, True])
async def test_keys_of_many_who_write_for_the_first_time_are_made_together(
    inner: Any, renewed: bool
) -> None:
    """Two nodes that make the same ones at once have one of each, and both read what is sealed with it."""
    rooms, more = ([f"{kind}{number}" for number in range(MADE_AT_ONCE + 5)] for kind in "rs")
    under_way = most = looks = 0
    scan, writes = inner.scan, {name: getattr(inner, name) for name in ("add", "swap")}

    async def written(name: str, space: str, key: str, *values: bytes) -> bool:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return bool(await writes[name](space, key, *values))

    async def scanned(*given: Any) -> Any:
        nonlocal looks
        looks += 1
        return await scan(*given)

    async with opened(sealed(inner)) as one, opened(sealed(inner)) as other:
        if renewed:
            await one.append([posted(room, 1) for room in rooms])
            await one.ring.change_state(lambda now: structs.replace(now, turn=now.turn + 1))
            await other.ring.look()
        inner.add, inner.swap = partial(written, "add"), partial(written, "swap")
        inner.scan = scanned
        await one.ring.writing([(f"room/{room}", "") for room in rooms])
        assert most == MADE_AT_ONCE
        assert looks == 2 * 2  # for root keys, before and after, twice
        places = [(f"room/{room}", "") for room in [*rooms, *more]]
        both = await asyncio.gather(*(node.ring.writing(places) for node in (one, other)))
        assert both[0].keys() == both[1].keys() == set(places)
        for room in [*rooms, *more]:
            stored = await inner.get(SPACE, record_key(f"room/{room}"))
            before = renewed and room in rooms
            assert len(msgspec.json.decode(stored, type=Keys).keys) == 1 + before
            await one.append([posted(room, 1 + before)])
            await other.append([posted(room, 2 + before)])
            for node in (one, other):
                assert await node.read(room, before, 9) == [
                    posted(room, seq + before) for seq in (1, 2)
                ]


async def test_of_two_nodes_that_renew_a_key_at_once_each_makes_one(inner: Store) -> None:
    async with opened(sealed(inner)) as one, opened(sealed(inner)) as other:
        await one.append([posted("r", 1)])
        made = await asyncio.gather(*(node.ring.renew("room/r") for node in (one, other)))
        assert sorted(made) == [2, 3]


async def test_nothing_is_made_by_opening_to_read(inner: Store) -> None:
    await inner.append([posted("r", 1)])
    reader = sealed(inner)
    await reader.open_to_read()
    assert await reader.read("r", 0, 10) == [posted("r", 1)]
    assert await inner.spaces() == []


async def test_the_vaults_own_records_are_nobody_elses(inner: Store) -> None:
    async with opened(sealed(inner)) as store:
        await store.put("s", "k", b"v")
        for space, key in ((SPACE, "root/00000001"), (MARKS, "vault")):
            assert await inner.get(space, key) is not None
            assert await store.get(space, key) is None
            assert await store.get_many(space, [key]) == {}
            for write in (store.put(space, key, b"x"), store.add(space, key, b"x")):
                with pytest.raises(ValueError, match="vault's own"):
                    await write
            assert not await store.delete(space, key)
            assert not await store.swap(space, key, b"1", b"2")
            assert await inner.get(space, key) is not None
        await store.put(MARKS, "other", b"1")  # of a store around this one: read without keys
        assert await inner.get(MARKS, "other") == b"1"
        assert await store.scan(MARKS, "") == [("other", b"1")]
        assert await store.spaces() == ["s", MARKS]


def test_every_method_of_the_contract_is_written_out() -> None:
    """A new one would else be handed on, with its contents in clear."""
    methods = {name for name, each in vars(Store).items() if callable(each) and name[0] != "_"}
    assert methods <= {name for each in SealedStore.mro()[:-1] for name in vars(each)}
    assert not hasattr(SealedStore, "__getattr__")


def test_the_optional_methods_of_the_contract_are_those_that_are_handed_on() -> None:
    """Each of those in its text; the others see contents."""
    text = inspect.getdoc(Store) or ""
    named = re.findall(r"may\s+also\s+have\s+a\s+method\s+`(?:async )?(?:def )?(\w+)", text)
    named += re.findall(r"may have `(?:async )?(\w+)\(", text)
    assert set(named) == {*OPTIONAL, "members_after", "put_many", "repeats_in", "swap_many"}


async def test_the_contents_of_a_deleted_room_lose_their_keys(inner: Store) -> None:
    hand = Hand()
    async with opened(sealed(inner, clock=hand)) as store:
        await store.append([*written("r"), *written("q")])
        before = await inner.read("r", 0, 100)
        await store.clear("r", [3])
        assert await store.read("r", 3, 1) == written("r")[3:4], "the room is not deleted"
        gone = msgspec.structs.replace(
            described("r", 12, RoomKind.PRIVATE, name=None), archived=True, deleted=True
        )
        await store.append([gone])
        await store.index("r", 8, [IndexPage("r", 1, 0, b"page")])
        await store.clear("r", [4])
        # The rest was not cleared yet, as when the server was killed; a copy of the seals tells nothing either.
        assert await store.read("r", 0, 100) == [*map(cleared, written("r")), gone]
        inner._rooms["r"][:11] = before  # type: ignore[attr-defined]
        assert await store.read("r", 0, 100) == [*map(cleared, written("r")), gone]
        assert await store.index_pages([("r", 1, 0)]) == [None]
        assert await store.read("q", 0, 100) == written("q")
