"""A real server with the vault on: its files, its keys while it runs, and its death."""

import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.server import ChatServer, http
from tests.forking import ran

MARKERS = [f"zugvogel{number:03}nest" for number in range(200)]


class Sealed:
    """A server on SQLite, and what somebody has written there."""

    def __init__(self, folder: Path) -> None:
        key = folder / "vault.key"
        key.write_text(secrets.token_hex(32))
        self.server = ChatServer(
            folder,
            store="sqlite",
            plugins__enabled="sqlite,password,metrics,vault,drafts,polls,saved",
            plugin__vault__key_file=str(key),
            limits__operations_per_second=100_000,
        )
        self.markers = iter(MARKERS)
        self.rooms: list[str] = []
        self.headers: dict[str, str] = {}

    @property
    def folder(self) -> Path:
        return self.server.folder / "data" / "sqlite"

    def ask(self, method: str, path: str, **body: Any) -> Any:
        url = f"{self.server.url}/api/v1{path}"
        answer = http.request(method, url, json=body or None, headers=self.headers)
        assert answer.status_code < 300, (method, path, answer.text)
        return answer.json() if answer.content else None

    def vault(self, *arguments: str) -> str:
        options = [f"--set={key}={value}" for key, value in self.server._settings.items()]
        options.append(f"--set=server.data={self.server.folder / 'data'}")
        return ran("plugin", "run", *options, "vault", *arguments, check=True).stdout

    def clear(self) -> list[str]:
        """The markers that some file of the store has, whatever the case of their letters."""
        found = b"".join(path.read_bytes() for path in self.folder.rglob("*") if path.is_file())
        return [each for each in MARKERS if re.search(each.encode(), found, re.I)]


@pytest.fixture
def sealed(tmp_path: Path) -> Iterator[Sealed]:
    made = Sealed(tmp_path)
    with made.server:
        yield made


def fill(sealed: Sealed) -> None:
    """Write each marker somewhere."""
    ask, markers = sealed.ask, sealed.markers
    account = {"username": "ada", "password": "correct horse", "name": "Ada"}
    sealed.headers = {"Authorization": f"Bearer {ask('POST', '/register', **account)['token']}"}
    for _ in range(4):
        room = ask("POST", "/rooms", name=next(markers), topic=next(markers), kind="private")
        sealed.rooms.append(room["id"])
    for number, marker in enumerate(markers):
        room = sealed.rooms[number % 4]
        sent = ask("POST", f"/rooms/{room}/messages", body=marker, client_id=f"c{number}")
        assert sent


def read(sealed: Sealed) -> list[str]:
    """All texts of messages."""
    found = []
    for room in sealed.rooms:
        page = sealed.ask("GET", f"/rooms/{room}/messages?limit=100")
        found += [each["body"] for each in page["messages"]]
    return found


def test_no_file_of_the_store_has_what_was_written(sealed: Sealed) -> None:
    fill(sealed)
    texts = read(sealed)
    assert len(texts) > 150 and set(texts) <= set(MARKERS)
    assert sealed.clear() == []
    assert "turn           0" in sealed.vault("status")
    sealed.vault("rotate-data")
    assert "turn           1" in sealed.vault("status")
    assert sealed.clear() == []
    sealed.server.kill()
    assert sealed.clear() == []
    sealed.server.start()
    assert read(sealed) == texts
    assert sealed.clear() == []
