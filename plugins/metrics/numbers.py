"""The page /_admin/numbers: the dashboards' numbers of one node, where no Grafana is.

Its script reads the metrics; the panels are those of deploy/observe/dashboards.
"""

from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files

from chatserver import Reply, Request, Route

HOME = "/_admin/numbers"
FILES = {
    "": ("numbers.html", "text/html; charset=utf-8"),
    ".css": ("numbers.css", "text/css; charset=utf-8"),
    ".js": ("numbers.js", "text/javascript; charset=utf-8"),
    "-reading.js": ("reading.js", "text/javascript; charset=utf-8"),
    "-panels.json": ("panels.json", "application/json"),
}


def routes(metrics: str) -> Sequence[Route]:
    """The page's routes; `metrics` is the path of the metrics. Like these, only operators see them."""
    return [
        Route(path=HOME + ending, get=_file(name, kind, metrics), every_node=True, internal=True)
        for ending, (name, kind) in FILES.items()
    ]


def _file(name: str, kind: str, metrics: str) -> Callable[[Request], Awaitable[Reply]]:
    data = files("chatserver_plugins.metrics").joinpath("page", name).read_bytes()
    if name.endswith(".html"):
        data = data.replace(b'data-metrics="/metrics"', f'data-metrics="{metrics}"'.encode())

    async def get(request: Request) -> Reply:
        return Reply(body=data, content_type=kind)

    return get
