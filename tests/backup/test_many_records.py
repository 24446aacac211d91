"""With many records each round compares some of them: events do not wait, and no record is forgotten."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from chatserver import Store
from chatserver.copies.archive import source
from chatserver.copies.backup.moment import read_moment
from chatserver.copies.backup.reading import Backup
from chatserver.copies.backup.restore import restore
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.backup.shipper import Shipper
from chatserver.copies.backup.take import BackupSettings, take
from chatserver.errors import StoreUnavailable
from chatserver.runtime.measure import Gauge, Measures
from tests.backup.conftest import KEY
from tests.backup.seed import contents, seed, sent

Empty = Callable[[str], Any]
SEALED = BackupSettings(part_bytes=1 << 20, key=KEY)
USERS = 100  # with a marker each: ten pages of accounts and ten of markers
ROUNDS = 200  # many more than any of it takes


@pytest.fixture(autouse=True)
def a_page_each_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "PAGE", 10)
    monkeypatch.setattr("chatserver.copies.backup.shipper._cost", lambda began: 0.0)


async def seeded(store: Store) -> None:
    await seed(store, rooms=2, messages=3)
    for number in range(USERS):
        await store.put("user", f"u{number:03}", b"{}")
        await store.put("read", f"u{number:03}/room0", b"1")


class Rounds:
    """A shipper whose rounds are made by hand, and have no time for more than a page of records."""

    def __init__(self, store: Store, shelf: Shelf) -> None:
        measures = Measures()
        self.shipper = Shipper(store, shelf, KEY, 0.0, measures)
        self._figures = {each.name: each for each in measures if isinstance(each, Gauge)}

    def figure(self, name: str) -> float:
        return self._figures[f"chatserver_backup_{name}_timestamp_seconds"].read()

    async def __aenter__(self) -> "Rounds":
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.shipper.end()

    async def until(self, done: Callable[[], Any]) -> int:
        """The number of rounds until the condition holds."""
        for number in range(1, ROUNDS):
            await self.shipper.round()
            if await done():
                return number
        raise AssertionError(f"not in {ROUNDS} rounds")

    async def all_of_it(self) -> None:
        """Ship rounds until the metric reports that all present records are shipped."""
        now = time.time()

        async def done() -> bool:
            return self.figure("records_shipped") > now

        await self.until(done)


async def restored(backup: Backup, empty: Empty) -> Any:
    async with empty("memory") as fresh:
        await restore(backup, fresh)
        return await contents(fresh)


async def test_events_do_not_wait_for_records_nor_accounts_for_markers(
    empty: Empty, shelf: Shelf
) -> None:
    async with empty("memory") as store:
        await seeded(store)
        path, _ = await take(store, shelf, SEALED)
        async with Rounds(store, shelf) as rounds:
            for number in range(500):
                await store.put("read", f"v{number:03}/room0", b"1")
            assert (await store.append(sent("room1", [6]))).stored == 1
            await rounds.shipper.round()
            assert rounds.figure("shipped") > 0 == rounds.figure("records_shipped")
            logs, _ = await restored(Backup(path, KEY), empty)
            assert [each.seq for each in logs["room1"]] == [1, 2, 3, 4, 5, 6]
            await store.put("user", "ada", b"{}")

            async def ada() -> bool:
                _, records = await restored(Backup(path, KEY), empty)
                return ("user", "ada") in records

            assert await rounds.until(ada) < 60, "two looks at other records than markers"
            assert rounds.figure("records_shipped") == 0, "the markers are not through"
            await rounds.all_of_it()
        assert await restored(Backup(path, KEY), empty) == await contents(store)


async def test_a_record_changed_after_its_comparison_is_found_by_the_next(
    empty: Empty, shelf: Shelf
) -> None:
    async with empty("memory") as store:
        await seeded(store)
        path, _ = await take(store, shelf, SEALED)
        async with Rounds(store, shelf) as rounds:
            for number in range(30):
                await rounds.shipper.round()
                await store.put("user", f"u{number * 7 % USERS:03}", str(number).encode())
                await store.delete("user", f"u{number * 3 % USERS:03}")
                await store.put("read", f"u{number:03}/room0", b"2")
                await store.delete("read", f"u{number * 3 % USERS:03}/room0")
            await rounds.all_of_it()
        assert await restored(Backup(path, KEY), empty) == await contents(store)


class BreaksOff:
    """A store that does not answer one of its scans."""

    def __init__(self, store: Store, number: int) -> None:
        self._store, self._left = store, number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def scan(self, *given: Any, **named: Any) -> Any:
        self._left -= 1
        if not self._left:
            raise StoreUnavailable
        return await self._store.scan(*given, **named)


@pytest.mark.parametrize("number", [1, 2, 7, 15])
async def test_a_look_that_the_store_broke_off_did_not_come_to_its_end(
    number: int, empty: Empty, shelf: Shelf
) -> None:
    async with empty("memory") as store:
        await seeded(store)
        path, _ = await take(store, shelf, SEALED)
        await store.put("user", "zoe", b"{}")
        await store.put("read", "zoe/room0", b"1")
        breaking: Any = BreaksOff(store, number)
        async with Rounds(breaking, shelf) as rounds:
            with pytest.raises(StoreUnavailable):
                await rounds.all_of_it()
            await rounds.all_of_it()
        assert await restored(Backup(path, KEY), empty) == await contents(store)


async def test_the_one_before_gets_all_that_changed_before_a_new_backup(
    empty: Empty, shelf: Shelf
) -> None:
    async with empty("memory") as store:
        await seeded(store)
        first, _ = await take(store, shelf, SEALED)
        async with Rounds(store, shelf) as rounds:
            for _ in range(8):
                await rounds.shipper.round()
            await store.put("plugin/notes", "", b"behind the look")
            await store.put("user", "u000", b"behind the look")
            wanted = await contents(store)
            _, manifest = await take(store, shelf, SEALED)
            await rounds.shipper.round()
    assert await restored(Backup(first, KEY), empty) == wanted
    async with empty("memory") as fresh:
        await restore(Backup(first, KEY), fresh, moment=read_moment(manifest.begun))
        assert await contents(fresh) == wanted
