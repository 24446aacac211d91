"""The plugin in a real server, with a service that the test starts: one that works, is slow, dead, or confused."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from chatserver import ChatError
from chatserver.testing.running import Chat, Person, running

SECRET = {"plugin.moderation.token": "a secret"}


class Service(RequestHandler):
    """Refuses rude messages; other texts say how it misbehaves."""

    async def post(self) -> None:
        question = json.loads(self.request.body)
        assert self.request.headers["Authorization"] == "Bearer a secret"
        match question["text"]:
            case "slow":
                await asyncio.sleep(600)
            case "error":
                self.set_status(503)
            case "confused":
                self.write({"allow": "perhaps"})
            case text:
                self.write({"allow": "rude" not in text, "reason": "Be kind."})


@asynccontextmanager
async def served(settings: Mapping[str, object] = SECRET) -> AsyncIterator[Chat]:
    """A server with the plugin, and the service."""
    server, (socket, *_) = HTTPServer(Application([("/", Service)])), bind_sockets(0, "127.0.0.1")
    server.add_socket(socket)
    uri = f"http://127.0.0.1:{socket.getsockname()[1]}/"
    try:
        async with running(
            "moderation", settings={"plugin.moderation.uri": uri, **settings}
        ) as chat:
            yield chat
    finally:
        server.stop()
        await server.close_all_connections()


async def said(person: Person, room: object, text: str) -> str:
    """ "" if the message was posted, else the code of the error."""
    try:
        await person.post(room, text)  # type: ignore[arg-type]
    except ChatError as error:
        return error.code
    return ""


def test_the_service_decides_where_owners_want_it() -> None:
    async def talk() -> None:
        async with served() as chat:
            ada, bob = await chat.user("ada"), await chat.user("bob")
            room = await ada.create_room("Lounge", members=[bob])
            other = await ada.create_room("Elsewhere")
            await ada.post(room, "rude")
            with pytest.raises(ChatError, match=r"command\.forbidden"):
                await bob.command(room, "/moderation-on")
            await ada.command(room, "/moderation-on")
            await ada.post(room, "kind")
            with pytest.raises(ChatError, match="Be kind"):
                await ada.post(room, "rude")
            await ada.post(other, "rude")
            await ada.command(room, "/moderation-off")
            await ada.post(room, "rude")

    asyncio.run(talk())


@pytest.mark.parametrize(
    ("policy", "code"), [({}, "plugin.failed"), ({"plugin.moderation.on_failure": "pass"}, "")]
)
def test_without_an_answer_the_policy_decides(policy: Mapping[str, object], code: str) -> None:
    async def talk() -> None:
        settings = {**SECRET, **policy, "plugin.moderation.deadline_seconds": 0.5}
        async with served(settings) as chat:
            ada = await chat.user("ada")
            room = await ada.create_room("Lounge")
            await ada.command(room, "/moderation-on")
            assert [await said(ada, room, text) for text in ("error", "confused")] == [code] * 2
            assert await said(ada, room, "rude") != ""  # the next one is asked about again
            assert await said(ada, room, "slow") == code
        async with running(
            "moderation", settings={"plugin.moderation.uri": DEAD, **policy}
        ) as chat:
            ada = await chat.user("ada")
            room = await ada.create_room("Lounge")
            await ada.command(room, "/moderation-on")
            assert await said(ada, room, "hello") == code

    asyncio.run(talk())


DEAD = "http://127.0.0.1:1/"  # nothing listens there


def test_while_the_plugin_is_off_nothing_passes_in_rooms_that_it_guards(tmp_path: Path) -> None:
    settings = {"plugin.sqlite.path": str(tmp_path / "chat.db")}

    async def talk() -> None:
        async with running("moderation", store="sqlite", settings=settings) as chat:
            ada = await chat.user("ada")
            guarded = await ada.create_room("Lounge")
            other = await ada.create_room("Elsewhere")
            await ada.command(guarded, "/moderation-on")
        async with running(store="sqlite", settings=settings) as chat:
            ada = Person(chat, ada.user, ada.token)
            rooms = [await chat.service.rooms.get(room.id) for room in (guarded, other)]
            assert [await said(ada, room, "hello") for room in rooms] == ["plugin.absent", ""]

    asyncio.run(talk())
