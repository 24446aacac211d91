"""Previews of links: cards below messages, at every door, as long as their authors want them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from functools import partial
from typing import Any
from unittest import mock

import pytest
from foreign_site import Site, head, page

from chatserver import (
    ChatError,
    Message,
    RoomKind,
    RoomRole,
    StartupError,
    StoreUnavailable,
    UserRate,
)
from chatserver import Room as RoomState
from chatserver.config.settings import convert
from chatserver.hooks.expiring import ExpiringSpace
from chatserver.testing.clock import FakeClock
from chatserver.testing.running import Answer, Chat, Person, running
from chatserver_plugins.link_previews import LinkPreviewsConfig, cache, desk
from chatserver_plugins.link_previews.cache import Cache, Known
from chatserver_plugins.link_previews.card import LINKS, NAME, Card, Previews, links_of
from chatserver_plugins.link_previews.turns import OF_ALL, OF_ONE, Turns
from chatserver_plugins.memory import MemoryStore
from tests.waiting import until

PATH = "/api/v1/link-previews"
HOUR = 3600.0


class Scene:
    """Ada owns a room that Ben is in; Eve is in none of hers. The site is somebody else's."""

    def __init__(self, chat: Chat, people: list[Person], room: RoomState, site: Site) -> None:
        self.chat, self.room, self.site = chat, room, site
        self.ada, self.ben, self.eve = people

    def has(self, path: str, title: str) -> str:
        """The link to a page with this title, which the site has from now on."""
        self.site.answers[path] = head() + page(title)
        return self.site.url + path

    async def message(self, id: str) -> Message:
        return await self.chat.service.history.message(self.room, id)

    async def data(self, id: str) -> Any:
        return (await self.message(id)).data.get(NAME)

    async def titles(self, id: str) -> list[str]:
        return [card["title"] for card in (await self.data(id) or {}).get("cards", [])]

    async def post(self, by: Person, body: str, *titles: str) -> str:
        """The id of a new message, once it has cards with these titles."""
        posted = await by.post(self.room, body)
        await self.shows(posted.id, *titles)
        return posted.id

    async def shows(self, id: str, *titles: str) -> None:
        async def is_so() -> bool:
            return await self.titles(id) == list(titles)

        await until(is_so)

    async def edit(self, by: Person, id: str, body: str) -> None:
        await self.chat.service.messages.edit(by.user, self.room, id, body)

    async def worked_off(self, by: Person) -> None:
        """What this person has written until now has been looked at: links of one author are, in order."""
        await self.post(by, self.has(f"/last-{by.id}", "last"), "last")

    def counted(self) -> dict[str, float]:
        """What became of links, by result."""
        measures = {each.name: each for each in self.chat._server.measures}
        values = measures["chatserver_link_previews_total"].values
        return {labels[0]: count for labels, count in values.items()}  # type: ignore[union-attr,misc]


@asynccontextmanager
async def built(
    *plugins: str,
    kind: RoomKind = RoomKind.PRIVATE,
    clock: FakeClock | None = None,
    **settings: object,
) -> AsyncIterator[Scene]:
    with closing(Site()) as site:
        async with site.serving():
            fields = {
                "allowed_networks": ["127.0.0.0/8"],
                "ports": [site.port],
                "timeout_seconds": 60,
                **settings,
            }
            named = {f"plugin.{NAME}.{name}": value for name, value in fields.items()}
            async with running(NAME, *plugins, settings=named, clock=clock) as chat:
                people = [await chat.user(name) for name in ("olga", "ada", "ben", "eve")][1:]
                room = await people[0].create_room("Lounge", kind=kind, members=[people[1]])
                yield Scene(chat, people, room, site)


