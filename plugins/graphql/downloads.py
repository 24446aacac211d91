"""Modules for authors of clients, served below the path, under `clients/`."""

from collections.abc import Sequence
from importlib.resources import files

from chatserver import Reply, Request, Route

KINDS = {
    "resuming.js": "text/javascript; charset=utf-8",
    "resuming.d.ts": "text/plain; charset=utf-8",
}


def download_routes(path: str) -> Sequence[Route]:
    """A route for each module."""
    return [_route(f"{path.rstrip('/')}/clients/{name}", name) for name in KINDS]


def _route(path: str, name: str) -> Route:
    body = (files("chatserver_plugins.graphql") / "clients" / name).read_bytes()

    async def get(request: Request) -> Reply:
        return Reply(body=body, content_type=KINDS[name], headers={"Cache-Control": "no-cache"})

    return Route(path=path, get=get)
