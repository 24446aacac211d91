"""A push service with browsers: it checks who sends (RFC 8292), and its browsers decrypt what comes (RFC 8291)."""

import asyncio
import base64
import json
import os
import ssl
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from tests.servers import free_port


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Browser:
    """A subscription of a browser, with the notices that reached it."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._key, self._auth = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
        self.got: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.tried = 0
        self.statuses: list[int] = []  # of the next answers; then 201
        self.hangs = False  # its requests are never answered, nor taken
        self.retry_after = ""

    def take_keys(self, private: str, auth: str) -> None:
        """Take these keys instead of own ones."""
        value = int.from_bytes(unb64(private), "big")
        self._key, self._auth = ec.derive_private_key(value, ec.SECP256R1()), unb64(auth)

    @property
    def _point(self) -> bytes:
        public = self._key.public_key()
        return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def subscription(self, **more: object) -> dict[str, Any]:
        keys = {"p256dh": b64(self._point), "auth": b64(self._auth)}
        return {"endpoint": self.endpoint, "keys": keys, **more}

    def bodies(self) -> list[str]:
        return [each["body"] for each in self.got]

    def decrypted(self, body: bytes) -> bytes:
        salt, size, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        point, record = body[21 : 21 + length], body[21 + length :]
        assert len(record) <= size
        sender = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        shared = self._key.exchange(ec.ECDH(), sender)
        info = b"WebPush: info\x00" + self._point + point
        secret = HKDF(SHA256(), 32, self._auth, info).derive(shared)
        key = HKDF(SHA256(), 16, salt, b"Content-Encoding: aes128gcm\x00").derive(secret)
        nonce = HKDF(SHA256(), 12, salt, b"Content-Encoding: nonce\x00").derive(secret)
        text = AESGCM(key).decrypt(nonce, record, None)
        assert text[-1:] == b"\x02"
        return text[:-1]


class PushService:
    """`key` is that of the server whose pushes it takes, once a browser has subscribed with it."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls, self.port = tls, free_port()
        self.origin = f"https://127.0.0.1:{self.port}"
        self.key = ""
        self.contact: str | None = None
        self.browsers: dict[str, Browser] = {}
        self._server: HTTPServer | None = None
        self._stopped = asyncio.Event()

    def browser(self) -> Browser:
        path = f"/push/{len(self.browsers)}"
        self.browsers[path] = browser = Browser(self.origin + path)
        return browser

    def start(self) -> None:
        self._stopped.clear()
        pages = Application([("/.*", Handler, {"service": self})])
        self._server = HTTPServer(pages, ssl_options=self._tls)
        self._server.add_sockets(bind_sockets(self.port, "127.0.0.1"))

    async def stop(self) -> None:
        if self._server is not None:
            self._stopped.set()
            self._server.stop()
            await self._server.close_all_connections()
            self._server = None

    async def take(self, handler: RequestHandler) -> None:
        request = handler.request
        assert request.path is not None
        browser = self.browsers[request.path]
        browser.tried += 1
        if browser.hangs:
            await self._stopped.wait()
            return
        self._check_sender(request.headers["Authorization"])
        assert request.headers["Content-Encoding"] == "aes128gcm"
        assert int(request.headers["TTL"]) > 0 and len(request.headers["Topic"]) == 32
        text = browser.decrypted(request.body)
        status = browser.statuses.pop(0) if browser.statuses else 201
        handler.set_status(status)
        if status == 201:
            browser.got.append(json.loads(text))
            browser.headers.append(dict(request.headers))
        elif browser.retry_after:
            handler.set_header("Retry-After", browser.retry_after)

    def _check_sender(self, authorization: str) -> None:
        scheme, _, fields = authorization.partition(" ")
        assert scheme == "vapid"
        given = dict(each.strip().split("=", 1) for each in fields.split(","))
        assert given["k"] == self.key
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unb64(given["k"]))
        claims = jwt.decode(given["t"], key, algorithms=["ES256"], audience=self.origin)
        assert time.time() < claims["exp"] < time.time() + 24 * 3600
        self.contact = claims.get("sub")


class Handler(RequestHandler):
    def initialize(self, service: PushService) -> None:
        self._service = service

    async def post(self) -> None:
        await self._service.take(self)
