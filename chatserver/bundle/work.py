"""Asks the nodes on this machine for their metrics, and for the names of their threads and tasks."""

import re
import urllib.request
from collections.abc import Iterator
from typing import Any

import msgspec

from chatserver.bundle.templates import task_name
from chatserver.status.report import NodeReport

SECONDS = 5.0
MOST_BYTES = 8 << 20
PYTHONS = re.compile(r"MainThread|asyncio_\d+")  # names that Python gives to threads
EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104 - addresses that a server listens on
_FUNCTION = re.compile(r"[A-Za-z_][\w.<>]{0,120}")


def addresses(node: NodeReport) -> Iterator[str]:
    """HOST:PORT at which this machine may reach the node for operators: loopback alone."""
    for address in (node.internal, node.address):
        host, _, port = address.rpartition(":")
        if host in EVERYWHERE or host.startswith("127.") or host in ("localhost", "::1", "[::1]"):
            loopback = host if host.startswith("127.") else "127.0.0.1"
            if port.isdigit() and int(port):
                yield f"{loopback}:{port}"


def fetch(node: NodeReport, path: str) -> str:
    """The answer of the node to a GET; "" if it cannot be had."""
    for address in addresses(node):
        try:
            with urllib.request.urlopen(f"http://{address}{path}", timeout=SECONDS) as answer:
                text: bytes = answer.read(MOST_BYTES)
                return text.decode(errors="replace")
        except (OSError, ValueError):
            continue
    return ""


def work(text: str) -> dict[str, Any]:
    """Threads and tasks with their numbers, by names that are in the source. `text` is that of /health/work."""
    try:
        told = msgspec.json.decode(text, type=dict[str, dict[str, int]])
    except msgspec.DecodeError:
        return {}
    return {part: _counted(told.get(part, {})) for part in ("threads", "tasks")}


def _counted(told: dict[str, int]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for name, count in told.items():
        called, _, function = name.partition(" ")
        own = PYTHONS.fullmatch(name)
        shown = (
            task_name(name)
            or (own[0] if own else "")
            or (function if called == "()" and _FUNCTION.fullmatch(function) else "")
        )
        counts[shown or "(another)"] = counts.get(shown or "(another)", 0) + count
    return dict(sorted(counts.items()))
