"""`:smile:` becomes 😄, except in code, and there are all emoji to choose from."""

import asyncio
from functools import cached_property
from pathlib import Path
from typing import Annotated

import msgspec

from chatserver import (
    Context,
    Draft,
    Emoji,
    EmojiAdd,
    Operation,
    PagePart,
    Powers,
    Refusal,
    RoomChange,
    RoomCreate,
    Scope,
    Settings,
    User,
    emoji_groups,
    emoji_names,
    hookimpl,
    translation,
)
from chatserver_plugins.shortcodes.replace import replace_outside_code

TAKEN = {
    "en": "This name stands for {} already: choose another one.",
    "ja": "この名前はすでに {} を表します。別の名前にしてください。",
}
Name = Annotated[str, msgspec.Meta(pattern="^[a-z0-9_+-]{1,32}$")]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments."""


class Reader(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who chooses: emoji are called by words of this language besides their names, where there are some."""

    language: Annotated[str, msgspec.Meta(max_length=35)] = ""


class ShortcodesPlugin:
    """Rewrites new and edited messages, and topics and descriptions of rooms, before they are checked and stored.

    The page offers all emoji where one chooses some.
    """

    class Config(Settings, frozen=True, kw_only=True):
        extra: Annotated[
            dict[Name, Text],
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
        self._extra = config.extra

    @cached_property
    def _table(self) -> dict[str, str]:
        """Names, with what they stand for. Made when it is first asked for, as to read them takes a start 20 ms."""
        return {**emoji_names(), **self._extra}

    @hookimpl(matching=r":[a-z0-9_+-]{1,64}:")
    def change_message(self, draft: Draft) -> Draft | None:
        body = self._replaced(draft.body)
        return None if body == draft.body else msgspec.structs.replace(draft, body=body)

    @hookimpl(actions=(RoomCreate, RoomChange))
    def change_action(self, action: RoomCreate | RoomChange) -> RoomCreate | RoomChange | None:
        given = {"topic": action.topic, "description": action.description}
        texts = {field: self._replaced(text) for field, text in given.items() if text}
        changed = msgspec.structs.replace(action, **texts)
        return None if changed == action else changed

    @hookimpl(actions=(EmojiAdd,))
    def check_action(self, action: EmojiAdd) -> Refusal | None:
        """A picture of a name that stands for an emoji would never be shown."""
        emoji = self._table.get(action.name)
        return (
            Refusal({language: text.format(emoji) for language, text in TAKEN.items()})
            if emoji
            else None
        )

    @hookimpl
    def register_operations(self, context: Context) -> list[Operation]:
        return [
            Operation(name="shortcodes.list", arguments=Nothing, run=self._list, scope=Scope.READ),
            Operation(
                name="shortcodes.groups", arguments=Reader, run=self._groups, scope=Scope.READ
            ),
        ]

    @hookimpl
    def register_page(self) -> PagePart:
        folder = Path(__file__).parent / "page"
        return PagePart(folder=folder, modules=("shortcodes.js",))

    async def _list(self, user: User, nothing: Nothing) -> object:
        return {"emoji": self._table}

    async def _groups(self, user: User, reader: Reader) -> object:
        groups = [
            {"group": group, "emoji": [_choice(emoji, reader.language) for emoji in all_of_it]}
            for group, all_of_it in (await asyncio.to_thread(emoji_groups)).items()
        ]
        return {"groups": groups, "extra": self._extra}

    def _replaced(self, text: str) -> str:
        return replace_outside_code(text, self._table) if ":" in text else text


def _choice(emoji: Emoji, language: str) -> dict[str, object]:
    """An emoji for one who reads this language; what it does not have is left out."""
    words = emoji.words.get(language)
    return {
        "text": emoji.text,
        "names": emoji.names,
        **({"words": words} if words else {}),
        **({"has_tones": True} if emoji.has_tones else {}),
    }
