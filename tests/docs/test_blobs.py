"""The page about files: its plugin keeps one, its configurations load, its suite is the one that there is."""

import hashlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from chatserver.app import Server
from chatserver.config import load
from chatserver.hooks.loading import Plugins
from tests.docs.pages import ROOT, blocks, write_files
from tests.plugins.pictures import png

PAGE = ROOT / "docs/plugins/blobs.md"
PASSWORD = "correct horse battery"
PICTURE = png(300, 200)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with every file of the page in it."""
    monkeypatch.chdir(tmp_path)
    write_files(PAGE, tmp_path)
    return tmp_path


@asynccontextmanager
async def served(folder: Path, *plugins: str) -> AsyncIterator[tuple[Server, str]]:
    settings = {
        "server.data": str(folder / "data"),
        "server.port": 0,
        "logging.folder": "",
        "plugins.folder": "local",
        "plugins.enabled": ["memory", "password", "logo", *plugins],
    }
    if "disk_blobs" in plugins:
        settings["plugin.disk_blobs.min_free_percent"] = 0
    async with Server(load(overrides=settings, environ={})).opened() as opened:
        yield opened, f"http://127.0.0.1:{opened.listen()}/logo"
        await opened.drain()


def test_every_block_is_tried() -> None:
    assert {block.info[-1] for block in blocks(PAGE)} == {
        "local/logo.py",
        "toml",
        "tests/test_my_blobs.py",
    }


def test_the_configurations_load(folder: Path) -> None:
    for block in blocks(PAGE):
        if block.language == "toml":
            (folder / "chat.toml").write_text(block.text)
            Plugins(load("chat.toml", environ={}).config, folder / "data").calls()


async def test_the_picture_is_replaced_and_shown(folder: Path) -> None:
    async with served(folder, "disk_blobs") as (server, url):
        accounts = server.service.accounts
        owner, token = await accounts.register("ada", PASSWORD)
        _, members = await accounts.register("bob", PASSWORD)
        staff = {"Authorization": f"Bearer {token}", "Content-Type": "image/png"}
        async with httpx.AsyncClient() as http:
            assert (await http.get(url)).status_code == 404
            refused = await http.put(
                url, content=PICTURE, headers={"Authorization": f"Bearer {members}"}
            )
            assert refused.status_code == 403
            for content in (b"old", PICTURE):
                done = await http.put(url, content=content, headers=staff)
                assert done.status_code == 204, done.text
            whole = await http.get(url)
            tag = f'"{hashlib.sha256(PICTURE).hexdigest()}"'
            assert (whole.status_code, whole.content) == (200, PICTURE)
            assert whole.headers["ETag"] == tag
            assert whole.headers["Content-Type"] == "image/png"
            assert whole.headers["Content-Length"] == str(len(PICTURE))
            part = await http.get(url, headers={"Range": "bytes=10-19"})
            assert (part.status_code, part.content) == (206, PICTURE[10:20])
            assert part.headers["Content-Range"] == f"bytes 10-19/{len(PICTURE)}"
            late = await http.get(url, headers={"Range": "bytes=99999-"})
            assert (late.status_code, late.content) == (416, b"")
            same = await http.get(url, headers={"If-None-Match": tag})
            assert (same.status_code, same.content) == (304, b"")
            head = await http.head(url)
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["Content-Length"] == str(len(PICTURE))
            assert (await http.get(url)).content == PICTURE  # on the same connection
        usage = await server.service.blobs.usage(owner.id)
        assert usage.bytes == len(PICTURE) + len(b"old")


async def test_without_a_place_the_server_says_so(folder: Path) -> None:
    async with served(folder) as (server, url):
        _, token = await server.service.accounts.register("ada", PASSWORD)
        async with httpx.AsyncClient() as http:
            done = await http.put(url, content=b"x", headers={"Authorization": f"Bearer {token}"})
        assert (done.status_code, done.json()["error"]["code"]) == (501, "blob.none")


def test_the_suite_is_the_one_that_there_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "my_blobs.py").write_text(
        "from chatserver_plugins.disk_blobs import DiskBlobs as MyBlobs\n"
    )
    monkeypatch.syspath_prepend(str(folder))
    source = (folder / "tests/test_my_blobs.py").read_text()
    names: dict[str, type] = {}
    exec(compile(source, "test_my_blobs.py", "exec"), names)
    assert "test_ranges" in dir(names["TestMyBlobs"])
    sys.modules.pop("my_blobs", None)
