"""`:smile:` becomes 😄, except in code."""

from typing import Annotated

import msgspec

from chatserver import Draft, Settings, hookimpl
from chatserver_plugins.shortcodes.replace import replace_outside_code
from chatserver_plugins.shortcodes.table import EMOJI

Name = Annotated[str, msgspec.Meta(pattern="^[a-z0-9_+-]{1,32}$")]
Emoji = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class ShortcodesPlugin:
    """Rewrites new and edited messages before they are checked and stored."""

    class Config(Settings, frozen=True, kw_only=True):
        extra: Annotated[
            dict[Name, Emoji],
            msgspec.Meta(
                description="Further names, without colons, with the text each stands for."
            ),
        ] = {}  # noqa: RUF012 - msgspec copies it

    def __init__(self, config: Config) -> None:
        self._table = EMOJI | config.extra

    @hookimpl
    async def change_message(self, draft: Draft) -> Draft | None:
        if ":" not in draft.body:
            return None
        body = replace_outside_code(draft.body, self._table)
        return None if body == draft.body else msgspec.structs.replace(draft, body=body)
