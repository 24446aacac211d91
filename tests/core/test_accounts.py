"""Making accounts: at the same time, and as the first."""

import asyncio

import pytest

from chatserver import Refusal, SignIn
from chatserver.errors import ChatError
from chatserver.hooks.guard import Call
from chatserver.model import ServerRole
from chatserver_plugins.memory import MemoryStore
from tests.core.nodes import NoPasswords, config, make_service, running


class Slow(NoPasswords):
    """Hashes nothing before so many passwords are there to be hashed."""

    def __init__(self, together: int) -> None:
        self._barrier = asyncio.Barrier(together)

    async def set_password(self, user: str, password: str) -> None:
        async with asyncio.timeout(60):
            await self._barrier.wait()


async def test_passwords_are_hashed_beside_each_other_and_one_of_the_first_becomes_owner() -> None:
    service = make_service(MemoryStore(), config(), authenticator=Slow(3))
    async with running(service):
        made = await asyncio.gather(
            *(service.accounts.register(f"user{number}", "a long password") for number in range(3))
        )
        assert sorted(user.role for user, _ in made) == [
            ServerRole.MEMBER,
            ServerRole.MEMBER,
            ServerRole.OWNER,
        ]


async def test_one_of_two_simultaneous_registrations_gets_the_name() -> None:
    service = make_service(MemoryStore(), config())
    async with running(service):
        one, other = await asyncio.gather(
            *(service.accounts.register("anna", "a long password") for _ in range(2)),
            return_exceptions=True,
        )
        user, _ = one if isinstance(other, ChatError) else other
        refused = other if isinstance(other, ChatError) else one
        assert isinstance(refused, ChatError) and refused.code == "user.exists"
        assert [found.id for found in await service.accounts.list()] == [user.id]


async def test_attempts_without_an_address_count_as_of_one() -> None:
    service = make_service(MemoryStore(), config(**{"limits.registrations_per_hour": 1}))
    async with running(service):
        await service.accounts.register("first", "a long password")
        with pytest.raises(ChatError, match=r"limit\.rate"):
            await service.accounts.register("second", "a long password")
        await service.accounts.register("anna", "a long password", address="192.0.2.1")
        with pytest.raises(ChatError, match=r"limit\.rate"):
            await service.accounts.register("ben", "a long password", address="192.0.2.1")


async def test_a_plugin_that_refuses_sign_ins_is_asked_after_a_registration_too() -> None:
    async def check(action: SignIn) -> Refusal | None:
        return Refusal("Not from there.") if action.address == "192.0.2.1" else None

    calls = {"check_action": [Call("gate", check, ["action"], actions=(SignIn,))]}
    service = make_service(MemoryStore(), config(), calls)
    async with running(service):
        with pytest.raises(ChatError, match=r"action\.refused"):
            await service.accounts.register("anna", "a long password", address="192.0.2.1")
        assert not await service.accounts.list_sessions(None, "", 10)
        _, token = await service.accounts.register("ben", "a long password", address="192.0.2.2")
        assert (await service.accounts.session(token)).username == "ben"
