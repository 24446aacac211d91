"""LibreTranslate, https://github.com/LibreTranslate/LibreTranslate: `POST /translate`, `GET /languages`."""

from collections.abc import Sequence
from typing import Any

import msgspec

from chatserver_plugins.translation.asking import Service
from chatserver_plugins.translation.config import TranslationConfig
from chatserver_plugins.translation.provider import Translated, Unavailable, language_of


class _Detected(msgspec.Struct):
    language: str


class _Answer(msgspec.Struct, rename="camel"):
    translated_text: list[str]
    detected_language: list[_Detected] = []


class LibreTranslate:
    name = "LibreTranslate"

    def __init__(self, config: TranslationConfig) -> None:
        """Raises `StartupError`."""
        self._service = Service(config, {})
        self._key = {"api_key": config.key} if config.key else {}

    async def translate(
        self, texts: Sequence[str], language: str, *, is_markup: bool
    ) -> Translated:
        asked = {
            "q": list(texts),
            "source": "auto",
            "target": language,
            "format": "html" if is_markup else "text",
        }
        answer = await self._service.post("/translate", asked | self._key, _Answer)
        if len(answer.translated_text) != len(texts):
            raise Unavailable("answers with another number of texts")
        languages = [each.language for each in answer.detected_language]
        return Translated(answer.translated_text, language_of(texts, languages))

    async def ping(self) -> None:
        await self._service.get("/languages", list[Any])

    def close(self) -> None:
        self._service.close()
