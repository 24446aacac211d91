"""Rounds of the probe again and again, and their metrics for Prometheus at a port of loopback."""

import asyncio
import math
from collections.abc import Iterator
from itertools import accumulate

from loguru import logger
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from chatserver.probe.outcome import Outcome
from chatserver.probe.round import Probe
from chatserver.runtime.measure import Counter, Gauge, Histogram, Measures

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Exporter:
    """Keeps the outcomes of the rounds as metrics."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._last: Outcome | None = None
        self.measures = measures = Measures()
        measures.gauge(
            "chatserver_probe_success",
            "1 if the last round of the probe succeeded, else 0",
            lambda: math.nan if self._last is None else float(self._last.ok),
        )
        measures.gauge(
            "chatserver_probe_last_timestamp_seconds",
            "Time at which the last finished round began; 0: none is finished",
            lambda: 0.0 if self._last is None else self._last.at,
        )
        self._rounds = measures.counter(
            "chatserver_probe_rounds_total", "Rounds of the probe", ("outcome",)
        )
        for outcome in ("ok", "failed"):
            self._rounds.add(0, (outcome,))  # a counter that begins above 0 has no increase
        self._failures = measures.counter(
            "chatserver_probe_failures_total",
            "Rounds that failed, by the step that did",
            ("step", "reason"),
        )
        self._seconds = measures.histogram(
            "chatserver_probe_seconds",
            "Time of a step of the probe; acknowledge and receive count from the send",
            ("step",),
        )
        measures.gauge(
            "chatserver_probe_certificate_expiry_timestamp_seconds",
            "Time at which the certificate ends that the probed address shows",
            lambda: {} if self._ends is None else {(): self._ends},
        )
        self._ends: float | None = None

    async def run(self, every: float) -> None:
        """Begin a round every `every` seconds until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + every
            self.note(await self._probe.round())
            await asyncio.sleep(max(0.0, due - loop.time()))

    def note(self, outcome: Outcome) -> None:
        """Count the outcome of a round."""
        self._last = outcome
        self._rounds.add(labels=("ok" if outcome.ok else "failed",))
        for step, seconds in outcome.seconds.items():
            self._seconds.add(seconds, (step,))
        if outcome.certificate_expiry is not None:
            self._ends = outcome.certificate_expiry
        if (failure := outcome.failure) is not None:
            self._failures.add(labels=(failure.step, failure.reason))
            logger.warning("the probe failed at {}: {}", failure.step, failure.text)

    def page(self) -> str:
        """The metrics in the text format of Prometheus."""
        return "".join(line + "\n" for measure in self.measures for line in _lines(measure))

    def serve(self, host: str, port: int) -> int:
        """Answer GET /metrics; returns the port. Raises `OSError`."""
        exporter = self

        class Metrics(RequestHandler):
            def get(self) -> None:
                self.set_header("Content-Type", CONTENT_TYPE)
                self.finish(exporter.page())

        server = HTTPServer(Application([("/metrics", Metrics)], log_function=lambda _: None))
        sockets = bind_sockets(port, host)
        server.add_sockets(sockets)
        found: int = sockets[0].getsockname()[1]
        return found


def _lines(measure: Counter | Gauge | Histogram) -> Iterator[str]:
    yield f"# HELP {measure.name} {measure.text}"
    yield f"# TYPE {measure.name} {measure.kind}"
    match measure:
        case Gauge():
            read = measure.read()
            values = read if isinstance(read, dict) else {(): read}
            for labels, value in values.items():
                yield f"{measure.name}{_labels(measure.labels, labels)} {value}"
        case Counter():
            for labels, value in measure.values.items():
                yield f"{measure.name}{_labels(measure.labels, labels)} {value}"
        case Histogram():
            names, bounds = (*measure.labels, "le"), [*map(str, measure.bounds), "+Inf"]
            for labels, (counts, total) in measure.values.items():
                for bound, count in zip(bounds, accumulate(counts), strict=True):
                    yield f"{measure.name}_bucket{_labels(names, (*labels, bound))} {count}"
                plain = _labels(measure.labels, labels)
                yield f"{measure.name}_sum{plain} {total}"
                yield f"{measure.name}_count{plain} {sum(counts)}"


def _labels(names: tuple[str, ...], values: tuple[str, ...]) -> str:
    pairs = [f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True)]
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
