"""The package's name is ours, and nothing tells anybody to install somebody else's.

`chatserver` on the package index is another project. Ours is installed from the checkout or the wheel.
"""

import re
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

from chatserver.hooks.dependencies import how_to_install

ROOT = Path(__file__).parent.parent
NAME = "pluggable-chatserver"
# A requirement, not a path: `chatserver[redis]`, `pip install chatserver`, `dependencies = ["chatserver>=1"]`.
FOREIGN = (
    re.compile(r"(?<![\w./-])chatserver\[[a-z$]"),
    re.compile(
        r"\binstall\b[^\n`]*[\s'\"](pluggable[-_])?chatserver(?=$|[\s'\"\[=<>~!`])", re.MULTILINE
    ),
    # A plugin may name ours, for its bounds: whoever installs a plugin has the server, so none is fetched.
    re.compile(r"dependencies\s*=\s*\[[^\]]*['\"]chatserver(?=['\"\[=<>~! ])"),
)


def told_to_install(text: str) -> list[str]:
    return [found.group() for pattern in FOREIGN for found in pattern.finditer(text)]


def tracked_texts() -> list[Path]:
    """Every file that a person may read. Without git (a source archive), what lies in the folders."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    names = (
        done.stdout.split("\0")
        if done.returncode == 0
        else [
            str(path.relative_to(ROOT))
            for folder in ("chatserver", "plugins", "docs", "deploy", "config", "static", "tests")
            for path in (ROOT / folder).rglob("*")
        ]
    )
    suffixes = {".py", ".md", ".toml", ".html", ".js", ".yml", ".yaml", ".service", ".txt", ""}
    paths = [ROOT / name for name in names if name]
    return [path for path in paths if path.suffix in suffixes and path.is_file()]


def test_nothing_tells_anybody_to_install_a_package_that_is_not_ours() -> None:
    paths = tracked_texts()
    assert len(paths) > 300
    found = {
        str(path.relative_to(ROOT)): lines
        for path in paths
        if path != Path(__file__) and (lines := told_to_install(path.read_text("utf-8")))
    }
    assert found == {}


@pytest.mark.parametrize(
    "text",
    [
        "pip install chatserver",
        "pip install 'chatserver[redis]'",
        "pip install pluggable-chatserver==1.0",
        'dependencies = ["chatserver"]',
        'dependencies = ["msgspec", "chatserver>=0.1"]',
    ],
)
def test_the_search_finds_such_places(text: str) -> None:
    assert told_to_install(text)


@pytest.mark.parametrize(
    "text",
    [
        "pip install '.[redis]'",
        "pip install 'dist/pluggable_chatserver-0.1.0-py3-none-any.whl[redis]'",
        "install -m 644 deploy/systemd/chatserver.service /etc/systemd/system/",
        "/opt/chatserver/bin/pip install -c deploy/floors.txt .",
        'dependencies = ["chatserver-calm"]',
    ],
)
def test_the_search_lets_our_own_pass(text: str) -> None:
    assert not told_to_install(text)


def test_the_package_has_the_free_name() -> None:
    setup = ConfigParser(delimiters=("=",), interpolation=None)
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    assert setup["metadata"]["name"] == NAME
    assert "chatserver" in setup["options.entry_points"]["console_scripts"]


def test_every_extra_is_explained() -> None:
    setup = ConfigParser(delimiters=("=",), interpolation=None)
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    operating = (ROOT / "docs/operating.md").read_text("utf-8")
    for extra in set(setup["options.extras_require"]) - {"test", "lint", "node"}:
        assert f"| `{extra}` |" in operating, extra
        assert not told_to_install(how_to_install(extra))
