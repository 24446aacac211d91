"""The page about mail: its example is written out, loads with its settings, and gets a mail of a running server."""

import json
from pathlib import Path

import pytest

from chatserver.config import load
from chatserver.hooks.loading import Plugins
from chatserver.testing.running import running
from tests.docs.pages import ROOT, write_example
from tests.waiting import until

PAGE = ROOT / "docs/plugins/mail.md"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with every file of the page in it."""
    monkeypatch.chdir(tmp_path)
    write_example(PAGE, tmp_path)
    return tmp_path


def test_the_configuration_loads(folder: Path) -> None:
    Plugins(load("chat.toml", environ={}).config, folder / "data").calls()


def written(folder: Path) -> list[dict[str, str]]:
    return [json.loads(path.read_text()) for path in folder.glob("*.json")]


async def test_the_example_gets_a_mail(folder: Path) -> None:
    settings = {
        "plugins.folder": "local",
        "plugin.mail_folder.folder": str(folder),
        "server.public_url": "https://chat.example.org",
    }
    async with running("mail_folder", settings=settings) as chat:
        ada = await chat.user("ada")
        await chat.service.emails.propose(ada.user, "ada@example.org", "en")
        await until(lambda: written(folder))
    (mail,) = written(folder)
    assert mail["to"] == "ada@example.org"
    assert "https://chat.example.org/#email=" in mail["text"]
