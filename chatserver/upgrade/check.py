"""All checks of `chatserver upgrade-check`. It runs with the new version's code and changes nothing."""

import asyncio
import re
import shutil
import sys
import time
from collections.abc import AsyncIterator, Iterator
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from chatserver.cluster.nodes import raw_records, read
from chatserver.cluster.wrappers import open_wrapped_to_read
from chatserver.config import Config
from chatserver.config.renamed import RENAMED
from chatserver.copies.archive.errors import ArchiveError
from chatserver.copies.backup.configured import shelf_of
from chatserver.copies.backup.errors import BackupError
from chatserver.copies.backup.manifest import peek
from chatserver.copies.backup.shelf import made
from chatserver.copies.backup.verify import verified_at
from chatserver.errors import StartupError, StoreUnavailable
from chatserver.hooks.loading import survey
from chatserver.interfaces import PendingStep, StoreFacts
from chatserver.process.version_note import noted_version
from chatserver.status.report import Pending
from chatserver.upgrade import settings
from chatserver.upgrade.findings import Finding, UpgradeReport, blocker, notice
from chatserver.upgrade.releases import Release, numbers, releases
from chatserver.version import __version__

if TYPE_CHECKING:
    from chatserver.app import Server

DISTRIBUTION = "pluggable-chatserver"
STORE_SECONDS = 15.0  # for one question
BACKUP_SECONDS = 24 * 3600.0
_LEAST = re.compile(r">=\s*([\d.]+)")


class Given(NamedTuple):
    """What the operator has: keys that are set, each with its origin, and the enabled plugins."""

    origin: dict[str, str]
    enabled: list[str]


def of_python(python: str, running: tuple[int, ...] = sys.version_info[:3]) -> Iterator[Finding]:
    """A finding if this Python is older than the version's specifier says."""
    least = _LEAST.search(python)
    if least is not None and running < numbers(least[1]):
        shown = ".".join(map(str, running))
        yield blocker("python.version", f"Python {shown} runs this, and {python} is needed.")


def of_version(used: str, known: list[Release]) -> Iterator[Finding]:
    """A finding if the version in use is unknown, or newer than this one."""
    if not used:
        oldest = known[0].version if known else "?"
        text = f"The version in use is unknown: compared with {oldest}. Name it with --from."
        yield notice("version.unknown", text)
    elif numbers(used) > numbers(__version__):
        text = f"The installation was last used by {used}, and this is {__version__}."
        yield blocker("version.older", text)


def of_settings(used: str, known: list[Release], given: Given) -> Iterator[Finding]:
    """The findings about settings and plugins, between the version in use and this one."""
    old = _nearest(used, known)
    new = next((each for each in known if each.version == __version__), None)
    if old is not None and new is not None:
        yield from settings.changes(old, new, given.origin, given.enabled, RENAMED)


def of_plugins(config: Config) -> Iterator[Finding]:
    """A finding for each enabled plugin that cannot be imported."""
    for row in survey(config):
        if row.enabled and row.problem:
            yield blocker("plugin.problem", row.problem)


def of_facts(facts: StoreFacts) -> Iterator[Finding]:
    """The findings about the database, its migrations and its disk."""
    for warning in facts.warnings:
        yield blocker("database.version", f"The database: {warning}.")
    for step in facts.pending:
        scale = f": {step.rows:,} rows, about {step.seconds:.0f} s" if step.rows else ""
        yield notice("migration", f"{step.title}{scale}")
    if not facts.bytes_needed:
        return
    megabytes = facts.bytes_needed / 1e6
    if not facts.folder:
        text = f"The migrations need about {megabytes:,.0f} MB on the database's disk."
        yield notice("disk.unknown", text)
        return
    free = shutil.disk_usage(facts.folder).free
    if free < facts.bytes_needed:
        text = (
            f"The migrations need about {megabytes:,.0f} MB, and the disk of {facts.folder} has "
            f"{free / 1e6:,.0f} MB left."
        )
        yield blocker("disk.full", text)


def of_backups(config: Config, migrates: bool) -> Iterator[Finding]:
    """The findings about the newest backup; blockers if there is a migration, which cannot be undone."""
    say = blocker if migrates else notice
    try:
        found = shelf_of(config).all()
    except BackupError as error:
        yield say("backup.missing", str(error))
        return
    if not found:
        text = f"There is no backup in {shelf_of(config).folder}."
        yield say("backup.missing", text)
        return
    newest = found[-1]
    age = time.time() - made(newest).timestamp()
    if age > BACKUP_SECONDS:
        yield say("backup.old", f"The newest backup, {newest.name}, is {age / 3600:.0f} h old.")
    if verified_at(newest) is None:
        text = f"{newest.name} was never verified: run `chatserver backup verify`."
        yield say("backup.unverified", text)


