"""The result of `chatserver upgrade-check`, as --json prints it. Names are stable."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from chatserver.status.report import Pending

CODES = {
    "backup.missing": "There is no backup, or its folder cannot be read.",
    "backup.old": "The newest backup is more than a day old.",
    "backup.unverified": "The newest backup was never verified.",
    "config.invalid": "This version refuses the configuration.",
    "database.version": "This version of the database should not be used, or is not ready for the next one.",
    "disk.full": "The disk has less free space than the migrations need.",
    "disk.unknown": "The database is elsewhere: look there for the free space that the migrations need.",
    "migration": "A step that the store's schema lacks.",
    "plugin.problem": "An enabled plugin cannot be used, such as for want of an extra.",
    "plugin.removed": "An enabled plugin no longer exists.",
    "python.version": "This Python is not supported.",
    "setting.default": "A setting that is not in the configuration has another default.",
    "setting.removed": "A setting of the configuration no longer exists.",
    "setting.renamed": "A setting of the configuration has another name.",
    "setting.required": "A new setting has no default and is not in the configuration.",
    "store.away": "The store does not answer, or its data is of a newer version.",
    "version.older": "The installation was last used by a newer version than this one.",
    "version.unknown": "The version in use is unknown: name it with --from.",
}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One finding. A `blocker` must be dealt with before the upgrade; a `notice` should be read."""

    code: str
    level: Literal["blocker", "notice"]
    text: str


class UpgradeReport(msgspec.Struct, frozen=True, kw_only=True):
    """The report. `from` is the version in use, empty if it is unknown; `seconds` is the estimate for all migrations."""

    ok: bool
    from_version: str = msgspec.field(name="from")
    to_version: str = msgspec.field(name="to")
    findings: Sequence[Finding]
    migrations: Sequence[Pending]
    seconds: float
    bytes_needed: int


def blocker(code: str, text: str) -> Finding:
    """A finding that must be dealt with first."""
    assert code in CODES
    return Finding(code=code, level="blocker", text=text)


def notice(code: str, text: str) -> Finding:
    """A finding that should be read."""
    assert code in CODES
    return Finding(code=code, level="notice", text=text)
