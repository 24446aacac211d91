"""The stores that can be measured: what runs beside the server, and how the server finds it."""

import sqlite3
import subprocess
from pathlib import Path
from typing import Protocol

from chatserver_plugins.mongo.mongod import find
from tests.bench import machine
from tests.servers import Mongod, Postgres, postgres_programs


class Backend(Protocol):
    """The database behind a store."""

    @property
    def title(self) -> str:
        """Its name and version."""

    def cpu_seconds(self) -> float:
        """Processor time it has used; 0 if the server itself does the work."""

    def memory_bytes(self) -> int:
        """Memory of the database's processes; 0 if the store runs inside the server."""

    def settings(self, name: str) -> dict[str, str]:
        """Settings that give a server a part of the database of its own."""

    def bus(self, name: str) -> dict[str, str]:
        """Further settings that let its workers use the database as their bus. Raises `LookupError`."""

    def stop(self) -> None: ...


class MongoBackend:
    def __init__(self, folder: Path) -> None:
        self._server = Mongod(folder / "mongod", small=False)
        self._server.start()

    @property
    def title(self) -> str:
        return f"MongoDB {_version(find(''))[2].removeprefix('v')}"

    def cpu_seconds(self) -> float:
        return machine.family_seconds(self._server.pid)

    def memory_bytes(self) -> int:
        return machine.family_bytes(self._server.pid)

    @property
    def uri(self) -> str:
        return self._server.uri

    def settings(self, name: str) -> dict[str, str]:
        return {"plugin.mongo.uri": self.uri, "plugin.mongo.database": name}

    def bus(self, name: str) -> dict[str, str]:
        found = {"plugin.mongo_bus.uri": self.uri, "plugin.mongo_bus.database": name}
        return found | _enabled("mongo,mongo_bus")

    def stop(self) -> None:
        self._server.stop()


class PostgresBackend:
    def __init__(self, folder: Path) -> None:
        self._server = Postgres(folder / "postgres")
        self._server.start()

    @property
    def title(self) -> str:
        return f"PostgreSQL {_version(str(postgres_programs() / 'postgres'))[2]}"

    def cpu_seconds(self) -> float:
        return machine.family_seconds(self._server.pid)

    def memory_bytes(self) -> int:
        return machine.family_bytes(self._server.pid)

    def settings(self, name: str) -> dict[str, str]:
        return {
            **_enabled("postgres"),
            "plugin.postgres.uri": self._server.uri,
            "plugin.postgres.schema": name,
        }

    def bus(self, name: str) -> dict[str, str]:
        found = {"plugin.postgres_bus.uri": self._server.uri, "plugin.postgres_bus.channel": name}
        return found | _enabled("postgres,postgres_bus")

    def stop(self) -> None:
        self._server.stop()


class NoBackend:
    """Backend of a store that keeps its data in the server, or in the server's data folder."""

    def __init__(self, store: str) -> None:
        self._store = store

    @property
    def title(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}" if self._store == "sqlite" else self._store

    def cpu_seconds(self) -> float:
        return 0.0

    def memory_bytes(self) -> int:
        return 0

    def settings(self, name: str) -> dict[str, str]:
        return _enabled(self._store)

    def bus(self, name: str) -> dict[str, str]:
        raise LookupError(f"{self._store} is for one process alone")

    def stop(self) -> None:
        """Nothing was started."""


def _enabled(store: str) -> dict[str, str]:
    return {"plugins.enabled": f"{store},password,metrics"}


def _version(program: str) -> list[str]:
    """The words of what a program says of itself."""
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.split()


def started(store: str, folder: Path) -> Backend:
    """A store by the name of its plugin."""
    if store == "mongo":
        return MongoBackend(folder)
    if store == "postgres":
        return PostgresBackend(folder)
    return NoBackend(store)
