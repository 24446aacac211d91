"""The pages show all data, page by page, and any content as plain text."""

import json
import re
from hashlib import sha256

import pytest

from chatserver.app import Server
from tests.browser.world import (
    HOME,
    LONG,
    LONG_EVENTS,
    MARKUP,
    SECRET,
    Shown,
    World,
    asked,
    rooms,
)

HARMLESS = {
    *("html", "head", "meta", "title", "link", "body", "header", "main", "section", "nav"),
    *(
        "h1",
        "h2",
        "p",
        "strong",
        "span",
        "bdi",
        "time",
        "code",
        "pre",
        "a",
        "form",
        "input",
        "button",
    ),
    *("table", "thead", "tbody", "tr", "th", "td"),
}


def seqs(page: Shown) -> list[int]:
    return [int(seq) for seq in page.column(0)]


async def test_every_room_is_on_one_of_the_pages(world: World) -> None:
    pages = await world.follow("", "next", {})
    found = [
        asked(page.links[shown])["room"]
        for page in pages
        for shown in page.column(0)
        if shown in page.links
    ]
    assert len(pages) == 21
    assert found == sorted([*rooms(), LONG, MARKUP, "private"])
    assert max(len(page.rows) for page in pages) == 51
    first = await world.get(pages[-1].links["first"])
    assert first.column(0) == pages[0].column(0)


async def test_the_log_is_gone_through_from_both_ends(world: World) -> None:
    newest = await world.get("/room", {"room": LONG})
    assert seqs(newest) == list(range(LONG_EVENTS - 49, LONG_EVENTS + 1))
    assert "newer" not in newest.links
    older = await world.follow("/room", "older", {"room": LONG})
    assert {seq for page in older for seq in seqs(page)} == set(range(1, LONG_EVENTS + 1))
    assert "first" not in older[-1].links
    newer = await world.follow("/room", "newer", {"room": LONG, "after": 0})
    assert [seq for page in newer for seq in seqs(page)] == list(range(1, LONG_EVENTS + 1))
    assert seqs(await world.get(newest.links["first"])) == list(range(1, 51))
    assert seqs(await world.get(older[-1].links["newest"])) == seqs(newest)


@pytest.mark.parametrize(("seq", "first"), [(0, 1), (1, 1), (100, 100), (333, 333)])
async def test_a_seq_is_where_the_page_begins(world: World, seq: int, first: int) -> None:
    page = await world.get("/room", {"room": LONG, "seq": seq})
    assert seqs(page)[0] == first


async def test_beyond_the_end_there_is_a_way_back(world: World) -> None:
    page = await world.get("/room", {"room": LONG, "seq": 10**9})
    assert seqs(page) == []
    assert seqs(await world.get(page.links["newest"]))[-1] == LONG_EVENTS
    assert LONG_EVENTS - 1 in seqs(await world.get(page.links["older"]))


async def test_an_event_is_shown_as_it_is_stored(world: World) -> None:
    page = await world.get("/event", {"room": "private", "seq": 2})
    answer = await world.ask(page.links["as JSON"])
    assert answer.headers["Content-Type"] == "application/json"
    event = answer.json()
    assert (event["ev"], event["seq"], event["body"]) == ("message.posted", 2, SECRET)
    shown = page.text[page.text.index("{") : page.text.rindex("}") + 1]
    assert json.loads(shown) == event
    assert seqs(await world.get(page.links["in the log"]))[0] == 2


async def test_members_and_memberships_in_pages(world: World) -> None:
    pages = await world.follow("/members", "next", {"room": "private"})
    found = [user for page in pages for user in page.column(0)]
    assert found == sorted(f"m{seq}" for seq in range(3, 120))
    roles = dict(zip(found, [role for page in pages for role in page.column(2)], strict=True))
    assert (roles["m3"], roles["m4"]) == ("left", "member")
    member = world.member.id
    pages = await world.follow("/user", "next", {"user": member})
    assert [row[0] for page in pages for row in page.rows if len(row) == 3] == rooms()[:120]


