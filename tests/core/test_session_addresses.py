"""Addresses of old sessions are shortened, those of new ones are not, and a session is otherwise as it was."""

import msgspec
import pytest

from chatserver.runtime.clock import Clock
from chatserver.service.login.addresses import DAY, Addresses, shortened
from chatserver.service.login.sessions import SPACE, Note
from chatserver_plugins.memory import MemoryStore


class HandClock(Clock):
    def now(self) -> float:
        return 1000 * DAY


def note(address: str, days: float) -> Note:
    return Note(
        method="password", address=address, confirmed=(1000 - days) * DAY, agent="Firefox", sid="s"
    )


async def addresses(store: MemoryStore) -> dict[str, str]:
    rows = await store.scan(SPACE, "", limit=5000)
    return {key: msgspec.json.decode(record, type=Note).address for key, record in rows}


@pytest.mark.parametrize(
    ("address", "short"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1234:5678:9abc::1", "2001:db8:1234::/48"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("203.0.113.0/24", "203.0.113.0/24"),
        ("2001:db8:1234::/48", "2001:db8:1234::/48"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_what_is_left_of_an_address(address: str, short: str) -> None:
    assert shortened(address) == short


async def test_old_ones_are_shortened_and_nothing_else_is_changed() -> None:
    store = MemoryStore()
    old, new = note("203.0.113.77", 31), note("203.0.113.77", 29)
    await store.put(SPACE, "u/old", msgspec.json.encode(old))
    await store.put(SPACE, "v/new", msgspec.json.encode(new))
    job = Addresses(store, 30, HandClock()).job()
    for _ in range(2):
        await job.run()
        assert await addresses(store) == {"u/old": "203.0.113.0/24", "v/new": "203.0.113.77"}
    kept = msgspec.json.decode(await store.get(SPACE, "u/old") or b"", type=Note)
    assert kept == msgspec.structs.replace(old, address="203.0.113.0/24")


async def test_with_0_days_they_stay() -> None:
    store = MemoryStore()
    await store.put(SPACE, "u/old", msgspec.json.encode(note("203.0.113.77", 900)))
    await Addresses(store, 0, HandClock()).shorten()
    assert await addresses(store) == {"u/old": "203.0.113.77"}


async def test_all_pages_are_looked_at_and_a_changed_note_is_left_alone() -> None:
    class Racing(MemoryStore):
        async def swap(self, space: str, key: str, old: bytes, new: bytes) -> bool:
            if key == "u/3":  # confirmed just now
                await self.put(space, key, msgspec.json.encode(note("203.0.113.77", 0)))
            return await super().swap(space, key, old, new)

    store = Racing()
    for number in range(1200):
        await store.put(SPACE, f"u/{number}", msgspec.json.encode(note("203.0.113.77", 40)))
    await Addresses(store, 30, HandClock()).shorten()
    found = await addresses(store)
    assert found.pop("u/3") == "203.0.113.77"
    assert set(found.values()) == {"203.0.113.0/24"} and len(found) == 1199
