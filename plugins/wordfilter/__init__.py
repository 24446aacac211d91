"""Refuses messages, and names that everybody sees, that contain words from the operator's list."""

from typing import Annotated

import click
import msgspec

from chatserver import (
    DetailsChange,
    Draft,
    Powers,
    Refusal,
    Register,
    RoomChange,
    RoomCreate,
    RunInServer,
    Settings,
    hookimpl,
    translation,
)
from chatserver_plugins.wordfilter.command import try_command
from chatserver_plugins.wordfilter.matcher import Matcher


class WordFilterPlugin:
    """Checks new and edited messages, names, topics and descriptions of rooms, profiles, and names of new accounts.

    The author does not learn which word was found.
    """

    class Config(Settings, frozen=True, kw_only=True):
        words: Annotated[
            tuple[Annotated[str, msgspec.Meta(min_length=1)], ...],
            msgspec.Meta(
                title="Words",
                description="Words and phrases. Case and width do not matter. Words are found as a whole; "
                "in scripts without spaces, and with signs, anywhere.",
            ),
            translation(
                "ja",
                "言葉",
                "言葉と語句です。大文字と小文字、全角と半角は区別しません。単語として一致したときに"
                "見つかります。分かち書きしない文字と記号は、どこにあっても見つかります。",
            ),
        ] = ()
        reason: Annotated[
            str,
            msgspec.Meta(
                title="Reason",
                description="Text for the author of what was refused.",
            ),
            translation("ja", "理由", "拒否された人に表示する文章です。"),
        ] = "This contains words that are not wanted here."

    powers = Powers()

    def __init__(self, config: Config) -> None:
        self._matcher = Matcher(config.words)
        self._refusal = Refusal(config.reason)

    @hookimpl
    def check_message(self, draft: Draft) -> Refusal | None:
        return self._judged(draft.body)

    @hookimpl(actions=(Register, DetailsChange, RoomCreate, RoomChange))
    def check_action(
        self, action: Register | DetailsChange | RoomCreate | RoomChange
    ) -> Refusal | None:
        texts: list[str | None]
        match action:
            case Register():
                texts = [action.username, action.name]
            case DetailsChange():
                texts = [action.title, action.pronouns, action.about]
            case _:
                texts = [action.name, action.topic, action.description]
        return self._judged(*(text for text in texts if text))

    @hookimpl
    def register_cli(self, run: RunInServer) -> click.Command:
        return try_command(self._matcher)

    def _judged(self, *texts: str) -> Refusal | None:
        return self._refusal if any(map(self._matcher.finds, texts)) else None
