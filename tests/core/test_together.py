"""`Together`: what resolvers ask for one by one reaches the store as one question."""

import asyncio
from collections.abc import Mapping, Sequence

from chatserver import ChatError, Together


async def test_keys_of_one_turn_are_asked_for_once_and_together() -> None:
    asked: list[Sequence[str]] = []

    async def ask(keys: Sequence[str]) -> Mapping[str, int]:
        asked.append(keys)
        await asyncio.sleep(0)
        return {key: len(key) for key in keys if key != "none"}

    lengths = Together(ask)
    found = await asyncio.gather(*(lengths.of(key) for key in ("a", "none", "bb", "a")))
    assert found == [1, None, 2, 1]
    assert await lengths.of("ccc") == 3
    assert asked == [["a", "none", "bb"], ["ccc"]]


async def test_one_who_goes_away_takes_nothing_from_the_others() -> None:
    async def ask(keys: Sequence[str]) -> Mapping[str, str]:
        await asyncio.sleep(0)
        return dict.fromkeys(keys, "found")

    together = Together(ask)
    one, other = (asyncio.create_task(together.of(key)) for key in ("a", "b"))
    await asyncio.sleep(0)
    one.cancel()
    assert await other == "found"


async def test_all_learn_of_an_error_and_the_next_ask_anew() -> None:
    async def ask(keys: Sequence[str]) -> Mapping[str, str]:
        if "bad" in keys:
            raise ChatError("store.unavailable")
        return dict.fromkeys(keys, "found")

    together = Together(ask)
    both = await asyncio.gather(together.of("bad"), together.of("a"), return_exceptions=True)
    assert [type(each) for each in both] == [ChatError, ChatError]
    assert await together.of("a") == "found"
