"""Entries in the names of the Elastic Common Schema (`logging.fields = "ecs"`).

Names are flat, with dots, as Elastic's own logging libraries write them. What the schema has no name for is below
`chatserver.`; deploy/observe/logs has the mappings of an index for all of them.
"""

from collections.abc import Mapping
from typing import Any

ECS_VERSION = "8.17.0"
NAMES = {
    "timestamp": "@timestamp",
    "level": "log.level",
    "message": "message",
    "service": "service.name",
    "version": "service.version",
    "logger": "log.logger",
    "request": "http.request.id",
    "trace": "trace.id",
    "span": "span.id",
    # Of a request (`logging.access`):
    "method": "http.request.method",
    "status": "http.response.status_code",
    "bytes": "http.response.bytes",
    "user": "user.id",
    "address": "client.address",
}
OWN = "chatserver."
_NANOSECONDS = 1_000_000  # in a millisecond


def renamed(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The same entry in the schema's names and units."""
    found: dict[str, Any] = {}
    for name, value in entry.items():
        if name == "error":
            for part, text in (("type", "type"), ("message", "message"), ("stack", "stack_trace")):
                found[f"error.{text}"] = value[part]
        elif name == "ms":
            found["event.duration"] = round(value * _NANOSECONDS)
        else:
            found[NAMES.get(name, OWN + name)] = value
    found["ecs.version"] = ECS_VERSION
    found["event.dataset"] = "chatserver.access" if "route" in entry else "chatserver.log"
    return found
