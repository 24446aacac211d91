"""Traces of a real server, as a collector gets them over OTLP, and that nothing of a user's is in them."""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.faults.server import PASSWORD, ChatServer, http
from tests.protocol.client import Client, Failed

ENABLED = "memory,password,metrics,wordfilter,tracing"
CALLER = "0af7651916cd43dd8448eb211c80319c"
TEXT = "a very private text"


class Collector:
    """Keeps all spans that it gets."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.resources: list[dict[str, str]] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                size = int(self.headers["Content-Length"])
                collector.take(ExportTraceServiceRequest.FromString(self.rfile.read(size)))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *values: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/traces"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def take(self, request: ExportTraceServiceRequest) -> None:
        for group in request.resource_spans:
            self.resources.append(
                {each.key: each.value.string_value for each in group.resource.attributes}
            )
            for scope in group.scope_spans:
                self.spans += scope.spans

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]

    def children(self, span: Span) -> list[str]:
        """The names of the spans directly below one, in the order of their beginnings."""
        found = [each for each in self.spans if each.parent_span_id == span.span_id]
        return [each.name for each in sorted(found, key=lambda each: each.start_time_unix_nano)]


def attributes(span: Span) -> dict[str, Any]:
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.stop()


def started(folder: Path, collector: Collector, **settings: object) -> ChatServer:
    # Spans are sent by a thread of its own, and at the latest when the server stops.
    return ChatServer(
        folder,
        store="memory",
        **{
            "plugins__enabled": ENABLED,
            "plugin__wordfilter__words": '["forbidden"]',
            "plugin__tracing__endpoint": collector.url,
            "plugin__tracing__ratio": 1.0,
            "logging__level": "debug",
            **settings,
        },
    )


SERVES_TWICE = """
import sys
from chatserver_plugins.tracing import tracer

for name in ("first", "second"):
    close = tracer.set_up(sys.argv[1], 1.0)
    assert tracer.set_up(sys.argv[1], 1.0) is None, "one server of the process ends it"
    tracer.OpenTelemetryTracer(False).begin(name).end()
    close()
    tracer.OpenTelemetryTracer(False).begin("between").end()
