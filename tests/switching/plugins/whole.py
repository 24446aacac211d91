"""A plugin with every kind of registration. Its setting `word` is seen in each of them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import msgspec

import chatserver
from chatserver import hookimpl

FOLDER = Path(__file__).parent / "whole_page"


class Nothing(msgspec.Struct):
    pass


class Note(msgspec.Struct):
    text: str


class Plugin:
    class Config(chatserver.Settings):
        word: Annotated[str, msgspec.Meta(description="Seen everywhere.", max_length=20)] = "one"
        fail: Annotated[str, msgspec.Meta(description="What fails.")] = ""
        api_token: Annotated[str, msgspec.Meta(description="Shown nowhere.")] = "usual secret"

    def __init__(self, config: "Plugin.Config") -> None:
        self.word, self.fail = config.word, config.fail
        self.seen: list[str] = []
        self.gate = asyncio.Event()
        self.slow = 0.0  # seconds for each event
        self.started = self.ended = False
        if self.fail == "made":
            raise ValueError("not made")

    @hookimpl
    async def startup(self, context: chatserver.Context) -> None:
        if self.fail == "start":
            raise ValueError("not started")
        self.context = context
        self.started = True
        context.measures.gauge("whole_word", "Length", lambda: len(self.word))
        self.checked = context.measures.counter("whole_checked_total", "Messages checked", ("by",))

    @hookimpl
    async def shutdown(self) -> None:
        if self.fail == "end":
            raise ValueError("not ended")
        self.ended = True

    @hookimpl
    async def check_message(self, draft: chatserver.Draft) -> chatserver.Refusal | None:
        assert self.started
        assert not self.ended
        self.checked.add(labels=(self.word,))
        self.seen.append(f"checked {draft.body}")
        if draft.body == "wait":
            await self.gate.wait()
        await asyncio.sleep(0)
        return chatserver.Refusal(self.word) if draft.body == self.word else None

    @hookimpl(actions=(chatserver.React,))
    async def check_action(self, action: chatserver.Action) -> chatserver.Refusal | None:
        return chatserver.Refusal(self.word)

    @hookimpl
    async def on_event(self, event: Any) -> None:
        await asyncio.sleep(self.slow)
        self.seen.append(event.type if hasattr(event, "type") else type(event).__name__)

    @hookimpl
    async def on_switch(self, change: chatserver.PluginSwitch) -> None:
        self.seen.append(f"{change.do} {change.plugin}")

    @hookimpl
    def register_routes(self, context: chatserver.Context) -> list[chatserver.Route]:
        async def word(request: chatserver.Request) -> chatserver.Reply:
            return chatserver.Reply(body=self.word.encode())

        return [chatserver.Route(path="/whole", get=word)]

    @hookimpl
    def register_operations(self) -> list[chatserver.Operation]:
        async def word(user: chatserver.User, arguments: object) -> object:
            return {"word": self.word}

        return [chatserver.Operation(name="whole.word", arguments=Nothing, run=word)]

    @hookimpl
    def register_health_checks(self) -> list[chatserver.HealthCheck]:
        async def check() -> dict[str, object]:
            return {"word": self.word}

        return [chatserver.HealthCheck("whole", check)]

    @hookimpl
    def register_page(self) -> chatserver.PagePart:
        return chatserver.PagePart(folder=FOLDER, modules=("whole.js",))

    @hookimpl
    def register_graphql(self) -> list[chatserver.GraphQLPart]:
        async def word(*given: object) -> str:
            return self.word

        return [
            chatserver.GraphQLPart(
                name="whole",
                sdl="extend type Query { whole: String! } type Whole { word: String! }",
                resolvers={"Query.whole": word},
            )
        ]

    @hookimpl
    def register_jobs(self) -> list[chatserver.Job]:
        async def run() -> None:
            self.seen.append("job")
            if self.fail == "job":
                await asyncio.Event().wait()
            if self.fail == "slow":
                await asyncio.sleep(0.5)
                self.seen.append("job done")

        return [chatserver.Job(name="whole.job", every=3600, run=run)]

    @hookimpl
    def register_timers(self) -> list[chatserver.Timer]:
        async def run(due: chatserver.Due) -> None:
            self.seen.append(f"timer {due.key}")

        return [chatserver.Timer(name="whole.timer", run=run)]

    @hookimpl
    def register_consumers(self) -> list[chatserver.Consumer]:
        async def handle(events: Any) -> None:
            self.seen += [f"consumed {event.seq}" for event in events]

        return [chatserver.Consumer(name="whole.consumer", handle=handle)]

    @hookimpl
    def register_commands(self) -> list[chatserver.Command]:
        async def run(invocation: Any) -> chatserver.CommandAnswer:
            return chatserver.CommandAnswer(text=self.word)

        return [chatserver.Command(name="whole", about="Says the word.", run=run)]

    @hookimpl
    def register_message_data(self) -> list[chatserver.MessageData]:
        return [chatserver.MessageData(name="whole", schema=Note, from_clients=True)]

    @hookimpl
    def register_event_kinds(self) -> list[chatserver.EventKind]:
        return [chatserver.EventKind(name="whole.noted", schema=Note)]

    @hookimpl
    def register_login_methods(self) -> list[chatserver.LoginMethod]:
        async def begin(flow: chatserver.LoginFlow) -> chatserver.LoginForm:
            return chatserver.LoginForm(text=self.word)

        async def proceed(flow: chatserver.LoginFlow, answer: object) -> chatserver.Refusal:
            return chatserver.Refusal(self.word)

        return [chatserver.LoginMethod(name="whole", label=self.word, begin=begin, proceed=proceed)]

    @hookimpl
    def register_personal_data(self) -> list[chatserver.PersonalData]:
        async def export(user: str) -> AsyncIterator[dict[str, str]]:
            yield {"word": self.word}

        async def erase(user: str) -> None:
            """Nothing is held."""

        return [chatserver.PersonalData(name="whole", title="Whole", export=export, erase=erase)]

    @hookimpl
    def register_token_kinds(self) -> list[chatserver.TokenKind]:
        async def find(token: str) -> chatserver.TokenHolder:
            user = token.removeprefix("whole_")
            return chatserver.TokenHolder(user=user, scopes=(chatserver.Scope.READ,))

        return [chatserver.TokenKind(prefix="whole_", find=find)]
