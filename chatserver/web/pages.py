"""The page and its files, straight from the static folder."""

import hashlib
import mimetypes
import os.path
import posixpath
from pathlib import Path

from chatserver.errors import ChatError, StartupError
from chatserver.process.folders import packaged
from chatserver.web.base import BaseHandler

mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("text/javascript", ".mjs")
mimetypes.add_type("application/manifest+json", ".webmanifest")


class StaticFiles:
    """The files below one folder, read once; with `debug` read again each time."""

    def __init__(self, folder: str, debug: bool) -> None:
        self._root = Path(folder) if folder else packaged("chatserver_static") or Path("static")
        self._debug = debug
        if not (self._root / "index.html").is_file():
            raise StartupError(f"server.static: there is no index.html in {self._root}")
        self._kept: dict[str, tuple[bytes, str]] = {}

    def read(self, path: str) -> tuple[bytes, str]:
        """The bytes and the ETag of a file. Raises `ChatError` request.not_found."""
        kept = self._kept.get(path)
        if kept is not None and not self._debug:
            return kept
        # One spelling for each file: others would be cached as further files.
        if "\0" in path or path != posixpath.normpath(path):
            raise ChatError("request.not_found")
        found = (self._root / path).resolve()
        # Unlike pathlib's, this isfile does not raise for a name that is too long.
        if not found.is_relative_to(self._root.resolve()) or not os.path.isfile(found):  # noqa: PTH113
            raise ChatError("request.not_found")
        data = found.read_bytes()
        kept = self._kept[path] = data, f'"{hashlib.sha256(data).hexdigest()[:20]}"'
        return kept


class PageHandler(BaseHandler):
    """GET / and GET /static/…"""

    files: StaticFiles

    async def get(self, path: str = "index.html") -> None:
        data, etag = self.files.read(path)
        kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
        if kind.startswith("text/") or kind.endswith("+xml"):
            kind += "; charset=utf-8"
        self.set_header("Content-Type", kind)
        self.set_header("Cache-Control", "no-cache")  # ask each time; the ETag makes it cheap
        self.set_header("ETag", etag)
        if self.request.headers.get("If-None-Match") == etag:
            self.set_status(304)
            self.finish()
            return
        self.finish(data)
