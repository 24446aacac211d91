"""The page and its files: from the static folder, and what is made of them at start."""

import hashlib
import json
import re
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from chatserver.errors import StartupError
from chatserver.process.folders import packaged
from chatserver.web.access import cookie_token
from chatserver.web.base import BaseHandler
from chatserver.web.files import File, Files, made, media_type
from chatserver.web.joined_page import WORKER, JoinedPage
from chatserver.web.response_heads import NOTHING, content_policy

PAGE = "index.html"
NO_BUILD = b'name="build" content=""'
# What index.html loads. A manifest belongs to the page's own address.
LOADED = re.compile(rb"""((?:href|src)=["'])/static/(?![^"']*\.webmanifest)""")


@lru_cache(maxsize=4)
def _joined(root: Path, version: str) -> tuple[JoinedPage, dict[str, File]]:
    """The page of a folder whose files have this version, and the files that are made for it.

    Joining takes longer than the rest of a server's start. A suite of tests starts hundreds in one process.
    """
    page = JoinedPage(root, PAGE)
    return page, {path: made(path, data, packed=True) for path, data in page.files.items()}


class StaticFiles(Files):
    """The page's files.

    `index.html` names the others in a folder of their own, so that browsers and a CDN may keep them for ever. Without
    `debug` it names one script and one style sheet that are joined from the page's modules and sheets.
    `url` is the address of that folder's parent for browsers; "" is this server's /static/.
    """

    def __init__(self, folder: str, debug: bool, url: str = "") -> None:
        """Raises `StartupError` if there is no index.html."""
        root = Path(folder) if folder else packaged("chatserver_static") or Path("static")
        if not (root / PAGE).is_file():
            raise StartupError(f"server.static: there is no {PAGE} in {root}")
        super().__init__(root, debug=debug)
        self.origin = url.removesuffix(urlsplit(url).path) if "//" in url else ""
        self._joined: JoinedPage | None = None
        if not debug:
            self._joined, files = _joined(root, self.version)
            self._kept |= files
            self.version = self._joined.version(self.version)
        self._base = (url or "/static/") + (f"{self.version}/" if self.version else "")

    def changed(self, path: str, data: bytes) -> bytes:
        joined = self._joined
        if path == PAGE:
            page = LOADED.sub(
                rb"\g<1>" + self._base.encode(), data if joined is None else joined.page
            )
            return page.replace(NO_BUILD, b'name="build" content="%s"' % self._build(page).encode())
        if path == WORKER and joined is not None and joined.is_kept:
            build = re.search(rb'name="build" content="([^"]+)"', self.read(PAGE).data)
            files = [self._base + name for name in joined.kept]
            if build is not None:
                data = data.replace(b'BUILD = ""', b'BUILD = "%s"' % build[1])
                data = data.replace(b"FILES = []", b"FILES = " + json.dumps(files).encode())
        return data

    def _build(self, page: bytes) -> str:
        """What names this page for browsers that keep it; "" if none is to."""
        if self._joined is None or not self._joined.is_kept:
            return ""
        policy = content_policy(self.origin).encode()  # is kept with it
        return hashlib.sha256(b"%s %s %s" % (self.version.encode(), policy, page)).hexdigest()[:16]

    def preloads(self, languages: str, *, signed_in: bool) -> str:
        """The value of a Link header: what the page will ask for once its script runs.

        `languages` is the value of Accept-Language.
        """
        texts = self._joined.texts_for(languages) if self._joined is not None else None
        links = [f"<{self._base}{texts}>; rel=modulepreload"] if texts else []
        if signed_in:
            asked = ("/api/v1/me", "/api/v1/rooms")
            links += [f"<{path}>; rel=preload; as=fetch; crossorigin" for path in asked]
        return ", ".join(links)


class FileHandler(BaseHandler):
    """Answers with one of the files."""

    files: Files
    origin = ""  # another one, from which the page may load its files

    async def get(self, path: str = "") -> None:
        file = self.files.read(path or PAGE)
        self.set_header("Content-Type", media_type(path or PAGE))
        self.set_header("Cache-Control", file.caching)
        data, etag = file.data, f'"{file.digest}"'
        if file.packed is not None:
            self.set_header("Vary", "Accept-Encoding")
            form = file.packed.form(self.request.headers.get("Accept-Encoding", ""))
            if form is not None:
                data, etag = form.data, f'"{file.digest}-{form.coding}"'
                self.set_header("Content-Encoding", form.coding)
        self.set_header("ETag", etag)
        if path == WORKER:
            self.set_header("Service-Worker-Allowed", "/")
        if self.origin:
            self._let_in(self.origin, fetches=path == WORKER)
        if path != WORKER and path.endswith((".js", ".css")):
            self.set_header("Content-Security-Policy", NOTHING)
        if self.request.headers.get("If-None-Match", "").removeprefix("W/") == etag:
            self.set_status(304)
            self.finish()
            return
        self.finish(data)

    def _let_in(self, origin: str, *, fetches: bool) -> None:
        """Let the page load its files from another origin, which gets them, with these headers, from here.

        `fetches` is true for the script that keeps the files.
        """
        self.set_header("Content-Security-Policy", content_policy(origin, fetches=fetches))
        self.set_header("Cross-Origin-Resource-Policy", "cross-origin")
        self.set_header("Access-Control-Allow-Origin", "*")  # browsers demand it of modules


class PageHandler(FileHandler):
    """Answers with the page, and says what it will ask for."""

    async def get(self, path: str = "") -> None:
        if isinstance(self.files, StaticFiles):
            links = self.files.preloads(self.language, signed_in=bool(cookie_token(self.request)))
            if links:
                self.set_header("Link", links)
        await super().get(path)
