"""The parts of the page that plugins bring: their files, and the list from which the page loads them."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from chatserver.errors import StartupError
from chatserver.hooks.types import PagePart
from chatserver.web.base import BaseHandler
from chatserver.web.files import Files
from chatserver.web.packing import Packed
from chatserver.web.pages import FileHandler
from chatserver.web.response_heads import JSON

# Path, handler, name for metrics, and further attributes of the handler's class.
Address = tuple[str, type[BaseHandler], str, dict[str, Any]]


class ListedPart(msgspec.Struct, frozen=True):
    """One plugin's part, as addresses on this server."""

    plugin: str
    modules: list[str]
    styles: list[str]
    late_modules: list[str]
    staff_modules: list[str]


class PageParts(BaseHandler):
    """GET /api/v1/page"""

    listed = b""
    packed = Packed(b"")

    async def get(self) -> None:
        self.set_header("Content-Type", JSON)
        self.set_header("Vary", "Accept-Encoding")
        form = self.packed.form(self.request.headers.get("Accept-Encoding", ""))
        if form is not None:
            self.set_header("Content-Encoding", form.coding)
        self.finish(self.listed if form is None else form.data)


def addresses(parts: Sequence[tuple[str, PagePart]], *, debug: bool) -> list[Address]:
    """The list's address, and that of each part's files. Raises `StartupError` if a file is missing."""
    listed: list[ListedPart] = []
    found: list[Address] = []
    for plugin, part in parts:
        for path in (*part.modules, *part.styles, *part.late_modules, *part.staff_modules):
            if not (part.folder / path).is_file():
                raise StartupError(
                    f"plugin {plugin}: register_page: there is no {path} in {part.folder}"
                )
        files = Files(part.folder, debug=debug)
        base = f"/plugins/{plugin}/"
        kept = base + (f"{files.version}/" if files.version else "")
        listed.append(
            ListedPart(
                plugin,
                [kept + path for path in part.modules],
                [kept + path for path in part.styles],
                [kept + path for path in part.late_modules],
                [kept + path for path in part.staff_modules],
            )
        )
        found.append((re.escape(base) + "(.+)", FileHandler, f"{base}FILE", {"files": files}))
    answer = msgspec.json.encode({"parts": listed})
    forms = {"listed": answer, "packed": Packed(answer)}
    return [(r"/api/v1/page", PageParts, "/api/v1/page", forms), *found]
