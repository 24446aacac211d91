"""A server with the data browser over a full store, the staff who look, and what a page shows."""

import asyncio
from collections.abc import Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import httpx

from chatserver.app import Server
from chatserver.model import (
    AnyEvent,
    MemberLeft,
    PinAdded,
    ReactionAdded,
    RoomKind,
    ServerRole,
    UserRef,
)
from chatserver.testing.samples import described, event, joined, posted
from tests.protocol.running import Person, Running

T = TypeVar("T")
HOME = "/_admin/data"
ROOMS = 1003
LONG, LONG_EVENTS = "long", 333
SECRET = "what was said in private"
MARKUP = "<script>alert(1)</script><b id='"  # as an id, it comes before all others
HOSTILE = '</td><script>alert(1)</script><img src=x onerror="alert(2)">\'"&\u202e\0 evil'


def finished(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, called from a thread without a running loop, or with another one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


class World:
    """A server with an owner, an admin and a member, over a store that holds more than a page of all."""

    def __init__(self, server: Running) -> None:
        self.server = server
        self.owner, self.admin, self.member = finished(server.people("owner", "admin", "member"))

        async def act(running: Server) -> None:
            await running.service.accounts.set_role(self.admin.username, ServerRole.ADMIN)
            batch = _events(self.member.id)
            for start in range(0, len(batch), 500):
                assert (await running.store.append(batch[start : start + 500])).conflict is None

        finished(server.run(act))

    async def get(
        self, path: str, query: Mapping[str, object] | None = None, by: Person | None = None
    ) -> "Shown":
        """A page that is there, as the owner or somebody else sees it."""
        answer = await self.ask(path, query, by)
        assert answer.status_code == 200, answer.text
        return Shown(answer)

    async def ask(
        self, path: str, query: Mapping[str, object] | None = None, by: Person | None = None
    ) -> httpx.Response:
        address = path if path.startswith(HOME) else HOME + path
        options = {"params": dict(query)} if query else {}
        return await (by or self.owner).http("GET", address, **options)

    async def follow(self, path: str, name: str, query: Mapping[str, object]) -> list["Shown"]:
        """A page, and all that its link of this name leads to."""
        pages = [await self.get(path, query)]
        while name in pages[-1].links:
            pages.append(await self.get(pages[-1].links[name]))
            assert len(pages) < 100
        return pages


class Shown(HTMLParser):
    """The content of a page: elements, links by their text, and the cells of its tables."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.answer = answer
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.links: dict[str, str] = {}
        self.rows: list[list[str]] = []
        self.text = ""
        self._href: str | None = None
        self._cell = False
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "a":
            self._href = dict(attrs)["href"]
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self._cell = True
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._href = None
        if tag == "td":
            self._cell = False

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._href is not None:
            self.links[data] = self._href
        if self._cell:
            self.rows[-1][-1] += data

    def column(self, number: int) -> list[str]:
        return [row[number] for row in self.rows if row]


def asked(address: str) -> dict[str, str]:
    """The query of a link."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def rooms() -> list[str]:
    return [f"room{number:04}" for number in range(ROOMS)]


def _events(member: str) -> list[AnyEvent]:
    many: list[AnyEvent] = [described(room, 1, RoomKind.PRIVATE) for room in rooms()]
    many += [joined(room, 2, member) for room in rooms()[:120]]
    long: list[AnyEvent] = [described(LONG, 1, name="A long room")]
    long += [posted(LONG, seq) for seq in range(2, LONG_EVENTS + 1)]
    return [
        *many,
        *long,
        *(described(MARKUP, 1, name=HOSTILE), posted(MARKUP, 2, body=HOSTILE)),
        event(ReactionAdded, MARKUP, 3, message=f"{MARKUP}-2", emoji=HOSTILE),
        event(PinAdded, MARKUP, 4, message=f"{MARKUP}-2"),
        event(MemberLeft, MARKUP, 5, user=UserRef(MARKUP, HOSTILE)),
        *(described("private", 1, RoomKind.PRIVATE), posted("private", 2, body=SECRET)),
        *(joined("private", seq, f"m{seq}") for seq in range(3, 120)),
        event(MemberLeft, "private", 120, user=joined("private", 3, "m3").user),
    ]
