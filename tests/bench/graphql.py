"""GraphQL load: subscribers on sockets of graphql-transport-ws, and the documents that are asked for."""

import asyncio
from time import perf_counter

import msgspec
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from tests.bench.http import Connection
from tests.bench.load import CONNECTING, Load

PATH = "/graphql"
SUBPROTOCOL = "graphql-transport-ws"
FIELDS = "seq message { id body at author { id name } }"
NEWEST = """query Newest($room: ID!) {
  room(id: $room) { head messages(last: 50) { id seq body at author { id name } } }
}"""
ROOMS = "query Rooms { rooms(first: 50) { nodes { id name head unread } } }"
LAST_OF_ROOMS = """{
  rooms(first: 50) {
    nodes { id name unread messages(last: 1) { id seq body at author { id name } } }
  }
}"""
_BEHIND_ID = len('{"id": "",') + 32  # at least, however it is spaced
_TEXT = WSMsgType.TEXT


def document(fields: str = FIELDS) -> str:
    return (
        "subscription Live($room: ID!, $after: Int) { roomEvents(roomId: $room, after: $after)"
        f" {{ __typename ... on MessagePosted {{ {fields} }} }} }}"
    )


async def subscribe(
    load: Load, port: int, tokens: list[str], room: str, documents: list[str]
) -> None:
    """One subscriber for each token, with the document at the same place.

    New documents are read one by one, and nothing tells that a subscription is open: so each begins at the head.
    """
    async with Connection.opened(port) as connection:
        asked: dict[str, object] = {"query": "query Head($room: ID!) { room(id: $room) { head } }"}
        asked |= {"variables": {"room": room}}
        reply = await connection.request("POST", PATH, asked, tokens[0])
        head = reply.json()["data"]["room"]["head"]
    variables = {"room": room, "after": head}
    places = iter(list(zip(tokens, documents, strict=True)))

    async def work() -> None:
        for token, text in places:
            load.clients.append(await Subscriber.open(load, port, token, text, variables))

    await asyncio.gather(*(work() for _ in range(CONNECTING)))


class Subscriber(WSListener):
    """One connection with one subscription. Its frames differ from others' in the id at most."""

    def __init__(self, load: Load, number: int) -> None:
        self.load = load
        self.transport: WSTransport
        self._head = b'{"id":"%032d"' % number
        self._expected: asyncio.Future[bytes] | None = None

    @classmethod
    async def open(
        cls, load: Load, port: int, token: str, text: str, variables: dict[str, object]
    ) -> "Subscriber":
        number = len(load.clients)
        transport, client = await ws_connect(
            lambda: cls(load, number),
            f"ws://127.0.0.1:{port}{PATH}",
            extra_headers={
                "Sec-WebSocket-Protocol": SUBPROTOCOL,
                "Authorization": f"Bearer {token}",
            },
            websocket_handshake_timeout=30,
        )
        assert isinstance(client, cls)
        client.transport = transport
        await client._ask(b'{"type":"connection_init"}')
        payload = msgspec.json.encode({"query": text, "variables": variables})
        client._say(client._head + b',"type":"subscribe","payload":%b}' % payload)
        return client

    async def _ask(self, frame: bytes) -> bytes:
        self._expected = asyncio.get_running_loop().create_future()
        self._say(frame)
        answer = await self._expected
        self._expected = None
        return answer

    def _say(self, frame: bytes) -> None:
        self.transport.send(_TEXT, frame)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        payload = frame.get_payload_as_bytes()
        if payload.startswith(b'{"id"'):
            load, shared = self.load, payload[_BEHIND_ID:]
            message = load.known.get(shared) or load.recognise(shared)
            load.delivered.append(perf_counter() - message.due)
            message.left -= 1
            if not message.left:
                load.complete(message)
        elif self._expected is not None:
            self._expected.set_result(payload)
        else:
            self.load.failed += 1  # errors, completions: there must be none
