"""The commands of docs/network.md, run on a copy of deploy/ in a network namespace."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chatserver.deployment.check import check_deployment
from tests.docs.pages import ROOT, blocks, prose
from tests.operation.machines import machines
from tests.tools import need_root, need_tool

PAGE = ROOT / "docs/network.md"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy", ignore=shutil.ignore_patterns("secrets"))
    return tmp_path


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHON": sys.executable}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )


def test_every_command_works(copy: Path) -> None:
    need_root()
    need_tool("nft")
    printed = []
    with machines({"app": ["10.20.2.5"]}) as made:
        for block in blocks(PAGE):
            assert block.info == ["sh"], f"{block}: nobody tries this block"
            done = run(copy, "ip", "netns", "exec", made["app"].namespace, "sh", "-euc", block.text)
            assert done.returncode == 0, f"{block}: {done.stderr}"
            printed.append(done.stdout)
        left = run(copy, "ip", "netns", "exec", made["app"].namespace, "nft", "list", "ruleset")
    assert printed[0].endswith("yes\n")
    assert "dport 4000 accept" in printed[1] and "policy drop" in printed[1]
    assert left.stdout == ""


def test_a_wrong_value_is_refused_as_the_page_shows(copy: Path) -> None:
    path = copy / "deploy/topology.toml"
    path.write_text(path.read_text().replace('to = ["kafka"]', 'to = ["kafkaa"]'))
    shown = run(copy, "deploy/generate").stderr
    assert shown
    # The page need not follow each move of a line.
    assert re.sub(r"\d+", "N", f"    {shown}") in re.sub(r"\d+", "N", PAGE.read_text())


def test_every_code_of_the_check_is_on_the_page() -> None:
    found = set()
    for path in (ROOT / "chatserver/deployment").glob("*.py"):
        found |= set(re.findall(r'"((?:[a-z]+\.[a-z_]+)|placeholder)"', path.read_text()))
    codes = {each for each in found if not each.endswith((".toml", ".d"))}
    listed = set(re.findall(r"`([a-z]+(?:\.[a-z_]+)?)`", "\n".join(table())))
    assert codes - listed == set() and listed - codes == set()


def table() -> list[str]:
    """The first column of the table of codes."""
    part = prose(PAGE).partition("| code | meaning |")[2].partition("\n\n")[0]
    return [line.split("|")[1] for line in part.splitlines() if line.startswith("| `")]


def test_the_copy_is_a_good_one_but_for_its_examples(copy: Path) -> None:
    assert {each.code for each in check_deployment(copy / "deploy")} == {"placeholder"}


def test_what_the_page_about_backups_names_of_terraform_is_there() -> None:
    section = (
        (ROOT / "docs/backup.md")
        .read_text()
        .partition("## When the machines are gone")[2]
        .partition("\n## ")[0]
    )
    terraform = "\n".join(
        path.read_text() for path in (ROOT / "deploy/terraform").rglob("*") if path.is_file()
    )
    for kind, names in {
        "variable": (
            "lock_days",
            "region",
            "zone",
            "zones",
            "restore_snapshot",
            "zone_id",
            "name",
            "hostname",
        ),
        "output": ("backup_target", "backup_key_secret", "address"),
    }.items():
        for name in names:
            assert f"`{name}`" in section, name
            assert f'{kind} "{name}" {{' in terraform, name
    for path in re.findall(r"/(?:srv|opt|etc|run)/chatserver[\w./-]*", section):
        folder, _, name = path.rpartition("/")
        assert path in terraform or (folder in terraform and f"/{name}" in terraform), path
    assert (
        'name                      = "${var.name}-app"' in terraform
        and "`prevent_destroy`" in section
    )
