"""Events in order, each once: what is taken in, what is left out, and what is said to be missing."""

import asyncio
from typing import Any

import pytest

from chatserver.client import Disconnected, Gap, feed
from chatserver.client.feed import Feed
from chatserver.model import UnknownEvent


def said(room: str, seq: int, **more: Any) -> dict[str, Any]:
    fields = {
        "ev": "message.posted",
        "at": "",
        "author": {"id": "u", "name": "u"},
        "id": f"{room}-{seq}",
    }
    return {**fields, "room": room, "seq": seq, "body": str(seq), "client_id": str(seq), **more}


async def taken(made: Feed) -> list[Any]:
    """All that waits."""
    found = []
    while not made.is_empty:
        each = await made.next()
        found.append(each if isinstance(each, Gap) else (each.room, each.seq))
    return found


async def test_each_event_is_handed_out_once_and_one_that_is_missing_is_noticed() -> None:
    made = Feed("e", {})
    made.begin("r", 3)
    assert [made.take(said("r", seq)) for seq in (3, 4, 4, 2, 6)] == [True, True, True, True, False]
    assert made.received == {"r": 4} and made.positions == {"r": 3}
    assert [made.take(said("r", seq)) for seq in (5, 6)] == [True, True]
    assert made.take(said("unknown", 1))
    assert await taken(made) == [("r", 4), ("r", 5), ("r", 6)]
    assert made.positions == {"r": 6}


async def test_to_begin_again_moves_nothing_and_a_forgotten_room_is_over() -> None:
    made = Feed("e", {"r": 7})
    made.begin("r", 20)
    assert made.received == made.positions == {"r": 7}
    made.take(said("r", 8))
    made.forget("r")
    assert made.take(said("r", 9)) and made.received == {}
    assert await taken(made) == [("r", 8)]
    assert made.positions == {"r": 8}
    made.skip("s", 4)
    assert await taken(made) == [Gap("s", 4)] and "s" not in made.positions


async def test_a_kind_of_event_that_is_new_is_handed_out_as_such() -> None:
    made = Feed("e", {"r": 0})
    made.take(said("r", 1, ev="message.sung", tune="c"))
    event = await made.next()
    assert isinstance(event, UnknownEvent) and event.unknown == "message.sung"


async def test_from_some_that_wait_on_the_others_are_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "MOST", 2)
    made = Feed("e", {"r": 0, "s": 0})
    for seq in (1, 2, 3):
        assert made.take(said("r", seq))
    assert made.take(said("s", 1))
    assert made.is_behind and made.received == {"r": 2, "s": 0}
    assert await taken(made) == [("r", 1), ("r", 2)]
    made.is_behind = False
    assert made.take(said("r", 3))
    assert await taken(made) == [("r", 3)]


async def test_what_waits_is_handed_out_before_the_end() -> None:
    made = Feed("e", {"r": 0})
    waiting = asyncio.ensure_future(made.next())
    await asyncio.sleep(0)
    made.take(said("r", 1))
    assert (await waiting).seq == 1
    made.take(said("r", 2))
    made.end(Disconnected("over"))
    assert (await made.next()).seq == 2
    for _ in range(2):
        with pytest.raises(Disconnected, match="over"):
            await made.next()
