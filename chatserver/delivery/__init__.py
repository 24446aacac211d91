"""Events on their way to those who follow a room: encoded once, live or after catching up.

    hub.py         who listens to what on this node, and handing out what is durable
    subscriber.py  one connection's side: what is to be sent, what it follows, how it catches up
    feed.py        what can be followed; a room itself (`chatserver/room.py`) is the feed of chat.v1
    streams.py     feeds in other forms, executed once for all who want the same
    logpages.py    pages of the log for those who catch up, made once for all

Frames are built in `chatserver/frames.py`; the bytes are written by the doors (`chatserver/web`).
"""
