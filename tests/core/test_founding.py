"""There is exactly one first owner, with concurrent nodes and a crash at any point."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chatserver.errors import ChatError, StoreUnavailable
from chatserver.model import ServerRole, User
from chatserver.service.service import Service
from chatserver_plugins.memory import MemoryStore
from chatserver_plugins.mongo import MongoPlugin
from chatserver_plugins.postgres import PostgresPlugin
from tests.core.nodes import config, make_service
from tests.servers import PATIENT_MS, Mongod, Postgres

PASSWORD = "a long password"
ROUNDS = 25


class Together:
    """A node's way to the store: each call of one kind waits until all nodes make one."""

    def __init__(self, store: Any, held: str, barrier: asyncio.Barrier) -> None:
        self._store, self._held, self._barrier = store, held, barrier

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if name != self._held:
            return method

        async def call(*given: Any, **named: Any) -> Any:
            answer = await method(*given, **named)
            if not self._barrier.broken:
                try:
                    async with asyncio.timeout(0.05):
                        await self._barrier.wait()
                except (TimeoutError, asyncio.BrokenBarrierError):
                    await self._barrier.abort()  # the other one takes another way
            return answer

        return call


class Dying:
    """A node's way to the store, which ends after so many calls: before or after the last is done."""

    def __init__(self, store: Any, calls: int, done: bool) -> None:
        self._store, self._left, self._done = store, calls, done

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        async def call(*given: Any, **named: Any) -> Any:
            self._left -= 1
            if self._left > 0:
                return await method(*given, **named)
            if self._left == 0 and self._done:
                await method(*given, **named)
            raise StoreUnavailable

        return call


def node(store: Any) -> Service:
    return make_service(store, config())


def owners(users: list[User]) -> list[str]:
    return [user.username for user in users if user.role is ServerRole.OWNER]


@pytest.mark.parametrize("held", ["scan", "get", "add", "swap", "put"])
async def test_one_of_two_nodes_in_lockstep_makes_the_owner(held: str) -> None:
    store, barrier = MemoryStore(), asyncio.Barrier(2)
    nodes = [node(Together(store, held, barrier)) for _ in range(2)]
    made = await asyncio.gather(
        *(each.accounts.add(f"user{number}", PASSWORD) for number, each in enumerate(nodes))
    )
    stored = owners(await node(store).accounts.list())
    assert len(stored) == 1
    assert owners(list(made)) == stored  # each was told what it is


@pytest.mark.parametrize("done", [False, True])
async def test_after_any_crash_the_next_account_finds_or_becomes_the_owner(done: bool) -> None:
    for calls in range(1, 30):
        store = MemoryStore()
        with_end = True
        try:
            await node(Dying(store, calls, done)).accounts.add("ada", PASSWORD)
            with_end = False
        except StoreUnavailable:
            pass
        await node(store).accounts.add("bob", PASSWORD)
        found = owners(await node(store).accounts.list())
        assert len(found) == 1, calls
        if not with_end:
            assert found == ["ada"]
            return
    raise AssertionError("there is no end to it")


@pytest.mark.parametrize("done", [False, True])
async def test_after_any_crash_the_next_to_sign_in_is_the_owner(done: bool) -> None:
    for calls in range(1, 30):
        store = MemoryStore()
        try:
            await node(Dying(store, calls, done)).accounts.add("ada", PASSWORD)
            return
        except StoreUnavailable:
            pass
        other = node(store)
        if await other.accounts.by_name("ada") is None:
            continue
        user, _ = await other.accounts.login("ada", PASSWORD, "192.0.2.1")
        assert user.role is ServerRole.OWNER, calls


async def test_a_demoted_owner_is_not_made_owner_again() -> None:
    store = MemoryStore()
    accounts = node(store).accounts
    await accounts.add("ada", PASSWORD)
    await accounts.add("bob", PASSWORD, role=ServerRole.OWNER)
    await accounts.set_role("ada", ServerRole.MEMBER)
    for each in (accounts, node(store).accounts):
        assert (await each.login("ada", PASSWORD, "192.0.2.1"))[0].role is ServerRole.MEMBER
    assert (await node(store).accounts.add("cid", PASSWORD)).role is ServerRole.MEMBER
    assert owners(await accounts.list()) == ["bob"]


