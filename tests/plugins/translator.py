"""A translation service for tests: it speaks as LibreTranslate or DeepL does, and is as broken as a test wants it."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from tests.servers import free_port

_TAGS = re.compile("(<[^>]*>)")


def shouted(text: str) -> str:
    """What it takes for a translation: capitals, and the same elements."""
    parts = _TAGS.split(text)
    return "".join(part if place % 2 else part.upper() for place, part in enumerate(parts))


class Translator:
    """`asked` has the bodies of the requests, `headers` those of the last one."""

    def __init__(self) -> None:
        self.port = free_port()
        self.asked: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.headers: dict[str, str] = {}
        self.says: Callable[[str], str] = shouted
        self.source: str | None = "de"
        self.status, self.retry_after = 200, ""
        self.answer: bytes | None = None  # in place of a right one
        self.held = asyncio.Event()  # set: requests are answered
        self.held.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """It answers at its port."""
        server = HTTPServer(Application([("/.*", Handler, {"translator": self})]))
        server.add_sockets(bind_sockets(self.port, "127.0.0.1"))
        try:
            yield
        finally:
            self.held.set()
            server.stop()
            await server.close_all_connections()

    def right(self, path: str, asked: dict[str, Any]) -> object:
        """What the service answers if all is well."""
        if path == "/translate":
            texts = [self.says(text) for text in asked["q"]]
            if self.source is None:
                return {"translatedText": texts}
            found = [{"confidence": 90.0, "language": self.source} for _ in texts]
            return {"detectedLanguage": found, "translatedText": texts}
        if path == "/v2/translate":
            return {
                "translations": [
                    {
                        "detected_source_language": (self.source or "").upper(),
                        "text": self.says(text),
                    }
                    for text in asked["text"]
                ]
            }
        return [] if path == "/languages" else {"character_count": 1, "character_limit": 2}


class Handler(RequestHandler):
    def initialize(self, translator: Translator) -> None:
        self._translator = translator

    async def get(self) -> None:
        await self._answer({})

    async def post(self) -> None:
        asked = json.loads(self.request.body)
        self._translator.asked.append(asked)
        await self._answer(asked)

    async def _answer(self, asked: dict[str, Any]) -> None:
        translator = self._translator
        translator.paths.append(self.request.path)
        translator.headers = dict(self.request.headers)
        await translator.held.wait()
        self.set_status(translator.status)
        if translator.retry_after:
            self.set_header("Retry-After", translator.retry_after)
        if translator.answer is not None:
            self.write(translator.answer)
        else:
            self.set_header("Content-Type", "application/json")
            self.write(json.dumps(translator.right(self.request.path, asked)))
