"""The report of `chatserver status`, as --json prints it. Times are RFC 3339; ages are seconds; sizes are bytes.

Names are stable: fields may be added, and none is renamed or removed.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A member of a replicated database. `role` is primary, secondary or other; `lag_seconds` null if unknown."""

    name: str
    role: str
    healthy: bool
    lag_seconds: float | None


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A migration that is not applied yet: the rows that it reads, and the time that this takes, estimated."""

    title: str
    rows: int
    seconds: float


class StoreReport(msgspec.Struct, frozen=True, kw_only=True):
    """The store. `state` is ok, outdated (its schema lacks steps), or away; `error` is the reason, for people.

    `schema` and `known` are numbers of migrations: applied ones, and those of this version. `latency_ms` is the
    median of three reads. Fields that the store does not tell are null or empty.
    """

    plugin: str
    state: Literal["ok", "outdated", "away"]
    error: str = ""
    software: str = ""
    schema: int | None = None
    known: int | None = None
    latency_ms: float | None = None
    bytes: int | None = None
    rows: dict[str, int] = {}
    members: Sequence[Member] = ()
    pending: Sequence[Pending] = ()
    warnings: Sequence[str] = ()


class NodeReport(msgspec.Struct, frozen=True, kw_only=True):
    """One node, from its record in the store. `alive` is false if the record no longer changes.

    `bus` tells whether the node hears the bus, null without a bus.
    """

    node: str
    alive: bool
    version: str
    roles: Sequence[str]
    state: str
    started: str
    at: str
    address: str
    internal: str
    bus: bool | None
    connections: int


class BusReport(msgspec.Struct, frozen=True, kw_only=True):
    """The bus: its plugin, empty without one, and the number of live nodes that hear it, of all live nodes."""

    plugin: str
    connected: int
    nodes: int


class JobReport(msgspec.Struct, frozen=True, kw_only=True):
    """One periodic job. `at` is the beginning of the last run, empty if it never ran; `failures` are in a row."""

    name: str
    every: float
    at: str = ""
    seconds: float = 0.0
    failures: int = 0
    node: str = ""
    overdue: bool = False
    unreadable: bool = False


class ConsumerReport(msgspec.Struct, frozen=True, kw_only=True):
    """One consumer. `node` is empty if no node runs it; `lag` is in events, `dead` in dead letters."""

    name: str
    node: str
    lag: int
    dead: int


class TimerReport(msgspec.Struct, frozen=True, kw_only=True):
    """One timer: the times that are set, `late` seconds of the first, and its dead letters.

    `node` is empty if no node runs it.
    """

    name: str
    node: str
    pending: int
    late: float
    dead: int


class BackupReport(msgspec.Struct, frozen=True, kw_only=True):
    """The backups in the configured folder. `verified` is the time of the newest one's last verification.

    `shipped_age` is the age of the last write beside the newest one, null without `backup.ship_seconds`.
    """

    folder: str
    every_hours: float
    count: int = 0
    newest: str = ""
    age: float | None = None
    bytes: int | None = None
    verified: str | None = None
    shipped_age: float | None = None
    error: str = ""


class TargetReport(msgspec.Struct, frozen=True, kw_only=True):
    """One of `backup.targets`. `age` is that of the newest state on it, null if there is none.

    `error` is the reason why it, or its newest backup, cannot be read.
    """

    target: str
    backups: int = 0
    newest: str = ""
    age: float | None = None
    error: str = ""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that fires at Alertmanager."""

    name: str
    severity: str
    since: str
    summary: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is wrong. `code` is stable; `text` is for people."""

    code: str
    text: str


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """The report. `alerts` is null if no Alertmanager was asked, or if it did not answer.

    `unreadable` is the number of records in quarantine. Parts that need the store are empty while it is away.
    """

    ok: bool
    at: str
    version: str
    store: StoreReport
    nodes: Sequence[NodeReport]
    bus: BusReport
    jobs: Sequence[JobReport]
    consumers: Sequence[ConsumerReport]
    timers: Sequence[TimerReport] = ()
    backups: BackupReport
    targets: Sequence[TargetReport]
    unreadable: int
    alerts: Sequence[Alert] | None
    problems: Sequence[Problem]
