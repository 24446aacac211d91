"""argon2id off the event loop, and the bound on the length of passwords."""

import asyncio
import os
import secrets
import sys
import threading
import time
import unicodedata
from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import ParamSpec, TypeVar

import argon2

from chatserver import ChatError
from chatserver_plugins.password.retries import Retries

MAX_BYTES = 1024  # far above any passphrase; bounds the work for one request
# Of the threads; there is no higher one. The scheduler may leave the processor to a thread though the loop wants it: with
# 10, 1.1 % of the loop's wakings came more than 1.5 ms late, with 19 only 0.25 %. But a thread may hold Python's lock. With
# two other programs on the processor, and threads that held the lock all the time, the loop waited for up to 65 ms (with
# 10 for 22 ms). Threads that hash hold it for moments.
NICENESS = 19
MOST_OF_NETWORK = (
    0.5  # of the places; beyond its limits a network's tries are quick, but there may be thousands
)
TURNS_A_THREAD = 2  # so that the next one has read the store when a thread is free

P = ParamSpec("P")
T = TypeVar("T")


def secret_bytes(password: str) -> bytes | None:
    """The bytes of a password that are hashed, or None if it is too long.

    Normalised to NFC, as keyboards compose accents and dakuten differently (RFC 8265, 4.2).
    """
    if len(password) > MAX_BYTES:
        return None
    encoded = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
    return encoded if len(encoded) <= MAX_BYTES else None


def _of_nothing(hasher: argon2.PasswordHasher) -> str:
    """What no password has as its hash: to verify against it takes as long as for an existing account.

    In the form of PHC strings, with random bytes for a salt and a hash, as to make a real one takes a start 30 ms.
    """
    memory, passes, lanes = hasher.memory_cost, hasher.time_cost, hasher.parallelism
    salt, tag = (
        b64encode(secrets.token_bytes(length)).decode().rstrip("=")
        for length in (hasher.salt_len, hasher.hash_len)
    )
    return f"$argon2id$v={argon2.low_level.ARGON2_VERSION}$m={memory},t={passes},p={lanes}${salt}${tag}"


def _give_way() -> None:
    """Let the event loop have the processor first: however many sign in, messages do not wait for their hashes."""
    if sys.platform == "linux":  # elsewhere it would be that of the whole process
        with suppress(OSError):
            thread = threading.get_native_id()
            now = os.getpriority(os.PRIO_PROCESS, thread)
            os.setpriority(os.PRIO_PROCESS, thread, max(now, NICENESS))


class Hasher:
    """Hashes and verifies in its own threads, as argon2 releases the GIL.

    At most `threads` run and `waiting` wait; beyond that a call raises `limit.rate`. Those who sign in wait for their turn
    before, so that a rush neither reads the store nor keeps others, such as users who change theirs, from a thread.
    """

    def __init__(
        self, *, memory_kib: int, passes: int, lanes: int, threads: int, waiting: int
    ) -> None:
        self._argon2 = argon2.PasswordHasher(
            time_cost=passes,
            memory_cost=max(memory_kib, 8 * lanes),  # RFC 9106, 3.1
            parallelism=lanes,
            type=argon2.Type.ID,
        )
        self._pool = ThreadPoolExecutor(
            threads, thread_name_prefix="password", initializer=_give_way
        )
        self._limit = threads + waiting
        self._active = 0  # calls that run, or wait for a thread
        self._turns = asyncio.Semaphore(TURNS_A_THREAD * threads)
        self._signing_in: Counter[str] = Counter()  # with a turn, or waiting for one, by network
        self._retries = Retries(threads, self._limit)
        self.dummy = _of_nothing(self._argon2)

    async def hash(self, secret: bytes) -> str:
        return await self.run(self._argon2.hash, secret)

    async def verify(self, encoded: str, secret: bytes) -> bool:
        return await self.run(self._verify, encoded, secret)

    def outdated(self, encoded: str) -> bool:
        """Whether this hash was made with other parameters than the present ones."""
        return self._argon2.check_needs_rehash(encoded)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _verify(self, encoded: str, secret: bytes) -> bool:
        try:
            return self._argon2.verify(encoded, secret)
        except argon2.exceptions.VerifyMismatchError:
            return False

    @asynccontextmanager
    async def turn(self, network: str) -> AsyncIterator[None]:
        """The turn of somebody who signs in or registers, see `chatserver.Authenticator`. Raises `ChatError` limit.rate."""
        signing_in = self._signing_in
        self._demand_place(signing_in.total())
        if signing_in[network] >= self._limit * MOST_OF_NETWORK:
            raise ChatError("limit.rate", after_ms=self._retries.soonest_ms())
        signing_in[network] += 1
        try:
            async with self._turns:
                yield
        finally:
            signing_in[network] -= 1
            if not signing_in[network]:
                del signing_in[network]

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do blocking work in one of the threads. Raises `ChatError` limit.rate."""

        def timed() -> tuple[T, float]:
            began = time.perf_counter()
            return work(*args, **kwargs), time.perf_counter() - began

        self._demand_place(self._active)
        self._active += 1
        try:
            result, seconds = await asyncio.get_running_loop().run_in_executor(self._pool, timed)
        finally:
            self._active -= 1
        self._retries.note(seconds)
        return result

    def _demand_place(self, taken: int) -> None:
        if taken >= self._limit:
            raise ChatError("limit.rate", after_ms=self._retries.after_ms())
