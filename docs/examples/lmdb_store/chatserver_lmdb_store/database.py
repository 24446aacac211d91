"""The file: opened once a process, written by one thread, read by several.

All writes that wait become one transaction, with one wait for the disk. LMDB gives every reader the state of one
moment, and lets other processes write in turn.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, Generic, TypeVar

import lmdb

from chatserver import StartupError, StoreUnavailable
from chatserver_lmdb_store.view import View

T = TypeVar("T")
Run = Callable[[View], T]

DATABASES = (
    *("trees", "events", "posted", "changes", "replaced"),
    *("members", "memberships", "described", "indexed", "pages", "meta"),
)
VERSION = b"1"
GROUP = 100  # writes in one transaction
READERS = 4
STOP_SECONDS = 10.0  # for writes under way, when the store is closed

logger = logging.getLogger("chatserver.lmdb_store")


class Job(Generic[T]):
    """A write, and the future of its result."""

    def __init__(self, run: Run[T]) -> None:
        self.run, self._loop = run, asyncio.get_running_loop()
        self.future: asyncio.Future[T] = self._loop.create_future()

    def settle(self, result: Any, error: Exception | None) -> None:
        """Called in the writer's thread."""
        try:
            self._loop.call_soon_threadsafe(self._settle, result, error)
        except RuntimeError:  # the loop is closed, so nobody waits
            return

    def _settle(self, result: Any, error: Exception | None) -> None:
        if self.future.done():  # given up
            return
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)


class Database:
    """An open file, shared by all stores of this process over the same folder."""

    def __init__(self, folder: Path, map_gib: int, *, is_read_only: bool) -> None:
        self._env = lmdb.open(
            str(folder),
            map_size=map_gib << 30,
            max_dbs=len(DATABASES),
            readonly=is_read_only,
            create=not is_read_only,
            mode=0o600,
        )
        self.users = 0
        self._databases = {name: self._opened(name, is_read_only) for name in DATABASES}
        self._readers = ThreadPoolExecutor(READERS, "lmdb-read")
        self._jobs: SimpleQueue[Job[Any] | None] = SimpleQueue()
        self._writer: Thread | None = None
        if not is_read_only:
            self._writer = Thread(target=self._write_all, name="lmdb-write", daemon=True)
            self._writer.start()

    def _opened(self, name: str, is_read_only: bool) -> Any:
        return self._env.open_db(name.encode(), create=not is_read_only)

    def version(self) -> bytes | None:
        """The version of the schema; None in an empty file."""
        with self._env.begin() as txn:
            found: bytes | None = txn.get(b"version", db=self._databases["meta"])
            return found

    def initialise(self) -> None:
        with self._env.begin(write=True) as txn:
            txn.put(b"version", VERSION, db=self._databases["meta"])

    async def read(self, run: Run[T], seconds: float) -> T:
        """The result of `run`, on the state of one moment. Raises `StoreUnavailable`."""

        def work() -> T:
            with self._env.begin() as txn:
                return run(View(txn, self._databases))

        try:
            async with asyncio.timeout(seconds):
                return await asyncio.get_running_loop().run_in_executor(self._readers, work)
        except (lmdb.Error, RuntimeError, TimeoutError) as error:
            raise StoreUnavailable from error

    async def write(self, run: Run[T], seconds: float) -> T:
        """The result of `run`, once its changes are durable. Raises `StoreUnavailable`."""
        if self._writer is None or not self._writer.is_alive():
            raise StoreUnavailable
        job = Job(run)
        self._jobs.put(job)
        try:
            async with asyncio.timeout(seconds):
                return await job.future
        except (lmdb.Error, TimeoutError) as error:
            raise StoreUnavailable from error

    def close(self) -> None:
        """Write what waits, and release the file; blocks."""
        self._readers.shutdown()
        if self._writer is not None:
            self._jobs.put(None)
            self._writer.join(STOP_SECONDS)
            if self._writer.is_alive():
                logger.error("the file does not answer: unacknowledged writes may be lost")
                return  # the thread still uses the file
        self._env.close()

    # -- in the writer's thread --------------------------------------------------------------------

    def _write_all(self) -> None:
        while (jobs := self._next_jobs()) is not None:
            self._write([job for job in jobs if not job.future.done()])

    def _next_jobs(self) -> list[Job[Any]] | None:
        """At least one job, with others that wait; None at the end."""
        found = [self._jobs.get()]
        while found[-1] is not None and len(found) < GROUP:
            try:
                found.append(self._jobs.get_nowait())
            except Empty:
                break
        jobs = [job for job in found if job is not None]
        if len(jobs) < len(found) and jobs:
            self._jobs.put(None)
        return jobs or None

    def _write(self, jobs: Sequence[Job[Any]]) -> None:
        """Run the jobs in one transaction, each of which leaves nothing behind if it fails."""
        results: list[tuple[Job[Any], Any, Exception | None]] = []
        try:
            with self._env.begin(write=True) as txn:
                for job in jobs:
                    try:
                        with self._env.begin(write=True, parent=txn) as own:
                            results.append((job, job.run(View(own, self._databases)), None))
                    except Exception as error:  # the caller gets it
                        results.append((job, None, error))
        except lmdb.Error as error:  # nothing was written
            logger.error("cannot write: %s", error)
            results = [(job, None, error) for job in jobs]
        for job, result, failure in results:
            job.settle(result, failure)


# LMDB may be opened only once in a process: a second closing would release the locks of the first.
_open: dict[Path, Database] = {}
_opening = Lock()


def acquire(folder: Path, map_gib: int, *, is_read_only: bool = False) -> Database:
    """The open database of the folder; release it once. Blocks. Raises `StartupError`."""
    with _opening:
        database = _open.get(folder)
        if database is None:
            try:
                if not is_read_only:
                    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                database = Database(folder, map_gib, is_read_only=is_read_only)
            except (OSError, lmdb.Error) as error:
                raise StartupError(f"plugin.lmdb_store.path: {folder}: {error}") from error
            try:
                _demand_version(folder, database, is_read_only=is_read_only)
            except StartupError:
                database.close()
                raise
            _open[folder] = database
        database.users += 1
        return database


def release(folder: Path, database: Database) -> None:
    """End a use of the database; the last one closes it. Blocks."""
    with _opening:
        database.users -= 1
        if database.users == 0:
            del _open[folder]
            database.close()


def plan(folder: Path) -> list[str]:
    """See `chatserver.Store.plan`. Blocks."""
    if not (folder / "data.mdb").exists():
        return ["make the databases"]
    release(folder, acquire(folder, 1, is_read_only=True))
    return []


def _demand_version(folder: Path, database: Database, *, is_read_only: bool) -> None:
    found = database.version()
    if found is None and not is_read_only:
        database.initialise()
    elif found != VERSION:
        has = "nothing" if found is None else f"version {found.decode()}"
        raise StartupError(
            f"plugin.lmdb_store.path: {folder} has {has}, this plugin knows version {VERSION.decode()}"
        )
