"""A process that opens many connections, follows a room with each, says so, and does nothing more.

    python -m tests.faults.vanish PORT TOKEN ROOM COUNT

Stopped by SIGSTOP it is what a peer is that lost its network: nothing comes from it any more, not
even the end of a connection.
"""

import asyncio
import json
import sys

from tests.faults.raw import Guest
from tests.transport.ws_client import text

AT_ONCE = 100


async def main(port: int, token: str, room: str, count: int) -> None:
    guests: list[Guest] = []
    gate = asyncio.Semaphore(AT_ONCE)
    follow = text(json.dumps({"id": 1, "op": "sub", "rooms": {room: None}}))

    async def enter() -> None:
        async with gate:
            headers = f"Authorization: Bearer {token}\r\nSec-WebSocket-Protocol: chat.v1\r\n"
            guest = await Guest.connect(port, headers, early=follow)
            await guest.answer(1)
            guests.append(guest)

    await asyncio.gather(*(enter() for _ in range(count)))
    print("open", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])))
