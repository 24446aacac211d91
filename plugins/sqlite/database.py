"""One database file: its writing connection, its reading connections, and its lock.

SQLite lets one connection write at a time. Here one thread makes all writes, in groups: all waiting jobs
become one transaction, with one wait for the disk. Only this thread makes checkpoints, as two connections
that make them can damage the file in versions before 3.51.3 (https://sqlite.org/wal.html#walresetbug).
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from chatserver import StartupError, StoreFacts, StoreUnavailable
from chatserver_plugins.sqlite import facts, schema
from chatserver_plugins.sqlite.jobs import (
    GROUP,
    Job,
    Result,
    Run,
    Worker,
    logger,
    read,
    write,
)
from chatserver_plugins.sqlite.lock import FileLock, demand_one_name

T = TypeVar("T")

OLDEST = (3, 38, 0)  # has STRICT tables and JSON functions
READERS = 3
SYNCHRONOUS = "FULL"  # a transaction ends once it is on the disk
PATIENT = "NORMAL"  # it is on the disk with the next one that has to be
BUSY_SECONDS = 1.0  # a backup or a shell may lock the file for a moment
STOP_SECONDS = 10.0
CHECKPOINT_PAGES = 10_000  # 39 MiB: under load most pages are written several times until then …
CHECKPOINT_ROWS = 1000  # … but at rest it is made after so many rows, so that none takes long
# A checkpoint cannot restart the log while a reader is active, so with constant reads the log would grow
# forever. Above this size the writer waits for the readers to finish.
LOG_BYTES = 512 << 20
SCRUBS = 3  # tries to empty the log, each of which waits for readers
WRITER_CACHE_KIB = 64 * 1024
READER_CACHE_KIB = 8 * 1024  # small, as each write empties it, and the system caches pages too


class Database:
    """Open from `opened` until `close`."""

    def __init__(self, path: Path, timeout_ms: int) -> None:
        self._path = path
        self._seconds: float | None = timeout_ms / 1000  # for an answer; None has no end
        real = path.resolve()
        self._log = real.with_name(real.name + "-wal")
        self._lock: FileLock | None = None
        self._writes: SimpleQueue[Job[Any] | None] = SimpleQueue()
        self._reads: SimpleQueue[Job[Any] | None] = SimpleQueue()
        self._writer: Worker | None = None
        self._readers: list[Worker] = []
        self._failing = False
        self._rows = 0  # written before the last checkpoint that was made at rest
        self._waits = True  # whether the writer's transactions wait for the disk now
        self._scrubs = False  # whether the log is to be emptied after the writes under way

    async def plan(self) -> list[str]:
        """Titles of the steps that the file's schema lacks. Raises `StartupError`, which names the file."""
        return await self._looked(self._plan)

    async def facts(self) -> StoreFacts:
        """The file's version and sizes. Raises `StartupError`, which names the file."""
        return await self._looked(self._facts)

    async def _looked(self, look: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(look)
        except (OSError, sqlite3.Error, StartupError) as error:
            raise StartupError(f"plugin.sqlite.path: {self._path}: {_cause(error)}") from error

    def _facts(self) -> StoreFacts:
        if not self._path.exists():
            return facts.empty(self._path)
        demand_one_name(self._path)
        with closing(self._read_only()) as connection:
            return facts.facts(connection, self._path)

    def _plan(self) -> list[str]:
        if not self._path.exists():
            return schema.plan(0)
        demand_one_name(self._path)
        with closing(self._read_only()) as connection:
            schema.check(connection)
            return schema.plan(schema.version_of(connection))

    async def open(self) -> None:
        """Open the file. Raises `StartupError`, which names the file."""
        connecting = asyncio.ensure_future(asyncio.to_thread(self._connect))
        try:
            connections = await asyncio.shield(connecting)
        except asyncio.CancelledError:  # the thread continues, and makes folder and file
            await asyncio.wait([connecting])
            for connection in [] if connecting.exception() else connecting.result():
                connection.close()
            await self.close()
            raise
        except (OSError, sqlite3.Error, StartupError) as error:
            await self.close()
            raise StartupError(f"plugin.sqlite.path: {self._path}: {_cause(error)}") from error
        writer, *readers = connections
        self._writer = Worker(writer, self._writes, self._write, GROUP, self._checkpoint)
        self._readers = [Worker(reader, self._reads, read, 1) for reader in readers]

    async def open_to_read(self) -> None:
        """Open for reading only, without blocking a process that writes. Raises `StartupError`."""
        if steps := await self.plan():
            raise StartupError(
                f"plugin.sqlite.path: {self._path}: its schema is not up to date: {steps[0]}"
            )
        try:
            readers = await asyncio.to_thread(self._connect_to_read)
        except (OSError, sqlite3.Error) as error:
            raise StartupError(f"plugin.sqlite.path: {self._path}: {_cause(error)}") from error
        self._readers = [Worker(reader, self._reads, read, 1) for reader in readers]

    async def close(self) -> None:
        """Write all waiting changes and release the file. Never raises."""
        for _ in self._readers:
            self._reads.put(None)
        for worker in self._readers:
            await asyncio.to_thread(worker.thread.join, STOP_SECONDS)
        self._readers = []
        if self._writer is not None:  # the last connection to close moves the log into the file
            writer, self._writer = self._writer, None
            self._writes.put(None)
            await asyncio.to_thread(writer.thread.join, STOP_SECONDS)
            if writer.thread.is_alive():
                logger.error("%s does not answer: unacknowledged writes may be lost", self._path)
                return  # the thread may still write, so the lock is kept until the process ends
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    async def erase(self) -> None:
        """Close, and remove the files. Raises `StoreUnavailable`."""
        await self.close()
        real = self._path.resolve()
        try:
            for end in ("-wal", "-shm", ""):
                real.with_name(real.name + end).unlink(missing_ok=True)
        except OSError as error:
            raise StoreUnavailable from error

    async def read(self, run: Run[T]) -> T:
        """The result of `run` on durable data. Raises `StoreUnavailable`."""
        if not self._readers:
            raise StoreUnavailable
        return await self._result(Job(run), self._reads)

    async def write(
        self, run: Run[T], *, is_statement: bool = False, is_patient: bool = False
    ) -> T:
        """The result of `run`, once its changes are durable. Raises `StoreUnavailable`.

        It shares a transaction with others, and is repeated if that transaction failed. With `is_statement`
        it is a single statement and runs outside of any transaction. With `is_patient` others wait the least
        for it, and it is durable not by its end, but before any change after it is.
        """
        if self._writer is None:
            raise StoreUnavailable
        try:
            job = Job(run, is_statement=is_statement, is_patient=is_patient)
            result = await self._result(job, self._writes)
        except StoreUnavailable as error:
            if error.__cause__ and not self._failing:
                logger.error("cannot write %s: %s", self._path, error.reason)
            self._failing = True
            raise
        if self._failing:
            logger.warning("%s can be written again", self._path)
        self._failing = False
        return result

    async def scrub(self) -> None:
        """Leave nothing in the files of what was removed before. Raises `StoreUnavailable`."""

        def begin(connection: sqlite3.Connection) -> None:
            self._scrubs = True

        for _ in range(SCRUBS):
            await self.write(begin)
            if not self._scrubs:
                return
        raise StoreUnavailable

    async def compact(self) -> None:
        """Write the file anew, for which others wait. Raises `StoreUnavailable`."""
        seconds, self._seconds = self._seconds, None  # a large file takes minutes
        try:
            await self.write(schema.vacuum, is_statement=True)
            await self.scrub()
        finally:
            self._seconds = seconds

    async def _result(self, job: Job[T], queue: "SimpleQueue[Job[Any] | None]") -> T:
        queue.put(job)
        try:
            async with asyncio.timeout(self._seconds):
                return await job.future
        except (sqlite3.Error, TimeoutError) as error:
            raise StoreUnavailable from error
        finally:
            if job.future.cancelled():
                job.interrupt()

    def _write(self, writer: sqlite3.Connection, jobs: Sequence[Job[Any]]) -> list[Result]:
        """Run the jobs; called in the writer's thread."""
        try:
            self._wait_for_disk(writer, not any(job.is_patient for job in jobs))
        except sqlite3.Error as error:
            return [(job, None, error) for job in jobs]
        results = write(writer, jobs)
        with suppress(OSError, sqlite3.Error):
            if self._scrubs or self._log.stat().st_size > LOG_BYTES:
                ((is_busy, *_),) = writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
                self._scrubs = self._scrubs and bool(is_busy)
        return results

    def _wait_for_disk(self, writer: sqlite3.Connection, waits: bool) -> None:
        """Have the next transactions wait for the disk, or not. Raises `sqlite3.Error`: then nothing may be written."""
        if waits is self._waits:
            return
        if writer.in_transaction:  # it could not be ended; within one the setting cannot change
            writer.execute("ROLLBACK")
        writer.execute(f"PRAGMA synchronous = {SYNCHRONOUS if waits else PATIENT}")
        self._waits = waits

    def _checkpoint(self, writer: sqlite3.Connection) -> None:
        """Move the log into the file while nobody writes; called in the writer's thread."""
        if writer.total_changes - self._rows >= CHECKPOINT_ROWS:
            self._rows = writer.total_changes
            with suppress(sqlite3.Error):
                writer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    # -- opening, in a thread ----------------------------------------------------------------------

    def _connect(self) -> list[sqlite3.Connection]:
        """The writing connection, then the reading ones."""
        if sqlite3.sqlite_version_info < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise StartupError(f"SQLite {sqlite3.sqlite_version} is older than {oldest}")
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = FileLock(self._path)
        with ExitStack() as stack:
            writer = self._connection(stack, WRITER_CACHE_KIB)
            self._prepare(writer)
            readers = [self._connection(stack, READER_CACHE_KIB) for _ in range(READERS)]
            for reader in readers:
                reader.execute("PRAGMA query_only = 1")
            stack.pop_all()  # only an error closes them
        return [writer, *readers]

    def _connect_to_read(self) -> list[sqlite3.Connection]:
        with ExitStack() as stack:
            readers = []
            for _ in range(READERS):
                readers.append(self._read_only())
                stack.callback(readers[-1].close)
            stack.pop_all()
        return readers

    def _read_only(self) -> sqlite3.Connection:
        """A read-only connection, which never makes a checkpoint, not even as the last one to close."""
        return sqlite3.connect(
            f"{self._path.as_uri()}?mode=ro",
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            uri=True,
        )

    def _connection(self, stack: ExitStack, cache_kib: int) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        stack.callback(connection.close)
        connection.execute(f"PRAGMA cache_size = -{cache_kib}")
        connection.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")
        return connection

    def _prepare(self, writer: sqlite3.Connection) -> None:
        schema.check(writer)
        (mode,) = writer.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StartupError("the file must be on a local disk (no write-ahead log is possible)")
        # What is deleted or replaced is overwritten in the file.
        writer.execute("PRAGMA secure_delete = ON").fetchall()
        schema.migrate(writer)
        schema.touch(writer)  # fails now if the file cannot be written
        writer.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        # Readers see a killed server's log entries, which may not be on the disk yet.
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _cause(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_CANTOPEN:
        return f"{error} (SQLite has to write to its folder, even to read)"
    return str(error)
