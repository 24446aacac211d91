"""Refuses messages that contain words from the operator's list."""

from typing import Annotated

import msgspec

from chatserver import Draft, Refusal, Settings, hookimpl
from chatserver_plugins.wordfilter.matcher import Matcher


class WordFilterPlugin:
    """Checks new and edited messages. The author does not learn which word was found."""

    class Config(Settings, frozen=True, kw_only=True):
        words: Annotated[
            tuple[Annotated[str, msgspec.Meta(min_length=1)], ...],
            msgspec.Meta(
                description="Words and phrases. Case and width do not matter. Words are found as a whole; "
                "in scripts without spaces, and with signs, anywhere."
            ),
        ] = ()
        reason: Annotated[
            str, msgspec.Meta(description="Text for the author of a refused message.")
        ] = "The message contains words that are not wanted here."

    def __init__(self, config: Config) -> None:
        self._matcher = Matcher(config.words)
        self._refusal = Refusal(config.reason)

    @hookimpl
    async def check_message(self, draft: Draft) -> Refusal | None:
        return self._refusal if self._matcher.finds(draft.body) else None
