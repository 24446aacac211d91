"""graphql-transport-ws frame by frame: the allowed order of messages, and the close codes for others."""

from pathlib import Path

import pytest

from chatserver.app import Server
from tests.graphql.asker import Asker
from tests.graphql.conftest import PLUGINS, People, Start
from tests.graphql.speaker import EVENTS, Speaker
from tests.protocol.client import BINARY, Refused
from tests.protocol.running import Running
from tests.waiting import until

LOCAL = Path(__file__).parent / "local"
ME = "query Me { me { id } }"


def token(asker: Asker) -> str:
    assert asker.person is not None
    return asker.person.token


async def until_followed(server: Running, room: str) -> None:
    async def is_followed(running: Server) -> bool:
        channel = running.service.hub.channels.existing(await running.service.rooms.get(room))
        return channel is not None and bool(channel.groups)

    await until(lambda: server.run(is_followed))


async def test_an_event_arrives(server: Running, people: People) -> None:
    (ada,) = await people("ada")
    room = await ada.make_room()
    async with Speaker(server.port) as speaker:
        assert speaker.upgrade["sec-websocket-protocol"] == "graphql-transport-ws"
        acknowledged = await speaker.init(token(ada))
        assert (await ada.ask("{ epoch }"))["epoch"] == acknowledged["payload"]["epoch"]
        speaker.subscribe("a", EVENTS, room=room)
        await until_followed(server, room)
        await ada.post(room, "Hello")
        event = await speaker.room_event("a")
        assert event["__typename"] == "MessagePosted"
        assert event["message"] == {"body": "Hello"}
        speaker.complete("a")
        await speaker.ping()
        await ada.post(room, "Again")
        await speaker.silent("a")


@pytest.mark.parametrize(
    "payload",
    [
        lambda token: {"token": token},
        lambda token: {"Authorization": f"Bearer {token}"},
        lambda token: {"authorization": f"bearer {token}"},
        lambda token: {"headers": {"Authorization": f"Bearer {token}"}},
    ],
)
async def test_the_token_comes_in_the_first_message(
    server: Running, people: People, payload: "object"
) -> None:
    (ada,) = await people("ada")
    assert callable(payload)
    async with Speaker(server.port) as speaker:
        await speaker.init(**payload(token(ada)))
        assert await speaker.run(ME) == {"data": {"me": {"id": ada.id}}}


async def test_the_token_comes_by_header_or_cookie(server: Running, people: People) -> None:
    (ada,) = await people("ada")
    async with Speaker(server.port, token(ada)) as speaker:
        await speaker.init()
        assert await speaker.run(ME) == {"data": {"me": {"id": ada.id}}}
    cookie = {"Cookie": f"chat_session={token(ada)}"}
    with pytest.raises(Refused):
        async with Speaker(server.port, headers=cookie):
            pass
    own = {"Origin": f"http://127.0.0.1:{server.port}"}
    async with Speaker(server.port, headers=cookie | own) as speaker:
        await speaker.init()
        assert await speaker.run(ME) == {"data": {"me": {"id": ada.id}}}


# -- how it is closed ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"nonsense",
        b"[]",
        b"{}",
        b'"ping"',
        b'{"type":"start"}',
        b'{"type":"connection_ack"}',
        b'{"type":"next","id":"1","payload":{}}',
        b'{"type":"ping","payload":7}',
        b'{"type":"pong","payload":"x"}',
        b'{"type":"connection_init","payload":[]}',
        b'{"type":"subscribe","id":"1"}',
        b'{"type":"subscribe","payload":{"query":"{ __typename }"}}',
        b'{"type":"subscribe","id":"","payload":{"query":"{ __typename }"}}',
        b'{"type":"subscribe","id":1,"payload":{"query":"{ __typename }"}}',
        b'{"type":"complete"}',
        b'{"type":"complete","id":""}',
        b"[" * 20000,
        b'{"type":"ping","payload":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001,
    ],
)
async def test_an_invalid_message(server: Running, text: bytes) -> None:
    async with Speaker(server.port) as speaker:
        speaker.text(text)
        assert await speaker.closed() == 4400
    assert speaker.received == []


@pytest.mark.parametrize(
    "payload",
    [
        "{}",
        '{"query":null}',
        '{"query":7}',
        '{"query":["{ me }"]}',
        '{"query":"{ __typename }","variables":[]}',
        '{"query":"{ __typename }","operationName":7}',
        '{"query":"{ __typename }","extensions":7}',
    ],
)
async def test_an_invalid_subscribe(server: Running, people: People, payload: str) -> None:
    (ada,) = await people("ada")
    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        speaker.text(f'{{"type":"subscribe","id":"1","payload":{payload}}}'.encode())
        assert await speaker.closed() == 4400


async def test_a_binary_message(server: Running) -> None:
    async with Speaker(server.port) as speaker:
        speaker.frame(BINARY, b'{"type":"ping"}')
        assert await speaker.closed() == 4400


async def test_an_operation_before_the_acknowledgement(server: Running, people: People) -> None:
    (ada,) = await people("ada")
    async with Speaker(server.port, token(ada)) as speaker:
        speaker.subscribe("1", ME)
        assert await speaker.closed() == 4401
    async with Speaker(server.port) as speaker:
        with speaker.at_once():
            speaker.say({"type": "connection_init", "payload": {"token": token(ada)}})
            speaker.subscribe("1", ME)
        assert await speaker.closed() == 4401
    assert speaker.received == []


@pytest.mark.parametrize("given", [None, "nonsense"])
async def test_no_session(server: Running, given: str | None) -> None:
    async with Speaker(server.port, given) as speaker:
        speaker.say({"type": "connection_init"})
        assert await speaker.closed() == 4403
    async with Speaker(server.port) as speaker:
        speaker.say({"type": "connection_init", "payload": {"token": given}})
        assert await speaker.closed() == 4403


