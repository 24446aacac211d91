"""The log over HTTP, for staff of the server: /api/v1/audit."""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from chatserver import ChatError, Context, Reply, Request, Route
from chatserver_plugins.audit.reader import LogReader

PATH = "/api/v1/audit"
MOST = 200  # entries in one answer
USUAL = 50


class Named(msgspec.Struct, frozen=True):
    """A user of the log as people know them."""

    username: str
    name: str


class AuditPage(msgspec.Struct, frozen=True):
    """Entries, newest first, and the users in them by id. With `before` there may be older ones: ask again with it."""

    entries: Sequence[msgspec.Raw]
    users: Mapping[str, Named]
    before: str | None


def routes(context: Context, reader: LogReader) -> Sequence[Route]:
    service = context.service

    async def show(request: Request) -> Reply:
        service.administration.demand(await request.user(), request.address)
        asked = request.query
        kinds = [kind for kind in asked.get("kind", "")[:200].split(",") if kind]
        user = None
        if username := asked.get("user", "")[:200]:
            found = await service.accounts.by_name(username)
            if found is None:
                raise ChatError("user.not_found")
            user = found.id
        limit = _limit(asked.get("limit", str(USUAL)))
        try:
            page = await asyncio.to_thread(
                reader.page, kinds, user, asked.get("before") or None, limit
            )
        except ValueError as error:
            raise ChatError("request.invalid", f"{error}.") from error
        known = await service.accounts.get_many(page.users)
        named = {id: Named(each.username, each.name) for id, each in known.items()}
        entries = [msgspec.Raw(line) for line in page.lines]
        return Reply(body=msgspec.json.encode(AuditPage(entries, named, page.before)))

    return [Route(path=PATH, get=show)]


def _limit(text: str) -> int:
    if not text.isdecimal() or not int(text[:9]) >= 1:
        raise ChatError("request.invalid", "limit: expected a number of at least 1.")
    return min(int(text[:9]), MOST)
