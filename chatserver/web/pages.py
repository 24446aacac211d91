"""The page and its files, straight from the static folder."""

import hashlib
import mimetypes
import os.path
import posixpath
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from chatserver.errors import ChatError, StartupError
from chatserver.process.folders import packaged
from chatserver.web.base import BaseHandler
from chatserver.web.response_heads import content_policy

mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("text/javascript", ".mjs")
mimetypes.add_type("application/manifest+json", ".webmanifest")


VERSION = re.compile(r"([0-9a-f]{16})/(.+)")
# What index.html loads. A manifest belongs to the page's own address.
LOADED = re.compile(rb"""((?:href|src)=["'])/static/(?![^"']*\.webmanifest)""")
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"  # ask each time; the ETag makes it cheap


class File(NamedTuple):
    data: bytes
    etag: str
    caching: str  # the value of Cache-Control


class StaticFiles:
    """The files below one folder, read once; with `debug` read again each time.

    `index.html` names the others in a folder of their own, a digest of all files, so that browsers and a CDN may
    keep them for ever. `url` is the address of that folder's parent for browsers; "" is this server's /static/.
    """

    def __init__(self, folder: str, debug: bool, url: str = "") -> None:
        """Raises `StartupError` if there is no index.html."""
        self._root = Path(folder) if folder else packaged("chatserver_static") or Path("static")
        self._debug = debug
        if not (self._root / "index.html").is_file():
            raise StartupError(f"server.static: there is no index.html in {self._root}")
        self._version = "" if debug else _digest(self._root)
        self._base = (url or "/static/") + (f"{self._version}/" if self._version else "")
        self._kept: dict[str, File] = {}
        self.origin = url.removesuffix(urlsplit(url).path) if "//" in url else ""

    def page(self) -> File:
        """The page itself. Raises `ChatError` request.not_found."""
        return self._read("index.html")

    def read(self, path: str) -> File:
        """A file below /static/. Raises `ChatError` request.not_found.

        While nodes of two versions run, one is asked for the other's files: it gives its own, to be kept by nobody.
        """
        version = VERSION.fullmatch(path)
        if version is None:
            return self._read(path)
        found = self._read(version[2])
        return found._replace(caching=FOR_EVER) if version[1] == self._version else found

    def _read(self, path: str) -> File:
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
        if path == "index.html":
            data = LOADED.sub(rb"\g<1>" + self._base.encode(), data)
        kept = self._kept[path] = File(
            data, f'"{hashlib.sha256(data).hexdigest()[:20]}"', ASK_AGAIN
        )
        return kept


class PageHandler(BaseHandler):
    """GET / and GET /static/…"""

    files: StaticFiles

    async def get(self, path: str = "") -> None:
        file = self.files.read(path) if path else self.files.page()
        kind = mimetypes.guess_type(path or "index.html")[0] or "application/octet-stream"
        if kind.startswith("text/") or kind.endswith("+xml"):
            kind += "; charset=utf-8"
        self.set_header("Content-Type", kind)
        self.set_header("Cache-Control", file.caching)
        self.set_header("ETag", file.etag)
        if self.files.origin:
            self._let_in(self.files.origin)
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


def _digest(folder: Path) -> str:
    """Of the names and contents of all files, in 16 hexadecimal digits."""
    whole = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        if "__pycache__" not in file.parts:
            name = file.relative_to(folder).as_posix().encode()
            whole.update(b"%d %s %d " % (len(name), name, file.stat().st_size))
            whole.update(file.read_bytes())
    return whole.hexdigest()[:16]
