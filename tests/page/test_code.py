"""The checks of the page's code can fail, and are made by known files."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.page.tools import page_tool

ROOT = Path(__file__).parent.parent.parent
CONFIG = "tests/page/eslint.config.js"


def test_the_lock_has_a_hash_and_no_address_for_every_package() -> None:
    lock = json.loads((ROOT / "tests/page/package-lock.json").read_text(encoding="utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert "node_modules/axe-core" in packages
    for name, package in packages.items():
        assert package["integrity"].startswith("sha512-"), name
        assert "resolved" not in package, name


@pytest.mark.parametrize(
    ("code", "rule"),
    [
        ("export const put = (node, text) => (node.innerHTML = text);", "no-restricted-properties"),
        ("export const put = (node, text) => node.insertAdjacentHTML('beforeend', text);", "no-restricted-properties"),
        ("export const run = (text) => new Function(text);", "no-new-func"),
        ("export const run = (text) => text == 1;", "eqeqeq"),
        ("export const run = (text) => missing(text);", "no-undef"),
        ("const unused = 1;", "no-unused-vars"),
        ("// eslint-disable-next-line\nexport const run = (text) => eval(text);", "no-eval"),
    ],
)  # fmt: skip
def test_eslint_refuses(code: str, rule: str) -> None:
    done = page_tool(
        "eslint", "--config", CONFIG, "--stdin", "--stdin-filename", "static/lib/tried.js", given=code
    )  # fmt: skip
    assert rule in done.stdout, done.stdout + done.stderr


def test_tsc_refuses_a_wrong_type(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.js"
    wrong.write_text("/** @type {number} */\nexport const many = 'many';\n", encoding="utf-8")
    config = {"extends": str(ROOT / "tests/page/tsconfig.json"), "include": [str(wrong)]}
    (tmp_path / "tsconfig.json").write_text(json.dumps(config), encoding="utf-8")
    done: subprocess.CompletedProcess[str] = page_tool("tsc", "--project", str(tmp_path))
    assert "TS2322" in done.stdout, done.stdout + done.stderr
