"""The desk of deletions, where a clock is early, a name has another owner by now, or the store is away."""

from types import SimpleNamespace
from typing import Any

import pytest

from chatserver import ChatError, Due
from chatserver_plugins.account_deletion.desk import TIMER, Desk
from tests.plugins.dict_records import DictRecords

ADA = SimpleNamespace(id="a", username="ada", deleted=False)


class World:
    """A desk with its surroundings: accounts by their names, and what was deleted and set."""

    def __init__(self) -> None:
        self.now, self.deleted, self.timers = 1000.0, [], {}
        self.names: dict[str, Any] = {"ada": ADA}
        self.users: dict[str, Any] = {"a": ADA}
        self.refusal: ChatError | None = None
        self.records = DictRecords()
        accounts = SimpleNamespace(
            get=self._get, by_name=self._by_name, demand_recent=self._nothing, tell=self._tell
        )
        context: Any = SimpleNamespace(
            service=SimpleNamespace(
                accounts=accounts, removal=SimpleNamespace(delete=self._delete)
            ),
            records=self.records,
            timers=SimpleNamespace(set=self._set, cancel=self._cancel),
            clock=SimpleNamespace(now=lambda: self.now),
            allow=self._nothing,
        )
        self.desk = Desk(context, 100.0)

    async def wish(self) -> None:
        user: Any = ADA
        await self.desk.want(user, "token", None, "ada")

    async def come(self) -> None:
        await self.desk.come(Due(name=TIMER, key="a", at=self.now))

    async def _get(self, user: str) -> Any:
        return self.users[user]

    async def _by_name(self, name: str) -> Any:
        return self.names.get(name)

    async def _nothing(self, *given: object) -> None:
        pass

    def _tell(self, *given: object) -> None:
        pass

    async def _delete(self, username: str, by: object) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.deleted.append(username)

    async def _set(self, name: str, key: str, at: float) -> None:
        self.timers[key] = at

    async def _cancel(self, name: str, key: str) -> bool:
        return self.timers.pop(key, None) is not None


async def test_a_timer_that_is_early_is_set_again() -> None:
    world = World()
    await world.wish()
    world.timers.clear()
    world.now += 50
    await world.come()
    assert world.deleted == [] and world.timers == {"a": 1100.0}
    world.now += 50
    await world.come()
    assert world.deleted == ["ada"]


async def test_who_stays_leaves_no_timer() -> None:
    world = World()
    await world.wish()
    user: Any = ADA
    await world.desk.keep(user, None)
    assert world.timers == {}


async def test_whoever_has_the_name_now_is_not_deleted() -> None:
    world = World()
    await world.wish()
    world.users["a"] = SimpleNamespace(id="a", username="deleted-a", deleted=True)
    world.names["ada"] = SimpleNamespace(id="b", username="ada", deleted=False)
    world.now += 100
    await world.come()
    assert world.deleted == [] and await world.records.get("a") is None


async def test_the_wish_stands_while_the_store_is_away() -> None:
    world = World()
    await world.wish()
    world.now, world.refusal = world.now + 100, ChatError("store.unavailable")
    with pytest.raises(ChatError, match=r"store\.unavailable"):
        await world.come()
    assert await world.records.get("a") is not None
    world.refusal = None
    await world.come()
    assert world.deleted == ["ada"] and await world.records.get("a") is None
