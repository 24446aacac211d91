"""The doors of the server: HTTP and WebSocket, on Tornado.

    listening.py, accepting.py   sockets to listen on, and accepting connections
    front.py, connection.py  the HTTP server, its short way for the commonest reads, one connection
    grammar.py               heads of requests, as RFC 9112 has them
    routes.py                which handler answers which address
    gate.py, visitors.py, access.py   limits of connections; credentials and client addresses
    base.py, bodies.py, heads.py   shared by all handlers: errors, sizes of bodies, headers
    api.py, health.py, pages.py    the HTTP API, health checks, the page and its files
    upgrade.py, socket.py, handshake.py   from a request to a WebSocket
    transport.py             one WebSocket: inbox.py reads and outbox.py writes frames, with frames.py
                             (RFC 6455), deflate.py (RFC 7692) and heartbeat.py
    session.py, ops.py       the protocol chat.v1 on it, one function for each operation
    plugin_*.py              requests, streams and sockets that plugins answer

Nothing here decides on rights: the service does.
"""
