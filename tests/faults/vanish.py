"""A process that opens many connections, follows a room with each, says so, and does nothing more.

    python -m tests.faults.vanish PORT TOKEN ROOM COUNT

Stopped by SIGSTOP it is what a peer is that lost its network: nothing comes from it any more, not
even the end of a connection.
"""

import asyncio
import json
import sys

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

AT_ONCE = 100


class Follower(WSListener):  # type: ignore[misc]
    """Answers pings, as picows does by itself, and waits for the answer to its one operation."""

    def __init__(self) -> None:
        self.followed = asyncio.Event()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if b'"re"' in frame.get_payload_as_bytes():
            self.followed.set()


async def main(port: int, token: str, room: str, count: int) -> None:
    gate = asyncio.Semaphore(AT_ONCE)
    follow = json.dumps({"id": 1, "op": "sub", "rooms": {room: None}}).encode()
    headers = {"Authorization": f"Bearer {token}", "Sec-WebSocket-Protocol": "chat.v1"}

    async def enter() -> WSTransport:
        async with gate:
            transport, follower = await ws_connect(
                Follower, f"ws://127.0.0.1:{port}/ws", extra_headers=headers
            )
            transport.send(WSMsgType.TEXT, follow)
            await follower.followed.wait()
            return transport

    transports = await asyncio.gather(*(enter() for _ in range(count)))
    print("open", len(transports), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])))
