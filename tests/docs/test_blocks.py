"""Blocks of every page: configurations load, JSON and Python can be read."""

import json
from pathlib import Path

import pytest

from chatserver.config import load
from tests.docs.pages import PAGES, Block, blocks

BLOCKS = [block for page in PAGES for block in blocks(page)]


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.info == ["toml"]], ids=str)
def test_a_configuration_loads(block: Block, tmp_path: Path) -> None:
    (tmp_path / "chat.toml").write_text(block.text)
    load(str(tmp_path / "chat.toml"), environ={})


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "python"], ids=str)
def test_python_compiles(block: Block) -> None:
    compile(block.text, str(block), "exec")


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "json"], ids=str)
def test_json_is_json(block: Block) -> None:
    json.loads(block.text)
