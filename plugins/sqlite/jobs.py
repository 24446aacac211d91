"""Threads that run functions on connections to SQLite, and return the results to the event loop.

A statement runs without Python's global lock, but acquires it for every returned row, which under load takes
some milliseconds each time. So a function should run few statements that each return one row.
"""

import asyncio
import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Run = Callable[[sqlite3.Connection], T]

GROUP = 100  # jobs in one transaction
REST_SECONDS = 0.005

logger = logging.getLogger("chatserver.sqlite")


class Job(Generic[T]):
    """A function, and the future of its result.

    A job that `is_statement` makes its changes by one statement, which is a transaction by itself. One that `is_patient`
    is done by itself, so that others wait the least for it; its changes are durable once later ones are.
    """

    def __init__(
        self, run: Run[T], *, is_statement: bool = False, is_patient: bool = False
    ) -> None:
        self.run, self.is_statement, self.is_patient = run, is_statement, is_patient
        self.future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()  # guards against interrupting another job of the connection

    @property
    def given_up(self) -> bool:
        """Whether no caller waits any more."""
        return self.future.done()

    def alone(self, connection: sqlite3.Connection) -> "Result":
        """Run the job outside of a transaction of several; it can be interrupted."""
        with self._lock:
            self._connection = connection
        try:
            return self, self.run(connection), None
        except Exception as error:
            return self, None, error
        finally:
            with self._lock:
                self._connection = None

    def interrupt(self) -> None:
        """Interrupt its statement, if one is running."""
        with self._lock:
            if self._connection is not None:
                self._connection.interrupt()


Result = tuple[Job[Any], Any, Exception | None]
Work = Callable[[sqlite3.Connection, Sequence[Job[Any]]], list[Result]]


class Worker:
    """A thread with its own connection. Several workers may share one queue."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        queue: "SimpleQueue[Job[Any] | None]",
        work: Work,
        group: int,
        rest: Callable[[sqlite3.Connection], None] | None = None,
    ) -> None:
        """`rest` is called in the thread once no job has come for REST_SECONDS after some work."""
        self._connection, self._queue, self._work, self._group = connection, queue, work, group
        self._rest = rest
        self._patient: Job[Any] | None = None
        self._loop = asyncio.get_running_loop()
        # A hanging disk must not prevent the end of the process.
        self.thread = threading.Thread(target=self._run, name="sqlite", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while (jobs := self._take()) is not None:
            wanted = [job for job in jobs if not job.given_up]
            results = self._work(self._connection, wanted)
            with contextlib.suppress(RuntimeError):  # the loop is closed, so nobody waits
                self._loop.call_soon_threadsafe(_settle, results)
        self._connection.close()

    def _take(self) -> list[Job[Any]] | None:
        """At least one job, with others that wait; None at the end."""
        job = self._next()
        if job is None:
            return None
        jobs = [job]
        while len(jobs) < self._group and not job.is_patient:
            try:
                job = self._queue.get_nowait()
            except Empty:
                break
            if job is None:
                self._queue.put(None)
                break
            if job.is_patient:
                self._patient = job
                break
            jobs.append(job)
        return jobs

    def _next(self) -> Job[Any] | None:
        if (patient := self._patient) is not None:
            self._patient = None
            return patient
        if self._rest is not None:
            try:
                return self._queue.get(timeout=REST_SECONDS)
            except Empty:
                self._rest(self._connection)
        return self._queue.get()


def _settle(results: Sequence[Result]) -> None:
    for job, value, error in results:
        if job.future.done():
            continue
        if error is not None:
            job.future.set_exception(error)
        else:
            job.future.set_result(value)


def read(connection: sqlite3.Connection, jobs: Sequence[Job[Any]]) -> list[Result]:
    """Run the jobs one by one; an error affects only its own job."""
    return [job.alone(connection) for job in jobs]


def write(connection: sqlite3.Connection, jobs: Sequence[Job[Any]]) -> list[Result]:
    """Run the jobs in one transaction, which ends before any job gets its result."""
    if not jobs:
        return []
    if len(jobs) == 1 and jobs[0].is_statement:
        # No BEGIN and COMMIT, each of which would acquire Python's lock again.
        return [jobs[0].alone(connection)]
    try:
        connection.execute("BEGIN IMMEDIATE")
        values = [job.run(connection) for job in jobs]
        connection.execute("COMMIT")
    except Exception as error:
        if connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
        if len(jobs) > 1:  # a failing job must not fail the others
            return [result for job in jobs for result in write(connection, [job])]
        return [(jobs[0], None, error)]
    return [(job, value, None) for job, value in zip(jobs, values, strict=True)]
