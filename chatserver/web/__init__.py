"""The doors of the server: HTTP and WebSocket, on Tornado.

    listening.py, accepting.py   sockets to listen on, and accepting connections
    front.py, connection.py, turns.py  the HTTP server, one connection, whose request is next
    grammar.py, short_way.py   heads of requests, as RFC 9112 has them; answers made from these alone
    routes.py, doors.py      which handler answers which address; addresses that change while it listens
    gate.py, visitors.py, access.py   limits of connections; credentials and client addresses
    base.py, bodies.py, response_heads.py   shared by all handlers: errors, bodies, headers
    traced_request.py        spans of requests, if there is a tracer
    certificates.py          the certificate of direct TLS
    api.py, login.py, administration.py   the HTTP API, signing in, what staff of the server do
    people.py, messages.py   what people say of themselves, whom they block; messages by their ids
    health.py, pages.py      health checks, the page
    joining.py, joined_page.py   one script of the page's modules, one style sheet
    files.py, packing.py     files for browsers, in fewer bytes
    page_parts.py            what plugins add to the page
    plugin_*.py              requests, streams and sockets that plugins answer
    paths.py, incoming.py    parameters in plugins' paths; bodies that plugins read part by part
    websocket/               the WebSocket transport, and the protocol chat.v1 on it

Nothing here decides on rights: the service does.
"""