async def test_users_and_sessions_in_pages(world: World) -> None:
    for number in range(60):
        register = {"username": f"u{number}-{world.server.port}", "password": "a long password"}

        async def add(running: Server, given: dict[str, str] = register) -> None:
            user, _ = await running.service.accounts.register(**given)
            for _ in range(2):
                await running.service.accounts.login(address="127.0.0.1", **given)
            assert user

        await world.server.run(add)
    users = [user for page in await world.follow("/users", "next", {}) for user in page.column(0)]
    assert len(users) == len(set(users)) >= 63
    assert users == sorted(users)
    pages = await world.follow("/sessions", "next", {})
    owners = [user for page in pages for user in page.column(1)]
    assert len(owners) >= 3 + 60 * 3
    assert owners == sorted(owners)
    assert set(owners) <= set(users)
    mine = await world.get("/user", {"user": world.owner.id})
    assert [row for row in mine.rows if len(row) == 4] == [
        row for page in pages for row in page.rows if row and row[1] == world.owner.id
    ]


async def test_nothing_of_a_token_is_shown(world: World) -> None:
    pages = await world.follow("/sessions", "next", {})
    text = "".join(page.answer.text for page in pages)
    for person in (world.owner, world.admin, world.member):
        digest = sha256(person.token.encode()).hexdigest()
        assert digest[:12] in text
        assert digest[:13] not in text
        assert person.token.partition(".")[2] not in text
    assert not re.search(r"argon2|[0-9a-f]{32}", text)


@pytest.mark.parametrize(
    ("wanted", "page", "shows"),
    [
        (LONG, "room", {"room": LONG}),
        (f"{LONG}-17", "event", {"room": LONG, "seq": "17"}),
        (" private ", "room", {"room": "private"}),
    ],
)
async def test_an_id_leads_there(
    world: World, wanted: str, page: str, shows: dict[str, str]
) -> None:
    answer = await world.ask("/find", {"for": wanted})
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith(f"{HOME}/{page}?")
    assert asked(answer.headers["Location"]) == shows
    await world.get(answer.headers["Location"])


async def test_a_name_leads_to_the_user(world: World) -> None:
    names = (world.member.username, f"@{world.member.username.upper()}", world.member.id)
    for name in names:
        answer = await world.ask("/find", {"for": name})
        assert asked(answer.headers["Location"]) == {"user": world.member.id}
    assert (await world.ask("/find", {"for": "nobody"})).status_code == 404
    assert (await world.ask("/find", {"for": ""})).status_code == 404


@pytest.mark.parametrize("path", ["/room", "/members", "/event"])
async def test_any_text_is_shown_as_text(world: World, path: str) -> None:
    page = await world.get(path, {"room": MARKUP, "seq": 2})
    assert page.elements <= HARMLESS
    assert not [name for name in page.attributes if name.startswith("on")]
    assert "\0" not in page.answer.text
    assert "\u202e" not in page.answer.text
    assert "<script>alert(1)</script>" in page.text


async def test_a_long_text_is_cut_off_in_a_list(world: World) -> None:
    body = "x" * 7000
    room = await world.owner.http("POST", "/api/v1/rooms", {"name": "Long", "kind": "private"})
    path = f"/api/v1/rooms/{room.json()['id']}/messages"
    sent = await world.owner.http("POST", path, {"client_id": "1", "body": body})
    place = {"room": room.json()["id"], "seq": sent.json()["seq"]}
    assert len((await world.get("/room", place)).answer.content) < 5000
    assert body in (await world.get("/event", place)).text


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/room", {}, 404),
        ("/room", {"room": "none"}, 404),
        ("/room", {"room": "x" * 300}, 400),
        ("/room", {"room": LONG, "after": "-1"}, 400),
        ("/room", {"room": LONG, "after": "9" * 30}, 400),
        ("/room", {"room": LONG, "seq": "²"}, 400),
        ("/event", {"room": LONG}, 404),
        ("/event", {"room": LONG, "seq": "334"}, 404),
        ("/event.json", {"room": "none", "seq": "1"}, 404),
        ("/user", {"user": "none"}, 404),
        ("/none", {}, 404),
    ],
)
async def test_missing_and_invalid_addresses_are_refused(
    world: World, path: str, query: dict[str, str], status: int
) -> None:
    answer = await world.ask(path, query)
    assert answer.status_code == status
    assert answer.json()["error"]["code"]
