"""The server is killed and comes back: what was acknowledged is there, nothing twice, and the client goes on."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.client_js.programs import Program, Told, program
from tests.faults.server import ChatServer, http
from tests.waiting import until

MESSAGES = 60
PASSWORD = "correct horse battery"


def person(server: ChatServer, name: str) -> dict[str, Any]:
    account = {"username": name, "password": PASSWORD}
    answer = http.post(f"{server.url}/api/v1/register", json=account)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def sent(one: Program, room: str, done: list[int]) -> None:
    """Messages, a few at a time; their seqs, as they are acknowledged, are in `done`."""

    async def send(number: int) -> None:
        done.append((await asyncio.wait_for(one.ask("send", room, str(number)), 300))["seq"])

    for start in range(0, MESSAGES, 5):
        await asyncio.gather(*(send(start + more) for more in range(5)))


@pytest.mark.long
async def test_a_server_that_is_killed(tmp_path: Path, folder: Path) -> None:
    with ChatServer(tmp_path, store="sqlite") as server:
        anna, ben = person(server, "anna"), person(server, "ben")
        async with program(folder) as one, program(folder) as other:
            await one.do("connect", {"url": server.url, "token": anna["token"]})
            await other.do("connect", {"url": server.url, "token": ben["token"]})
            members = {"kind": "private", "name": "Lounge", "members": [ben["user"]["id"]]}
            room = (await one.do("request", "create", members))["id"]
            taking = other.ask("take", MESSAGES, ["message.posted"])
            done: list[int] = []
            sending = asyncio.create_task(sent(one, room, done))
            for count in (10, 30):
                await until(lambda count=count: len(done) >= count)
                await asyncio.to_thread(server.kill)
                await asyncio.to_thread(server.start)
            await asyncio.wait_for(sending, 300)
            events = await asyncio.wait_for(taking, 300)
            assert sorted(int(event["body"]) for event in events) == list(range(MESSAGES))
            assert [event["seq"] for event in events] == sorted(done)
            page = await one.do("request", "history", {"room": room, "limit": 200})
            assert [each["id"] for each in page["messages"]] == [each["id"] for each in events]


async def test_a_server_that_is_not_there_yet_is_waited_for(tmp_path: Path, folder: Path) -> None:
    server = ChatServer(tmp_path, store="memory")
    try:
        async with program(folder) as chat:
            connecting = chat.ask("connect", {"url": server.url, "token": "no such token"})

            async def is_warned() -> bool:
                return bool(await chat.do("warnings"))

            await until(is_warned)
            await asyncio.to_thread(server.start)
            with pytest.raises(Told) as told:
                await asyncio.wait_for(connecting, 300)
            assert told.value.code == "auth.invalid"
            warnings = str(await chat.do("warnings"))
            assert "no connection (1006)" in warnings and "no such token" not in warnings
    finally:
        server.kill()
