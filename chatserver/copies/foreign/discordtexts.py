"""Texts and times of Discord as ours, for all forms in which it gives them."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

from chatserver.formatting import emoji
from chatserver.formatting.marks import outside_code

_RAW = re.compile(r"<(@[!&]?|#)(\d+)>|<a?(:\w+:)\d+>")
_UNDERLINED = re.compile(r"(?<![\w_])__(?=\S)([^_\n]+?)(?<=\S)__(?![\w_])")
_ALL = re.compile(r"@everyone\b")


def marked(
    text: str,
    mention: Callable[[str], str],
    room: Callable[[str], str],
    change: Callable[[str], str] = str,
) -> str:
    """A text in our Markdown.

    `mention` and `room` return the text that stands for the user or the channel of an id. `change` is applied first, to
    all that is not code.
    """

    def raw(match: re.Match[str]) -> str:
        sign, id, picture = match.groups()
        if picture:
            return str(picture)
        if sign == "#":
            return f"#{room(id)}"
        return "@role" if sign == "@&" else mention(id)

    def part(text: str) -> str:
        text = _ALL.sub("@room", _RAW.sub(raw, change(text)))
        return emoji.replaced(_UNDERLINED.sub(r"*\1*", text))

    return outside_code(text, part)


def ms(at: str) -> int:
    """Milliseconds of a time, which is in UTC if it names no zone; 0 for what is none."""
    try:
        found = datetime.fromisoformat(at)
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        return max(int(found.timestamp() * 1000), 0)
    except ValueError:
        return 0
