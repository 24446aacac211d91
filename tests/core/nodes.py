"""Service nodes for tests: several on one store, each with a way to it that may fail."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chatserver.config import Config, load
from chatserver.errors import StoreUnavailable
from chatserver.hooks.calls import HookCalls
from chatserver.hooks.guard import Call
from chatserver.hooks.loading import hook_names
from chatserver.interfaces import Authenticator, Bus, Store, StoredSession
from chatserver.model import ServerRole, User
from chatserver.runtime.clock import SYSTEM, Clock
from chatserver.runtime.measure import Measures
from chatserver.service.service import Service


class NoPasswords:
    """An authenticator that lets everybody in; a token is the user's id."""

    async def check_password(self, password: str, words: Sequence[str]) -> None: ...

    async def set_password(self, user: str, password: str) -> None: ...

    async def verify(
        self, user: str | None, password: str, *, account: str, address: str, device: str = ""
    ) -> bool:
        return user is not None

    async def is_password(self, user: str, password: str) -> bool:
        return False

    async def remember_device(self, user: str, device: str = "") -> str:
        return device or "device"

    async def open_session(self, user: str) -> str:
        return user

    async def session(self, token: str) -> str | None:
        return token

    def session_seconds(self) -> float:
        return 60.0

    async def list_sessions(self, user: str | None, after: str, limit: int) -> list[StoredSession]:
        return []

    def session_id(self, token: str) -> str:
        return token

    async def end_session(self, session: str) -> None: ...

    async def close_session(self, token: str) -> None: ...

    async def close_sessions(self, user: str) -> None: ...


class FaultyStore:
    """A node's way to a store. Each fault is used for one call, in order; then all is well.

    A fault is (kind, seconds): `late` only waits; `before` fails without a write; `after` fails
    although it was written; `much later` fails, and is written when the node has given up.
    """

    def __init__(self, store: Store, faults: Iterable[tuple[str, float]] = ()) -> None:
        self.behind = store
        self._tasks: set[asyncio.Task[Any]] = set()
        self.arm(faults)

    def arm(self, faults: Iterable[tuple[str, float]]) -> None:
        self._faults = iter(faults)

    def heal(self) -> None:
        self.arm(())

    async def settle(self) -> None:
        """Wait for what was given up but is still on its way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.behind, name)

        async def call(*given: Any, **named: Any) -> Any:
            kind, seconds = next(self._faults, ("", 0.0))
            if not kind:
                return await method(*given, **named)
            if kind == "much later":
                task = asyncio.create_task(self._later(seconds, method, given, named))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                raise StoreUnavailable
            await asyncio.sleep(seconds)
            if kind == "before":
                raise StoreUnavailable
            answer = await method(*given, **named)
            if kind == "after":
                raise StoreUnavailable
            await asyncio.sleep(seconds)
            return answer

        return call

    async def _later(self, seconds: float, method: Any, given: Any, named: Any) -> None:
        await asyncio.sleep(seconds + 0.01)
        await method(*given, **named)


def config(**overrides: object) -> Config:
    return load(environ={}, overrides=overrides).config


def hook_calls(
    config: Config, measures: Measures, calls: Mapping[str, Sequence[Call]] | None = None
) -> HookCalls:
    given = {hook: tuple((calls or {}).get(hook, ())) for hook in hook_names()}
    return HookCalls(given, config.plugins, measures)


def make_service(
    store: Any,
    config: Config,
    calls: Mapping[str, Sequence[Call]] | None = None,
    authenticator: Authenticator | None = None,
    bus: Bus | None = None,
    clock: Clock = SYSTEM,
) -> Service:
    measures = Measures()
    hooks = hook_calls(config, measures, calls)
    known = authenticator or NoPasswords()
    return Service(config, store, known, hooks, measures, bus=bus, clock=clock)


def stop_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Services that start from now on look for nothing in their store by the clock, only for whoever asks."""
    for name in ("CLAIMS", "INDEX", "SIMILAR", "SWEEP"):
        monkeypatch.setattr(f"chatserver.service.service.{name}_SECONDS", 1e9)
    monkeypatch.setattr("chatserver.service.service.LOOK_SECONDS", 1e9)


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[Service]:
    await service.start()
    await service.join()
    try:
        yield service
    finally:
        await service.stop()
        await service.hooks.shutdown()


async def add_user(service: Service, name: str, role: ServerRole = ServerRole.MEMBER) -> User:
    return await service.accounts.add(name, "a long password", role=role)
