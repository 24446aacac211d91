"""TLS connections to a proxy, for one byte after the other, and a WebSocket on one."""

import base64
import os
import socket
import ssl
from typing import Self

from tests.operation.proxies.machine import HOST
from tests.operation.proxies.sites import OPERATOR, STRANGER, Proxy

TIMEOUT = 60.0  # far longer than a busy machine takes


def raw(
    proxy: Proxy, source: str = STRANGER, server: str = OPERATOR, timeout: float = TIMEOUT
) -> ssl.SSLSocket:
    """A TLS connection from that address; each of its waits ends after `timeout`."""

    def connect() -> ssl.SSLSocket:
        plain = socket.create_connection((server, 443), timeout, source_address=(source, 0))
        return proxy.tls().wrap_socket(plain, server_hostname=HOST)

    return proxy.machine.call(connect)


class WebSocket:
    """A context manager. `status` is that of the answer to the upgrade."""

    def __init__(
        self,
        proxy: Proxy,
        path: str = "/ws",
        *,
        source: str = STRANGER,
        server: str = OPERATOR,
        **headers: str,
    ) -> None:
        self._tls = raw(proxy, source, server)
        key = base64.b64encode(os.urandom(16)).decode()
        given = {
            "Host": HOST,
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": key,
            **headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        self._tls.sendall(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
        head = b""
        while not head.endswith(b"\r\n\r\n") and (byte := self._tls.recv(1)):
            head += byte
        self.status = int(head.split()[1])

    def __enter__(self) -> Self:
        if self.status != 101:
            self.close()
            raise AssertionError(f"the upgrade was answered with {self.status}")
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._tls.close()

    def send(self, text: str) -> None:
        """A short text frame (RFC 6455, 5.2), with a mask of zeros."""
        data = text.encode()
        assert len(data) < 126
        self._tls.sendall(bytes([0x81, 0x80 | len(data)]) + bytes(4) + data)

    def receive(self) -> str | None:
        """The next short text; None at the end of the connection."""
        head = self._take(2)
        if len(head) < 2 or head[0] & 0xF == 8:
            return None
        return self._take(head[1]).decode()

    def _take(self, count: int) -> bytes:
        got = b""
        while len(got) < count:
            try:
                more = self._tls.recv(count - len(got))
            except (ssl.SSLEOFError, ConnectionResetError):
                more = b""
            if not more:
                break
            got += more
        return got
