"""DeepL's API, https://developers.deepl.com: `POST /v2/translate`, `GET /v2/usage`."""

import asyncio
from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec

from chatserver_plugins.translation.asking import Service
from chatserver_plugins.translation.config import TranslationConfig
from chatserver_plugins.translation.provider import Translated, Unavailable, language_of

TEXTS = 50  # of one request


class _Text(msgspec.Struct):
    text: str
    detected_source_language: str | None = None


class _Answer(msgspec.Struct):
    translations: list[_Text]


class DeepL:
    name = "DeepL"

    def __init__(self, config: TranslationConfig) -> None:
        """Raises `StartupError`."""
        self._service = Service(config, {"Authorization": f"DeepL-Auth-Key {config.key}"})

    async def translate(
        self, texts: Sequence[str], language: str, *, is_markup: bool
    ) -> Translated:
        parts = [texts[start : start + TEXTS] for start in range(0, len(texts), TEXTS)]
        answers = await asyncio.gather(*(self._some(part, language, is_markup) for part in parts))
        found = list(chain.from_iterable(answers))
        languages = [each.detected_source_language for each in found]
        return Translated([each.text for each in found], language_of(texts, languages))

    async def _some(self, texts: Sequence[str], language: str, is_markup: bool) -> list[_Text]:
        asked: dict[str, Any] = {"text": list(texts), "target_lang": language.upper()}
        if is_markup:
            asked["tag_handling"] = "html"
        answer = await self._service.post("/v2/translate", asked, _Answer)
        if len(answer.translations) != len(texts):
            raise Unavailable("answers with another number of texts")
        return answer.translations

    async def ping(self) -> None:
        await self._service.get("/v2/usage", dict[str, Any])

    def close(self) -> None:
        self._service.close()
