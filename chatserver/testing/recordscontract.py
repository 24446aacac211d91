"""Contract of stores for records."""

import asyncio

from chatserver import Store
from chatserver.testing.samples import ALIKE_TEXTS, TRICKY_TEXTS, posted


class RecordsContract:
    """A part of `StoreContract`."""

    async def test_put_and_get(self, store: Store) -> None:
        assert await store.get("s", "k") is None
        await store.put("s", "k", b"1")
        await store.put("s", "k", b"2")
        assert await store.get("s", "k") == b"2"

    async def test_get_many_at_once(self, store: Store) -> None:
        keys = [f"k{number}" for number in range(300)]
        for key in keys:
            await store.put("s", key, key.encode())
        await store.put("other", "k0", b"another")
        wanted = [*keys[50:250], "none", "k60"]
        found = await store.get_many("s", wanted)
        assert found == {key: key.encode() for key in keys[50:250]}
        assert await store.get_many("s", ["none"]) == {}
        assert await store.get_many("s", []) == {}

    async def test_put_many_at_once(self, store: Store) -> None:
        """For stores that can."""
        put_many = getattr(store, "put_many", None)
        if put_many is None:
            return
        await store.put("s", "k1", b"before")
        await store.put("other", "k2", b"another")
        values = {f"k{number}": b"%d" % number for number in range(1500)}
        await put_many("s", values)
        await put_many("s", {})
        assert await store.get_many("s", [*values]) == values
        assert await store.scan("s", "k", limit=2000) == sorted(values.items())
        assert await store.scan("other", "") == [("k2", b"another")]
        assert await store.add("s", "new", b"") and not await store.add("s", "k7", b"")

    async def test_add_only_once(self, store: Store) -> None:
        assert await store.add("s", "k", b"1")
        assert not await store.add("s", "k", b"2")
        assert await store.get("s", "k") == b"1"

    async def test_swap_only_what_is_there(self, store: Store) -> None:
        assert not await store.swap("s", "k", b"", b"1")
        await store.put("s", "k", b"1")
        assert not await store.swap("s", "k", b"2", b"3")
        assert await store.swap("s", "k", b"1", b"3")
        assert await store.swap("s", "k", b"3", b"3")
        assert await store.get("s", "k") == b"3"

    async def test_swap_many_only_what_is_there(self, store: Store) -> None:
        """For stores that can."""
        swap_many = getattr(store, "swap_many", None)
        if swap_many is None:
            return
        keys = [f"k{number}" for number in range(300)]
        for key in [*keys, "changed"]:
            await store.put("s", key, b"old")
        await store.put("s", "changed", b"another")
        await store.put("other", "k0", b"old")
        changes = {key: (b"old", b"new " + key.encode()) for key in [*keys, "changed", "none"]}
        assert await swap_many("s", {key: changes[key] for key in keys[:100]}) == {*keys[:100]}
        rest = {key: changes[key] for key in [*keys[100:], "changed", "none"]}
        assert await swap_many("s", rest) == {*keys[100:]}
        again = dict.fromkeys(keys, (b"old", b"again"))
        assert await swap_many("s", again) == set()
        assert await swap_many("s", {}) == set()
        found = await store.get_many("s", [*changes])
        assert found == {key: changes[key][1] for key in keys} | {"changed": b"another"}
        assert await store.get("other", "k0") == b"old"

    async def test_swap_many_by_two_at_once(self, store: Store) -> None:
        """For stores that can: each key is swapped by one of them."""
        swap_many = getattr(store, "swap_many", None)
        if swap_many is None:
            return
        keys = [f"k{number}" for number in range(50)]
        for key in keys:
            await store.put("s", key, b"old")
        first, second = await asyncio.gather(
            swap_many("s", dict.fromkeys(keys, (b"old", b"1"))),
            swap_many("s", dict.fromkeys(reversed(keys), (b"old", b"2"))),
        )
        assert first | second == {*keys} and not first & second
        found = await store.get_many("s", keys)
        assert found == dict.fromkeys(first, b"1") | dict.fromkeys(second, b"2")

    async def test_delete_only_once(self, store: Store) -> None:
        assert not await store.delete("s", "k")
        await store.put("s", "k", b"")
        assert await store.delete("s", "k")
        assert not await store.delete("s", "k")
        assert await store.get("s", "k") is None
        assert await store.add("s", "k", b"again")

    async def test_delete_only_what_is_there(self, store: Store, other: Store) -> None:
        assert not await store.delete("s", "k", b"1")
        await store.put("s", "k", b"1")
        await store.put("t", "k", b"2")
        await other.put("s", "k", b"2")
        assert not await store.delete("s", "k", b"1")
        assert not await store.delete("s", "k", b"")
        assert await store.get("s", "k") == b"2"
        assert await store.delete("s", "k", b"2")
        assert await store.get("s", "k") is None
        assert await store.get("t", "k") == b"2"
        await store.put("s", "k", b"")
        assert await store.delete("s", "k", b"")
        assert await store.get("s", "k") is None

    async def test_what_was_swapped_is_not_deleted_as_the_old_value(
        self, store: Store, other: Store
    ) -> None:
        for turn in range(20):
            old, new = f"{turn}".encode(), f"{turn + 1}".encode()
            await store.put("s", "k", old)
            swapped, deleted = await asyncio.gather(
                store.swap("s", "k", old, new), other.delete("s", "k", old)
            )
            assert swapped is not deleted
            assert await store.get("s", "k") == (new if swapped else None)

    async def test_spaces_are_apart(self, store: Store) -> None:
        await store.put("a", "b", b"1")
        await store.put("ab", "", b"2")
        await store.put("a\0", "b", b"3")
        await store.put("a", "\0b", b"4")
        assert await store.get("a", "b") == b"1"
        assert await store.get("ab", "") == b"2"
        assert await store.scan("a", "") == [("\0b", b"4"), ("b", b"1")]
        assert await store.delete("a", "b")
        assert await store.get("a\0", "b") == b"3"

    async def test_any_bytes(self, store: Store) -> None:
        values = [b"", b"\0", bytes(range(256)), b"\xff" * 65_536, b'{"$gt": ""}']
        for n, value in enumerate(values):
            await store.put("s", str(n), value)
        assert await store.scan("s", "") == [(str(n), value) for n, value in enumerate(values)]

    async def test_any_text_as_space_and_key(self, store: Store) -> None:
        for text in TRICKY_TEXTS:
            assert await store.add(text, text, text.encode())
        for text in TRICKY_TEXTS:
            assert await store.get(text, text) == text.encode()
            assert await store.get_many(text, [text]) == {text: text.encode()}
            assert await store.scan(text, "") == [(text, text.encode())]
            assert await store.swap(text, text, text.encode(), b"")
            assert await store.delete(text, text)

    async def test_keys_and_spaces_that_look_alike_are_apart(self, store: Store) -> None:
        values = {text: text.encode() for text in ALIKE_TEXTS}
        for text, value in values.items():
            assert await store.add("s", text, value)
            assert await store.add(text, "k", value)
        assert await store.get_many("s", ALIKE_TEXTS) == values
        assert await store.scan("s", "") == sorted(values.items())
        for text, value in values.items():
            assert await store.get("s", text) == await store.get(text, "k") == value
            assert await store.swap("s", text, value, b"new")
            assert await store.delete(text, "k")
        assert await store.get_many("s", ALIKE_TEXTS) == dict.fromkeys(ALIKE_TEXTS, b"new")

    async def test_keys_in_order_of_code_points(self, store: Store) -> None:
        for text in TRICKY_TEXTS:
            await store.put("s", text, b"")
        assert [key for key, _ in await store.scan("s", "")] == sorted(TRICKY_TEXTS)

    async def test_scan_by_prefix(self, store: Store) -> None:
        prefixes = ("", *TRICKY_TEXTS, "*", "?", "[a]", ".*", "A")
        keys = {prefix + end for prefix in prefixes for end in ("", "a", "\0", "\U0010ffff")} - {""}
        await asyncio.gather(*(store.put("s", key, key.encode()) for key in keys))
        await store.put("t", "a", b"of another space")
        for prefix in prefixes:
            expected = sorted(key for key in keys if key.startswith(prefix))
            assert [key for key, _ in await store.scan("s", prefix)] == expected

    async def test_scan_in_pages(self, store: Store) -> None:
        keys = [f"a{n:02}" for n in range(25)]
        for key in ("Z", *keys, "b"):
            await store.put("s", key, key.encode())
        found: list[str] = []
        after = ""
        for _ in range(3):
            found += [key for key, _ in await store.scan("s", "a", after, 10)]
            after = found[-1]
        assert found == keys
        assert await store.scan("s", "a", after, 10) == []
        assert await store.scan("s", "a", "a23") == [("a24", b"a24")]
        assert await store.scan("s", "a", "b") == []
        assert len(await store.scan("s", "a", "A")) == 25
        assert await store.scan("s", "a", limit=0) == []

    async def test_scans_at_the_same_time(self, store: Store) -> None:
        keys = [f"{user}/{room:02}" for user in "abcdefghijkl" for room in range(12)]
        await asyncio.gather(*(store.put("s", key, key.encode()) for key in keys))
        await store.put("t", "a/1", b"of another space")
        asked = [(f"{user}/", f"{user}/{at:02}", 5) for user in "almbzc" for at in (0, 3, 9)]
        asked += [("", "", 3), ("", "k/07", 999), ("", "", 999)]
        found = await asyncio.gather(*(store.scan("s", *each) for each in asked))
        for (prefix, after, limit), rows in zip(asked, found, strict=True):
            wanted = [key for key in keys if key.startswith(prefix) and key > after][:limit]
            assert rows == [(key, key.encode()) for key in wanted]

    async def test_spaces_that_hold_a_record(self, store: Store) -> None:
        assert await store.spaces() == []
        for space in ("", *TRICKY_TEXTS):
            for key in ("", *TRICKY_TEXTS[-2:]):
                await store.put(space, key, b"")
        assert await store.spaces() == sorted(["", *TRICKY_TEXTS])
        await store.put("gone", "k", b"")
        await store.delete("gone", "k")
        await store.append([posted("no space", 1)])
        assert await store.spaces() == sorted(["", *TRICKY_TEXTS])

    async def test_of_racing_adds_one_wins(self, store: Store, other: Store) -> None:
        nodes = [store, other] * 4
        won = await asyncio.gather(
            *(node.add("s", "k", str(n).encode()) for n, node in enumerate(nodes))
        )
        assert won.count(True) == 1
        assert await store.get("s", "k") == str(won.index(True)).encode()

    async def test_of_racing_swaps_one_wins(self, store: Store, other: Store) -> None:
        await store.put("s", "k", b"old")
        nodes = [store, other] * 4
        won = await asyncio.gather(
            *(node.swap("s", "k", b"old", str(n).encode()) for n, node in enumerate(nodes))
        )
        assert won.count(True) == 1
        assert await other.get("s", "k") == str(won.index(True)).encode()

    async def test_counting_by_swaps(self, store: Store, other: Store) -> None:
        async def increase(node: Store) -> None:
            while True:
                value = await node.get("s", "k") or b""
                new = str(int(value) + 1).encode()
                if await node.swap("s", "k", value, new):
                    return

        await store.put("s", "k", b"0")
        await asyncio.gather(*(increase(node) for node in [store, other] * 5))
        assert await store.get("s", "k") == b"10"

    async def test_racing_puts_and_deletes(self, store: Store, other: Store) -> None:
        await asyncio.gather(*(node.put("s", "k", b"1") for node in [store, other] * 4))
        gone = await asyncio.gather(*(node.delete("s", "k") for node in [store, other] * 4))
        assert gone.count(True) == 1
