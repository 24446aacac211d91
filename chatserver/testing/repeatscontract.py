"""Contract of stores for sends that come again: each message is stored once, and found.

A store keeps an author's client_id unique in all rooms. One that has `repeats_in` does so in each room, and these tests
then demand that another room takes it.
"""

import asyncio

from chatserver import Appended, Conflict, Store
from chatserver.roomlog.repeats import stored_sends
from chatserver.testing.samples import posted


class RepeatsContract:
    """A part of `StoreContract`."""

    async def test_a_repeated_send_stops_the_batch(self, store: Store) -> None:
        await store.append([posted("a", 1, client_id="same")])
        batch = [posted("b", 1), posted("a", 2, client_id="same"), posted("c", 1)]
        assert await store.append(batch) == Appended(1, Conflict.CLIENT_ID)
        assert await store.heads(["a", "b", "c"]) == {"a": 1, "b": 1}

    async def test_a_repeat_within_one_batch_stops_it(self, store: Store) -> None:
        batch = [posted("a", 1, client_id="same"), posted("a", 2, client_id="same")]
        assert await store.append(batch) == Appended(1, Conflict.CLIENT_ID)
        assert await store.read("a", 0, 9) == batch[:1]

    async def test_a_client_id_in_another_room(self, store: Store) -> None:
        first, second = posted("a", 1, client_id="same"), posted("b", 1, client_id="same")
        await store.append([first])
        batch = [posted("a", 2), second, posted("c", 1)]
        sends = [(room, "u1", "same") for room in "abc"]
        if hasattr(store, "repeats_in"):
            assert await store.append(batch) == Appended(3)
            assert await stored_sends(store, sends) == {sends[0]: first, sends[1]: second}
        else:
            assert await store.append(batch) == Appended(1, Conflict.CLIENT_ID)
            assert await store.heads(["a", "b", "c"]) == {"a": 2}
            assert await store.list_rooms("", 9) == ["a"]
            assert await stored_sends(store, sends) == dict.fromkeys(sends, first)

    async def test_stored_messages_by_client_id(self, store: Store) -> None:
        await store.append(
            [
                posted("a", 1, "u1", client_id="x"),
                posted("b", 1, "u1", client_id="y"),
                posted("b", 2, "u2", client_id="x"),
            ]
        )
        sends = [
            ("a", "u1", "x"),
            ("b", "u2", "x"),
            ("b", "u2", "y"),
            ("a", "u3", "x"),
            ("a", "u", "x"),
        ]
        assert await stored_sends(store, sends) == {
            ("a", "u1", "x"): posted("a", 1, "u1", client_id="x"),
            ("b", "u2", "x"): posted("b", 2, "u2", client_id="x"),
        }
        assert await stored_sends(store, []) == {}

    async def test_a_large_batch_of_client_ids(self, store: Store) -> None:
        messages = [posted("r", seq, f"u{seq % 7}") for seq in range(1, 501)]
        await store.append(messages)
        sends = [("r", message.author.id, message.client_id) for message in messages]
        assert await stored_sends(store, sends) == dict(zip(sends, messages, strict=True))

    async def test_of_racing_repeats_one_is_stored(self, store: Store, other: Store) -> None:
        async def send(node: Store) -> Appended:
            while True:
                seq = (await node.heads(["r"])).get("r", 0) + 1
                result = await node.append([posted("r", seq, client_id="same")])
                if result.conflict is not Conflict.POSITION:
                    return result
                if seq > 1:
                    return Appended(0, Conflict.CLIENT_ID)

        results = await asyncio.gather(*(send(node) for node in [store, other] * 4))
        assert results.count(Appended(1)) == 1
        assert len(await store.read("r", 0, 9)) == 1

    async def test_racing_sends_to_several_rooms(self, store: Store, other: Store) -> None:
        async def send(node: Store, room: str) -> Appended:
            return await node.append([posted(room, 1, client_id="same")])

        nodes = [store, other] * 4
        results = await asyncio.gather(*(send(node, f"r{n}") for n, node in enumerate(nodes)))
        if hasattr(store, "repeats_in"):
            assert results == [Appended(1)] * 8
        else:
            assert results.count(Appended(1)) == 1
            assert results.count(Appended(0, Conflict.CLIENT_ID)) == 7

    async def test_a_repeat_after_a_conflict_is_found(self, store: Store, other: Store) -> None:
        message = posted("r", 1, client_id="same")
        await store.append([message])
        again = posted("r", 2, client_id="same")
        assert await other.append([again]) == Appended(0, Conflict.CLIENT_ID)
        assert await stored_sends(other, [("r", "u1", "same")]) == {("r", "u1", "same"): message}
