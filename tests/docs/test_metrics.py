"""docs/metrics.md against a server that runs: every figure of its own is on the page."""

import re
from pathlib import Path

from chatserver.app import Server
from chatserver.config import load
from tests.docs.pages import ROOT

ENABLED = ["memory", "password", "metrics", "graphql", "audit", "disk", "shortcodes", "wordfilter"]


def on_the_page() -> dict[str, tuple[str, frozenset[str]]]:
    """Kind and labels of each measure, by name."""
    text = (ROOT / "docs/metrics.md").read_text("utf-8")
    rows = re.findall(r"^- `(\w+)` \((\w+)(.*?)\): \S", text, re.M)
    return {name: (kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


async def test_every_figure_of_a_server_is_on_the_page(tmp_path: Path) -> None:
    given = {
        "server.data": str(tmp_path),
        "server.port": 0,
        "plugins.enabled": ENABLED,
        "logging.folder": "",
        "backup.every_hours": 24,
        "backup.ship_seconds": 60,
    }
    async with Server(load(environ={}, overrides=given)).opened() as server:
        server.listen()
        shown = {each.name: (each.kind, frozenset(each.labels)) for each in server.measures}
        await server.drain()
    assert len(shown) > 40
    page = on_the_page()
    assert {name: page.get(name) for name in shown} == shown


def test_the_collectors_own_figures_are_on_the_page() -> None:
    own = {"chatserver_info", "chatserver_metrics_omitted_series", "chatserver_worker_up"}
    assert own <= on_the_page().keys()


def test_the_figures_of_the_infrastructure_document_have_their_names() -> None:
    page = on_the_page()
    assert page["http_request_duration_seconds"] == ("histogram", {"method", "route", "status"})
    assert page["websocket_connections_active"] == ("gauge", frozenset())
    assert page["messages_processed_total"] == ("counter", {"type"})
