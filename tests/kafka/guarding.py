"""The broker's side of SASL PLAIN, for a broker that keeps no users.

https://kafka.apache.org/protocol.html#sasl_handshake
"""

import struct

SASL_HANDSHAKE, API_VERSIONS, SASL_AUTHENTICATE = 17, 18, 36
REFUSED = 58  # SASL_AUTHENTICATION_FAILED


class Guard:
    """Checks the requests of one connection, until it has shown the password."""

    def __init__(self, user: str, password: str) -> None:
        self._expected = [user.encode(), password.encode()]
        self.passed = False

    def answer(self, request: bytes) -> bytes | None:
        """The answer to a request that the broker shall not see; None passes it on. Raises `ConnectionError`."""
        key, version = struct.unpack(">hh", request[:4])
        if key == SASL_HANDSHAKE:
            return request[4:8] + struct.pack(">hi", 0, 1) + text(b"PLAIN")
        if key == SASL_AUTHENTICATE:
            return self._judge(request, version)
        if key != API_VERSIONS and not self.passed:
            raise ConnectionError
        return None

    def _judge(self, request: bytes, version: int) -> bytes:
        # RFC 4616: for whom, NUL, who, NUL, the password; as the last field of the request.
        self.passed = request.split(b"\0")[-2:] == self._expected
        lifetime = struct.pack(">q", 0) if version else b""
        error, why = (0, b"") if self.passed else (REFUSED, b"wrong name or password")
        return request[4:8] + struct.pack(">h", error) + text(why) + struct.pack(">i", 0) + lifetime


def text(value: bytes) -> bytes:
    return struct.pack(">h", len(value)) + value
