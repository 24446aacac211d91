"""Notices of plugins, to clients that are connected."""

from pathlib import Path

import pytest

from tests.protocol.client import Client, Frame
from tests.protocol.conftest import Start
from tests.protocol.running import Running

ENABLED = {
    "plugins.folder": str(Path(__file__).parent / "plugins"),
    "plugins.enabled": ["memory", "password", "bell"],
}


@pytest.fixture
def server(start: Start) -> Running:
    return start(ENABLED)


async def heard(client: Client) -> list[Frame]:
    await client.ok("ping")  # answered after what was told before
    return [client.events.get_nowait() for _ in range(client.events.qsize())]


async def test_one_user_some_or_all_are_told(server: Running) -> None:
    owner, member = await server.person("owner"), await server.person("member")
    other = await server.person("other")
    given = {"name": "Lounge", "members": [member.id]}
    room = (await owner.http("POST", "/api/v1/rooms", given)).json()["id"]
    async with (
        owner.connect() as first,
        owner.connect() as second,
        member.connect() as third,
        other.connect() as fourth,
    ):
        clients = (first, second, third, fourth)
        await second.ok("sub", rooms={room: None})
        for fields, expected in (
            ({}, (True, True, True, True)),
            ({"user": member.id}, (False, False, True, False)),
            ({"user": member.id, "companions": True}, (False, True, True, False)),
            ({"room": room}, (False, True, False, False)),  # who follows it
            ({"user": ""}, (False, False, False, False)),
            ({"roles": ["owner", "admin"]}, (True, True, False, False)),
            ({"user": owner.id, "letters": 4094}, (True, True, False, False)),
        ):
            assert await third.ok("bell.ring", **fields) == {}
            told = {
                "ev": "plugin.notice",
                "plugin": "bell",
                "name": "rung",
                "payload": "x" * int(str(fields.get("letters", 1))),
            }
            assert [await heard(each) for each in clients] == [
                [told] if is_told else [] for is_told in expected
            ]


@pytest.mark.parametrize("name", ["", "Rung", "ru ng", "-rung", "r" * 65, "rúng"])
async def test_a_notice_has_a_plain_name_and_few_bytes(server: Running, name: str) -> None:
    owner = await server.person("owner")
    async with owner.connect() as client:
        refused = await client.ok("bell.ring", name=name)
        assert refused == {"refused": f"a notice cannot be named {name!r}"}
        refused = await client.ok("bell.ring", letters=4095)
        assert refused == {"refused": "a notice has at most 4096 bytes of JSON, not 4097"}
        assert await heard(client) == []
