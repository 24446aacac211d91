"""Files of messages on the page: pictures are shown, others are links."""

import base64
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.page.people import Person, PersonFactory, Server

pytestmark = pytest.mark.long

DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    settings = {"plugins.enabled": "memory,password,metrics,audit,disk_blobs,uploads,attachments"}
    server = Server(tmp_path_factory.mktemp("attachments"), "memory", settings)
    server.start()
    yield server
    server.stop()


def send_file(person: Person, client_id: str, name: str, kind: str, content: str) -> None:
    """Upload a file (base64) and post a message with it into the open room."""
    room = person.page.locator("room-view").get_attribute("data-room")
    person.page.evaluate(
        """async ([room, clientId, name, kind, content]) => {
          const bytes = Uint8Array.from(atob(content), (char) => char.charCodeAt(0));
          const made = await fetch("/api/v1/uploads", {
            method: "POST",
            headers: {
              "Tus-Resumable": "1.0.0",
              "Upload-Length": String(bytes.length),
              "Upload-Metadata": `filename ${btoa(name)},filetype ${btoa(kind)}`,
              "Content-Type": "application/offset+octet-stream",
            },
            body: bytes,
          });
          if (!made.ok) throw new Error(await made.text());
          const blob = made.headers.get("Location").split("/").pop();
          const sent = await fetch(`/api/v1/rooms/${room}/messages`, {
            method: "POST",
            headers: { "Content-Type": "application/json" },
            body: JSON.stringify({ client_id: clientId, body: "Look", data: { attachments: { files: [{ blob }] } } }),
          });
          if (!sent.ok) throw new Error(await sent.text());
        }""",
        [room, client_id, name, kind, content],
    )


def test_a_picture_is_shown_and_another_file_is_a_link(
    person: PersonFactory, server: Server
) -> None:
    aya = person(server).sign_up("aya", "Aya")
    ben = person(server).sign_up("ben", "Ben")
    aya.create_room("Room")
    ben.join_room("Room")
    send_file(aya, "c1", "dot.png", "image/png", DOT)
    picture = ben.page.get_by_role("img", name="dot.png")
    expect(picture).to_be_visible()
    assert (
        picture.evaluate("async (node) => { await node.decode(); return node.naturalWidth; }") == 1
    )
    send_file(aya, "c2", "<b>notes.txt", "text/plain", base64.b64encode(b"x" * 1500).decode())
    expect(ben.page.get_by_role("link", name="<b>notes.txt (1.5 kB)")).to_be_visible()
