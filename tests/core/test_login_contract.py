"""The suite for sign-in methods finds methods that break the contract."""

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from chatserver.testing.loginmethods import LoginMethodContract

PLUGIN = """
import chatserver
from chatserver import LoginDone, LoginField, LoginForm, Identity

count = 0

class Plugin:
    def __init__(self, config): pass

    @chatserver.hookimpl
    def register_login_methods(self):
        return [chatserver.LoginMethod(name="odd", label="Odd", begin=self.begin, proceed=self.proceed)]

    async def begin(self, flow):
        return LoginForm(fields=(LoginField(name="word", label="Word"),), text={text!r}, keep={{"word": "sesame"}})

    async def proceed(self, flow, answer):
        global count
        count += 1
        if answer["word"] != "sesame" and not {lax}:
            return LoginForm(fields=(LoginField(name="word", label="Word"),), error={error!r})
        return LoginDone(identity=Identity(subject=str(count) if {changing} else "ada", username="ada"))
"""


class Odd(LoginMethodContract):
    plugin = method = "odd"
    settings: ClassVar[dict[str, object]] = {}

    async def right(self, chat: Any, step: Mapping[str, Any]) -> Mapping[str, str]:
        return {"word": "sesame"}

    async def wrong(self, chat: Any, step: Mapping[str, Any]) -> Mapping[str, str]:
        return {"word": "simsim"}


def suite(folder: Path, **how: Any) -> Odd:
    given = {"text": "", "error": "Wrong.", "lax": False, "changing": False} | how
    (folder / "odd.py").write_text(textwrap.dedent(PLUGIN).format(**given))
    odd = Odd()
    odd.settings = {"plugins.folder": str(folder)}  # type: ignore[misc]
    return odd


SAME = "test_the_same_person_gets_the_same_account"
WRONG = "test_wrong_answers_open_no_session_and_right_ones_afterwards_do"
KEPT = "test_nothing_that_it_keeps_is_shown"


@pytest.mark.parametrize(
    ("how", "test"),
    [
        ({"changing": True}, SAME),
        ({"lax": True}, WRONG),
        ({"error": ""}, WRONG),
        ({"text": "the word is sesame"}, KEPT),
    ],
)
async def test_a_broken_method_is_found(tmp_path: Path, how: dict[str, Any], test: str) -> None:
    with pytest.raises(AssertionError):
        await getattr(suite(tmp_path, **how), test)()


@pytest.mark.parametrize("test", [name for name in dir(Odd) if name.startswith("test_")])
async def test_a_sound_method_passes(tmp_path: Path, test: str) -> None:
    await getattr(suite(tmp_path), test)()
