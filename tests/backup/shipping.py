"""Writes beside the newest backup of a machine, and is killed in the middle of a frame."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from chatserver.copies.backup import increments
from chatserver.copies.backup.shelf import Shelf
from chatserver.copies.backup.shipper import Shipper
from chatserver.runtime.measure import Measures
from chatserver_plugins.sqlite import SqlitePlugin
from tests.backup.seed import sent

FRAMES = int(sys.argv[1])  # that it writes whole
FOLDER = Path("data/sqlite").absolute()
written = 0


def half(file: Any, data: bytes) -> None:
    global written
    written += 1
    file.write(data if written <= FRAMES else data[: len(data) // 2])
    if written > FRAMES:
        os.kill(os.getpid(), signal.SIGKILL)


async def main() -> None:
    store = SqlitePlugin(SqlitePlugin.Config(), FOLDER).provide_store()
    await store.open()
    increments.write_all = half  # type: ignore[assignment]
    shipper = Shipper(store, Shelf(Path("backups")), None, 1.0, Measures())
    while True:
        await store.append(sent("room0", [(await store.heads(["room0"]))["room0"] + 1]))
        await shipper.round()


asyncio.run(main())
