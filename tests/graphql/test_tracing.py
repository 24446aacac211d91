"""OpenTelemetry spans: which there are, and that nothing of a client's arguments is in them."""

import subprocess
import sys

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.graphql.asker import Asker
from tests.graphql.conftest import Start

REGISTER = """mutation SignUp($input: RegisterInput!) {
  register(input: $input) { user { username } } }"""
ON = {"plugin.graphql.opentelemetry": True}


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """A process sets one provider, for good; other tests of it need that of the plugin `tracing`."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    return exporter


async def test_an_operation_and_its_resolvers_have_spans(
    start: Start, exporter: InMemorySpanExporter
) -> None:
    asker = Asker(start(ON))
    account = {"username": "anna", "password": "correct horse battery"}
    await asker.ask(REGISTER, input=account)
    await asker.ask("query Who { me { username } }")
    spans = exporter.get_finished_spans()
    names = {span.name for span in spans}
    assert {"mutation SignUp", "register", "query Who", "me"} <= names
    by_id = {span.context.span_id: span for span in spans if span.context}
    field = next(span for span in spans if span.name == "register")
    assert field.parent is not None and by_id[field.parent.span_id].name == "mutation SignUp"
    assert (field.attributes or {})["graphql.path"] == "register"
    for secret in account.values():
        assert not any(secret in span.to_json() for span in spans)


async def test_without_the_setting_there_are_no_spans(
    start: Start, exporter: InMemorySpanExporter
) -> None:
    await Asker(start()).ask("{ me { username } }")
    assert not exporter.get_finished_spans()


def test_a_missing_package_is_named() -> None:
    program = (
        "import sys\nsys.modules['opentelemetry'] = None\n"
        "from chatserver_plugins.graphql.tracing import Tracing\n"
        "from chatserver import StartupError\n"
        "try: Tracing(True)\nexcept StartupError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "pip install '.[opentelemetry]'" in done.stdout, done.stderr


async def test_a_large_query_makes_few_spans(start: Start, exporter: InMemorySpanExporter) -> None:
    server = start(ON)
    ada = Asker(server, await server.person("ada"))
    room = await ada.make_room()
    for number in range(20):
        await ada.post(room, f"{number}")
    exporter.clear()
    text = "query Page($r: ID!) { room(id: $r) { messages { id body author { username } } } epoch }"
    await ada.ask(text, r=room)
    assert sorted(span.name for span in exporter.get_finished_spans()) == [
        *("epoch", "query Page", "room")
    ]
