"""kill -9 in the middle of rotations and of the sealing, on each store: it goes on, and nothing is lost."""

import random
from pathlib import Path
from typing import Any

import pytest

from chatserver import Store
from chatserver.testing.samples import posted
from chatserver_plugins.vault.keyring import SPACE
from tests.killing import STORES, Kept, kept_store, killed
from tests.vault.sealing import OTHER, Hand, caretaker, local, opened, sealed

ROOMS, EVENTS, KILLS = 5, 60, 6
PROGRAM = """
import asyncio, sys
from pathlib import Path
from tests.vault.sealing import OTHER, Hand, caretaker, local, opened, sealed
{make}

async def main():
    # Each run of the loop has the other master key as its present one.
    masters = [local(), local(OTHER)]
    print("begun", flush=True)
    while True:
        hand = Hand()
        async with opened(sealed(make(), *masters, clock=hand)) as store:
            care = caretaker(store, hand)
            await care.rotate_master()
            print("master", flush=True)
            await care.rotate_data()
            while not await care.seal(60):
                pass
            print("data", flush=True)
        masters.reverse()

asyncio.run(main())
"""


@pytest.fixture(params=STORES)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Kept:
    found = kept_store(request, tmp_path)
    return found._replace(source=PROGRAM.replace("{make}", found.source))


def log(room: str) -> list[Any]:
    return [posted(room, seq, body=f"text {seq} of {room}") for seq in range(1, EVENTS + 1)]


async def check(store: Store) -> None:
    for number in range(ROOMS):
        assert await store.read(f"r{number}", 0, 1000) == log(f"r{number}")
        assert await store.get("drafts", f"{number}") == f"draft {number}".encode()


async def test_a_rotation_that_is_killed_goes_on(kept: Kept) -> None:
    inner = kept.make()
    await inner.open()  # half of it is there before the vault
    for number in range(ROOMS):
        await inner.append(log(f"r{number}")[: EVENTS // 2])
    await inner.close()
    async with opened(sealed(kept.make())) as store:
        for number in range(ROOMS):
            await store.append(log(f"r{number}")[EVENTS // 2 :])
            await store.put("drafts", f"{number}", f"draft {number}".encode())
        await check(store)
    chance, said = random.Random(7), 0
    for _ in range(KILLS):
        lines = killed(kept.source, lines=1 + chance.randrange(3))
        said += len([line for line in lines if line in ("master", "data")])
        async with opened(sealed(kept.make(), local(), local(OTHER))) as store:
            await check(store)
            assert len(await store.inner.scan(SPACE, "root/")) <= 2
    assert said, "it never came far"
    hand = Hand()
    async with opened(sealed(kept.make(), local(), local(OTHER), clock=hand)) as store:
        care = caretaker(store, hand)
        await care.rotate_master()
        assert await care.seal(600)
        status = await care.status()
        assert status.sealed and status.present and status.masters == (local().id,)
    async with opened(sealed(kept.make(), local())) as store:
        await check(store)
