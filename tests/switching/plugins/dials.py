"""A plugin with a setting of each kind, whose values it tells at /dials."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

import chatserver
from chatserver import hookimpl


class Post(chatserver.Settings, frozen=True, kw_only=True):
    """One of some tables, with a secret, an address that hides some of itself, and what is the operator's alone."""

    uri: Annotated[str, Meta(title="Address", max_length=100)]
    secret: Annotated[str, Meta(min_length=8)]
    tags: list[str] = msgspec.field(default_factory=list)
    per_minute: Annotated[float, Meta(gt=0)] = 60.0
    networks: Annotated[list[str], Meta(extra={"operator": True})] = msgspec.field(
        default_factory=list
    )
    ca_file: str = ""

    def __post_init__(self) -> None:
        if not self.uri.startswith("https://"):
            raise ValueError("uri: expected https://…")
        if "odd" in self.tags and len(self.tags) % 2 == 0:
            raise ValueError("that is even")


class Door(chatserver.Settings, frozen=True, kw_only=True):
    path_file: str
    label: str = ""
    keys: dict[chatserver.TableName, Post] = {}


class Plugin:
    class Config(chatserver.Settings, frozen=True, kw_only=True):
        word: Annotated[
            str,
            Meta(title="Word", description="A word.", max_length=20),
            chatserver.translation("ja", "言葉", "一つの言葉。"),
        ] = "one"
        count: Annotated[int, Meta(ge=1, le=9)] = 3
        pause_seconds: Annotated[float, Meta(gt=0)] = 1.5
        loud: bool = False
        mood: Literal["calm", "lively"] = "calm"
        words: Annotated[list[str], Meta(max_length=3)] = msgspec.field(default_factory=list)
        limit: int | None = None
        table: dict[str, list[int]] = {}
        signs: dict[
            Annotated[str, Meta(pattern="^[a-z]{1,4}$")], Annotated[str, Meta(min_length=1)]
        ] = {}
        posts: dict[chatserver.TableName, Post] = {}
        doors: dict[chatserver.TableName, Door] = {}
        api_token: Annotated[str, Meta(description="Shown nowhere.")] = ""
        list_file: str = ""
        receiver: Annotated[str, Meta(extra={"operator": True})] = ""

        def __post_init__(self) -> None:
            if self.mood == "lively" and not self.loud:
                raise ValueError("mood: a lively one is loud")
            if len(self.posts) > 3:
                raise ValueError("posts: at most 3")

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
