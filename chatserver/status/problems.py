"""What is wrong in a report. One function a part; each yields problems with a stable code.

Codes and their meaning are listed in docs/commands.md, which a test compares with CODES.
"""

from collections.abc import Iterator, Sequence
from itertools import chain

from chatserver.status.nodes import live
from chatserver.status.report import (
    Alert,
    BackupReport,
    BusReport,
    ConsumerReport,
    JobReport,
    NodeReport,
    Problem,
    StoreReport,
    TargetReport,
    TimerReport,
)

CODES = {
    "alert.firing": "An alert fires at Alertmanager.",
    "alertmanager.away": "The Alertmanager that was named does not answer.",
    "backup.failing": "The folder of backups cannot be read.",
    "backup.missing": "Backups are configured, and there is none.",
    "backup.old": "The newest backup is older than it should be.",
    "backup.shipping": "No changes are written beside the newest backup.",
    "bus.disconnected": "A node does not hear the bus.",
    "consumer.behind": "A consumer has very many events left to handle.",
    "consumer.dead_letters": "A consumer has given up events.",
    "consumer.idle": "No node runs a consumer.",
    "job.failing": "The last run of a job failed.",
    "job.overdue": "A job did not run when it should have.",
    "job.unreadable": "The record of a job's last run cannot be read.",
    "node.none": "No node is alive.",
    "node.role": "No live node has one of the roles.",
    "node.silent": "A node's record no longer changes: it was killed or stands still.",
    "node.versions": "Nodes have different versions, or another one than this command.",
    "records.unreadable": "Records were moved to quarantine.",
    "status.slow": "Something was not answered within the time limit.",
    "store.away": "The store does not answer, or cannot be read.",
    "store.database": "Something is wrong with the database itself.",
    "store.outdated": "The schema of the store lacks migrations.",
    "store.replication": "A member of the database is down, or far behind.",
    "target.behind": "The copy of the backups on a target is old.",
    "target.failing": "A target of backups cannot be read, or holds none.",
    "timer.dead_letters": "A timer has given up keys.",
    "timer.idle": "No node runs a timer.",
    "timer.late": "A timer is far behind the times that are set.",
}
LAG_SECONDS = 30.0  # of a member behind the primary
LAG_EVENTS = 10_000
LATE_SECONDS = 900.0  # of a timer: its attempts pause for five minutes at the longest
LATE = 1.25  # a backup may be this much older than its period …
SLACK_SECONDS = 3600.0  # … and this, as it takes its time
SHIPPING = 10  # missed rounds, at least …
SHIPPING_SECONDS = 120.0  # … and this time
COPY_SECONDS = 6 * 3600.0  # that a target may be behind the folder: a backup takes its time …
SHIPPED_COPY_SECONDS = 1800.0  # … and changes do not
ROLES = ("connections", "consumers", "jobs")


def problem(code: str, text: str) -> Problem:
    """A problem of a known code."""
    assert code in CODES
    return Problem(code=code, text=text)


def of_store(store: StoreReport) -> Iterator[Problem]:
    if store.state == "away":
        yield problem("store.away", f"The store {store.plugin} cannot be read: {store.error}")
    if store.state == "outdated":
        yield problem("store.outdated", f"The store's schema is not up to date: {store.error}")
    for warning in store.warnings:
        yield problem("store.database", f"The database: {warning}.")
    for member in store.members:
        if not member.healthy:
            yield problem("store.replication", f"{member.name} is down ({member.role}).")
        elif (member.lag_seconds or 0) > LAG_SECONDS:
            yield problem(
                "store.replication",
                f"{member.name} is {member.lag_seconds:.0f} s behind the primary.",
            )


def of_nodes(nodes: Sequence[NodeReport], version: str) -> Iterator[Problem]:
    alive = live(nodes)
    if not alive:
        yield problem("node.none", "No node is alive.")
    for node in nodes:
        if not node.alive:
            text = f"{node.node} is silent since {node.at or '?'}: killed, or it stands still."
            yield problem("node.silent", text)
    versions = {node.version for node in alive} | ({version} if alive else set())
    if len(versions) > 1:
        text = ", ".join(f"{node.node} {node.version}" for node in alive)
        yield problem("node.versions", f"Versions differ: {text}; this command {version}.")
    if alive:
        for role in ROLES:
            if not any(role in node.roles for node in alive):
                yield problem("node.role", f"No live node has the role {role}.")


