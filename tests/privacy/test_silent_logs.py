"""What people write is in no log line, no metric and no audit entry, also where their requests are refused or wrong."""

import json
from pathlib import Path

import pytest
from loguru import logger
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from chatserver.errors import ChatError
from chatserver.testing.running import Chat, Person, running

MARK = "quincemark"
PLUGINS = (
    *("metrics", "audit", "drafts", "saved", "reminders", "scheduled", "slash_commands", "polls"),
    *("reports", "profiles", "graphql", "retention", "my_data", "account_deletion", "inbox"),
)


async def refused(person: Person, op: str, **fields: object) -> None:
    with pytest.raises(ChatError):
        await person.call(op, **fields)


async def frames(chat: Chat, person: Person, *texts: str) -> None:
    """Send texts that are no operations."""
    headers = {"Authorization": f"Bearer {person.token}"}
    request = HTTPRequest(f"ws://127.0.0.1:{chat.port}/ws", headers=headers)
    for text in texts:
        socket = await websocket_connect(request, subprotocols=["chat.v1"])
        await socket.write_message(text)
        await socket.read_message()
        await socket.read_message()
        socket.close()


async def journey(chat: Chat) -> None:
    """Write the mark wherever a person can write something."""
    ada, eve = await chat.user("ada"), await chat.user("eve")
    room = await ada.create_room(f"Room {MARK}", members=[eve])
    place = f"/api/v1/rooms/{room.id}"
    posted = await ada.post(room, f"{MARK} one @eve")
    await chat.service.messages.edit(ada.user, room, posted.id, f"{MARK} two")
    await ada.http("PATCH", place, {"topic": f"{MARK} topic"})
    await ada.http("PATCH", "/api/v1/me", {"name": f"{MARK} name"})
    await ada.http("GET", f"/api/v1/search?q={MARK}&room={room.id}")
    await ada.http("GET", f"{place}/messages?before={MARK}")
    await ada.http("GET", f"/{MARK}/nowhere")
    await ada.http("POST", f"{place}/messages", {"body": [MARK], "client_id": MARK})
    await ada.http("POST", f"{place}/messages", {"body": MARK * 5000, "client_id": MARK})
    await ada.call("drafts.save", room=room.id, body=MARK)
    await ada.http("POST", f"/api/v1/messages/{posted.id}/report", {"reason": MARK})
    await refused(ada, "send", room=MARK, client_id=MARK, body=MARK)
    await refused(ada, MARK, room=room.id)
    for text in (f"/{MARK}", f"/topic {MARK}", f"/poll {MARK}? | {MARK} | b", f"/retention {MARK}"):
        try:
            await ada.command(room, text)
        except ChatError:
            continue
    query = f'{{ room(id: "{MARK}") {{ {MARK} }} }}'
    await ada.http("POST", "/graphql", {"query": query})
    mutation = "mutation($b: String!) { sendMessage(input: {roomId: $b, clientId: $b, body: $b}) { message { id } } }"
    await ada.http("POST", "/graphql", {"query": mutation, "variables": {"b": MARK}})
    await chat.http("POST", "/api/v1/login", {"username": MARK, "password": MARK})
    await chat.http("POST", "/api/v1/register", {"username": f"{MARK} no", "password": MARK})
    await frames(chat, ada, MARK, json.dumps({"id": 1, "op": "send", "body": {MARK: MARK}}), "{")
    assert MARK in (await ada.http("GET", f"{place}/messages")).body.decode()
    await chat.service.messages.delete(ada.user, room, posted.id)
    await chat.service.removal.delete("eve")
    await chat.service.removal.settle()


async def test_no_text_of_a_person_is_logged_counted_or_audited(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    lines: list[str] = []
    sink = logger.add(lines.append, level=0, format="{level} {message} {extra}", backtrace=True)
    settings = {
        "logging.level": "TRACE",
        "plugin.audit.folder": str(tmp_path / "audit"),
        "limits.registrations_per_hour": 0,
    }
    try:
        async with running(*PLUGINS, settings=settings) as chat:
            await journey(chat)
            measures = (await chat.http("GET", "/metrics")).body.decode()
    finally:
        logger.remove(sink)
    audit = written(tmp_path)
    assert [line for line in lines if "answered 4" in line], "requests are logged"
    assert "chatserver_" in measures and "account.registered" in audit
    said = {"log": "".join(lines), "logging": caplog.text, "metrics": measures, "audit": audit}
    found = [
        f"{where}: {line}"
        for where, text in said.items()
        for line in text.splitlines()
        if MARK in line.lower()
    ]
    assert found == []


def written(folder: Path) -> str:
    """All that is in the files of a folder."""
    return "".join(path.read_text() for path in folder.rglob("*") if path.is_file())
