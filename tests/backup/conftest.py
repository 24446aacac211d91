"""Stores to copy, and empty ones to restore into, of every kind."""

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from chatserver import Store
from chatserver.copies.backup.key import Key
from chatserver.copies.backup.shelf import Shelf
from chatserver_plugins.memory import MemoryPlugin
from chatserver_plugins.mongo import MongoPlugin
from chatserver_plugins.postgres import PostgresPlugin
from chatserver_plugins.sqlite import SqlitePlugin
from tests.backup.machine import Machine
from tests.servers import PATIENT_MS, Mongod, Postgres

Opened = Callable[[], Any]  # an asynchronous context manager with an open, empty store
KEY = Key(bytes(range(32)))
SERVERS = {"mongo": "mongod", "postgres": "postgres"}  # the fixtures of stores that need one
KINDS = ("memory", "sqlite", *SERVERS)


@pytest.fixture(scope="session")
def mongod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mongod]:
    mongod = Mongod(tmp_path_factory.mktemp("mongod"))
    mongod.start()
    yield mongod
    mongod.stop()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    postgres = Postgres(tmp_path_factory.mktemp("postgres"))
    postgres.start()
    yield postgres
    postgres.stop()


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "backups")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Opened]:
    """Opens a new, empty store of a kind. A test that names a `kind`, or several, may open those alone."""
    wanted = getattr(request.node, "callspec", None)
    kinds = wanted.params.get("kind", ()) if wanted else ()
    # Servers are started before the test's loop runs.
    servers = {
        kind: request.getfixturevalue(SERVERS[kind])
        for kind in ((kinds,) if isinstance(kinds, str) else kinds)
        if kind in SERVERS
    }

    def make(kind: str) -> Store:
        name = f"test_{secrets.token_hex(8)}"
        patient = {"timeout_ms": PATIENT_MS}
        match kind:
            case "memory":
                return MemoryPlugin(MemoryPlugin.Config()).provide_store()
            case "sqlite":
                return SqlitePlugin(SqlitePlugin.Config(**patient), tmp_path / name).provide_store()
            case "mongo":
                config = MongoPlugin.Config(uri=servers[kind].uri, database=name, **patient)
                return MongoPlugin(config, tmp_path / name).provide_store()
            case _:
                config = PostgresPlugin.Config(uri=servers[kind].uri, schema=name, **patient)
                return PostgresPlugin(config).provide_store()

    @asynccontextmanager
    async def opened(kind: str) -> AsyncIterator[Store]:
        store = make(kind)
        await store.open()
        try:
            yield store
        finally:
            await store.close()

    return opened
