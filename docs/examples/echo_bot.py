"""Answers "!ping" in every room it is in, once each. echo_bot.py ws://HOST:PORT/ws TOKEN"""

import asyncio
import json
import sys
from contextlib import suppress

from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketError, websocket_connect


class Bot:
    def __init__(self, url: str, token: str) -> None:
        self.request = HTTPRequest(url, headers={"Authorization": f"Bearer {token}"})
        self.seen: dict[str, int] = {}  # the last seq of each room
        self.epoch = ""  # what those seqs belong to

    async def talk(self) -> int | None:
        """One connection, from hello to its close code."""
        socket = await websocket_connect(self.request, subprotocols=["chat.v1"])
        while (text := await socket.read_message()) is not None:
            for answer in self.answers(json.loads(text)):
                await socket.write_message(json.dumps(answer))
        return socket.close_code

    def answers(self, frame: dict):
        if frame.get("sys") == "hello":
            self.old_epoch = self.epoch or frame["epoch"]
            self.epoch = frame["epoch"]
            yield {"id": 1, "op": "rooms"}
        elif frame.get("re") == 1:
            mine = [room["id"] for room in frame["ok"]["rooms"] if room.get("joined", True)]
            rooms = {room: self.seen.get(room) for room in mine}
            yield {"id": 2, "op": "sub", "rooms": rooms, "epoch": self.old_epoch}
        elif frame.get("re") == 2:
            states = frame["ok"]["rooms"].items()
            gaps = {room: state["head"] for room, state in states if state["state"] == "gap"}
            yield {"id": 3, "op": "sub", "rooms": gaps}
            self.seen = {room: state["head"] for room, state in states} | self.seen | gaps
        elif frame.get("ev") == "room.added":
            self.seen.setdefault(frame["room"], frame["head"])
            yield {"id": 3, "op": "sub", "rooms": {frame["room"]: frame["head"]}}
        elif frame.get("ev") == "message.posted" and frame["body"] == "!ping":
            # Made from the message's id: should the bot see it again, it still answers once.
            reply = {"client_id": f"pong {frame['id']}", "reply_to": frame["id"]}
            yield {"id": 4, "op": "send", "room": frame["room"], "body": "pong", **reply}
        if "author" in frame:  # an event of the log
            self.seen[frame["room"]] = frame["seq"]


async def main(url: str, token: str) -> None:
    bot = Bot(url, token)
    while True:
        try:
            code = await bot.talk()
        except HTTPClientError as error:  # in place of a connection; 503 while the server restarts
            code = None
            if error.code in (401, 403):
                sys.exit(f"the server refuses: {error}")
        except (OSError, WebSocketError):
            code = None
        if code is not None and code >= 4450:
            sys.exit(f"the server closed with {code}")
        await asyncio.sleep(1)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(*sys.argv[1:]))
