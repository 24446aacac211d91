"""Routes of the browser: access rights, the pages' addresses, and errors as pages.

Only GET is answered, so nothing can be changed.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.resources import files

from chatserver import ChatError, Inspection, Reply, Request, Route, Service
from chatserver_plugins.browser.find import find
from chatserver_plugins.browser.frame import HOME, refusal
from chatserver_plugins.browser.rooms import RoomPages
from chatserver_plugins.browser.users import UserPages

Page = Callable[[Inspection, Mapping[str, str]], Awaitable[bytes | Reply]]
HTML = "text/html; charset=utf-8"


class Door:
    """The routes below `HOME`."""

    def __init__(self, service: Service, rows: int) -> None:
        self._service = service
        rooms, users = RoomPages(rows), UserPages(rows)
        self._pages: dict[str, Page] = {
            "": rooms.all,
            "/room": rooms.one,
            "/members": rooms.members,
            "/event": rooms.event,
            "/event.json": rooms.event_json,
            "/users": users.all,
            "/user": users.one,
            "/sessions": users.sessions,
            "/find": find,
        }

    def routes(self) -> Sequence[Route]:
        pages = [
            Route(path=HOME + path, get=self._answering(page), internal=True)
            for path, page in self._pages.items()
        ]
        return [*pages, Route(path=f"{HOME}/browser.css", get=_style, internal=True)]

    def _answering(self, page: Page) -> Callable[[Request], Awaitable[Reply]]:
        async def answer(request: Request) -> Reply:
            try:
                found = await page(await self._looking(request), request.query)
            except ChatError as error:
                if "text/html" not in (request.header("Accept") or ""):
                    raise
                return Reply(body=refusal(error), status=error.meaning.status, content_type=HTML)
            return Reply(body=found, content_type=HTML) if isinstance(found, bytes) else found

        return answer

    async def _looking(self, request: Request) -> Inspection:
        """The data, for a signed-in staff member.

        Raises `ChatError` auth.required, auth.invalid, auth.address, user.forbidden, request.origin. Pages of other origins
        see nothing, even if the server trusts them.
        """
        if request.header("Origin") is not None and request.has_cookie:
            raise ChatError("request.origin")
        return self._service.inspect(await request.user(), request.address)


async def _style(request: Request) -> Reply:
    body = (files("chatserver_plugins.browser") / "browser.css").read_bytes()
    headers = {"Cache-Control": "no-cache"}
    return Reply(body=body, content_type="text/css; charset=utf-8", headers=headers)
