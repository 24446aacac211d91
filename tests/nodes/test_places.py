"""Files on several nodes: workers share a folder, and a node with another one says so and takes none."""

from pathlib import Path

import pytest

from tests.backup.users_files import FileServer
from tests.faults.server import http
from tests.nodes.conftest import sharing
from tests.servers import Mongod
from tests.waiting import wait_until

STORE = "mongo,mongo_bus"


def server(folder: Path, shared: dict[str, object], **settings: object) -> FileServer:
    given = {key: value for key, value in shared.items() if key != "plugins__enabled"}
    place = {"plugin": "disk_blobs", "plugin.disk_blobs.min_free_percent": 0.0}
    return FileServer(folder, place, store=STORE, **given, **settings)


def test_workers_share_a_place(replica_set: Mongod, tmp_path: Path) -> None:
    with server(tmp_path, sharing(replica_set), workers=2) as both:
        wait_until(lambda: both.metric("chatserver_worker_up") == 2)
        ada = both.register("ada")
        room = both.room(ada)
        for number in range(8):  # each request on a connection of its own, so to either worker
            sent = both.send(ada, room, f"{number}.bin", bytes([number]) * 300_000)
            # The other worker may not have heard of the message yet.
            wait_until(
                lambda sent=sent: {both.shown(ada, sent) for _ in range(6)} == {sent.content}
            )
    assert len(list((tmp_path / "data/disk_blobs").rglob("*"))) > 8


def test_a_node_with_another_folder_says_so_and_takes_no_files(
    replica_set: Mongod, tmp_path: Path
) -> None:
    shared = sharing(replica_set)
    with server(tmp_path / "one", shared) as one, server(tmp_path / "two", shared) as two:
        ada = one.register("ada")
        sent = one.send(ada, one.room(ada), "here.txt", b"here")
        [said] = {each["message"] for each in two.errors()}
        assert said.startswith(
            "no files are taken: the place of the files is not that of the other"
        )
        bearer = {"Authorization": f"Bearer {ada}", "Tus-Resumable": "1.0.0", "Upload-Length": "3"}
        refused = http.post(f"{two.url}/api/v1/uploads", headers=bearer)
        assert refused.status_code == 503, refused.text
        assert one.shown(ada, sent) == b"here"
        with pytest.raises(AssertionError, match=r"blob\.unavailable"):
            two.upload(ada, "there.txt", b"there")
        one.upload(ada, "still.txt", b"still")
