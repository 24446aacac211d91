"""What pages name is there: settings, metrics, codes, and the messages by which operators look up a symptom."""

import errno
import os
import re
from pathlib import Path

import pytest

from chatserver.config.settings import describe
from chatserver.config.text import sections
from chatserver.status import problems
from tests.docs.pages import PAGES, ROOT

SOURCES = [
    path.read_text(encoding="utf-8")
    for folder in ("chatserver", "plugins")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
# A message in the source may be cut into pieces by a line end, and has names of variables in it.
CODE = re.sub(r'"\s*f?"', "", "\n".join(SOURCES))
SETTINGS = {setting.key for name, kind in sections() for setting in describe(kind, f"{name}.")}
METRICS = set(
    re.findall(r"^- `(\w+)`", (ROOT / "docs/metrics.md").read_text(encoding="utf-8"), re.M)
)
FILES = (".json", ".toml")
# Names of packages and of variables in files of others.
NO_METRICS = {"chatserver_calm", "chatserver_shelf", "chatserver_operator", "chatserver_coin"}


def named(page: Path, pattern: str) -> set[str]:
    return set(re.findall(pattern, page.read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_exist(page: Path) -> None:
    core = {key.partition(".")[0] for key in SETTINGS}
    found = {
        name for name in named(page, r"`([a-z_]+\.[a-z_.]+)`") if name.partition(".")[0] in core
    }
    codes = {name for name in found if name in problems.CODES or f'"{name}"' in CODE}
    assert {name for name in found - SETTINGS - codes if not name.endswith(FILES)} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_metrics_exist(page: Path) -> None:
    known = METRICS | {name + end for name in METRICS for end in ("_bucket", "_count", "_sum")}
    for name in named(page, r"\bchatserver_[a-z_]*[a-z]\b(?!_?plugins)") - NO_METRICS:
        # A command may look for a beginning: grep '^chatserver_backup_target'.
        assert name.startswith("chatserver_plugins") or any(
            each.startswith(name) for each in known
        ), name


def test_each_symptom_by_its_message_is_one_of_the_server() -> None:
    page = ROOT / "docs/troubleshooting.md"
    alerts = {path.stem for path in (ROOT / "docs/runbooks").glob("*.md")}
    said = {
        text
        for line in named(page, r"(?m)^- \*\*.*?\*\*")
        for text in re.findall(r"`([^`]+)`", line)
    }
    assert len(said) > 5
    for text in said - alerts - {os.strerror(errno.EACCES)}:
        message = re.escape(text).replace("mongo", r"(?:mongo|\{[^}]+\})")
        assert re.search(message, CODE), text
