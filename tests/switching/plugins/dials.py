"""A plugin with a setting of each kind, whose values it tells at /dials."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

import chatserver
from chatserver import hookimpl


class Plugin:
    class Config(chatserver.Settings, frozen=True, kw_only=True):
        word: Annotated[
            str,
            Meta(
                title="Word",
                description="A word.",
                max_length=20,
                extra={"ja": {"title": "言葉", "description": "一つの言葉。"}},
            ),
        ] = "one"
        count: Annotated[int, Meta(ge=1, le=9)] = 3
        pause_seconds: Annotated[float, Meta(gt=0)] = 1.5
        loud: bool = False
        mood: Literal["calm", "lively"] = "calm"
        words: Annotated[list[str], Meta(max_length=3)] = msgspec.field(default_factory=list)
        limit: int | None = None
        table: dict[str, int] = {}
        api_token: Annotated[str, Meta(description="Shown nowhere.")] = ""
        list_file: str = ""
        receiver: Annotated[str, Meta(extra={"operator": True})] = ""

        def __post_init__(self) -> None:
            if self.mood == "lively" and not self.loud:
                raise ValueError("mood: a lively one is loud")

    def __init__(self, config: "Plugin.Config") -> None:
        self.config = config

    @hookimpl
    def register_routes(self, context: chatserver.Context) -> list[chatserver.Route]:
        async def told(request: chatserver.Request) -> chatserver.Reply:
            return chatserver.Reply(body=msgspec.json.encode(self.config))

        return [chatserver.Route(path="/dials", get=told)]

    @hookimpl
    async def startup(self, context: chatserver.Context) -> None:
        if self.config.word == "never":
            raise ValueError("it does not start")
