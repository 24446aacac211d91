"""Plugins that send, take and keep things for people get along with the powers that they declare."""

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest

from chatserver.runtime.ids import new_id
from chatserver.testing.running import running
from tests.plugins.mailserver import mail_server
from tests.plugins.receiver import SECRET, Receiver
from tests.plugins.test_tracing import Collector
from tests.waiting import until

TOKEN = "the token of the hook"
ROOM = "0123456789abcdefghjk"


async def test_attachments() -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"a file"

    async with running("disk_blobs", "uploads", "attachments") as chat:
        ada = await chat.user("ada")
        room = await ada.create_room("Lounge")
        blob = await chat.service.blobs.take(ada.id, parts(), name="a.txt", media_type="text/plain")
        data = {"attachments": {"files": [{"blob": blob.id}]}}
        event, _ = await chat.service.messages.post(ada.user, room, new_id(), "Look", data=data)
        await until(lambda: chat.service.blobs.holders(blob.id))
        path = f"/api/v1/rooms/{room.id}/messages/{event.id}/files/{blob.id}"
        served = await ada.http("GET", path)
    assert (served.status, served.body) == (200, b"a file")


async def test_incoming_webhooks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatserver.service.rooms.new_id", lambda: ROOM)
    hook = {"room": ROOM, "name": "Bot", "token_sha256": sha256(TOKEN.encode()).hexdigest()}
    settings = {f"plugin.webhooks.incoming.builds.{key}": each for key, each in hook.items()}
    async with running("webhooks", settings=settings) as chat:
        await (await chat.user("ada")).create_room("Builds")
        taken = await chat.http("POST", "/hooks/builds", {"id": "1", "body": "built"}, TOKEN)
    assert taken.status == 201, taken.body


async def test_outgoing_webhooks() -> None:
    receiver = Receiver()
    receiver.start()
    hook = {"uri": receiver.uri, "secret": SECRET, "allowed_networks": ["127.0.0.1/32"]}
    settings: dict[str, object] = {
        f"plugin.webhooks.outgoing.sent.{key}": each for key, each in hook.items()
    }
    try:
        async with running("webhooks", settings=settings) as chat:
            ada = await chat.user("ada")
            await ada.post(await ada.create_room("Lounge"), "hello")
            await until(lambda: [each["type"] for each in receiver.got][-1:] == ["message.posted"])
    finally:
        await receiver.stop()


async def test_mails(tmp_path: Path) -> None:
    with mail_server(tmp_path) as mails:
        settings: dict[str, object] = {
            "server.public_url": "https://chat.example.org",
            "plugin.smtp.host": "localhost",
            "plugin.smtp.port": mails.port,
            "plugin.smtp.security": "none",
            "plugin.smtp.sender": "chat@example.org",
        }
        async with running("smtp", settings=settings) as chat:
            ada = await chat.user("ada")
            asked = await ada.http("PUT", "/api/v1/me/email", {"email": "ada@example.org"})
            assert asked.status == 200, asked.body
            await until(lambda: mails.mails)


async def test_traces() -> None:
    collector = Collector()
    settings = {"plugin.tracing.endpoint": collector.url, "plugin.tracing.ratio": 1.0}
    try:
        async with running("tracing", settings=settings) as chat:
            ada = await chat.user("ada")
            await ada.call("rooms")
            await until(lambda: collector.spans)
    finally:
        collector.stop()
