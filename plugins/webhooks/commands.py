"""Commands that other systems answer, and the buttons that they put below their answers."""

import time
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from loguru import logger
from msgspec import Meta

from chatserver import (
    Button,
    ChatError,
    Command,
    CommandAnswer,
    Context,
    Interaction,
    InteractionReply,
    Invocation,
    MessageData,
    Parts,
    Rest,
    Room,
    User,
    from_mrkdwn,
    time_text,
)
from chatserver_plugins.webhooks.bots import Bots
from chatserver_plugins.webhooks.config import CommandHook
from chatserver_plugins.webhooks.posting import Poster

DATA = "webhooks"  # the namespace of messages with buttons
AT_ONCE = 20  # calls of one command on their way; others wait
OF_ONE = 3  # of one user, so that a system that hangs is not used up by a few
SPARE_SECONDS = 1.0  # the deadline of a call comes after that of the request
BUTTONS = 25
FAILED = {
    "en": "The system behind this command has not answered. Try again later.",
    "ja": "このコマンドを処理するシステムから応答がありません。しばらくしてからもう一度お試しください。",
}
UNREADABLE = {
    "en": "The system behind this command has answered something that cannot be shown.",
    "ja": "このコマンドを処理するシステムの応答は、表示できないものでした。",
}


class Typed(msgspec.Struct, frozen=True):
    """What stands behind the command's name."""

    text: Rest = ""


class OfCommand(msgspec.Struct, frozen=True):
    """The data of a message with buttons: the command that it answers."""

    command: str


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the other system answers. `response_type` is Slack's word for `to`; with it the text has Slack's marks."""

    text: str = ""
    to: Literal["user", "room"] = "user"
    response_type: Literal["ephemeral", "in_channel"] | None = None
    buttons: Annotated[tuple[Button, ...], Meta(max_length=BUTTONS)] | None = None

    @property
    def is_for_all(self) -> bool:
        return self.to == "room" or self.response_type == "in_channel"

    @property
    def shown(self) -> str:
        """The text in our marks."""
        return from_mrkdwn(self.text, lambda user: user) if self.response_type else self.text


_decode = msgspec.json.Decoder(Answer).decode
_encode = msgspec.json.encode


class Commands:
    """The configured commands, whose buttons are told apart by what the server keeps with their messages."""

    def __init__(self, hooks: Mapping[str, CommandHook], context: Context, bots: Bots) -> None:
        """Raises `StartupError` for a `ca_file` that cannot be used."""
        self._hooks = {
            name: CommandOfHook(name, hook, context, bots) for name, hook in hooks.items()
        }

    @property
    def all(self) -> list[Command]:
        return [hook.command for hook in self._hooks.values()]

    async def interact(self, use: Interaction) -> InteractionReply:
        """A button was pressed. Raises `ChatError` plugin.failed, plugin.absent for a command that is gone."""
        hook = self._hooks.get(use.context)
        if hook is None:
            raise ChatError("plugin.absent")
        return await hook.press(use)

    def close(self) -> None:
        for hook in self._hooks.values():
            hook.close()


class CommandOfHook:
    """One command of another system."""

    def __init__(self, name: str, config: CommandHook, context: Context, bots: Bots) -> None:
        self._name, self._config, self._bots = name, config, bots
        self._service, self._messages = context.service, context.messages
        self._poster = Poster(
            f"commands.{name}",
            config,
            context.version,
            seconds=config.timeout_seconds,
            at_once=AT_ONCE,
        )
        self._under_way: Counter[str] = Counter()  # by user
        self.command = Command(
            name=name,
            about=config.about,
            arguments=Typed,
            run=self.run,
            deadline=config.timeout_seconds + SPARE_SECONDS,
        )

    async def run(self, call: Invocation[Typed]) -> CommandAnswer | None:
        """Raises `ChatError` plugin.failed, limit.rate, and what posting a message raises."""
        id = f"{call.user.id}-{call.client_id}"
        answer = await self._ask(id, "command", call.user, call.room, {"text": call.arguments.text})
        if not answer.text.strip():
            return None
        if not answer.is_for_all:
            return CommandAnswer(answer.shown)
        by = await self._bots.user(f"command-{self._name}", self._config.name)
        await self._bots.enter(by, call.room)
        parts = _parts(answer.buttons or ())
        await self._messages.post(
            by,
            call.room,
            answer.shown,
            data={DATA: OfCommand(self._name)} if parts else None,
            parts=parts,
            context=self._name if parts else None,
            client_id=id[-128:],
        )
        return None

    async def press(self, use: Interaction) -> InteractionReply:
        """Raises `ChatError` plugin.failed, limit.rate."""
        room = await self._service.rooms.get(use.message.room, use.user)
        told = {"button": use.part, "message": use.message.id}
        id = f"{use.message.id}-{use.user.id}-{time.time_ns()}"
        answer = await self._ask(id, "button", use.user, room, told)
        new = answer.buttons

        def change(data: Mapping[str, Any]) -> Mapping[str, Any]:
            return {"parts": _parts(new or ())}

        return InteractionReply(
            note=answer.shown.strip() or None, change=None if new is None else change
        )

    def close(self) -> None:
        self._poster.close()

    async def _ask(
        self, id: str, kind: str, user: User, room: Room, told: Mapping[str, str]
    ) -> Answer:
        description = room.description
        body = {
            "type": kind,
            "timestamp": time_text(time.time()),
            "command": self._name,
            "user": {"id": user.id, "username": user.username, "name": user.name},
            "room": {"id": room.id, "name": description and description.name},
            **told,
        }
        if self._under_way[user.id] >= OF_ONE:
            raise ChatError("limit.rate", after_ms=1000)
        self._under_way[user.id] += 1
        try:
            given = await self._poster.post(id, _encode(body))
        except ChatError as error:
            logger.warning("webhooks: command {}: {}", self._name, error.text)
            raise _failed(FAILED) from error
        finally:
            self._under_way[user.id] -= 1
            self._under_way += Counter()  # without those who wait for nothing
        try:
            return _decode(given) if given else Answer()
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            logger.warning("webhooks: command {}: answer: {}", self._name, error)
            raise _failed(UNREADABLE) from error


def _failed(texts: Mapping[str, str]) -> ChatError:
    return ChatError("plugin.failed", texts["en"], detail={"texts": texts})


def message_data(commands: "Commands") -> MessageData:
    return MessageData(name=DATA, schema=OfCommand, interact=commands.interact)


def _parts(buttons: tuple[Button, ...]) -> Parts | None:
    return Parts(of=DATA, items=buttons) if buttons else None
