"""Events that became durable are counted by their kind."""

from typing import Any

from tests.core.scene import scene


async def test_each_event_counts_for_its_kind_also_of_a_batch() -> None:
    async with scene() as built:
        counter: Any = built.first._processed
        before = dict(counter.values)
        await built.post(5)  # at the same time, so that some are written together
        message = (await built.log())[-1]
        room = await built.first.rooms.get(built.room.id)
        await built.first.messages.edit(built.owner, room, message.id, "edited")  # type: ignore[union-attr]
        counts = {
            labels: count - before.get(labels, 0)
            for labels, count in counter.values.items()
            if count != before.get(labels, 0)
        }
        assert counts == {("message.posted",): 5, ("message.edited",): 1}
