"""The metrics that Prometheus reads: exact names, right values, and no metric that costs the others."""

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families

from chatserver import Context, Measures
from chatserver_plugins.metrics import MetricsPlugin
from chatserver_plugins.metrics.loop_lag import SAMPLE_SECONDS


class Scrape:
    def __init__(self, records=None, trace=None, **settings) -> None:
        self.measures = Measures(trace)
        self.context = Context(
            data=Path("unused"),
            records=records,
            expiring=None,
            timers=None,
            clock=None,
            measures=self.measures,
            version="1.2.3",
            service=None,
            messages=None,
        )
        self.plugin = MetricsPlugin(MetricsPlugin.Config(**settings))
        self.route, *_ = self.plugin.register_routes(self.context)

    async def reply(self, accept: str | None = None):
        request = SimpleNamespace(header={"Accept": accept}.get)
        return await self.route.get(request)

    async def samples(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        text = (await self.reply()).body.decode()
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }


async def test_each_kind_of_measure_is_shown_under_its_own_name() -> None:
    scrape = Scrape()
    messages = scrape.measures.counter("messages_processed_total", "Messages", ("type",))
    messages.add(3, ("send",))
    scrape.measures.counter("chatserver_deliveries_total", "Deliveries").add(7)
    scrape.measures.gauge("websocket_connections_active", "Connections", lambda: 5)
    ages = {("a",): 2.5, ("b",): 4}
    scrape.measures.gauge("chatserver_ages", "Ages", lambda: ages, ("thing",))
    seconds = scrape.measures.histogram(
        "http_request_duration_seconds", "Seconds", ("method", "route", "status"), bounds=(0.1, 1.0)
    )
    for value in (0.05, 0.1, 0.5, 3):
        seconds.add(value, ("GET", "/api/v1/rooms/{room}", "200"))
    reply = await scrape.reply()
    assert reply.content_type.startswith("text/plain; version=0.0.4")
    lines = reply.body.decode().splitlines()
    labels = 'method="GET",route="/api/v1/rooms/{room}",status="200"'
    for line in (
        "# TYPE messages_processed_total counter",
        'messages_processed_total{type="send"} 3.0',
        "chatserver_deliveries_total 7.0",
        "# TYPE websocket_connections_active gauge",
        "websocket_connections_active 5.0",
        "# TYPE chatserver_ages gauge",
        'chatserver_ages{thing="a"} 2.5',
        'chatserver_ages{thing="b"} 4.0',
        "# TYPE http_request_duration_seconds histogram",
        'http_request_duration_seconds_bucket{le="0.1",' + labels + "} 2.0",
        'http_request_duration_seconds_bucket{le="1.0",' + labels + "} 3.0",
        'http_request_duration_seconds_bucket{le="+Inf",' + labels + "} 4.0",
        "http_request_duration_seconds_count{" + labels + "} 4.0",
        "http_request_duration_seconds_sum{" + labels + "} 3.65",
        'chatserver_info{version="1.2.3"} 1.0',
        "chatserver_metrics_omitted_series 0.0",
    ):
        assert line in lines
    assert not any("_created" in line or "_total_total" in line for line in lines)
    assert any(line.startswith("process_resident_memory_bytes ") for line in lines)


async def test_clients_that_accept_openmetrics_get_it() -> None:
    scrape = Scrape()
    scrape.measures.counter("messages_processed_total", "Messages", ("type",)).add(1, ("send",))
    reply = await scrape.reply("application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert reply.content_type.startswith("application/openmetrics-text; version=1.0.0")
    families = list(openmetrics_parser.text_string_to_metric_families(reply.body.decode()))
    assert {"messages_processed", "chatserver"} <= {family.name for family in families}


@given(st.text())
def test_any_label_value_can_be_read_back(value: str) -> None:
    scrape = Scrape()
    scrape.measures.counter("c_total", "C", ("label",)).add(2, (value,))
    samples = asyncio.run(scrape.samples())
    assert samples["c_total", (("label", value[:200]),)] == 2


async def test_a_lone_surrogate_in_a_label_does_no_harm() -> None:
    scrape = Scrape()
    scrape.measures.counter("c_total", "C", ("label",)).add(1, ("\ud800",))
    assert (await scrape.samples())["c_total", (("label", "?"),)] == 1


async def test_a_measure_that_cannot_be_read_costs_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scrape = Scrape()
    scrape.measures.gauge("broken", "Broken", lambda: 1 / 0)
    scrape.measures.counter("wrong_labels_total", "Wrong", ("one",)).add(1, ("one", "two"))
    scrape.measures.gauge("bad name{", "Bad", lambda: 1)
    scrape.measures.counter("c_total", "C").add(1)
    for _ in range(2):
        samples = await scrape.samples()
        assert samples["c_total", ()] == 1
        assert ("broken", ()) not in samples
    assert [record.args for record in caplog.records][:2] == [("broken",), ("wrong_labels_total",)]
    assert len(caplog.records) <= 3  # once for each


async def test_series_are_bounded_and_what_is_left_out_is_counted() -> None:
    scrape = Scrape(max_series=10)
    counter = scrape.measures.counter("c_total", "C", ("user",))
    for number in range(25):
        counter.add(1, (str(number),))
    samples = await scrape.samples()
    assert len([name for name, _ in samples if name == "c_total"]) == 10
    assert samples["chatserver_metrics_omitted_series", ()] == 15


async def test_a_loop_that_is_held_up_shows() -> None:
    scrape = Scrape(path="/figures")
    assert scrape.route.path == "/figures"
    await scrape.plugin.startup(scrape.context)
    time.sleep(SAMPLE_SECONDS + 0.2)  # noqa: ASYNC251 - this is the fault
    while ("chatserver_event_loop_lag_seconds_sum", ()) not in await scrape.samples():
        await asyncio.sleep(0.01)
    await scrape.plugin.shutdown()
    assert (await scrape.samples())["chatserver_event_loop_lag_seconds_sum", ()] > 0.1


async def test_two_servers_in_one_process_share_nothing() -> None:
    first, second = Scrape(), Scrape()
    first.measures.counter("c_total", "C").add(1)
    assert ("c_total", ()) in await first.samples()
    assert ("c_total", ()) not in await second.samples()
