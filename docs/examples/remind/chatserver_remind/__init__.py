"""Reminders: `/remind me in 2 hours to water the plants`."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from chatserver import (
    Command,
    CommandAnswer,
    Completion,
    Context,
    Invocation,
    NoArguments,
    Powers,
    Settings,
    Suggestion,
    Timer,
    hookimpl,
)
from chatserver_remind.arguments import Forget, Remind, Snooze, shown
from chatserver_remind.book import TIMER, Book, Waiting


class Plugin:
    """Four commands, and the timer that posts what they set."""

    class Config(Settings, frozen=True, kw_only=True):
        per_user: Annotated[int, Meta(description="Most reminders of one user.", ge=1, le=100)] = 50
        longest_days: Annotated[
            int, Meta(description="Most days ahead for which a reminder is taken.", ge=1)
        ] = 366

    powers = Powers(
        service=("accounts.bot", "accounts.get", "messages.post", "rooms.create", "rooms.get")
    )

    def __init__(self, config: Config) -> None:
        self._config = config

    @hookimpl
    def register_timers(self, context: Context) -> list[Timer]:
        self._book = Book(context, self._config.per_user, self._config.longest_days * 86400)
        return [Timer(name=TIMER, run=self._book.post)]

    @hookimpl
    def register_commands(self, context: Context) -> list[Command]:
        return [
            Command(
                name="remind",
                about="Be reminded of something, or remind this room.",
                arguments=Remind,
                run=self._remind,
            ),
            Command(name="reminders", about="List your reminders.", run=self._list),
            Command(
                name="forget",
                about="Cancel a reminder.",
                arguments=Forget,
                run=self._forget,
                complete=self._suggest,
            ),
            Command(
                name="snooze",
                about="Be reminded once more of what came in the past hour.",
                arguments=Snooze,
                run=self._snooze,
            ),
        ]

    async def _remind(self, call: Invocation[Remind]) -> CommandAnswer:
        given = call.arguments
        room = call.room.id if given.whom == "here" else ""
        made = await self._book.add(call.user.id, call.client_id, room, given.text, given.seconds)
        return CommandAnswer(f"In {shown(given.seconds)}: {made.text}")

    async def _list(self, call: Invocation[NoArguments]) -> CommandAnswer:
        rows = await self._book.list(call.user.id)
        if not rows:
            return CommandAnswer("You have no reminders.")
        return CommandAnswer("\n".join(f"{row.id} in {_about(row)}" for row in rows))

    async def _forget(self, call: Invocation[Forget]) -> CommandAnswer:
        if await self._book.cancel(call.user.id, call.arguments.id):
            return CommandAnswer("Forgotten.")
        return CommandAnswer("You have no such reminder. /reminders lists yours.")

    async def _suggest(self, typed: Completion) -> Sequence[Suggestion]:
        rows = await self._book.list(typed.user.id)
        return [
            Suggestion(row.id, about=f"in {_about(row)}")
            for row in rows
            if row.id.startswith(typed.value)
        ]

    async def _snooze(self, call: Invocation[Snooze]) -> CommandAnswer:
        last = await self._book.last(call.user.id)
        if last is None:
            return CommandAnswer("No reminder came in the past hour.")
        seconds = call.arguments.seconds
        await self._book.add(call.user.id, call.client_id, last.room, last.text, seconds)
        return CommandAnswer(f"In {shown(seconds)} once more: {last.text}")


def _about(row: Waiting) -> str:
    return f"{shown(row.seconds)}: {row.text}"
