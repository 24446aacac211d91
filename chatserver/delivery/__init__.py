"""Events on their way to the followers of a room: encoded once, live or after catching up.

    hub.py         the connections of this node, and handing durable events to them
    subscriber.py  one connection's side: its frames to send, its feeds, and how it catches up
    feed.py        the interface of feeds; a room itself (`chatserver/roomlog/room.py`) is the feed of chat.v1
    streams.py     feeds in other forms, executed once for all streams that want the same
    logpages.py    pages of the log for connections that catch up, made once for all

Frames are built in `chatserver/delivery/encoding.py`; the bytes are written by the doors (`chatserver/web`).
"""
