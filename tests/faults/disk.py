"""Disks that fail: one that can be filled, and one that cannot be synced, as root; a limit on files."""

import asyncio
import errno
import os
import resource
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

FILL = "fill"
LARGEST = 1 << 26
BLOCK = 1 << 12
MOUNT = 'mount "$1" "$2" && shift 2 && exec "$@"'
SYNCS = "fsync,fdatasync"


def needs(program: str) -> str:
    """The path of a program that only root can use. Without it the test is skipped, but fails in CI."""
    found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None or os.geteuid() != 0:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"needs {program}, as root")
    assert found is not None
    return found


class SmallDisk:
    """An ext4 of its own at `folder`, visible only to processes that run `within` it."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self._folder = folder
        folder.mkdir(parents=True)
        image = folder.with_suffix(".image")
        with image.open("wb") as file:
            file.truncate(megabytes << 20)
        subprocess.run([needs("mkfs.ext4"), "-q", "-m", "0", image], check=True)
        attach = [needs("losetup"), "--find", "--show", image]
        self._device = subprocess.run(
            attach, check=True, capture_output=True, text=True
        ).stdout.strip()

    def __enter__(self) -> "SmallDisk":
        # One who sees it, whatever becomes of the others.
        self._guest = subprocess.Popen([*self.within, "sleep", "infinity"])
        return self

    def __exit__(self, *error: object) -> None:
        self._guest.kill()
        self._guest.wait()
        subprocess.run([needs("losetup"), "--detach", self._device], check=True)

    @property
    def within(self) -> list[str]:
        """The command that becomes a process that sees it."""
        folder = str(self._folder)
        return [needs("unshare"), "--mount", "sh", "-c", MOUNT, "sh", self._device, folder]

    def fill(self) -> None:
        """Leave not one block."""
        with self._filling.open("wb") as file:
            size, step = 0, LARGEST
            while step >= BLOCK:
                try:
                    os.posix_fallocate(file.fileno(), size, step)
                    size += step
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    step //= 2

    def free(self) -> None:
        self._filling.unlink()

    @property
    def _filling(self) -> Path:
        return Path(f"/proc/{self._guest.pid}/root{self._folder}", FILL)


@contextmanager
def no_file_grows_over(size: int) -> Iterator[None]:
    """As on a full disk, but for this process alone."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@asynccontextmanager
async def failing_syncs(*pids: int) -> AsyncIterator[None]:
    """While the context is open, syncs of these processes and their children fail (EIO)."""
    inject = ["-e", f"trace={SYNCS}", "-e", f"inject={SYNCS}:error=EIO", "-e", "signal=none"]
    strace = await asyncio.create_subprocess_exec(
        *(needs("strace"), "-f", *inject, "-o", os.devnull),
        *(option for pid in pids for option in ("-p", str(pid))),
        stderr=asyncio.subprocess.PIPE,
    )
    assert strace.stderr is not None
    try:
        async with asyncio.timeout(60):
            assert b"attached" in await strace.stderr.readline()
        yield
    finally:
        if strace.returncode is None:
            strace.terminate()  # it lets go first
        await strace.communicate()
