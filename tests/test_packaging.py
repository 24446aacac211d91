"""setup.cfg names what the folders hold: every package, every plugin, every file of data."""

from configparser import ConfigParser
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Import name of a top level folder: its path in the checkout.
FOLDERS = {
    "chatserver": "chatserver",
    "chatserver_plugins": "plugins",
    "chatserver_static": "static",
    "chatserver_config": "config",
}
# The client for JavaScript is for another kind of program: deploy/pack-client makes a package of its own of it.
ELSEWHERE = ROOT / "chatserver/client/npm"


@pytest.fixture(scope="module")
def setup() -> ConfigParser:
    parser = ConfigParser(delimiters=("=",), interpolation=None)
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def lines(setup: ConfigParser, section: str, option: str) -> list[str]:
    found = (line.partition("#")[0].strip() for line in setup[section][option].splitlines())
    return [line for line in found if line]


def folder_of(package: str) -> Path:
    top, *inner = package.split(".")
    return (ROOT / FOLDERS[top]).joinpath(*inner)


def files(folder: Path, pattern: str = "*") -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob(pattern))
        if path.is_file() and "__pycache__" not in path.parts
    ]


def test_every_package_is_listed(setup: ConfigParser) -> None:
    present = {"chatserver_static"}  # pages only, no Python
    for package, folder in FOLDERS.items():
        for path in files(ROOT / folder, "*.py"):
            inner = path.parent.relative_to(ROOT / folder).parts
            present.add(".".join((package, *inner)))
    assert set(lines(setup, "options", "packages")) == present


def test_every_plugin_has_an_entry_point_that_leads_to_a_class(setup: ConfigParser) -> None:
    points = dict(
        (part.strip() for part in line.split("=", 1))
        for line in lines(setup, "options.entry_points", "chatserver.plugins")
    )
    plugins = {path.parent.name for path in (ROOT / "plugins").glob("*/__init__.py")}
    assert set(points) == plugins
    for name, point in points.items():
        module, _, attribute = point.partition(":")
        assert module == f"chatserver_plugins.{name}"
        assert isinstance(getattr(import_module(module), attribute), type), point


def test_every_file_beside_the_code_is_packaged(setup: ConfigParser) -> None:
    packaged = set()
    for package, patterns in setup["options.package_data"].items():
        for pattern in patterns.split(","):
            packaged.update(folder_of(package).glob(pattern.strip()))
    for folder in FOLDERS.values():
        for path in files(ROOT / folder):
            assert path.suffix == ".py" or path in packaged or path.parent == ELSEWHERE, path
