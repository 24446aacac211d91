"""Answers "!ping" in every room it is in, once each. ping_bot.py http://HOST:PORT TOKEN [FILE]

In the file it keeps how far it has come, so that it answers as well what was said while it did not run.
"""

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path

from chatserver import MessagePosted
from chatserver.client import Client


def last_place(kept: Path | None) -> dict:
    return json.loads(kept.read_text()) if kept and kept.exists() else {}


def keep_place(kept: Path | None, chat: Client) -> None:
    if kept:
        new = kept.with_suffix(".new")
        new.write_text(json.dumps({"positions": chat.positions, "epoch": chat.epoch}))
        new.replace(kept)


async def main(url: str, token: str, kept: Path | None) -> None:
    async with Client(url, token, **last_place(kept)) as chat:
        keep_place(
            kept, chat
        )  # from here on it misses nothing, even if it is ended before the first event
        async for event in chat.events():
            if isinstance(event, MessagePosted) and event.body == "!ping":
                # Made from the message's id: should the bot see it again, it still answers once.
                await chat.send(event.room, "pong", reply_to=event.id, client_id=f"pong {event.id}")
            keep_place(kept, chat)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]) if sys.argv[3:] else None))
