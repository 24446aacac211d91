"""A small server with the interface of HashiCorp Vault's transit engine: keys with versions, a token, errors."""

import base64
import os
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

TOKEN = "hvs.of-a-test"


class Engine:
    """Listens on loopback. `keys` has the versions of each key, by its name."""

    def __init__(self, *names: str) -> None:
        self.keys = {name: [os.urandom(32)] for name in names}
        self.asked: list[str] = []
        self.answer: tuple[int, bytes] | None = None  # instead of what it should say
        listener, self.port = bind_unused_port()
        self._server = HTTPServer(
            Application([(r"/v1/transit/(encrypt|decrypt)/([^/]+)", _Handler, {"engine": self})])
        )
        self._server.add_sockets([listener])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def stop(self) -> None:
        self._server.stop()
        await self._server.close_all_connections()


class _Handler(RequestHandler):
    def initialize(self, engine: Engine) -> None:
        self._engine = engine

    def post(self, do: str, name: str) -> None:
        engine = self._engine
        engine.asked.append(do)
        if engine.answer is not None:
            code, body = engine.answer
            self.set_status(code)
            self.finish(body)
            return
        if self.request.headers.get("X-Vault-Token") != TOKEN or name not in engine.keys:
            self._refuse(403, "permission denied")
            return
        given = msgspec.json.decode(self.request.body)
        versions = engine.keys[name]
        if do == "encrypt":
            nonce, text = os.urandom(12), base64.b64decode(given["plaintext"])
            data = nonce + AESGCM(versions[-1]).encrypt(nonce, text, None)
            found = f"vault:v{len(versions)}:{base64.b64encode(data).decode()}"
            self._answer({"ciphertext": found, "key_version": len(versions)})
            return
        _, version, text = given["ciphertext"].split(":")
        raw = base64.b64decode(text)
        try:
            data = AESGCM(versions[int(version[1:]) - 1]).decrypt(raw[:12], raw[12:], None)
        except InvalidTag:
            self._refuse(400, "cipher: message authentication failed")
            return
        self._answer({"plaintext": base64.b64encode(data).decode()})

    def _answer(self, data: dict[str, Any]) -> None:
        self.finish({"request_id": "x", "data": data})

    def _refuse(self, code: int, error: str) -> None:
        self.set_status(code)
        self.finish({"errors": [error]})