def of_bus(bus: BusReport, nodes: Sequence[NodeReport]) -> Iterator[Problem]:
    for node in live(nodes):
        if bus.plugin and not node.bus:
            yield problem("bus.disconnected", f"{node.node} does not hear the bus {bus.plugin}.")


def of_jobs(jobs: Sequence[JobReport]) -> Iterator[Problem]:
    for job in jobs:
        if job.unreadable:
            yield problem("job.unreadable", f"The last run of job {job.name} cannot be read.")
        if job.failures:
            yield problem("job.failing", f"Job {job.name} failed {job.failures} times in a row.")
        if job.overdue:
            since = f"since {job.at}" if job.at else "yet"
            text = f"Job {job.name} should run every {job.every:g} s, and did not run {since}."
            yield problem("job.overdue", text)


def of_consumers(
    consumers: Sequence[ConsumerReport], nodes: Sequence[NodeReport]
) -> Iterator[Problem]:
    for consumer in consumers:
        if not consumer.node and live(nodes):
            yield problem("consumer.idle", f"No node runs the consumer {consumer.name}.")
        if consumer.dead:
            text = f"{consumer.name} has {consumer.dead} dead letters."
            yield problem("consumer.dead_letters", text)
        if consumer.lag > LAG_EVENTS:
            yield problem("consumer.behind", f"{consumer.name} lags {consumer.lag} events behind.")


def of_timers(timers: Sequence[TimerReport], nodes: Sequence[NodeReport]) -> Iterator[Problem]:
    for timer in timers:
        if not timer.node and live(nodes):
            yield problem("timer.idle", f"No node runs the timer {timer.name}.")
        if timer.dead:
            yield problem("timer.dead_letters", f"{timer.name} has {timer.dead} dead letters.")
        if timer.late > LATE_SECONDS and live(nodes):
            yield problem("timer.late", f"{timer.name} is {timer.late:.0f} s late.")


def of_backups(
    backups: BackupReport, ship_seconds: float, nodes: Sequence[NodeReport]
) -> Iterator[Problem]:
    if backups.error:
        yield problem("backup.failing", f"Backups: {backups.error}")
        return
    if not backups.every_hours:
        return
    if backups.age is None:
        yield problem("backup.missing", f"There is no backup in {backups.folder}.")
        return
    if backups.age > backups.every_hours * 3600 * LATE + SLACK_SECONDS:
        text = f"The newest backup is {backups.age / 3600:.1f} h old."
        yield problem("backup.old", text)
    late = max(SHIPPING * ship_seconds, SHIPPING_SECONDS)
    if backups.shipped_age is not None and backups.shipped_age > late and live(nodes):
        text = f"No changes were written beside the newest backup for {backups.shipped_age:.0f} s."
        yield problem("backup.shipping", text)


def of_targets(targets: Sequence[TargetReport], backups: BackupReport) -> Iterator[Problem]:
    is_shipped = backups.shipped_age is not None
    local = backups.shipped_age if is_shipped else backups.age
    limit = SHIPPED_COPY_SECONDS if is_shipped else COPY_SECONDS
    for target in targets:
        if target.error:
            yield problem("target.failing", f"{target.target}: {target.error}")
        elif local is not None and target.age is not None and target.age - local > limit:
            text = (
                f"{target.target} is {(target.age - local) / 3600:.1f} h behind {backups.folder}."
            )
            yield problem("target.behind", text)


def of_alerts(alerts: Sequence[Alert] | None) -> Iterator[Problem]:
    for alert in alerts or ():
        text = f"{alert.name} ({alert.severity}) fires since {alert.since}: {alert.summary}"
        yield problem("alert.firing", text)


def of_records(unreadable: int) -> Iterator[Problem]:
    if unreadable:
        yield problem("records.unreadable", f"{unreadable} unreadable records are in quarantine.")


def all_of(*parts: Iterator[Problem]) -> list[Problem]:
    """The problems of all parts, in order."""
    return list(chain(*parts))
