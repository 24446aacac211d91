"""A folder with an installation's data, and commands as an operator types them there."""

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from click.testing import CliRunner, Result

from chatserver.cli import main
from chatserver.cluster.installation import epoch
from chatserver.copies.backup.shelf import Shelf
from chatserver.testing.samples import described, posted
from chatserver_plugins.sqlite import SqlitePlugin
from tests.backup.seed import Contents, contents, seed
from tests.forking import ran

ROOT = Path(__file__).parents[2]
PATIENT = SqlitePlugin.Config(timeout_ms=60_000)  # how long a busy machine takes is not asked here


class Machine:
    """A folder with an installation's data, and its backups."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        self.shelf = Shelf(folder / "backups")

    def options(self, data: Path) -> list[str]:
        given = {
            "plugins.enabled": "sqlite,password",
            "server.data": data,
            "backup.folder": self.shelf.folder,
            "server.name": "Lounge",
        }
        return [f"--set={key}={value}" for key, value in given.items()]

    def run(self, *arguments: str, data: Path | None = None, **environ: str) -> Result:
        command = [*arguments, *self.options(data or self.data)]
        return CliRunner().invoke(main, command, prog_name="chatserver", env=environ)

    def start(
        self,
        *arguments: str,
        limit: str = "unlimited",
        data: Path | None = None,
        module: Sequence[str] = ("chatserver",),
    ) -> "subprocess.Popen[str]":
        """In a process of its own, in which no file may be larger than so many KiB."""
        name, *given = arguments
        options = self.options(data or self.data)
        program = [sys.executable, "-m", *module, name, *options, *given]
        return subprocess.Popen(
            ["bash", "-c", f'ulimit -f {limit}; exec "$@"', "bash", *program],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ended(
        self, *arguments: str, data: Path | None = None, module: Sequence[str] = ("chatserver",)
    ) -> tuple[int, str]:
        """The exit status of a process of its own, and its standard error."""
        name, *given = arguments
        program, *first = module
        done = ran(
            *(*first, name, *self.options(data or self.data), *given),
            module=program,
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        return done.returncode, done.stderr

    def fill(self, messages: int = 0) -> None:
        """`messages` of them cannot be packed."""

        async def fill() -> None:
            store = SqlitePlugin(PATIENT, self.data / "sqlite").provide_store()
            await store.open()
            await seed(store)
            await epoch(store)
            noise = random.Random(1)
            if messages:
                await store.append([described("noise", 1)])
            for first in range(2, messages, 1000):
                seqs = range(first, first + 1000)
                bodies = [noise.randbytes(100).hex() for _ in seqs]
                pairs = zip(seqs, bodies, strict=True)
                await store.append([posted("noise", seq, body=body) for seq, body in pairs])
            await store.close()

        asyncio.run(fill())


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Its exit status, and its standard error."""
    _, said = process.communicate(timeout=60)
    return process.returncode, said


def read(data: Path) -> Contents:
    async def read() -> Contents:
        store = SqlitePlugin(PATIENT, data / "sqlite").provide_store()
        await store.open()
        try:
            return await contents(store)
        finally:
            await store.close()

    return asyncio.run(read())
