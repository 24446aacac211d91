"""Has a message translated for whoever wants to read it in another language, by a service of the operator's choice."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from chatserver import (
    Context,
    GraphQLPart,
    HealthCheck,
    Operation,
    PagePart,
    Powers,
    Route,
    hookimpl,
)
from chatserver_plugins.translation.config import TranslationConfig
from chatserver_plugins.translation.deepl import DeepL
from chatserver_plugins.translation.desk import Desk
from chatserver_plugins.translation.graphql import part
from chatserver_plugins.translation.libretranslate import LibreTranslate
from chatserver_plugins.translation.operations import operations
from chatserver_plugins.translation.provider import Provider
from chatserver_plugins.translation.routes import routes


class TranslationPlugin:
    """A text leaves the server only when a reader asks for its translation."""

    Config = TranslationConfig
    powers = Powers(network=("configured",), service=("messages.by_id", "rooms.get"))

    def __init__(self, config: TranslationConfig) -> None:
        self._config = config
        is_deepl = config.provider == "deepl"
        self._provider: Provider = DeepL(config) if is_deepl else LibreTranslate(config)
        self._deadline = 2 * config.timeout_seconds + 5  # a request may have to wait for others
        self._desk: Desk | None = None

    @hookimpl
    async def startup(self, context: Context) -> None:
        self._desk = Desk(context, self._config, self._provider)

    @hookimpl
    def register_routes(self) -> Sequence[Route]:
        return routes(self._opened, self._deadline)

    @hookimpl
    def register_operations(self) -> Sequence[Operation]:
        return operations(self._opened, self._deadline)

    @hookimpl
    def register_graphql(self) -> Sequence[GraphQLPart]:
        return [part(self._opened)]

    @hookimpl
    def register_health_checks(self) -> Sequence[HealthCheck]:
        return [HealthCheck("translation", self._health)]

    @hookimpl
    def register_page(self) -> PagePart:
        return PagePart(folder=Path(__file__).parent / "page", late_modules=("translation.js",))

    @hookimpl
    async def shutdown(self) -> None:
        if self._desk is not None:
            await self._desk.close()

    async def _health(self) -> Mapping[str, object]:
        return await self._opened().health()

    def _opened(self) -> Desk:
        assert self._desk is not None
        return self._desk
