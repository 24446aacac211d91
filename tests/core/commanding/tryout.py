"""Commands of every kind, some of them broken, and a note of what ran."""

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

import chatserver
from chatserver import Command, CommandAnswer, Invocation


class Size(StrEnum):
    SMALL = "small"
    LARGE = "large"


class Everything(msgspec.Struct, frozen=True, kw_only=True):
    word: Annotated[str, Meta(max_length=10)]
    count: Annotated[int, Meta(ge=1, le=9)]
    share: float
    loud: bool
    tea: Literal["green", "black"]
    size: Size
    user: chatserver.User
    room: chatserver.Room
    text: chatserver.Rest = "nothing"


class Optional(msgspec.Struct, frozen=True):
    count: int | None = None
    user: chatserver.User | None = None

    def __post_init__(self) -> None:
        if self.count == 13:
            raise ValueError("Not 13, please.")


class Text(msgspec.Struct, frozen=True):
    text: chatserver.Rest


class Maybe(msgspec.Struct, frozen=True):
    text: chatserver.Rest = ""


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        self.ran: list[Invocation[Any]] = []
        self.go_on = asyncio.Event()

    @chatserver.hookimpl
    def register_commands(self, context: chatserver.Context) -> Sequence[Command]:
        made = [
            ("everything", self.tell, {"arguments": Everything}),
            ("optional", self.tell, {"arguments": Optional, "complete": self.suggest}),
            ("say", self.say, {"arguments": Text}),
            ("quiet", self.quiet, {}),
            ("wait", self.wait, {"deadline": 10.0}),
            ("admins", self.quiet, {"who": chatserver.RoomRole.ADMIN}),
            ("owners", self.quiet, {"who": chatserver.RoomRole.OWNER}),
            ("staff", self.quiet, {"who": chatserver.ServerRole.ADMIN}),
            ("anybody", self.quiet, {"who": chatserver.ServerRole.GUEST}),
            ("public", self.quiet, {"rooms": (chatserver.RoomKind.PUBLIC,)}),
            ("hang", self.hang, {"arguments": Maybe, "complete": self.hang}),
            ("raise", self.raise_, {"arguments": Maybe, "complete": self.raise_}),
            ("refuse", self.refuse, {}),
            ("garbage", self.garbage, {"arguments": Maybe, "complete": self.garbage}),
            ("blank", self.blank, {}),
            ("surrogate", self.surrogate, {}),
            ("long", self.long, {}),
        ]
        return [
            Command(name=name, about=f"Tries {name} out.", run=run, **more)  # type: ignore[arg-type]
            for name, run, more in made
        ]

    async def tell(self, invocation: Invocation[Any]) -> CommandAnswer:
        self.ran.append(invocation)
        given = msgspec.structs.asdict(invocation.arguments)
        shown = {name: getattr(value, "id", value) for name, value in given.items()}
        return CommandAnswer(repr(shown))

    async def say(self, invocation: Invocation[Text]) -> CommandAnswer:
        self.ran.append(invocation)
        return CommandAnswer(invocation.arguments.text, to="room")

    async def quiet(self, invocation: Invocation[Any]) -> None:
        self.ran.append(invocation)

    async def wait(self, invocation: Invocation[Any]) -> CommandAnswer:
        self.ran.append(invocation)
        await self.go_on.wait()
        return CommandAnswer("Done.")

    async def hang(self, given: Any) -> None:
        await asyncio.Event().wait()

    async def raise_(self, given: Any) -> None:
        raise RuntimeError("broken on purpose")

    async def refuse(self, invocation: Invocation[Any]) -> None:
        raise chatserver.ChatError("command.invalid", "Not on Sundays.")

    async def garbage(self, given: Any) -> Any:
        return "text"

    async def blank(self, invocation: Invocation[Any]) -> CommandAnswer:
        return CommandAnswer(" \n")

    async def surrogate(self, invocation: Invocation[Any]) -> CommandAnswer:
        return CommandAnswer("\ud800")

    async def long(self, invocation: Invocation[Any]) -> CommandAnswer:
        return CommandAnswer("x" * 100_000)

    async def suggest(
        self, completion: chatserver.Completion
    ) -> Sequence[chatserver.Suggestion] | None:
        if completion.argument == "user":
            return None
        found = [f"{completion.value}{number} of" for number in range(99)]
        return [chatserver.Suggestion(value, "x" * 999) for value in (*found[:1], "", *found[1:])]
