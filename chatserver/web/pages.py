"""The page and its files, straight from the static folder."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from chatserver.errors import StartupError
from chatserver.process.folders import packaged
from chatserver.web.base import BaseHandler
from chatserver.web.files import Files, media_type
from chatserver.web.response_heads import content_policy

PAGE = "index.html"
# What index.html loads. A manifest belongs to the page's own address.
LOADED = re.compile(rb"""((?:href|src)=["'])/static/(?![^"']*\.webmanifest)""")


class StaticFiles(Files):
    """The page's files.

    `index.html` names the others in a folder of their own, so that browsers and a CDN may keep them for ever.
    `url` is the address of that folder's parent for browsers; "" is this server's /static/.
    """

    def __init__(self, folder: str, debug: bool, url: str = "") -> None:
        """Raises `StartupError` if there is no index.html."""
        root = Path(folder) if folder else packaged("chatserver_static") or Path("static")
        if not (root / PAGE).is_file():
            raise StartupError(f"server.static: there is no {PAGE} in {root}")
        super().__init__(root, debug=debug)
        self._base = (url or "/static/") + (f"{self.version}/" if self.version else "")
        self.origin = url.removesuffix(urlsplit(url).path) if "//" in url else ""

    def changed(self, path: str, data: bytes) -> bytes:
        return LOADED.sub(rb"\g<1>" + self._base.encode(), data) if path == PAGE else data


class FileHandler(BaseHandler):
    """Answers with one of the files."""

    files: Files
    origin = ""  # another one, from which the page may load its files

    async def get(self, path: str = "") -> None:
        file = self.files.read(path or PAGE)
        self.set_header("Content-Type", media_type(path or PAGE))
        self.set_header("Cache-Control", file.caching)
        self.set_header("ETag", file.etag)
        if self.origin:
            self._let_in(self.origin)
        if self.request.headers.get("If-None-Match") == file.etag:
            self.set_status(304)
            self.finish()
            return
        self.finish(file.data)

    def _let_in(self, origin: str) -> None:
        """Let the page load its files from another origin, which gets them, with these headers, from here."""
        self.set_header("Content-Security-Policy", content_policy(origin))
        self.set_header("Cross-Origin-Resource-Policy", "cross-origin")
        self.set_header("Access-Control-Allow-Origin", "*")  # browsers demand it of modules