class UpgradeCheck:
    """The checks for one installation."""

    def __init__(self, given: Given, server: "Server | None", refused: list[str]) -> None:
        """`server` is None if this version refuses the configuration, for the reasons `refused`."""
        self._given, self._server, self._refused = given, server, refused

    async def report(self, used: str) -> UpgradeReport:
        """The report. `used` is the version in use, "" to find it out. Raises `StartupError`."""
        known = releases()
        facts: StoreFacts | None = None
        away: list[Finding] = []
        if self._server is not None:
            try:
                facts = await self._facts(self._server)
            except (StartupError, StoreUnavailable, TimeoutError) as error:
                reason = str(error) or "no answer within the time limit"
                away = [blocker("store.away", f"The store cannot be read: {reason}")]
        used = used or await self._used(facts)
        findings = [
            *of_python(_python(known)),
            *of_version(used, known),
            *of_settings(used, known, self._given),
        ]
        findings += _not_said_yet(self._refused, findings)
        pending: list[PendingStep] = []
        if self._server is not None:
            findings += [*of_plugins(self._server.config), *away]
            if facts is not None:
                pending = list(facts.pending)
                findings += of_facts(facts)
            findings += await asyncio.to_thread(
                lambda server: list(of_backups(server.config, bool(pending))), self._server
            )
        return UpgradeReport(
            ok=not any(each.level == "blocker" for each in findings),
            from_version=used,
            to_version=__version__,
            findings=findings,
            migrations=[Pending(**step._asdict()) for step in pending],
            seconds=sum(step.seconds for step in pending),
            bytes_needed=facts.bytes_needed if facts is not None else 0,
        )

    async def _facts(self, server: "Server") -> StoreFacts | None:
        """The facts of the store; only the titles of steps for a store that tells no others."""
        store = server.provided.store()
        ask = getattr(store, "facts", None)
        async with asyncio.timeout(STORE_SECONDS):
            if ask is not None:
                found: StoreFacts = await ask()
                return found
            steps = [PendingStep(title) for title in await store.plan()]
        return StoreFacts(server.store_plugin, 0, len(steps), pending=steps)

    async def _used(self, facts: StoreFacts | None) -> str:
        """The version in use: from the nodes' records, the data folder, or the newest backup."""
        if self._server is None:
            return ""
        if facts is not None and not facts.pending:
            async for version in self._recorded(self._server):
                return version
        config = self._server.config
        if version := noted_version(Path(config.server.data)):
            return version
        try:
            newest = shelf_of(config).all()[-1:]
            return peek(newest[0]).server if newest else ""
        except ArchiveError:
            return ""

    async def _recorded(self, server: "Server") -> AsyncIterator[str]:
        """The oldest version among the nodes' records, if there is one."""
        store = server.provided.store()
        versions: list[str] = []
        try:
            async with asyncio.timeout(STORE_SECONDS):
                await open_wrapped_to_read(store)
                versions = [read(*each).version for each in await raw_records(store)]
        except (StartupError, StoreUnavailable, TimeoutError):
            return
        finally:
            await store.close()
        if known := sorted(filter(None, versions), key=numbers):
            yield known[0]


def _nearest(used: str, known: list[Release]) -> Release | None:
    """The record of the version in use, else the newest older one, else the oldest."""
    older = [each for each in known if used and numbers(each.version) <= numbers(used)]
    return next(reversed(older or known[:1]), None)


def _python(known: list[Release]) -> str:
    """The Python that this version needs, as its package says, or as its record does."""
    try:
        found = metadata(DISTRIBUTION).json.get("requires_python")
    except PackageNotFoundError:
        found = None
    return str(found or "") or next(
        (each.python for each in known if each.version == __version__), ""
    )


def _not_said_yet(refused: list[str], findings: list[Finding]) -> Iterator[Finding]:
    """The refusals of the configuration that no other finding explains."""
    said = " ".join(finding.text for finding in findings if finding.level == "blocker")
    for line in refused:
        key = line.split(": ")[-2] if line.count(": ") > 1 else line.partition(":")[0]
        if key not in said:
            is_plugin = line.startswith(("plugin ", "plugins.enabled: "))
            yield blocker("plugin.problem" if is_plugin else "config.invalid", line)
