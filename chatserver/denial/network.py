"""Connections and listeners: a plugin connects to the hosts that it declares, and listens if it says so.

The interpreter's audit events are heard, so it does not matter which library connects. Libraries in C that have sockets
of their own, and other programs that a plugin starts, raise no such events and are not seen.
"""

import re
import socket
import sys
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote

import msgspec

from chatserver.config.settings import convert
from chatserver.denial import attribution, environment
from chatserver.denial.counted import Counted
from chatserver.denial.refusal import Denial
from chatserver.hooks.loading import settings_type
from chatserver.hooks.powers import ANY, CONFIGURED, DISCOVERED, LISTEN

_HOST = re.compile(r"[0-9A-Za-z_.-]+|(?<=\[)[0-9A-Fa-f:.]+(?=\])")
_resolved: dict[str, set[str]] = {}  # the addresses of names that a plugin asked for, by plugin


def permitted(host: str, denial: Denial, plugin: str) -> bool:
    """Whether the plugin may connect to a host: a name, an address, or the path of a Unix socket."""
    powers = denial.powers(plugin)
    if powers is None or {ANY, DISCOVERED} & {*powers.network}:
        return True
    name = host.lower().rstrip(".")
    if name in _resolved.get(plugin, ()):
        return True
    if any(fnmatchcase(name, each.lower()) for each in powers.network):
        return True
    return CONFIGURED in powers.network and any(
        name in _HOST.findall(text.lower()) or (host.startswith("/") and host in text)
        for text in configured(denial, plugin)
    )


def configured(denial: Denial, plugin: str) -> Iterator[str]:
    """All texts that may name a host for the plugin: its settings, its variables, the targets of backups."""
    config, kind, powers = denial.config(), denial.loaded(plugin), denial.powers(plugin)
    if kind is not None and powers is not None:
        settings = convert(config.plugin.get(plugin, {}), settings_type(kind), f"plugin.{plugin}")
        found = msgspec.to_builtins([settings, config.backup.targets], enc_hook=str)
        values = [environment.value_of(name) for name in powers.secrets]
        yield from map(unquote, [*_texts(found), *values])


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str):
        yield value


def _demand(host: str, what: str) -> None:
    attribution.demand(
        lambda denial, plugin: permitted(host, denial, plugin), "network", host, what
    )


def _may_listen(denial: Denial, plugin: str) -> bool:
    powers = denial.powers(plugin)
    return powers is None or LISTEN in powers.network


def _looked_up(host: Any, *rest: Any) -> None:
    if host:
        name = _text(host)
        _demand(name, f"the network ({name})")


def _connected(end: socket.socket, address: Any) -> None:
    if address is not None:  # of a socket that is connected already
        host = _text(address[0] if isinstance(address, tuple) else address)
        _demand(host, f"the network ({host})")


def _bound(end: socket.socket, address: Any) -> None:
    is_any_port = isinstance(address, tuple) and not address[1]
    if (
        end.type == socket.SOCK_DGRAM and not is_any_port
    ):  # datagrams come without a call of `listen`
        _demand_listening()


def _demand_listening() -> None:
    attribution.demand(_may_listen, "network", LISTEN, "a listener of its own")


def _text(name: Any) -> str:
    return name.decode(errors="replace") if isinstance(name, bytes | bytearray) else str(name)


_HEARD: dict[str, Callable[..., None]] = {
    "socket.getaddrinfo": _looked_up,
    "socket.gethostbyname": _looked_up,
    "socket.connect": _connected,
    "socket.sendto": _connected,
    "socket.sendmsg": _connected,
    "socket.bind": _bound,
}
_state = {"added": False, "heard": False}


def _hear(event: str, given: tuple[Any, ...]) -> None:
    if _state["heard"] and event in _HEARD:
        _HEARD[event](*given)


def _resolving(resolve: Callable[..., Any]) -> Callable[..., Any]:
    """Notes the addresses of the hosts that a plugin may look up, so that it may connect to these."""

    def getaddrinfo(*given: Any, **named: Any) -> Any:
        found = resolve(*given, **named)
        if plugin := attribution.now():
            _resolved.setdefault(plugin, set()).update(str(each[4][0]) for each in found)
        return found

    return getaddrinfo


def _put(kind: type[Any], name: str, method: Callable[..., Any]) -> None:
    setattr(kind, name, method)


def _begin() -> Callable[[], None]:
    if not _state["added"]:
        sys.addaudithook(_hear)  # it cannot be taken away again
    resolve = socket.getaddrinfo
    socket.getaddrinfo = _resolving(resolve)
    listen = socket.socket.listen  # raises no audit event

    def listened(end: socket.socket, *given: int) -> None:
        _demand_listening()
        listen(end, *given)

    _put(socket.socket, "listen", listened)
    _state.update(added=True, heard=True)

    def remove() -> None:
        _state["heard"] = False
        socket.getaddrinfo = resolve
        _put(socket.socket, "listen", listen)
        _resolved.clear()

    return remove


heard = Counted(_begin).held
