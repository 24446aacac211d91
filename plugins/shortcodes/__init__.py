"""`:smile:` becomes 😄, except in code."""

from pathlib import Path
from typing import Annotated

import msgspec

from chatserver import (
    Context,
    Draft,
    Operation,
    PagePart,
    Powers,
    RoomChange,
    RoomCreate,
    Scope,
    Settings,
    User,
    hookimpl,
    translation,
)
from chatserver_plugins.shortcodes.replace import replace_outside_code
from chatserver_plugins.shortcodes.table import EMOJI

Name = Annotated[str, msgspec.Meta(pattern="^[a-z0-9_+-]{1,32}$")]
Emoji = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments."""


class ShortcodesPlugin:
    """Rewrites new and edited messages, and topics and descriptions of rooms, before they are checked and stored.

    The page offers all emoji where one chooses some.
    """

    class Config(Settings, frozen=True, kw_only=True):
        extra: Annotated[
            dict[Name, Emoji],
            msgspec.Meta(
                title="Further names",
                description="Further names, without colons, with the text that each stands for.",
            ),
            translation(
                "ja", "追加の名前", "追加する名前（コロンなし）と、それぞれが表す文字です。"
            ),
        ] = {}  # noqa: RUF012 - msgspec copies it

    powers = Powers()

    def __init__(self, config: Config) -> None:
        self._table = EMOJI | config.extra

    @hookimpl
    def change_message(self, draft: Draft) -> Draft | None:
        body = self._replaced(draft.body)
        return None if body == draft.body else msgspec.structs.replace(draft, body=body)

    @hookimpl(actions=(RoomCreate, RoomChange))
    def change_action(self, action: RoomCreate | RoomChange) -> RoomCreate | RoomChange | None:
        given = {"topic": action.topic, "description": action.description}
        texts = {field: self._replaced(text) for field, text in given.items() if text}
        changed = msgspec.structs.replace(action, **texts)
        return None if changed == action else changed

    @hookimpl
    def register_operations(self, context: Context) -> list[Operation]:
        return [
            Operation(name="shortcodes.list", arguments=Nothing, run=self._list, scope=Scope.READ)
        ]

    @hookimpl
    def register_page(self) -> PagePart:
        folder = Path(__file__).parent / "page"
        return PagePart(folder=folder, modules=("shortcodes.js",))

    async def _list(self, user: User, nothing: Nothing) -> object:
        return {"emoji": self._table}

    def _replaced(self, text: str) -> str:
        return replace_outside_code(text, self._table) if ":" in text else text
