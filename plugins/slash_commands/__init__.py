"""The commands that people know from other chats: `/help`, `/invite`, `/leave`, `/me`, `/shrug`, `/topic`."""

from collections.abc import Sequence

import msgspec

import chatserver
from chatserver import Command, CommandAnswer, CommandView, Invocation, NoArguments, Rest

GROUPS = (chatserver.RoomKind.PUBLIC, chatserver.RoomKind.PRIVATE)
WRITE_SECONDS = (
    10.0  # for commands that write: while the store is slow, `delivery.append_seconds` pass
)
SHRUG = "¯\\_(ツ)_/¯"


class Named(msgspec.Struct, frozen=True):
    """The name of a command."""

    command: str | None = None


class Invited(msgspec.Struct, frozen=True):
    user: chatserver.User


class Text(msgspec.Struct, frozen=True):
    text: Rest


class OptionalText(msgspec.Struct, frozen=True):
    text: Rest = ""


class SlashCommandsPlugin:
    """Six commands. Each calls the service as its user, so rights and plugins decide as for any other client."""

    powers = chatserver.Powers(
        service=("commands.available", "rooms.change", "rooms.invite", "rooms.leave")
    )

    def __init__(self, config: chatserver.Settings) -> None:
        pass

    @chatserver.hookimpl
    def register_commands(self, context: chatserver.Context) -> Sequence[Command]:
        self._service = context.service
        return [
            Command(
                name="help",
                about={
                    "en": "List the commands of this room, or explain one.",
                    "ja": "このルームで使えるコマンドの一覧、または説明を表示します。",
                },
                arguments=Named,
                run=self._help,
                complete=self._names,
            ),
            Command(
                name="invite",
                about={"en": "Invite somebody to this room.", "ja": "このルームに人を招待します。"},
                arguments=Invited,
                rooms=GROUPS,
                run=self._invite,
                deadline=WRITE_SECONDS,
            ),
            Command(
                name="leave",
                about={"en": "Leave this room.", "ja": "このルームから退出します。"},
                rooms=GROUPS,
                run=self._leave,
                deadline=WRITE_SECONDS,
            ),
            Command(
                name="me",
                about={"en": "Say what you are doing.", "ja": "自分の様子を伝えます。"},
                arguments=Text,
                run=self._me,
            ),
            Command(
                name="shrug",
                about={
                    "en": "Send a shrug, behind a text if you like.",
                    "ja": "肩をすくめる顔文字を送ります。前に文章を付けられます。",
                },
                arguments=OptionalText,
                run=self._shrug,
            ),
            Command(
                name="topic",
                about={
                    "en": "Change the topic of this room.",
                    "ja": "このルームのトピックを変更します。",
                },
                arguments=Text,
                who=chatserver.RoomRole.ADMIN,
                rooms=GROUPS,
                run=self._topic,
                deadline=WRITE_SECONDS,
            ),
        ]

    async def _help(self, invocation: Invocation[Named]) -> CommandAnswer:
        found = self._service.commands.available(invocation.user, invocation.room)
        wanted = (invocation.arguments.command or "").removeprefix("/").casefold()
        shown = [each for each in found if not wanted or each.name == wanted]
        if not shown:
            raise chatserver.ChatError("command.unknown", f"There is no command /{wanted} here.")
        return CommandAnswer("\n".join(map(_line, shown)))

    async def _names(self, completion: chatserver.Completion) -> list[chatserver.Suggestion]:
        found = self._service.commands.available(completion.user, completion.room)
        typed = completion.value.removeprefix("/").casefold()
        return [
            chatserver.Suggestion(each.name, each.about)
            for each in found
            if each.name.startswith(typed)
        ]

    async def _invite(self, invocation: Invocation[Invited]) -> CommandAnswer:
        room, invited = invocation.room, invocation.arguments.user
        was_there = room.role(invited.id) is not None
        await self._service.rooms.invite(invocation.user, room, invited.id)
        end = "is in this room already." if was_there else "is in this room now."
        return CommandAnswer(f"{invited.name} {end}")

    async def _leave(self, invocation: Invocation[NoArguments]) -> None:
        await self._service.rooms.leave(invocation.user, invocation.room)

    async def _me(self, invocation: Invocation[Text]) -> CommandAnswer:
        text = f"* {invocation.user.name} {invocation.arguments.text}"
        return CommandAnswer(text, to="room")

    async def _shrug(self, invocation: Invocation[OptionalText]) -> CommandAnswer:
        return CommandAnswer(f"{invocation.arguments.text} {SHRUG}".lstrip(), to="room")

    async def _topic(self, invocation: Invocation[Text]) -> None:
        topic = invocation.arguments.text
        await self._service.rooms.change(invocation.user, invocation.room, None, topic)


def _line(command: CommandView) -> str:
    return f"{command.usage}: {chatserver.in_language(command.about)}"