async def test_no_subprotocol(server: Running) -> None:
    for offered in (None, "graphql-ws", "chat.v1"):
        async with Speaker(server.port, subprotocol=offered) as speaker:
            assert await speaker.closed() == 4406


async def test_no_init_in_time(start: Start) -> None:
    server = start({"limits.auth_seconds": 0.2})
    async with Speaker(server.port) as speaker:
        assert (await speaker.ping())["type"] == "pong"
        assert await speaker.closed() == 4408


async def test_an_id_in_use(server: Running, people: People) -> None:
    (ada,) = await people("ada")
    room = await ada.make_room()
    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        speaker.subscribe("1", EVENTS, room=room)
        speaker.subscribe("2", EVENTS, room=room)
        speaker.subscribe("1", ME)
        assert await speaker.closed() == 4409


async def test_an_id_is_free_after_its_end(server: Running, people: People) -> None:
    (ada,) = await people("ada")
    room = await ada.make_room()
    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        for _ in range(3):
            speaker.subscribe("1", ME)
            assert await speaker.data("1") == {"me": {"id": ada.id}}
            assert (await speaker.of("1"))["type"] == "complete"
            speaker.subscribe("1", EVENTS, room=room, after=0)
            assert await speaker.seqs("1", 2) == [1, 2]
            speaker.complete("1")
            speaker.subscribe("1", "{ nonsense }")
            assert await speaker.error_code("1") == "graphql.invalid"


async def test_two_inits(server: Running, people: People) -> None:
    (ada,) = await people("ada")
    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        speaker.say({"type": "connection_init"})
        assert await speaker.closed() == 4429
    async with Speaker(server.port) as speaker:
        speaker.say({"type": "connection_init", "payload": {"token": token(ada)}})
        speaker.say({"type": "connection_init", "payload": {"token": token(ada)}})
        assert await speaker.closed() == 4429


async def test_too_many_connections_of_a_user(start: Start) -> None:
    server = start({"limits.connections_per_user": 1})
    person = await server.person("ada")
    async with Speaker(server.port) as first, Speaker(server.port) as second:
        await first.init(person.token)
        second.say({"type": "connection_init", "payload": {"token": person.token}})
        assert await second.closed() == 4454
        await first.ping()


# -- ping, and operations beside each other --------------------------------------------------------


async def test_ping_and_pong(server: Running) -> None:
    async with Speaker(server.port) as speaker:
        assert await speaker.ping() == {"type": "pong"}
        assert await speaker.ping({"at": 1}) == {"type": "pong", "payload": {"at": 1}}
        assert await speaker.ping({}) == {"type": "pong", "payload": {}}
        speaker.say({"type": "pong"})
        speaker.say({"type": "pong", "payload": {"at": 1}})
        speaker.say({"type": "complete", "id": "unknown"})
        await speaker.ping()
        assert speaker.is_open


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "graphql.parse"),
        ("{ nonsense }", "graphql.invalid"),
        ("query A { me { id } } query B { me { id } }", "graphql.operation"),
        ("query ($id: ID!) { room(id: $id) { id } }", "graphql.variables"),
        ("subscription ($id: ID!) { roomEvents(roomId: $id) { __typename } }", "graphql.variables"),
        ('subscription { roomEvents(roomId: "x") { __typename } }', "room.not_found"),
        ('subscription { roomEvents(roomId: "x", after: -1) { __typename } }', "request.invalid"),
        ("subscription { a: userEvents { __typename } userEvents { __typename } }", None),
    ],
)
async def test_an_operation_that_is_not_executed_ends_with_an_error(
    server: Running, people: People, text: str, code: str | None
) -> None:
    (ada,) = await people("ada")
    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        speaker.subscribe("1", text)
        assert await speaker.error_code("1") == (code or "graphql.invalid")
        await speaker.silent("1")


async def test_a_refusal_by_a_resolver_is_a_result(server: Running, people: People) -> None:
    (ada,) = await people("ada")
    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        result = await speaker.run('mutation { joinRoom(roomId: "x") { room { id } } }')
        assert result["errors"][0]["extensions"]["code"] == "room.not_found"


async def test_a_slow_operation_holds_nothing_up(start: Start) -> None:
    server = start({"plugins.folder": str(LOCAL), "plugins.enabled": [*PLUGINS, "slow"]})
    person = await server.person("ada")
    async with Speaker(server.port) as speaker:
        await speaker.init(person.token)
        speaker.subscribe("slow", "{ slow(seconds: 3) }")
        speaker.subscribe("slower", "{ slow(seconds: 60) }")
        assert await speaker.run(ME) == {"data": {"me": {"id": person.id}}}
        await speaker.silent("slow")
        assert await speaker.data("slow") == {"slow": 3}
        speaker.complete("slower")
        await speaker.silent("slower")


async def test_operations_are_bounded(start: Start) -> None:
    server = start({"plugin.graphql.operations": 2})
    ada = Asker(server, await server.person("ada"))
    room = await ada.make_room()
    async with Speaker(server.port) as speaker:
        await speaker.init(token(ada))
        for name in ("1", "2", "3"):
            speaker.subscribe(name, EVENTS, room=room, after=1)
        assert await speaker.error_code("3") == "graphql.operations"
        assert await speaker.seqs("1", 1) == await speaker.seqs("2", 1) == [2]
        speaker.complete("1")
        speaker.subscribe("3", EVENTS, room=room, after=1)
        assert await speaker.seqs("3", 1) == [2]
