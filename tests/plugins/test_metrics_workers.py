"""The page that shows the figures of all workers, made of the pages of each."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from test_metrics_plugin import Scrape

from chatserver_plugins.metrics import workers
from chatserver_plugins.metrics.workers import OPEN_METRICS_END, combined, together

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
SOON_SECONDS = 60.0

HOSTILE = 'a "quote", a \\ and a \\n, a\nline, {b="c"} 3 # HELP é\u2028'


def shown(*pages: str | None) -> str:
    return combined(pages).decode()


def samples(text: str, worker: str | None = None) -> Samples:
    """A page's samples; those of one worker, without the label."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = dict(sample.labels)
            if worker is None or labels.pop("worker", None) == worker:
                found[sample.name, tuple(sorted(labels.items()))] = sample.value
    return found


def lines(text: str, start: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(start)]


async def page(label: str = "send", value: float = 1) -> str:
    """A worker's own page, as its plugin writes it."""
    scrape = Scrape()
    scrape.measures.counter("messages_processed_total", 'Text "a" \\ \n b', ("type",)).add(
        value, (label,)
    )
    scrape.measures.gauge("messages", "Beside the counter", lambda: value)
    seconds = scrape.measures.histogram("seconds", "Seconds", ("route",), bounds=(0.1, 1.0))
    seconds.add(0.05, (label,))
    seconds.add(5, (label,))
    return (await scrape.reply()).body.decode()


@asynccontextmanager
async def serving(answers: Iterable[bytes | None]) -> AsyncIterator[Sequence[int]]:
    """Ports of workers that answer so; None is a port at which nobody listens."""

    async with AsyncExitStack() as stack:
        ports = []
        for each in answers:

            async def answer(
                reader: asyncio.StreamReader,
                writer: asyncio.StreamWriter,
                text: bytes = each or b"",
            ) -> None:
                assert b"GET /metrics?workers=own " in await reader.readuntil(b"\r\n\r\n")
                writer.write(text)
                writer.close()

            server = await asyncio.start_server(answer, "127.0.0.1", 0)
            ports.append(server.sockets[0].getsockname()[1])
            stack.callback(server.close)
            if each is None:
                server.close()
                await server.wait_closed()
        yield ports


async def test_every_sample_is_shown_with_its_worker_and_nothing_is_added_up() -> None:
    pages = [await page("send", 3), await page(HOSTILE, 4)]
    text = shown(*pages)
    for number, each in enumerate(pages, 1):
        up = {("chatserver_worker_up", ()): 1.0}
        assert samples(text, str(number)) == samples(each) | up
    assert len(samples(text)) == sum(len(samples(each)) for each in pages) + 2
    assert 'messages_processed_total{worker="1",type="send"} 3.0' in text.splitlines()
    assert 'seconds_bucket{worker="1",le="+Inf",route="send"} 2.0' in text.splitlines()
    assert 'seconds_count{worker="1",route="send"} 2.0' in text.splitlines()


async def test_each_family_is_described_once_as_by_the_workers() -> None:
    pages = [await page("send"), await page("edit")]
    text = shown(*pages)
    up = [
        "# HELP chatserver_worker_up 1 if the worker answers",
        "# TYPE chatserver_worker_up gauge",
    ]
    assert lines(text, "# ") == up + lines(pages[0], "# ")
    assert "# TYPE messages_processed_total counter" in text
    assert "# TYPE messages gauge" in text
    assert '# HELP messages_processed_total Text "a" \\\\ \\n b' in text.splitlines()
    for family in text_string_to_metric_families(text):  # all of a family stand together
        assert family.type != "unknown", family.samples


@given(st.lists(st.text(), min_size=1, max_size=3))
def test_any_label_value_is_shown_as_the_worker_has_it(labels: list[str]) -> None:
    pages = [asyncio.run(page(label)) for label in labels]
    text = shown(*pages)
    for number, each in enumerate(pages, 1):
        assert samples(each).items() <= samples(text, str(number)).items()


