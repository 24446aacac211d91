"""The log lines while a store is away, and once it is back."""

import asyncio
from typing import Any

import pytest

from chatserver.errors import StoreUnavailable
from chatserver.service import outage
from chatserver.service.outage import Outage


class Failing:
    """A store whose `ping` fails so many times, and may be waited for."""

    def __init__(self, times: int, reason: str = "no server listens at db:27017") -> None:
        self.times, self._reason = times, reason

    async def ping(self) -> None:
        if self.times:
            self.times -= 1
            raise StoreUnavailable(reason=self._reason)


async def over(watched: Outage) -> None:
    while watched._task is not None:
        await asyncio.wait([watched._task])
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage, "PROBE_SECONDS", 0.0)


def watched(store: Any) -> Outage:
    return Outage(store, "mongo")


async def test_an_outage_is_reported_once_and_so_is_its_end(logged: list[str]) -> None:
    away = watched(Failing(500))
    for _ in range(3):
        away.failed(StoreUnavailable(reason="x"), refused=2)
    await over(away)
    begin, end = logged
    assert begin.startswith("ERROR the store mongo does not answer since 20")
    assert "no server listens at db:27017" in begin and "store.unavailable" in begin
    assert end.startswith("WARNING the store mongo answers again after ")
    assert "6 events were refused meanwhile" in end


async def test_a_long_outage_is_reported_again(
    logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outage, "SAY_SECONDS", -1.0)
    away = watched(Failing(3))
    away.failed(StoreUnavailable())
    await over(away)
    assert len(logged) == 4
    assert logged[2].startswith("ERROR the store mongo does not answer since")
    assert "events were refused" in logged[2]


async def test_a_failure_without_an_outage_is_an_error_too_but_no_flood(logged: list[str]) -> None:
    away = watched(Failing(0))
    for _ in range(100):
        away.failed(StoreUnavailable(reason="the disk is full"), refused=1)
        await over(away)
    assert len(logged) == 1
    assert logged[0].startswith("ERROR the store mongo failed and answers again")
    assert "the disk is full" in logged[0]


async def test_a_store_that_comes_and_goes_is_no_flood(logged: list[str]) -> None:
    store = Failing(0)
    away = watched(store)
    for _ in range(100):
        store.times = 1
        away.failed(StoreUnavailable())
        await over(away)
    assert [line.partition(" ")[0] for line in logged] == ["ERROR", "WARNING"]


async def test_a_reason_is_never_taken_for_a_format(logged: list[str]) -> None:
    away = watched(Failing(1, reason="{'ok': 0.0} {0}"))
    away.failed(StoreUnavailable())
    await over(away)
    assert "{'ok': 0.0} {0}" in logged[0]


async def test_the_store_of_a_server_is_named(logged: list[str]) -> None:
    """Any other failure of a store counts as one that does not answer."""

    class Broken:
        async def ping(self) -> None:
            if not hasattr(self, "asked"):
                self.asked = True
                raise RuntimeError("odd")

    away = watched(Broken())
    away.failed(StoreUnavailable())
    await over(away)
    assert "RuntimeError: odd" in logged[0]
