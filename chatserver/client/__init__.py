"""A client for bots and programs in Python: it comes back after each interruption, and misses and repeats nothing.

    async with Client("https://chat.example.org", token) as chat:
        async for event in chat.events():
            if isinstance(event, MessagePosted) and event.body == "!ping":
                await chat.send(event.room, "pong", reply_to=event.id)

client.py    what one can do, and the events
link.py      one connection after the other, each signed in and with its answers
feed.py      events in order, each once, across connections
errors.py    what may go wrong
"""

from chatserver.client.client import Client, sign_in
from chatserver.client.errors import Disconnected, Refused
from chatserver.client.feed import Gap

__all__ = ["Client", "Disconnected", "Gap", "Refused", "sign_in"]
