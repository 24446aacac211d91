"""Combines the metrics of all workers of a server, whichever of them is scraped."""

import asyncio
from collections.abc import Iterable, Sequence

from prometheus_client import generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

ASK_SECONDS = 1.0  # half of a plugin's deadline (plugins.deadline_seconds)
ANSWER_BYTES = 16 * 1024 * 1024

# The query `workers=own` asks for the metrics of one worker only.
REQUEST = "GET {path}?workers=own HTTP/1.0\r\nHost: localhost\r\n\r\n"


async def together(ports: Sequence[int], path: str) -> bytes:
    """All workers' metrics in the text format, each sample with the label `worker`.

    Samples are not added up: readers can sum over the label.
    """
    pages = await asyncio.gather(*(_ask(port, path) for port in ports))
    # In a thread: it takes 18 µs of the processor for each sample.
    return await asyncio.to_thread(generate_latest, Pages(pages))


class Pages(Collector):
    """The metrics on the workers' pages. A page is None if its worker does not answer."""

    def __init__(self, pages: Sequence[str | None]) -> None:
        self._pages = pages

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily("chatserver_worker_up", "1 if the worker answers", labels=["worker"])
        metrics: dict[tuple[str, str], Metric] = {}
        for number, page in enumerate(self._pages, 1):
            worker = str(number)
            found = _metrics(page)
            up.add_metric([worker], bool(found))
            for metric in found:
                for sample in metric.samples:
                    sample.labels["worker"] = worker
                # A counter and a gauge may have one name here: without the counter's `_total`.
                whole = metrics.setdefault((metric.name, metric.type), metric)
                if whole is not metric:
                    whole.samples += metric.samples
        return [up, *metrics.values()]


def _metrics(page: str | None) -> list[Metric]:
    """The metrics on a page. A page that cannot be read counts as none."""
    try:
        return [*text_string_to_metric_families(page or "")]
    except ValueError:
        return []


async def _ask(port: int, path: str) -> str | None:
    """One worker's metrics, or None if it does not answer."""
    try:
        async with asyncio.timeout(ASK_SECONDS):
            answer = await _answer(port, REQUEST.format(path=path).encode())
    except (OSError, TimeoutError):
        return None
    head, _, body = answer.partition(b"\r\n\r\n")
    return body.decode() if head.split(b" ", 2)[1:2] == [b"200"] else None


async def _answer(port: int, request: bytes) -> bytes:
    """The answer of a port until it closes, at most ANSWER_BYTES."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        answer = await reader.read(ANSWER_BYTES)
        while part := await reader.read(ANSWER_BYTES - len(answer)):
            answer += part
        return answer
    finally:
        writer.close()
