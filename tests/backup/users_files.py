"""A server whose users send files, as a client over HTTP sees it."""

import base64
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.faults.server import ChatServer, http
from tests.servers import Mongod

TUS = {"Tus-Resumable": "1.0.0"}
ENABLED = ("password", "metrics", "uploads", "attachments")
Place = dict[str, object]


class Sent(NamedTuple):
    """A file of a message, and its content."""

    room: str
    message: str
    blob: str
    name: str
    content: bytes


class FileServer(ChatServer):
    """A server with uploads and attachments, with a place that `place` enables and sets."""

    def __init__(
        self,
        folder: Path,
        place: Mapping[str, object],
        *,
        store: str = "sqlite",
        workers: int = 1,
        **settings: object,
    ) -> None:
        self.place = place
        kind, *others = str(place["plugin"]).split(",")
        enabled = ",".join((store, *ENABLED, kind, *others))
        given = {key.replace(".", "__"): value for key, value in place.items() if key != "plugin"}
        more: dict[str, object] = {"plugins__enabled": enabled, **given, **settings}
        super().__init__(folder, workers=workers, **more)

    def upload(self, token: str, name: str, content: bytes, piece: int = 1 << 20) -> str:
        """Send a file by the tus protocol, in requests of `piece` bytes; the id of its blob."""
        bearer = {"Authorization": f"Bearer {token}"} | TUS
        named = base64.b64encode(name.encode()).decode()
        size = {"Upload-Length": str(len(content)), "Upload-Metadata": f"filename {named}"}
        made = http.post(f"{self.url}/api/v1/uploads", headers=bearer | size)
        assert made.status_code == 201, made.text
        path = made.headers["location"]
        for start in range(0, len(content), piece):
            place = {
                "Upload-Offset": str(start),
                "Content-Type": "application/offset+octet-stream",
            }
            part = content[start : start + piece]
            added = http.patch(self.url + path, headers=bearer | place, content=part)
            assert added.status_code == 204, added.text
        return str(path.rpartition("/")[2])

    def send(self, token: str, room: str, name: str, content: bytes) -> Sent:
        """Send a message with a file."""
        blob = self.upload(token, name, content)
        body: dict[str, Any] = {
            "body": f"Look at {name}",
            "client_id": secrets.token_hex(4),
            "data": {"attachments": {"files": [{"blob": blob}]}},
        }
        message = self.post(f"/api/v1/rooms/{room}/messages", token, body)["id"]
        return Sent(room, message, blob, name, content)

    def shown(self, token: str, sent: Sent) -> bytes | int:
        """The content of a message's file as its readers get it; else the status."""
        path = f"/api/v1/rooms/{sent.room}/messages/{sent.message}/files/{sent.blob}"
        answer = self.get(path, token)
        return answer.content if answer.status_code == 200 else answer.status_code


def disk_place(folder: Path) -> Place:
    """Settings of a new, empty folder for files."""
    return {
        "plugin": "disk_blobs",
        "plugin.disk_blobs.path": folder / f"files{secrets.token_hex(4)}",
        "plugin.disk_blobs.min_free_percent": 0.0,
    }


def gridfs_place(mongod: Mongod) -> Place:
    """Settings of a new, empty bucket in a database."""
    return {
        "plugin": "gridfs",
        "plugin.gridfs.uri": mongod.uri,
        "plugin.gridfs.bucket": f"files{secrets.token_hex(4)}",
    }


def files_of(chat: FileServer, token: str) -> list[Sent]:
    room = chat.room(token)
    contents = {
        "large.bin": secrets.token_bytes(3_500_000),
        "small.txt": b"hello",
        "empty": b"",
        "again.txt": b"hello",
    }
    return [chat.send(token, room, name, content) for name, content in contents.items()]


def carry_by_archive(source: Place, target: Place, folder: Path) -> None:
    """Send files to one place, export, import into another one: every file is there, and more can be sent."""
    archive = folder / "chat.jsonl.gz"
    with FileServer(folder / "old", source) as old:
        sent = files_of(old, old.register("ada"))
        assert "4 files" in old.command("export", "--to", str(archive))
    new = FileServer(folder / "new", target)
    assert "4 files" in new.command("import", str(archive))
    with new:
        token = new.login("ada")
        for each in sent:
            assert new.shown(token, each) == each.content, each.name
        later = new.send(token, sent[0].room, "later.txt", b"later")
        assert new.shown(token, later) == b"later"
        assert new.errors() == []
