"""Settings that are tables under names of the operator's choice: read, named, shown, secrets hidden."""

from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from chatserver import Settings, StartupError
from chatserver.config import load
from chatserver.config.settings import convert, describe
from chatserver.config.text import hidden


class Door(Settings, frozen=True, kw_only=True):
    uri: Annotated[str, Meta(description="Where.")]
    secret: Annotated[str, Meta(description="What for.")] = "none"


class House(Settings, frozen=True, kw_only=True):
    doors: dict[str, Door] = {}
    floors: Annotated[int, Meta(description="How many.")] = 1


def test_each_table_becomes_its_struct() -> None:
    house = convert({"doors": {"front": {"uri": "x"}, "back": {"uri": "y"}}}, House)
    assert house.doors == {"front": Door(uri="x"), "back": Door(uri="y")}
    assert convert({}, House).doors == {}


@pytest.mark.parametrize(
    ("doors", "text"),
    [
        ({"front": {}}, "plugin.house.doors.front.uri: required, expected text"),
        ({"front": {"uri": 5}}, "plugin.house.doors.front.uri: expected text, got 5"),
        ({"front": {"uri": "x", "secret": 5}}, "doors.front.secret: expected text, got ***"),
        ({"front": {"uri": "x", "urii": ""}}, "doors.front.urii: unknown key (did you mean uri?)"),
        ({"front": 5}, "plugin.house.doors.front: expected a table, got 5"),
        (5, "plugin.house.doors: expected a table, got 5"),
    ],
)
def test_mistakes_have_their_path(doors: object, text: str) -> None:
    with pytest.raises(StartupError) as caught:
        convert({"doors": doors}, House, "plugin.house")
    assert text in str(caught.value)


def test_their_keys_come_from_the_environment_too(tmp_path) -> None:
    (tmp_path / "secret").write_text("a secret\n")
    environ = {
        "CHATSERVER_PLUGIN__HOUSE__DOORS__FRONT__URI": "x",
        "CHATSERVER_PLUGIN__HOUSE__DOORS__FRONT__SECRET_FILE": str(tmp_path / "secret"),
    }
    house = convert(load(environ=environ).config.plugin["house"], House)
    assert house.doors == {"front": Door(uri="x", secret="a secret")}


def test_they_are_described_under_a_name() -> None:
    keys = [setting.key for setting in describe(House)]
    assert keys == ["doors.NAME.uri", "doors.NAME.secret", "floors"]


def test_their_secrets_are_hidden() -> None:
    house = House(doors={"front": Door(uri="http://me:hunter2@x", secret="hunter2")})
    assert "hunter2" not in str(hidden("plugin", msgspec.to_builtins(house)))
