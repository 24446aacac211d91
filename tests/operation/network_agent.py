"""One machine of the firewall's test: run within a network namespace, it listens at ports and tries to connect.

Reads one request a line from standard input, and answers each with a line of JSON. It uses the standard library alone.
"""

import contextlib
import json
import selectors
import socket
import sys
import threading
import time


def listen(ports: list[tuple[int, str]]) -> None:
    """Answer at every port, over IPv4 and IPv6: accept connections, and return datagrams."""
    ready = selectors.DefaultSelector()
    for number, protocol in ports:
        kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
        listener = socket.socket(socket.AF_INET6, kind)
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind(("::", number))
        if protocol == "tcp":
            listener.listen(4096)
        listener.setblocking(False)
        ready.register(listener, selectors.EVENT_READ, protocol)
    threading.Thread(target=serve, args=(ready,), daemon=True).start()


def serve(ready: selectors.BaseSelector) -> None:
    while True:
        for key, _ in ready.select():
            listener = key.fileobj
            assert isinstance(listener, socket.socket)
            try:
                if key.data == "tcp":
                    listener.accept()[0].close()
                else:
                    data, sender = listener.recvfrom(64)
                    listener.sendto(data, sender)
            except OSError:
                continue


def open_to(address: str, number: int, protocol: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    opened = socket.socket(family, kind)
    opened.setblocking(False)
    opened.connect_ex((address, number))
    if protocol == "udp":
        ask(opened)
    return opened


def ask(opened: socket.socket) -> None:
    """Send a datagram; the firewall refuses with EPERM, which is as good as dropped."""
    with contextlib.suppress(OSError):
        opened.send(b"?")


def tried(
    targets: list[tuple[str, int, str]], expected: set[int], rest: float, most: float
) -> list[int]:
    """Indices of the targets that answered. Waits until all expected ones did, and then `rest` seconds for others."""
    ready = selectors.DefaultSelector()
    for index, target in enumerate(targets):
        opened = open_to(*target)
        tcp = target[2] == "tcp"
        ready.register(opened, selectors.EVENT_WRITE if tcp else selectors.EVENT_READ, (index, tcp))
    reached: set[int] = set()
    start = time.monotonic()
    end = start + most
    asked = start
    while ready.get_map() and time.monotonic() < end:
        for key, _ in ready.select(0.2):
            opened = key.fileobj
            assert isinstance(opened, socket.socket)
            index, tcp = key.data
            if opened.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0 and (
                tcp or answer(opened)
            ):
                reached.add(index)
            ready.unregister(opened)
            opened.close()
        if time.monotonic() - asked > 1:
            asked = time.monotonic()
            for key in list(ready.get_map().values()):
                if not key.data[1]:
                    assert isinstance(key.fileobj, socket.socket)
                    ask(key.fileobj)
        if expected <= reached:
            end = min(end, max(start, time.monotonic()) + rest)
            expected = {-1}  # the time left is set once
    for key in list(ready.get_map().values()):
        assert isinstance(key.fileobj, socket.socket)
        key.fileobj.close()
    return sorted(reached)


def answer(opened: socket.socket) -> bool:
    try:
        return opened.recv(64) == b"?"
    except OSError:
        return False


def burst(address: str, number: int, count: int) -> int:
    """How many of `count` connections opened at once were accepted within two seconds of the last one."""
    ready = selectors.DefaultSelector()
    for _ in range(count):
        ready.register(open_to(address, number, "tcp"), selectors.EVENT_WRITE)
    made = 0
    while events := ready.select(0.7):  # before the first SYN is repeated, after a second
        for key, _ in events:
            assert isinstance(key.fileobj, socket.socket)
            made += key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
            ready.unregister(key.fileobj)
            key.fileobj.close()
    for key in list(ready.get_map().values()):
        assert isinstance(key.fileobj, socket.socket)
        key.fileobj.close()
    return made


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        result: object = None
        if request["do"] == "listen":
            listen([tuple(each) for each in request["ports"]])
        elif request["do"] == "try":
            targets = [tuple(each) for each in request["targets"]]
            result = tried(targets, set(request["expected"]), request["rest"], request["most"])
        elif request["do"] == "burst":
            result = burst(request["address"], request["port"], request["count"])
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
