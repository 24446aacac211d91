"""Sockets to listen on, and the HTTP servers on them."""

import errno
import socket
import ssl

from tornado.netutil import bind_sockets
from tornado.web import Application

from chatserver.config import Config
from chatserver.errors import PortTaken, StartupError
from chatserver.web.certificates import load_chain
from chatserver.web.front import Front
from chatserver.web.gate import Gate
from chatserver.web.short_way import ShortWay

BACKLOG = 4096  # connections that may wait to be accepted: after a restart thousands come at once
READ_BYTES = 262144  # of one connection, read and not handled yet
UNSENT_BYTES = 131072  # in the kernel, for each connection: few wake-ups while much is sent


def bind(config: Config, port: int | None = None, *, shared: bool = False) -> list[socket.socket]:
    """Listen at the configured host and port, or at another `port` of that host.

    A `shared` address may be bound several times: the kernel spreads new connections over the sockets.
    Raises `StartupError`.
    """
    number = config.server.port if port is None else port
    return _bind("server.port", config.server.host, number, shared)


def bind_internal(
    config: Config, port: int | None = None, *, shared: bool = False
) -> list[socket.socket]:
    """Listen for operators, if the configuration says so; see `bind`. Raises `StartupError`."""
    if config.server.internal_port < 0:
        return []
    number = config.server.internal_port if port is None else port
    return _bind("server.internal_port", config.server.internal_host, number, shared)


def _bind(setting: str, host: str, port: int, shared: bool) -> list[socket.socket]:
    try:
        sockets = bind_sockets(port, host, backlog=BACKLOG, reuse_port=shared)
    except (OSError, UnicodeError) as error:
        raise _refused(setting, host, port, error) from error
    for each in sockets:
        _bound_the_kernel(each)
    return sockets


def _refused(setting: str, host: str, port: int, error: OSError | UnicodeError) -> StartupError:
    """The error, which names the wrong setting: the host if this machine has no such address."""
    where = setting.replace("port", "host")
    if not isinstance(error, OSError):  # too long or too odd to be looked up
        return StartupError(f"{where}: {host!r} is no name or address of a host")
    said = error.strerror or str(error)
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return StartupError(f"{where}: cannot listen on {host}: {said}")
    kind = PortTaken if error.errno == errno.EADDRINUSE else StartupError
    return kind(f"{setting}: cannot listen on {host}:{port}: {said}")


def _bound_the_kernel(listener: socket.socket) -> None:
    """Limit the unsent bytes that the kernel takes for a client; connections inherit the limit.

    Otherwise the kernel takes megabytes for each client that does not read, which no bound of ours knows of,
    and filling them slows the sends to all others. Bytes on their way do not count, so the rate to a distant
    client stays the same. See TCP_NOTSENT_LOWAT in tcp(7); not every platform has it.
    """
    option: int | None = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    if option is not None:
        listener.setsockopt(socket.IPPROTO_TCP, option, UNSENT_BYTES)


def bind_own() -> socket.socket:
    """Listen on a free port of loopback, for requests of one process to another."""
    (own,) = bind_sockets(0, "127.0.0.1")
    return own


def front(app: Application, gate: Gate, tls: ssl.SSLContext | None) -> Front:
    """An HTTP server with the bounds of the configuration."""
    limits = gate.config.limits
    made = Front(
        app,
        ssl_options=tls,
        idle_connection_timeout=limits.header_seconds,
        body_timeout=limits.body_seconds,
        max_header_size=limits.header_bytes,
        max_body_size=limits.http_body_bytes,
        # Bodies are read in pieces, so this need not hold a whole one.
        max_buffer_size=limits.header_bytes + READ_BYTES,
    )
    made.gate, made.short_way = gate, ShortWay(gate)
    return made


def tls(config: Config) -> ssl.SSLContext | None:
    """The TLS context of the configuration; None without TLS. Raises `StartupError`."""
    if not config.server.tls_certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    load_chain(context, config.server.tls_certificate, config.server.tls_key)
    return context
