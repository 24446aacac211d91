"""Powers are declared by a plugin's class, checked at start, and shown."""

from pathlib import Path
from typing import Any

import pytest

from chatserver import Powers
from chatserver.config import load
from chatserver.errors import StartupError
from chatserver.hooks.loading import Plugins, declared_by, survey
from chatserver.hooks.powers import PARTS, lines
from chatserver.service.service import Service
from chatserver.testing.running import running

PLUGIN = """
from typing import Annotated
import msgspec
import chatserver

class Plugin:
    class Config(chatserver.Settings, frozen=True, kw_only=True):
        api_token: Annotated[str, msgspec.Meta(description="Secret.")] = ""
        hooks: Annotated[
            dict[str, "Hook"], msgspec.Meta(description="Hooks.")
        ] = msgspec.field(default_factory=dict)

    {powers}

    def __init__(self, config):
        pass

class Hook(msgspec.Struct, frozen=True, kw_only=True):
    key: Annotated[str, msgspec.Meta(description="Secret.")] = ""
"""


def surveyed(folder: Path, powers: str) -> Any:
    (folder / "gadget.py").write_text(PLUGIN.format(powers=powers))
    rows = survey(load(overrides={"plugins.folder": str(folder)}, environ={}).config)
    return next(row for row in rows if row.name == "gadget")


def test_a_declaration_and_secret_settings_are_listed(tmp_path: Path) -> None:
    row = surveyed(
        tmp_path,
        'powers = chatserver.Powers(network=("any",), secrets=("A_KEY",), service=("rooms.get",))',
    )
    assert row.powers == Powers(network=("any",), secrets=("A_KEY",), service=("rooms.get",))
    assert row.secret_settings == ["api_token", "hooks.NAME.key"]


def test_a_plugin_without_a_declaration_is_shown_as_such(tmp_path: Path) -> None:
    assert surveyed(tmp_path, "").powers is None


@pytest.mark.parametrize(
    ("powers", "shown"),
    [
        (None, ["not declared"]),
        (Powers(), ["none"]),
        (
            Powers(network=("any",), secrets=("A_KEY",), service=("rooms", "messages.post")),
            ["network: any", "secret: $A_KEY", "service: rooms", "service: messages.post"],
        ),
    ],
)
def test_powers_have_a_line_each(powers: Powers | None, shown: list[str]) -> None:
    class Plugin:
        pass

    Plugin.powers = powers  # type: ignore[attr-defined]
    assert lines(declared_by("gadget", Plugin)) == shown


@pytest.mark.parametrize(
    ("powers", "problem"),
    [
        ("('any',)", "expected chatserver.Powers, got tuple"),
        ("chatserver.Powers(network='any')", "Expected `array`, got `str` - at `.{2}network`"),
        ("chatserver.Powers(network=(' any',))", "' any' is no name"),
        ("chatserver.Powers(secrets=('',))", "'' is no name"),
        (
            "chatserver.Powers(service=('message.post',))",
            r"the service has no part 'message' \(did you mean messages\?\)",
        ),
        ("chatserver.Powers(service=('zzz',))", "the service has no part 'zzz'$"),
        ("chatserver.Powers(service=('rooms.',))", "'rooms.' is no method of a part"),
        ("chatserver.Powers(service=('rooms.a.b',))", "'rooms.a.b' is no method of a part"),
    ],
)
def test_a_wrong_declaration_refuses_to_start(tmp_path: Path, powers: str, problem: str) -> None:
    (tmp_path / "gadget.py").write_text(PLUGIN.format(powers=f"powers = {powers}"))
    given = {"plugins.folder": str(tmp_path), "plugins.enabled": ["gadget"]}
    with pytest.raises(StartupError, match=f"plugin gadget: powers: {problem}"):
        Plugins(load(overrides=given, environ={}).config, tmp_path)


def test_every_plugin_that_comes_with_the_server_declares_its_powers() -> None:
    rows = survey(load(environ={}).config)
    shipped = [row for row in rows if row.distribution == "pluggable-chatserver"]
    assert len(shipped) > 30
    assert [row.name for row in shipped if row.powers is None] == []


async def test_powers_name_the_parts_that_the_service_has() -> None:
    """Those for the server itself are left out: nobody may declare them."""
    async with running() as chat:
        has = {name for name in (*vars(chat.service), *vars(Service)) if not name.startswith("_")}
    assert has - {"start", "join", "stop", "watch_news"} == PARTS
