"""A plugin with everything that users can call of one. A test sets `fault`: which, and how it goes wrong."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec

import chatserver


class Nothing(msgspec.Struct, frozen=True):
    """No arguments."""


class Text(msgspec.Struct, frozen=True):
    text: chatserver.Rest = ""


class Plugin:
    def __init__(self, config: chatserver.Settings) -> None:
        self.fault = ("", "")

    async def meet(self, name: str, answer: Any) -> Any:
        called, how = self.fault
        if called != name:
            return answer
        match how:
            case "raise":
                raise RuntimeError("broken on purpose")
            case "exit":
                raise SystemExit(1)
            case "hang":
                await asyncio.Event().wait()
        return 42  # of a wrong type

    @chatserver.hookimpl
    def register_routes(self) -> list[chatserver.Route]:
        return [chatserver.Route(path="/callbacks", get=self._route)]

    async def _route(self, request: chatserver.Request) -> Any:
        return await self.meet("register_routes", chatserver.Reply(body=b"{}"))

    @chatserver.hookimpl
    def register_operations(self) -> list[chatserver.Operation]:
        return [chatserver.Operation(name="callbacks.go", arguments=Nothing, run=self._operation)]

    async def _operation(self, user: chatserver.User, arguments: Nothing) -> Any:
        return await self.meet("register_operations", {})

    @chatserver.hookimpl
    def register_commands(self) -> list[chatserver.Command]:
        return [
            chatserver.Command(
                name="go", about="Goes.", arguments=Text, run=self._command, complete=self._complete
            )
        ]

    async def _command(self, invocation: chatserver.Invocation[Text]) -> Any:
        return await self.meet("register_commands", None)

    async def _complete(self, completion: chatserver.Completion) -> Any:
        return await self.meet("complete_command", None)

    @chatserver.hookimpl
    def register_message_data(self, context: chatserver.Context) -> list[chatserver.MessageData]:
        self.messages = context.messages
        return [chatserver.MessageData(name="callbacks", schema=str, interact=self._interact)]

    async def _interact(self, interaction: chatserver.Interaction) -> Any:
        return await self.meet("register_message_data", None)

    @chatserver.hookimpl
    def register_login_methods(self) -> list[chatserver.LoginMethod]:
        return [
            chatserver.LoginMethod(
                name="callbacks",
                label="Callbacks",
                begin=self._begin,
                proceed=self._proceed,
                purposes=("sign_in",),
                deadline=0.5,
            )
        ]

    async def _begin(self, flow: chatserver.LoginFlow) -> Any:
        field = chatserver.LoginField(name="code", label="Code")
        return await self.meet("register_login_methods", chatserver.LoginForm(fields=(field,)))

    async def _proceed(self, flow: chatserver.LoginFlow, answer: Any) -> Any:
        return chatserver.Refusal("no")

    @chatserver.hookimpl
    def register_personal_data(self) -> list[chatserver.PersonalData]:
        async def export(user: str) -> AsyncIterator[Any]:
            yield await self.meet("register_personal_data", {"user": user})

        async def erase(user: str) -> None:
            """Nothing is held."""

        return [
            chatserver.PersonalData(name="callbacks", title="Callbacks", export=export, erase=erase)
        ]

    @chatserver.hookimpl
    def register_token_kinds(self) -> list[chatserver.TokenKind]:
        return [chatserver.TokenKind(prefix="callbacks_", find=self._find)]

    async def _find(self, token: str) -> Any:
        user = token.removeprefix("callbacks_")
        holder = chatserver.TokenHolder(user=user, scopes=(chatserver.Scope.READ,))
        return await self.meet("register_token_kinds", holder)
