"""docs/commands.md has every command, and the shape of every --json."""

import re

from tests.cli.test_json import ALL, has_json
from tests.docs.pages import ROOT

TEXT = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### `chatserver ([^`]+)`\n(.*?)(?=^##)", TEXT, re.M | re.S))


def test_every_command_has_its_section_and_every_json_its_shape() -> None:
    assert SECTIONS.keys() == {" ".join(path) for path in ALL}
    shaped = {name for name, text in SECTIONS.items() if "`--json` prints" in text}
    assert shaped == {" ".join(path) for path, command in ALL.items() if has_json(command)}
