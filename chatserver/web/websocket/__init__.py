"""The WebSocket transport, and the protocol chat.v1 on it.

upgrade.py, socket.py   from a request to a WebSocket; forgetting.py frees the request's memory
transport.py            one WebSocket: inbox.py reads and outbox.py writes
frames.py               frames (RFC 6455); deflate.py: their compression (RFC 7692)
heartbeat.py            pings, and the end of connections that answer none
session.py, ops.py      chat.v1 on it, one function for each operation
plugin_ops.py           operations that plugins add
traced_session.py       the same with spans of the operations, if there is a tracer
"""
