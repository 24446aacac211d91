"""kill -9 in the middle of rotations and of the sealing, on each store: it goes on, and nothing is lost."""

import random
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from chatserver import Store
from chatserver.testing.samples import posted
from chatserver_plugins.mongo import MongoPlugin
from chatserver_plugins.postgres import PostgresPlugin
from chatserver_plugins.sqlite import SqlitePlugin
from chatserver_plugins.vault.keyring import SPACE
from tests.servers import PATIENT_MS
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


class Kept(NamedTuple):
    """A store, here and in another process."""

    make: Any
    program: str


@pytest.fixture(params=["sqlite", "postgres", pytest.param("mongo", marks=pytest.mark.long)])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    name = f"test_{secrets.token_hex(8)}"
    plugin: Any
    if request.param == "sqlite":
        plugin = SqlitePlugin(SqlitePlugin.Config(timeout_ms=PATIENT_MS), tmp_path)
        kind, given = "sqlite:SqlitePlugin", f"timeout_ms={PATIENT_MS}"
    elif request.param == "postgres":
        uri = request.getfixturevalue("postgres").uri
        plugin = PostgresPlugin(PostgresPlugin.Config(uri=uri, schema=name, timeout_ms=PATIENT_MS))
        kind, given = (
            "postgres:PostgresPlugin",
            f"uri={uri!r}, schema={name!r}, timeout_ms={PATIENT_MS}",
        )
    else:
        uri = request.getfixturevalue("replica_set").uri
        plugin = MongoPlugin(
            MongoPlugin.Config(uri=uri, database=name, timeout_ms=PATIENT_MS), tmp_path
        )
        kind, given = (
            "mongo:MongoPlugin",
            f"uri={uri!r}, database={name!r}, timeout_ms={PATIENT_MS}",
        )
    module, _, cls = kind.partition(":")
    folder = "" if module == "postgres" else f", Path({str(tmp_path)!r})"
    make = (
        f"from chatserver_plugins.{module} import {cls}\n"
        f"make = {cls}({cls}.Config({given}){folder}).provide_store"
    )
    yield Kept(plugin.provide_store, PROGRAM.replace("{make}", make))


def log(room: str) -> list[Any]:
    return [posted(room, seq, body=f"text {seq} of {room}") for seq in range(1, EVENTS + 1)]


async def check(store: Store) -> None:
    for number in range(ROOMS):
        assert await store.read(f"r{number}", 0, 1000) == log(f"r{number}")
        assert await store.get("drafts", f"{number}") == f"draft {number}".encode()


def killed(program: str, lines: int) -> int:
    """Run the program and kill it once it has said so many lines, in the middle of what follows.

    Returns how many rotations it has ended.
    """
    command, ended = [sys.executable, "-c", program], 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        for _ in range(lines):
            line = process.stdout.readline()
            assert line, process.stderr.read().decode()
            ended += line in (b"master\n", b"data\n")
        process.kill()
    return ended


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
        said += killed(kept.program, lines=1 + chance.randrange(3))
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
