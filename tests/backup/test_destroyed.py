"""A server that is killed with all of its data, and comes back from the backup beside it."""

import shutil
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from chatserver.copies.backup.increments import files
from chatserver.copies.backup.shelf import Shelf
from tests.faults.server import ChatServer
from tests.forking import ran

SHIP_SECONDS = 1
RPO_SECONDS = 5.0
WRITING_SECONDS = 4.0


def server(folder: Path) -> ChatServer:
    """With a private SQLite; the backups are elsewhere."""
    return ChatServer(
        folder,
        store="sqlite",
        backup__folder=folder.parent / "backups",
        backup__ship_seconds=SHIP_SECONDS,
    )


def run(folder: Path, *arguments: str) -> str:
    options = {
        "plugins.enabled": "sqlite,password",
        "server.data": folder / "data",
        "backup.folder": folder.parent / "backups",
    }
    given = [f"--set={key}={value}" for key, value in options.items()]
    return ran(*arguments, *given, check=True, cwd=folder).stdout


def test_a_lost_disk_loses_only_some_seconds(tmp_path: Path) -> None:
    chat = server(tmp_path / "machine")
    with chat:
        ada = chat.register("ada")
        room = chat.room(ada)
        chat.stop()
        run(chat.folder, "backup")
        chat.start()
        sent = keep_sending(chat, room, ada)
        [backup] = Shelf(tmp_path / "backups").all()
        assert files(backup), "nothing was written beside the backup"
        chat.kill_all()
    killed = time.time()
    shutil.rmtree(chat.folder)

    fresh = server(tmp_path / "another machine")
    fresh.folder.mkdir()
    said = run(fresh.folder, "restore", str(tmp_path / "backups"))
    assert said.startswith("Restored ")
    with fresh:
        token = fresh.login("ada")
        found = [event["body"] for event in fresh.log(room, token) if "body" in event]
        assert fresh.errors() == []
    assert found == [body for body, _ in sent[: len(found)]], "a prefix of what was acknowledged"
    lost = [at for _, at in sent[len(found) :]]
    assert not lost or killed - lost[0] <= RPO_SECONDS


def keep_sending(chat: ChatServer, room: str, token: str) -> list[tuple[str, float]]:
    """The acknowledged messages, each with its time."""
    sent = []
    end = time.time() + WRITING_SECONDS
    while time.time() < end:
        body = f"message {len(sent)}"
        path = f"/api/v1/rooms/{room}/messages"
        event: dict[str, Any] = chat.post(path, token, {"body": body, "client_id": body})
        sent.append((body, datetime.fromisoformat(event["at"]).timestamp()))
        time.sleep(0.05)
    return sent
