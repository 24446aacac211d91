"""GraphiQL for browsers, from an installed package: no foreign or inline scripts."""

import importlib.util
import re
from collections.abc import Callable, Sequence
from functools import cache, partial
from importlib.resources import files
from pathlib import Path

from chatserver import Reply, Request, Route

# The package has GraphiQL and React as files; it is never imported.
PACKAGE = "graphene_django_graphiql_static"
THEIRS = {
    "react.js": "react.production.min.js",
    "react-dom.js": "react-dom.production.min.js",
    "graphiql.js": "graphiql.min.js",
    "graphiql.css": "graphiql.min.css",
}
OURS = ("explorer.js", "explorer.css")
KINDS = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
# Its fonts are inline, which our pages' policy forbids; the system's fonts are used instead.
_FONTS = re.compile(rb"@font-face\s*\{[^}]*\}")


class Explorer:
    """The page at `path`, and its files below that."""

    def __init__(self, path: str) -> None:
        self._path = path.rstrip("/")
        self._folder = _installed()
        page = _own("missing.html" if self._folder is None else "explorer.html")
        self._page = page.replace(b"PATH", self._path.encode())

    def page(self) -> Reply:
        return Reply(body=self._page, content_type="text/html; charset=utf-8")

    def routes(self) -> Sequence[Route]:
        if self._folder is None:
            return []
        theirs = {name: self._folder / file for name, file in THEIRS.items()}
        return [
            *(self._route(name, cache(file.read_bytes)) for name, file in theirs.items()),
            *(self._route(name, partial(_own, name)) for name in OURS),
        ]

    def _route(self, name: str, read: Callable[[], bytes]) -> Route:
        async def get(request: Request) -> Reply:
            body = read()
            if name == "graphiql.css":
                body = _FONTS.sub(b"", body)
            return Reply(
                body=body,
                content_type=KINDS[Path(name).suffix],
                headers={"Cache-Control": "no-cache"},
            )

        return Route(path=f"{self._path}/explorer/{name}", get=get)


def wants_page(request: Request) -> bool:
    """Whether the request is from a browser for a page, rather than from a client for a result."""
    return "query" not in request.query and "text/html" in (request.header("Accept") or "")


def _installed() -> Path | None:
    """The folder with the package's files."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / "static" / PACKAGE
    return folder if all((folder / file).is_file() for file in THEIRS.values()) else None


def _own(name: str) -> bytes:
    return (files("chatserver_plugins.graphql") / "page" / name).read_bytes()
