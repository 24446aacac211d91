"""The tus protocol 1.0, request by request: what breaks off goes on, on any node, and one connection at a time."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.plugins.pictures import png_of
from tests.protocol.running import Person, Running
from tests.protocol.upload import upload as sending
from tests.servers import Mongod
from tests.waiting import until

ENABLED = ["sqlite", "password", "metrics", "disk_blobs", "uploads"]
SPOKEN = {"Tus-Resumable": "1.0.0"}
BYTES = "application/offset+octet-stream"
ADDING = SPOKEN | {"Content-Type": BYTES}
CONTENT = png_of(500_000)


def settings(folder: Path, **more: object) -> dict[str, object]:
    return {"plugins.enabled": ENABLED, "blobs.largest_mb": 2, **more}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    with Running(tmp_path / "data", settings(tmp_path)) as running:
        yield running
        assert not running.take_errors()


async def create(person: Person, size: int, **headers: str) -> str:
    """The path of a new upload."""
    given = SPOKEN | {"Upload-Length": str(size)} | headers
    made = await person.http("POST", "/api/v1/uploads", headers=given)
    assert made.status_code == 201, made.text
    assert made.headers["tus-resumable"] == "1.0.0"
    return str(made.headers["location"])


async def add(person: Person, path: str, offset: int, content: Any) -> httpx.Response:
    headers = ADDING | {"Upload-Offset": str(offset)}
    return await person.http("PATCH", path, content=content, headers=headers)


async def offset(person: Person, path: str) -> int:
    found = await person.http("HEAD", path, headers=SPOKEN)
    assert found.status_code == 200, found.headers
    assert found.headers["cache-control"] == "no-store"
    return int(found.headers["upload-offset"])


def file_of(path: str) -> str:
    return path.replace("/uploads/", "/files/")


async def test_a_file_is_sent_in_pieces_and_shown_to_its_owner(server: Running) -> None:
    anna, eve = await server.people("anna", "eve")
    name = base64.b64encode(b"katze.png").decode()
    kind = base64.b64encode(b"image/png").decode()
    path = await create(
        anna, len(CONTENT), **{"Upload-Metadata": f"filename {name},filetype {kind}"}
    )
    assert await offset(anna, path) == 0
    for start in range(0, len(CONTENT), 200_000):
        piece = CONTENT[start : start + 200_000]
        added = await add(anna, path, start, piece)
        assert added.status_code == 204, added.text
        assert int(added.headers["upload-offset"]) == start + len(piece)
    shown = await anna.http("GET", file_of(path))
    assert shown.content == CONTENT
    assert shown.headers["content-type"] == "image/png"
    assert "katze.png" in shown.headers["content-disposition"]
    part = await anna.http("GET", file_of(path), headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, CONTENT[100:200])
    assert (await eve.http("GET", file_of(path))).status_code == 404
    assert (await eve.http("HEAD", path, headers=SPOKEN)).status_code == 404
    assert (await add(eve, path, 0, b"x")).status_code == 404
    assert (await eve.http("DELETE", path, headers=SPOKEN)).status_code == 404


async def test_what_came_before_the_connection_broke_is_kept(server: Running) -> None:
    anna = await server.person("anna")
    path = await create(anna, len(CONTENT))
    bearer = f"Authorization: Bearer {anna.token}"
    fields = (bearer, "Tus-Resumable: 1.0.0", "Upload-Offset: 0")
    async with sending(server, "PATCH", path, len(CONTENT), *fields, kind=BYTES) as sent:
        sent.send(CONTENT[:300_000])
        await asyncio.sleep(0.2)

    async def kept_some() -> bool:
        return await offset(anna, path) > 0

    await until(kept_some)
    kept = await offset(anna, path)
    assert 0 < kept <= 300_000
    assert (await add(anna, path, kept, CONTENT[kept:])).status_code == 204
    assert (await anna.http("GET", file_of(path))).content == CONTENT


async def test_a_body_may_come_with_the_creation(server: Running) -> None:
    anna = await server.person("anna")
    headers = ADDING | {"Upload-Length": str(len(CONTENT))}
    made = await anna.http("POST", "/api/v1/uploads", content=CONTENT[:1000], headers=headers)
    assert (made.status_code, made.headers["upload-offset"]) == (201, "1000")
    path = made.headers["location"]
    assert (await add(anna, path, 1000, CONTENT[1000:])).status_code == 204
    assert (await anna.http("GET", file_of(path))).content == CONTENT


async def test_chunks_without_a_length_and_an_empty_file(server: Running) -> None:
    anna = await server.person("anna")

    async def parts() -> AsyncIterator[bytes]:
        for start in range(0, len(CONTENT), 90_000):
            yield CONTENT[start : start + 90_000]

    path = await create(anna, len(CONTENT))
    assert (await add(anna, path, 0, parts())).status_code == 204
    assert (await anna.http("GET", file_of(path))).content == CONTENT
    empty = await create(anna, 0)
    assert (await anna.http("GET", file_of(empty))).content == b""


async def test_another_node_goes_on(tmp_path: Path) -> None:
    """Two workers of one server share the port; here each has its own, over one store and folder."""
    with ExitStack() as stack:
        mongod = Mongod(tmp_path / "mongod")
        mongod.start()
        stack.callback(mongod.stop)
        shared = {
            "plugins.enabled": ["mongo", "password", "gridfs", "uploads"],
            "plugin.mongo.uri": mongod.uri,
            "plugin.gridfs.uri": mongod.uri,
        }
        one = stack.enter_context(Running(tmp_path / "one", shared))
        two = stack.enter_context(Running(tmp_path / "two", shared))
        anna = await one.person("anna")
        there = Person(two, anna.user, anna.token)
        path = await create(anna, len(CONTENT))
        assert (await add(anna, path, 0, CONTENT[:1000])).status_code == 204
        assert await offset(there, path) == 1000
        assert (await add(there, path, 1000, CONTENT[1000:])).status_code == 204
        assert (await anna.http("GET", file_of(path))).content == CONTENT


@pytest.mark.parametrize(
    ("method", "headers", "content", "status", "code"),
    [
        ("PATCH", SPOKEN | {"Upload-Offset": "0"}, b"x", 415, "request.media_type"),
        ("PATCH", ADDING, b"x", 400, "request.invalid"),
        ("PATCH", ADDING | {"Upload-Offset": "-1"}, b"x", 400, "request.invalid"),
        ("PATCH", ADDING | {"Upload-Offset": "7"}, b"x", 409, "blob.offset"),
        ("PATCH", ADDING | {"Upload-Offset": "0"}, b"x" * 101, 413, "blob.too_large"),
        ("PATCH", {"Content-Type": BYTES, "Upload-Offset": "0"}, b"x", 412, "tus.version"),
        (
            "PATCH",
            ADDING | {"Upload-Offset": "0", "Tus-Resumable": "0.2"},
            b"x",
            412,
            "tus.version",
        ),
        ("DELETE", {}, None, 412, "tus.version"),
    ],
)
async def test_what_does_not_fit_is_refused(
    server: Running,
    method: str,
    headers: dict[str, str],
    content: bytes | None,
    status: int,
    code: str,
) -> None:
    anna = await server.person("anna")
    path = await create(anna, 100)
    answer = await anna.http(method, path, content=content, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers["tus-resumable"] == "1.0.0"
    assert await offset(anna, path) == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"Upload-Length": "many"}, 400),
        ({"Upload-Length": "2000001"}, 413),
        ({"Upload-Length": "5", "Upload-Metadata": "filename %%%"}, 400),
        ({"Upload-Length": "5", "Upload-Metadata": "filename /w=="}, 400),
        ({"Upload-Length": "5", "Upload-Metadata": "a " + "A" * 5000}, 400),
    ],
)
async def test_an_upload_that_cannot_be_is_not_made(
    server: Running, headers: dict[str, str], status: int
) -> None:
    anna = await server.person("anna")
    answer = await anna.http("POST", "/api/v1/uploads", headers=SPOKEN | headers)
    assert answer.status_code == status, answer.text


async def test_nobody_uploads_without_a_session_and_no_body_is_read(server: Running) -> None:
    given = ("Tus-Resumable: 1.0.0", "Upload-Length: 2000000", "Expect: 100-continue")
    async with sending(server, "POST", "/api/v1/uploads", 2_000_000, *given, kind=BYTES) as sent:
        assert await sent.head() == (401, "auth.required")


async def test_an_upload_is_cancelled(server: Running) -> None:
    anna = await server.person("anna")
    path = await create(anna, 100)
    await add(anna, path, 0, b"x" * 50)
    gone = await anna.http("DELETE", path, headers=SPOKEN)
    assert gone.status_code == 204
    assert (await anna.http("HEAD", path, headers=SPOKEN)).status_code == 404
    assert (await anna.http("DELETE", path, headers=SPOKEN)).status_code == 404


async def test_a_complete_upload_is_cancelled_too(server: Running) -> None:
    anna = await server.person("anna")
    path = await create(anna, 50)
    await add(anna, path, 0, b"x" * 50)
    assert (await anna.http("DELETE", path, headers=SPOKEN)).status_code == 204


async def test_a_page_of_another_origin_uploads(tmp_path: Path) -> None:
    page = {"Origin": "https://page.example"}
    allowed = settings(tmp_path, **{"server.allowed_origins": ["https://page.example"]})

    def named(answer: httpx.Response, header: str) -> set[str]:
        return set(answer.headers[header].lower().split(", "))

    with Running(tmp_path / "data", allowed) as server:
        anna = await server.person("anna")
        path = await create(anna, 50)
        for address, method in (("/api/v1/uploads", "POST"), (path, "PATCH")):
            asking = page | {"Access-Control-Request-Method": method}
            answer = await server.http("OPTIONS", address, headers=asking)
            assert answer.status_code == 204
            assert method in answer.headers["access-control-allow-methods"]
            sent = {"upload-length", "upload-metadata", "upload-offset", "tus-resumable"}
            assert sent < named(answer, "access-control-allow-headers")
        answer = await anna.http("HEAD", path, headers=SPOKEN | page)
        readable = named(answer, "access-control-expose-headers")
        assert {"location", "retry-after", "upload-offset", "upload-length"} < readable
        other = await anna.http("GET", "/api/v1/me", headers=page)
        assert named(other, "access-control-expose-headers") == {"retry-after", "x-request-id"}


async def test_what_the_server_can_do_is_told_to_anybody(server: Running) -> None:
    answer = await server.http("GET", "/api/v1/uploads")
    assert answer.status_code == 204
    assert answer.headers["tus-version"] == "1.0.0"
    assert answer.headers["tus-max-size"] == "2000000"
    assert answer.headers["tus-extension"].split(",") == [
        "creation",
        "creation-with-upload",
        "termination",
    ]


async def test_without_a_place_for_files_all_say_so(tmp_path: Path) -> None:
    enabled = ["memory", "password", "uploads"]
    with Running(tmp_path / "data", {"plugins.enabled": enabled}) as server:
        anna = await server.person("anna")
        headers = SPOKEN | {"Upload-Length": "5"}
        answer = await anna.http("POST", "/api/v1/uploads", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (501, "blob.none")