def error(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["error"]["code"]


async def refused(call: Any) -> str:
    with pytest.raises(ChatError) as caught:
        await call
    return caught.value.code


# -- what is shown -------------------------------------------------------------------------------------


async def test_a_link_gets_a_card() -> None:
    async with built() as scene:
        said = page(
            "Plain", og_title="Beans &amp; peas", og_description="How\n to", og_site_name="S"
        )
        scene.site.answers["/beans?a=1"] = head() + said
        url = f"{scene.site.url}/beans?a=1#top"
        id = await scene.post(scene.ada, f"See {url}.", "Beans & peas")
        assert await scene.data(id) == {
            "cards": [
                {
                    "url": url,
                    "host": "127.0.0.1",
                    "title": "Beans & peas",
                    "description": "How to",
                    "site": "S",
                }
            ]
        }
        message = await scene.message(id)
        assert message.edited_at is None
        assert message.body == f"See {url}."


async def test_the_first_links_get_cards_in_their_order() -> None:
    async with built() as scene:
        urls = [scene.has(f"/{number}", f"Page {number}") for number in range(LINKS + 2)]
        body = f"{' '.join(reversed(urls))} {urls[0]}"
        titles = [f"Page {number}" for number in reversed(range(2, LINKS + 2))]
        await scene.post(scene.ada, body, *titles)
        assert sorted(scene.site.asked) == ["/2", "/3", "/4"]


async def test_links_that_the_author_hides_are_not_asked_for() -> None:
    async with built() as scene:
        url = scene.has("/a", "A")
        for body in (f"<{url}>", f"`{url}`", f"||{url}||", f"```\n{url}\n```", "no link", "://"):
            await scene.ada.post(scene.room, body)
        await scene.worked_off(scene.ada)
        assert scene.site.asked == [f"/last-{scene.ada.id}"]


async def test_pages_that_say_nothing_get_no_card() -> None:
    async with built() as scene:
        scene.site.answers["/empty"] = head() + b"<p>Hi"
        bad = [f"{scene.site.url}/{name}" for name in ("empty", "missing")]
        good = scene.has("/a", "A")
        await scene.post(scene.ada, f"{bad[0]} {good} {bad[1]}", "A")
        assert scene.counted() == {"page": 1, "status": 1, "fetched": 1}


async def test_private_networks_are_not_asked_unless_it_is_allowed() -> None:
    async with built(allowed_networks=[]) as scene:
        url = scene.has("/a", "A")
        await scene.ada.post(scene.room, url)
        await until(lambda: scene.counted() == {"network": 1})
        assert scene.site.asked == []


async def test_cards_are_read_at_every_door_by_those_who_may_read_the_message() -> None:
    async with built("graphql") as scene:
        url = scene.has("/a", "A")
        id = await scene.post(scene.ada, url, "A")
        card = {"url": url, "host": "127.0.0.1", "title": "A"}
        expected = {"message": id, "cards": [card]}
        assert await scene.ben.call("link_previews.get", message=id) == expected
        assert (await scene.ben.http("GET", f"{PATH}/{id}")).json == expected
        history = await scene.ben.http("GET", f"/api/v1/rooms/{scene.room.id}/messages")
        assert history.json["messages"][-1]["data"] == {NAME: {"cards": [card]}}
        query = (
            "query($room: ID!) { room(id: $room) { messages(last: 1) { "
            "linkPreviews { url host title description site } } } }"
        )
        asked = {"query": query, "variables": {"room": scene.room.id}}
        answer = (await scene.ben.http("POST", "/graphql", asked)).json
        [node] = answer["data"]["room"]["messages"]
        assert node["linkPreviews"] == [{**card, "description": "", "site": ""}]
        assert await refused(scene.eve.call("link_previews.get", message=id)) == "message.not_found"
        assert error(await scene.eve.http("GET", f"{PATH}/{id}")) == (404, "message.not_found")
        plain = await scene.ada.post(scene.room, "no link")
        assert (await scene.ben.call("link_previews.get", message=plain.id))["cards"] == []


# -- edits, deletion, removal --------------------------------------------------------------------------


async def test_an_edit_changes_what_is_shown() -> None:
    async with built() as scene:
        a, b = scene.has("/a", "A"), scene.has("/b", "B")
        id = await scene.post(scene.ada, a, "A")
        await scene.edit(scene.ada, id, f"{b} {a}")
        await scene.shows(id, "B", "A")
        await scene.edit(scene.ada, id, f"{a} and {b}")
        await scene.shows(id, "A", "B")
        await scene.edit(scene.ada, id, f"`{a}` and {b}")
        assert await scene.titles(id) == ["B"]  # at once
        await scene.edit(scene.ada, id, "nothing")
        assert await scene.data(id) is None
        assert scene.site.asked == ["/a", "/b"]


async def test_an_edit_while_a_page_is_fetched() -> None:
    async with built() as scene:
        a, b = scene.has("/a", "A"), scene.has("/b", "B")
        scene.site.held.clear()
        emptied, kept = [(await scene.ada.post(scene.room, a)).id for _ in range(2)]
        await until(lambda: scene.site.asked)
        await scene.edit(scene.ada, kept, b)
        await scene.edit(scene.ada, emptied, "nothing")
        scene.site.held.set()
        await scene.shows(kept, "B")
        await scene.worked_off(scene.ada)
        assert await scene.data(emptied) is None


async def test_a_deletion_while_a_page_is_fetched() -> None:
    async with built() as scene:
        a = scene.has("/a", "A")
        scene.site.held.clear()
        posted = await scene.ada.post(scene.room, a)
        await until(lambda: scene.site.asked)
        await scene.chat.service.messages.delete(scene.ada.user, scene.room, posted.id)
        scene.site.held.set()
        await scene.worked_off(scene.ada)
        assert await refused(scene.message(posted.id)) == "message.not_found"


async def test_a_deleted_message_has_no_cards() -> None:
    async with built() as scene:
        id = await scene.post(scene.ada, scene.has("/a", "Secret garden"), "Secret garden")
        await scene.chat.service.messages.delete(scene.ada.user, scene.room, id)
        history = await scene.ben.http("GET", f"/api/v1/rooms/{scene.room.id}/messages")
        assert b"Secret garden" not in history.body
        code = await refused(scene.ada.call("link_previews.get", message=id))
        assert code == "message.not_found"


async def test_authors_and_moderators_remove_cards_for_everybody_and_for_good() -> None:
    async with built("graphql") as scene:
        urls = [scene.has(f"/{name}", name.upper()) for name in "abc"]
        id = await scene.post(scene.ben, " ".join(urls), "A", "B", "C")
        answer = await scene.ben.http("POST", f"{PATH}/{id}/remove", {"url": urls[0]})
        assert [card["title"] for card in answer.json["cards"]] == ["B", "C"]
        rest = await scene.ada.call("link_previews.remove", message=id, url=urls[1])
        assert [card["title"] for card in rest["cards"]] == ["C"]
        query = (
            "mutation($input: RemoveLinkPreviewInput!) { removeLinkPreview(input: $input) { "
            "linkPreviews { title } } }"
        )
        variables = {"input": {"messageId": id, "url": urls[2]}}
        asked = {"query": query, "variables": variables}
        data = (await scene.ben.http("POST", "/graphql", asked)).json["data"]
        assert data == {"removeLinkPreview": {"linkPreviews": []}}
        await scene.edit(scene.ben, id, f"again {' '.join(urls)}")
        await scene.worked_off(scene.ben)
        assert await scene.titles(id) == []
        assert (await scene.message(id)).edited_at is not None
        await scene.edit(scene.ben, id, "nothing")  # and now it is another link
        await scene.edit(scene.ben, id, urls[0])
        await scene.shows(id, "A")


async def test_nobody_else_removes_a_card() -> None:
    async with built(kind=RoomKind.PUBLIC) as scene:
        url = scene.has("/a", "A")
        id = await scene.post(scene.ada, url, "A")
        for person, code in ((scene.ben, "room.forbidden"), (scene.eve, "room.forbidden")):
            assert await refused(person.call("link_previews.remove", message=id, url=url)) == code
            answer = await person.http("POST", f"{PATH}/{id}/remove", {"url": url})
            assert error(answer) == (403, code)
        rooms = scene.chat.service.rooms
        await rooms.appoint(scene.ada.user, scene.room, scene.ben.id, RoomRole.ADMIN)
        assert await scene.titles(id) == ["A"]
        await scene.ben.call("link_previews.remove", message=id, url=url)
        assert await scene.titles(id) == []


async def test_in_a_private_room_others_learn_nothing() -> None:
    async with built() as scene:
        url = scene.has("/a", "A")
        id = await scene.post(scene.ada, url, "A")
        code = await refused(scene.eve.call("link_previews.remove", message=id, url=url))
        assert code == "message.not_found"


async def test_what_is_not_there_needs_no_removal() -> None:
    async with built() as scene:
        url = scene.has("/a", "A")
        id = await scene.post(scene.ada, url, "A")
        heads = scene.room.head
        for other in ("https://example.org/", "x"):
            rest = await scene.ada.call("link_previews.remove", message=id, url=other)
            assert [card["title"] for card in rest["cards"]] == ["A"]
        assert scene.room.head == heads
        for _ in range(2):
            await scene.ada.call("link_previews.remove", message=id, url=url)
        assert scene.room.head == heads + 1


async def test_a_card_that_is_removed_while_another_page_is_fetched() -> None:
    async with built() as scene:
        a, b = scene.has("/a", "A"), scene.has("/b", "B")
        id = await scene.post(scene.ada, a, "A")
        scene.site.held.clear()
        await scene.edit(scene.ada, id, f"{a} {b}")
        await until(lambda: "/b" in scene.site.asked)
        await scene.ada.call("link_previews.remove", message=id, url=a)
        scene.site.held.set()
        await scene.shows(id, "B")


async def test_wrong_requests_are_refused() -> None:
    async with built() as scene:
        id = await scene.post(scene.ada, scene.has("/a", "A"), "A")
        bodies = (None, {}, {"url": ""}, {"url": "a" * 2001}, {"url": 5}, [])
        for path, body in (*((id, body) for body in bodies), ("a" * 101, {"url": "a"})):
            answer = await scene.ada.http("POST", f"{PATH}/{path}/remove", body)
            assert error(answer) == (400, "request.invalid"), (path, body)
        for fields in ({}, {"message": id}, {"message": id, "url": ""}, {"message": 5, "url": "a"}):
            code = await refused(scene.ada.call("link_previews.remove", **fields))
            assert code == "request.invalid", fields
        for missing in ("x", f"{scene.room.id}-999", "nowhere-1"):
            answer = await scene.ada.http("GET", f"{PATH}/{missing}")
            assert error(answer) == (404, "message.not_found")


async def test_clients_cannot_give_cards() -> None:
    async with built() as scene:
        given = {"client_id": "c", "body": "x", "data": {NAME: {"cards": []}}}
        answer = await scene.ada.http("POST", f"/api/v1/rooms/{scene.room.id}/messages", given)
        assert error(answer) == (422, "message.data_invalid")


# -- what it costs -------------------------------------------------------------------------------------


async def test_a_page_is_asked_once_for_a_while() -> None:
    async with built(clock=FakeClock(), cache_hours=1) as scene:
        url, missing = scene.has("/a", "A"), f"{scene.site.url}/missing"
        await scene.post(scene.ada, f"{url}#1 {url}#1", "A")
        await scene.post(scene.ben, f"{missing} {url}#1", "A")
        await scene.post(scene.ada, f"{missing} {url}#1", "A")
        assert scene.site.asked == ["/a", "/missing"]
        await scene.chat.clock.advance(601)
        scene.has("/missing", "Found")
        await scene.post(scene.ada, f"{missing} {url}#1", "Found", "A")
        await scene.chat.clock.advance(HOUR)
        scene.has("/a", "New")
        await scene.post(scene.ada, f"{url}#1", "New")
        assert scene.site.asked == ["/a", "/missing", "/missing", "/a"]


async def test_a_page_that_several_want_at_once_is_asked_once() -> None:
    async with built() as scene:
        url = scene.has("/a", "A")
        scene.site.held.clear()
        ids = [(await person.post(scene.room, url)).id for person in (scene.ada, scene.ben)]
        await until(lambda: scene.site.asked)
        scene.site.held.set()
        for id in ids:
            await scene.shows(id, "A")
        assert scene.site.asked == ["/a"]


async def test_an_author_has_so_many_pages_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    never_again = partial(UserRate, 1e-9)  # so that nothing depends on how long it takes
    monkeypatch.setattr(desk, "UserRate", lambda rate, burst: never_again(burst))
    async with built(per_minute=2, cache_hours=1) as scene:
        urls = [scene.has(f"/{name}", name.upper()) for name in "abcd"]
        await scene.post(scene.ada, " ".join(urls[:3]), "A", "B")
        await scene.post(scene.ada, f"{urls[3]} {urls[1]}", "B")  # what is known costs nothing
        await scene.post(scene.ben, " ".join(urls[2:]), "C", "D")
        assert scene.counted() == {"fetched": 4, "rate": 2, "known": 1}


async def test_what_one_author_has_waiting_holds_up_nobody_else() -> None:
    async with built() as scene:
        scene.site.answers["/slow"] = b""
        scene.site.more["/slow"] = forever
        for number in range(OF_ONE + 5):
            links = [f"{scene.site.url}/slow#{number}.{link}" for link in range(LINKS)]
            await scene.ada.post(scene.room, " ".join(links))
        await until(lambda: scene.counted().get("busy") == 5)
        await scene.post(scene.ben, scene.has("/a", "A"), "A")
        assert scene.site.asked == ["/slow", "/a"]


async def forever() -> AsyncIterator[bytes]:
    await asyncio.Event().wait()
    yield b""


async def test_a_store_that_is_away_costs_the_card_alone() -> None:
    async with built() as scene:
        url = scene.has("/a", "A")
        asked = asyncio.Event()

        async def away(self: object, *given: object) -> None:
            asked.set()
            raise StoreUnavailable

        with mock.patch.object(Cache, "get", away):
            posted = await scene.ada.post(scene.room, url)
            async with asyncio.timeout(60):
                await asked.wait()
        await scene.worked_off(scene.ada)
        assert await scene.data(posted.id) is None


async def test_an_error_is_logged_and_the_next_message_gets_its_card(logged: list[str]) -> None:
    async with built() as scene:
        broken = asyncio.Event()

        async def broke(self: object, *given: object) -> None:
            broken.set()
            raise ValueError("oops")

        with mock.patch.object(Cache, "get", broke):
            await scene.ada.post(scene.room, scene.has("/a", "A"))
            async with asyncio.timeout(60):
                await broken.wait()
        await scene.worked_off(scene.ada)
    assert [line for line in logged if "a message got no previews" in line]


async def test_a_server_that_stops_waits_for_no_page() -> None:
    async with built() as scene:
        scene.site.answers["/slow"] = b""
        scene.site.more["/slow"] = forever
        await scene.ada.post(scene.room, f"{scene.site.url}/slow")
        await until(lambda: scene.site.asked)
        assert fetching()
        loaded = scene.chat._server._plugins.all
        plugin: Any = next(each.instance for each in loaded if each.name == "link_previews")
        await plugin.shutdown()
        assert not fetching()


def fetching() -> list[str]:
    """The tasks that look at links."""
    return [name for task in asyncio.all_tasks() if (name := task.get_name()) == "link_previews"]


# -- the parts -----------------------------------------------------------------------------------------


async def test_a_user_has_one_turn_at_a_time_in_order() -> None:
    turns, done, gate = Turns(), list[str](), asyncio.Event()

    def work(name: str) -> Any:
        async def run() -> None:
            done.append(f"{name} begins")
            await gate.wait()
            done.append(f"{name} ends")

        return run

    assert turns.put("ada", work("a1"))
    assert turns.put("ada", work("a2"))
    assert turns.put("ben", work("b1"))
    await until(lambda: len(done) == 2)
    assert done == ["a1 begins", "b1 begins"]
    gate.set()
    await until(lambda: "a2 ends" in done)
    assert [each for each in done if each[0] == "a"] == [
        "a1 begins", "a1 ends", "a2 begins", "a2 ends",
    ]  # fmt: skip
    await until(lambda: not turns._lines)
    await turns.close()


async def test_only_so_much_waits() -> None:
    turns = Turns()

    async def hang() -> None:
        await asyncio.Event().wait()

    assert [turns.put("ada", hang) for _ in range(OF_ONE + 1)] == [True] * OF_ONE + [False]
    for user in range(OF_ALL - OF_ONE):
        assert turns.put(f"user {user}", hang)
    assert not turns.put("somebody else", hang)
    await turns.close()
    assert turns.put("somebody else", hang)
    await turns.close()


async def test_what_is_done_waits_no_more() -> None:
    turns, done = Turns(), list[int]()

    def work(number: int) -> Any:
        async def run() -> None:
            done.append(number)
            if number % 100 == 0:
                raise ChatError("limit.rate")

        return run

    each_time = OF_ALL // 2
    for _ in range(3):
        done.clear()
        for number in range(each_time):
            assert turns.put(f"user {number % (each_time // OF_ONE)}", work(number))
        await until(lambda: len(done) == each_time)
        await until(lambda: not turns._lines)
    await turns.close()


def card(url: str, title: str = "T") -> Card:
    return Card(url=url, host="h", title=title)


async def test_the_cache_has_a_fixed_size_and_no_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    store, clock = MemoryStore(), FakeClock()
    space = ExpiringSpace(store, NAME, clock)
    monkeypatch.setattr(cache, "SLOTS", 2)
    made = Cache(space, HOUR)
    for number in range(10):
        url = f"https://example.org/secret-{number}"
        assert await made.get(url) is None
        await made.put(url, card(url) if number % 2 else None)
        assert await made.get(url) == Known(card(url) if number % 2 else None)
    rows = await space.scan("")
    assert len(rows) <= 2
    assert not any(b"secret" in value for _, value in rows)


def test_previews_that_fit_a_text() -> None:
    before = Previews(cards=(card("a"), card("b")), removed=("c", "d"))
    assert before.fitting(["b", "c"]) == Previews(cards=(card("b"),), removed=("c",))
    found = {"e": card("e"), "c": card("c")}
    after = before.fitting(["e", "c", "a"], found)
    assert after == Previews(cards=(card("e"), card("a")), removed=("c",))
    assert before.fitting([]).as_data() == {NAME: None}
    assert before.without("a").removed == ("c", "d", "a")


def test_a_link_that_is_too_long_is_none() -> None:
    long = f"https://example.org/{'ä' * 1000}"
    assert links_of(f"{long} https://example.org/{'a' * 1980}") == [
        f"https://example.org/{'a' * 1980}"
    ]


MISTAKES = [
    ({"allowed_networks": ["everywhere"]}, "allowed_networks: 'everywhere' is not a network"),
    ({"ports": [0]}, "ports: expected a list of whole number from 1 to 65535, got [0]"),
    ({"timeout_seconds": 0}, "timeout_seconds: expected a number above 0"),
    ({"per_minute": 0}, "per_minute"),
]


@pytest.mark.parametrize(("change", "text"), MISTAKES)
def test_mistakes_are_named_with_their_path(change: dict[str, object], text: str) -> None:
    with pytest.raises(StartupError) as caught:
        convert(change, LinkPreviewsConfig)
    assert text in str(caught.value)


async def test_a_file_of_authorities_that_cannot_be_read_refuses_to_start() -> None:
    with pytest.raises(StartupError, match=r"plugin\.link_previews\.ca_file: "):
        async with built(ca_file="/nowhere"):
            pass
