"""Events on their way to the followers of a room: encoded once, live or after catching up.

    hub.py         the connections of this node by user, and handing durable events to them
    channel.py     the listeners of one room, and its feed in chat.v1
    subscriber.py  one connection's side: its frames to send, its feeds, and how it catches up
    outlet.py      what all connections share when they send: bounds, counters, one write a turn
    encoding.py    WebSocket frames, built once for all
    streams.py     feeds in other forms, executed once for all streams that want the same
    logpages.py    pages of the log for connections that catch up, made once for all
    notices.py     notices that are in no log

The bytes are written by `chatserver/web`.
"""
