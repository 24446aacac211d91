"""kill -9 in the middle of rotations and of the sealing, on each store: it goes on, and nothing is lost."""

import asyncio
import random
import signal
import sys
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
    return kept_store(request, tmp_path)


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
        lines = killed(PROGRAM.replace("{make}", kept.source), lines=1 + chance.randrange(3))
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


LATE = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.vault.sealing import OTHER, local, opened, sealed
from chatserver.testing.samples import posted
{make}

class Slow:
    # Writes a new data key when somebody says so, and is killed just then.
    def __init__(self, inner):
        self._inner = inner
    def __getattr__(self, name):
        return getattr(self._inner, name)
    async def add(self, space, key, value):
        if key != "key/room/late":
            return await self._inner.add(space, key, value)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        await self._inner.add(space, key, value)
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    async with opened(sealed(Slow(make()), local(OTHER), local())) as store:
        await store.append([posted("late", 1)])

asyncio.run(main())
"""


@pytest.mark.parametrize("kept", STORES[1:], indirect=True)  # those that several nodes share
async def test_a_node_killed_as_it_writes_a_key_after_a_rotation_stops_nobody(kept: Kept) -> None:
    masters, hand = (local(OTHER), local()), Hand()
    async with opened(sealed(kept.make(), local())) as store:
        await store.append(log("r0"))
    async with opened(sealed(kept.make(), *masters, clock=hand)) as store:
        program = LATE.replace("{make}", kept.source)
        pipe = asyncio.subprocess.PIPE
        late = await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, stdin=pipe, stdout=pipe, stderr=pipe
        )
        assert late.stdin is not None and late.stdout is not None and late.stderr is not None
        if await late.stdout.readline() != b"ready\n":
            raise AssertionError((await late.stderr.read()).decode())
        await caretaker(store, hand).rotate_master()
        late.stdin.write(b"\n")
        _, errors = await asyncio.wait_for(late.communicate(), 60)
        assert late.returncode == -signal.SIGKILL, errors.decode()
        ((_, key),) = await store.inner.scan(SPACE, "key/room/late")
        assert b'"root":1' in key, "it was written with the earlier root key"
        await store.append([posted("late", 1, body="goes on")])
    async with opened(sealed(kept.make(), local(OTHER))) as store:
        assert await store.read("late", 0, 10) == [posted("late", 1, body="goes on")]
        assert await store.read("r0", 0, 1000) == log("r0")
        hand = Hand()
        await caretaker(store, hand).rotate_master()
        assert await store.read("r0", 0, 1000) == log("r0")
