"""The server's own emoji: who adds and removes them, what is a picture, and how it is served, at every door."""

import asyncio
import contextlib
from base64 import b64encode
from collections.abc import AsyncIterator
from http.client import HTTPConnection
from typing import Any, NamedTuple

import pytest

from chatserver import ChatError, ServerRole
from chatserver.hooks.records import Space, space_of
from chatserver.testing.running import Answer, Chat, Person, running
from chatserver_plugins.emoji.book import Book
from tests.plugins.pictures import gif, png, png_of

PATH = "/api/v1/emoji"
PLUGINS = ("emoji", "disk_blobs")


async def add(by: Person, name: str = "party", picture: bytes | None = None) -> Answer:
    encoded = b64encode(png() if picture is None else picture).decode()
    return await by.http("POST", PATH, {"name": name, "picture": encoded})


async def names(reader: Person) -> list[str]:
    return [each["name"] for each in (await reader.http("GET", PATH)).json["emoji"]]


def error(answer: Answer) -> tuple[int, str, Any]:
    found = answer.json["error"]
    return answer.status, found["code"], found.get("detail")


class Served(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


async def served(
    chat: Chat, path: str, method: str = "GET", body: bytes = b"", **headers: str
) -> Served:
    """An answer with its headers."""

    def ask() -> Served:
        with contextlib.closing(HTTPConnection("127.0.0.1", chat.port, timeout=30)) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Served(answer.status, dict(answer.getheaders()), answer.read())

    return await asyncio.to_thread(ask)


@contextlib.asynccontextmanager
async def scene(**settings: Any) -> AsyncIterator[tuple[Chat, Person, Person, Person]]:
    """A server with its owner Olga, and the members Ada and Ben."""
    given = {f"plugin.emoji.{name}": value for name, value in settings.items()}
    async with running(*PLUGINS, settings=given) as chat:
        olga, ada, ben = [await chat.user(name) for name in ("olga", "ada", "ben")]
        yield chat, olga, ada, ben


async def test_staff_adds_an_emoji_that_all_see_until_it_is_removed() -> None:
    async with scene() as (chat, olga, ada, _):
        made = await add(olga)
        assert made.status == 201
        view = made.json
        assert view["name"] == "party" and view["url"].startswith(f"{PATH}/party/")
        assert (view["media_type"], view["width"], view["height"]) == ("image/png", 8, 8)
        assert view["by"] == {"id": olga.id, "name": "olga"} and view["at"].endswith("Z")
        await add(olga, "arr_-9")
        listed = (await ada.http("GET", PATH)).json
        assert listed["emoji"][1] == view and listed["may_add"] is False
        assert listed["largest_bytes"] == 256 * 1024
        assert await names(ada) == ["arr_-9", "party"]
        assert (await olga.http("GET", PATH)).json["may_add"] is True
        removed = await olga.http("DELETE", f"{PATH}/party")
        assert (removed.status, removed.json) == (200, {})
        assert await names(ada) == ["arr_-9"]
        assert (await served(chat, view["url"])).status == 404
        gone = await olga.http("DELETE", f"{PATH}/party")
        assert error(gone)[:2] == (404, "emoji.not_found")
        again = (await add(olga)).json
        assert again["url"] != view["url"]  # what caches keep of the old one is not shown
        assert (await served(chat, view["url"])).status == 404
        assert (await chat.http("GET", PATH)).status == 401


async def test_a_picture_is_served_to_keep_for_ever_and_runs_nothing() -> None:
    async with scene() as (chat, olga, _, _):
        content = png(16, 12)
        url = (await add(olga, picture=content)).json["url"]
        got = await served(chat, url)
        assert (got.status, got.body) == (200, content)
        assert got.headers["Content-Type"] == "image/png"
        assert got.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert got.headers["X-Content-Type-Options"] == "nosniff"
        assert got.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert got.headers["Content-Disposition"].startswith("inline")
        same = await served(chat, url, **{"If-None-Match": got.headers["Etag"]})
        assert (same.status, same.body) == (304, b"")
        head = await served(chat, url, "HEAD")
        assert head.headers["Content-Length"] == str(len(content)) and head.body == b""


async def test_an_address_shows_emoji_alone_and_no_other_files() -> None:
    async with scene() as (chat, olga, ada, _):
        await add(olga)
        blob = await chat.service.blobs.take(ada.id, _once(b"private"))
        assert (await served(chat, f"{PATH}/party/{blob.id}")).status == 404
        assert (await served(chat, f"{PATH}/none/{blob.id}")).status == 404


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def test_the_picture_goes_with_its_emoji() -> None:
    async with scene() as (chat, olga, _, _):
        blob = (await add(olga)).json["url"].rpartition("/")[2]
        assert len(await chat.service.blobs.holders(blob)) == 1
        await olga.http("DELETE", f"{PATH}/party")
        assert await chat.service.blobs.holders(blob) == []


async def test_a_name_is_given_once() -> None:
    async with scene() as (chat, olga, ada, _):
        answers = await asyncio.gather(*(add(olga, picture=png(each)) for each in range(1, 7)))
        (made,) = [each for each in answers if each.status == 201]
        refused = {error(each)[:2] for each in answers if each is not made}
        assert refused == {(409, "emoji.taken")}
        assert error(await add(olga))[2] == {"field": "emoji", "reason": "taken", "name": "party"}
        assert (await ada.http("GET", PATH)).json["emoji"] == [made.json]
        rows = await chat.service.store.scan("blob_ref", "")
        assert len(rows) == 1  # nothing keeps the other pictures


async def test_other_names_are_refused() -> None:
    async with scene() as (_, olga, _, _):
        for name in ("x", "x" * 31, "Party", "par ty", "par:ty", "été", "../a", ""):
            assert error(await add(olga, name))[:2] == (400, "request.invalid"), name
        assert (await add(olga, "x" * 30)).status == 201 and (await add(olga, "x2")).status == 201


async def test_with_a_name_as_long_as_can_be_one_can_react() -> None:
    async with scene() as (_, olga, ada, _):
        name = "x" * 30
        await add(olga, name)
        room = await ada.create_room("Lounge")
        message = await ada.post(room, f":{name}:")
        path = f"/api/v1/rooms/{room.id}/messages/{message.id}/reactions"
        assert (await ada.http("POST", path, {"emoji": f":{name}:"})).status < 300


@pytest.mark.parametrize(
    "content",
    [
        b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        b"GIF<script>",
        b"",
        gif(0, 9),
    ],
)
async def test_what_is_no_picture_is_refused(content: bytes) -> None:
    async with scene() as (_, olga, _, _):
        status, code, detail = error(await add(olga, "odd", content))
        assert (status, code, detail["reason"]) == (400, "request.invalid", "type")


async def test_pictures_are_bounded_in_bytes_and_pixels() -> None:
    async with scene(largest_kb=2) as (chat, olga, _, _):
        wide = error(await add(olga, picture=gif(513, 8)))
        assert wide == (
            400, "request.invalid", {"field": "picture", "reason": "sides", "most": 512},
        )  # fmt: skip
        assert error(await add(olga, picture=gif(8, 513)))[2] == wide[2]
        assert (await add(olga, "wide", gif(512, 512))).status == 201
        no = error(await add(olga, picture=b"<svg/>"))
        assert no == (400, "request.invalid", {"field": "picture", "reason": "type"})
        full = gif(8, 8) + bytes(2048 - len(gif(8, 8)))
        assert (await add(olga, "full", full)).status == 201
        over = error(await add(olga, picture=full + b"\0"))
        assert over == (413, "limit.size", {"field": "picture", "reason": "long", "most": 2048})
        assert error(await add(olga, picture=full * 3))[:2] == (413, "request.too_large")
        assert await names(olga) == ["full", "wide"]
        for body in (b"", b"{", b'{"name": "party"}', b'{"name": "party", "picture": "\xff"}'):
            answer = await served(
                chat, PATH, "POST", body=body, Authorization=f"Bearer {olga.token}"
            )
            assert answer.status == 400


async def test_a_picture_of_the_usual_size_fits_into_a_request() -> None:
    async with scene() as (chat, olga, _, _):
        content = png_of(256 * 1024)
        made = await add(olga, picture=content)
        assert made.status == 201
        assert (await served(chat, made.json["url"])).body == content
        assert error(await add(olga, picture=content + b"\0"))[:2] == (413, "limit.size")


async def test_others_than_staff_are_refused() -> None:
    async with scene() as (_, olga, ada, _):
        await add(olga)
        for answer in (await add(ada, "other"), await ada.http("DELETE", f"{PATH}/party")):
            assert error(answer)[:2] == (403, "user.forbidden")
        for call in (("add", {"name": "other", "picture": ""}), ("remove", {"name": "party"})):
            with pytest.raises(ChatError) as refused:
                await ada.call(f"emoji.{call[0]}", **call[1])
            assert refused.value.code == "user.forbidden"


async def test_who_is_of_the_staff_no_more_removes_nothing() -> None:
    async with scene() as (chat, _, _, ben):
        await chat.service.accounts.set_role("ben", ServerRole.ADMIN)
        await add(ben)
        await chat.service.accounts.set_role("ben", ServerRole.MEMBER)
        assert error(await ben.http("DELETE", f"{PATH}/party"))[:2] == (403, "user.forbidden")
        assert await names(ben) == ["party"]


async def test_another_picture_under_a_name_outlives_the_removal_of_the_one_before() -> None:
    async with scene() as (chat, olga, _, _):
        book = Book(Space(chat.service.store, space_of("emoji")), most=10)
        await add(olga)
        before = await book.find("party")
        await olga.http("DELETE", f"{PATH}/party")
        await add(olga)
        with pytest.raises(ChatError) as refused:
            await book.remove("party", before)
        assert refused.value.code == "emoji.not_found"
        assert await names(olga) == ["party"]


async def test_members_may_add_a_few_where_the_server_lets_them() -> None:
    async with scene(adders="members", most_by_member=2) as (chat, olga, ada, ben):
        for name in ("one", "two"):
            assert (await add(ada, name)).status == 201
        full = error(await add(ada, "three"))
        assert full == (409, "limit.count", {"field": "emoji", "reason": "count", "most": 2})
        assert (await add(ben, "three")).status == 201  # another person is not affected
        for name in ("s1", "s2", "s3"):
            assert (await add(olga, name)).status == 201
        assert error(await ada.http("DELETE", f"{PATH}/three"))[:2] == (403, "user.forbidden")
        assert (await ada.http("DELETE", f"{PATH}/two")).status == 200
        assert (await olga.http("DELETE", f"{PATH}/three")).status == 200
        assert (await add(ada, "four")).status == 201
        assert (await ada.http("GET", PATH)).json["may_add"] is True
        await chat.service.accounts.set_role("ben", ServerRole.GUEST)
        assert error(await add(ben, "five"))[:2] == (403, "user.forbidden")
        assert (await ben.http("GET", PATH)).json["may_add"] is False


async def test_the_server_has_so_many_emoji() -> None:
    async with scene(most=2) as (chat, olga, ada, _):
        await add(olga, "one")
        await add(olga, "two")
        full = error(await add(olga, "three"))
        assert full == (409, "limit.count", {"field": "emoji", "reason": "count", "most": 2})
        assert error(await add(olga, "two"))[1] == "emoji.taken"
        assert await names(ada) == ["one", "two"]
        smaller = Book(Space(chat.service.store, space_of("emoji")), most=1)
        assert list(await smaller.all()) == ["one", "two"]  # none is hidden by a new setting


async def test_staff_elsewhere_is_refused() -> None:
    settings = {"server.admin_networks": ["10.9.8.0/24"]}
    async with running(*PLUGINS, settings=settings) as chat:
        olga = await chat.user("olga")
        for answer in (await add(olga), await olga.http("DELETE", f"{PATH}/party")):
            assert error(answer)[:2] == (403, "auth.address")


async def test_a_server_without_a_place_for_files_says_so() -> None:
    async with running("emoji") as chat:
        olga = await chat.user("olga")
        assert error(await add(olga))[:2] == (501, "blob.none")
        assert await names(olga) == []


async def test_everybody_is_told_what_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene() as (chat, olga, _, _):
        told: list[tuple[str, Any, tuple[()]]] = []

        def tell(notice: Any, roles: Any) -> None:
            told.append((notice.name, notice.payload, tuple(roles)))

        monkeypatch.setattr(chat.service.hub, "tell_everybody", tell)
        url = (await add(olga)).json["url"]
        await add(olga)
        await olga.http("DELETE", f"{PATH}/party")
        assert told == [
            ("changed", {"name": "party", "url": url}, ()),
            ("changed", {"name": "party", "url": None}, ()),
        ]


async def test_the_name_of_who_added_it_is_that_of_today() -> None:
    async with scene() as (chat, _, ada, ben):
        await chat.service.accounts.set_role("ben", ServerRole.ADMIN)
        await add(ben)

        async def by() -> dict[str, str]:
            found: dict[str, str] = (await ada.http("GET", PATH)).json["emoji"][0]["by"]
            return found

        await chat.service.accounts.change_name(ben.user, "Benjamin")
        assert await by() == {"id": ben.id, "name": "Benjamin"}
        await chat.service.removal.delete("ben")
        assert "Benjamin" not in str(await by())


async def test_every_door_does_the_same() -> None:
    async with running(*PLUGINS, "graphql") as chat:
        olga = await chat.user("olga")
        picture = b64encode(png()).decode()
        made = await olga.call("emoji.add", name="party", picture=picture)
        (listed,) = (await olga.call("emoji.list"))["emoji"]
        assert made == listed
        view = "{ name url mediaType width height by { id name } at }"

        async def graphql(query: str, **variables: str) -> Any:
            body = {"query": query, "variables": variables}
            return (await olga.http("POST", "/graphql", body)).json["data"]

        asked = await graphql(f"{{ emoji {view} }}")
        (shown,) = asked["emoji"]
        assert shown["mediaType"] == "image/png" and shown["by"] == listed["by"]
        two = 'input: {name: "two", picture: $p}'
        add_it = f"mutation($p: String!) {{ addEmoji({two}) {{ emoji {view} }} }}"
        added = await graphql(add_it, p=picture)
        assert added["addEmoji"]["emoji"]["url"].startswith(f"{PATH}/two/")
        gone = await graphql('mutation { removeEmoji(input: {name: "party"}) { name } }')
        assert gone == {"removeEmoji": {"name": "party"}}
        assert await olga.call("emoji.remove", name="two") == {}
        assert await names(olga) == []
