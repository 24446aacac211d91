"""What commands print with --json, where it is no type of the server itself. docs/commands.md is made of these.

Names are stable: fields may be added, and none is renamed or removed.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from chatserver.cluster.jobs import LastRun, UnreadableRun
from chatserver.status.hookuse import Use


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What would prevent a start, each with its path, and notes for the operator."""

    problems: Sequence[str]
    notes: Sequence[str]


class SettingShown(msgspec.Struct, frozen=True, kw_only=True):
    """One setting in effect; secrets are hidden. `source` is its origin: default, a file, a variable."""

    section: str
    key: str
    value: Any
    source: str


class JobShown(msgspec.Struct, frozen=True, kw_only=True):
    """One job. `every` is its period in seconds; `last` is null if it never ran."""

    name: str
    every: float
    last: LastRun | UnreadableRun | None


class HooksShown(msgspec.Struct, frozen=True, kw_only=True):
    """The use of plugins' hooks, most time first: in the last `over` seconds; null: since the server's start."""

    over: float | None
    hooks: Sequence[Use]


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """Migrations of the schema. `done` is false with --plan."""

    steps: Sequence[str]
    done: bool


class BackupShown(msgspec.Struct, frozen=True, kw_only=True):
    """One backup. Times are RFC 3339, `bytes` is its size; `key` names its key, null if it is not encrypted.

    `verified` is the time of the last verification, null without one. A backup that cannot be read has only
    `backup` and `error`. A list of backups ends with a `TargetShown` for each of backup.targets.
    """

    backup: str
    begun: str | UnsetType = UNSET
    ended: str | UnsetType = UNSET
    seconds: float | UnsetType = UNSET
    rooms: int | UnsetType = UNSET
    events: int | UnsetType = UNSET
    records: int | UnsetType = UNSET
    bytes: int | UnsetType = UNSET
    key: str | UnsetType | None = UNSET
    verified: str | UnsetType | None = UNSET
    error: str | UnsetType = UNSET


class BackupMade(msgspec.Struct, frozen=True, kw_only=True):
    """The backup that was made, and the paths of old ones that were removed."""

    made: BackupShown
    removed: Sequence[str]


class BackupVerified(BackupShown, frozen=True, kw_only=True):
    """A backup that is complete. It reaches until `until`; `closed` is false if it is still written."""

    until: str
    closed: bool


class TargetShown(msgspec.Struct, frozen=True, kw_only=True):
    """What a target of backups holds; `error` is the reason why it cannot be read. Times are RFC 3339, or ""."""

    target: str
    backups: int
    newest: str
    until: str
    error: str


class FallShown(msgspec.Struct, frozen=True, kw_only=True):
    """One loss of all data in a drill. `rpo`, `restoring` and `rto` are seconds."""

    messages: int
    moment: str
    acknowledged: int
    lost: int
    rpo: float
    restoring: float
    rto: float


class DrillShown(msgspec.Struct, frozen=True, kw_only=True):
    """The result of a drill: the worst RPO and RTO in seconds, and each loss."""

    store: str
    ship_seconds: float
    rpo: float
    rto: float
    falls: Sequence[FallShown]


class BundleMade(msgspec.Struct, frozen=True, kw_only=True):
    """The support bundle: its path, and the files in it with their sizes in bytes."""

    bundle: str
    files: dict[str, int]
