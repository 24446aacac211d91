"""20 uploads of 100 MiB at the same time take a server's process less than 50 MiB of memory."""

import json
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import Mongod

UPLOADS, MIB = 20, 100
MOST_MIB = 50

PROGRAM = """
import asyncio, hashlib, json, os, sys
from pathlib import Path

from chatserver.app import Server
from chatserver.config import load

folder, uploads, mib = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
place = json.loads(sys.argv[4])  # the settings of the place
PART = os.urandom(65_536)

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

async def parts(mib):
    for _ in range(mib * 16):
        yield bytes(bytearray(PART))  # each one is new
        await asyncio.sleep(0)

async def watch(found):
    while True:
        found.append(resident())
        await asyncio.sleep(0.01)

async def main():
    settings = {
        "server.data": folder, "server.port": 0, "logging.folder": "",
        "plugins.enabled": ["sqlite", "password", place.pop("plugin")],
        "blobs.largest_mb": 200, "blobs.mb_per_user": 5000, "blobs.uploads_per_user": uploads,
        **place,
    }
    async with Server(load(overrides=settings, environ={})).opened() as server:
        server.listen()
        blobs = server.service.blobs
        await blobs.take("ada", parts(1))  # what is made once
        before, found = resident(), []
        watching = asyncio.create_task(watch(found))
        taken = await asyncio.gather(*(blobs.take("ada", parts(mib)) for _ in range(uploads)))
        watching.cancel()
        hashed = hashlib.sha256()
        for _ in range(16 * mib):
            hashed.update(PART)
        wanted = hashed.hexdigest()
        assert all(blob.sha256 == wanted for blob in taken)
        print(max(found) - before)
        await server.drain()

asyncio.run(main())
"""


@pytest.mark.long
def test_many_large_uploads_at_once_take_little_memory(tmp_path: Path) -> None:
    place = {"plugin": "disk_blobs", "plugin.disk_blobs.min_free_percent": 0.0}
    assert grown_by(tmp_path, MIB, place) < MOST_MIB


@pytest.mark.long
def test_many_uploads_to_gridfs_at_once_take_little_memory(
    tmp_path: Path, replica_set: Mongod
) -> None:
    place = {
        "plugin": "gridfs",
        "plugin.gridfs.uri": replica_set.uri,
        "plugin.gridfs.database": f"test_{secrets.token_hex(8)}",
        "plugin.gridfs.timeout_ms": 60_000,
    }
    assert grown_by(tmp_path, MIB // 5, place) < MOST_MIB


def grown_by(folder: Path, mib: int, place: dict[str, object]) -> float:
    """MiB by which a server grows while it takes UPLOADS files of `mib` MiB at the same time."""
    arguments = [str(folder / "data"), str(UPLOADS), str(mib), json.dumps(place)]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    grown = float(done.stdout.splitlines()[-1])
    print(f"{UPLOADS} uploads of {mib} MiB to {place['plugin']}: {grown:.1f} MiB more memory")
    return grown
