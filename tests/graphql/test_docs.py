"""The page for consumers: its commands and its program work as they stand, its plugin is served."""

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Block, blocks
from tests.docs.terminal import Terminal
from tests.graphql.asker import Asker, without_cost
from tests.graphql.conftest import PLUGINS, Start
from tests.graphql.speaker import Speaker
from tests.protocol.running import Running

PAGE = ROOT / "docs/graphql.md"


def shown(*languages: str) -> list[Block]:
    return [block for block in blocks(PAGE) if block.language in languages]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with every file of the page in it."""
    folder = tmp_path / "page"
    for block in shown("python"):
        _, name = block.info
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(block.text)
    return folder


def test_the_commands_work_as_they_stand(files: Path, server: Running) -> None:
    for program in ("bash", "curl"):
        if shutil.which(program) is None:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(f"no {program} on the PATH")
    terminal = Terminal(files, os.environ, server.port)
    printed = [
        terminal.run(block.text.replace(":4000", f":{server.port}")) for block in shown("sh")
    ]
    signed_up, talked, read, heard = printed
    answers = [
        without_cost(json.loads(answer))
        for answer in (signed_up, talked[talked.rindex('{"data"') :])
    ]
    expected = [json.loads(block.text) for block in shown("json")]
    for answer, example in zip(answers, expected, strict=True):
        assert shape(answer) == shape(example)
    assert answers[1] == expected[1]
    assert read == "3 grace Hello!\n"
    (events,) = shown("")
    assert events.text.strip() in heard


async def test_the_subscription_of_the_page_resumes(server: Running) -> None:
    subscription, *_ = shown("graphql")
    ada = Asker(server, await server.person("ada"))
    room = await ada.make_room()
    sent = await ada.post(room, "Hello")
    async with Speaker(server.port) as speaker:
        assert ada.person is not None
        await speaker.init(ada.person.token)
        speaker.subscribe("1", subscription.text, room=room, after=2)
        assert await speaker.room_event("1") == {
            "__typename": "MessagePosted",
            "seq": 3,
            "message": {"id": sent["id"], "body": "Hello", "author": {"name": "ada"}},
        }


async def test_the_subscription_to_several_rooms_of_the_page_is_fed(server: Running) -> None:
    _, subscription, *_ = shown("graphql")
    ada = Asker(server, await server.person("ada"))
    room = await ada.make_room()
    async with Speaker(server.port) as speaker:
        assert ada.person is not None
        await speaker.init(ada.person.token)
        speaker.subscribe("1", subscription.text, rooms=[{"id": room, "after": 1}])
        joined = {"__typename": "MemberJoined", "roomId": room, "seq": 2}
        assert await speaker.data("1") == {"roomsEvents": joined}


async def test_the_subscription_to_presence_of_the_page_is_fed(server: Running) -> None:
    _, _, subscription, _ = shown("graphql")
    ada = Asker(server, await server.person("ada"))
    room = await ada.make_room()
    async with Speaker(server.port) as speaker:
        assert ada.person is not None
        await speaker.init(ada.person.token)
        speaker.subscribe("1", subscription.text, room=room, users=[ada.id])
        assert await speaker.data("1") == {"presence": [{"userId": ada.id, "online": True}]}


async def test_somebody_signs_in_by_steps_with_the_mutation_of_the_page(start: Start) -> None:
    *_, proceed = shown("graphql")
    server = start(
        {
            "plugins.folder": str(ROOT / "tests/protocol/login_plugins"),
            "plugins.enabled": [*PLUGINS, "riddles"],
            "server.public_url": "https://chat.example.org",
        }
    )
    nobody = Asker(server)
    begin = """mutation { beginLogin(input: { method: "riddle" }) { flow secret } }"""
    given = (await nobody.ask(begin))["beginLogin"]
    for word in ("wrong", "sesame"):
        answer = {"name": "rita", "word": word}
        asked = {**given, "answer": answer}
        found = (await nobody.ask(proceed.text, input=asked))["proceedLogin"]
        given = {"flow": found["flow"], "secret": found["secret"]}
        assert (found["step"] or {}).get("error") == ("Wrong." if word == "wrong" else None)
    assert found["user"]["username"] == "rita" and found["token"] and found["done"] is None


async def test_the_plugin_of_the_page_is_served(files: Path, start: Start) -> None:
    server = start(
        {"plugins.folder": str(files / "local"), "plugins.enabled": [*PLUGINS, "weather"]}
    )
    ada = Asker(server, await server.person("ada"))
    room = await ada.make_room()
    found = await ada.ask("query ($id: ID!) { room(id: $id) { weather { temperature } } }", id=room)
    assert 20 <= found["room"]["weather"]["temperature"] < 30


def shape(value: object) -> object:
    """The names in an answer, without the values."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    return [shape(each) for each in value] if isinstance(value, list) else None
