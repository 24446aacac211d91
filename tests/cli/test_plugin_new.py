"""`chatserver plugin new`: what it writes works as it is, and its test fails if the plugin does."""

import os
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.forking import ran

ROOT = Path(__file__).parents[2]


def new(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return ran("plugin", "new", *arguments, cwd=folder)


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A new plugin, found as an installed one is: by its metadata."""
    return made(tmp_path)


@pytest.fixture
def page_plugin(tmp_path: Path) -> Path:
    """A new plugin with a part of the page."""
    return made(tmp_path, "--page")


def made(tmp_path: Path, *options: str) -> Path:
    done = new(tmp_path, "quiet_please", *options)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "chatserver-quiet_please"
    assert {path.relative_to(tmp_path) for path in folder.rglob("*") if path.is_file()} == {
        Path(line) for line in done.stdout.splitlines()
    }
    info = folder / "chatserver_quiet_please-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: chatserver-quiet_please\nVersion: 0.1.0\n"
    )
    project = (folder / "pyproject.toml").read_text()
    assert 'quiet_please = "chatserver_quiet_please:Plugin"' in project
    assert 'dependencies = ["pluggable-chatserver>=0.1,<0.2"]' in project
    (info / "entry_points.txt").write_text(
        "[chatserver.plugins]\nquiet_please = chatserver_quiet_please:Plugin\n"
    )
    return folder


def tested(folder: Path) -> "subprocess.CompletedProcess[str]":
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
    return ran("-q", "-p", "no:cacheprovider", "tests", module="pytest", cwd=folder, env=env)


def test_its_test_passes_and_notices_a_broken_plugin(plugin: Path) -> None:
    done = tested(plugin)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr
    module = plugin / "chatserver_quiet_please/__init__.py"
    # Of another size, by which Python notices a change within the same second.
    module.write_text(module.read_text().replace("isupper()", "islower()  "))
    done = tested(plugin)
    assert done.returncode == 1 and "1 failed" in done.stdout, done.stdout + done.stderr


def test_one_for_the_page_works_and_takes_its_page_along(page_plugin: Path) -> None:
    done = tested(page_plugin)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr
    project = tomllib.loads((page_plugin / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["package-data"] == {"chatserver_quiet_please": ["page/*"]}
    folder = page_plugin / "chatserver_quiet_please/page"
    assert sorted(path.name for path in folder.iterdir()) == ["quiet_please.css", "quiet_please.js"]
    module = page_plugin / "chatserver_quiet_please/__init__.py"
    module.write_text(module.read_text().replace("+ 1", "+ 20"))
    assert tested(page_plugin).returncode == 1


@pytest.mark.parametrize("kind", ["plugin", "page_plugin"])
def test_its_configuration_is_in_order(kind: str, request: pytest.FixtureRequest) -> None:
    plugin: Path = request.getfixturevalue(kind)
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(plugin), str(ROOT)])}
    for words in (["check"], ["plugin", "check", "quiet_please"]):
        done = ran(*words, "-c", "chat.toml", cwd=plugin, env=env)
        assert done.returncode == 0, done.stdout + done.stderr
    assert not [
        path
        for path in plugin.rglob("*")
        if path.is_file() and b"NAME" in path.read_bytes() and path.suffix != ".pyc"
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Quiet", "'Quiet' is no name for a plugin"),
        ("../up", "'../up' is no name for a plugin"),
        ("wordfilter", "pluggable-chatserver has a plugin named 'wordfilter' already"),
        ("here", "chatserver-here: it exists already"),
    ],
)
def test_what_it_refuses(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "chatserver-here").mkdir()
    done = new(tmp_path, name)
    assert done.returncode == 1 and said in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["chatserver-here"]


def test_another_folder_can_be_named(tmp_path: Path) -> None:
    assert new(tmp_path, "calm", "--to", "deep/er").returncode == 0
    assert (tmp_path / "deep/er/chatserver_calm/__init__.py").is_file()