"""


def test_a_server_that_serves_again_sends_spans_again(collector: Collector) -> None:
    """As after a restart that failed, with a store for one process."""
    subprocess.run([sys.executable, "-c", SERVES_TWICE, collector.url], check=True, timeout=120)
    assert [span.name for span in collector.spans] == ["first", "second"]


async def test_requests_operations_hooks_log_and_store_have_spans(
    tmp_path: Path, collector: Collector
) -> None:
    with started(tmp_path, collector) as server:
        token = server.register("anna")
        room = server.room(token)
        server.post(f"/api/v1/rooms/{room}/messages", token, {"client_id": "h", "body": TEXT})
        async with Client(server.port, token) as client:
            await client.ok("send", room=room, client_id="s", body=TEXT)
            with pytest.raises(Failed, match=r"message\.refused"):
                await client.ok("send", room=room, client_id="f", body="forbidden")
            await client.ok("history", room=room)
        metrics = http.get(
            server.url + "/metrics",
            headers={"Accept": "application/openmetrics-text; version=1.0.0"},
        )
        plain = http.get(server.url + "/metrics", headers={"Accept": "text/plain"})
        assert server.stop() == 0

    assert collector.resources[0]["service.name"] == "chatserver"
    (posted,) = collector.named("POST /api/v1/rooms/ID/messages")
    assert attributes(posted) == {
        "http.request.method": "POST",
        "http.route": "/api/v1/rooms/ID/messages",
        "http.response.status_code": 201,
    }
    assert posted.kind == Span.SPAN_KIND_SERVER and not posted.parent_span_id
    assert "hook check_message" in collector.children(posted)
    hook = next(
        each
        for each in collector.named("hook check_message")
        if each.parent_span_id == posted.span_id
    )
    assert attributes(hook) == {"chatserver.plugin": "wordfilter"}
    # Each batch of the log is linked with what is in it, and has the store's write below it.
    sends = collector.named("chat.v1 send")
    assert len(sends) == 2 and not any(each.parent_span_id for each in sends)
    batches = collector.named("log write")
    assert {"store append"} == {name for batch in batches for name in collector.children(batch)}
    linked = {link.trace_id for batch in batches for link in batch.links}
    refused = [each for each in sends if "error.type" in attributes(each)]
    assert [attributes(each) for each in refused] == [{"error.type": "message.refused"}]
    good = [each.trace_id for each in sends if each not in refused]
    assert {posted.trace_id, *good} <= linked
    # Nothing of a user's is in any span.
    everything = "".join(str(span) for span in collector.spans)
    for secret in (TEXT, "forbidden", "anna", token, room, PASSWORD):
        assert secret not in everything
    # Values of histograms name the traces that they come from, if the reader understands that.
    traces = {span.trace_id.hex() for span in collector.spans}
    examples = re.findall(r'^(\w+)_bucket\{.*# \{trace_id="(\w+)"\}', metrics.text, re.MULTILINE)
    assert {
        "chatserver_append_seconds",
        "http_request_duration_seconds",
        "chatserver_hook_seconds",
    } <= {name for name, _ in examples}
    assert {trace for _, trace in examples} <= traces
    assert "trace_id" not in plain.text
    # So do lines of the log.
    lines = [json.loads(line) for line in (tmp_path / "logs/combined.log").read_text().splitlines()]
    told = [
        line
        for line in lines
        if line["message"].startswith("POST /api/v1/rooms/ID/messages answered")
    ]
    assert [(line["trace"], line["span"]) for line in told] == [
        (posted.trace_id.hex(), posted.span_id.hex())
    ]


def test_errors_are_told_by_their_code(tmp_path: Path, collector: Collector) -> None:
    with started(tmp_path, collector) as server:
        token = server.register("anna")
        room = server.room(token)
        path = f"{server.url}/api/v1/rooms/{room}/messages"
        answer = http.post(
            path,
            json={"client_id": "1", "body": "forbidden"},
            headers={"Authorization": f"Bearer {token}"},
        )
        assert answer.status_code == 422
        assert server.stop() == 0
    (posted,) = collector.named("POST /api/v1/rooms/ID/messages")
    assert attributes(posted)["http.response.status_code"] == 422
    assert posted.status.code == 0  # the client's fault


@pytest.mark.parametrize("trusted", [True, False])
def test_a_callers_trace_is_continued_only_if_callers_are_trusted(
    tmp_path: Path, collector: Collector, trusted: bool
) -> None:
    with started(tmp_path, collector, plugin__tracing__trust_callers=trusted) as server:
        http.get(
            server.url + "/api/v1/me", headers={"TraceParent": f"00-{CALLER}-b7ad6b7169203331-01"}
        )
        assert server.stop() == 0
    (asked,) = collector.named("GET /api/v1/me")
    assert (asked.trace_id.hex() == CALLER) == trusted
    assert (asked.parent_span_id.hex() == "b7ad6b7169203331") == trusted


def test_only_a_share_of_traces_is_recorded(tmp_path: Path, collector: Collector) -> None:
    with started(tmp_path, collector, plugin__tracing__ratio=0.0) as server:
        token = server.register("anna")
        server.room(token)
        metrics = http.get(
            server.url + "/metrics",
            headers={"Accept": "application/openmetrics-text; version=1.0.0"},
        )
        assert server.stop() == 0
    assert collector.spans == [] and "trace_id" not in metrics.text


def test_a_collector_that_is_away_disturbs_nobody(tmp_path: Path, collector: Collector) -> None:
    collector.stop()
    with started(tmp_path, collector) as server:
        token = server.register("anna")
        room = server.room(token)
        for number in range(20):
            body: dict[str, object] = {"client_id": f"{number}", "body": "x"}
            server.post(f"/api/v1/rooms/{room}/messages", token, body)
        assert len(server.log(room, token)) == 22
        started_at = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - started_at < 60
