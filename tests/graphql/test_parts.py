"""Other plugins add types and fields; with a part that does not fit the server refuses to start, and names it."""

from pathlib import Path
from typing import Any

import pytest

from chatserver import GraphQLPart, StartupError
from chatserver_plugins.graphql.part import own_part
from chatserver_plugins.graphql.schema import build
from tests.graphql.asker import Asker
from tests.graphql.conftest import PLUGINS, Start
from tests.protocol.running import Running

LOCAL = Path(__file__).parent / "local"


def with_birthdays(start: Start, **settings: object) -> Running:
    return start(
        {"plugins.folder": str(LOCAL), "plugins.enabled": [*PLUGINS, "birthdays"], **settings}
    )


async def test_a_plugin_adds_types_and_fields(start: Start) -> None:
    server = with_birthdays(start)
    ada = Asker(server, await server.person("ada"))
    data = await ada.ask(
        "{ me { name birthday { month dayOfMonth season } }"
        " days { __typename ... on Birthday { month } ... on Holiday { name } } }"
    )
    assert data["me"] == {
        "name": "ada",
        "birthday": {"month": 12, "dayOfMonth": 24, "season": "COLD"},
    }
    assert data["days"] == [
        {"__typename": "Birthday", "month": 2},
        {"__typename": "Holiday", "name": "May day"},
    ]
    text = "{" + " ".join(f"d{n}: days {{ __typename }}" for n in range(50)) + "}"
    assert await ada.code(text.replace("days {", "days(first: 100) {")) == "graphql.cost"


async def test_the_codes_of_a_plugin_reach_the_client(start: Start) -> None:
    (error,) = (await Asker(with_birthdays(start)).answer("{ lostDay { month } }"))["errors"]
    assert error["message"] == "The day is lost."
    assert error["extensions"] == {
        "code": "birthdays.lost",
        "retry": "later",
        "after_ms": 50,
        "detail": {"where": "calendar"},
    }


@pytest.mark.parametrize("debug", [False, True])
async def test_accidents_are_logged_and_shown_in_debug_only(start: Start, debug: bool) -> None:
    server = with_birthdays(start, **{"server.debug": debug})
    answer = await Asker(server).answer("{ brokenDay { month } }")
    (error,) = answer["errors"]
    assert answer["data"] == {"brokenDay": None}
    assert error["message"] == "The server made a mistake."
    assert error["extensions"]["code"] == "server.internal"
    assert ("a secret of the plugin" in str(answer)) is debug
    (logged,) = server.take_errors()
    assert "a secret of the plugin" in logged
    assert "brokenDay" in logged


async def test_the_hook_may_be_there_without_the_plugin_that_serves_it(start: Start) -> None:
    server = start(
        {"plugins.folder": str(LOCAL), "plugins.enabled": ["memory", "password", "birthdays"]}
    )
    assert (await server.http("GET", "/graphql")).status_code == 404


FIELD = 'extend type Query { "A." a: Int! }'
BAD: dict[str, dict[str, Any]] = {
    "Expected Name": {"sdl": "type {"},
    "Unknown type": {"sdl": 'extend type Query { "A." a: Nothing }'},
    "User is defined by chat": {"sdl": 'type User { "A." a: Int }'},
    "Query.me is defined by chat": {"sdl": 'extend type Query { "A." me: Int }'},
    "no field Query.b to resolve": {"sdl": FIELD, "resolvers": {"Query.b": len}},
    "no field Query.c to declare a cost for": {"sdl": FIELD, "costs": {"Query.c": 5}},
    "no enum or type D": {"sdl": FIELD, "kinds": {"D": int}},
}


@pytest.mark.parametrize("reason", BAD)
def test_a_part_that_does_not_fit_is_named(reason: str) -> None:
    with pytest.raises(StartupError, match="another") as error:
        build([own_part(), GraphQLPart(name="another", **BAD[reason])])
    assert reason in str(error.value)


def test_two_parts_of_one_name_refuse_to_start(start: Start, tmp_path: Path) -> None:
    source = (LOCAL / "birthdays.py").read_text()
    (tmp_path / "first.py").write_text(source)
    (tmp_path / "second.py").write_text(source)
    with pytest.raises(StartupError, match="plugin second: birthdays is taken by first"):
        start({"plugins.folder": str(tmp_path), "plugins.enabled": [*PLUGINS, "first", "second"]})
