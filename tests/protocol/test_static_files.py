"""The page's files under an address that is a digest of them, to be kept for ever by browsers and a CDN."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from chatserver import StartupError
from chatserver.config import load
from chatserver.errors import ChatError
from chatserver.web.pages import StaticFiles
from tests.protocol.conftest import Start
from tests.waiting import until

STATIC = Path(__file__).parents[2] / "static"
LASTING = "public, max-age=31536000, immutable"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(STATIC, tmp_path / "page"))


def version_of(files: StaticFiles) -> str:
    found = re.search(
        rb'src="[^"]*/static/([0-9a-f]{16})/joined/app.js"', files.read("index.html").data
    )
    assert found is not None
    return found[1].decode()


async def test_all_that_the_page_loads_may_be_kept_for_ever(start: Start) -> None:
    server = start()
    page = await server.http("GET", "/")
    assert page.headers["cache-control"] == "no-cache"
    names = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(names) == 5
    for name in names:
        answer = await server.http("GET", name)
        assert answer.status_code == 200, name
        lasts = answer.headers["cache-control"] == LASTING
        assert (
            lasts == bool(re.match(r"/static/[0-9a-f]{16}/", name)) == ("webmanifest" not in name)
        )
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    script = next(name for name in names if name.endswith("app.js"))
    folder = script.removesuffix("joined/app.js")
    for name in ("app.js", "lib/socket.js", "joined/app.js.map", "joined/texts/en.js"):
        inside = await server.http("GET", folder + name)
        assert (inside.status_code, inside.headers["cache-control"]) == (200, LASTING), name
    bare = await server.http("GET", "/static/app.js")
    assert bare.headers["cache-control"] == "no-cache"
    assert bare.content == (STATIC / "app.js").read_bytes()


async def test_texts_are_packed_for_whoever_takes_gzip_and_for_nobody_else(start: Start) -> None:
    server = start()
    for path in ("/", "/static/joined/app.js", "/static/icon.svg"):
        plain = await server.http("GET", path, headers={"Accept-Encoding": "gzip;q=0, identity"})
        packed = await server.http("GET", path, headers={"Accept-Encoding": "zstd, GZIP;q=0.5"})
        if path.endswith(".svg"):  # shorter than what packing is for
            assert {plain.headers.get("vary"), packed.headers.get("content-encoding")} == {None}
            continue
        assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
        assert "content-encoding" not in plain.headers
        assert packed.headers["content-encoding"] == "gzip"
        assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 1.5
        assert packed.content == plain.content
        assert packed.headers["etag"] != plain.headers["etag"]
        for seen in (packed.headers["etag"], "W/" + packed.headers["etag"]):
            given = {"Accept-Encoding": "gzip", "If-None-Match": seen}
            again = await server.http("GET", path, headers=given)
            assert (again.status_code, again.content) == (304, b"")
            other = await server.http("GET", path, headers=given | {"Accept-Encoding": "zstd"})
            assert other.status_code == 200


async def test_texts_are_packed_with_brotli_a_moment_after_somebody_asked(start: Start) -> None:
    server = start()
    for path in ("/static/joined/app.js", "/api/v1/page"):
        gzip = await server.http("GET", path, headers={"Accept-Encoding": "gzip"})

        async def brotli(path: str = path) -> Any:
            answer = await server.http("GET", path, headers={"Accept-Encoding": "gzip, br"})
            return answer if answer.headers["content-encoding"] == "br" else None

        await until(lambda brotli=brotli: brotli())
        answer = await brotli()
        assert answer.content == gzip.content and answer.headers["vary"] == "Accept-Encoding"
        assert int(answer.headers["content-length"]) < int(gzip.headers["content-length"])
        refused = {"Accept-Encoding": "br;q=0, gzip"}
        assert (await server.http("GET", path, headers=refused)).headers[
            "content-encoding"
        ] == "gzip"
    seen = {
        "Accept-Encoding": "br",
        "If-None-Match": (await brotli("/static/joined/app.js")).headers["etag"],
    }
    assert (await server.http("GET", "/static/joined/app.js", headers=seen)).status_code == 304


async def test_the_page_says_what_its_script_will_ask_for(start: Start) -> None:
    server = start()
    page = await server.http("GET", "/", headers={"Accept-Language": "fr, ja-JP;q=0.9, en;q=0.8"})
    link = re.fullmatch(
        r"<(/static/[0-9a-f]{16}/joined/texts/ja.js)>; rel=modulepreload", page.headers["link"]
    )
    assert link is not None
    assert (await server.http("GET", link[1])).headers["cache-control"] == LASTING
    for languages in ("en-GB, ja", "fr", ""):
        plain = await server.http("GET", "/", headers={"Accept-Language": languages})
        assert re.fullmatch(
            r"</static/\w{16}/joined/texts/en.js>; rel=modulepreload", plain.headers["link"]
        )
    cookie = {"Cookie": "chat_session=x", "Accept-Language": "en"}
    known = await server.http("GET", "/", headers=cookie)
    assert known.headers["link"].endswith(
        ", </api/v1/me>; rel=preload; as=fetch; crossorigin"
        ", </api/v1/rooms>; rel=preload; as=fetch; crossorigin"
    )


def test_any_change_changes_the_address(folder: Path) -> None:
    first = version_of(StaticFiles(str(folder), debug=False))
    assert first == version_of(StaticFiles(str(folder), debug=False))
    (folder / "lib/new.js").write_text("")
    second = version_of(StaticFiles(str(folder), debug=False))
    (folder / "lib/new.js").rename(folder / "lib/other.js")
    third = version_of(StaticFiles(str(folder), debug=False))
    (folder / "lib/other.js").write_text("1")
    fourth = version_of(StaticFiles(str(folder), debug=False))
    assert len({first, second, third, fourth}) == 4


def test_another_version_gets_this_ones_file_and_nobody_keeps_it(folder: Path) -> None:
    files = StaticFiles(str(folder), debug=False)
    version = version_of(files)
    assert files.read(f"{version}/app.js").caching == LASTING
    other = files.read("0123456789abcdef/app.js")
    assert (other.caching, other.data) == ("no-cache", (STATIC / "app.js").read_bytes())
    for path in (
        version,
        f"{version}/",
        f"{version}/no.js",
        f"{version}/{version}/app.js",
        f"{version}/../app.js",
    ):
        with pytest.raises(ChatError, match=r"request\.not_found"):
            files.read(path)


def test_a_page_that_cannot_be_joined_is_served_as_it_is(folder: Path) -> None:
    (folder / "lib/linkify.js").write_text("export let segments = () => [];\n")
    files = StaticFiles(str(folder), debug=False)
    page = files.read("index.html").data
    found = re.search(rb'src="/static/([0-9a-f]{16}/app.js)"', page)
    assert found is not None and b"joined/page.css" in page
    assert files.read(found[1].decode()).data == (STATIC / "app.js").read_bytes()
    (folder / "css/base.css").write_text('@import "other.css";')
    assert b"joined/page.css" not in StaticFiles(str(folder), debug=False).read("index.html").data


def test_the_joined_sheet_has_all_sheets_in_their_order(folder: Path) -> None:
    sheet = StaticFiles(str(folder), debug=False).read("joined/page.css").data.decode()
    named = re.findall(r'href="/static/(css/[^"]+)"', (STATIC / "index.html").read_text())
    # Without comments and indentation, and otherwise as they are.
    sheets = [re.sub(r"/\*.*?\*/|^[ \t]+", "", _text(name), flags=re.S | re.M) for name in named]
    places = [sheet.index(each) for each in sheets]
    assert len(places) > 3 and places == sorted(places)
    assert sheet.count("/*") == len(named), "each is named by one comment"


def _text(name: str) -> str:
    return (STATIC / name).read_text()


def test_in_development_changed_files_are_served_at_once(folder: Path) -> None:
    files = StaticFiles(str(folder), debug=True)
    assert b'src="/static/app.js"' in files.read("index.html").data
    (folder / "app.js").write_text("changed")
    assert (files.read("app.js").data, files.read("app.js").caching) == (b"changed", "no-cache")


async def test_files_from_another_origin(start: Start) -> None:
    server = start({"server.static_url": "https://cdn.example.org/chat/static/"})
    page = await server.http("GET", "/")
    scripts = re.findall(r'src="([^"]+)"', page.text)
    assert len(scripts) == 1
    named = re.fullmatch(r"https://cdn\.example\.org/chat/static/(.+)/joined/app\.js", scripts[0])
    assert named is not None
    version = named[1]
    assert 'href="/static/manifest.webmanifest"' in page.text
    policy = dict(
        part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";")
    )
    for name in ("script-src", "style-src", "img-src"):
        assert policy[name].split()[:2] == ["'self'", "https://cdn.example.org"]
    assert policy["manifest-src"] == "'self'" and policy["connect-src"] == "'self' ws: wss:"
    file = await server.http("GET", f"/static/{version}/app.js")
    assert file.headers["cache-control"] == LASTING
    assert file.headers["access-control-allow-origin"] == "*"
    assert file.headers["cross-origin-resource-policy"] == "cross-origin"
    other = await server.http("GET", "/api/v1/me")
    assert "access-control-allow-origin" not in other.headers
    assert "cdn.example.org" not in other.headers["content-security-policy"]


@pytest.mark.parametrize("url", ["https://cdn.example.org/", "http://localhost:8080/x/", "/files/"])
def test_an_address_for_the_files(url: str) -> None:
    assert load(environ={}, overrides={"server.static_url": url}).config.server.static_url == url


@pytest.mark.parametrize(
    "url",
    [
        "https://cdn.example.org",
        "cdn.example.org/",
        "//cdn.example.org/",
        "https://a b/",
        'https://x/">/',
        "/a;b/",
    ],
)
def test_what_is_no_address_for_the_files_is_refused(url: str) -> None:
    with pytest.raises(StartupError, match="static_url"):
        load(environ={}, overrides={"server.static_url": url})
