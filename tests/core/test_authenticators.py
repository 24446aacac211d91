"""The authenticator that comes with the server keeps the contract; the suite finds one that does not."""

from hashlib import sha256
from typing import Any

import pytest

from chatserver import Records
from chatserver.hooks.records import Space
from chatserver.testing.authenticators import AuthenticatorContract, KeptRecords, MakeAuthenticator
from chatserver_plugins.memory import MemoryStore
from chatserver_plugins.password import PasswordPlugin


class TestPassword(AuthenticatorContract):
    @pytest.fixture
    def make_authenticator(self) -> MakeAuthenticator:
        config = PasswordPlugin.Config(memory_kib=8, passes=1)
        return lambda records: PasswordPlugin(config).provide_authenticator(records)


class Elsewhere:
    """Keeps its sessions where a backup takes them along."""

    def __init__(self, records: Records) -> None:
        self._records, self._count = records, 0

    async def set_password(self, user: str, password: str) -> None:
        await self._records.put("password", password.encode())

    async def verify(self, user: str | None, password: str, **_: str) -> bool:
        return await self._records.get("password") == password.encode()

    async def open_session(self, user: str) -> str:
        self._count += 1
        await self._records.put(f"{user}/{sha256(b'%d' % self._count).hexdigest()}", b"")
        return f"{user}.{self._count}"

    async def session(self, token: str) -> str | None:
        user, _, number = token.partition(".")
        key = f"{user}/{sha256(number.encode()).hexdigest()}"
        return user if await self._records.get(key) is not None else None

    async def close_session(self, token: str) -> None:
        user, _, number = token.partition(".")
        await self._records.delete(f"{user}/{sha256(number.encode()).hexdigest()}")

    async def list_sessions(self, *_: Any) -> list[Any]:
        return []


async def test_the_suite_finds_sessions_that_outlive_a_restore() -> None:
    suite = AuthenticatorContract()
    broken: Any = Elsewhere
    with pytest.raises(AssertionError, match="u1"):
        await suite.test_all_sessions_end_with_a_restore_and_passwords_do_not(
            broken, KeptRecords(), "secret"
        )


async def test_a_key_that_is_too_long_is_refused_before_the_store_is_asked() -> None:
    records = Space(MemoryStore(), "plugin/it")
    for longest in ("k" * 1024, "東" * 341 + "k"):
        await records.put(longest, b"1")
        assert await records.add(f"{longest[:-1]}j", b"1")
        for write in (records.put, records.add):
            with pytest.raises(ValueError, match="at most 1024 bytes, not 1025"):
                await write(longest + "k", b"1")
    assert len(await records.scan("")) == 4
