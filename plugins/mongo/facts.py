"""What `chatserver status` and `upgrade-check` tell about the database; reads only."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from chatserver import StoreFacts, StoreMember
from chatserver_plugins.mongo import log, schema, sharding
from chatserver_plugins.mongo.driver import Database

# The first releases of each series that cannot be crashed before login (CVE-2026-9740).
OLDEST = {7: (7, 0, 35), 8: (8, 0, 24)}
TABLES = (log.NAME, "records")
ROLES = {1: "primary", 2: "secondary"}
HEALTHY = (1, 2, 7)  # primary, secondary, arbiter
NO_VERSION = (
    "its featureCompatibilityVersion is {}, of an older series than MongoDB {}: set it to {} first"
)


async def facts(database: Database, *, private: bool, folder: str, sharded: bool) -> StoreFacts:
    """The facts of a connected database. Raises `StartupError`, `StoreUnavailable`."""
    build = await database.command({"buildInfo": 1})
    known = await schema.version(database)
    rows = {name: await _count(database, name) for name in TABLES}
    size = await database.ask({"dbStats": 1})
    pending = schema.pending(known.done, rows[log.NAME])
    version = tuple(build["versionArray"][:3])
    warnings = [] if private else [*too_old(version), *await _compatibility(database, version)]
    warnings += await sharding.mismatch(database, sharded)
    total = size.get("totalSize")
    return StoreFacts(
        software=f"MongoDB {build['version']}",
        schema=known.done,
        known=len(schema.MIGRATIONS),
        bytes=int(total) if size.get("ok") and total is not None else None,
        rows=rows,
        members=await _members(database),
        pending=pending,
        bytes_needed=int(size.get("indexSize", 0)) if any(step.rows for step in pending) else 0,
        warnings=warnings,
        folder=folder,
    )


def too_old(version: tuple[int, ...]) -> Iterator[str]:
    """A sentence if this version should not be used."""
    oldest = OLDEST.get(version[0], OLDEST[7])
    if version < oldest:
        numbers = ".".join(map(str, version))
        least = ", ".join(f"{'.'.join(map(str, each))}" for each in OLDEST.values())
        yield f"MongoDB {numbers} can be crashed before login (CVE-2026-9740): use {least} or newer"


async def _compatibility(database: Database, version: tuple[int, ...]) -> list[str]:
    """A sentence if the compatibility version is older: the next series refuses to start on that data."""
    answer = await database.ask_admin({"getParameter": 1, "featureCompatibilityVersion": 1})
    found = answer.get("featureCompatibilityVersion", {}).get("version", "")
    series = ".".join(map(str, version[:2]))
    if not answer.get("ok") or not found or found == series:
        return []
    return [NO_VERSION.format(found, series, series)]


async def _count(database: Database, name: str) -> int:
    """An estimate, from the collection's metadata."""
    answer = await database.ask({"count": name})
    return int(answer.get("n", 0))


async def _members(database: Database) -> list[StoreMember]:
    """The members of the replica set; without the right to ask for their states, only their names."""
    status = await database.ask_admin({"replSetGetStatus": 1})
    if status.get("ok"):
        return states(status["members"])
    hello = await database.command({"hello": 1})
    primary = hello.get("primary")
    return [
        StoreMember(name, "primary" if name == primary else "other", healthy=True)
        for name in hello.get("hosts", [])
    ]


def states(members: list[dict[str, Any]]) -> list[StoreMember]:
    """The members of an answer to `replSetGetStatus`, each with its lag behind the primary."""
    newest = max((each["optimeDate"] for each in members if each["state"] == 1), default=None)
    return [
        StoreMember(
            name=each["name"],
            role=ROLES.get(each["state"], "other"),
            healthy=bool(each["health"]) and each["state"] in HEALTHY,
            lag_seconds=_lag(each, newest),
        )
        for each in members
    ]


def _lag(member: dict[str, Any], newest: datetime | None) -> float | None:
    if newest is None or member["state"] != 2 or not member["health"]:
        return None
    return max(0.0, float((newest - member["optimeDate"]).total_seconds()))
