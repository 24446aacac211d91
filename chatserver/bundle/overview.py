"""The report of `chatserver status` without names of people, machines and folders."""

import re
from datetime import datetime
from typing import Any

from chatserver.bundle.pseudonyms import Pseudonyms
from chatserver.status.problems import ROLES
from chatserver.status.report import Status

OWN = ("backup", "expired", "password.expired", "kafka", "scheduled.post")  # named in the source
ROWS = ("events", "records", "rooms", "search_index", "search_index_pages", "installation")


def overview(status: Status, names: Pseudonyms, plugins: frozenset[str]) -> dict[str, Any]:
    """The allowed fields of the report."""
    store, backups = status.store, status.backups
    return {
        "ok": status.ok,
        "at": status.at,
        "version": status.version,
        "problems": [problem.code for problem in status.problems],
        "store": {
            "plugin": store.plugin if store.plugin in plugins else names.of("plugin", store.plugin),
            "state": store.state,
            "software": store.software if store.plugin in plugins else "",
            "schema": store.schema,
            "known": store.known,
            "latency_ms": store.latency_ms,
            "bytes": store.bytes,
            "rows": {name: count for name, count in store.rows.items() if name in ROWS},
            "warnings": len(store.warnings),
            "pending": [(step.rows, step.seconds) for step in store.pending],
            "members": [
                {
                    "member": names.of("member", each.name),
                    "role": each.role,
                    "healthy": each.healthy,
                    "lag_seconds": each.lag_seconds,
                }
                for each in store.members
            ],
        },
        "nodes": [
            {
                "node": names.of("node", node.node),
                "alive": node.alive,
                "version": _version(node.version),
                "roles": [role for role in node.roles if role in ROLES],
                "state": node.state,
                "started": _time(node.started),
                "at": _time(node.at),
                "has_internal": bool(node.internal),
                "bus": node.bus,
                "connections": node.connections,
            }
            for node in status.nodes
        ],
        "bus": {
            "plugin": status.bus.plugin if status.bus.plugin in plugins else "",
            "connected": status.bus.connected,
            "nodes": status.bus.nodes,
        },
        "jobs": [
            {
                "job": own_name("job", job.name, names, plugins),
                "every": job.every,
                "at": _time(job.at),
                "seconds": job.seconds,
                "failures": job.failures,
                "node": names.of("node", job.node),
                "overdue": job.overdue,
                "unreadable": job.unreadable,
            }
            for job in status.jobs
        ],
        "consumers": [
            {
                "consumer": own_name("consumer", one.name, names, plugins),
                "node": names.of("node", one.node),
                "lag": one.lag,
                "dead": one.dead,
            }
            for one in status.consumers
        ],
        "timers": [
            {
                "timer": own_name("timer", one.name, names, plugins),
                "node": names.of("node", one.node),
                "pending": one.pending,
                "late": one.late,
                "dead": one.dead,
            }
            for one in status.timers
        ],
        "backups": {
            "every_hours": backups.every_hours,
            "count": backups.count,
            "age": backups.age,
            "bytes": backups.bytes,
            "verified": _time(backups.verified or ""),
            "shipped_age": backups.shipped_age,
            "failing": bool(backups.error),
        },
        "unreadable": status.unreadable,
        "alerts": None if status.alerts is None else len(status.alerts),
    }


def _time(text: str) -> str:
    """The time in one form; "" for anything else, which a record or a file may hold."""
    try:
        return datetime.fromisoformat(text).isoformat(timespec="milliseconds")
    except ValueError:
        return ""


def _version(text: str) -> str:
    return text if re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,5}){0,3}", text) else ""


def own_name(kind: str, name: str, names: Pseudonyms, plugins: frozenset[str]) -> str:
    """The name of a job, consumer or timer: its plugin if that comes with the server, and a pseudonym for the rest.

    What follows the plugin may be named in the configuration, as webhooks are.
    """
    if name in OWN:
        return name
    plugin, _, rest = name.partition(".")
    if plugin not in plugins:
        return names.of(kind, name)
    return f"{plugin}.{names.of(kind, rest)}" if rest else plugin
