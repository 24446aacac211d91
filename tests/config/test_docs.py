"""The configuration's documentation says what the code does."""

import re
import runpy
import tomllib
from pathlib import Path

from chatserver.config import load
from chatserver.config.settings import describe
from chatserver.config.text import sections

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/configuration.md"


def test_generated_files_are_up_to_date() -> None:
    generate = runpy.run_path(str(ROOT / "docs/generate.py"))
    assert generate["main"](["--check"]) == 0, "run: python docs/generate.py"


def test_every_key_is_in_the_reference() -> None:
    text = PAGE.read_text()
    for name, kind in sections():
        listed = text.partition(f"### `[{name}]`")[2].partition("###")[0]
        for setting in describe(kind):
            assert f"\n- **`{setting.key}`** (" in listed


def test_every_key_of_a_plugin_has_a_description() -> None:
    generate = runpy.run_path(str(ROOT / "docs/generate.py"))
    for name, kind in generate["plugins"]():
        missing = [setting.key for setting in describe(kind) if not setting.description]
        assert not missing, name


def test_examples_load(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.S)
    assert blocks
    for block in blocks:
        tomllib.loads(block)
        path = tmp_path / "example.toml"
        path.write_text(block)
        load(str(path), environ={})