def test_the_time_at_which_a_counter_was_made_is_kept() -> None:
    registry = CollectorRegistry()
    Counter("c", "C", ["a"], registry=registry).labels("b").inc(2)
    Histogram("h", "H", registry=registry).observe(1)
    Gauge("g", "G", registry=registry).set(float("inf"))
    own = generate_latest(registry).decode()
    assert "c_created" in own and "h_created" in own
    text = shown(own, own)
    for worker in ("1", "2"):
        assert samples(own).items() <= samples(text, worker).items()
    assert lines(text, "# TYPE")[1:] == lines(own, "# TYPE")


async def test_a_worker_without_a_page_is_told_and_the_others_are_shown() -> None:
    body = (await page()).encode()
    answers = [
        b"HTTP/1.1 200 OK\r\n\r\n" + body,
        None,
        b"HTTP/1.1 503 Service Unavailable\r\n\r\n" + body,
        b"HTTP/1.1 200 OK\r\n\r\n" + body[:-10] + b'{"',
        b"",
        b"HTTP/1.1 200 OK\r\n\r\n" + body,
    ]
    async with asyncio.timeout(SOON_SECONDS), serving(answers) as ports:
        text = (await together(ports, "/metrics", "text/plain")).decode()
    ups = [
        f'chatserver_worker_up{{worker="{n}"}} {up}.0' for n, up in enumerate((1, 0, 0, 0, 0, 1), 1)
    ]
    assert lines(text, "chatserver_worker_up") == ups
    for worker in "2345":
        assert [*samples(text, worker)] == [("chatserver_worker_up", ())]
    for worker in "16":
        assert samples(body.decode()).items() <= samples(text, worker).items()


async def test_the_loop_goes_on_while_pages_are_combined(monkeypatch: pytest.MonkeyPatch) -> None:
    combine = workers.combined
    threads: list[threading.Thread] = []

    def noted(*given: Any) -> bytes:
        threads.append(threading.current_thread())
        return combine(*given)

    monkeypatch.setattr(workers, "combined", noted)
    answer = b"HTTP/1.1 200 OK\r\n\r\n" + (await page()).encode()
    async with asyncio.timeout(SOON_SECONDS), serving([answer, answer]) as ports:
        await together(ports, "/metrics", "text/plain")
    assert len(threads) == 1 and threads[0] is not threading.current_thread()


def exemplars(text: str) -> dict[tuple[str, str], str]:
    """The trace by the worker, and the bucket, that it is an exemplar of."""
    return {
        (sample.labels["worker"], sample.labels["le"]): sample.exemplar.labels["trace_id"]
        for family in openmetrics.text_string_to_metric_families(text)
        for sample in family.samples
        if sample.exemplar
    }


async def test_exemplars_are_kept_where_they_are_asked_for() -> None:
    accept, pages = "application/openmetrics-text; version=1.0.0", []
    for worker in "12":
        scrape = Scrape(trace=lambda worker=worker: worker * 32)
        scrape.measures.histogram("seconds", "Seconds", bounds=(0.1, 1.0)).add(0.05)
        pages.append((await scrape.reply(accept)).body.decode())
    text = combined([*pages, None], OPEN_METRICS_END).decode()
    assert exemplars(text) == {("1", "0.1"): "1" * 32, ("2", "0.1"): "2" * 32}
    assert text.count("# EOF") == 1 and text.endswith(OPEN_METRICS_END)
    assert lines(text, "chatserver_worker_up") == [
        f'chatserver_worker_up{{worker="{n}"}} {up}'
        for n, up in (("1", 1.0), ("2", 1.0), ("3", 0.0))
    ]
    cut = pages[0].removesuffix(OPEN_METRICS_END)
    assert 'chatserver_worker_up{worker="1"} 0.0' in combined([cut], OPEN_METRICS_END).decode()