async def test_an_owner_made_by_hand_is_the_first_and_stays_the_only_one() -> None:
    store = MemoryStore()
    await store.put("founding", "owner", b"open")  # the first account came no further
    accounts = node(store).accounts
    await accounts.add("root", PASSWORD, role=ServerRole.OWNER)
    await accounts.add("guest", PASSWORD, role=ServerRole.GUEST)
    assert (await accounts.login("guest", PASSWORD, "192.0.2.1"))[0].role is ServerRole.GUEST
    assert (await accounts.add("bob", PASSWORD)).role is ServerRole.MEMBER
    assert owners(await accounts.list()) == ["root"]


async def test_a_node_that_looked_just_before_the_first_account_came_still_heals_it() -> None:
    store = MemoryStore()

    class Late:
        """Another node writes between the first look at the record and that at the names."""

        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

        async def get(self, space: str, key: str) -> bytes | None:
            value = await store.get(space, key)
            if space == "founding" and value is None:
                await store.put("founding", "owner", b"open")
                await store.put("username", "ada", b"u1")
            return value

    assert (await node(Late()).accounts.add("bob", PASSWORD)).role is ServerRole.OWNER


async def test_a_guest_who_signs_in_while_there_is_no_owner_stays_a_guest() -> None:
    store = MemoryStore()
    accounts = node(store).accounts
    await accounts.add("guest", PASSWORD, role=ServerRole.GUEST)
    await store.put("founding", "owner", b"open")
    assert (await accounts.login("guest", PASSWORD, "192.0.2.1"))[0].role is ServerRole.GUEST
    assert (await accounts.add("ada", PASSWORD)).role is ServerRole.OWNER


async def test_an_installation_of_an_older_version_gets_no_second_owner() -> None:
    store = MemoryStore()
    accounts = node(store).accounts
    await accounts.add("ada", PASSWORD)
    await store.delete("founding", "owner")
    assert (await node(store).accounts.add("bob", PASSWORD)).role is ServerRole.MEMBER
    assert owners(await accounts.list()) == ["ada"]


MakeStore = Callable[[], Any]


@pytest.fixture(scope="module")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    mongod = Mongod(tmp_path_factory.mktemp("mongod"))
    mongod.start()
    yield mongod
    mongod.stop()


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    server = Postgres(tmp_path_factory.mktemp("postgres"))
    server.start()
    yield server
    server.stop()


def of_mongo(mongod: Mongod, folder: Path) -> MakeStore:
    settings = MongoPlugin.Config(
        uri=mongod.uri, database=f"test_{secrets.token_hex(8)}", timeout_ms=PATIENT_MS
    )
    return MongoPlugin(settings, folder).provide_store


def of_postgres(postgres: Postgres) -> MakeStore:
    settings = PostgresPlugin.Config(
        uri=postgres.uri, schema=f"test_{secrets.token_hex(8)}", timeout_ms=PATIENT_MS
    )
    return PostgresPlugin(settings).provide_store


async def race(make_store: MakeStore) -> None:
    """Two nodes on one store, both asked for their first account at once, many times."""
    stores = [make_store(), make_store()]
    for store in stores:
        await store.open()
    try:
        for _ in range(ROUNDS):
            for space in ("user", "username", "founding", "skeleton"):
                for key, _ in await stores[0].scan(space, ""):
                    await stores[0].delete(space, key)
            nodes = [node(store) for store in stores]
            made = await asyncio.gather(
                *(nodes[number % 2].accounts.add(f"user{number}", PASSWORD) for number in range(4)),
                return_exceptions=True,
            )
            assert not [each for each in made if isinstance(each, ChatError)]
            assert len(owners([each for each in made if isinstance(each, User)])) == 1
            assert len(owners(await nodes[0].accounts.list())) == 1
    finally:
        for store in stores:
            await store.close()


async def test_one_of_two_nodes_on_mongodb_makes_the_owner(mongod: Mongod, tmp_path: Path) -> None:
    await race(of_mongo(mongod, tmp_path))


async def test_one_of_two_nodes_on_postgresql_makes_the_owner(postgres: Postgres) -> None:
    await race(of_postgres(postgres))
