"""GET /health and /health/work for people, /health/live and /health/ready for orchestrators."""

import asyncio
import resource
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chatserver.errors import ChatError
from chatserver.hooks.types import HealthCheck
from chatserver.runtime.clock import now_text
from chatserver.version import __version__
from chatserver.web.base import BaseHandler, encode

CHECK_SECONDS = 3.0  # a check that takes longer has failed
# Anybody may ask, and a check is expensive: the store's is a durable write.
AGAIN_SECONDS = 0.25


class SharedCheck:
    """A check that runs at most once in AGAIN_SECONDS; all requests in between share its result."""

    def __init__(self, check: HealthCheck) -> None:
        self.name = check.name
        self._check = check
        self._result: asyncio.Task[dict[str, Any]] | None = None
        self._since = 0.0

    async def result(self) -> dict[str, Any]:
        """The result, at most AGAIN_SECONDS old, within CHECK_SECONDS. Never raises."""
        now = time.monotonic()
        last = self._result
        if last is None or (last.done() and now >= self._since + AGAIN_SECONDS):
            self._since = now
            self._result = last = asyncio.create_task(run(self._check))
        return await asyncio.shield(last)


class HealthHandler(BaseHandler):
    """A handler that needs no sign-in. The routes set `checks`."""

    answers_while_draining = True
    answers_any_host = True

    checks: Sequence[SharedCheck] = ()


class Health(HealthHandler):
    """Every check with its time; 503 if one fails. Outside, only the status is shown."""

    async def get(self) -> None:
        results = await asyncio.gather(*(check.result() for check in self.checks))
        ok = all(result["status"] == "ok" for result in results) and not self.gate.draining
        status = "draining" if self.gate.draining else "ok" if ok else "error"
        bare = {"status": status, "timestamp": now_text()}
        if not self.is_inside():
            self.reply(bare, 200 if ok else 503)
            return
        found: dict[str, object] = {
            check.name: result for check, result in zip(self.checks, results, strict=True)
        }
        found["memory"] = {"status": "ok", "rss_bytes": resident_bytes()}
        found["uptime"] = {
            "status": "ok",
            "seconds": round(time.monotonic() - self.gate.started, 3),
        }
        self.reply({**bare, "version": __version__, "checks": found}, 200 if ok else 503)


class Live(HealthHandler):
    """Whether the process answers; runs no checks."""

    async def get(self) -> None:
        self.reply({"status": "ok"})


class Ready(HealthHandler):
    """Whether clients may be sent here: not while draining, nor while the store does not answer."""

    async def get(self) -> None:
        results = [await check.result() for check in self.checks]
        if self.gate.draining:
            self.reply({"status": "draining"}, 503)
        elif any(result["status"] != "ok" for result in results):
            self.reply({"status": "error"}, 503)
        else:
            self.reply({"status": "ok"})


class Work(HealthHandler):
    """The threads and tasks of the process, for operators: their names, each with its number.

    A task without a name of its own is shown as `() FUNCTION`.
    """

    async def get(self) -> None:
        if not self.is_inside():
            raise ChatError("request.not_found")
        threads = Counter(thread.name for thread in threading.enumerate())
        tasks = Counter(_name(task) for task in asyncio.all_tasks())
        self.reply({"threads": dict(threads), "tasks": dict(tasks)})


def _name(task: asyncio.Task[Any]) -> str:
    name = task.get_name()
    if not name.startswith("Task-"):
        return name
    return f"() {getattr(task.get_coro(), '__qualname__', '?')}"


async def run(check: HealthCheck) -> dict[str, Any]:
    """The result of one check: status, latency, and the check's own details."""
    started = time.perf_counter()
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            further = dict(await check.check())
            encode(further)  # details that are not JSON must not spoil the other checks' results
    except TimeoutError:
        return {"status": "error", "error": "no answer in time", "latency_ms": _since(started)}
    except Exception as error:
        text = error.text if isinstance(error, ChatError) else type(error).__name__
        return {"status": "error", "error": text, "latency_ms": _since(started)}
    return {"status": "ok", "latency_ms": _since(started), **further}


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)


def resident_bytes() -> int:
    """The memory of this process that is in RAM."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[1]
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(pages) * resource.getpagesize()
