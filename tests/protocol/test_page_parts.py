"""The list of what plugins add to the page, and their files."""

from pathlib import Path

import pytest

from chatserver.errors import StartupError
from tests.protocol.conftest import Start

PLUGIN = """
from pathlib import Path
from chatserver import PagePart, hookimpl

class Plugin:
    def __init__(self, config):
        pass

    @hookimpl
    def register_page(self):
        return RETURNED
"""
LASTING = "public, max-age=31536000, immutable"


def settings(folder: Path, returned: str) -> dict[str, object]:
    (folder / "plugins").mkdir()
    (folder / "plugins" / "mine.py").write_text(PLUGIN.replace("RETURNED", returned))
    page = folder / "page"
    (page / "lib").mkdir(parents=True, exist_ok=True)
    (page / "a.js").write_text("export default () => {};")
    (page / "lib/b.js").write_text("export const b = 1;")
    (page / "a.css").write_text("p {}")
    (folder / "secret").write_text("secret")
    return {
        "plugins.folder": str(folder / "plugins"),
        "plugins.enabled": ["memory", "password", "mine"],
    }


async def test_parts_are_listed_and_their_files_served(start: Start, tmp_path: Path) -> None:
    page = tmp_path / "page"
    page.mkdir()
    for name in ("late.js", "staff.js"):
        (page / name).write_text("export default () => {};")
    files = "modules=('a.js',), styles=('a.css',), late_modules=('late.js',), staff_modules=('staff.js',)"
    part = f"PagePart(folder=Path({str(page)!r}), {files})"
    server = start(settings(tmp_path, part))
    packed = {"Accept-Encoding": "gzip"}
    answer = await server.http("GET", "/api/v1/page", headers=packed)
    (listed,) = answer.json()["parts"]
    assert answer.headers["content-encoding"] == "gzip"
    plain = await server.http("GET", "/api/v1/page", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers and plain.json() == answer.json()
    assert listed["plugin"] == "mine"
    (module,), (style,) = listed["modules"], listed["styles"]
    assert listed["late_modules"] == [module.replace("a.js", "late.js")]
    assert listed["staff_modules"] == [module.replace("a.js", "staff.js")]
    for address, kind in (
        (module, "text/javascript; charset=utf-8"),
        (module.replace("a.js", "lib/b.js"), "text/javascript; charset=utf-8"),
        (style, "text/css; charset=utf-8"),
    ):
        file = await server.http("GET", address)
        assert (file.status_code, file.headers["content-type"]) == (200, kind)
        assert file.headers["cache-control"] == LASTING
        assert file.headers["content-security-policy"] == "default-src 'none'"
        again = await server.http("GET", address, headers={"If-None-Match": file.headers["etag"]})
        assert again.status_code == 304
    bare = await server.http("GET", "/plugins/mine/a.js")
    assert (bare.status_code, bare.headers["cache-control"]) == (200, "no-cache")
    for path in ("../secret", "..%2Fsecret", "lib", "", "no.js"):
        assert (await server.http("GET", f"/plugins/mine/{path}")).status_code == 404
    assert (await server.http("GET", "/plugins/other/a.js")).status_code == 404


async def test_without_parts_the_list_is_empty(start: Start) -> None:
    assert (await start().http("GET", "/api/v1/page")).json() == {"parts": []}


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ("PagePart(folder=Path('/nowhere'), modules=('a.js',))", "there is no a.js in /nowhere"),
        ("PagePart(folder=Path('/nowhere'), late_modules=('l.js',))", "there is no l.js in"),
        ("PagePart(folder=Path('/nowhere'), staff_modules=('s.js',))", "there is no s.js in"),
        ("[]", "plugin mine: register_page returned list, not PagePart"),
    ],
)
def test_a_part_that_is_not_there_refuses_to_start(
    start: Start, tmp_path: Path, returned: str, words: str
) -> None:
    with pytest.raises(StartupError) as raised:
        start(settings(tmp_path, returned))
    assert words in str(raised.value)
