"""Parameters in the paths of plugins' routes, and which of several routes answers."""

import json
from pathlib import Path

import pytest

from chatserver.errors import StartupError
from chatserver.web.paths import pattern
from tests.protocol.conftest import Start
from tests.protocol.running import Running

ENABLED = {
    "plugins.folder": str(Path(__file__).parent / "plugins"),
    "plugins.enabled": ["memory", "password", "metrics", "parcels"],
}


@pytest.fixture
def server(start: Start) -> Running:
    return start(ENABLED)


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("/up/kitchen", {"room": "kitchen"}),
        ("/up/kitchen/cat.png", {"room": "kitchen", "name": "cat.png"}),
        ("/up/kitchen/fixed", {"room": "kitchen"}),
        ("/up/a/b/c", {"rest": "a/b/c"}),
        ("/up/a//c", {"rest": "a//c"}),
        ("/up/J%C3%B6rg/a%2Fb%20c", {"room": "Jörg", "name": "a/b c"}),
        ("/up/x/..%2F..", {"room": "x", "name": "../.."}),
        ("/up/x/a+b", {"room": "x", "name": "a+b"}),
    ],
)
async def test_parameters_are_told_decoded(
    server: Running, path: str, parameters: dict[str, str]
) -> None:
    answer = await server.http("GET", path)
    assert (answer.status_code, answer.json()) == (200, parameters)
    head = await server.http("HEAD", path)
    assert head.headers["content-length"] == answer.headers["content-length"]


async def test_a_parameter_is_never_empty_and_always_text(server: Running) -> None:
    for path, status in (("/up/", 404), ("/up", 404), ("/up/%ff", 400)):
        assert (await server.http("GET", path)).status_code == status


async def test_a_socket_gets_its_parameters_too(server: Running) -> None:
    anna = await server.person("anna")
    async with anna.connect(path="/up/kitchen/door") as client:
        assert client.hello == {"sys": "hello", "room": "kitchen", "name": "door"}


async def test_metrics_show_the_pattern_and_no_value(server: Running) -> None:
    await server.http("GET", "/up/kitchen/secret")
    shown = (await server.http("GET", "/metrics")).text
    assert 'route="/up/{room}/{name}"' in shown
    assert "secret" not in shown


async def test_an_error_has_the_form_of_its_route(server: Running) -> None:
    answer = await server.http("GET", "/broken/any")
    assert (answer.status_code, answer.json()) == (403, {"mine": "room.forbidden"})


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("up", "does not begin with /"),
        ("/up/{}", "no parameter"),
        ("/up/{Name}", "no parameter"),
        ("/up/a{name}", "no parameter"),
        ("/up/name}", "no parameter"),
        ("/{a}/{a}", "two parameters of one name"),
        ("/{a...}/b", "goes on after"),
    ],
)
def test_paths_that_mean_nothing(path: str, words: str) -> None:
    with pytest.raises(StartupError, match=words):
        pattern(path)


def test_a_fixed_text_is_taken_as_it_is() -> None:
    assert pattern("/a.b/(c)").regex == r"/a\.b/\(c\)"


PLUGIN = """
from chatserver import Reply, Route, hookimpl

class Plugin:
    def __init__(self, config):
        pass

    @hookimpl
    def register_routes(self, context):
        async def get(request):
            return Reply(body=b"{}")
        return [Route(path=path, get=get) for path in PATHS]
"""


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        (["/up/{a}", "/up/{b}"], "/up/{b} matches the same as /up/{a} of mine"),
        (["/api/v1/rooms/{room}"], "an address of the server itself"),
        (["/static/{file...}"], "an address of the server itself"),
        (["/a/{x"], "no parameter"),
    ],
)
def test_routes_that_do_not_fit_are_named_at_start(
    start: Start, tmp_path: Path, paths: list[str], words: str
) -> None:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "mine.py").write_text(f"PATHS = {json.dumps(paths)}\n{PLUGIN}")
    with pytest.raises(StartupError, match="plugin mine: ") as raised:
        start(
            {
                "plugins.folder": str(folder),
                "plugins.enabled": ["memory", "password", "mine"],
            }
        )
    assert words in str(raised.value)
