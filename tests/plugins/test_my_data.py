"""People see and get what is held about them; staff sees how much is held of others."""

import asyncio
import io
import zipfile

import msgspec

from chatserver.service.own_account import RECENT_SECONDS
from chatserver.testing.clock import FakeClock
from chatserver.testing.running import Chat, Person, running

PATH = "/api/v1/me/data"
EXPORT = f"{PATH}/export"


async def two(chat: Chat) -> tuple[Person, Person]:
    """The owner, and a member who has said something."""
    owner, ada = await chat.user("owner"), await chat.user("ada")
    await ada.post(await ada.create_room("tea"), "quincemark")
    return owner, ada


async def test_everybody_sees_how_much_is_held_about_them() -> None:
    async with running("my_data") as chat:
        _, ada = await two(chat)
        answer = await ada.http("GET", PATH)
        assert answer.status == 200
        assert answer.json["user"] == ada.id
        parts = {part["name"]: part for part in answer.json["parts"]}
        assert parts["messages"]["items"] == 1
        assert parts["messages"]["title"]["ja"] == "メッセージ"
        assert (await chat.http("GET", PATH)).status == 401


async def test_the_export_is_a_zip_of_their_own() -> None:
    async with running("my_data") as chat:
        owner, ada = await two(chat)
        assert (await ada.http("POST", EXPORT)).status == 204
        answer = await ada.http("GET", f"{EXPORT}?language=ja")
        assert answer.headers["content-type"] == "application/zip"
        assert 'filename="my-data.zip"' in answer.headers["content-disposition"]
        archive = zipfile.ZipFile(io.BytesIO(unchunked(answer.body)))
        found = msgspec.json.decode(archive.read("data.json"))
        assert found["user"] == ada.id
        assert "quincemark" in archive.read("index.html").decode()
        others = zipfile.ZipFile(io.BytesIO(unchunked((await owner.http("GET", EXPORT)).body)))
        assert b"quincemark" not in others.read("data.json")


async def test_an_export_takes_a_recent_sign_in() -> None:
    clock = FakeClock()
    async with running("my_data", clock=clock) as chat:
        _, ada = await two(chat)
        sessions = chat.service.accounts.sessions
        real = sessions._clock
        sessions._clock = lambda: real() + RECENT_SECONDS + 1
        for method in ("POST", "GET"):
            answer = await ada.http(method, EXPORT)
            assert (answer.status, answer.json["error"]["code"]) == (403, "auth.confirm")
        assert (await ada.http("GET", PATH)).status == 200


async def test_one_export_at_a_time_and_few_in_all() -> None:
    async with running("my_data") as chat:
        _, ada = await two(chat)
        desk = next(e.instance for e in chat._server._plugins.all if e.name == "my_data")._desk
        parts = await desk.export(ada.user, ada.token, "")
        await anext(parts)
        assert (await ada.http("GET", EXPORT)).json["error"]["code"] == "limit.count"
        await parts.aclose()
        assert (await ada.http("GET", EXPORT)).status == 200
        assert (await ada.http("GET", EXPORT)).json["error"]["code"] == "limit.rate"


async def test_a_reader_who_leaves_ends_the_export() -> None:
    async with running("my_data") as chat:
        _, ada = await two(chat)
        reader, writer = await asyncio.open_connection("127.0.0.1", chat.port)
        head = f"GET {EXPORT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {ada.token}\r\n\r\n"
        writer.write(head.encode())
        assert b"200" in await reader.readline()
        writer.close()
        records = chat._server.context("my_data").expiring
        async with asyncio.timeout(60):
            while await records.get(ada.id) is not None:
                await asyncio.sleep(0.01)


async def test_staff_alone_sees_how_much_is_held_of_others() -> None:
    async with running("my_data") as chat:
        owner, ada = await two(chat)
        path = f"/api/v1/users/{ada.id}/data"
        answer = await owner.http("GET", path)
        assert (answer.status, answer.json["user"]) == (200, ada.id)
        assert (await ada.http("GET", f"/api/v1/users/{owner.id}/data")).status == 403
        assert (await owner.http("GET", "/api/v1/users/nobody/data")).status == 404


def unchunked(body: bytes) -> bytes:
    """The content of a body in chunks (RFC 9112, 7.1); of another one, the body."""
    if body.startswith(b"PK"):
        return body
    found = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size, 16)
        found += rest[:length]
        body = rest[length + 2 :]
        if not length:
            break
    return found
