"""What the marks of several chats have in common: code, in which nothing counts, mentions of user names, emoji."""

import re
from collections.abc import Callable

from chatserver.copies.foreign import emoji
from chatserver.copies.foreign.people import People

_CODE = re.compile(r"(```.*?(?:```|\Z)|``[^`\n]+``|`[^`\n]+`)", re.DOTALL)
_MENTION = re.compile(r"(?<![\w@.-])@([\w](?:[\w.-]{0,62}[\w])?)")
_PICTURE = re.compile(r"!(\[[^\]\n]*\]\()")
_BOLD = re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]*[^\s*])\*(?![\w*])")
_STRUCK = re.compile(r"(?<![\w~])~(?=[^\s~])([^~\n]*[^\s~])~(?![\w~])")
_EVERYBODY = {"all": "@room", "channel": "@room", "everyone": "@room", "here": "@here"}


def outside_code(text: str, change: Callable[[str], str], code: Callable[[str], str] = str) -> str:
    """The text with all that is not code changed by one function, and code by another."""
    parts = _CODE.split(text)
    return "".join(code(part) if number % 2 else change(part) for number, part in enumerate(parts))


def single_marks(text: str) -> str:
    """`*bold*` and `~struck~` of chats that write so, as ours; a text without code."""
    return _STRUCK.sub(r"~~\1~~", _BOLD.sub(r"**\1**", text))


def named_marks(text: str, people: People) -> str:
    """Mentions by the user names of the source, emoji by name, and pictures as links; a text without code."""

    def mentioned(match: re.Match[str]) -> str:
        name = match[1].casefold()
        return _EVERYBODY.get(name) or f"@{people.ours(name) or match[1]}"

    return emoji.replaced(_PICTURE.sub(r"\1", _MENTION.sub(mentioned, text)))
