"""argon2id off the event loop, and the bound on the length of passwords."""

import asyncio
import os
import secrets
import sys
import threading
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import ParamSpec, TypeVar

import argon2

from chatserver import ChatError

MAX_BYTES = 1024  # far above any passphrase; bounds the work for one request
RETRY_MS = 1000  # a full queue of the default length takes about this time
NICENESS = (
    10  # of the threads: the loop, at 0, gets nine times their share of a processor that both want
)

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

    At most `threads` run and `waiting` wait; beyond that a call raises `limit.rate`.
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
        self._active = 0
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

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do blocking work in one of the threads. Raises `ChatError` limit.rate."""
        if self._active >= self._limit:
            raise ChatError("limit.rate", after_ms=RETRY_MS)
        self._active += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, lambda: work(*args, **kwargs))
        finally:
            self._active -= 1
