"""The private names of libraries that the project uses, and where.

To use another one: is there a public one? If not, add it here, and a test of what is relied on, marked with
`canary`; the library's next version that was not tested is left out in setup.cfg.
"""

import functools
import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from types import ModuleType
from typing import Any, TypeVar

import aiokafka
import nats.aio.client
import tornado.http1connection
import tornado.httpserver
import tornado.iostream
import tornado.tcpserver
import tornado.util
import tornado.web
import tornado.websocket

Test = TypeVar("Test", bound=Callable[..., Any])

BASE = "chatserver/web/base.py"
BODIES = "chatserver/web/bodies.py"
CONNECTION = "chatserver/web/connection.py"
FRAMES = "chatserver/web/websocket/frames.py"
FRONT = "chatserver/web/front.py"
HANDSHAKE = "chatserver/web/websocket/forgetting.py"
KAFKA = "plugins/kafka/client.py"
NATS = "plugins/nats_bus/bus.py"
ROUTES = "chatserver/web/plugin_routes.py"
TRACED = "chatserver/web/traced_request.py"
TRANSPORT = "chatserver/web/websocket/transport.py"
WRITER = "chatserver/logging/writer.py"

LISTED: dict[type | ModuleType, dict[str, tuple[str, ...]]] = {
    tornado.iostream.IOStream: {
        "_read_buffer": (CONNECTION, TRANSPORT),
        "_read_buffer_size": (CONNECTION,),
        "_state": (TRANSPORT,),
        "_total_write_done_index": (CONNECTION,),
        "_total_write_index": (CONNECTION,),
    },
    tornado.http1connection.HTTP1Connection: {
        "_can_keep_alive": (CONNECTION,),
        "_deliver_body": (CONNECTION,),
        "_disconnect_on_finish": (BASE, CONNECTION),
        "_finish_request": (CONNECTION,),
        "_pending_write": (CONNECTION,),
        "_read_body": (CONNECTION,),
        "_read_finished": (BASE, CONNECTION),
        "_request_headers": (CONNECTION,),
        "_write_finished": (CONNECTION,),
    },
    tornado.httpserver: {"_HTTPRequestContext": (FRONT,)},
    tornado.httpserver.HTTPServer: {"_connections": (FRONT,)},
    tornado.tcpserver.TCPServer: {
        "_handle_connection": (FRONT,),
        "_handlers": (FRONT,),
        "_sockets": (FRONT,),
    },
    tornado.web: {"_HandlerDelegate": (BODIES,)},
    tornado.web.RequestHandler: {
        "_break_cycles": (BASE,),
        "_execute": (TRACED,),
        "_finished": (BASE,),
        "_handle_request_exception": (BASE, ROUTES),
        "_headers": (BASE, HANDSHAKE, ROUTES),
        "_headers_written": (BASE,),
        "_new_cookie": (BASE,),
        "_reason": (BASE,),
        "_status_code": (BASE,),
        "_transforms": (HANDSHAKE,),
        "_write_buffer": (BASE, HANDSHAKE),
    },
    tornado.websocket: {"_WebSocketParams": (TRANSPORT,)},
    tornado.websocket.WebSocketProtocol: {"_abort": (TRANSPORT,)},
    tornado.websocket.WebSocketProtocol13: {
        "_accept_connection": (TRANSPORT,),
        "_challenge_response": (TRANSPORT,),
    },
    tornado.util: {"_websocket_mask": (FRAMES,)},
    nats.aio.client.Client: {
        "_current_server": (NATS,),
        "_flush_pending": (NATS,),
        "_pongs": (NATS,),
        "_process_info": (NATS,),
        "_process_pong": (NATS,),
        "_send_command": (NATS,),
        "_send_ping": (NATS,),
    },
    aiokafka.AIOKafkaProducer: {"_closed": (KAFKA,), "_sender": (KAFKA,)},
    logging.FileHandler: {"_open": (WRITER,)},
}
# Private names of the project itself that are used on another object than `self`.
OWN = {
    ("chatserver/hooks/listening.py", "_subscriber"),
    ("chatserver/web/plugin_request.py", "_user"),
}

# Libraries with names above, or with parts that test_graphql.py relies on; as the package index has them.
DISTRIBUTIONS = {
    "tornado": "tornado",
    "nats": "nats-py",
    "aiokafka": "aiokafka",
    "graphql": "graphql-core",
}

tested: set[tuple[object, str]] = set()
"""All that the tests marked with `canary` are about, once their modules are imported."""


def canary(owner: type | ModuleType, *names: str) -> Callable[[Test], Test]:
    """Marks a test of what is relied on in private names. Its failure says where they are used."""
    tested.update((owner, name) for name in names)
    note = "\n".join(place(owner, name) for name in names)

    def mark(test: Test) -> Test:
        @functools.wraps(test)
        def run(*given: Any, **named: Any) -> Any:
            with _noted(note):
                return test(*given, **named)

        @functools.wraps(test)
        async def run_async(*given: Any, **named: Any) -> Any:
            with _noted(note):
                return await test(*given, **named)

        marked: Any = run_async if inspect.iscoroutinefunction(test) else run
        return marked  # type: ignore[no-any-return]

    return mark


@contextmanager
def _noted(note: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise AssertionError(f"{error}\n{note}") from error


def place(owner: type | ModuleType, name: str) -> str:
    """The library, its version, the name, and the files that use it."""
    module = owner.__module__ if isinstance(owner, type) else owner.__name__
    top = module.partition(".")[0]
    library = DISTRIBUTIONS.get(top)
    version = f"{library} {metadata.version(library)}" if library else "Python"
    used = ", ".join(LISTED.get(owner, {}).get(name, ()))
    return f"{version}: {owner.__name__}.{name} is not as {used} takes it to be"
